"""The junk alarm: a source that suddenly brings more leads of which fewer become opportunities. It floods the denominator of inside
sales and exhausts everyone, while marketing's own figure looks splendid.

Two exact one-sided tests, both of which must hold: that leads come more often than before (two Poisson counts, given their sum),
and that they become opportunities more rarely (Fisher). Rejecting only where both do keeps the chance of a false alarm for one
source below the level of the larger one; the level is divided by the number of sources that are looked at. To be fair to young
leads every lead has the same time: what became of it within `outcome_days`, and leads that have not had so much time yet are not
looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crmsync.figures.alarms import JunkLimits
from crmsync.figures.chance import more_often, more_rarely
from crmsync.figures.sheet import Column, Note, Sheet

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Windows:
    """Leads created from `recent` until `until` are held against those from `since` until `recent`."""

    since: datetime
    recent: datetime
    until: datetime

    @classmethod
    def ending(cls, now: datetime, limits: JunkLimits) -> Windows:
        until = now - timedelta(days=limits.outcome_days)
        recent = until - timedelta(days=limits.recent_days)
        return cls(recent - timedelta(days=limits.baseline_days), recent, until)


def junk_sources(
    persons: pl.DataFrame, opportunities: pl.DataFrame, now: datetime, limits: JunkLimits, by: str = "source_method"
) -> pl.DataFrame:
    """source, leads, opportunities, rate (recent), leads_before, opportunities_before, rate_before, volume_chance, rate_chance,
    alarm: one row per value of `by`, the alarmed ones first. `persons` need person_id, identified, created_at and `by`;
    `opportunities` person_id and created_at. The chances are absent, and there is no alarm, where there are too few leads or
    nothing to hold them against."""
    windows = Windows.ending(now, limits)
    counted = _counted(_judged(persons, opportunities, windows, limits, by), windows)
    enough = (pl.col("leads") >= limits.least_leads) & (pl.col("leads_before") > 0)
    looked_at = counted.with_columns(enough.alias("#enough"))
    level = limits.chance / max(1, int(looked_at["#enough"].sum()))
    tested = [_test(row, limits) if row["#enough"] else (None, None) for row in looked_at.iter_rows(named=True)]
    told = looked_at.with_columns(
        pl.Series("volume_chance", [volume for volume, _ in tested], dtype=pl.Float64),
        pl.Series("rate_chance", [rate for _, rate in tested], dtype=pl.Float64),
    )
    both = (pl.col("volume_chance") < level) & (pl.col("rate_chance") < level)
    return (
        told.with_columns(both.fill_null(False).alias("alarm"))
        .drop("#enough")
        .sort("alarm", "leads", "source", descending=[True, True, False])
    )


def _judged(persons: pl.DataFrame, opportunities: pl.DataFrame, windows: Windows, limits: JunkLimits, by: str) -> pl.DataFrame:
    """The leads of both windows, with whether each became an opportunity in its time."""
    leads = persons.filter(
        pl.col("identified") & (pl.col("created_at") >= windows.since) & (pl.col("created_at") < windows.until)
    ).select("person_id", pl.col("created_at").alias("came_at"), pl.col(by).fill_null(UNKNOWN).alias("source"))
    in_time = pl.col("created_at") < pl.col("came_at") + timedelta(days=limits.outcome_days)
    became = (
        leads.join(opportunities.select("person_id", "created_at"), on="person_id")
        .filter(in_time & (pl.col("created_at") >= pl.col("came_at")))
        .select("person_id")
        .unique()
        .with_columns(pl.lit(True).alias("became"))
    )
    return leads.join(became, on="person_id", how="left").with_columns(pl.col("became").fill_null(False))


def _counted(judged: pl.DataFrame, windows: Windows) -> pl.DataFrame:
    recent = pl.col("came_at") >= windows.recent
    counted = judged.group_by("source").agg(
        recent.sum().cast(pl.Int64).alias("leads"),
        (recent & pl.col("became")).sum().cast(pl.Int64).alias("opportunities"),
        (~recent).sum().cast(pl.Int64).alias("leads_before"),
        (~recent & pl.col("became")).sum().cast(pl.Int64).alias("opportunities_before"),
    )
    rates = {
        "rate": pl.when(pl.col("leads") > 0).then(pl.col("opportunities") / pl.col("leads")),
        "rate_before": pl.when(pl.col("leads_before") > 0).then(pl.col("opportunities_before") / pl.col("leads_before")),
    }
    return counted.with_columns(**rates).select(
        "source", "leads", "opportunities", "rate", "leads_before", "opportunities_before", "rate_before"
    )


def _test(row: dict[str, int], limits: JunkLimits) -> tuple[float, float]:
    """The chance of so many leads, and of so few opportunities among them, where nothing has changed."""
    leads, before = row["leads"], row["leads_before"]
    volume = more_often(leads, limits.recent_days, before, limits.baseline_days)
    return volume, more_rarely(row["opportunities"], leads, row["opportunities_before"], before)


JUNK = (
    Column("method", "text"),
    Column("leads"),
    Column("opportunities"),
    Column("rate", "share"),
    Column("leads_before"),
    Column("opportunities_before"),
    Column("rate_before", "share"),
    Column("volume_chance", "share"),
    Column("rate_chance", "share"),
    Column("alarm", "flag"),
)


def junk_sheet(persons: pl.DataFrame, opportunities: pl.DataFrame, now: datetime, limits: JunkLimits) -> Sheet:
    """The sources by method as a sheet, with an alarm for each that is junk."""
    rows = junk_sources(persons, opportunities, now, limits).rename({"source": "method"})
    notes = [
        Note(
            "figures.junk",
            {
                "method": row["method"],
                "leads": row["leads"],
                "rate": f"{row['rate']:.1%}",
                "before": f"{row['rate_before']:.1%}",
            },
        )
        for row in rows.filter("alarm").iter_rows(named=True)
    ]
    return Sheet.of("junk", JUNK, rows, *notes)
