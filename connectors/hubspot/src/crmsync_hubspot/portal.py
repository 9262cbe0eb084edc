"""The direct calls: one method per request of the hot paths, over the connection's ApiClient. Rows come back as HubSpot's own
dicts; no cursor, no decision lives here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from crmsync.connect.answers import json_or_none
from crmsync.connect.calls import Call, CallRejected
from crmsync.connect.client import ApiClient
from crmsync.connect.paging import LoopGuard, walk
from crmsync.errors import RetryLater, StopConnector
from crmsync_hubspot.faults import TOO_MUCH_WORK, fault_of, row_faults
from crmsync_hubspot.objects import ASSOCIATION_TYPES
from crmsync_hubspot.paths import Paths
from crmsync_hubspot.records import associated_ids, next_after
from crmsync_hubspot.rules import ELSEWHERE
from crmsync_hubspot.usage import Allowance

BATCH = 100  # inputs per batch call of the object API; 101 are a 400
LIST_LIMIT = 100
ASSOCIATION_READ = 1000
ASSOCIATION_WRITE = 2000
SUBMISSIONS_LIMIT = 50
EVENTS_LIMIT = 100
FORMS_LIMIT = 500
LISTS_COUNT = 500
CAMPAIGNS_LIMIT = 100
MEMBERS_LIMIT = 250
STATIC_LISTS = frozenset({"MANUAL", "SNAPSHOT"})
LISTS_REACH = 10_000  # the search of lists refuses an offset from here on

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Answer:
    """A batch call's answer, refused ones too: the caller reads the errors row by row. `text` is that of a refusal."""

    status: int
    body: Any
    text: str

    @property
    def rows(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.body.get("results") or ()) if isinstance(self.body, Mapping) and self.status < 300 else ()


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Portal:
    """One HubSpot account."""

    def __init__(self, client: ApiClient, paths: Paths, allowance: Allowance) -> None:
        self.client = client
        self.paths = paths
        self._allowance = allowance
        self._is_there = False

    def now(self) -> datetime:
        """HubSpot's clock, from the Date of a fresh, tiny answer: a window frozen on an old one would end too early. The answer
        tells the account's time zone as well."""
        answer = self._answer(Call("GET", self.paths.of("account"), is_lenient=True))
        self._allowance.learn(answer.body)
        return self.client.server_time()

    def meet(self) -> None:
        """Learn the account's time zone, once: its midnight ends the daily limit, and must be known before that is reached."""
        if not self._allowance.is_known:
            self.now()

    def check_address(self) -> None:
        """After an answer of `ELSEWHERE` for a whole object: every account has contacts and details of its own. Where neither is
        found, this is not HubSpot, or not at this version: raises StopConnector."""
        if self._is_there:
            return
        one = Call("GET", self.paths.records("contacts"), params={"limit": "1"}, is_lenient=True)
        details = Call("GET", self.paths.of("account"), is_lenient=True)
        if all(self._answer(call).status in ELSEWHERE for call in (one, details)):
            url, version = self.client.base_urls["api"], self.paths.version
            raise StopConnector("connect.base_url_wrong", connection=self.client.name, url=url, version=version)
        self._is_there = True

    def list_page(self, object: str, properties: Sequence[str], after: str | None, *, archived: bool = False) -> Mapping[str, Any]:
        """One page of everything (or of the recycle bin), by id."""
        params: dict[str, str] = {"limit": str(LIST_LIMIT), "archived": "true" if archived else "false"}
        if properties:
            params["properties"] = ",".join(properties)
        if after:
            params["after"] = after
        return self._listed(Call("GET", self.paths.records(object), params=params))

    def search(self, object: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One page of a search; counted in HubSpot's own, narrow search bucket."""
        return self._listed(Call("POST", self.paths.records(object, "/search"), json=body, lane="search", repeatable=True))

    def batch_read(
        self,
        object: str,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        id_property: str | None = None,
        archived: bool = False,
    ) -> dict[str, Mapping[str, Any]]:
        """Rows by id (or by the value of a unique property), those that are there, or in the recycle bin with `archived`. Merged
        ids are in neither."""
        found: dict[str, Mapping[str, Any]] = {}
        body = {"properties": list(properties), "propertiesWithHistory": []} | ({"idProperty": id_property} if id_property else {})
        for part in chunks(tuple(dict.fromkeys(ids)), BATCH):
            for row in self._read(object, part, body, "true" if archived else "false"):
                value = (row.get("properties") or {}).get(id_property) if id_property else row.get("id")
                found[str(value)] = row
        return found

    def _read(self, object: str, ids: Sequence[str], body: Mapping[str, Any], archived: str) -> tuple[Mapping[str, Any], ...]:
        asked = {**body, "inputs": [{"id": id_} for id_ in ids]}
        url = self.paths.records(object, f"/batch/read?archived={archived}")
        call = Call("POST", url, json=asked, repeatable=True, is_lenient=True)
        try:
            answer = self._answer(call)
        except RetryLater as error:
            if error.params.get("status") not in TOO_MUCH_WORK or len(ids) == 1:
                raise
            half = len(ids) // 2
            return self._read(object, ids[:half], body, archived) + self._read(object, ids[half:], body, archived)
        if answer.status == 404:
            # Missing ids come in a 207. A portal that has none of them may say so as a whole: it is asked once more to be sure.
            answer = self._answer(call)
        if answer.status >= 300 and answer.status != 404:
            raise rejected(self.client.name, call, answer)
        if answer.status != 404:
            check_listed(self.client, call, answer.body)
        self._check_rows(call, answer.body)
        return answer.rows

    def _check_rows(self, call: Call, body: Any) -> None:
        """Raises RetryLater for an answer of which a part could not be given just now: rows left out for that are not missing."""
        for fault in row_faults(body):
            if fault.rule.outcome == "retry":
                raise _unanswered(self.client, call, 207, fault.code, fault.message)

    def get(self, object: str, id_: str, properties: Sequence[str]) -> Mapping[str, Any] | None:
        """One record, merged ids followed (the row then has another id); None where there is none."""
        params = {"properties": ",".join(properties)} if properties else None
        answer = self._answer(Call("GET", self.paths.records(object, f"/{id_}"), params=params, is_lenient=True))
        return answer.body if answer.status == 200 and isinstance(answer.body, Mapping) else None

    def associations(self, object: str, target: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Record id → ids of `target`, all of them: each record pages on its own. Records with none are absent."""
        found: dict[str, list[str]] = {}
        waiting: list[dict[str, str]] = [{"id": id_} for id_ in dict.fromkeys(ids)]
        guard = LoopGuard(self.client.name, f"{object}/{target}")
        while waiting:
            part, waiting = waiting[:ASSOCIATION_READ], waiting[ASSOCIATION_READ:]
            for one in part:
                guard.check((one["id"], one.get("after")))
            call = Call("POST", self.paths.associations(object, target, "/read"), json={"inputs": part}, repeatable=True)
            answer = self._listed(call)
            self._check_rows(call, answer)
            for row in answer.get("results") or ():
                id_ = str(row["from"]["id"])
                found[id_] = list(dict.fromkeys([*found.get(id_, ()), *associated_ids(row)]))
                after = next_after(row)
                if after:
                    waiting.append({"id": id_, "after": after})
        return found

    def associate(self, object: str, target: str, pairs: Sequence[tuple[str, str]]) -> Answer:
        """Link records with HubSpot's own unlabelled type. Linking what is linked changes nothing."""
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": ASSOCIATION_TYPES[object, target]}
        inputs = [{"from": {"id": one}, "to": {"id": other}, "types": [kind]} for one, other in pairs]
        path = self.paths.associations(object, target, "/create")
        return self._answer(Call("POST", path, json={"inputs": inputs}, repeatable=True, is_lenient=True))

    def write(self, object: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> Answer:
        """batch/update or batch/upsert: both give the same result however often they arrive."""
        path = self.paths.records(object, f"/batch/{verb}")
        return self._answer(Call("POST", path, json={"inputs": list(inputs)}, repeatable=True, is_lenient=True))

    def create(self, object: str, body: Mapping[str, Any]) -> Answer:
        """One new record. HubSpot has no idempotency key: a lost answer raises AnswerLost, and nothing is sent again."""
        return self._answer(Call("POST", self.paths.records(object), json=body, repeatable=False, is_lenient=True))

    def forms(self) -> Iterator[Mapping[str, Any]]:
        """All forms of every type; without `formTypes` only those of type "hubspot" would come."""
        yield from self._pages("forms", self.paths.of("forms"), {"limit": str(FORMS_LIMIT), "formTypes": "all"})

    def submissions(self, form_id: str) -> Iterator[Mapping[str, Any]]:
        """Answers of one form's submissions, newest first. Raises CallRejected for kinds of forms that have none."""
        path = self.paths.of("submissions", form_id)
        yield from self._answers(form_id, path, {"limit": str(SUBMISSIONS_LIMIT)})

    def events(self, event_type: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """Event occurrences of contacts. Raises CallRejected (403) where the portal's plan has none."""
        asked = {"objectType": "contact", "eventType": event_type, "limit": str(EVENTS_LIMIT)} | dict(params)
        yield from self._pages("events", self.paths.of("events"), asked)

    def campaigns(self, properties: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """All marketing campaigns. Raises CallRejected (403) where the plan or the scopes have none."""
        asked = {"limit": str(CAMPAIGNS_LIMIT), "properties": ",".join(properties)}
        yield from self._pages("campaigns", self.paths.of("campaigns"), asked)

    def visits(self, first: date, last: date) -> Mapping[str, Any]:
        """Day → how many came from where, one row for each source. Raises CallRejected: 403 where the plan or the scopes have no
        analytics; 413 or 501 for more days than one answer may tell of."""
        return self._json(self.visits_call(first, last))

    def visits_call(self, first: date, last: date) -> Call:
        asked = {"start": f"{first:%Y%m%d}", "end": f"{last:%Y%m%d}"}
        return Call("GET", self.paths.of("visits"), params=asked, is_lenient=False)

    def today(self, now: datetime) -> date:
        """The day that it is in the account's time zone; in UTC where the account tells none."""
        self.meet()
        return now.astimezone(self._allowance.zone or UTC).date()

    def lists(self) -> Iterator[Mapping[str, Any]]:
        """Lists (segments), the first 10,000 of them: their search reaches no further."""
        offset: int | None = 0
        guard = LoopGuard(self.client.name, "lists")
        while offset is not None and offset < LISTS_REACH:
            guard.check(offset)
            body = {"listIds": [], "processingTypes": [], "offset": offset, "count": LISTS_COUNT}
            call = Call("POST", self.paths.of("lists") + "/search", json=body, repeatable=True)
            answer = self._listed(call, "lists")
            yield from answer["lists"]
            offset = int(answer.get("offset") or offset + LISTS_COUNT) if answer.get("hasMore") else None

    def members(self, list_id: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Who is on a list, page by page."""
        path = f"{self.paths.of('lists')}/{list_id}/memberships"
        for answer in self._answers(f"list {list_id}", path, {"limit": str(MEMBERS_LIMIT)}):
            yield answer.get("results") or ()

    def enrol(self, list_id: str, add: Sequence[str], remove: Sequence[str]) -> Answer:
        """Put records on a list and take others off. A lost answer raises AnswerLost: a second one would not say who was new."""
        body = {"recordIdsToAdd": list(add), "recordIdsToRemove": list(remove)}
        path = f"{self.paths.of('lists')}/{list_id}/memberships/add-and-remove"
        return self._answer(Call("PUT", path, json=body, repeatable=False, is_lenient=True))

    def takes_by_hand(self, list_id: str) -> bool:
        """Whether a list takes members by hand; one that cannot be looked at is taken for one that does."""
        answer = self._answer(Call("GET", f"{self.paths.of('lists')}/{list_id}", is_lenient=True))
        row = answer.body.get("list") if isinstance(answer.body, Mapping) else None
        kind = row.get("processingType") if isinstance(row, Mapping) else None
        return kind is None or kind in STATIC_LISTS

    def create_list(self, name: str, type_id: str) -> None:
        """A static list. Raises CallRejected where the name is taken, or the credentials may not."""
        body = {"name": name, "objectTypeId": type_id, "processingType": "MANUAL"}
        self._json(Call("POST", self.paths.of("lists"), json=body, repeatable=False))

    def probe(self, call: Call) -> Answer:
        """Send one cheap call to learn whether it is allowed."""
        return self._answer(call)

    def _pages(self, what: str, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        for answer in self._answers(what, path, params):
            yield from answer.get("results") or ()

    def _answers(self, what: str, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        def fetch(after: str) -> Mapping[str, Any]:
            return self._listed(Call("GET", path, params={**params, "after": after} if after else dict(params)))

        yield from walk(fetch, "", next_after, LoopGuard(self.client.name, what))

    def _listed(self, call: Call, key: str = "results") -> Mapping[str, Any]:
        """The answer to a call that lists things. Raises RetryLater for one without a list."""
        answer = self._json(call)
        check_listed(self.client, call, answer, key)
        return answer

    def _json(self, call: Call) -> Mapping[str, Any]:
        answer = self.client.send_json(call)
        return answer if isinstance(answer, Mapping) else {}

    def _answer(self, call: Call) -> Answer:
        response, body = self.client.exchange(call)
        if response.is_success:
            return Answer(response.status_code, body, "")
        return Answer(response.status_code, json_or_none(response), response.text)


def check_listed(client: ApiClient, call: Call, body: Any, key: str = "results") -> None:
    """Raises RetryLater for an answer without the list that was asked for: it tells nothing, least of all that there is nothing."""
    if not (isinstance(body, Mapping) and isinstance(body.get(key), list)):
        raise _unanswered(client, call, 200, "NO_RESULTS", "")


def _unanswered(client: ApiClient, call: Call, status: int, code: str, message: str) -> RetryLater:
    asked: dict[str, Any] = {"connection": client.name, "method": call.method, "path": call.path, "status": status}
    after_seconds = client.policy.longest_seconds
    return RetryLater("connect.retry", after_seconds=after_seconds, **asked, vendor_code=code, message=message)


def rejected(connection: str, call: Call, answer: Answer) -> CallRejected:
    """The error for a refused call that nobody made sense of."""
    fault = fault_of(answer.status, answer.body, answer.text)
    return CallRejected(
        "connect.rejected",
        connection=connection,
        method=call.method,
        path=call.path,
        status=answer.status,
        vendor_code=fault.code,
        message=fault.message,
    )
