"""Spans of time that figures are counted over: a period, and its days, weeks, months or quarters in one time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

Grain = Literal["period", "day", "week", "month", "quarter"]
GRAINS: tuple[Grain, ...] = ("period", "day", "week", "month", "quarter")


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (included) to `until` (excluded), both in UTC."""

    since: datetime
    until: datetime

    def holds(self, column: str) -> pl.Expr:
        return (pl.col(column) >= self.since) & (pl.col(column) < self.until)


@dataclass(frozen=True, slots=True)
class Zone:
    """Whose days they are, and on which month and day the fiscal year begins there: quarters are counted from it."""

    name: str = "UTC"
    year_starts: tuple[int, int] = (1, 1)

    def midnight(self, day: date) -> datetime:
        """The first instant of a day, in UTC."""
        return datetime.combine(day, time(), ZoneInfo(self.name)).astimezone(UTC)

    def day_of(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.name)).date()

    def period(self, first: date, last: date) -> Period:
        """From the beginning of day `first` to the end of day `last`."""
        return Period(self.midnight(first), self.midnight(last + timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a period that fall into one day, week, month or quarter: both ends included. `label` names it whole, also
    where the period holds only a part of it."""

    label: str
    first: date
    last: date


def spans(first: date, last: date, grain: Grain, zone: Zone) -> tuple[Span, ...]:
    """The days from `first` to `last` in spans, without a gap and in order. Weeks are those of ISO 8601, from Monday."""
    made: list[Span] = []
    for day in _days(first, last):
        label = _label(day, grain, zone)
        if made and made[-1].label == label:
            made[-1] = Span(label, made[-1].first, day)
        else:
            made.append(Span(label, day, day))
    return tuple(made)


def quarter(day: date, year_starts: tuple[int, int]) -> tuple[int, int]:
    """The fiscal year (named after the calendar year in which it begins) and the quarter, 1 to 4, that a day belongs to."""
    month, first = year_starts
    months = (day.year * 12 + day.month) - (1 if day.day < first else 0) - month
    return months // 12, months % 12 // 3 + 1


def _label(day: date, grain: Grain, zone: Zone) -> str:
    if grain == "day":
        return day.isoformat()
    if grain == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    if grain == "month":
        return f"{day:%Y-%m}"
    if grain == "quarter":
        year, number = quarter(day, zone.year_starts)
        return f"{'' if zone.year_starts == (1, 1) else 'FY'}{year}-Q{number}"
    return "all"


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
