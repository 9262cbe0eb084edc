"""What conditions need to know of touches, approaches and opportunities: counts within days and days since, all in one pass each.

    touches('pricing_page', 30)   approaches('call')   days_since_touch('any')

A window of N days ends at `now` and holds what happened after `now` − N days; what lies after `now` is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from crmsync.decisions.acts import WHO, Acts, number
from crmsync.decisions.aligned import in_order
from crmsync.decisions.frames import Facts, instant

ANY = "any"
NOW = "now"
"""The column that holds the instant of the decision, for `days_since(...)`."""

DAY = 86_400_000_000
"""A day in microseconds."""


_ONE = {"touches": "touch", "approaches": "approach", "opportunities": "opportunity"}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One column computed from acts; an opportunity counts from its creation, by its state now. `days` None = ever; it has no
    meaning for `days_since`."""

    acts: Literal["touches", "approaches", "opportunities"]
    measure: Literal["count", "days_since"]
    kind: str
    days: int | None = None

    @property
    def column(self) -> str:
        """The column's name: the call as an admin would write it."""
        function = self.acts if self.measure == "count" else f"days_since_{_ONE[self.acts]}"
        return f"{function}('{self.kind}'{'' if self.days is None else f', {self.days}'})"


def prepare(
    facts: Facts, windows: Iterable[Window], now: datetime, touches: Acts | None = None, faded_at: datetime | None = None
) -> pl.DataFrame:
    """The persons, with one column per window and `now`: the frame on which conditions run, sorted by person.

    Nobody's count is unknown (no touch is 0); days since something that never happened are. `touches`, where given, are those
    of these persons. Windows end at `faded_at` (None: now), and hold what has happened since then."""
    faded = faded_at or now
    wanted = sorted(set(windows), key=lambda w: (w.acts, w.measure, w.kind, w.days or 0))
    persons = in_order(facts.persons)
    frame = persons.with_row_index(WHO)
    cases = facts.opportunities.select("person_id", pl.col("created_at").alias("at"), pl.col("status").alias("kind"))
    for acts, source in (("touches", facts.touches), ("approaches", facts.approaches), ("opportunities", cases)):
        mine = [w for w in wanted if w.acts == acts]
        if mine:
            known = touches if touches is not None and acts == "touches" else number(persons["person_id"], source, now)
            frame = frame.join(_measure(known, mine, faded), on=WHO, how="left", maintain_order="left")
    counts = [pl.col(w.column).fill_null(0) for w in wanted if w.measure == "count"]
    return frame.drop(WHO).with_columns(*counts, instant(faded).alias(NOW))


def _measure(known: Acts, windows: list[Window], faded_at: datetime) -> pl.DataFrame:
    """One row per person who acted, one column per window."""
    kinds = {w.kind for w in windows}
    rows = known.rows if ANY in kinds else known.of_kinds(sorted(kinds))
    return known.per_person(rows, *(_column(w, faded_at) for w in windows))


def _column(window: Window, faded_at: datetime) -> pl.Expr:
    inside = pl.lit(True) if window.kind == ANY else pl.col("kind") == window.kind
    if window.measure == "days_since":
        newest = (pl.col("at") if window.kind == ANY else pl.col("at").filter(inside)).max()
        since = pl.max_horizontal(instant(faded_at), newest) - newest
        return days(since).alias(window.column)
    if window.days is not None:
        inside = inside & (pl.col("at") > instant(faded_at - timedelta(days=window.days)))
    return (pl.len() if window.kind == ANY and window.days is None else inside.sum()).cast(pl.Int64).alias(window.column)


def days(duration: pl.Expr) -> pl.Expr:
    """A duration as days: exact for whole days, the same for one row and for millions (a plain division is neither)."""
    microseconds = duration.dt.total_microseconds()
    return microseconds // DAY + (microseconds % DAY) * (1.0 / DAY)
