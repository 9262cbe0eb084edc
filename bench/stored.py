"""Deciding from the store: everyone read, decided and kept; a cycle in which a thousand of many did something; one explained.

    python bench/stored.py [--quick] [--only everyone|few|explain]

A store is filled by the database itself with people who each did ten things, without any CRM behind it. What is timed is what a
cycle does between the last page pulled and the first comparison with a CRM: who is who, whom it concerns, what is decided of them,
and that it is kept. What counts is the clock on the wall: two threads share the work. So it must run on a quiet machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from common import Board, Took, asked, forget_peak, leave, peak_mib, say
from crmsync.bootstrap import open_workspace
from crmsync.model.entities import Touch
from crmsync.model.records import RawRecord, RecordRef
from crmsync.planning.plan import make_plan
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.concerned import concerned
from crmsync.sync.decide import Decided, decide
from crmsync.sync.explain import explain, find_person
from crmsync.sync.keep import keep
from crmsync.sync.normalise import normalise
from crmsync.sync.plan import Prepared
from crmsync.sync.resolve import resolve
from crmsync.sync.scope import Look
from crmsync.sync.workspace import Moment, Workspace
from crowd import fill
from worker import configure

PARTS = ("everyone", "few", "explain")
NOW = datetime(2026, 6, 3, 1, tzinfo=UTC)
TOUCHES = 10
FEW = 1_000
_TURNS = (45, 48, 51, 54, 57)
"""Minutes after the hour: the first cycle of the next one decides everyone."""


def main() -> None:
    given = asked(__doc__ or "", PARTS)
    small, large = (5_000, 50_000) if given.quick else (10_000, 1_000_000)
    board = Board("stored")
    with filled(large) as space:
        everyone(board, space, large)
        if given.only in ("", "few"):
            with filled(small) as other:
                _settle(other)
                _settle(space)
                few(board, other, space, small, large)
        if given.only in ("", "explain"):
            one(board, space, large)
    leave(board)


def everyone(board: Board, space: Workspace, persons: int) -> None:
    """Facts out of SQLite, all decided, and what was decided stored: the first cycle of all."""
    forget_peak()
    decided, reading = _timed(lambda: decide(space, NOW))
    _, keeping = _timed(lambda: _keep(space, decided, NOW))
    board.put(
        "everyone from SQLite, decisions stored",
        reading.wall + keeping.wall,
        at_most=60.0 * persons / 1_000_000,
        unit=" s",
        detail=f"{persons:,} persons, {persons * TOUCHES:,} touches: {_told(reading)} read and decided, {_told(keeping)} stored",
    )
    board.put("most memory of it", peak_mib() / 1024, at_most=8.0, unit=" GiB")


def few(board: Board, small: Workspace, large: Workspace, fewer: int, more: int) -> None:
    """A cycle after a thousand persons did something, in a large store and in a small one, in turns: now and then one of them
    copies SQLite's log, which is a third of such a cycle."""
    both = ((large, more), (small, fewer))
    for space, persons in both:  # statements are prepared once in a process: neither is to pay for the other
        _after_changes(space, persons, 0, NOW + timedelta(minutes=40))
        _settle(space, 42, 44)
    turns = []
    for turn, minutes in enumerate(_TURNS, 1):
        turns.append([_after_changes(space, persons, turn, NOW + timedelta(minutes=minutes)) for space, persons in both])
        for space, _ in both:
            _settle(space, minutes + 1, minutes + 2)
    mine = sorted((mine for mine, _ in turns), key=lambda cycle: cycle.took.wall)[len(turns) // 2]
    detail = f"{mine.decided:,} decided; {_told(mine.took)}, of it {_told(mine.resolving)} to see who is who"
    board.put(f"{FEW:,} of {more:,} persons changed", mine.took.wall, at_most=3.0, unit=" s", detail=detail)
    ratios = [mine.took.wall / theirs.took.wall for mine, theirs in turns]
    shown = ", ".join(f"{mine.took.wall:.2f} ÷ {theirs.took.wall:.2f}" for mine, theirs in turns)
    board.put(f"times the same with {fewer:,} persons", median(ratios), at_most=2.0, detail=f"{shown} s")


def one(board: Board, space: Workspace, persons: int) -> None:
    """One person's story."""
    story = lambda: explain(space, find_person(space, "person7@sample7.example") or "", NOW)  # noqa: E731 - said once, timed twice
    story()  # statements are prepared once in a process
    _, took = _timed(story)
    board.put(f"explain one of {persons:,} persons", took.wall, at_most=0.3, unit=" s", detail=_told(took))


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a cycle took, of it to see who is who, and how many persons it decided."""

    took: Took
    resolving: Took
    decided: int


def _after_changes(space: Workspace, persons: int, first: int, later: datetime) -> Cycle:
    """Every so many persons from the `first` on visit a page and change their title; then a cycle."""
    changed = range(first, persons, persons // FEW)
    with space.store.transaction() as db:
        space.store.entities.save(db, (_touch(n, later) for n in changed))
    cursor = space.store.staging.cursor("crm", "contacts") or {}
    space.store.staging.stage("crm", "contacts", [_contact(n, later) for n in changed], cursor, later)
    normalise(space, later)
    _, resolving = _timed(lambda: resolve(space, later))
    decided, deciding = _timed(lambda: decide(space, later, concerned(space, Moment(later), [])))
    _, keeping = _timed(lambda: _keep(space, decided, later))
    parts = (resolving, deciding, keeping)
    whole = Took(sum(took.wall for took in parts), sum(took.processor for took in parts))
    return Cycle(whole, resolving, persons if decided.whom is None else len(decided.whom))


def _settle(space: Workspace, *minutes_later: int) -> None:
    """Cycles until one leaves nobody to be decided again."""
    for minutes in minutes_later or (0, 10, 20, 30):
        now = NOW + timedelta(minutes=minutes)
        resolve(space, now)
        with collector_at_rest():
            _keep(space, decide(space, now, concerned(space, Moment(now), [])), now)
        if not space.store.concern.stirred():
            return


def _keep(space: Workspace, decided: Decided, now: datetime) -> None:
    """As a cycle does that had nothing to write."""
    persons = tuple(decided.desired["person_id"])
    looks = {c.name: Look(space.store.staging.newest(c.name), "", is_other=False) for c in space.connections}
    keep(space, Prepared(decided, make_plan([], [], now), persons, looks), Moment(now))


def _timed(work: Callable[[], Any]) -> tuple[Any, Took]:
    """As the pipeline runs it."""
    begun, worked = perf_counter(), process_time()
    with collector_at_rest():
        made = work()
    return made, Took(perf_counter() - begun, process_time() - worked)


def _told(took: Took) -> str:
    return f"{took.wall:.2f} s ({took.processor:.2f} of processor)"


@contextmanager
def filled(persons: int) -> Iterator[Workspace]:
    """A workspace whose store knows so many persons."""
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as name:
        directory = Path(name) / "config"
        configure(directory, "hubspot", "http://127.0.0.1:9")  # nobody is there, and nobody is asked
        space = open_workspace(directory)
        try:
            begun = perf_counter()
            fill(space, persons, TOUCHES, NOW)
            say(f"     a store of {persons:,} persons was filled in {perf_counter() - begun:.0f} s")
            yield space
        finally:
            space.close()


def _contact(n: int, at: datetime) -> RawRecord:
    fields = {
        "hs_object_id": str(n + 101),
        "createdate": (NOW - timedelta(days=n % 500)).isoformat(),
        "lastmodifieddate": at.isoformat(),
        "email": f"person{n}@sample{n % 9973}.example",
        "lastname": "佐藤",
        "firstname": "太郎",
        "company": f"株式会社サンプル{n % 9973}",
        "jobtitle": "本部長",
    }
    return RawRecord("contacts", str(n + 101), fields, at)


def _touch(n: int, at: datetime) -> Touch:
    seen = at - timedelta(minutes=10)
    person = RecordRef("crm", "contacts", str(n + 101))
    return Touch(ref=RecordRef("crm", "page_views", f"{n}-new"), learnt_at=at, kind="pricing_page", at=seen, person=person)


if __name__ == "__main__":
    main()
