"""The live shape of the portal: what each object has, and what we may not read, asked cheaply and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from crmsync.connect.calls import Call, CallRejected
from crmsync.model.records import ObjectSchema
from crmsync_hubspot.faults import why_refused
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.portal import Portal, rejected
from crmsync_hubspot.rules import ELSEWHERE, NOT_HERE
from crmsync_hubspot.schema import fixed_schema, property_schema, unreadable
from crmsync_hubspot.vendor import VendorClient

# Long property lists in a URL end in 414; the trouble starts near 8 KB, others keep to 2,000 characters (dlt).
LONGEST_QUERY = 1800
# Whether a search body counts to the 3,000 characters of a query is contested: stay below.
LONGEST_SEARCH = 2000


class Catalogue:
    """Schemas by object, read once for the life of the connector and again by `refresh`."""

    def __init__(self, portal: Portal, vendor: VendorClient) -> None:
        self._portal = portal
        self._vendor = vendor
        self._schemas: dict[str, ObjectSchema] = {}

    def schema(self, object: str) -> ObjectSchema:
        """The schema as last read, or read now. Raises KeyError for an object that is not in the table."""
        return self._schemas.get(object) or self.refresh(object)

    def readable(self, object: str) -> bool:
        """Whether the object can be read; one that was refused is asked for again: scopes are granted while we run."""
        return self.schema(object).readable or self.refresh(object).readable

    def refresh(self, object: str, *, probing: bool = False) -> ObjectSchema:
        """Read the schema anew. A feature that is refused is not an error: its object is unreadable. With `probing` the
        permission to read the records is tried as well; a pull finds out by itself."""
        facts = OBJECTS[object]
        # Whether a portal has events is told per contact only, by the first that is read; without them contacts tell the views.
        refusal = self._refusal("contacts" if facts.kind == "events" else object) if probing else None
        if refusal is not None:
            return self.refuse(object, refusal)
        found = self._properties(object, facts.related) if facts.is_crm else fixed_schema(object)
        if found.readable:
            self._schemas[object] = found
            return found
        return self.refuse(object, found.why_not)

    def refuse(self, object: str, why: str) -> ObjectSchema:
        """Remember that an object cannot be read after all."""
        self._schemas[object] = unreadable(object, why)
        return self._schemas[object]

    def fields(self, object: str, wanted: Iterable[str]) -> tuple[str, ...]:
        """Those of the wanted fields that the portal has, as properties to ask for."""
        known = self.schema(object).fields
        return tuple(dict.fromkeys(name for name in wanted if name in known and not name.startswith("associations.")))

    def _properties(self, object: str, related: Iterable[str]) -> ObjectSchema:
        try:
            return property_schema(object, self._vendor.properties(object), related)
        except CallRejected as error:
            if error.status in ELSEWHERE:
                self._portal.check_address()
            if error.status not in NOT_HERE:
                raise
            return unreadable(object, why_refused(error))

    def _refusal(self, object: str) -> str | None:
        """Why the object cannot be read; None where it can."""
        call = self._probe(object)
        answer = self._portal.probe(call)
        if answer.status in ELSEWHERE:
            self._portal.check_address()
        return why_refused(rejected(self._portal.client.name, call, answer)) if answer.status in NOT_HERE else None

    def _probe(self, object: str) -> Call:
        """The cheapest call that needs the same permission as reading the object."""
        paths = self._portal.paths
        one = {"limit": "1"}
        direct: Mapping[str, Callable[[], Call]] = {
            "owners": lambda: Call("GET", paths.of("owners"), params=one, is_lenient=True),
            "pipelines": lambda: Call("GET", paths.of("pipelines", "deals"), is_lenient=True),
            "forms": lambda: Call("GET", paths.of("forms"), params=one, is_lenient=True),
            "form_submissions": lambda: Call("GET", paths.of("forms"), params=one, is_lenient=True),
            "campaigns": lambda: Call("GET", paths.of("campaigns"), params=one, is_lenient=True),
            "visits": self._one_day,
            "lists": lambda: Call("POST", paths.of("lists") + "/search", json=_NO_LISTS, repeatable=True, is_lenient=True),
        }
        make = direct.get(object)
        return make() if make else Call("GET", paths.records(object), params=one, is_lenient=True)

    def _one_day(self) -> Call:
        day = self._portal.today(self._portal.client.server_time_or_none() or self._portal.now())
        return replace(self._portal.visits_call(day, day), is_lenient=True)


_NO_LISTS = {"listIds": [], "processingTypes": [], "offset": 0, "count": 1}


def fits_query(properties: Iterable[str]) -> bool:
    """Whether a property list may travel in a URL; each comma becomes three characters there."""
    return sum(len(name) + 3 for name in properties) <= LONGEST_QUERY


def fits_search(properties: Iterable[str]) -> bool:
    """Whether a property list may travel in a search body."""
    return sum(len(name) + 3 for name in properties) <= LONGEST_SEARCH
