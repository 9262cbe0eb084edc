"""The figures of a period, out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.figures.board import sla_board
from crmsync.figures.chain import Chain, chain
from crmsync.figures.period import Period
from crmsync.sync.facts import gather
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Review:
    """The chain and the SLA board of one period."""

    chain: Chain
    board: pl.DataFrame


def review(workspace: Workspace, since: date | None, until: date | None, now: datetime) -> Review:
    """Figures from day `since` to day `until`, both included, in the zone of the targets; by default this month to today."""
    zone = ZoneInfo(workspace.definitions.targets.time_zone)
    today = now.astimezone(zone).date()
    first, last = since or today.replace(day=1), until or today
    midnights = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    period = Period(*midnights)
    facts = gather(workspace, now)
    decided = workspace.store.decided
    return Review(
        chain=chain(facts.persons, decided.moves(), facts.opportunities, period, _targets(workspace, first, last)),
        board=sla_board(decided.clocks(), period),
    )


def _targets(workspace: Workspace, first: date, last: date) -> dict[str, float | None]:
    """The monthly targets, each day of the period carrying its share of its month."""
    targets = workspace.definitions.targets
    totals: dict[str, float | None] = {}
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        month = targets.of(f"{day:%Y-%m}")
        days = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day.replace(day=1)).days
        for name in ("leads", "opportunities", "wins"):
            value = getattr(month, name)
            if value is not None:
                totals[name] = (totals.get(name) or 0.0) + value / days
    return totals
