"""figures: the chain with its bottleneck, and the SLA board."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

from rich.console import Console

from crmsync.cli.frame import FINE, answers, chosen_language, instant, print_json, workspace
from crmsync.cli.shown import table
from crmsync.figures.chain import Chain
from crmsync.messages import Language, name_of, say
from crmsync.sync.review import Review, review


@answers
def execute(
    config: Path, since: datetime | None, until: datetime | None, now: str | None, as_json: bool, language: str | None
) -> int:
    at, _ = instant(now)
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        found = review(opened, since.date() if since else None, until.date() if until else None, at)
    if as_json:
        print_json({"chain": dataclasses.asdict(found.chain), "sla": found.board.to_dicts()})
    else:
        show(Console(), found, words)
    return FINE


def show(console: Console, found: Review, words: Language) -> None:
    """Both tables and the sentence that names the bottleneck."""
    _chain(console, found.chain, words)
    shown = table(
        say("title.sla", words),
        "clock",
        "records:number",
        "met:number",
        "breached:number",
        "running:number",
        "kept:number",
        language=words,
    )
    for row in found.board.iter_rows(named=True):
        counts = (f"{row[name]:,}" for name in ("started", "met", "breached", "running"))
        shown.add_row(name_of("clock", row["kind"], words), *counts, percent(row["kept"]))
    console.print(shown)


def _chain(console: Console, found: Chain, words: Language) -> None:
    since, until = (f"{at:%Y-%m-%d %H:%M}" for at in (found.period.since, found.period.until))
    columns = ("step", "count:number", "target:number", "rate:number", "per_point:number")
    shown = table(say("title.chain", words, since=since, until=until), *columns, language=words)
    for step in found.steps:
        target = "—" if step.target is None else f"{step.target:,.1f}"
        points = "—" if step.wins_per_point is None else f"{step.wins_per_point:+.2f}"
        shown.add_row(name_of("step", step.name, words), f"{step.count:,}", target, percent(step.rate), points)
    console.print(shown)
    if found.bottleneck:
        console.print(say("figures.bottleneck", words, step=name_of("step", found.bottleneck, words)))
    console.print(say("figures.recycled", words, recycled=found.recycled, came_back=found.came_back, won=found.came_back_won))


def percent(value: float | None) -> str:
    """A share as people read it; an absent one is a dash, not 0."""
    return "—" if value is None else f"{value:.1%}"
