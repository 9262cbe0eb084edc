"""A baton that crmsync itself lost fails the run; one that only people can pick up is told to those who must act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from fake_house import House

from crmsync.cli.shown import batons
from crmsync.decisions.team import Team
from crmsync.messages import LANGUAGES
from crmsync.sync import decide as deciding
from crmsync.sync.pipeline import Cycle


@pytest.fixture
def losing(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Cycle]:
    """A cycle of a core that starts no clock and says so in its gaps, as it does when it is broken."""
    honest = deciding.decide_purely

    def broken(*args: Any, **more: Any) -> Any:
        made = honest(*args, **more)
        gap = {"gap": "no_next_action", "department": "inside_sales", "detail": ""}
        lost = made.state.filter(phase="mql").select("person_id", *(pl.lit(value).alias(name) for name, value in gap.items()))
        return replace(made, gaps=lost.select(made.gaps.columns))

    def cycle() -> Cycle:
        with monkeypatch.context() as patched:
            patched.setattr(deciding, "decide_purely", broken)
            return house.cycle()

    return cycle


def _state(house: House) -> str:
    return str(house.store.runs.frame().sort("run_id")["state"][-1])


def test_a_run_that_loses_a_baton_has_failed_and_did_all_its_work(
    house: House, losing: Callable[[], Cycle], capsys: pytest.CaptureFixture[str]
) -> None:
    house.mql()
    cycle = losing()
    assert (cycle.is_complete, cycle.state, _state(house)) == (False, "failed", "failed")
    assert [(one.gap, one.count, one.owners) for one in cycle.lost] == [
        ("no_next_action", 1, ("Head of marketing", "Head of inside sales"))
    ]
    assert cycle.applied.outcomes["written"] > 0
    for language in LANGUAGES:
        batons(cycle.lying, language)
        assert "crmsync" in capsys.readouterr().err
    healed = house.cycle()
    assert (healed.lying, healed.is_complete, _state(house)) == ((), True, "done")


def test_while_a_baton_is_lost_no_cycle_rests(house: House, losing: Callable[[], Cycle]) -> None:
    house.mql()
    for _ in range(4):
        losing()
    assert not house.cycle().prepared.decided.decisions.state.is_empty()


def test_a_gap_that_people_must_mend_is_told_and_fails_nothing(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.mql()
    house.cycle()
    house.workspace = replace(house.workspace, team=Team(()))
    cycle = house.cycle()
    assert (cycle.lost, cycle.state, cycle.is_complete) == ((), "done", True)
    (one,) = cycle.lying
    assert (one.gap, one.department, one.count, one.joint) == ("no_owner", "inside_sales", 1, "handed_over")
    batons(cycle.lying, "en")
    told = capsys.readouterr().err
    assert "Inside Sales must act" in told
    assert "Head of marketing / Head of inside sales" in told


def test_which_gaps_fail_a_run_is_agreed(house: House, losing: Callable[[], Cycle]) -> None:
    rules = house.workspace.definitions
    house.workspace = replace(house.workspace, definitions=replace(rules, joints=replace(rules.joints, fails_on=())))
    house.mql()
    assert losing().state == "done"
    strict = replace(rules, joints=replace(rules.joints, fails_on=("no_owner",)))
    house.workspace = replace(house.workspace, definitions=strict, team=Team(()))
    assert house.cycle().state == "failed"
