"""score = fit + interest, kept apart, with the reasons that add up to it (DOMAIN.md §4).

Fit is who somebody is: a condition and its points. Interest is what they did: touches with points that may halve with time,
end with a window, and stop at a cap. Every rule's points are rounded to hundredths, and the sum of those *is* the score.

Points are summed as whole numbers (millionths of a point per touch, hundredths per rule): sums of floats would depend on the
order in which rows arrive, and two machines could disagree about a boundary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

import polars as pl

from crmsync.decisions.acts import WHO, Acts, number
from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.conditions import Condition
from crmsync.decisions.frames import INSTANT, REASONS, SCORES, conform, instant
from crmsync.decisions.windows import DAY

RULE = "rule:"
"""Prefix of the column that holds one rule's points."""

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


def score(frame: pl.DataFrame, touches: pl.DataFrame | Acts, scoring: Scoring, now: datetime) -> tuple[pl.DataFrame, Reasons]:
    """(SCORES with one `rule:<name>` column per rule, the reasons of whoever is asked for).

    `frame` is what `conditions.prepare` gave: one row per person. Touches later than `now` are not known yet; those of `Acts`
    are, and such a one is worth its full points. Points per person are exact: the sum of the reasons is the score to the last
    hundredth."""
    people = in_order(frame)
    known = touches if isinstance(touches, Acts) else number(people["person_id"], touches, now)
    points = people.with_row_index(WHO).select(WHO, "person_id", *(_fit_column(rule) for rule in scoring.fit))
    # joined one by one, at once: a lazy chain of joins copies every column at every link
    for part in (_newest(known), _explicit(known, scoring), *_earned(known, scoring, now)):
        points = beside(points, part, WHO)
    points = points.with_columns(pl.col(RULE + rule.name).fill_null(0) for rule in scoring.interest)
    for group in scoring.groups:
        points = points.with_columns(_within(group))
    told = _in_points(points, scoring)
    shown = conform(told, {**SCORES, **{RULE + name: pl.Float64() for name in scoring.names}})
    return shown, Reasons(people, shown, known, scoring)


def _newest(known: Acts) -> pl.DataFrame:
    """The newest touch per person; of two at one instant the one with the greater id, whatever came first."""
    last = known.newest(known.rows, "touch_id")
    return last.select(WHO, pl.col("at").alias("last_touch_at"), pl.col("kind").cast(pl.String).alias("last_touch_kind"))


def _explicit(known: Acts, scoring: Scoring) -> pl.DataFrame:
    asked = known.of_kinds(sorted({rule.touch for rule in scoring.interest if rule.is_explicit}))
    return known.per_person(asked, pl.col("at").max().alias("hot_evidence_at"))


# -------------------------------------------------------------------------------------------------------------- interest


def _earned(known: Acts, scoring: Scoring, now: datetime) -> list[pl.DataFrame]:
    """Per kind of touch: WHO and hundredths per rule on this kind, before group caps."""
    kinds = sorted({rule.touch for rule in scoring.interest})
    return [_earned_by(known, kind, [rule for rule in scoring.interest if rule.touch == kind], now) for kind in kinds]


def _earned_by(known: Acts, kind: str, rules: list[InterestRule], now: datetime) -> pl.DataFrame:
    each = [rule for rule in rules if rule.count == "each"]
    age = (instant(now) - pl.col("at")).dt.total_microseconds().clip(lower_bound=0).alias("age")
    acts = known.of_kinds([kind])
    if acts.is_empty():
        return acts.select(WHO, *(pl.lit(0, dtype=pl.Int64).alias(RULE + rule.name) for rule in rules))
    aged = acts.select(WHO, age)
    worth = aged.with_columns(_worth(rule).alias(RULE + rule.name) for rule in each)
    sums = known.per_person(worth, pl.col("age").min(), *(pl.col(RULE + rule.name).sum() for rule in each))
    once = [_worth(rule).alias(RULE + rule.name) for rule in rules if rule.count == "once"]
    return sums.with_columns(once).select(WHO, *(_capped(rule).alias(RULE + rule.name) for rule in rules))


