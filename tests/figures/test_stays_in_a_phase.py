"""How long people are in a phase, those still inside among them."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journeys import END, MAY, day, journey, moves, told

from crmsync.figures.stays import median_of_lasting, stays, time_in_phase, vetting, vetting_sheet


def in_mql(*journeys: list[dict[str, object]], cycle: int | None = None) -> dict[str, object]:
    table = time_in_phase(stays(moves(*journeys), END), MAY, END)
    (row,) = table.filter((pl.col("phase") == "mql") & pl.col("cycle").eq_missing(cycle)).to_dicts()
    return row


def waited(person: str, days: float) -> list[dict[str, object]]:
    return journey(person, ("inquiry", 0), ("mql", 1), ("sql", 1 + days))


def test_those_who_left_have_a_median_and_those_inside_an_age() -> None:
    row = in_mql(waited("a", 2), waited("b", 4), waited("c", 9), journey("d", ("inquiry", 0), ("mql", 11)))
    assert (row["left"], row["median_days"], row["p90_days"]) == (3, 4.0, pytest.approx(8.0))
    assert (row["inside"], row["inside_median_days"], row["oldest_days"]) == (1, 20.0, 20.0)


def test_the_slow_ones_who_are_still_inside_are_not_forgotten() -> None:
    """One in four left after two days; the others have been waiting for twenty: nobody typically leaves after two."""
    row = in_mql(waited("a", 2), *(journey(f"p{n}", ("inquiry", 0), ("mql", 11)) for n in range(3)))
    assert (row["median_days"], row["typical_days"]) == (2.0, None)


def test_with_nobody_inside_the_typical_stay_is_the_middle_one() -> None:
    assert in_mql(waited("a", 2), waited("b", 4), waited("c", 9))["typical_days"] == 4.0


def test_each_time_round_counts_by_itself() -> None:
    twice = journey("p", ("inquiry", 0), ("mql", 1), ("recycled", 3), ("mql", 10), ("sql", 18))
    assert [in_mql(twice, cycle=cycle)["median_days"] for cycle in (0, 1, None)] == [2.0, 8.0, 5.0]


def test_what_happened_after_the_instant_is_not_known() -> None:
    known = stays(moves(waited("a", 9)), day(5))
    assert known.filter(pl.col("phase") == "mql")["left_at"].to_list() == [None]


@pytest.mark.parametrize(("now", "inside"), [("mql", day(4)), ("sql", day(5))])
def test_who_became_one_with_somebody_is_inside_once(now: str, inside: datetime) -> None:
    """The moves of both are there; their state says where the one is now. Each entry goes with an exit of its own."""
    one, other = journey("p", ("inquiry", 0), ("mql", 4)), journey("p", ("inquiry", 2), ("mql", 3), ("sql", 5))
    table = stays(moves(one, other), END, pl.DataFrame({"person_id": ["p"], "phase": [now]}))
    assert table.filter(pl.col("left_at").is_null())["entered_at"].to_list() == [inside]
    assert told(table.filter(pl.col("phase") == "inquiry"), "entered_at", "left_at") == {day(0): day(3), day(2): day(4)}
    assert (table["left_at"] >= table["entered_at"]).all()


def test_a_phase_left_before_and_entered_after_the_period_is_not_in_it() -> None:
    early = journey("a", ("inquiry", -20), ("mql", -10), ("sql", -5))
    late = journey("b", ("inquiry", 40), ("mql", 45))
    phases = time_in_phase(stays(moves(early, late), day(60)), MAY, day(60))["phase"].unique().to_list()
    assert phases == ["sql"]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=15))
def test_everyone_who_ever_entered_left_or_is_inside(people: list[tuple[int, int]]) -> None:
    """Leads in = sum of exits + still inside (the guide's fifth item), phase by phase."""
    told_ = [journey(f"p{n}", ("inquiry", start), ("mql", start + length)) for n, (start, length) in enumerate(people)]
    table = time_in_phase(stays(moves(*told_), END), MAY, END).filter(pl.col("cycle").is_null())
    for row in table.to_dicts():
        assert row["began"] == row["left"] + row["inside"], row["phase"]


def test_the_estimate_of_the_middle_is_kaplan_and_meiers() -> None:
    """Their textbook case: ends at 3, 5, 8; watched until 4 and 9. At 8 the share left is 4/5 × 2/3 × 1/2."""
    rows = pl.DataFrame({"g": ["x"] * 5, "days": [3.0, 4.0, 5.0, 8.0, 9.0], "ended": [True, False, True, True, False]})
    assert median_of_lasting(rows, ["g"], "days", "ended")["median"].to_list() == [8.0]


# -------------------------------------------------------------------------------------------------------------------- vetting


def inquiries(*rows: tuple[str, float, bool | None]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(person, day on which they came, whether they are whom we are after)."""
    came = stays(moves(*(journey(p, ("inquiry", at)) for p, at, _ in rows)), END)
    schema = {"person_id": pl.String, "is_target": pl.Boolean}
    return came, pl.DataFrame([(p, known) for p, _, known in rows], schema=schema, orient="row")


def test_the_unvetted_have_an_age_and_the_vetted_none() -> None:
    came, known = inquiries(("gem", -300, True), ("stone", -300, False), ("a", 21, None), ("b", 11, None))
    (row,) = vetting(came, known, END).to_dicts()
    assert (row["inside"], row["unvetted"], row["unvetted_median_days"], row["oldest_days"]) == (4, 2, 15.0, 20.0)
    assert row["unvetted_p90_days"] == pytest.approx(19.0)


@pytest.mark.parametrize(("limit", "warned"), [(18, True), (19, False)])
def test_who_waits_longer_than_agreed_to_be_vetted_is_an_alarm(limit: int, warned: bool) -> None:
    sheet = vetting_sheet(*inquiries(("a", 21, None), ("b", 11, None)), END, limit)
    assert (sheet.rows["alarm"].to_list(), len(sheet.notes)) == ([warned], int(warned))


def test_nobody_to_vet_is_nobody_waiting() -> None:
    assert vetting(*inquiries(), END).row(0) == (0, 0, None, None, None)
