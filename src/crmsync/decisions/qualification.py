"""Who is worth handing to inside sales now: the definition that marketing and sales sign (DOMAIN.md §5.1).

A definition has conditions that must all hold, exclusions of which none may, and two ends: the loose one (warm included, a
lower score) and the strict one (hot only, a higher score). The valve says where between the ends it stands today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.conditions import Condition
from crmsync.decisions.scoring import Title
from crmsync.decisions.windows import Window

BEST_FIRST: dict[str, Any] = {
    "by": ["score", "last_touch_at", "person_id"],
    "descending": [True, True, False],
    "nulls_last": True,
}
"""The order of the hand-over, for `DataFrame.sort`: the greatest score, then the freshest touch, then the id."""


Stage = Literal["draft", "approved", "effective", "review_due"]
"""A definition's life: written, agreed but not yet in force, in force, in force and to be looked at again."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a definition: the least score, and the temperatures that are let through."""

    minimum_score: float
    temperatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """Who agrees, for which department, since when they do (None = not yet, or not recorded), and to what: the digest that they
    signed (`signing.py`)."""

    department: str
    role: str
    signed_on: date | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """When a definition counts as stale (`stale.py`). Looked at are the first and the last `weeks` of a version, once it has stood
    for twice that; `tolerance` is a share of accepted leads (0.1 = ten points); each side needs so many `verdicts`; `sureness` is
    in standard errors (2 = one in twenty by chance)."""

    weeks: int = 6
    tolerance: float = 0.1
    verdicts: int = 20
    sureness: float = 2.0


@dataclass(frozen=True, slots=True)
class Definition:
    """The qualification document. `strict_from` is the valve position from which only the strict end's temperatures are let
    through; the least score moves evenly over the whole way. `is_draft`: not agreed yet, for simulations only. Both heads look
    at it again by `review_by`."""

    name: str
    version: int
    title: Title
    required: tuple[Condition, ...]
    excluded: tuple[Condition, ...]
    loose: End
    strict: End
    strict_from: float = 1.0
    effective_from: date | None = None
    signed_by: tuple[Signature, ...] = ()
    is_draft: bool = False
    review_by: date | None = None
    watch: Watch = Watch()

    def stage(self, today: date) -> Stage:
        """Where in its life the definition stands on this day."""
        if self.is_draft:
            return "draft"
        if self.effective_from is not None and today < self.effective_from:
            return "approved"
        return "review_due" if self.review_by is not None and today > self.review_by else "effective"

    @property
    def windows(self) -> frozenset[Window]:
        """Windows that `conditions.prepare` must compute."""
        return frozenset().union(*(c.windows for c in (*self.required, *self.excluded)))

    def minimum_score(self, position: float) -> float:
        """The least score at this valve position, to a hundredth."""
        return round(self.loose.minimum_score + position * (self.strict.minimum_score - self.loose.minimum_score), 2)

    def temperatures(self, position: float) -> tuple[str, ...]:
        """The temperatures let through at this valve position."""
        return self.strict.temperatures if position >= self.strict_from else self.loose.temperatures


def qualify(frame: pl.DataFrame, definition: Definition, position: float) -> pl.DataFrame:
    """person_id, qualifies, rank, failed: for every person of the frame, sorted by person.

    `rank` is 1 for the first to be handed over (the greatest score, then the freshest touch, then the id) and null for who does
    not qualify; the rest is as `judge` says it."""
    found = judge(frame, definition, position)
    best = beside(found, frame.select("person_id", "score", "last_touch_at")).filter("qualifies").sort(**BEST_FIRST)
    ranks = best.select("person_id", pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"))
    ranked = found.join(ranks, on="person_id", how="left", maintain_order="left")
    return ranked.select("person_id", "qualifies", "rank", "failed")


def judge(frame: pl.DataFrame, definition: Definition, position: float) -> pl.DataFrame:
    """person_id, qualifies, failed: for every person of the frame, sorted by person.

    `frame` has the columns of PERSONS, SCORES and the temperature, and whatever the definition's conditions name. `failed` holds
    what is not true, in the definition's words: nobody unidentified or deleted ever qualifies."""
    checks = checks_of(definition, position)
    groups = [checks[start : start + _CHECKS_PER_PATTERN] for start in range(0, len(checks), _CHECKS_PER_PATTERN)]
    patterns = [f"#{n}" for n in range(len(groups))]
    told = in_order(frame.select("person_id", *(_pattern(group).alias(name) for name, group in zip(patterns, groups, strict=True))))
    failed = told.select(patterns).unique(maintain_order=True).with_columns(_texts(checks, patterns).alias("failed"))
    holds = pl.all_horizontal(pl.col(name) == 0 for name in patterns)
    return told.join(failed, on=patterns, how="left", maintain_order="left").select("person_id", holds.alias("qualifies"), "failed")


_CHECKS_PER_PATTERN = 32
"""Bits of one pattern: a million persons fail in a few hundred ways, and the words are put together once for each of them."""


def _pattern(checks: list[tuple[str, pl.Expr]]) -> pl.Expr:
    """One bit per check that does not hold."""
    bits = [pl.when(holds).then(0).otherwise(1 << bit).cast(pl.UInt32) for bit, (_, holds) in enumerate(checks)]
    return pl.sum_horizontal(bits)


def _texts(checks: list[tuple[str, pl.Expr]], patterns: list[str]) -> pl.Expr:
    """The words of the bits that are set."""
    places = [divmod(place, _CHECKS_PER_PATTERN) for place in range(len(checks))]
    words = [
        pl.when((pl.col(patterns[group]) & (1 << bit)) != 0).then(pl.lit(text)).otherwise(pl.lit(None, pl.String))
        for (group, bit), (text, _) in zip(places, checks, strict=True)
    ]
    return pl.concat_list(words).list.drop_nulls()


def checks_of(definition: Definition, position: float) -> list[tuple[str, pl.Expr]]:
    """(words, true where it holds, never null) of everything that must be so."""
    least, allowed = definition.minimum_score(position), definition.temperatures(position)
    names = ", ".join(f"'{t}'" for t in allowed)
    return [
        ("identified", pl.col("identified").fill_null(False)),
        ("NOT is_deleted", ~pl.col("is_deleted").fill_null(False)),
        *((c.text, c.expression()) for condition in definition.required for c in condition.conjuncts),
        *((f"NOT ({condition.text})", ~condition.expression()) for condition in definition.excluded),
        (f"score >= {least:g}", (pl.col("score") >= least).fill_null(False)),
        (f"temperature IN ({names})", pl.col("temperature").is_in(allowed).fill_null(False)),
    ]
