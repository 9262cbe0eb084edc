"""A head's veto against a move of the valve, over whole cycles: it holds, is told, ends, is taken back, and the past knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from fake_house import House, definitions

from crmsync.errors import StopConnector
from crmsync.messages import LANGUAGES, say
from crmsync.sync.guard import Approval
from crmsync.sync.history import as_of
from crmsync.sync.pipeline import Cycle
from crmsync.sync.replay import replay
from crmsync.sync.vetoes import Objection, lift, standing, valve_moves, veto

DAY = timedelta(days=1)
MORI = Approval("M. Mori", "the fair")


@pytest.fixture
def moving(house: House) -> House:
    """A house whose valve opens by a quarter each day: nobody has anything to do. It has just moved from 1 to 0.75."""
    valve = replace(definitions().valve, strictest=1.0, start=1.0, largest_step=0.25, override=None, longest_veto_days=14)
    house.workspace = replace(house.workspace, definitions=replace(definitions(), valve=valve))
    house.mql()
    house.cycle()
    house.cycle(later=DAY)
    assert _positions(house) == [1.0, 0.75]
    return house


def _positions(house: House) -> list[float]:
    return [move["position"] for move in valve_moves(house.workspace)]


def _today(house: House) -> date:
    return house.clock.now().date()


def _say(house: House, days: int = 3, version: str | None = None, department: str = "inside_sales") -> None:
    objection = Objection(department, _today(house) + timedelta(days=days), MORI, version)
    veto(house.workspace, objection, house.clock.now())


def _last(house: House) -> str:
    return str(valve_moves(house.workspace)[-1]["version"])


def _told(cycle: Cycle) -> list[tuple[str, bool]]:
    return [(one.code, one.is_news) for one in cycle.pulled.notices]


@pytest.mark.parametrize("department", ["marketing", "inside_sales"])
def test_either_head_has_a_move_put_back_until_the_veto_ends(moving: House, department: str) -> None:
    _say(moving, 2, _last(moving), department)
    moving.cycle()
    assert _positions(moving) == [1.0, 0.75, 1.0]
    moving.cycle(later=DAY)
    moving.cycle(later=DAY)
    assert _positions(moving) == [1.0, 0.75, 1.0]
    moving.cycle(later=DAY)
    assert _positions(moving) == [1.0, 0.75, 1.0, 0.75]


def test_the_next_move_is_not_made_while_a_veto_keeps_the_valve_where_it_stands(moving: House) -> None:
    _say(moving, 1)
    moving.cycle(later=DAY)
    assert _positions(moving) == [1.0, 0.75]
    moving.cycle(later=DAY)
    assert _positions(moving) == [1.0, 0.75, 0.5]


def test_a_veto_ends_a_rest_and_is_told_in_words_while_it_stands(moving: House) -> None:
    for _ in range(3):
        moving.cycle(later=timedelta(minutes=1))
    _say(moving, 1, _last(moving))
    cycle = moving.cycle(later=timedelta(minutes=1))
    assert _positions(moving)[-1] == 1.0
    assert _told(cycle) == [("valve.vetoed", True)]
    (notice,) = cycle.pulled.notices
    for language in LANGUAGES:
        sentence = say(notice.code, language, **notice.params)
        assert all(part in sentence for part in ("Head of inside sales", "M. Mori", "the fair", (_today(moving) + DAY).isoformat()))
    assert _told(moving.cycle(later=DAY)) == [("valve.vetoed", False)]
    assert _told(moving.cycle(later=DAY)) == []


def test_a_veto_that_is_taken_back_lets_the_valve_move_again(moving: House) -> None:
    _say(moving, 9)
    moving.cycle(later=DAY)
    assert lift(moving.workspace, Approval("K. Kato", "the fair is off"), moving.clock.now()).by == "M. Mori"
    assert standing(moving.workspace, moving.clock.now()) is None
    moving.cycle()
    assert _positions(moving) == [1.0, 0.75, 0.5]
    (kept,) = moving.store.vetoes.frame().to_dicts()
    assert (kept["by"], kept["lifted_by"], kept["lifted_because"]) == ("M. Mori", "K. Kato", "the fair is off")
    with pytest.raises(StopConnector, match="no_veto"):
        lift(moving.workspace, MORI, moving.clock.now())


def test_what_is_no_veto_is_refused(moving: House) -> None:
    for days, version, department, code in (
        (3, None, "field_sales", "no_head"),
        (-1, None, "marketing", "bad_day"),
        (14, None, "marketing", "bad_day"),
        (3, "standard@1.0", "marketing", "no_move"),
    ):
        with pytest.raises(StopConnector, match=code):
            _say(moving, days, version, department)
    _say(moving, 13)
    with pytest.raises(StopConnector, match="vetoed_already"):
        _say(moving, 3, department="marketing")


def test_before_the_first_move_there_is_nothing_to_put_back(house: House) -> None:
    with pytest.raises(StopConnector, match="not_running"):
        _say(house)
    house.mql()
    house.cycle()
    with pytest.raises(StopConnector, match="no_move"):
        _say(house, 3, _last(house))


def test_the_past_knows_of_vetoes_and_of_their_end(moving: House) -> None:
    _say(moving, 9, _last(moving))
    said_at = moving.clock.now()
    moving.cycle()
    moving.cycle(later=DAY)
    lift(moving.workspace, MORI, moving.clock.now())
    moving.cycle()
    assert _positions(moving) == [1.0, 0.75, 1.0, 0.75]
    assert {run.outcome for run in replay(moving.workspace)} == {"identical"}
    with as_of(moving.workspace, said_at) as then:
        assert standing(then, said_at) is not None
    with as_of(moving.workspace, said_at - timedelta(minutes=1)) as then:
        assert standing(then, said_at) is None
