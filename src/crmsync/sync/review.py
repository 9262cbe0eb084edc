"""The figures of a period, out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from crmsync.decisions.valve import Targets
from crmsync.figures.board import sla_board
from crmsync.figures.chain import STEPS, Chain, chain
from crmsync.figures.flow import visitors_of
from crmsync.figures.sheet import Question
from crmsync.sync.ledger import Ledger
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Review:
    """The chain and the SLA board of one period."""

    chain: Chain
    board: pl.DataFrame


def review(workspace: Workspace, since: date | None, until: date | None, now: datetime) -> Review:
    """Figures from day `since` to day `until`, both included, in the zone of the targets; by default this month to today."""
    ledger = Ledger(workspace, now)
    today = ledger.zone.day_of(now)
    question = Question(since or today.replace(day=1), until or today, now, ledger.zone)
    targets = targets_of(ledger.definitions.targets, question.first, question.last)
    visitors = visitors_of(ledger.visits, question)
    return Review(
        chain=chain(ledger.arrivals, ledger.moves, question.period, targets, visitors),
        board=sla_board(ledger.clocks, question.period),
    )


def targets_of(targets: Targets, first: date, last: date) -> dict[str, float | None]:
    """The monthly targets, each day of the period carrying its share of its month."""
    totals: dict[str, float | None] = {}
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        month = targets.of(f"{day:%Y-%m}")
        days = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day.replace(day=1)).days
        for name in STEPS:
            value = getattr(month, name)
            if value is not None:
                totals[name] = (totals.get(name) or 0.0) + value / days
    return totals
