"""Leads → MQL → opportunities → wins as flow (what happened in the period), with the step that explains the shortfall.

The bottleneck is the step with the largest share of log(actual wins ÷ target wins): wins = leads × rates, so logarithms add up
and each step's share is exact. `wins_per_point` is how many wins one more percentage point of that step's rate would bring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from crmsync.figures.period import Period


@dataclass(frozen=True, slots=True)
class Step:
    """One link: how many came out, out of how many that went in, against what was agreed."""

    name: str
    count: int
    rate: float | None
    target: float | None
    target_rate: float | None
    log_share: float | None = None
    wins_per_point: float | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of a period. `came_back` of the MQLs had been recycled before, `came_back_won` of the wins."""

    period: Period
    steps: tuple[Step, ...]
    came_back: int
    came_back_won: int
    recycled: int
    bottleneck: str | None


STEPS = ("leads", "mqls", "opportunities", "wins")


def chain(
    persons: pl.DataFrame,
    moves: pl.DataFrame,
    opportunities: pl.DataFrame,
    period: Period,
    targets: Mapping[str, float | None],
) -> Chain:
    """`persons` need person_id, created_at, identified; `moves` person_id, at, source, target; `opportunities` opportunity_id,
    person_id, status, created_at, closed_at. `targets` are counts of the period by step; a missing one has no share."""
    hand_overs = moves.filter((pl.col("target") == "mql") & period.holds("at"))
    won = opportunities.filter((pl.col("status") == "won") & period.holds("closed_at"))
    returned = moves.filter(pl.col("target") == "recycled").group_by("person_id").agg(pl.col("at").min().alias("left_at"))
    counts = {
        "leads": persons.filter(pl.col("identified") & period.holds("created_at")).height,
        "mqls": hand_overs.height,
        "opportunities": _cases(opportunities.filter(period.holds("created_at"))),
        "wins": _cases(won),
    }
    steps = _with_shares(_steps(counts, targets))
    return Chain(
        period=period,
        steps=steps,
        came_back=hand_overs.filter(pl.col("source") == "recycled").height,
        came_back_won=_cases(won.join(returned, on="person_id", how="inner").filter(pl.col("left_at") <= pl.col("closed_at"))),
        recycled=moves.filter((pl.col("target") == "recycled") & period.holds("at")).height,
        bottleneck=_bottleneck(steps),
    )


def _cases(opportunities: pl.DataFrame) -> int:
    """How many opportunities: each once, however many people are on it."""
    return int(opportunities["opportunity_id"].n_unique())


def rate(part: float | None, whole: float | None) -> float | None:
    """part ÷ whole; None where there is nothing to divide by."""
    return None if part is None or not whole else part / whole


def _steps(counts: Mapping[str, int], targets: Mapping[str, float | None]) -> tuple[Step, ...]:
    made = []
    for before, name in zip((None, *STEPS), STEPS, strict=False):
        target = targets.get(name)
        made.append(
            Step(
                name=name,
                count=counts[name],
                rate=rate(counts[name], counts[before]) if before else None,
                target=target,
                target_rate=rate(target, targets.get(before)) if before else None,
            )
        )
    return tuple(made)


def _with_shares(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Each step's share of the shortfall of wins, over the steps for which both an actual and a target are known. A step
    without a target is folded into the next one that has one, so that the shares still add up."""
    wins = steps[-1].count
    shared = []
    actual_before = target_before = 1.0
    for step in steps:
        share = None
        if step.target and step.count:
            share = math.log((step.count / actual_before) / (step.target / target_before))
            actual_before, target_before = float(step.count), step.target
        points = None if step.rate is None or not step.rate else wins / step.rate * 0.01
        shared.append(Step(step.name, step.count, step.rate, step.target, step.target_rate, log_share=share, wins_per_point=points))
    return tuple(shared)


def _bottleneck(steps: tuple[Step, ...]) -> str | None:
    """The step that loses most; None where no step falls short."""
    for step in steps:
        if step.target and not step.count:
            return step.name
    short = [(step.log_share, step.name) for step in steps if step.log_share is not None and step.log_share < 0]
    return min(short)[1] if short else None
