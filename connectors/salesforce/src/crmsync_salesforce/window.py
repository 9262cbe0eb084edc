"""The cursor of a stream, as arithmetic: a window of change stamps, frozen when it is opened, walked by (stamp, Id).

    {"since": null | instant, "until": instant, "after": [instant, id] | null}    in the middle of a window
    {"since": instant, "until": null, "after": null}                              between two: `since` is the last one's end

Stamps are set inside a transaction and become visible when it commits, so rows with older stamps appear after newer ones
were read: each window ends `lag` before now and begins `overlap` before the last one's end. Both ends are inclusive; what is
read twice is recognised by its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from crmsync_salesforce.times import parse_instant, soql_instant


@dataclass(frozen=True, slots=True)
class Margins:
    lag: timedelta = timedelta(seconds=300)
    overlap: timedelta = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in the order of a window."""

    stamp: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Window:
    """`since` None means from the beginning; `after` is the last row that is stored."""

    since: datetime | None
    until: datetime
    after: Position | None = None

    def moved_to(self, last: Position) -> Window:
        return replace(self, after=last)


def is_between(cursor: Mapping[str, Any] | None) -> bool:
    """Whether the next window must be opened, which needs the server's time."""
    return not cursor or cursor.get("until") is None


def resumed(cursor: Mapping[str, Any]) -> Window:
    """The window that a cursor stands in the middle of. Raises ValueError for what is no such cursor."""
    until, after = parse_instant(cursor.get("until")), cursor.get("after")
    stamp = parse_instant(after[0]) if after else None
    if until is None or (after and stamp is None):
        raise ValueError("not a cursor of this connector")
    position = Position(stamp, str(after[1])) if after and stamp else None
    return Window(parse_instant(cursor.get("since")), until, position)


def opened(cursor: Mapping[str, Any] | None, server_now: datetime, margins: Margins) -> Window:
    """The next window. Its end never lies before the last one's, whatever the clock says."""
    until = server_now - margins.lag
    last_end = parse_instant(cursor.get("since")) if cursor else None
    if last_end is None:
        return Window(None, until)
    return Window(last_end - margins.overlap, max(until, last_end))


def cursor_of(window: Window) -> dict[str, Any]:
    """The cursor that resumes this window after its last stored row."""
    after = [soql_instant(window.after.stamp), window.after.id] if window.after else None
    return {"since": soql_instant(window.since) if window.since else None, "until": soql_instant(window.until), "after": after}


def finished(window: Window) -> dict[str, Any]:
    """The cursor once every row of the window is stored."""
    return {"since": soql_instant(window.until), "until": None, "after": None}
