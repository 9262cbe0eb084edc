"""How keen somebody is: hot, warm or cold, from behaviour alone (DOMAIN.md §3).

Interest moves it, with two thresholds per rung: a higher one to climb, a lower one to stay. Someone whose interest wavers
between the two keeps the temperature they have, so nobody joins and leaves a nurture list every other day. A touch that asks
for a talk outright (a quote, a call to us) makes hot by itself for some days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.frames import instant


@dataclass(frozen=True, slots=True)
class Rung:
    """Interest needed to climb here, and to stay once here. `leave` is at most `enter`."""

    enter: float
    leave: float


@dataclass(frozen=True, slots=True)
class TemperatureRules:
    """The temperature document. An explicit touch (scoring's `is_explicit`) counts as hot for `explicit_days`; 0 = never."""

    version: int
    hot: Rung
    warm: Rung
    explicit_days: int


def temperature(
    scores: pl.DataFrame, state: pl.DataFrame, rules: TemperatureRules, now: datetime, faded_at: datetime | None = None
) -> pl.DataFrame:
    """person_id, temperature, because: "explicit" (a touch asked outright), "interest" (reached a rung), "held" (below the
    rung's climb, above its leave), "quiet" (neither). `state` gives the temperature before; its other columns are not read.
    An outright touch counts up to `now`, and its days until `faded_at` (None: now)."""
    before = state.select("person_id", pl.col("temperature").alias("before"))
    frame = in_order(beside(scores.select("person_id", "interest", "hot_evidence_at"), before))
    was_hot = (pl.col("before") == "hot").fill_null(False)
    was_warm = was_hot | (pl.col("before") == "warm").fill_null(False)
    found = (
        pl.when(_asked(rules, now, faded_at or now))
        .then(_found("hot", "explicit"))
        .when(pl.col("interest") >= rules.hot.enter)
        .then(_found("hot", "interest"))
        .when(was_hot & (pl.col("interest") >= rules.hot.leave))
        .then(_found("hot", "held"))
        .when(pl.col("interest") >= rules.warm.enter)
        .then(_found("warm", "interest"))
        .when(was_warm & (pl.col("interest") >= rules.warm.leave))
        .then(_found("warm", "held"))
        .otherwise(_found("cold", "quiet"))
    )
    return frame.select("person_id", found.alias("found")).unnest("found")


def _asked(rules: TemperatureRules, now: datetime, faded_at: datetime) -> pl.Expr:
    at = pl.col("hot_evidence_at")
    return ((at > instant(faded_at - timedelta(days=rules.explicit_days))) & (at <= instant(now))).fill_null(False)


def _found(temperature: str, because: str) -> pl.Expr:
    return pl.struct(pl.lit(temperature).alias("temperature"), pl.lit(because).alias("because"))
