"""Instants as the portal keeps them: UTC, ISO 8601 with milliseconds and Z, so that text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"-?\d+")
_LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: what a datetime can hold."""


def iso(at: datetime) -> str:
    """An aware instant in the portal's form."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def instant(text: str) -> datetime | None:
    """Read ISO 8601 (a bare date is its midnight in UTC) or milliseconds since 1970; None when it is neither."""
    if _DIGITS.fullmatch(text):
        number = int(text)
        return _EPOCH + timedelta(milliseconds=number) if abs(number) <= _LATEST_MS else None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def day(text: str) -> date | None:
    """Read `YYYY-MM-DD`, or milliseconds that are a midnight in UTC; None when it is neither."""
    if _DIGITS.fullmatch(text):
        at = instant(text)
        return at.date() if at is not None and at.time() == datetime.min.time() else None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
