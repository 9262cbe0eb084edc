"""Pulling an object of the generic API: backfill, then windows of changes; the recycle bin and a sweep now and then.

    nothing ──list──▶ backfill ──done──▶ settled ──▶ window ──200 rows a call, by id──▶ settled ──bin due──▶ ──sweep due──▶ settled

Every page carries the state that is true once its records are stored; any of them can be the last. HubSpot's clock is read
from the answers that are needed anyway, so a quiet object costs one call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Page, PullRequest
from crmsync.connect.paging import LoopGuard, behind
from crmsync.model.records import RawRecord
from crmsync_hubspot.asked import Asked
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.objects import OBJECTS, ObjectFacts
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import ASSOCIATION_READ, Portal
from crmsync_hubspot.records import MERGED_IDS, archived_record, ends_search, next_after, record_of, with_losers
from crmsync_hubspot.rules import NOT_HERE
from crmsync_hubspot.sweeping import gone_records, missing_ids
from crmsync_hubspot.values import instant
from crmsync_hubspot.windows import (
    FLOOR,
    Backfill,
    Bin,
    Settled,
    State,
    Sweep,
    Window,
    after_backfill,
    dump,
    likely_since,
    load,
    next_window,
    search_body,
)

Row = Mapping[str, Any]

_log = structlog.get_logger("crmsync.hubspot")


@dataclass(frozen=True, slots=True)
class RecordPull:
    """One object's pull. `asked` are the properties that the portal has of the fields asked for, and what we need ourselves;
    `known` gives the ids of the stored records, `now` is the run's instant by our clock."""

    facts: ObjectFacts
    asked: Asked
    portal: Portal
    options: Options
    known: Callable[[], Iterable[str]]
    now: datetime | None

    def pages(self, cursor: Mapping[str, Any] | None) -> Iterator[Page]:
        """Pages until the present is reached. Where a property that was asked for vanished meanwhile, and the call is refused for
        it, it goes on without that one from the last page."""
        is_on = True
        while is_on:
            is_on = False
            try:
                for page in self._walk(cursor):
                    notices = self.asked.notices(self.portal.client.name)
                    yield replace(page, cursor=self.asked.beside(page.cursor), notices=notices)
                    cursor = page.cursor
            except CallRejected as error:
                if not self.asked.drop(error):
                    raise
                is_on = True

    def _walk(self, cursor: Mapping[str, Any] | None) -> Iterator[Page]:
        """After a backfill the changes since it began follow at once."""
        state: State | None = load(cursor)
        if state is None:
            state = Backfill(behind(self.portal.now(), self.now))
        if isinstance(state, Backfill):
            yield from self._backfill(state)
            state = after_backfill(state)
        if isinstance(state, Settled):
            window, first = self._opened(state)
        else:
            window, first = state, None
        yield from self._window(window, first)
        settled, now = window.then, self._read_by
        if self.asked.has_returned:
            settled = replace(settled, sweep=Sweep(FLOOR))
        if settled.bin.is_due(now, self.options.bin_every):
            begun = Bin(settled.bin.read_at, settled.bin.started or now, settled.bin.after)
            settled = yield from self._bin(settled, begun)
        if settled.sweep.is_due(now, self.options.sweep_every):
            sweep = settled.sweep
            yield from self._sweep(settled, replace(sweep, started=sweep.started or now))

    def _backfill(self, state: Backfill) -> Iterator[Page]:
        """Everything, by id."""
        for rows, after in self._listing(state.after):
            yield Page(self._records(rows), dump(after_backfill(state) if after is None else replace(state, after=after)))

    def _listing(self, after: str | None, calls: int | None = None) -> Iterator[tuple[Sequence[Row], str | None]]:
        """Rows of the listing with their fields, by id, up to 1,000 at a time (that many share one read of associations), and
        where it goes on; at most so many calls. Fields come along where their names fit a URL, else by batch/read."""
        guard = LoopGuard(self.portal.client.name, self.facts.name)
        rows: list[Row] = []
        while True:
            guard.check(after)
            asked = self.asked.names if self.asked.fits_query else (self.facts.modified,)
            answer = self.portal.list_page(self.facts.name, asked, after)
            rows += answer.get("results") or ()
            after = next_after(answer)
            calls = None if calls is None else calls - 1
            is_end = after is None or calls == 0
            if is_end or len(rows) >= ASSOCIATION_READ:
                yield self._whole(rows, is_whole=self.asked.fits_query), after
                rows = []
            if is_end:
                return

    def _opened(self, settled: Settled) -> tuple[Window, Row | None]:
        """The next window, and its first answer: it is asked without an end, and tells by HubSpot's clock where that is. Where a
        wide window turns out to be due, it begins earlier than what was asked, so it is asked again."""
        hint = self.portal.client.server_time_or_none()
        since = likely_since(settled, hint and behind(hint, self.now), self.options.lags)
        answer = self._search(since, None, 0)
        window = next_window(settled, self._read_by, self.options.lags)
        return window, (answer if window.since == since else None)

    @property
    def _read_by(self) -> datetime:
        """HubSpot's clock as of its last answer, or ours where that is behind."""
        return behind(self.portal.client.server_time(), self.now)

    def _search(self, since: datetime, until: datetime | None, after_id: int) -> Row:
        asked = self.asked.names if self.asked.fits_search else (self.facts.modified,)
        return self.portal.search(self.facts.name, search_body(self.facts.modified, since, until, after_id, asked))

    def _window(self, window: Window, first: Row | None) -> Iterator[Page]:
        """The rows of a frozen window, by id, until HubSpot has no more; `first` is the first one where it is there already.
        Fields come along where the search body stays short, else by batch/read. Where the clocks differ the rows asked for reach
        up to the later one: what its cursor then calls read ends at the other."""
        guard = LoopGuard(self.portal.client.name, self.facts.name)
        expected: int | None = None
        rows: list[Row] = []
        until = max(window.until, self.now or window.until)
        while True:
            guard.check(window.after_id)
            answer = first or self._search(window.since, until, window.after_id)
            first, found = None, answer.get("results") or ()
            expected = answer.get("total") if expected is None else expected
            rows += found
            is_last = ends_search(answer)
            window = window if is_last else replace(window, after_id=max(int(row["id"]) for row in found))
            if is_last or len(rows) >= ASSOCIATION_READ:
                records = self._records(self._whole(rows, is_whole=self.asked.fits_search))
                yield Page(records, dump(window.then if is_last else window), expected)
                rows = []
            if is_last:
                return

    def _bin(self, settled: Settled, bin_: Bin) -> Generator[Page, None, Settled]:
        """The recycle bin, at most `bin_pages` of it; what went there before the last pass is known already."""
        known_until = bin_.read_at - self.options.lags.overlap
        guard = LoopGuard(self.portal.client.name, f"{self.facts.name}, archived")
        for _ in range(self.options.bin_pages):
            guard.check(bin_.after)
            answer = self.portal.list_page(self.facts.name, (self.facts.modified,), bin_.after, archived=True)
            rows = [row for row in answer.get("results") or () if _went(row, known_until)]
            after = next_after(answer)
            bin_ = Bin(bin_.started or bin_.read_at) if after is None else replace(bin_, after=after)
            settled = replace(settled, bin=bin_)
            yield Page(tuple(archived_record(self.facts.name, row) for row in rows), dump(settled))
            if after is None:
                break
        return settled

    def _sweep(self, settled: Settled, sweep: Sweep) -> Iterator[Page]:
        """Everything listed anew, at most `sweep_pages` calls of it: what was missed, changed without a stamp, or restored comes
        as it is now; what is stored and no longer listed is looked for, and told as gone."""
        known = sorted(int(id_) for id_ in self.known() if id_.isdecimal())
        for rows, after in self._listing(sweep.after, self.options.sweep_pages):
            listed = [int(row["id"]) for row in rows]
            missed = set(listed) - set(known)
            missing = missing_ids(known, listed, sweep.last_id, is_last=after is None)
            gone = gone_records(self.portal, self.facts, missing)
            last_id = max([sweep.last_id, *listed])
            sweep = replace(sweep, after=after, last_id=last_id) if after else Sweep(sweep.started or sweep.done_at)
            settled = replace(settled, sweep=sweep)
            if missed or gone:
                _log.info("sweep_found", object=self.facts.name, missed=len(missed), gone=len(gone))
            yield Page((*self._records(rows), *gone), dump(settled))

    def _whole(self, rows: Sequence[Row], *, is_whole: bool) -> Sequence[Row]:
        """The rows with all their fields, in their order. One that went away since it was listed is left out: the recycle bin
        or its merge tells why."""
        if not rows:
            return rows
        if not is_whole:
            ids = [str(row["id"]) for row in rows]
            found = self.portal.batch_read(self.facts.name, ids, self.asked.names)
            rows = [found[id_] for id_ in ids if id_ in found]
        return self.asked.whole(rows)

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
            if error.status not in NOT_HERE:
                raise
    return found


def record_pull(portal: Portal, catalogue: Catalogue, options: Options, request: PullRequest) -> RecordPull:
    """The pull that a request asks for."""
    facts = OBJECTS[request.object]
    asked = Asked(catalogue, facts.name, request.fields, own_properties(facts), request.cursor)
    return RecordPull(facts, asked, portal, options, lambda: request.known(facts.name), request.now)


def own_properties(facts: ObjectFacts) -> tuple[str, ...]:
    """The properties that a pull needs itself, whatever is wanted."""
    return (facts.modified, *((MERGED_IDS,) if facts.merges else ()))


def _went(row: Row, known_until: Any) -> bool:
    """Whether a row went to the bin after `known_until`; one that does not say is taken."""
    gone_at = instant(row.get("archivedAt"))
    return gone_at is None or gone_at >= known_until
