"""However the days are played, the answer is that of the full way: everyone decided on each morning, from facts gathered anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing import Pipe
from multiprocessing.context import SpawnProcess
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from fake_house import House, definitions

from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Before, Facts
from crmsync.decisions.qualification import End
from crmsync.errors import StopConnector
from crmsync.figures.whatif import HandOver
from crmsync.sync import whatif
from crmsync.sync.apart import _AHEAD, PlaysApart, _told, plays_apart
from crmsync.sync.facts import gather
from crmsync.sync.history import OWNER_EDITS, history, with_owner_edits
from crmsync.sync.plays import Flip, Played
from crmsync.sync.whatif import what_if
from crmsync.sync.workspace import Workspace

FIRST, LAST = date(2026, 6, 2), date(2026, 6, 13)
VISITS = ("pricing_page", "document_request", "seminar", "quote_request", "inbound_call")
SEEDS = range(3)


def lived(directory: Path, seed: int) -> House:
    """Days on which people come, look around, are called, close deals, are merged, change their company, or leave."""
    house, drawn = House(directory, capacity=2), Random(seed)
    people: list[str] = []
    for _ in range(14):
        for _ in range(drawn.randint(0, 3)):
            _one_act(house, drawn, people)
        house.cycle(later=timedelta(hours=drawn.choice((7, 20, 26))))
    house.cycle(later=timedelta(days=3))
    return house


def _one_act(house: House, drawn: Random, people: list[str]) -> None:
    act = drawn.choice(("come", "come", "look", "look", "call", "deal", "own", "merge", "company", "leave"))
    who = drawn.choice(people) if people else ""
    if act == "come" or not people:
        people.append(house.mql(f"person{len(people)}@firm{drawn.randint(0, 3)}.example"))
    elif act == "look":
        house.visit("sfa", who, drawn.choice(VISITS))
    elif act == "call":
        house.call("sfa", drawn.choice(("is1@home.example", "is2@home.example")), contact=who)
    elif act == "deal":
        made = house.clock.now().isoformat()
        house.sfa.insert("deals", made_at=made, name="deal", status=drawn.choice(("open", "won", "lost")), contacts=[who])
    elif act == "own":
        house.sfa.edit("contacts", who, owner="is2@home.example")
    elif act == "merge" and len(people) > 1:
        house.sfa.edit("contacts", who, email=f"person{drawn.randrange(len(people))}@firm0.example")
    elif act == "company":
        house.sfa.insert("companies", made_at=house.clock.now().isoformat(), name="Firm", domain="firm1.example")
    elif act == "leave":
        house.sfa.delete("contacts", people.pop(people.index(who)))


@pytest.fixture(params=SEEDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    built = lived(tmp_path, request.param)
    yield built
    built.workspace.close()


def other_rules() -> Definitions:
    rules = definitions()
    loose = End(rules.qualification.loose.minimum_score + 4, rules.qualification.loose.temperatures)
    return replace(rules, qualification=replace(rules.qualification, version=9, loose=loose))


def the_full_way(workspace: Workspace, other: Definitions) -> tuple[list[dict[str, HandOver]], list[Flip]]:
    """The hand-overs by both rules, and who flips."""
    sides, befores = (workspace.definitions.as_if_in_force(), other.as_if_in_force()), [Before.nothing()] * 2
    found: list[dict[str, HandOver]] = [{}, {}]
    flips = []
    for number, (day, at, facts, before, aliases) in enumerate(_everyone_each_morning(workspace)):
        verdicts, fresh = [], []
        for place, rules in enumerate(sides):
            made = decide(facts, (befores[place] if number else before).under(aliases), rules, at)
            befores[place] = Before(made.state, made.clocks, made.draws, made.valve)
            new = _handed_over(made.moves, made.clocks, made.scores, day, at, rules)
            fresh.append({person: one for person, one in new.items() if person not in found[place]})
            verdicts.append({row["person_id"]: row for row in made.qualification.iter_rows(named=True)})
        for place in (0, 1):
            found[place] |= fresh[place]
            for person in fresh[place]:
                told = verdicts[1 - place].get(person)
                is_judged = told is not None and not told["released"]
                why = (told["failed"] or [told["waiting_because"] or "phase"])[0] if told and is_judged else "phase"
                flips.append((place, Flip(person, ("lost", "gained")[place], day, why)))
    kept = [flip for place, flip in flips if flip.person_id not in found[1 - place]]
    return found, sorted(kept, key=lambda flip: (flip.day, flip.person_id))


def _everyone_each_morning(workspace: Workspace) -> Iterator[tuple[date, datetime, Facts, Before, dict[str, str]]]:
    zone = ZoneInfo(workspace.definitions.targets.time_zone)
    with history(workspace) as past:
        waiting, edits = list(workspace.store.journal.entries()), []
        while waiting and waiting[0].at < datetime.combine(FIRST, time(), zone):
            past.follow(waiting.pop(0))
        before = past.here.store.decided.before()
        for n in range((LAST - FIRST).days + 1):
            day, edits = FIRST + timedelta(days=n), []
            at = datetime.combine(day, time(9), zone).astimezone(UTC)
            while waiting and waiting[0].at <= at:
                entry = waiting.pop(0)
                past.follow(entry)
                if entry.act == "decided":
                    edits.append(workspace.store.journal.frame(entry.run_id, OWNER_EDITS))
            set_by_hand = [frame for frame in edits if frame is not None]
            last = pl.concat(set_by_hand).sort("owner_edit_at").unique("person_id", keep="last") if set_by_hand else None
            facts = with_owner_edits(gather(past.here, at), last)
            yield day, at, facts, before, past.here.store.identity.aliases()


def _handed_over(
    moves: pl.DataFrame, clocks: pl.DataFrame, scores: pl.DataFrame, day: date, at: datetime, rules: Definitions
) -> dict[str, HandOver]:
    zone, found = ZoneInfo(rules.targets.time_zone), {}
    points = dict(scores.select("person_id", "score").iter_rows())
    for row in moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync")).iter_rows(named=True):
        mine = clocks.filter((pl.col("person_id") == row["person_id"]) & (pl.col("started_at") == at))["due_at"].drop_nulls()
        due = min(mine).astimezone(zone).date() if len(mine) else None
        found[row["person_id"]] = HandOver(row["person_id"], day, points[row["person_id"]] or 0.0, due)
    return found


def test_the_days_are_played_as_if_everyone_were_decided_from_facts_gathered_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, sides = other_rules(), []
    counted = whatif.play
    monkeypatch.setattr(whatif, "play", lambda side, *rest: (sides.append(side), counted(side, *rest))[1])
    found = what_if(house.workspace, other, FIRST, LAST, 30)
    hand_overs, flips = the_full_way(house.workspace, other)
    assert [{one.person_id: one for one in side} for side in sides] == hand_overs
    assert list(found.flips) == flips
    assert found.present.total == len(hand_overs[0]) > 0


def test_a_process_of_its_own_gives_the_same_answer(tmp_path: Path) -> None:
    built = lived(tmp_path, 1)
    try:
        here, apart = (what_if(built.workspace, other_rules(), FIRST, LAST, 30, is_apart=choice) for choice in (False, True))
    finally:
        built.workspace.close()
    assert here == apart
    assert here.present.total > 0


def test_what_goes_wrong_in_the_other_process_is_raised_here() -> None:
    with plays_apart(definitions(), definitions()) as plays:
        plays.morning("no morning")  # type: ignore[arg-type]  # this is what goes wrong
        with pytest.raises(AttributeError):
            plays.played()


def test_mornings_wait_where_they_are_played_and_not_where_they_are_told() -> None:
    ours, theirs = Pipe()
    told = _told(theirs)
    for number in range(_AHEAD):
        ours.send_bytes(bytes([number]) * 1_000_000)  # far more than a pipe holds, and nobody has asked for it yet
    ours.close()
    assert [one[0] for one in told] == list(range(_AHEAD))


def test_a_process_that_was_killed_is_told_in_words() -> None:
    with plays_apart(definitions(), definitions()) as plays:
        _kill(plays)
        with pytest.raises(StopConnector, match="cut_short"):
            plays.played()


def _kill(plays: PlaysApart) -> None:
    process = plays.process
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_the_other_process_does_not_hear_ctrl_c_from_its_first_moment_on() -> None:
    with plays_apart(definitions(), definitions()) as plays:
        assert plays.process.pid is not None
        os.kill(plays.process.pid, signal.SIGINT)
        assert plays.played() == Played((), (), ())


def test_the_other_process_takes_half_of_the_cores_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str | None] = []
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    monkeypatch.setattr("crmsync.sync.apart._cores", lambda: 6)
    monkeypatch.setattr(SpawnProcess, "start", lambda self: told.append(os.environ.get("POLARS_MAX_THREADS")))
    monkeypatch.setattr(SpawnProcess, "join", lambda self, timeout=None: None)
    monkeypatch.setattr(SpawnProcess, "is_alive", lambda self: False)
    with plays_apart(definitions(), definitions()):
        assert "POLARS_MAX_THREADS" not in os.environ
    assert told == ["3"]


def test_nothing_is_left_running_when_the_question_is_broken_off() -> None:
    with pytest.raises(KeyboardInterrupt), plays_apart(definitions(), definitions()) as plays:
        raise KeyboardInterrupt
    assert not plays.process.is_alive()
