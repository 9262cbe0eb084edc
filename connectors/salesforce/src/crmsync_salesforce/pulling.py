"""Pulling one object: what changed, and now and then what changes do not tell.

A stamp moves neither with a formula's value nor with a permission, and a record that has left the recycle bin leaves no trace.
So beside its window (`window`) a cursor keeps

    "kept": {"fields": […],        what was selected last: what vanished is told, what is new is fetched for every record
             "swept_at": instant,  when every record was last seen
             "owes": […]}          why every record is to be looked at once more; stays until that is done
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from crmsync.connect.calls import CallRejected
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import Notice, Page, PullRequest, unread
from crmsync.connect.paging import behind
from crmsync_salesforce.facts import COLLECTION_SIZE, HISTORY, NEVER_DELETED, RECYCLE_BIN
from crmsync_salesforce.reading import Reader
from crmsync_salesforce.rows import tombstone
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.shapes import Shapes
from crmsync_salesforce.times import parse_instant, soql_instant
from crmsync_salesforce.walks import Walk

_log = structlog.get_logger("crmsync.salesforce")

# Why every record is looked at: the first two need all fields, the others only ids.
FORMULAS, FIELDS, GAP, UNTRACED = "formulas", "fields", "gap", "untraced"
_WHOLE = frozenset({FORMULAS, FIELDS})
_UNTRACED_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a cursor keeps beside its window. `fields` None: not known, before the first page."""

    fields: tuple[str, ...] | None = None
    swept_at: datetime | None = None
    owes: frozenset[str] = frozenset()

    def beside(self, window: Mapping[str, Any]) -> dict[str, Any]:
        """A whole cursor."""
        swept_at = soql_instant(self.swept_at) if self.swept_at else None
        return {**window, "kept": {"fields": list(self.fields or ()), "swept_at": swept_at, "owes": sorted(self.owes)}}


def kept_of(cursor: Mapping[str, Any] | None) -> Kept:
    """What a cursor keeps."""
    kept = (cursor or {}).get("kept")
    if not kept:
        return Kept()
    return Kept(tuple(kept["fields"]), parse_instant(kept["swept_at"]), frozenset(kept["owes"]))


class Puller:
    """Pulls from one org."""

    def __init__(self, client: ApiClient, shapes: Shapes, reader: Reader, *, formula_refresh: timedelta | None) -> None:
        """`formula_refresh` is how old a formula's value may be; None: as old as its record's last change."""
        self._client = client
        self._shapes = shapes
        self._reader = reader
        self._formula_refresh = formula_refresh

    def pull(self, request: PullRequest) -> Iterator[Page]:
        """The pages of one window, then those of a sweep where one is due. An object that is hidden from us yields one empty
        page that leaves the cursor alone and says so; it is asked for anew each time."""
        shape = self._shapes.get(request.object)
        if not shape.readable:
            shape = self._shapes.again(request.object)
        if not shape.readable:
            yield self._hidden(shape, request.cursor)
            return
        walk, kept = self._reader.walk_of(shape, request.fields, request.now), kept_of(request.cursor)
        before, told = set(kept.fields or ()) & set(request.fields), set[str]()
        for page, walked in self._window(walk, request):
            if walked is None:
                yield page
                return
            walk, end = walked, page.cursor
            vanished = before - set(walk.fields) - told
            told |= vanished
            kept = self._moved(kept, walk, request.cursor)
            notices = self._notices(request.object, vanished)
            yield replace(page, cursor=kept.beside(end), notices=notices, fields=walk.fields)
        if kept.owes:
            yield from self._sweep(request, walk, kept, end)

    def _window(self, walk: Walk, request: PullRequest) -> Iterator[tuple[Page, Walk | None]]:
        """The window's pages; without a walk the last one of an object that was hidden from us on the way. It costs only itself."""
        cursor = request.cursor
        try:
            for page, walked in self._reader.window(walk, request.cursor):
                cursor = page.cursor
                yield page, walked
        except CallRejected:
            shape = self._shapes.get(request.object)
            if shape.readable:
                raise
            yield self._hidden(shape, {**(request.cursor or {}), **(cursor or {})}), None

    @staticmethod
    def _hidden(shape: Shape, cursor: Mapping[str, Any] | None) -> Page:
        """What is left to say of an object that we may not read."""
        return Page((), dict(cursor or {}), notices=(unread(shape.object, shape.why_not),))

    def _moved(self, kept: Kept, walk: Walk, cursor: Mapping[str, Any] | None) -> Kept:
        """What the cursor keeps after an answer: only an answer tells the time after a long pause."""
        now = behind(self._client.server_time(), walk.now)
        due = self._due(walk, kept, cursor, now)
        return Kept(walk.fields, kept.swept_at or now, kept.owes | due)

    def _due(self, walk: Walk, kept: Kept, cursor: Mapping[str, Any] | None, now: datetime) -> frozenset[str]:
        """Why every record is to be looked at, besides what is owed already."""
        if not cursor or walk.shape.object in HISTORY:
            return frozenset()
        age = now - (kept.swept_at or now)
        reached = parse_instant(cursor.get("until")) or parse_instant(cursor.get("since")) or now
        leaves_no_trace = "IsDeleted" not in walk.shape.fields and walk.shape.object not in NEVER_DELETED
        reads_formulas = any(name in walk.shape.calculated for name in walk.fields)
        reasons = {
            FIELDS: kept.fields is not None and bool(set(walk.fields) - set(kept.fields)),
            FORMULAS: reads_formulas and self._formula_refresh is not None and age >= self._formula_refresh,
            GAP: now - reached > RECYCLE_BIN,
            UNTRACED: leaves_no_trace and age >= _UNTRACED_EVERY,
        }
        return frozenset(reason for reason, holds in reasons.items() if holds)

    def _sweep(self, request: PullRequest, walk: Walk, kept: Kept, window: Mapping[str, Any]) -> Iterator[Page]:
        """Look at every record. Those that are stored and were not met are asked for by id; what the org no longer knows is
        gone. An interrupted sweep begins again with the next pull."""
        begun, is_whole = behind(self._client.server_time(), walk.now), bool(kept.owes & _WHOLE)
        _log.info("sweep", connection=self._client.name, object=request.object, because=sorted(kept.owes))
        missing = set(request.known(request.object))
        walk = replace(walk, wanted=request.fields if is_whole else (), mendings=0)
        for page, walked in self._reader.window(walk, None):
            missing.difference_update(record.id for record in page.records)
            if is_whole and page.records:
                yield Page(page.records, kept.beside(window), page.expected, fields=walked.fields)
        for part in _parts(sorted(missing)):
            there = self._reader.by_ids(request.object, part, request.fields)
            records = (there.get(one) or tombstone(request.object, one) for one in part)
            yield Page(tuple(records), kept.beside(window), fields=kept.fields)
        yield Page((), Kept(kept.fields, begun).beside(window))

    def _notices(self, object: str, vanished: Collection[str]) -> tuple[Notice, ...]:
        if not vanished:
            return ()
        params = {"connection": self._client.name, "object": object, "fields": ", ".join(sorted(vanished))}
        _log.warning("fields_vanished", **params)
        return (Notice("connect.fields_vanished", params),)


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while part := list(islice(rest, COLLECTION_SIZE)):
        yield part
