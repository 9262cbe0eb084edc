"""Periods, and the days, weeks, months and quarters in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.figures.period import GRAINS, Grain, Span, Zone, quarter, spans

TOKYO = Zone("Asia/Tokyo", (4, 1))


def test_a_day_begins_at_midnight_of_its_zone() -> None:
    period = TOKYO.period(date(2026, 5, 1), date(2026, 5, 31))
    assert (period.since, period.until) == (datetime(2026, 4, 30, 15, tzinfo=UTC), datetime(2026, 5, 31, 15, tzinfo=UTC))


def test_a_day_that_loses_an_hour_is_a_day() -> None:
    period = Zone("Europe/Berlin").period(date(2026, 3, 29), date(2026, 3, 29))
    assert period.until - period.since == timedelta(hours=23)


def test_months_are_cut_where_the_period_is() -> None:
    assert spans(date(2026, 5, 15), date(2026, 7, 2), "month", TOKYO) == (
        Span("2026-05", date(2026, 5, 15), date(2026, 5, 31)),
        Span("2026-06", date(2026, 6, 1), date(2026, 6, 30)),
        Span("2026-07", date(2026, 7, 1), date(2026, 7, 2)),
    )


def test_the_first_days_of_january_may_be_of_last_years_last_week() -> None:
    assert [span.label for span in spans(date(2026, 12, 31), date(2027, 1, 4), "week", TOKYO)] == ["2026-W53", "2027-W01"]


@pytest.mark.parametrize(
    ("day", "starts", "expected"),
    [
        (date(2026, 4, 1), (4, 1), (2026, 1)),
        (date(2026, 3, 31), (4, 1), (2025, 4)),
        (date(2026, 12, 31), (4, 1), (2026, 3)),
        (date(2026, 12, 31), (1, 1), (2026, 4)),
        (date(2026, 3, 20), (3, 21), (2025, 4)),
        (date(2026, 3, 21), (3, 21), (2026, 1)),
        (date(2026, 1, 1), (12, 1), (2025, 1)),
    ],
)
def test_quarters_are_those_of_the_fiscal_year(day: date, starts: tuple[int, int], expected: tuple[int, int]) -> None:
    assert quarter(day, starts) == expected


def test_a_fiscal_quarter_says_that_it_is_one() -> None:
    day = date(2026, 5, 7)
    assert spans(day, day, "quarter", TOKYO)[0].label == "FY2026-Q1"
    assert spans(day, day, "quarter", Zone())[0].label == "2026-Q2"


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400), st.sampled_from(GRAINS))
def test_spans_are_the_days_of_the_period_each_once(first: date, length: int, grain: Grain) -> None:
    last = first + timedelta(days=length)
    made = spans(first, last, grain, TOKYO)
    assert (made[0].first, made[-1].last) == (first, last)
    assert all(later.first - earlier.last == timedelta(days=1) for earlier, later in pairwise(made))
    assert len({span.label for span in made}) == len(made)
