"""Recycle yield: what became of those who were given back to marketing, beside what became of new leads of the same days."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Sheet

NEW = "new"
RECYCLED = "recycled"
UNKNOWN = "unknown"


def recycle_yield(
    stayed: pl.DataFrame, touches: pl.DataFrame, opportunities: pl.DataFrame, reasons: pl.DataFrame, period: Period, now: datetime
) -> pl.DataFrame:
    """group ("recycled" | "new"), reason (of a recycle; null: all), entered, came_back, qualified, opportunities, won, yield
    (opportunities ÷ entered), win_yield: one row for the new leads of the period, one for everyone recycled in it, one per reason.

    `stayed` is of `stays`; a recycle counts each time, and what follows counts for the last one before it. came_back: touched again
    afterwards; qualified: handed over again. `reasons` has person_id, at, reason; new leads come back by definition."""
    entered = _entries(stayed, period).join(reasons, on=["person_id", "at"], how="left")
    known = entered.with_columns(pl.when(pl.col("group") == RECYCLED).then(pl.col("reason").fill_null(UNKNOWN)).alias("reason"))
    handed = stayed.filter(pl.col("phase") == "mql").select("person_id", pl.col("entered_at").alias("event"))
    newer = touches.filter(pl.col("at") > period.since).join(known.select("person_id"), on="person_id", how="semi")
    acts = {
        "came_back": newer.select("person_id", pl.col("at").alias("event")),
        "qualified": handed,
        "opportunities": opportunities.select("person_id", pl.col("created_at").alias("event")),
        "won": opportunities.filter(pl.col("status") == "won").select("person_id", pl.col("closed_at").alias("event")),
    }
    for name, events in acts.items():
        known = known.join(_who_did(known, events, now).with_columns(pl.lit(True).alias(name)), on=_ENTRY, how="left")
    flags = known.with_columns(pl.col(name).fill_null(False) for name in acts).with_columns(
        (pl.col("came_back") | (pl.col("group") == NEW)).alias("came_back")
    )
    both = pl.concat([flags.with_columns(pl.lit(None, dtype=pl.String).alias("reason")), flags.filter(pl.col("group") == RECYCLED)])
    counted = both.group_by("group", "reason").agg(pl.len().alias("entered"), *(pl.col(name).sum() for name in acts))
    return counted.with_columns(
        (pl.col("opportunities") / pl.col("entered")).alias("yield"), (pl.col("won") / pl.col("entered")).alias("win_yield")
    ).sort(pl.col("group") == RECYCLED, "reason", nulls_last=False)


_ENTRY = ["person_id", "at", "group"]


def _entries(stayed: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Everyone who was recycled in the period, each time, and everyone who became a lead in it: until when what they do counts."""
    following = pl.col("entered_at").shift(-1).over("person_id", "phase", order_by="entered_at")
    told = stayed.with_columns(following.alias("until"))
    first_recycle = (
        stayed.filter(pl.col("phase") == "recycled").group_by("person_id").agg(pl.col("entered_at").min().alias("until"))
    )
    groups = {"recycled": told.filter(pl.col("phase") == "recycled")}
    came = told.filter((pl.col("phase") == "inquiry") & (pl.col("because") == "identified")).drop("until")
    groups["new"] = came.join(first_recycle, on="person_id", how="left")
    rows = [
        frame.filter(period.holds("entered_at")).select(
            "person_id", pl.col("entered_at").alias("at"), pl.lit(name).alias("group"), "until"
        )
        for name, frame in groups.items()
    ]
    return pl.concat(rows).unique(_ENTRY, keep="first", maintain_order=True)


def _who_did(entered: pl.DataFrame, events: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The entries after which, and before the next recycle, something happened."""
    within = (pl.col("event") > pl.col("at")) & (pl.col("event") <= now) & (pl.col("event") <= pl.col("until")).fill_null(True)
    return entered.select(*_ENTRY, "until").join(events, on="person_id").filter(within).select(_ENTRY).unique()


RECYCLING = (
    Column("group", "word", "group"),
    Column("reason", "word", "agreement.reason"),
    Column("entered"),
    Column("came_back"),
    Column("qualified"),
    Column("opportunities"),
    Column("won"),
    Column("yield", "share"),
    Column("win_yield", "share"),
)


def recycling_sheet(rows: pl.DataFrame) -> Sheet:
    """The rows of `recycle_yield` as a sheet."""
    return Sheet.of("recycling", RECYCLING, rows)
