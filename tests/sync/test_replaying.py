"""The past decided again from what was known then is the same to the last byte; what was known at a moment can be asked later."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from fake_house import House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.errors import StopConnector
from crmsync.sync import replay as replaying
from crmsync.sync.decide import decide_as_of
from crmsync.sync.explain import explain
from crmsync.sync.forget import forget
from crmsync.sync.history import as_of
from crmsync.sync.parting import take_back
from crmsync.sync.pipeline import learn
from crmsync.sync.replay import Replayed, replay
from crmsync.sync.review import review
from crmsync.sync.reviews import different, same
from crmsync.sync.workspace import Moment


def outcomes(house: House, until: Any = None) -> list[str]:
    return [run.outcome for run in replay(house.workspace, until)]


def told(house: House, at: datetime, person: str) -> str:
    """Everything that is shown of a moment."""
    return shown(house.workspace, at, person)


def shown(workspace: Any, at: datetime, person: str) -> str:
    figures = review(workspace, None, None, at)
    gaps = workspace.store.decided.gaps().to_dicts()
    said = (asdict(explain(workspace, person, at)), asdict(figures.chain), figures.board.to_dicts(), gaps)
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS, default=str).decode()


@pytest.fixture
def lived(house: House) -> House:
    """Some days with people in them: hand-overs, calls, an owner set by hand, a deal, somebody who leaves."""
    first = house.mql()
    house.cycle()
    second = house.mql("sato@beta.example")
    house.cycle(later=timedelta(hours=3))
    owner = house.sfa.live("contacts")[first]["owner"]
    other = next(id_ for rep, id_ in house.users["sfa"].items() if rep.startswith("is") and id_ != owner)
    house.sfa.edit("contacts", first, owner=other)
    house.cycle(later=timedelta(hours=1))
    house.call("sfa", "is1@home.example", contact=first)
    house.sfa.insert("deals", contact=second, made_at=house.clock.now().isoformat(), status="open", owner=other)
    house.cycle(later=timedelta(hours=20))
    house.sfa.delete("contacts", second)
    house.cycle(later=timedelta(days=2))
    house.cycle(later=timedelta(days=9))
    return house


def test_the_past_decided_again_is_identical(lived: House) -> None:
    found = list(replay(lived.workspace))
    assert len(found) >= 6
    assert [(run.outcome, run.difference) for run in found] == [("identical", None)] * len(found)
    assert sum(run.decisions for run in found) > 4


def test_nothing_is_written_and_nobody_is_asked(lived: House) -> None:
    database = lived.directory / "house.db"
    lived.forget_writes()
    before = (lived.shown(), lived.store.runs.frame(), database.stat().st_size)
    outcomes(lived)
    assert lived.shown() == before[0]
    assert lived.store.runs.frame().equals(before[1])
    assert lived.writes == []


def test_a_decision_that_would_be_another_today_is_named(lived: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(*given: Any) -> Any:
        made = decide_as_of(*given)
        return replace(made, state=made.state.with_columns(pl.lit("hot").alias("temperature")))

    monkeypatch.setattr(replaying, "decide_as_of", otherwise)
    first = next(run for run in replay(lived.workspace) if run.outcome == "different")
    assert first.difference is not None
    assert (first.difference.part, first.difference.field) == ("state", "temperature")
    assert first.difference.now == ["hot"]


def test_runs_under_other_rules_are_told_and_not_compared_and_those_after_them_are(lived: House) -> None:
    before = len(outcomes(lived))
    lived.definitions_digest = "rules-2"
    lived.reopen()
    lived.mql("new@gamma.example")
    lived.cycle()
    assert outcomes(lived) == ["other_rules"] * before + ["identical"]


def test_it_can_end_with_a_run_or_at_an_instant(lived: House) -> None:
    runs = list(replay(lived.workspace))
    assert [run.run_id for run in replay(lived.workspace, runs[2].run_id)] == [run.run_id for run in runs[:3]]
    assert [run.run_id for run in replay(lived.workspace, runs[2].at)] == [run.run_id for run in runs[:3]]


def test_after_somebody_is_forgotten_the_others_are_still_decided_as_they_were(lived: House) -> None:
    gone = lived.person_of("sfa", next(iter(lived.sfa.live("contacts"))))
    now = lived.clock.now()
    forget(lived.workspace, gone, now)
    lived.mql("new@gamma.example")
    lived.cycle()
    found = list(replay(lived.workspace))
    assert {run.outcome for run in found[:-1]} <= {"identical", "erased"}
    assert all(gone not in orjson.dumps(asdict(run), default=str).decode() for run in found)
    assert found[-1].outcome == "identical"


def test_what_was_shown_at_a_moment_is_shown_of_it_later(house: House) -> None:
    house.mql()
    house.cycle()
    person = house.person_of("sfa", next(iter(house.sfa.live("contacts"))))
    kept: list[tuple[datetime, str]] = []
    for step in range(5):
        if step == 1:
            house.call("sfa", "is1@home.example", contact=next(iter(house.sfa.live("contacts"))))
        if step == 3:
            house.mql("sato@beta.example")
        house.cycle(later=timedelta(hours=5 + 30 * step))
        kept.append((house.clock.now(), told(house, house.clock.now(), person)))
    for at, then in kept:
        with as_of(house.workspace, at) as past:
            assert shown(past, at, person) == then


@pytest.mark.parametrize("answer", [same, different])
def test_what_people_answered_is_answered_again(house: House, answer: Any) -> None:
    house.contact("sfa", "office@acme.example", family="Tanaka", given="Ichiro")
    house.clock.advance(timedelta(minutes=1))
    second = house.contact("sfa", "office@acme.example", family="Suzuki", given="Hanako")
    house.visit("sfa", second)
    house.cycle()
    answer(house.workspace, f"sfa/contacts/{second}", None, "admin", house.clock.now())
    house.cycle()
    take_back(house.workspace, f"sfa/contacts/{second}", "admin", house.clock.now())
    house.visit("sfa", second)
    house.cycle()
    assert set(outcomes(house)) == {"identical"}


def test_nothing_can_be_shown_of_before_the_first_moment(lived: House) -> None:
    with pytest.raises(StopConnector) as raised, as_of(lived.workspace, datetime.fromisoformat("2020-01-01T00:00:00+00:00")):
        pass
    assert raised.value.code == "replay.nothing_then"


def test_what_began_before_anything_was_kept_is_not_shown_as_if_it_were_whole(lived: House) -> None:
    lived.cycle()
    _forget_the_beginning(lived)
    with pytest.raises(StopConnector) as raised:
        outcomes(lived)
    assert raised.value.code == "replay.not_whole"


def _forget_the_beginning(house: House) -> None:
    with house.store.transaction() as db:
        db.exec_driver_sql("DELETE FROM journal WHERE act = 'decided' AND id = (SELECT min(id) FROM journal WHERE act = 'decided')")


_ACTS = st.sampled_from(["new", "visit", "call", "owner", "deal", "leave", "same address", "pull only", "status"])


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(_ACTS, st.integers(0, 9), st.sampled_from([1, 7, 30, 300])), min_size=3, max_size=7))
def test_in_any_world_the_past_decided_again_is_identical(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]]
) -> None:
    house = House(Path(tmp_path_factory.mktemp("world")))
    try:
        house.mql()
        for number, (act, who, hours) in enumerate(acts):
            _live(house, act, who, number)
            house.cycle(later=timedelta(hours=hours))
        found: list[Replayed] = list(replay(house.workspace))
        assert [(run.run_id, run.difference) for run in found if run.outcome != "identical"] == []
        assert len(found) > 1
    finally:
        house.workspace.close()


def _live(house: House, act: str, who: int, number: int) -> None:
    """Something happens in the CRMs."""
    contacts = sorted(house.sfa.live("contacts"))
    one = contacts[who % len(contacts)] if contacts else None
    if act == "new" or one is None:
        house.mql(f"person{number}@acme{who}.example")
    elif act == "visit":
        house.visit("sfa", one)
    elif act == "call":
        house.call("sfa", "is1@home.example", contact=one)
    elif act == "owner":
        house.sfa.edit("contacts", one, owner=house.users["sfa"]["is2@home.example"])
    elif act == "deal":
        house.sfa.insert(
            "deals", contact=one, made_at=house.clock.now().isoformat(), status="won", closed_at=house.clock.now().isoformat()
        )
    elif act == "leave":
        house.sfa.delete("contacts", one)
    elif act == "same address":
        house.contact("ma", house.sfa.live("contacts")[one]["email"])
    elif act == "status":
        house.sfa.edit("contacts", one, status="working")
    else:
        learn(house.workspace, Moment(house.clock.now()))
