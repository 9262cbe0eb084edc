"""A head's veto: the valve stands where it stood until the veto ends, and then moves again by the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from crmsync.decisions.frames import ValvePosition, Veto
from crmsync.decisions.qualification import Definition, End
from crmsync.decisions.scoring import Title
from crmsync.decisions.valve import Band, Override, Valve, move

MONDAY = date(2026, 6, 1)
DEFINITION = Definition("standard", 3, Title("標準", "Standard"), (), (), End(10, ("hot", "warm")), End(30, ("hot",)))
VALVE = Valve(0.0, 1.0, 0.5, 0.25, Band(1.0, 0.8), Band(0.4, 0.6), Band(0.9, 1.0), 1.1)
MOVED = ValvePosition(0.75, "standard@3.8", MONDAY.isoformat(), "busy", 1.3, 1.0)
"""On Monday, from 0.5, which was standard@3.7."""
BUSY, IDLE = 1.3, 0.1


def veto(position: float, days: int, version: str = "standard@3.8") -> Veto:
    return Veto(version, position, MONDAY + timedelta(days=days), "marketing", "M. Mori", "the fair")


def days(said: Veto | None, count: int, load: float = BUSY, valve: Valve = VALVE) -> list[tuple[float, str]]:
    """Position and cause on so many days from Monday on, which has used its one move."""
    stands, told = MOVED, []
    for n in range(count):
        stands = move(stands, valve, load, 1.0, MONDAY + timedelta(days=n), DEFINITION, said)
        told.append((stands.position, stands.cause))
    return told


def test_a_move_that_was_made_is_put_back_the_same_day_and_stays_back_until_the_veto_ends() -> None:
    assert days(veto(0.5, 2), 5) == [(0.5, "vetoed")] * 3 + [(0.75, "busy"), (1.0, "busy")]


def test_a_move_that_was_not_made_yet_is_not_made() -> None:
    assert days(veto(0.75, 1), 3) == [(0.75, "vetoed")] * 2 + [(1.0, "busy")]
    assert days(veto(0.75, 1), 3, IDLE) == [(0.75, "vetoed")] * 2 + [(0.5, "idle")]


def test_putting_back_is_a_version_of_its_own_so_that_every_hand_over_tells_under_which_it_was() -> None:
    back = move(MOVED, VALVE, BUSY, 1.0, MONDAY, DEFINITION, veto(0.5, 2))
    assert (back.version, back.moved_on) == ("standard@3.9", MONDAY.isoformat())
    assert move(back, VALVE, BUSY, 1.0, MONDAY, DEFINITION, veto(0.5, 2)).version == "standard@3.9"


def test_a_veto_is_within_the_bounds_of_the_document() -> None:
    assert days(veto(0.5, 2), 1, valve=replace(VALVE, loosest=0.6)) == [(0.6, "vetoed")]


def test_what_the_document_sets_by_hand_comes_before_a_veto() -> None:
    by_hand = replace(VALVE, override=Override(0.9, MONDAY, "Both heads", "year-end"))
    assert days(veto(0.5, 2), 2, valve=by_hand) == [(0.9, "override"), (0.5, "vetoed")]


def test_another_version_of_the_definition_is_not_bound_by_a_veto_of_the_former() -> None:
    other = veto(0.5, 9, "standard@2.8")
    assert not other.binds("standard@3.8", MONDAY)
    assert days(other, 2) == days(None, 2)
    assert veto(0.5, 0).binds("standard@3.99", MONDAY)
    assert not veto(0.5, 0).binds("other@3.8", MONDAY)
