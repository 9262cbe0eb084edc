"""Deciding from the store: everyone read, decided and kept; a few who changed among many; one person explained.

    python bench/stored.py [--quick] [--only everyone|few|explain]

A store is filled with people who each did ten things, without any CRM behind it. What is timed is what a cycle does between the
last page pulled and the first change sent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from common import Board, asked, forget_peak, leave, peak_mib, say
from crmsync.bootstrap import open_workspace
from crmsync.decisions.frames import GAPS
from crmsync.model.entities import PersonSeen, Touch
from crmsync.model.records import RecordRef
from crmsync.store.entities import Shown, entity_row
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.decide import Decided, decide
from crmsync.sync.explain import explain, find_person
from crmsync.sync.workspace import Workspace
from worker import configure

PARTS = ("everyone", "few", "explain")
NOW = datetime(2026, 6, 3, 1, tzinfo=UTC)
TOUCHES = 10
FEW = 1_000
KINDS = ("page_view", "page_view", "email_open", "case_page", "pricing_page", "email_click", "document_request", "seminar")
AT_ONCE = 20_000


def main() -> None:
    given = asked(__doc__ or "", PARTS)
    small, large = (2_000, 20_000) if given.quick else (10_000, 1_000_000)
    board = Board("stored")
    with filled(large) as space:
        everyone(board, space, large)
        if given.only in ("", "few"):
            with filled(small) as other:
                _keep(other, decide(other, NOW))
                few(board, other, space, small, large)
        if given.only in ("", "explain"):
            one(board, space, large)
    leave(board)


def everyone(board: Board, space: Workspace, persons: int) -> None:
    """Facts out of SQLite, all decided, and what was decided stored."""
    forget_peak()
    decided, seconds = _timed(lambda: decide(space, NOW))
    _, keeping = _timed(lambda: _keep(space, decided))
    at_most = 60.0 * persons / 1_000_000
    detail = f"{persons:,} persons, {persons * TOUCHES:,} touches: {seconds:.1f} s read and decided, {keeping:.1f} s stored"
    board.put("everyone from SQLite, decisions stored", seconds + keeping, at_most=at_most, unit=" s", detail=detail)
    board.put("most memory of it", peak_mib() / 1024, unit=" GiB")


def few(board: Board, small: Workspace, large: Workspace, fewer: int, more: int) -> None:
    """A cycle's decisions after a thousand persons did something, in a large store and in a small one."""
    took = [_after_changes(space, persons) for space, persons in ((small, fewer), (large, more))]
    changed = min(FEW, fewer)
    board.put(f"{changed:,} of {more:,} persons changed", took[1], at_most=3.0, unit=" s")
    board.put(f"times the same with {fewer:,} persons", took[1] / took[0], at_most=2.0, detail=f"{took[0]:.2f} s")


def one(board: Board, space: Workspace, persons: int) -> None:
    """One person's story."""
    person = find_person(space, "person7@sample7.example") or ""
    _, seconds = _timed(lambda: explain(space, find_person(space, "person7@sample7.example") or person, NOW))
    board.put(f"explain one of {persons:,} persons", seconds, at_most=0.3, unit=" s")


def _after_changes(space: Workspace, persons: int) -> float:
    later = NOW + timedelta(minutes=15)
    with space.store.transaction() as db:
        space.store.entities.save(db, (_touch(n * (persons // min(FEW, persons)), 99) for n in range(min(FEW, persons))))
    return _timed(lambda: _keep(space, decide(space, later), later))[1]


def _keep(space: Workspace, decided: Decided, now: datetime = NOW) -> None:
    store = space.store
    with store.transaction() as db:
        run_id = store.runs.begin(db, "bench", now, is_rehearsal=True, definitions="")
        store.decided.save(db, run_id, now, decided.before, decided.decisions, decided.desired)
        store.decided.save_gaps(db, now, decided.decisions.gaps.select(GAPS.keys()))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """As the pipeline runs it."""
    begun = perf_counter()
    with collector_at_rest():
        made = work()
    return made, perf_counter() - begun


# ---------------------------------------------------------------------------------------------------------------- the store


@contextmanager
def filled(persons: int) -> Iterator[Workspace]:
    """A workspace whose store knows so many persons."""
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as name:
        directory = Path(name) / "config"
        configure(directory, "hubspot", "http://127.0.0.1:9")  # nobody is there, and nobody is asked
        space = open_workspace(directory)
        try:
            begun = perf_counter()
            for start in range(0, persons, AT_ONCE):
                _fill(space, start, min(start + AT_ONCE, persons))
            seconds = perf_counter() - begun
            say(f"     a store of {persons:,} persons was filled in {seconds:.0f} s")
            yield space
        finally:
            space.close()


def _fill(space: Workspace, start: int, end: int) -> None:
    store = space.store
    with store.transaction() as db:
        store.entities.save(db, (_person(n) for n in range(start, end)))
        store.entities.save(db, (_touch(n, each) for n in range(start, end) for each in range(TOUCHES)))
        store.identity.save_links(db, [(_ref(n), f"p{n:09d}", "new", "") for n in range(start, end)], NOW)


def _ref(n: int) -> str:
    return f"crm/contacts/{n + 101}"


def _person(n: int) -> Shown:
    seen = PersonSeen(
        ref=RecordRef("crm", "contacts", str(n + 101)),
        learnt_at=NOW,
        created_at=NOW - timedelta(days=n % 500, minutes=n % 1440),
        modified_at=NOW - timedelta(hours=n % 2000),
        email=f"person{n}@sample{n % 9973}.example",
        phone=f"+8133{n % 10_000_000:07d}",
        family_name=("佐藤", "鈴木", "高橋", "田中")[n % 4],
        given_name=("太郎", "花子", "健")[n % 3],
        company_name=f"株式会社サンプル{n % 9973}",
        title=("部長", "課長", "係長", "担当")[n % 4],
        industry=("製造", "小売", "情報通信")[n % 3],
        employees=10 + n % 3000,
        territory=("東京都", "大阪府")[n % 2],
        source_kind=("inbound", "outbound")[n % 2],
    )
    return PersonSeen, entity_row(seen)


def _touch(n: int, each: int) -> Shown:
    mixed = (n * 7919 + each * 104_729) % 1_000_003
    seen = Touch(
        ref=RecordRef("crm", "page_views", f"{n}-{each}"),
        learnt_at=NOW,
        kind=KINDS[mixed % len(KINDS)],
        at=NOW - timedelta(minutes=mixed % (540 * 1440)) if each < TOUCHES else NOW + timedelta(minutes=5),
        person=RecordRef("crm", "contacts", str(n + 101)),
    )
    return Touch, entity_row(seen)


if __name__ == "__main__":
    main()
