"""When a report is read, and what its cursor says. Pure: the time is an argument.

Reports are what figures need and nobody acts on: they are read some times a day, and cost nothing in the cycles between. One that
is refused (a plan or a scope that the account does not have) is asked for again a day later, and rests alone.

    read       {"read_at": …} and what its own reading adds
    refused    {…as before, "refused_at": …, "why": …}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crmsync_hubspot.values import instant, iso

# How often a portal that refused a report is asked again: its plan, or our scopes, may have grown.
ASK_AGAIN = timedelta(days=1)

Cursor = Mapping[str, Any]


def is_due(cursor: Cursor, now: datetime, every: timedelta) -> bool:
    """Whether the report is to be read. One that stands under a time to come was read by a clock that was set back."""
    refused_at, read_at = instant(cursor.get("refused_at")), instant(cursor.get("read_at"))
    last, pause = (refused_at, ASK_AGAIN) if refused_at else (read_at, every)
    return last is None or not last <= now < last + pause


def read(now: datetime, **more: Any) -> dict[str, Any]:
    """The cursor of a report that was read."""
    return {"read_at": iso(now), **more}


def refused(cursor: Cursor, now: datetime, why: str) -> dict[str, Any]:
    """The cursor of a report that was refused, with all that it knew."""
    return {**cursor, "refused_at": iso(now), "why": why}
