"""What two plays come to: wins by band with Wilson's limits, and approaches that fit into the days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from crmsync.figures.whatif import LEAST_CASES, Case, HandOver, expected_wins, kept_share

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
    assert kept_share([handed(name, 0, 1) for name in "abc"], days) == pytest.approx(kept)


def test_what_is_due_later_is_not_judged_before() -> None:
    assert kept_share([handed("a", 0, 9)], {DAY: 0}) is None
