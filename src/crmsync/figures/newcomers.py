"""Newcomers beside veterans: whether those who joined lately keep their promises as well. Where work is described, they soon do."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from crmsync.figures.chance import with_share
from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Sheet


def sla_by_seniority(clocks: pl.DataFrame, joined: pl.DataFrame, period: Period, zone: str, new_days: int) -> pl.DataFrame:
    """seniority ("newcomer" | "veteran" | "unknown"), reps, met, breached, kept, low, high: of the clocks that started in the
    period. `joined` has rep_id and joined (a day, null where nobody says). Who had joined for no more than `new_days` when the
    clock started is a newcomer for it: the same rep may be both. Clocks that ended otherwise are in neither."""
    judged = clocks.filter(period.holds("started_at") & pl.col("owner").is_not_null()).join(
        joined, left_on="owner", right_on="rep_id", how="left"
    )
    day = pl.col("started_at").dt.convert_time_zone(zone).dt.date()
    seniority = (
        pl.when(pl.col("joined").is_null())
        .then(pl.lit("unknown"))
        .when(day <= pl.col("joined") + timedelta(days=new_days))
        .then(pl.lit("newcomer"))
        .otherwise(pl.lit("veteran"))
    )
    breached = pl.col("breached_at").is_not_null()
    counted = (
        judged.with_columns(seniority.alias("seniority"))
        .group_by("seniority")
        .agg(
            pl.col("owner").n_unique().alias("reps"),
            (pl.col("met_at").is_not_null() & ~breached).sum().cast(pl.Int64).alias("met"),
            breached.sum().cast(pl.Int64).alias("breached"),
        )
        .with_columns((pl.col("met") + pl.col("breached")).alias("#judged"))
    )
    return with_share(counted, "met", "#judged", "kept").drop("#judged").sort("seniority")


SENIORITY = (
    Column("seniority", "word", "seniority"),
    Column("reps"),
    Column("met"),
    Column("breached"),
    Column("kept", "share"),
    Column("low", "share"),
    Column("high", "share"),
)


def seniority_sheet(clocks: pl.DataFrame, joined: pl.DataFrame, period: Period, zone: str, new_days: int) -> Sheet:
    """Newcomers beside veterans as a sheet; where nobody says when anyone joined, that is missing."""
    missing = () if joined["joined"].is_not_null().any() else ("joined",)
    return Sheet.of("seniority", SENIORITY, sla_by_seniority(clocks, joined, period, zone, new_days), missing=missing)
