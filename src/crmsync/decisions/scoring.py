"""score = fit + interest, kept apart, with the reasons that add up to it (DOMAIN.md §4).

Fit is who somebody is: a condition and its points. Interest is what they did: touches with points that may halve with time,
end with a window, and stop at a cap. Every rule's points are rounded to hundredths, and the sum of those *is* the score.

Points are summed as whole numbers (millionths of a point per touch, hundredths per rule): sums of floats would depend on the
order in which rows arrive, and two machines could disagree about a boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import polars as pl

from crmsync.decisions.conditions import Condition
from crmsync.decisions.frames import INSTANT, REASONS, SCORES, conform

RULE = "rule:"
"""Prefix of the column that holds one rule's points."""

_MILLIONTHS = 1_000_000
_HUNDREDTHS = 100
_PER_HUNDREDTH = _MILLIONTHS // _HUNDREDTHS
_DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Title:
    """What people call a rule, in both languages."""

    ja: str
    en: str


@dataclass(frozen=True, slots=True)
class FitRule:
    """Points for an attribute; negative ones are allowed. `when` sees attributes only."""

    name: str
    title: Title
    when: Condition
    points: float


@dataclass(frozen=True, slots=True)
class InterestRule:
    """Points per touch of a kind. `half_life_days` None = no decay; `window_days` None = for ever; `cap` is the most (for
    negative points: the least) the rule gives. `count` once: only the newest touch. `is_explicit`: such a touch asks for a
    talk outright, and is evidence for hot by itself."""

    name: str
    title: Title
    touch: str
    points: float
    half_life_days: float | None = None
    window_days: int | None = None
    cap: float | None = None
    count: Literal["each", "once"] = "each"
    is_explicit: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Interest rules that together give at most `cap`; what is over is taken from the later rules of the list."""

    name: str
    rules: tuple[str, ...]
    cap: float


@dataclass(frozen=True, slots=True)
class Scoring:
    """The scoring document."""

    version: int
    fit: tuple[FitRule, ...] = ()
    interest: tuple[InterestRule, ...] = ()
    groups: tuple[Group, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Every rule, in the order of its column."""
        return tuple(rule.name for rule in (*self.fit, *self.interest))


