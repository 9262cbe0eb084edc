"""Play the sandbox and crmsync against each other on one virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.messages import Language
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Moment, Workspace

ZONE = ZoneInfo("Asia/Tokyo")
# A cycle when people come in and one in the afternoon, on days when people work: often enough that a rep acts today on what
# was decided today, seldom enough that four weeks pass in well under a minute.
CYCLES = (time(9, 0), time(14, 0))
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Play:
    """A sandbox being played: the world, the workspace that works on it, and when the play ends."""

    sandbox: Sandbox
    workspace: Workspace
    begins: datetime
    ends: datetime

    def close(self) -> None:
        self.workspace.close()
        self.sandbox.close()


def begin(config: WorldConfig, directory: Path, days: int, language: Language) -> Play:
    """Serve a world on free ports and wire a workspace to it."""
    sandbox = open_sandbox(config)
    write_configuration(directory, shipped("rules"), roster(config), language, sandbox.urls)
    return Play(sandbox, open_workspace(directory), config.day_zero, config.day_zero + timedelta(days=days))


def cycles(play: Play, watch: Callable[[Cycle], None] = lambda _cycle: None) -> Iterator[datetime]:
    """Run the play; gives the instant after each cycle."""
    for at in instants(play.begins, play.ends):
        play.sandbox.advance_to(at)
        watch(run_cycle(play.workspace, Moment(at, is_rehearsal=True)))
        yield at


def instants(begins: datetime, ends: datetime) -> Iterator[datetime]:
    """When cycles run between two instants (both included), in the order of time."""
    day = begins.astimezone(ZONE).date()
    while day <= ends.astimezone(ZONE).date():
        for moment in CYCLES if day.weekday() < _SATURDAY else ():
            at = datetime.combine(day, moment, ZONE).astimezone(UTC)
            if begins <= at <= ends:
                yield at
        day += timedelta(days=1)
