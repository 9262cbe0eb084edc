"""Stays: how long people are in a phase, each time they are in it anew; those who left, and those who are still inside.

A median of those who left is too short as long as the slow ones are still inside. So both are shown: `median_days` of those who
left in the period, and `typical_days`, the median of the stays that began in it, with those still inside counted as lasting at
least until now (Kaplan and Meier's estimate; absent while too few have left to know).
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Note, Sheet

DAY = 86_400_000_000
"""A day in microseconds."""


def stays(moves: pl.DataFrame, now: datetime, states: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row per stay: person_id, phase, cycle (times recycled before it), entered_at, source, because, definition, left_at,
    target, why, evidence, run_id. What follows `left_at` of who is still inside is null.

    `moves` are MOVES with run_id, in the order in which they happened. Each entry into a phase goes with the exit from it of the
    same number: of two people who turned out to be one the moves of both are there. They are inside once: where `states`
    (person_id, phase) say, else where they came last."""
    told = moves.filter(pl.col("at") <= now).sort("at", maintain_order=True).with_row_index("#row")
    entries = told.with_columns(
        pl.col("target").alias("phase"),
        pl.int_range(pl.len()).over("person_id", "target").alias("#number"),
        (pl.col("target") == "recycled").cast(pl.Int64).cum_sum().over("person_id").alias("cycle"),
    )
    exits = told.select(
        "person_id",
        pl.col("source").alias("phase"),
        pl.int_range(pl.len()).over("person_id", "source").alias("#number"),
        pl.col("at").alias("left_at"),
        pl.col("target").alias("#next"),
        pl.col("because").alias("#why"),
        pl.col("evidence").alias("#shown"),
    )
    paired = entries.join(exits, on=["person_id", "phase", "#number"], how="left")
    return (
        paired.filter(pl.col("left_at").is_not_null() | _is_theirs(states))
        .select(
            "person_id",
            "phase",
            "cycle",
            pl.col("at").alias("entered_at"),
            "source",
            "because",
            "definition",
            "left_at",
            pl.col("#next").alias("target"),
            pl.col("#why").alias("why"),
            pl.col("#shown").alias("evidence"),
            "run_id",
        )
        .sort("entered_at", "person_id", "phase")
    )


def _is_theirs(states: pl.DataFrame | None) -> pl.Expr:
    """Of the stays that are not over, the one in which the person is: the last in the phase of their state."""
    is_open = pl.col("left_at").is_null()
    if states is not None:
        phase_now = pl.col("person_id").replace_strict(states["person_id"], states["phase"], default=None, return_dtype=pl.String)
        is_open = is_open & (pl.col("phase") == phase_now).fill_null(False)
    return is_open & (pl.col("#row") == pl.col("#row").filter(is_open).max().over("person_id"))


