"""The properties that a pull asks for, while the portal may change under it.

HubSpot leaves out of an answer a property that it does not know, without a word, or refuses the call for it; one that is only empty
comes as null, as a rule. An empty value and an unknown one must not be taken for each other: the first clears what is stored, the
second says nothing of it. So what a whole answer lacks is looked up in the definitions, once per pull.

    "fields"   in the cursor: what was shown; one that is gone from there is told once
    "gone"     in the cursor: what was told; when it is back, a sweep is due, as its values come back without a stamp
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Notice
from crmsync_hubspot.catalogue import Catalogue, fits_query, fits_search

Row = Mapping[str, Any]

_log = structlog.get_logger("crmsync.hubspot")
_UNKNOWN = "PROPERTY_DOESNT_EXIST"


class Asked:
    """The properties of one pull: `own` are asked for whatever the definitions say, `wanted` as far as they know them."""

    def __init__(
        self, catalogue: Catalogue, object: str, wanted: Iterable[str], own: Sequence[str], cursor: Mapping[str, Any] | None
    ) -> None:
        self._catalogue = catalogue
        self._object = object
        self._wanted = tuple(dict.fromkeys(wanted))
        self._own = tuple(own)
        self._refused: set[str] = set()
        self._is_fresh = False
        self._before = set((cursor or {}).get("fields") or ())
        self._gone = set((cursor or {}).get("gone") or ())
        self.shown = self._found()
        self.has_returned = bool(self._gone & set(self.shown))
        # Settled once for the pull: whether an answer held all fields must not depend on what vanished since it was asked for.
        self.fits_query, self.fits_search = fits_query(self.names), fits_search(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """What to ask for, each once."""
        return tuple(dict.fromkeys((*self.shown, *(name for name in self._own if name not in self._refused))))

    def whole(self, rows: Sequence[Row]) -> list[Row]:
        """The rows with all that was asked for: null where HubSpot left an empty value out. Looks up what no row has."""
        there = {name for row in rows for name in row.get("properties") or ()}
        if rows and not self._is_fresh and not there.issuperset(self.shown):
            self._look()
        empty = dict.fromkeys((*self.shown, *self._catalogue.fields(self._object, self._own)))
        return [{**row, "properties": {**empty, **(row.get("properties") or {})}} for row in rows]

    def drop(self, error: CallRejected) -> bool:
        """Ask no more for the property that a call was refused for; False where the refusal is of another kind."""
        words = f"{error.vendor_code} {error.message}"
        if error.status != 400 or not (_UNKNOWN in words or "does not exist" in words or "doesn't exist" in words):
            return False
        before = self.names
        self._refused |= {name for name in before if name in words}
        self._look()
        return self.names != before

    def notices(self, connection: str) -> tuple[Notice, ...]:
        """What is no longer shown, each once."""
        vanished = (self._before & set(self._wanted)) - set(self.shown)
        self._before = set(self.shown)
        self._gone = (self._gone | vanished) - set(self.shown)
        if not vanished:
            return ()
        params = {"connection": connection, "object": self._object, "fields": ", ".join(sorted(vanished))}
        _log.warning("fields_vanished", **params)
        return (Notice("connect.fields_vanished", params),)

    def beside(self, cursor: Mapping[str, Any]) -> dict[str, Any]:
        """A cursor that remembers what was shown and what is gone."""
        gone = {"gone": sorted(self._gone)} if self._gone else {}
        return {**cursor, "fields": sorted(self.shown)} | gone

    def _look(self) -> None:
        self._is_fresh = True
        self._catalogue.refresh(self._object)
        self.shown = self._found()

    def _found(self) -> tuple[str, ...]:
        return tuple(name for name in self._catalogue.fields(self._object, self._wanted) if name not in self._refused)
