"""`--as-of`: the same answers of an earlier moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crmsync.cli.asked import Asked, parse_instant
from crmsync.sync.history import as_of as workspace_as_of
from crmsync.sync.workspace import Workspace


@contextmanager
def looking_back(asked: Asked, workspace: Workspace, as_of: str | None) -> Iterator[tuple[Workspace, datetime]]:
    """The workspace and the instant that a command speaks of: those of `--as-of` where it is given, else of now. Raises FixConfig
    where it is neither a day nor an instant, StopConnector where nothing was kept of then."""
    if as_of is None:
        yield workspace, asked.moment().now
        return
    at = moment_of(as_of, workspace, "--as-of")
    with workspace_as_of(workspace, at) as past:
        yield past, at


def moment_of(text: str, workspace: Workspace, option: str) -> datetime:
    """The instant that a text means, in UTC; of a day its end, in the zone of the targets. Raises FixConfig for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return parse_instant(text, option)
    zone = ZoneInfo(workspace.definitions.targets.time_zone)
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) - timedelta(microseconds=1)
