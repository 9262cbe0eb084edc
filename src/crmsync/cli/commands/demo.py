"""demo: some weeks in under a minute, and what came of them."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from crmsync.cli.asked import Asked
from crmsync.cli.commands import explain as explaining
from crmsync.cli.commands import figures as figuring
from crmsync.cli.commands import gaps as gapping
from crmsync.cli.frame import FAILED, FINE, answers, print_json, terminal
from crmsync.demo.play import Play, begin, cycles, instants
from crmsync.demo.told import until_accepted, worth_telling
from crmsync.messages import Language, say
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sync.brief import moment
from crmsync.sync.explain import Explanation, explain
from crmsync.sync.pipeline import Cycle
from crmsync.sync.review import Review, review


@dataclass(slots=True)
class Totals:
    """What the play came to. `now` is the instant of the last cycle, `seconds` are real ones."""

    days: int
    now: datetime
    cycles: int = 0
    written: int = 0
    calls: int = 0
    failures: int = 0
    seconds: float = 0.0

    def count(self, cycle: Cycle) -> None:
        self.cycles += 1
        self.written += cycle.applied.written
        self.failures += len(cycle.pulled.failures) + len(cycle.applied.failures)


@dataclass(frozen=True, slots=True)
class Ending:
    """What the demo ends with. `story` is None where nobody was handed over."""

    found: Review
    gaps: list[dict[str, Any]]
    story: Explanation | None


@answers
def execute(asked: Asked, days: int, people: int, seed: int, directory: Path | None) -> int:
    words = asked.words("ja")
    console = terminal(on_error=asked.as_json)
    with _place(directory) as place:
        console.print(say("demo.begin", words, people=people))
        started = time.monotonic()
        play = begin(WorldConfig(seed=seed, population=people), place, days, words)
        try:
            totals = _watch(play, console, days, words)
            totals.seconds = time.monotonic() - started
            ending = _ending(play, totals.now)
            if asked.as_json:
                print_json(_json(totals, ending))
            else:
                _show(console, play, totals, ending, words)
        finally:
            play.close()
        if directory is not None and ending.story is not None:
            hint = {"directory": directory, "person": ending.story.person["person_id"], "now": f"{totals.now:%Y-%m-%dT%H:%MZ}"}
            console.print(say("demo.kept", words, **hint), soft_wrap=True)
    console.print(say("demo.next", words), soft_wrap=True)
    return FINE if not totals.failures else FAILED


def _watch(play: Play, console: Console, days: int, words: Language) -> Totals:
    """Play with a bar, and count."""
    totals = Totals(days, play.begins)
    console.print(say("demo.playing", words, days=days))
    zone = play.workspace.definitions.targets.time_zone
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("", total=len(list(instants(play.begins, play.ends))))
        for at in cycles(play, totals.count):
            totals.now = at
            bars.update(bar, advance=1, description=moment(at, zone, words))
    totals.calls = sum(connection.client.usage.calls for connection in play.workspace.connections)
    return totals


def _ending(play: Play, now: datetime) -> Ending:
    person = worth_telling(play.workspace, play.begins, now)
    return Ending(
        found=review(play.workspace, play.begins.date(), None, now),
        gaps=gapping.open_gaps(play.workspace),
        story=explain(play.workspace, person, now) if person else None,
    )


def _json(totals: Totals, ending: Ending) -> dict[str, Any]:
    return {
        "totals": dataclasses.asdict(totals),
        **figuring.figures_json(ending.found),
        "gaps": ending.gaps,
        "explained": explaining.story_json(ending.story) if ending.story else None,
    }


def _show(console: Console, play: Play, totals: Totals, ending: Ending, words: Language) -> None:
    """The chain with its bottleneck, the SLA board, the gaps, and one lead's story."""
    zone = play.workspace.definitions.targets.time_zone
    console.print(say("demo.done", words, **dataclasses.asdict(totals)))
    console.print()
    figuring.show(console, ending.found, zone, words)
    gapping.show(console, ending.gaps, zone, words)
    if ending.story:
        console.print()
        console.rule(say("demo.one", words), align="left")
        explaining.show(console, until_accepted(ending.story), play.workspace.definitions, words)
    console.print()


@contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    """The directory asked for, or one that is gone afterwards."""
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="crmsync-demo-") as made:
        yield Path(made)
