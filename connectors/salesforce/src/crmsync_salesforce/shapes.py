"""Describing objects, through simple-salesforce, and remembering what was described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from simple_salesforce.exceptions import SalesforceError

from crmsync.connect.calls import shown
from crmsync_salesforce.answers import errors_of
from crmsync_salesforce.api import Api
from crmsync_salesforce.schema import Shape, read_describe

_FRESH = timedelta(days=1)


class Shapes:
    """The shapes of one org as last described."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, tuple[Shape, datetime]] = {}

    def describe(self, objects: Iterable[str]) -> Mapping[str, Shape]:
        """Ask the org anew for each object. One that is hidden from the credentials comes back unreadable, with why."""
        return {name: self.again(name) for name in objects}

    def get(self, object: str) -> Shape:
        """As described within the last day, so that a worker that runs for weeks sees new fields and new permissions."""
        known = self._known.get(object)
        if known is None or self._api.client.server_time() - known[1] > _FRESH:
            return self.again(object)
        return known[0]

    def calculated(self, object: str) -> frozenset[str]:
        """The formulas of an object, as far as it has been described; nothing is asked."""
        known = self._known.get(object)
        return known[0].calculated if known else frozenset()

    def again(self, object: str) -> Shape:
        """Describe one object now. Raises RetryLater for a refusal that is not Salesforce's own, and for an answer that tells of no
        field: they say nothing of the object."""
        try:
            described = getattr(self._api.simple, object).describe()
        except SalesforceError as error:
            shape = Shape(object, why_not=self._reason(object, error))
        except ValueError:  # no body
            raise self._api.unanswered(_path(object), "EMPTY_ANSWER") from None
        else:
            if not (isinstance(described, Mapping) and described.get("fields")):
                raise self._api.unanswered(_path(object), "EMPTY_ANSWER")
            shape = read_describe({"name": object, **described})
        self._known[object] = shape, self._api.client.server_time()
        return shape

    def _reason(self, object: str, error: SalesforceError) -> str:
        found = errors_of(error.content)
        if found:
            return shown(f"{found[0].code} {found[0].message}")
        raise self._api.unanswered(_path(object), str(error.status)) from error


def _path(object: str) -> str:
    return f"sobjects/{object}/describe"