def score(frame: pl.DataFrame, touches: pl.DataFrame, scoring: Scoring, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(SCORES with one `rule:<name>` column per rule, REASONS with one row per rule that gave points).

    `frame` is what `conditions.prepare` gave: one row per person. Touches later than `now` are not known yet. Points per
    person are exact: the sum of the reasons is the score to the last hundredth."""
    known = touches.lazy().filter(pl.col("at") <= now).join(frame.lazy().select("person_id"), on="person_id", how="semi")
    newest, earned, latest = pl.collect_all([_newest(known), _earned(known, scoring, now), _explicit(known, scoring)])
    points = _points(frame, earned, scoring)
    scores = points.join(newest, on="person_id", how="left").join(latest, on="person_id", how="left").sort("person_id")
    shown = conform(_in_points(scores, scoring), {**SCORES, **{RULE + name: pl.Float64() for name in scoring.names}})
    return shown, _reasons(frame, points, earned, scoring)


def _newest(known: pl.LazyFrame) -> pl.LazyFrame:
    """The newest touch per person; of two at one instant the one with the greater id, whatever came first."""
    last = known.filter(pl.col("at") == pl.col("at").max().over("person_id"))
    return last.group_by("person_id").agg(
        pl.col("at").first().alias("last_touch_at"),
        pl.col("kind").sort_by("touch_id").last().alias("last_touch_kind"),
    )


def _explicit(known: pl.LazyFrame, scoring: Scoring) -> pl.LazyFrame:
    kinds = sorted({rule.touch for rule in scoring.interest if rule.is_explicit})
    return known.filter(pl.col("kind").is_in(kinds)).group_by("person_id").agg(pl.col("at").max().alias("hot_evidence_at"))


# -------------------------------------------------------------------------------------------------------------- interest


def _earned(known: pl.LazyFrame, scoring: Scoring, now: datetime) -> pl.LazyFrame:
    """(person_id, rule) → hundredths before group caps, with the newest touch that counts as evidence."""
    rules = _rule_table(scoring)
    age = (pl.lit(now, dtype=INSTANT) - pl.col("at")).dt.total_microseconds() / _DAY_MICROSECONDS
    decay = pl.when(pl.col("half_life").is_null()).then(1.0).otherwise(pl.lit(0.5).pow(age / pl.col("half_life")))
    counted = known.join(rules.lazy(), left_on="kind", right_on="touch").filter(
        pl.col("window").is_null() | (age < pl.col("window")),
    )
    worth = (pl.col("points") * decay * _MILLIONTHS).round(0).cast(pl.Int64)
    newest = pl.col("at") == pl.col("at").max()
    sums = (
        counted.with_columns(worth.alias("worth"))
        .group_by("person_id", "rule")
        .agg(
            pl.col("worth").sum().alias("all"),
            pl.col("worth").filter(newest).first().alias("last"),
            pl.col("at").max().alias("evidence_at"),
            pl.col("touch_id").filter(newest).max().alias("evidence"),
            pl.col("once").first(),
            pl.col("cap").first(),
        )
    )
    total = pl.when(pl.col("once")).then(pl.col("last")).otherwise(pl.col("all"))
    capped = pl.when(pl.col("cap") >= 0).then(pl.min_horizontal(total, "cap")).otherwise(pl.max_horizontal(total, "cap"))
    hundredths = _rounded(pl.when(pl.col("cap").is_null()).then(total).otherwise(capped))
    return sums.select("person_id", "rule", hundredths.alias("hundredths"), "evidence", "evidence_at").sort("person_id", "rule")


def _rounded(millionths: pl.Expr) -> pl.Expr:
    """Millionths as hundredths, halves away from zero, in whole numbers."""
    half = _PER_HUNDREDTH // 2
    size = (millionths.abs() + half) // _PER_HUNDREDTH
    return pl.when(millionths < 0).then(-size).otherwise(size)


def _rule_table(scoring: Scoring) -> pl.DataFrame:
    """The interest rules as rows, so that all of them meet the touches in one join."""
    rows = [
        (rule.name, rule.touch, float(rule.points), rule.half_life_days, rule.window_days, _cap(rule), rule.count == "once")
        for rule in scoring.interest
    ]
    schema = {
        "rule": pl.String,
        "touch": pl.String,
        "points": pl.Float64,
        "half_life": pl.Float64,
        "window": pl.Float64,
        "cap": pl.Int64,
        "once": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _cap(rule: InterestRule) -> int | None:
    if rule.cap is None:
        return None
    return round(abs(rule.cap) * _MILLIONTHS) * (-1 if rule.points < 0 else 1)


# ------------------------------------------------------------------------------------------------------- rules side by side


def _points(frame: pl.DataFrame, earned: pl.DataFrame, scoring: Scoring) -> pl.DataFrame:
    """person_id and one column of hundredths per rule, after group caps."""
    fit = frame.lazy().select("person_id", *(_fit_column(rule) for rule in scoring.fit))
    for rule in scoring.interest:
        mine = earned.lazy().filter(pl.col("rule") == rule.name).select("person_id", pl.col("hundredths").alias(RULE + rule.name))
        fit = fit.join(mine, on="person_id", how="left")
    filled = fit.with_columns(pl.col(RULE + rule.name).fill_null(0) for rule in scoring.interest)
    for group in scoring.groups:
        filled = filled.with_columns(_within(group))
    return filled.sort("person_id").collect()


def _fit_column(rule: FitRule) -> pl.Expr:
    hundredths = round(rule.points * _HUNDREDTHS)
    return pl.when(rule.when.expression()).then(hundredths).otherwise(0).cast(pl.Int64).alias(RULE + rule.name)


def _within(group: Group) -> list[pl.Expr]:
    """Each rule of the group gets its points or what the earlier ones left of the cap."""
    cap = round(group.cap * _HUNDREDTHS)
    before: pl.Expr = pl.lit(0, dtype=pl.Int64)
    granted = []
    for name in group.rules:
        column = pl.col(RULE + name)
        granted.append(pl.min_horizontal(column, (cap - before).clip(lower_bound=0)).alias(RULE + name))
        before = before + column
    return granted


def _in_points(scores: pl.DataFrame, scoring: Scoring) -> pl.DataFrame:
    """Hundredths become points; the sums are taken before, where they are exact."""
    fit = _total([rule.name for rule in scoring.fit])
    interest = _total([rule.name for rule in scoring.interest])
    return scores.with_columns(
        (fit / _HUNDREDTHS).alias("fit"),
        (interest / _HUNDREDTHS).alias("interest"),
        ((fit + interest) / _HUNDREDTHS).alias("score"),
        *(pl.col(RULE + name) / _HUNDREDTHS for name in scoring.names),
    )


def _total(names: list[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(RULE + name) for name in names) if names else pl.lit(0, dtype=pl.Int64)


# --------------------------------------------------------------------------------------------------------------- reasons


def _reasons(frame: pl.DataFrame, points: pl.DataFrame, earned: pl.DataFrame, scoring: Scoring) -> pl.DataFrame:
    """One row per person and rule that gave points: fit with the columns it looked at, interest with its newest touch."""
    interest = [rule.name for rule in scoring.interest]
    long = points.lazy().unpivot([RULE + name for name in interest], index="person_id", variable_name="rule", value_name="given")
    given = long.filter(pl.col("given") != 0).with_columns(pl.col("rule").str.strip_prefix(RULE))
    touched = given.join(earned.lazy(), on=["person_id", "rule"], how="left").with_columns(pl.lit("interest").alias("side"))
    parts = [touched.with_columns((pl.col("given") / _HUNDREDTHS).alias("points"))] if interest else []
    parts += [_fit_reasons(frame.lazy(), rule) for rule in scoring.fit]
    order = pl.Enum(sorted(scoring.names))
    frames = [conform_lazy(part) for part in parts]
    if not frames:
        return pl.DataFrame(schema=REASONS)
    return pl.concat(frames).sort("person_id", pl.col("rule").cast(order)).collect()


def _fit_reasons(frame: pl.LazyFrame, rule: FitRule) -> pl.LazyFrame:
    columns = sorted(rule.when.columns)
    shown = [pl.format("{}={}", pl.lit(name), pl.col(name).cast(pl.String).fill_null("?")) for name in columns]
    evidence = pl.concat_str(shown, separator=", ") if shown else pl.lit("")
    return frame.filter(rule.when.expression() & pl.lit(rule.points != 0)).select(
        "person_id",
        pl.lit(rule.name).alias("rule"),
        pl.lit("fit").alias("side"),
        pl.lit(round(rule.points * _HUNDREDTHS) / _HUNDREDTHS).alias("points"),
        evidence.alias("evidence"),
        pl.lit(None, dtype=INSTANT).alias("evidence_at"),
    )


def conform_lazy(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of REASONS, typed, in order."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in REASONS.items())
