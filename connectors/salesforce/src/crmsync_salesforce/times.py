"""Salesforce's ways to write an instant, read and written. All instants are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(value: Any) -> datetime | None:
    """Read `2011-07-07T00:37:00.000+0000` (REST), `…000Z` (Bulk CSV) or epoch milliseconds. None for anything else, also for a
    plain date, which is no instant."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _EPOCH + timedelta(milliseconds=value)
    return _named(value) if isinstance(value, str) and "T" in value else None


@lru_cache(maxsize=16_384)
def _named(text: str) -> datetime | None:
    """Many records of a page share their stamps."""
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        return None
    return stamp.astimezone(UTC) if stamp.tzinfo else None


def soql_instant(at: datetime) -> str:
    """`2024-01-01T00:00:00.000Z`: unquoted, always UTC; anything naive is a bug and raises ValueError."""
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