def first_clocks(stayed: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    """person_id, entered_at, rep_id, due_at, met_at of the first clock that started in each stay: who had the baton first, and
    until when something was promised. `stayed` needs person_id, entered_at, left_at; stays without a clock have no row."""
    known = clocks.select("person_id", "started_at", "attempt", "due_at", "met_at", pl.col("owner").alias("rep_id"))
    began = pl.col("started_at") >= pl.col("entered_at")
    in_time = (pl.col("started_at") <= pl.col("left_at")).fill_null(True)
    return (
        stayed.select("person_id", "entered_at", "left_at")
        .join(known, on="person_id")
        .filter(began & in_time)
        .sort("started_at", "attempt", "due_at")
        .group_by("person_id", "entered_at", maintain_order=True)
        .agg(pl.col("rep_id", "due_at", "met_at").first())
    )


def time_in_phase(stayed: pl.DataFrame, period: Period, now: datetime) -> pl.DataFrame:
    """Per phase, and within it per cycle (null: all of them): left, median_days, p90_days of those who left in the period;
    began, typical_days of those who entered in it; inside, inside_median_days, inside_p90_days, oldest_days of those who are inside
    at its end. Phases in which nobody was are left out."""
    at_end = min(now, period.until)
    length = (pl.col("left_at") - pl.col("entered_at")).dt.total_microseconds() / DAY
    age = (pl.lit(at_end) - pl.col("entered_at")).dt.total_microseconds() / DAY
    left = period.holds("left_at").fill_null(False)
    inside = (pl.col("entered_at") < period.until) & (pl.col("left_at") >= period.until).fill_null(True)
    known = stayed.filter(pl.col("entered_at") <= now).with_columns(
        length.alias("#length"),
        age.alias("#age"),
        left.alias("#left"),
        inside.alias("#inside"),
        period.holds("entered_at").alias("#began"),
    )
    both = pl.concat([known.with_columns(pl.lit(None, dtype=pl.Int64).alias("cycle")), known])
    measured = (
        both.filter(pl.any_horizontal("#left", "#inside", "#began"))
        .group_by("phase", "cycle")
        .agg(
            pl.col("#left").sum().alias("left"),
            pl.col("#length").filter("#left").median().alias("median_days"),
            pl.col("#length").filter("#left").quantile(0.9, "linear").alias("p90_days"),
            pl.col("#began").sum().alias("began"),
            pl.col("#inside").sum().alias("inside"),
            pl.col("#age").filter("#inside").median().alias("inside_median_days"),
            pl.col("#age").filter("#inside").quantile(0.9, "linear").alias("inside_p90_days"),
            pl.col("#age").filter("#inside").max().alias("oldest_days"),
        )
    )
    lasting = both.filter("#began").with_columns(
        pl.coalesce("#length", (pl.lit(now) - pl.col("entered_at")).dt.total_microseconds() / DAY).alias("#lasted"),
        pl.col("left_at").is_not_null().alias("#ended"),
    )
    typical = median_of_lasting(lasting, ["phase", "cycle"], "#lasted", "#ended").rename({"median": "typical_days"})
    return (
        measured.join(typical, on=["phase", "cycle"], how="left", nulls_equal=True)
        .select(*_COLUMNS)
        .sort("phase", "cycle", nulls_last=False)
    )


_COLUMNS = (
    *("phase", "cycle", "left", "median_days", "p90_days", "began", "typical_days"),
    *("inside", "inside_median_days", "inside_p90_days", "oldest_days"),
)


def median_of_lasting(rows: pl.DataFrame, by: list[str], lasted: str, ended: str) -> pl.DataFrame:
    """`by`, median: per group the first duration by which at least half have ended, by Kaplan and Meier's estimate. Who has not
    ended counts for as long as they were watched. Null where less than half are known to end."""
    at_risk = pl.col("#watched").cum_sum(reverse=True).over(by, order_by=lasted)
    steps = (
        rows.group_by(*by, lasted)
        .agg(pl.len().alias("#watched"), pl.col(ended).sum().alias("#ends"))
        .with_columns(at_risk.alias("#risk"))
        .with_columns((1 - pl.col("#ends") / pl.col("#risk")).alias("#stay"))
        .with_columns(pl.col("#stay").cum_prod().over(by, order_by=lasted).alias("#left"))
    )
    # a share of one half that was multiplied together is a hair above it
    half = pl.col("#left") <= 0.5 + 1e-12
    return steps.group_by(by).agg(pl.col(lasted).filter(half).min().alias("median"))


PHASES = (
    Column("phase", "word", "phase"),
    Column("cycle"),
    Column("left"),
    Column("median_days", "days"),
    Column("p90_days", "days"),
    Column("began"),
    Column("typical_days", "days"),
    Column("inside"),
    Column("inside_median_days", "days"),
    Column("inside_p90_days", "days"),
    Column("oldest_days", "days"),
)


VETTING = (
    Column("inside"),
    Column("unvetted"),
    Column("unvetted_median_days", "days"),
    Column("unvetted_p90_days", "days"),
    Column("oldest_days", "days"),
    Column("alarm", "flag"),
)


def phases_sheet(stayed: pl.DataFrame, period: Period, now: datetime) -> Sheet:
    """Time in phase as a sheet."""
    return Sheet.of("phases", PHASES, time_in_phase(stayed, period, now))


def vetting(stayed: pl.DataFrame, targets: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """inside, unvetted, unvetted_median_days, unvetted_p90_days, oldest_days: one row of the inquiries at an instant. Vetted is of
    whom it is known whether they are whom we are after: `targets` has person_id and is_target, null where the facts do not say."""
    here = (pl.col("phase") == "inquiry") & (pl.col("entered_at") <= at) & (pl.col("left_at") > at).fill_null(True)
    known = stayed.filter(here).join(targets.select("person_id", "is_target"), on="person_id")
    unknown = pl.col("is_target").is_null()
    age = ((pl.lit(at) - pl.col("entered_at")).dt.total_microseconds() / DAY).filter(unknown)
    return known.select(
        pl.len().cast(pl.Int64).alias("inside"),
        unknown.sum().cast(pl.Int64).alias("unvetted"),
        age.median().alias("unvetted_median_days"),
        age.quantile(0.9, "linear").alias("unvetted_p90_days"),
        age.max().alias("oldest_days"),
    )


def vetting_sheet(stayed: pl.DataFrame, targets: pl.DataFrame, at: datetime, limit_days: int) -> Sheet:
    """The ages of the unvetted as a sheet, with a warning where a tenth of them has been waiting for longer than agreed."""
    rows = vetting(stayed, targets, at).with_columns((pl.col("unvetted_p90_days") > limit_days).fill_null(False).alias("alarm"))
    ages = rows.filter("alarm")["unvetted_p90_days"].to_list()
    notes = [Note("figures.unvetted", {"days": limit_days, "p90": round(age)}) for age in ages]
    return Sheet.of("vetting", VETTING, rows, *notes)
