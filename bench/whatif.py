"""Ninety past days played under the rules in force and under stricter ones.

    python bench/whatif.py [--quick]

Every person was met on the first day, and each day one in two hundred did something. What is timed is the whole question: history
is read anew, and both rules decide on each morning. What counts is the processor's time: others may be at work on the machine.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

from common import Board, asked, forget_peak, leave, peak_mib, say
from crmsync.bootstrap import open_workspace
from crmsync.model.records import RawRecord
from crmsync.planning.plan import make_plan
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.decide import decide
from crmsync.sync.keep import keep
from crmsync.sync.normalise import normalise
from crmsync.sync.plan import Prepared
from crmsync.sync.resolve import resolve
from crmsync.sync.whatif import what_if
from crmsync.sync.workspace import Moment, Workspace
from worker import configure

DAYS = 90
BEGIN = datetime(2026, 3, 1, 1, tzinfo=UTC)
ACTIVE = 200
AT_ONCE = 20_000


def main() -> None:
    quick = asked(__doc__ or "").quick
    persons, days = (1_000, 10) if quick else (50_000, DAYS)
    board = Board("whatif")
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as name:
        directory = Path(name) / "config"
        configure(directory, "hubspot", "http://127.0.0.1:9")  # nobody is there, and nobody is asked
        space = open_workspace(directory)
        try:
            live_through(space, persons, days)
            ask(board, space, persons, days)
        finally:
            space.close()
    leave(board)


def ask(board: Board, space: Workspace, persons: int, days: int) -> None:
    """The question, and what it took."""
    rules = space.definitions
    stricter = replace(rules, qualification=replace(rules.qualification, version=rules.qualification.version + 1))
    first, last = (BEGIN + timedelta(days=n) for n in (1, days))
    forget_peak()
    begun, worked = perf_counter(), process_time()
    with collector_at_rest():
        found = what_if(space, stricter, first.date(), last.date(), 15)
    took, processor = perf_counter() - begun, process_time() - worked
    at_most = 15.0 * persons * days / (50_000 * DAYS)
    detail = f"{took:.1f} s of wall, {len(found.days)} mornings"
    board.put(f"{days} days of {persons:,} persons", processor, at_most=at_most, detail=detail, unit=" s")
    board.put("a morning under one rule", processor / len(found.days) / 2, unit=" s")
    board.put("most memory of it", peak_mib() / 1024, unit=" GiB")


def live_through(space: Workspace, persons: int, days: int) -> None:
    """Let the days happen: what was learnt on each, and a first decision."""
    begun = perf_counter()
    for start in range(0, persons, AT_ONCE):
        _learn(space, range(start, min(start + AT_ONCE, persons)), BEGIN)
    with collector_at_rest():
        decided = decide(space, BEGIN)
        run = keep(space, Prepared(decided, make_plan([], [], BEGIN), tuple(decided.desired["person_id"])), Moment(BEGIN))
    space.store.runs.end(run, "done", {})
    for day in range(1, days + 1):
        _learn(space, range(day % ACTIVE, persons, ACTIVE), BEGIN + timedelta(days=day, hours=-3))
    say(f"     {days} days of {persons:,} persons went by in {perf_counter() - begun:.0f} s")


def _learn(space: Workspace, numbers: range, at: datetime) -> None:
    cursor = space.store.staging.cursor("crm", "contacts") or {}
    space.store.staging.stage("crm", "contacts", [_contact(n, at) for n in numbers], cursor, at)
    normalise(space, at)
    resolve(space, at)
    space.store.journal.learnt(at)


def _contact(n: int, at: datetime) -> RawRecord:
    """A contact who has just asked for something on a form."""
    fields = {
        "hs_object_id": str(n + 101),
        "createdate": (BEGIN - timedelta(days=n % 400)).isoformat(),
        "lastmodifieddate": at.isoformat(),
        "email": f"person{n}@sample{n % 9973}.example",
        "lastname": ("佐藤", "鈴木", "高橋", "田中")[n % 4],
        "firstname": ("太郎", "花子", "健")[n % 3],
        "company": f"株式会社サンプル{n % 9973}",
        "jobtitle": ("部長", "課長", "係長", "担当")[n % 4],
        "recent_conversion_date": at.isoformat(),
        "recent_conversion_event_name": "資料請求",
        "hs_lead_status": "NEW",
    }
    return RawRecord("contacts", str(n + 101), fields, at)


if __name__ == "__main__":
    main()
