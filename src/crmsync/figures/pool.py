"""The pool: the target leads that can still be handed over, and for how many months they last. Better rates save no empty
denominator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crmsync.figures.sheet import Column, Note, Sheet

MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Runway:
    """`untouched`: never handed over; `recyclable`: given back, and not for good; `resting`: of those, not before a date that is
    still to come. `monthly`: hand-overs of a month, None where there were none. `months`: (untouched + recyclable) ÷ monthly."""

    untouched: int
    recyclable: int
    resting: int
    monthly: float | None
    months: float | None
    is_short: bool


def runway(persons: pl.DataFrame, state: pl.DataFrame, moves: pl.DataFrame, now: datetime, months: int, least: float) -> Runway:
    """The pool as it stands `now`, used up as fast as in the `months` before. `persons` need person_id, is_target, opted_out,
    bounced, disqualification, is_deleted; `state` person_id, phase, not_before, recycle_reason. A month is a twelfth of a year. No
    new lead is reckoned with: that is what the figure is for. `is_short` below `least` months."""
    may = (
        pl.col("is_target").fill_null(False)
        & ~pl.col("opted_out").fill_null(False)
        & ~pl.col("bounced").fill_null(False)
        & ~pl.col("is_deleted").fill_null(False)
        & pl.col("disqualification").is_null()
    )
    pool = persons.filter(may).select("person_id").join(state, on="person_id")
    back = pool.filter(pl.col("phase").is_in(["recycled", "closed_lost"]))
    untouched = pool.filter(pl.col("phase") == "inquiry").height
    since = now - timedelta(days=months * MONTH_DAYS)
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("at") > since) & (pl.col("at") <= now)).height
    monthly = handed / months if handed else None
    left = None if monthly is None else (untouched + back.height) / monthly
    return Runway(
        untouched=untouched,
        recyclable=back.height,
        resting=back.filter((pl.col("not_before") > now).fill_null(False)).height,
        monthly=monthly,
        months=left,
        is_short=left is not None and left < least,
    )


POOL = (
    Column("untouched"),
    Column("recyclable"),
    Column("resting"),
    Column("monthly", "number"),
    Column("months", "number"),
    Column("alarm", "flag"),
)


def pool_sheet(found: Runway) -> Sheet:
    """The pool as a sheet, with a warning where it is short."""
    row = (found.untouched, found.recyclable, found.resting, found.monthly, found.months, found.is_short)
    counts = dict.fromkeys(("untouched", "recyclable", "resting"), pl.Int64)
    schema = {**counts, "monthly": pl.Float64, "months": pl.Float64, "alarm": pl.Boolean}
    notes = [Note("figures.short_pool", {"months": f"{found.months:.1f}"})] if found.is_short else []
    return Sheet.of("pool", POOL, pl.DataFrame([row], schema=schema, orient="row"), *notes)
