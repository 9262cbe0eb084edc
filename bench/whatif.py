"""Ninety past days played under the rules in force and under stricter ones.

    python bench/whatif.py [--quick] [--only 50k|1m]

Everyone is met on the first day. Each day one person in two hundred looks at prices or at a case, has a newer record, and
is called a day later; the team has room for most of those who qualify. What is timed is the whole question by the clock on the
wall: history is read anew, and both rules decide on each morning. It must run on a quiet machine: two processes share the work.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

from common import Board, asked, forget_peak, leave, peak_mib, say
from crmsync.bootstrap import open_workspace
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import End
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
ROOM = 20
"""Approaches that a rep makes in a day; there are reps enough for three times those who do something."""
SIZES = {"50k": (50_000, 15.0), "1m": (1_000_000, 180.0)}
"""How many persons, and the most seconds that ninety days of them may take."""


def main() -> None:
    given = asked(__doc__ or "", tuple(SIZES))
    board = Board("whatif")
    if given.quick:
        play(board, 1_000, 10, SIZES["50k"][1] * 10 / DAYS)
    else:
        for name, (persons, at_most) in SIZES.items():
            if given.only in ("", name):
                play(board, persons, DAYS, at_most)
    leave(board)


def play(board: Board, persons: int, days: int, at_most: float) -> None:
    """Let so many persons live through the days, and ask about them."""
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as name:
        directory = Path(name) / "config"
        prepare(directory, persons)
        space = open_workspace(directory)
        try:
            live_through(space, persons, days)
            ask(board, space, persons, days, at_most)
        finally:
            space.close()


def prepare(directory: Path, persons: int) -> None:
    """A configuration with a team for so many persons; nobody is at the CRM's address, and nobody is asked."""
    configure(directory, "hubspot", "http://127.0.0.1:9")
    reps = [f'  - {{email: "rep{n}@sandbox.example", name: "担当{n}", department: inside_sales}}' for n in range(_reps(persons))]
    (directory / "team.yaml").write_text("\n".join(["reps:", *reps, ""]), encoding="utf-8")


def ask(board: Board, space: Workspace, persons: int, days: int, at_most: float) -> None:
    """The question, and what it took."""
    first, last = (BEGIN + timedelta(days=n) for n in (1, days))
    forget_peak()
    begun, worked = perf_counter(), process_time()
    found = what_if(space, stricter(space.definitions), first.date(), last.date(), 15)
    took, processor = perf_counter() - begun, process_time() - worked
    flips = f"{found.present.total:,} and {found.other.total:,} hand-overs, {len(found.flips):,} flips"
    board.put(f"{days} days of {persons:,} persons", took, at_most=at_most, detail=flips, unit=" s")
    board.put("processor of this process", processor, unit=" s")
    board.put("most memory of it", peak_mib() / 1024, unit=" GiB")


def stricter(rules: Definitions) -> Definitions:
    """The next version of the definition, with two points more at its loose end."""
    standard = rules.qualification
    loose = End(standard.loose.minimum_score + 2, standard.loose.temperatures)
    return replace(rules, qualification=replace(standard, version=standard.version + 1, loose=loose))


def live_through(space: Workspace, persons: int, days: int) -> None:
    """Let the days happen: what was learnt on each, and a first decision."""
    begun = perf_counter()
    space.store.staging.stage("crm", "owners", [_owner(n) for n in range(_reps(persons))], {}, BEGIN)
    for start in range(0, persons, AT_ONCE):
        _stage(space, "contacts", [_contact(n, BEGIN) for n in range(start, min(start + AT_ONCE, persons))], BEGIN)
        normalise(space, BEGIN)
    _learn(space, BEGIN)
    with collector_at_rest():
        decided = decide(space, BEGIN)
        run = keep(space, Prepared(decided, make_plan([], [], BEGIN), tuple(decided.desired["person_id"])), Moment(BEGIN))
    space.store.runs.end(run, "done", {})
    called: range = range(0)
    for day in range(1, days + 1):
        at, active = BEGIN + timedelta(days=day, hours=-3), range(day % ACTIVE, persons, ACTIVE)
        _stage(space, "contacts", [_contact(n, at) for n in active], at)
        _stage(space, "page_views", [_view(n, day, at) for n in active], at)
        _stage(space, "calls", [_call(n, day, at, _reps(persons)) for n in called], at)
        _learn(space, at)
        called = active
    say(f"     {days} days of {persons:,} persons went by in {perf_counter() - begun:.0f} s")


def _reps(persons: int) -> int:
    return max(1, 3 * persons // ACTIVE // ROOM)


def _stage(space: Workspace, stream: str, records: list[RawRecord], at: datetime) -> None:
    space.store.staging.stage("crm", stream, records, space.store.staging.cursor("crm", stream) or {}, at)


def _learn(space: Workspace, at: datetime) -> None:
    normalise(space, at)
    resolve(space, at)
    space.store.journal.learnt(at)


def _owner(n: int) -> RawRecord:
    fields = {"email": f"rep{n}@sandbox.example", "lastName": "担当", "firstName": str(n), "archived": False, "type": "PERSON"}
    return RawRecord("owners", str(n + 1), fields, BEGIN)


def _contact(n: int, at: datetime) -> RawRecord:
    fields = {
        "hs_object_id": str(n + 101),
        "createdate": (BEGIN - timedelta(days=n % 400)).isoformat(),
        "lastmodifieddate": at.isoformat(),
        "email": f"person{n}@sample{n % 9973}.example",
        "lastname": ("佐藤", "鈴木", "高橋", "田中")[n % 4],
        "firstname": ("太郎", "花子", "健")[n % 3],
        "company": f"株式会社サンプル{n % 9973}",
        "jobtitle": ("部長", "課長", "係長", "担当")[n % 4],
        "hs_lead_status": "NEW",
    }
    return RawRecord("contacts", str(n + 101), fields, at)


def _view(n: int, day: int, at: datetime) -> RawRecord:
    """Prices for two in three, a case for the others, up to four days before it was told."""
    seen = at - timedelta(minutes=n % 6_000)
    fields = {
        "eventType": "e_visited_page",
        "objectType": "CONTACT",
        "objectId": str(n + 101),
        "occurredAt": seen.isoformat(),
        "hs_url": "https://home.example/case/7" if n % 3 == 0 else "https://home.example/pricing",
        "associations.contacts": [str(n + 101)],
    }
    return RawRecord("page_views", f"{n}-{day}", fields, seen)


def _call(n: int, day: int, at: datetime, reps: int) -> RawRecord:
    """The day after, by one of the team; three in four are reached."""
    fields = {
        "hs_call_direction": "OUTBOUND",
        "hs_call_status": "COMPLETED",
        "hs_timestamp": at.isoformat(),
        "hubspot_owner_id": str(n % reps + 1),
        "hs_call_disposition": "73a0d17f-1163-4015-bdd5-ec830791da20" if n % 4 == 0 else "f240bbac-87c9-4f6e-bf70-924b57d47db7",
        "associations.contacts": [str(n + 101)],
    }
    return RawRecord("calls", f"{n}-{day}", fields, at)


if __name__ == "__main__":
    main()
