"""The SLA board: per clock, how many ran, were met in time, were met late or breached, and how long the first answer took."""

from __future__ import annotations

import polars as pl

from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Sheet

SLA = (
    Column("clock", "word", "clock"),
    Column("started"),
    Column("met"),
    Column("breached"),
    Column("running"),
    Column("cancelled"),
    Column("kept", "share"),
    Column("median_hours", "hours"),
)


def sla_board(clocks: pl.DataFrame, period: Period) -> pl.DataFrame:
    """One row per kind of clock started in the period: kind, started, met, breached, cancelled, running, kept, median_hours.

    `kept` is met in time ÷ (met in time + breached): a clock cancelled or still running in time is in neither. `median_hours`
    are clock hours from start to the meeting act."""
    in_time = pl.col("met_at").is_not_null() & pl.col("breached_at").is_null()
    breached = pl.col("breached_at").is_not_null()
    cancelled = pl.col("cancelled_at").is_not_null() & ~breached & ~in_time
    hours = (pl.col("met_at") - pl.col("started_at")).dt.total_microseconds() / 3_600_000_000
    return (
        clocks.filter(period.holds("started_at"))
        .group_by("kind")
        .agg(
            pl.len().alias("started"),
            in_time.sum().alias("met"),
            breached.sum().alias("breached"),
            cancelled.sum().alias("cancelled"),
            (~in_time & ~breached & ~cancelled).sum().alias("running"),
            hours.median().alias("median_hours"),
        )
        .with_columns(
            pl.when(pl.col("met") + pl.col("breached") > 0).then(pl.col("met") / (pl.col("met") + pl.col("breached"))).alias("kept")
        )
        .sort("kind")
    )


def sla_sheet(clocks: pl.DataFrame, period: Period) -> Sheet:
    """The board as a sheet."""
    return Sheet.of("sla", SLA, sla_board(clocks, period).rename({"kind": "clock"}))
