"""The business calendar: which hours of which days count, in whose zone, and which days do not and why.

Layers, each over the one before: hours per weekday, national holidays, the company's closures. A person's own absences are no
layer here: they take the person out of routing (`routing.py`), not the hours out of a promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays

DueUnit = Literal["clock_hours", "clock_days", "business_hours", "business_days"]

HORIZON_DAYS = 366 * 20
"""How far a search for business time looks before it gives up: no promise of ours is longer."""


@dataclass(frozen=True, slots=True)
class Closure:
    """Days on which the company is closed, both ends included. Without a year they come back every year (12-29 … 01-03)."""

    name: str
    first: tuple[int | None, int, int]  # year or None, month, day
    last: tuple[int | None, int, int]

    def covers(self, day: date) -> bool:
        first_year, *first = self.first
        last_year, *last = self.last
        here = [day.month, day.day]
        if first_year is not None and last_year is not None:
            return [first_year, *first] <= [day.year, *here] <= [last_year, *last]
        return first <= here <= last if first <= last else here >= first or here <= last


@dataclass(frozen=True, slots=True)
class Skipped:
    """A day that did not count, and why: the holiday's name, the closure's, or "weekend"."""

    day: date
    why: str


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """`windows[weekday]` are the hours of that weekday (0 = Monday), as wall-clock times of `time_zone`, in order and apart.
    `country` is a code of the `holidays` library (its pure tables; None = no national holidays)."""

    name: str
    time_zone: str
    windows: tuple[tuple[tuple[time, time], ...], ...]
    country: str | None = None
    closures: tuple[Closure, ...] = ()
    language: str = "ja"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def closed_because(self, day: date) -> str | None:
        """Why this day has no business hours; None for a business day."""
        for closure in self.closures:
            if closure.covers(day):
                return closure.name
        holiday = _holidays(self.country, self.language, day.year).get(day)
        if holiday is not None:
            return holiday
        return None if self.windows[day.weekday()] else "weekend"

    def is_business_day(self, day: date) -> bool:
        return self.closed_because(day) is None

    def hours_of(self, day: date) -> list[tuple[datetime, datetime]]:
        """The business windows of this day, as UTC instants (a window lost in a change of clocks is left out)."""
        if not self.is_business_day(day):
            return []
        spans = [(self._instant(day, opens), self._instant(day, closes)) for opens, closes in self.windows[day.weekday()]]
        return [(opens, closes) for opens, closes in spans if opens < closes]

    def local_day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def next_moment(self, instant: datetime) -> datetime:
        """This instant where it is business time, else the next opening."""
        return next(max(instant, opens) for opens, closes in self._windows_from(instant) if closes > instant)

    def add_business_hours(self, start: datetime, hours: float) -> tuple[datetime, tuple[Skipped, ...]]:
        """The instant at which `hours` of business time have gone by since `start`, and the days between that did not count."""
        left = timedelta(hours=hours)
        for opens, closes in self._windows_from(start):
            available = closes - max(start, opens)
            if available >= left:
                due = max(start, opens) + left
                return due, self.skipped(start, due)
            left -= max(available, timedelta(0))
        raise AssertionError("unreachable: _windows_from raises first")

    def add_business_days(self, start: datetime, days: int) -> tuple[datetime, tuple[Skipped, ...]]:
        """The same wall-clock time `days` business days later, within that day's hours. Starts at the next opening where
        `start` is outside business time."""
        begin = self.next_moment(start)
        day = self.local_day(begin)
        for _ in range(days):
            day = self._next_business_day(day)
        hours = self.hours_of(day)
        wanted = self._instant(day, begin.astimezone(self.zone).time())
        due = min(max(wanted, hours[0][0]), hours[-1][1])
        return due, self.skipped(start, due)

    def skipped(self, start: datetime, end: datetime) -> tuple[Skipped, ...]:
        """The closed days from the day of `start` to the day of `end`."""
        first, last = self.local_day(start), self.local_day(end)
        days = (first + timedelta(days=n) for n in range(min((last - first).days, HORIZON_DAYS) + 1))
        return tuple(Skipped(day, why) for day in days if (why := self.closed_because(day)) is not None)

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def _windows_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The windows that end after `start`, in order. Raises ValueError where the calendar never opens."""
        day = self.local_day(start)
        for n in range(HORIZON_DAYS):
            for opens, closes in self.hours_of(day + timedelta(days=n)):
                if closes > start:
                    yield opens, closes
        raise ValueError(f"calendar {self.name} has no business time within {HORIZON_DAYS} days")

    def _next_business_day(self, day: date) -> date:
        for n in range(1, HORIZON_DAYS):
            if self.hours_of(day + timedelta(days=n)):
                return day + timedelta(days=n)
        raise ValueError(f"calendar {self.name} has no business day within {HORIZON_DAYS} days")


@dataclass(frozen=True, slots=True)
class Calendars:
    """Every calendar by name, and the one for whoever has none of their own."""

    default: str
    by_name: Mapping[str, BusinessCalendar] = field(default_factory=dict)

    def named(self, name: str | None) -> BusinessCalendar:
        """The calendar of this name, the default one where there is none."""
        return self.by_name.get(name or self.default) or self.by_name[self.default]


@lru_cache(maxsize=512)
def _holidays(country: str | None, language: str, year: int) -> Mapping[date, str]:
    """National holidays of one year by day. A language that the country's table lacks falls back to the table's own."""
    if country is None:
        return {}
    supported = getattr(holidays, country).supported_languages
    return dict(holidays.country_holidays(country, years=year, language=language if language in supported else None).items())
