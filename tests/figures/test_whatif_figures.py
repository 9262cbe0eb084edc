"""What two plays come to: wins by band with Wilson's limits, and approaches that fit into the days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decisions.frames import CLOCKS, conform
from crmsync.figures.whatif import LEAST_CASES, Actual, Case, HandOver, actual, expected_wins, play, worked

DAY = date(2026, 6, 1)


def handed(name: str, day: int, due: int, score: float = 50.0) -> HandOver:
    return HandOver(name, DAY + timedelta(days=day), score, DAY + timedelta(days=due))


def test_a_band_with_few_cases_says_nothing_and_is_counted() -> None:
    cases = [Case(50.0, n < 5) for n in range(LEAST_CASES)] + [Case(90.0, True)]
    found = expected_wins([handed("a", 0, 1), handed("b", 0, 1), handed("c", 0, 1, 90.0)], cases)
    assert found.expected == pytest.approx(0.5)
    assert found.without_rate == 1
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high


def test_without_any_band_that_says_something_there_is_no_number() -> None:
    found = expected_wins([handed("a", 0, 1)], [])
    assert (found.expected, found.low, found.high, found.without_rate) == (None, None, None, 1)


@pytest.mark.parametrize(("room", "kept"), [(3, 1.0), (1, 2 / 3), (0, 0.0)])
def test_what_does_not_fit_into_a_day_waits_and_is_late(room: int, kept: float) -> None:
    days = {DAY + timedelta(days=n): room for n in range(3)}
    assert worked([handed(name, 0, 1) for name in "abc"], days).kept == pytest.approx(kept)


def test_what_is_due_later_is_not_judged_before() -> None:
    assert worked([handed("a", 0, 9)], {DAY: 0}).kept is None


def test_a55_the_price_of_being_too_strict_stands_beside_that_of_being_too_loose() -> None:
    days = [DAY + timedelta(days=n) for n in range(2)]
    capacity = dict.fromkeys(days, 2)
    strict = play([handed("a", 0, 1)], days, capacity, [], 30)
    loose = play([handed(str(n), 0, 0) for n in range(7)], days, capacity, [], 30)
    assert (strict.idle_hours, strict.late, strict.undone_hours) == (1.5, 0, 0)
    assert (loose.idle_hours, loose.late, loose.undone_hours) == (0, 5, 1.5)
    assert (loose.by_day, loose.sla_kept) == ({days[0]: 7, days[1]: 0}, pytest.approx(2 / 7))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=30), st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_every_first_approach_is_made_or_left_and_no_day_holds_more_than_it_can(
    given_: list[tuple[int, int]], rooms: list[int]
) -> None:
    capacity = {DAY + timedelta(days=n): room for n, room in enumerate(rooms)}
    found = worked([handed(str(n), day, day + wait) for n, (day, wait) in enumerate(given_)], capacity)
    made = len(given_) - found.undone
    assert made + found.idle == sum(rooms)
    assert found.late <= found.judged <= len(given_)


def test_what_happened_is_told_by_the_same_measures() -> None:
    handed_over = pl.DataFrame({"person_id": ["a", "b", "c", "d"]})
    now = datetime(2026, 6, 2, tzinfo=UTC)
    rows = [
        {"clock_id": "1", "person_id": "a", "met_at": now},
        {"clock_id": "2", "person_id": "b", "met_at": now, "breached_at": now},
        {"clock_id": "3", "person_id": "c"},
    ]
    found = actual(handed_over, conform(pl.DataFrame(rows), CLOCKS), {"a", "z"}, {DAY: 8}, 30)
    assert found == Actual(4, 2.0, 0.5, 0.5, 1)
