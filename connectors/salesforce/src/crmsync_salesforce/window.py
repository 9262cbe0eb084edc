"""The cursor of a stream, as arithmetic: a window of change stamps, opened by its first answer, walked by (stamp, Id).

    {"since": null | instant, "until": instant, "after": [instant, id] | null}    in the middle of a window
    {"since": instant, "until": null, "after": null}                              between two: `since` is the last one's end
    "job": {"id", "digest", "locator"}                                            beside the first form, while a bulk job answers

Stamps are set inside a transaction and become visible when it commits, so rows with older stamps appear after newer ones
were read. So `until`, the end up to which nothing can be missing, lies `lag` before the server's time at the first answer, or
ours where that is behind, and the next window begins `overlap` before it. Rows beyond `until` are taken as they come; they are
read again, and what is read twice is recognised by its content. Both ends are inclusive. `until` is frozen by the first answer:
an empty window never ends beyond the server's time, however far ours is ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from crmsync_salesforce.times import parse_instant, soql_instant

# The Date of an answer is set after its rows were looked up, in whole seconds: what was committed in between is not in it.
_SNAPSHOT = timedelta(seconds=2)


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
    """`since` None means from the beginning; `until` None that no answer came yet; `after` is the last row that is stored."""

    since: datetime | None
    until: datetime | None = None
    after: Position | None = None

    def moved_to(self, last: Position) -> Window:
        return replace(self, after=last)


def window_of(cursor: Mapping[str, Any] | None, margins: Margins) -> Window:
    """The window that a cursor stands in, or the next one. Raises ValueError for what is no cursor of ours."""
    if not cursor:
        return Window(None)
    since, until = parse_instant(cursor.get("since")), parse_instant(cursor.get("until"))
    if until is None:
        return Window(since - margins.overlap if since else None)
    return Window(since, until, _position(cursor.get("after")))


def frozen(window: Window, read_by: datetime, margins: Margins) -> Window:
    """The window once its first answer came: `read_by` is when, by the clock that counts. Its end never lies before the last one's,
    whatever that clock says."""
    if window.until is not None:
        return window
    until = read_by - margins.lag - _SNAPSHOT
    return replace(window, until=max(until, window.since + margins.overlap) if window.since else until)


def cursor_of(window: Window) -> dict[str, Any]:
    """The cursor that resumes this window after its last stored row."""
    after = [soql_instant(window.after.stamp), window.after.id] if window.after else None
    return {"since": _text(window.since), "until": _text(window.until), "after": after}


def finished(window: Window) -> dict[str, Any]:
    """The cursor once every row of the window is stored."""
    return {"since": _text(window.until), "until": None, "after": None}


def _position(after: Any) -> Position | None:
    if not after:
        return None
    stamp = parse_instant(after[0])
    if stamp is None:
        raise ValueError("not a cursor of this connector")
    return Position(stamp, str(after[1]))


def _text(at: datetime | None) -> str | None:
    return soql_instant(at) if at else None