def _worth(rule: InterestRule) -> pl.Expr:
    """What one touch of this `age` gives, in whole millionths: nothing outside the window, half after a half-life."""
    age = pl.col("age")
    full = rule.points * _MILLIONTHS
    # one multiplication by a constant: the same float for one touch and for ten million
    decay = None if rule.half_life_days is None else (age * (-math.log(2) / (rule.half_life_days * DAY))).exp()
    worth = pl.lit(float(full)) if decay is None else full * decay
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
    fit = _total([rule.name for rule in scoring.fit]).alias("fit")
    interest = _total([rule.name for rule in scoring.interest]).alias("interest")
    summed = scores.with_columns(fit, interest).with_columns((pl.col("fit") + pl.col("interest")).alias("score"))
    rules = (RULE + name for name in scoring.names)
    return summed.with_columns(_as_points(pl.col(name)) for name in ("fit", "interest", "score", *rules))


def _as_points(hundredths: pl.Expr) -> pl.Expr:
    """Polars divides a column by a number by multiplying with its inverse, which is off by a last bit for one in eight values
    (but not for a column of one row): rounding gives every machine and every batch the same float."""
    return (hundredths / _HUNDREDTHS).round(2)


def _total(names: list[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(RULE + name) for name in names) if names else pl.lit(0, dtype=pl.Int64)


# --------------------------------------------------------------------------------------------------------------- reasons


@dataclass(frozen=True)
class Reasons:
    """Why the scores are what they are, told for whoever is asked for: a decision about a million persons needs the reasons of
    the few who changed. `people` in order of their ids, `scores` row by row beside them."""

    people: pl.DataFrame
    scores: pl.DataFrame
    touches: Acts
    scoring: Scoring

    @cached_property
    def everyone(self) -> pl.DataFrame:
        """REASONS: one row per person and rule that gave points, fit with the columns it looked at, interest with its newest
        touch."""
        return self._told(self.people.with_row_index(WHO), self.scores.with_row_index(WHO), self.touches)

    def of(self, persons: pl.Series | None = None) -> pl.DataFrame:
        """REASONS of these persons (ids), or of everyone."""
        if persons is None:
            return self.everyone
        asked = pl.col("person_id").is_in(persons.unique().implode())
        people = self.people.with_row_index(WHO).filter(asked)
        scores = self.scores.with_row_index(WHO).filter(asked)
        return self._told(people, scores, self.touches.only(people["person_id"]))

    def _told(self, people: pl.DataFrame, scores: pl.DataFrame, touches: Acts) -> pl.DataFrame:
        # people are in order of their ids already, so that one number per reason puts all of them in order
        place = {name: position for position, name in enumerate(sorted(self.scoring.names))}
        fit = [rule for rule in self.scoring.fit if round(rule.points * _HUNDREDTHS)]
        parts = [_fit_reasons(people, rule, place) for rule in fit]
        for kind in sorted({rule.touch for rule in self.scoring.interest}):
            newest = _evidence(touches, kind)
            rules = [rule for rule in self.scoring.interest if rule.touch == kind]
            parts += [_interest_reasons(scores, newest, rule, place) for rule in rules]
        if not parts:
            return pl.DataFrame(schema=REASONS)
        found = pl.concat(pl.collect_all(parts)).sort("order")
        who, rule = pl.col("order") // len(place), pl.col("order") % len(place)
        return found.select(
            pl.lit(self.people["person_id"]).gather(who).alias("person_id"),
            pl.lit(pl.Series(sorted(place), dtype=pl.String)).gather(rule).alias("rule"),
            *(pl.col(name) for name in REASONS if name not in ("person_id", "rule")),
        )


def _evidence(touches: Acts, kind: str) -> pl.DataFrame:
    """WHO, evidence, evidence_at: the newest touch of the kind. Where it lies outside a rule's window every touch does, so it
    is evidence for whatever gave points."""
    newest = touches.newest(touches.of_kinds([kind]), "touch_id")
    evidence = touches.source["touch_id"].gather(newest["act"]).alias("evidence")
    return newest.select(WHO, evidence, pl.col("at").alias("evidence_at"))


def _interest_reasons(scores: pl.DataFrame, newest: pl.DataFrame, rule: InterestRule, place: dict[str, int]) -> pl.LazyFrame:
    points = pl.col(RULE + rule.name)
    given = scores.lazy().filter(points != 0).select(WHO, points.alias("points"))
    return _reason(given.join(newest.lazy(), on=WHO, how="left"), "interest", rule.name, place)


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
