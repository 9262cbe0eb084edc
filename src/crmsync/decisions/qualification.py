"""Who is worth handing to inside sales now: the definition that marketing and sales sign (DOMAIN.md §5.1).

A definition has conditions that must all hold, exclusions of which none may, and two ends: the loose one (warm included, a
lower score) and the strict one (hot only, a higher score). The valve says where between the ends it stands today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from crmsync.decisions.conditions import Condition
from crmsync.decisions.scoring import Title
from crmsync.decisions.windows import Window


@dataclass(frozen=True, slots=True)
class End:
    """One end of a definition: the least score, and the temperatures that are let through."""

    minimum_score: float
    temperatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """Who agreed, for which department."""

    department: str
    role: str


@dataclass(frozen=True, slots=True)
class Definition:
    """The qualification document. `strict_from` is the valve position from which only the strict end's temperatures are let
    through; the least score moves evenly over the whole way."""

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

    `frame` has the columns of PERSONS, SCORES and the temperature, and whatever the definition's conditions name. `rank` is 1
    for the first to be handed over (the greatest score, then the freshest touch, then the id) and null for who does not
    qualify. `failed` holds what is not true, in the definition's words: nobody unidentified or deleted ever qualifies."""
    checks = _checks(definition, position)
    failed = pl.concat_list(
        pl.when(~holds).then(pl.lit(text)).otherwise(pl.lit(None, pl.String)) for text, holds in checks
    ).list.drop_nulls()
    found = (
        frame.lazy()
        .select(
            "person_id",
            "score",
            "last_touch_at",
            pl.all_horizontal(h for _, h in checks).alias("qualifies"),
            failed.alias("failed"),
        )
        .sort(["score", "last_touch_at", "person_id"], descending=[True, True, False], nulls_last=True)
        .with_columns(pl.when("qualifies").then(pl.col("qualifies").cum_sum()).cast(pl.Int64).alias("rank"))
    )
    return found.select("person_id", "qualifies", "rank", "failed").sort("person_id").collect()


def _checks(definition: Definition, position: float) -> list[tuple[str, pl.Expr]]:
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
