"""How the org writes instants and days: whole seconds, in UTC, as REST shows them, so that text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def stamp(at: datetime) -> str:
    """An aware instant as REST writes it: `2026-04-01T09:00:00.000+0000`. Fractions of a second are dropped."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def instant(text: str) -> datetime:
    """Read what `stamp` wrote, or any literal that `DATETIME` matches. Raises ValueError for a day that does not exist."""
    return datetime.fromisoformat(text)


def is_day(text: str) -> bool:
    """Whether the text is a day of the calendar as `YYYY-MM-DD`."""
    if not DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def bulk_stamp(text: str) -> str:
    """The same instant as Bulk 2.0 writes it in CSV: `...000Z`."""
    return text.removesuffix("+0000") + "Z"
