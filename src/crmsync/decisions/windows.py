"""What conditions need to know of touches and approaches: counts within days and days since, all in one pass each.

    touches('pricing_page', 30)   approaches('call')   days_since_touch('any')

A window of N days ends at `now` and holds what happened after `now` − N days; what lies after `now` is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from crmsync.decisions.frames import INSTANT, Facts

ANY = "any"
NOW = "now"
"""The column that holds the instant of the decision, for `days_since(...)`."""

DAY = 86_400_000_000
"""A day in microseconds."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One column computed from acts. `days` None = ever; it has no meaning for `days_since`."""

    acts: Literal["touches", "approaches"]
    measure: Literal["count", "days_since"]
    kind: str
    days: int | None = None

    @property
    def column(self) -> str:
        """The column's name: the call as an admin would write it."""
        function = self.acts if self.measure == "count" else f"days_since_{self.acts.removesuffix('es')}"
        return f"{function}('{self.kind}'{'' if self.days is None else f', {self.days}'})"


def prepare(facts: Facts, windows: Iterable[Window], now: datetime) -> pl.DataFrame:
    """The persons, with one column per window and `now`: the frame on which conditions run, sorted by person.

    Nobody's count is unknown (no touch is 0); days since something that never happened are."""
    wanted = sorted(set(windows), key=lambda w: (w.acts, w.measure, w.kind, w.days or 0))
    frame = facts.persons.lazy()
    for acts, source in (("touches", facts.touches), ("approaches", facts.approaches)):
        mine = [w for w in wanted if w.acts == acts]
        if mine:
            frame = frame.join(_measure(source, mine, now), on="person_id", how="left")
    counts = [pl.col(w.column).fill_null(0) for w in wanted if w.measure == "count"]
    return frame.with_columns(*counts, pl.lit(now, dtype=INSTANT).alias(NOW)).sort("person_id").collect()


def _measure(acts: pl.DataFrame, windows: list[Window], now: datetime) -> pl.LazyFrame:
    """One row per person who acted, one column per window."""
    known = acts.lazy().filter(pl.col("at") <= now)
    kinds = {w.kind for w in windows}
    if ANY not in kinds:
        known = known.filter(pl.col("kind").is_in(sorted(kinds)))
    return known.group_by("person_id").agg(_column(w, now) for w in windows)


def _column(window: Window, now: datetime) -> pl.Expr:
    inside = pl.lit(True) if window.kind == ANY else pl.col("kind") == window.kind
    if window.measure == "days_since":
        newest = pl.col("at").filter(inside).max()
        return days(pl.lit(now, dtype=INSTANT) - newest).alias(window.column)
    if window.days is not None:
        inside = inside & (pl.col("at") > now - timedelta(days=window.days))
    return pl.col("at").filter(inside).len().cast(pl.Int64).alias(window.column)


def days(duration: pl.Expr) -> pl.Expr:
    """A duration as days: exact for whole days, the same for one row and for millions (a plain division is neither)."""
    microseconds = duration.dt.total_microseconds()
    return microseconds // DAY + (microseconds % DAY) * (1.0 / DAY)
