"""When people in this world work: weekdays 9 to 18 in Japan, national holidays off. Instants in and out are aware, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")
_OPENS, _CLOSES = time(9), time(18)
_DAY = timedelta(days=1)


@lru_cache(maxsize=16)
def _holidays(year: int) -> frozenset[date]:
    import holidays  # a large import that only a world in motion needs

    return frozenset(holidays.country_holidays("JP", years=year))


def is_working_day(day: date) -> bool:
    """Whether people work on `day` (a day in Japan)."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def opening(day: date) -> datetime:
    return datetime.combine(day, _OPENS, JAPAN).astimezone(UTC)


def closing(day: date) -> datetime:
    return datetime.combine(day, _CLOSES, JAPAN).astimezone(UTC)


def day_of(at: datetime) -> date:
    """The day in Japan."""
    return at.astimezone(JAPAN).date()


def is_working(at: datetime) -> bool:
    day = day_of(at)
    return is_working_day(day) and opening(day) <= at < closing(day)


def next_working(at: datetime) -> datetime:
    """`at` itself within working hours, else the next opening."""
    day = day_of(at)
    if is_working_day(day) and at < closing(day):
        return max(at, opening(day))
    day += _DAY
    while not is_working_day(day):
        day += _DAY
    return opening(day)


def after_working(at: datetime, worked: timedelta) -> datetime:
    """The instant at which `worked` working time has gone by since `at`."""
    at = next_working(at)
    while (left := closing(day_of(at)) - at) <= worked:
        worked -= left
        at = next_working(closing(day_of(at)))
    return at + worked
