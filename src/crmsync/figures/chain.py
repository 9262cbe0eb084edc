"""Visitors → leads → MQL → SQL → opportunities → wins → renewals, with the step that explains the shortfall of wins.

The bottleneck is the step with the largest share of log(actual wins ÷ target wins): wins = visitors × rates, so logarithms add up
and each step's share is exact. `wins_per_point` is how many wins one more percentage point of that step's rate would bring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from crmsync.figures.arrivals import tally
from crmsync.figures.period import Period

STEPS = ("visitors", "leads", "mqls", "sqls", "opportunities", "wins", "renewals")
_EXACT = 1e-9
"""Targets are added up from days; a step that met its own within this is not short."""


@dataclass(frozen=True, slots=True)
class Step:
    """One link: how many came out (None: not known), out of how many that went in, against what was agreed."""

    name: str
    count: float | None
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


def chain(
    arrivals: pl.DataFrame,
    moves: pl.DataFrame,
    period: Period,
    targets: Mapping[str, float | None],
    visitors: float | None = None,
) -> Chain:
    """`arrivals` are ARRIVALS, `moves` person_id, at, target. `targets` are counts of the period by step; a missing one has no
    share. `visitors` are None where nobody gives them: then the capture rate is absent."""
    counts = {**tally(arrivals, period), "visitors": visitors}
    back = arrivals.filter(period.holds("at") & pl.col("came_back"))
    steps = _with_shares(_steps(counts, targets))
    return Chain(
        period=period,
        steps=steps,
        came_back=back.filter(pl.col("step") == "mqls").height,
        came_back_won=back.filter(pl.col("step") == "wins").height,
        recycled=moves.filter((pl.col("target") == "recycled") & period.holds("at")).height,
        bottleneck=_bottleneck(steps),
    )


def rate(part: float | None, whole: float | None) -> float | None:
    """part ÷ whole; None where there is nothing to divide by."""
    return None if part is None or not whole else part / whole


def _steps(counts: Mapping[str, float | None], targets: Mapping[str, float | None]) -> tuple[Step, ...]:
    """Each step out of the one before; renewals out of the contracts that were due."""
    made = []
    for before, name in zip((None, *STEPS), STEPS, strict=False):
        target = targets.get(name)
        whole = counts["due"] if name == "renewals" else counts[before] if before else None
        agreed = rate(target, targets.get(before)) if before and name != "renewals" else None
        made.append(Step(name, counts[name], rate(counts[name], whole), target, agreed))
    return tuple(made)


def _with_shares(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Each step's share of the shortfall of wins, over the steps for which both an actual and a target are known. A step
    without a target is folded into the next one that has one, so that the shares still add up. Renewals make no wins."""
    wins = next(step.count for step in steps if step.name == "wins") or 0.0
    shared = []
    actual_before = target_before = 1.0
    for step in steps:
        if step.name == "renewals":
            shared.append(step)
            continue
        share = None
        if step.target and step.count:
            share = math.log((step.count / actual_before) / (step.target / target_before))
            actual_before, target_before = float(step.count), step.target
        points = None if step.rate is None or not step.rate else wins / step.rate * 0.01
        shared.append(replace(step, log_share=share, wins_per_point=points))
    return tuple(shared)


def _bottleneck(steps: tuple[Step, ...]) -> str | None:
    """The step that loses most; None where no step falls short."""
    for step in steps:
        if step.target and step.count == 0 and step.name != "renewals":
            return step.name
    short = [(step.log_share, step.name) for step in steps if step.log_share is not None and step.log_share < -_EXACT]
    return min(short)[1] if short else None
