"""What a shadow costs a cycle beside deciding: 100,000 persons and a million touches, a tenth with --quick.

The floor is the live decision about the same persons in the same process. A shadow decides once more, finds where the two disagree,
says why of those that are new, and packs what it goes on from.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from common import Board, asked, leave
from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Before, Decisions
from crmsync.decisions.qualification import End
from crmsync.decisions.shadow import Beside, disagreements, reasons, step
from crmsync.store.journal import packed, unpacked
from decide import NOW, definitions, facts, timed


def looser(rules: Definitions) -> Definitions:
    """The rules with the loose end three points lower, and a hot that is reached ten points sooner."""
    loose, hot = rules.qualification.loose, rules.temperature.hot
    changed = replace(rules.qualification, loose=End(loose.minimum_score - 3, loose.temperatures))
    keener = replace(rules.temperature, hot=replace(hot, enter=hot.enter - 10, leave=hot.leave - 10))
    return replace(rules, qualification=changed, temperature=keener)


def main() -> None:
    persons = 10_000 if asked(__doc__ or "").quick else 100_000
    known, live = facts(persons, persons * 10), definitions(30)
    other, board = looser(live), Board("shadow")
    first = decide(known, Before.nothing(), live, NOW - timedelta(days=1))
    before = Before(first.state, first.clocks, first.draws, first.valve)
    kept = step(known, before, (), first, other, NOW - timedelta(days=1)).before
    made, floor = timed(lambda: decide(known, before, live, NOW))
    assert isinstance(made, Decisions)
    beside, took = timed(lambda: step(known, kept, (), made, other, NOW))
    assert isinstance(beside, Beside)
    board.put("persons", persons, detail=f"{persons * 10:,} touches")
    board.put("floor: the live decision", floor.wall, detail=f"{floor.processor:.2f} s of processor", unit=" s")
    board.put("the shadow's step", took.wall, detail=f"{took.processor:.2f} s of processor", unit=" s")
    board.put("times the floor, of processor", took.processor / floor.processor, at_most=1.5)
    found, compared = timed(lambda: disagreements(made.state, beside.decisions.state))
    board.put("finding where they disagree", compared.wall, detail=f"{found.height:,} disagreements", unit=" s")  # type: ignore[attr-defined]  # a frame
    _, told = timed(lambda: [reasons(side, found["person_id"]) for side in (made, beside.decisions)])  # type: ignore[index]  # a frame
    board.put("why, of all of them", told.wall, unit=" s")
    body, packing = timed(lambda: packed(beside.before.state))
    _, reading = timed(lambda: unpacked(body))  # type: ignore[arg-type]  # bytes
    board.put("packing its states", packing.wall, detail=f"{len(body) / 2**20:.1f} MiB", unit=" s")  # type: ignore[arg-type]  # bytes
    board.put("reading them", reading.wall, unit=" s")
    leave(board)


if __name__ == "__main__":
    main()
