"""The times that CRMs write: Salesforce's three forms, HubSpot's ISO with and without a fraction, milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS = re.compile(r"-?\d{9,}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def instant(value: Any) -> datetime | None:
    """The instant that a text or a number of milliseconds names, in UTC; None where it names none. A day alone is none, and
    neither is a time without a zone: we do not guess."""
    if isinstance(value, str):
        return _named(value.strip())
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _named(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))


@lru_cache(maxsize=16_384)
def _named(text: str) -> datetime | None:
    """Many records of a page share their stamps, and a record's own are often equal."""
    if _MILLIS.fullmatch(text):
        return _from_millis(int(text))
    if _DAY.fullmatch(text):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else None


def day(value: Any) -> date | None:
    """The day that a text names. HubSpot's dates may come as midnight UTC in milliseconds or ISO; other times are no day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            return None
    moment = instant(value)
    return moment.date() if moment is not None and moment.time() == time() else None


def instant_on(when: date, zone: ZoneInfo, near: tuple[datetime, ...]) -> datetime:
    """An instant for something known by its day only: the first of `near` that falls on that day in `zone`, else the start of
    the day there."""
    for moment in near:
        if moment.astimezone(zone).date() == when:
            return moment
    return datetime.combine(when, time(), tzinfo=zone).astimezone(UTC)


def iso(moment: datetime) -> str:
    """As both CRMs take it, in UTC. Whole seconds: Salesforce keeps no fraction, and a fraction would come back as news."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_millis(millis: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError:
        return None
