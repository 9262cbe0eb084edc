"""figures: the chain with its bottleneck and the SLA board; or the views that are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.past import looking_back
from crmsync.cli.sheets import as_json
from crmsync.cli.sheets import show as show_sheet
from crmsync.cli.shown import table
from crmsync.errors import FixConfig, Problem
from crmsync.figures.chain import Chain
from crmsync.figures.period import GRAINS
from crmsync.figures.sheet import Question, Sheet
from crmsync.messages import Language, catalogue, name_of, say
from crmsync.sync.brief import day_of
from crmsync.sync.export import FORMATS, export
from crmsync.sync.ledger import Ledger
from crmsync.sync.review import Review, review
from crmsync.sync.views import VIEWS, made


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which views over which days: none is the chain and the SLA board, on one screen; of an export it is every view."""

    views: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    as_of: str | None = None
    by: str = "period"
    split: Sequence[str] = ()
    as_cohort: bool = False
    export: Path | None = None
    suffix: str = "csv"


@answers
def execute(asked: Asked, wanted: Wanted) -> int:
    with session(asked) as at_work, looking_back(asked, at_work.workspace, wanted.as_of) as (workspace, now):
        if wanted.views or wanted.export:
            ledger = Ledger(workspace, now)
            question = _question(ledger, wanted)
            sheets = made(wanted.views or VIEWS, ledger, question)
            files = _export(sheets, question, wanted)
            return _tell(asked, sheets, question, files, at_work.words)
        found = review(workspace, wanted.since and wanted.since.date(), wanted.until and wanted.until.date(), now)
        if asked.as_json:
            print_json(figures_json(found))
        else:
            show(terminal(), found, at_work.workspace.definitions.targets.time_zone, at_work.words)
    return FINE


def _question(ledger: Ledger, wanted: Wanted) -> Question:
    """The question in the zone of the targets; from the first of this month to today where no day is given."""
    today = ledger.zone.day_of(ledger.now)
    first = wanted.since.date() if wanted.since else today.replace(day=1)
    last = wanted.until.date() if wanted.until else today
    if last < first:
        raise FixConfig([Problem("--to", 1, 1, "figures.no_day", {"first": first.isoformat(), "last": last.isoformat()})])
    for grain in GRAINS:
        if grain == wanted.by:
            return Question(first, last, ledger.now, ledger.zone, grain, tuple(wanted.split), wanted.as_cohort)
    raise FixConfig([Problem("--by", 1, 1, "figures.no_span", {"by": wanted.by, "known": ", ".join(GRAINS)})])


def _export(sheets: Sequence[Sheet], question: Question, wanted: Wanted) -> tuple[Path, ...]:
    """The files written, none where no export was asked for."""
    if wanted.suffix not in FORMATS:
        params = {"format": wanted.suffix, "known": ", ".join(FORMATS)}
        raise FixConfig([Problem("--format", 1, 1, "figures.no_format", params)])
    return export(sheets, question, wanted.export, wanted.suffix) if wanted.export else ()


def _tell(asked: Asked, sheets: Sequence[Sheet], question: Question, files: Sequence[Path], words: Language) -> int:
    if asked.as_json:
        print_json(as_json(sheets))
    elif files:
        for file in files:
            terminal().print(say("figures.written", words, file=file), soft_wrap=True)
    else:
        for sheet in sheets:
            show_sheet(terminal(), sheet, question, words)
    return FINE


def figures_json(found: Review) -> dict[str, Any]:
    return {"chain": dataclasses.asdict(found.chain), "sla": found.board.to_dicts()}


def show(console: Console, found: Review, zone: str, words: Language) -> None:
    """Both tables and the sentence that names the bottleneck. Days are those of `zone`."""
    _chain(console, found.chain, zone, words)
    columns = ("clock", "started:number", "met:number", "breached:number", "running:number", "cancelled:number", "kept:number")
    shown = table(say("title.sla", words), *columns, language=words)
    for row in _in_order(found.board).iter_rows(named=True):
        counts = (f"{row[name]:,}" for name in ("started", "met", "breached", "running", "cancelled"))
        shown.add_row(name_of("clock", row["kind"], words), *counts, percent(row["kept"]))
    console.print(shown)


def _in_order(board: pl.DataFrame) -> pl.DataFrame:
    """The clocks as a lead meets them; those that only this configuration has come last."""
    usual = [code.removeprefix("clock.") for code in catalogue() if code.startswith("clock.")]
    places = pl.col("kind").replace_strict({kind: place for place, kind in enumerate(usual)}, default=len(usual))
    return board.sort(places, "kind")


def _chain(console: Console, found: Chain, zone: str, words: Language) -> None:
    local = ZoneInfo(zone)
    since = found.period.since.astimezone(local).date()
    last = found.period.until.astimezone(local).date() - timedelta(days=1)
    title = say("title.chain", words, since=day_of(since, words), until=day_of(last, words))
    shown = table(title, "step", "count:number", "target:number", "rate:number", "per_point:number", language=words)
    for step in found.steps:
        target = "—" if step.target is None else f"{step.target:,.1f}"
        points = "—" if step.wins_per_point is None else f"{step.wins_per_point:+.2f}"
        count = "—" if step.count is None else f"{step.count:,.0f}"
        shown.add_row(name_of("step", step.name, words), count, target, percent(step.rate), points)
    console.print(shown)
    if found.bottleneck:
        console.print(say("figures.bottleneck", words, step_word=name_of("step", found.bottleneck, words)), style="bold")
    console.print(say("figures.recycled", words, recycled=found.recycled, came_back=found.came_back, won=found.came_back_won))


def percent(value: float | None) -> str:
    """A share as people read it; an absent one is a dash, not 0."""
    return "—" if value is None else f"{value:.1%}"
