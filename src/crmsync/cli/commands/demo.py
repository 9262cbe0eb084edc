"""demo: some weeks in under a minute, and what came of them."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.progress import Progress

from crmsync.cli.commands import explain as explaining
from crmsync.cli.commands import figures as figuring
from crmsync.cli.frame import FAILED, FINE, answers, chosen_language, print_json, quiet_logs
from crmsync.demo.play import Play, begin, cycles, instants
from crmsync.messages import Language, name_of, say
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sync.explain import explain
from crmsync.sync.review import review


@answers
def execute(days: int, people: int, seed: int, directory: Path | None, as_json: bool, language: str | None) -> int:
    words = chosen_language(language, "ja")
    quiet_logs()
    console = Console(stderr=as_json)
    with _place(directory) as place:
        console.print(say("demo.begin", words, people=people))
        started = time.monotonic()
        play = begin(WorldConfig(seed=seed, population=people), place, days, words)
        try:
            totals = _watch(play, console, days, words)
            totals["seconds"] = time.monotonic() - started
            _end(console, play, totals, as_json, words)
        finally:
            play.close()
        if directory is not None:
            console.print(say("demo.kept", words, directory=directory))
    console.print(say("demo.next", words))
    return FINE if not totals["failures"] else FAILED


def _watch(play: Play, console: Console, days: int, words: Language) -> dict[str, Any]:
    """Play with a bar, and count."""
    totals: dict[str, Any] = {"days": days, "cycles": 0, "written": 0, "failures": 0, "now": play.begins}
    console.print(say("demo.playing", words, days=days))

    def count(cycle: Any) -> None:
        totals["cycles"] += 1
        totals["written"] += cycle.applied.written
        totals["failures"] += len(cycle.pulled.failures) + len(cycle.applied.failures)

    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("", total=len(list(instants(play.begins, play.ends))))
        for at in cycles(play, count):
            totals["now"] = at
            bars.update(bar, advance=1, description=f"{at:%Y-%m-%d %H:%M}")
    totals["calls"] = sum(c.client.usage.calls for c in play.workspace.connections)
    return totals


def _end(console: Console, play: Play, totals: dict[str, Any], as_json: bool, words: Language) -> None:
    """The chain with its bottleneck, the SLA board, the gaps, and one lead's story."""
    now = totals["now"]
    found = review(play.workspace, play.begins.date(), None, now)
    gaps = play.workspace.store.decided.gaps()
    person = _typical(play, now)
    story = explain(play.workspace, person, now) if person else None
    if as_json:
        print_json(
            {
                "totals": totals,
                "chain": dataclasses.asdict(found.chain),
                "sla": found.board.to_dicts(),
                "gaps": gaps.drop("closed_at").to_dicts(),
                "explained": dataclasses.asdict(story) if story else None,
            }
        )
        return
    console.print(say("demo.done", words, **totals))
    figuring.show(console, found, words)
    if gaps.is_empty():
        console.print(say("cli.gaps_none", words))
    for gap in gaps.iter_rows(named=True):
        console.print(f"{name_of('gap', gap['gap'], words)}  {gap['person_id']}  {gap['detail']}")
    if story:
        console.print(say("demo.one", words))
        explaining.show(console, play.workspace, story, words)


def _typical(play: Play, now: datetime) -> str | None:
    """Someone handed over by the machine during the play and accepted since, else handed over: the story worth telling."""
    moves = play.workspace.store.decided.moves().filter((pl.col("at") > play.begins) & (pl.col("at") <= now))
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync"))
    accepted = moves.filter(pl.col("target") == "sql").join(handed.select("person_id"), on="person_id", how="semi")
    told = accepted if accepted.height else handed
    return None if told.is_empty() else str(told.sort("at", "person_id")["person_id"][0])


@contextmanager
def _place(directory: Path | None) -> Iterator[Path]:
    """The directory asked for, or one that is gone afterwards."""
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="crmsync-demo-") as made:
        yield Path(made)
