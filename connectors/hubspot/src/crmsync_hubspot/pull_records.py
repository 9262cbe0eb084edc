"""Pulling an object of the generic API: backfill, then windows of changes, and the recycle bin now and then.

    nothing ──list──▶ backfill ──done──▶ settled ──▶ window ──200 rows a page, by id──▶ settled ──bin due──▶ settled

Every page carries the state that is true once its records are stored; any of them can be the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Page, PullRequest
from crmsync.connect.paging import LoopGuard
from crmsync.model.records import RawRecord
from crmsync_hubspot.catalogue import Catalogue, fits_query, fits_search
from crmsync_hubspot.objects import OBJECTS, ObjectFacts
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.records import MERGED_IDS, archived_record, next_after, record_of, with_losers
from crmsync_hubspot.values import instant
from crmsync_hubspot.windows import (
    SEARCH_LIMIT,
    Backfill,
    Bin,
    Settled,
    State,
    Window,
    after_backfill,
    dump,
    first_state,
    load,
    next_window,
    search_body,
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordPull:
    """One object's pull. `properties` are those that the portal has of the fields asked for, and what we need ourselves."""

    facts: ObjectFacts
    properties: tuple[str, ...]
    portal: Portal
    options: Options

    def pages(self, cursor: Mapping[str, Any] | None) -> Iterator[Page]:
        """Pages until the present is reached; after a backfill the changes since it began follow at once."""
        now = self.portal.now()
        state: State = load(cursor) or first_state(now)
        if isinstance(state, Backfill):
            yield from self._backfill(state)
            state, now = after_backfill(state), self.portal.now()
        window = state if isinstance(state, Window) else next_window(state, now, self.options.lags)
        yield from self._window(window)
        settled = window.then
        if settled.bin.is_due(now, self.options.bin_every):
            yield from self._bin(settled, Bin(settled.bin.read_at, settled.bin.started or now, settled.bin.after))

    def _backfill(self, state: Backfill) -> Iterator[Page]:
        """Everything, 100 a page by id. Fields come along where their names fit a URL, else by batch/read."""
        asked = self.properties if fits_query(self.properties) else ()
        after = state.after
        guard = LoopGuard(self.portal.client.name, self.facts.name)
        while True:
            guard.check(after)
            answer = self.portal.list_page(self.facts.name, asked, after)
            rows = self._whole(answer.get("results") or (), is_whole=bool(asked))
            after = next_after(answer)
            done = after_backfill(state) if after is None else Backfill(state.started, after)
            yield Page(self._records(rows), dump(done))
            if after is None:
                return

    def _window(self, window: Window) -> Iterator[Page]:
        """The rows of a frozen window, by id, until a page is not full. Fields come along where the search body stays short."""
        asked = self.properties if fits_search(self.properties) else (self.facts.modified,)
        is_whole = asked is self.properties
        guard = LoopGuard(self.portal.client.name, self.facts.name)
        expected: int | None = None
        while True:
            guard.check(window.after_id)
            answer = self.portal.search(self.facts.name, search_body(self.facts.modified, window, asked))
            found = answer.get("results") or ()
            expected = answer.get("total") if expected is None else expected
            is_last = len(found) < SEARCH_LIMIT
            window = window if is_last else replace(window, after_id=max(int(row["id"]) for row in found))
            records = self._records(self._whole(found, is_whole=is_whole))
            yield Page(records, dump(window.then if is_last else window), expected)
            if is_last:
                return

    def _bin(self, settled: Settled, bin_: Bin) -> Iterator[Page]:
        """The recycle bin, at most `bin_pages` of it; what went there before the last pass is known already."""
        known_until = bin_.read_at - self.options.lags.overlap
        guard = LoopGuard(self.portal.client.name, f"{self.facts.name}, archived")
        for _ in range(self.options.bin_pages):
            guard.check(bin_.after)
            answer = self.portal.list_page(self.facts.name, (self.facts.modified,), bin_.after, archived=True)
            rows = [row for row in answer.get("results") or () if _went(row, known_until)]
            after = next_after(answer)
            bin_ = Bin(bin_.started or bin_.read_at) if after is None else replace(bin_, after=after)
            yield Page(tuple(archived_record(self.facts.name, row) for row in rows), dump(replace(settled, bin=bin_)))
            if after is None:
                return

    def _whole(self, rows: Sequence[Row], *, is_whole: bool) -> Sequence[Row]:
        """The rows with all their fields, in their order. One that went away since it was listed is left out: the recycle bin
        or its merge tells why."""
        if is_whole or not rows:
            return rows
        ids = [str(row["id"]) for row in rows]
        found = self.portal.batch_read(self.facts.name, ids, self.properties)
        return [found[id_] for id_ in ids if id_ in found]

    def _records(self, rows: Sequence[Row]) -> tuple[RawRecord, ...]:
        ids = [str(row["id"]) for row in rows]
        related = related_ids(self.portal, self.facts, ids)
        return with_losers([record_of(self.facts.name, row, related) for row in rows])


def related_ids(portal: Portal, facts: ObjectFacts, ids: Sequence[str]) -> dict[str, Mapping[str, Sequence[str]]]:
    """Target object → record id → associated ids. A target that the credentials do not let us read is left out: that its ids
    are unknown is not that there are none."""
    found: dict[str, Mapping[str, Sequence[str]]] = {}
    for target in facts.related:
        try:
            found[target] = portal.associations(facts.name, target, ids)
        except CallRejected as error:
            if error.status not in (403, 404):
                raise
    return found


def record_pull(portal: Portal, catalogue: Catalogue, options: Options, request: PullRequest) -> RecordPull:
    """The pull that a request asks for."""
    facts = OBJECTS[request.object]
    own = (facts.modified, *((MERGED_IDS,) if facts.merges else ()))
    return RecordPull(facts, catalogue.fields(facts.name, (*request.fields, *own)), portal, options)


def _went(row: Row, known_until: Any) -> bool:
    """Whether a row went to the bin after `known_until`; one that does not say is taken."""
    gone_at = instant(row.get("archivedAt"))
    return gone_at is None or gone_at >= known_until
