"""score = fit + interest, kept apart, with the reasons that add up to it (DOMAIN.md §4).

Fit is who somebody is: a condition and its points. Interest is what they did: touches with points that may halve with time,
end with a window, and stop at a cap. Every rule's points are rounded to hundredths, and the sum of those *is* the score.

Points are summed as whole numbers (millionths of a point per touch, hundredths per rule): sums of floats would depend on the
order in which rows arrive, and two machines could disagree about a boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from crmsync.decisions.conditions import Condition
from crmsync.decisions.frames import INSTANT, REASONS, SCORES, conform
from crmsync.decisions.windows import DAY

RULE = "rule:"
"""Prefix of the column that holds one rule's points."""

WHO = "who"
"""A person's row number while scores are computed."""

_MILLIONTHS = 1_000_000
_HUNDREDTHS = 100
_PER_HUNDREDTH = _MILLIONTHS // _HUNDREDTHS


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
    groups: tuple[Group, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every rule, in the order of its column."""
        return (*(rule.name for rule in self.fit), *(rule.name for rule in self.interest))


def score(frame: pl.DataFrame, touches: pl.DataFrame, scoring: Scoring, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(SCORES with one `rule:<name>` column per rule, REASONS with one row per rule that gave points).

    `frame` is what `conditions.prepare` gave: one row per person. Touches later than `now` are not known yet. Points per
    person are exact: the sum of the reasons is the score to the last hundredth."""
    people = frame.sort("person_id").with_row_index(WHO)
    known = _known(people, touches, now)
    kinds = sorted({rule.touch for rule in scoring.interest})
    newest, explicit, *earned = pl.collect_all(
        [_newest(known), _explicit(known, scoring), *(_earned(known, kind, scoring, now) for kind in kinds)]
    )
    points = _points(people, dict(zip(kinds, earned, strict=True)), scoring)
    scores = points.join(newest, on=WHO, how="left").join(explicit, on=WHO, how="left").sort(WHO)
    shown = conform(_in_points(scores, scoring), {**SCORES, **{RULE + name: pl.Float64() for name in scoring.names}})
    return shown, _reasons(people, points, dict(zip(kinds, earned, strict=True)), scoring)


def _known(people: pl.DataFrame, touches: pl.DataFrame, now: datetime) -> pl.LazyFrame:
    """The touches known at `now` of these people, by row number: numbers group and join several times faster than ids."""
    index = people.lazy().select("person_id", WHO)
    known = touches.lazy().filter(pl.col("at") <= now).join(index, on="person_id", how="inner")
    return known.select(WHO, "at", pl.col("kind").cast(pl.Categorical), "touch_id").collect().lazy()


def _newest(known: pl.LazyFrame) -> pl.LazyFrame:
    """The newest touch per person; of two at one instant the one with the greater id, whatever came first."""
    last = known.filter(pl.col("at") == pl.col("at").max().over(WHO)).sort("touch_id").group_by(WHO)
    return last.agg(pl.col("at").last().alias("last_touch_at"), pl.col("kind").last().cast(pl.String).alias("last_touch_kind"))


def _explicit(known: pl.LazyFrame, scoring: Scoring) -> pl.LazyFrame:
    kinds = sorted({rule.touch for rule in scoring.interest if rule.is_explicit})
    asked = known.filter(pl.col("kind").cast(pl.String).is_in(kinds))
    return asked.group_by(WHO).agg(pl.col("at").max().alias("hot_evidence_at"))


# -------------------------------------------------------------------------------------------------------------- interest


def _earned(known: pl.LazyFrame, kind: str, scoring: Scoring, now: datetime) -> pl.LazyFrame:
    """Hundredths per rule on this kind, before group caps, beside the newest touch of the kind: the evidence.

    Where the newest touch lies outside a rule's window every touch does, so the newest is evidence for whatever gave points."""
    rules = [rule for rule in scoring.interest if rule.touch == kind]
    each = [RULE + rule.name for rule in rules if rule.count == "each"]
    mine = known.filter(pl.col("kind") == kind).sort("at", "touch_id")
    worth = mine.with_columns(_worth(rule, now).alias(RULE + rule.name) for rule in rules if rule.count == "each")
    sums = worth.group_by(WHO).agg(
        pl.col("at").last().alias("evidence_at"),
        pl.col("touch_id").last().alias("evidence"),
        *(pl.col(name).sum() for name in each),
    )
    once = [_worth(rule, now, at="evidence_at").alias(RULE + rule.name) for rule in rules if rule.count == "once"]
    return sums.with_columns(once).with_columns(_capped(rule).alias(RULE + rule.name) for rule in rules)


def _worth(rule: InterestRule, now: datetime, at: str = "at") -> pl.Expr:
    """What one touch gives, in whole millionths: nothing outside the window, half after a half-life."""
    age = (pl.lit(now, dtype=INSTANT) - pl.col(at)).dt.total_microseconds()
    full = rule.points * _MILLIONTHS
    # one multiplication by a constant: the same float for one touch and for ten million
    halvings = None if rule.half_life_days is None else age * (1.0 / (rule.half_life_days * DAY))
    worth = pl.lit(float(full)) if halvings is None else full * pl.lit(0.5).pow(halvings)
    inside = worth if rule.window_days is None else pl.when(age < rule.window_days * DAY).then(worth).otherwise(0.0)
    return inside.round(0).cast(pl.Int64)


def _capped(rule: InterestRule) -> pl.Expr:
    """The rule's sum within its cap, in hundredths."""
    total = pl.col(RULE + rule.name)
    if rule.cap is None:
        return _rounded(total)
    cap = round(abs(rule.cap) * _MILLIONTHS)
    return _rounded(total.clip(lower_bound=-cap) if rule.points < 0 else total.clip(upper_bound=cap))


def _rounded(millionths: pl.Expr) -> pl.Expr:
    """Millionths as hundredths, halves away from zero, in whole numbers."""
    size = (millionths.abs() + _PER_HUNDREDTH // 2) // _PER_HUNDREDTH
    return pl.when(millionths < 0).then(-size).otherwise(size)


# ------------------------------------------------------------------------------------------------------- rules side by side


def _points(people: pl.DataFrame, earned: dict[str, pl.DataFrame], scoring: Scoring) -> pl.DataFrame:
    """Row number, person_id and one column of hundredths per rule, after group caps."""
    points = people.lazy().select(WHO, "person_id", *(_fit_column(rule) for rule in scoring.fit))
    for sums in earned.values():
        points = points.join(sums.lazy().drop("evidence", "evidence_at"), on=WHO, how="left")
    points = points.with_columns(pl.col(RULE + rule.name).fill_null(0) for rule in scoring.interest)
    for group in scoring.groups:
        points = points.with_columns(_within(group))
    return points.collect()


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
        _as_points(fit).alias("fit"),
        _as_points(interest).alias("interest"),
        _as_points(fit + interest).alias("score"),
        *(_as_points(pl.col(RULE + name)) for name in scoring.names),
    )


def _as_points(hundredths: pl.Expr) -> pl.Expr:
    """Polars divides a column by a number by multiplying with its inverse, which is off by a last bit for one in eight values
    (but not for a column of one row): rounding gives every machine and every batch the same float."""
    return (hundredths / _HUNDREDTHS).round(2)


def _total(names: list[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(RULE + name) for name in names) if names else pl.lit(0, dtype=pl.Int64)


# --------------------------------------------------------------------------------------------------------------- reasons


def _reasons(people: pl.DataFrame, points: pl.DataFrame, earned: dict[str, pl.DataFrame], scoring: Scoring) -> pl.DataFrame:
    """One row per person and rule that gave points: fit with the columns it looked at, interest with its newest touch."""
    place = {name: position for position, name in enumerate(sorted(scoring.names))}
    parts = [_fit_reasons(people, rule, place) for rule in scoring.fit if round(rule.points * _HUNDREDTHS)]
    parts += [_interest_reasons(points, earned[rule.touch], rule, place) for rule in scoring.interest]
    if not parts:
        return pl.DataFrame(schema=REASONS)
    # people are in order of their ids already, so that one number per reason puts all of them in order
    found = pl.concat(pl.collect_all(parts)).sort("order")
    who, rule = pl.col("order") // len(place), pl.col("order") % len(place)
    return found.select(
        pl.lit(people["person_id"]).gather(who).alias("person_id"),
        pl.lit(pl.Series(sorted(place), dtype=pl.String)).gather(rule).alias("rule"),
        *(pl.col(name) for name in REASONS if name not in ("person_id", "rule")),
    )


def _interest_reasons(points: pl.DataFrame, sums: pl.DataFrame, rule: InterestRule, place: dict[str, int]) -> pl.LazyFrame:
    given = points.lazy().filter(pl.col(RULE + rule.name) != 0).select(WHO, _as_points(pl.col(RULE + rule.name)).alias("points"))
    evidence = sums.lazy().select(WHO, "evidence", "evidence_at")
    return _reason(given.join(evidence, on=WHO, how="left"), "interest", rule.name, place)


def _fit_reasons(people: pl.DataFrame, rule: FitRule, place: dict[str, int]) -> pl.LazyFrame:
    shown = [pl.format("{}={}", pl.lit(name), pl.col(name).cast(pl.String).fill_null("?")) for name in sorted(rule.when.columns)]
    given = people.lazy().filter(rule.when.expression())
    with_evidence = given.with_columns(
        pl.lit(round(rule.points * _HUNDREDTHS) / _HUNDREDTHS).alias("points"),
        (pl.concat_str(shown, separator=", ") if shown else pl.lit("")).alias("evidence"),
        pl.lit(None, dtype=INSTANT).alias("evidence_at"),
    )
    return _reason(with_evidence, "fit", rule.name, place)


def _reason(rows: pl.LazyFrame, side: str, rule: str, place: dict[str, int]) -> pl.LazyFrame:
    return rows.select(
        (pl.col(WHO).cast(pl.UInt64) * len(place) + place[rule]).alias("order"),
        pl.lit(side).alias("side"),
        "points",
        "evidence",
        "evidence_at",
    )
