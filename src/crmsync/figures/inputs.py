"""What figures need and CRMs hold thinly, as people give it: visitors, spend, head-counts.

An input that nobody gave is None: what needs it is absent, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from crmsync.figures.period import Zone

GIVEN: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "first": pl.Date,  # the days that the value is of, both included: it is spread evenly over them
    "last": pl.Date,
    "source": pl.String,
    "method": pl.String,
    "campaign": pl.String,
    "value": pl.Float64,
}
HEADCOUNTS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "first": pl.Date,
    "last": pl.Date,
    "department": pl.String,
    "value": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """GIVEN frames of visitors and of spend, and HEADCOUNTS."""

    visits: pl.DataFrame | None = None
    spend: pl.DataFrame | None = None
    headcounts: pl.DataFrame | None = None


def within(given: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """The part of each row that falls into these days; `days` of them it covers."""
    days = (pl.col("last") - pl.col("first")).dt.total_days() + 1
    begins, ends = pl.max_horizontal("first", pl.lit(first)), pl.min_horizontal("last", pl.lit(last))
    inside = (ends - begins).dt.total_days() + 1
    return (
        given.filter((pl.col("last") >= first) & (pl.col("first") <= last))
        .with_columns(pl.col("value") * inside / days, begins.alias("first"), ends.alias("last"))
        .sort("first", "last", *(name for name in given.columns if name not in ("first", "last")))
    )


def covers(given: pl.DataFrame, first: date, last: date) -> bool:
    """Whether every one of these days is in some row."""
    rows = given.filter((pl.col("last") >= first) & (pl.col("first") <= last)).select("first", "last").sort("first", "last")
    reached = first.toordinal()
    for begins, ends in rows.iter_rows():
        if begins.toordinal() > reached:
            return False
        reached = max(reached, ends.toordinal() + 1)
    return reached > last.toordinal()


def known_by(given: pl.DataFrame | None, at: date) -> pl.DataFrame | None:
    """What can have been said by the end of this day: rows that had begun."""
    return None if given is None else given.filter(pl.col("first") <= at)


def cost_of_campaigns(campaigns: pl.DataFrame, zone: Zone) -> pl.DataFrame:
    """GIVEN of the costs that the CRMs hold of their campaigns, which say no day: spread from the campaign's first day to its last,
    or up to the day on which the cost was learnt while it has none; one without a first day is of the day it was learnt. Where
    several CRMs have a campaign of one name it is one campaign, of which the CRM tells most that has the largest sum."""
    learnt = pl.col("learnt_at").dt.convert_time_zone(zone.name).dt.date()
    first = pl.coalesce("starts_on", learnt)
    return (
        campaigns.filter(~pl.col("is_deleted") & pl.col("cost").is_not_null())
        .pipe(_told_by_one)
        .select(
            first.alias("first"),
            pl.max_horizontal(pl.coalesce("ends_on", learnt), first).alias("last"),
            pl.lit(None, pl.String).alias("source"),
            pl.lit(None, pl.String).alias("method"),
            pl.col("name").alias("campaign"),
            pl.col("cost").cast(pl.Float64).alias("value"),
        )
        .sort("campaign", "first", "last", "value")
    )


def counted_visits(seen: pl.DataFrame) -> pl.DataFrame:
    """GIVEN of the visitors that the CRMs' analytics counted."""
    return (
        seen.filter(~pl.col("is_deleted"))
        .select(
            pl.col("day").alias("first"),
            pl.col("day").alias("last"),
            "source",
            "method",
            pl.lit(None, pl.String).alias("campaign"),
            pl.col("visitors").cast(pl.Float64).alias("value"),
        )
        .sort("first", "source", "method", "value")
    )


def all_visits(given: pl.DataFrame | None, counted: pl.DataFrame) -> pl.DataFrame | None:
    """What people gave, and what the CRMs counted on days, and of sources, that people gave nothing for: a row of theirs speaks for
    all visitors of its days that are of the source and the method that it names; one that names neither for all there were.
    None where there is neither."""
    if given is None:
        return counted if counted.height else None
    spoken = given.with_columns(pl.date_ranges("first", "last").alias("day")).explode("day").select("day", "source", "method")
    rest = counted
    for named in ((), ("source",), ("method",), ("source", "method")):
        is_such = [pl.col(name).is_not_null() == (name in named) for name in ("source", "method")]
        said = spoken.filter(is_such).select(pl.col("day").alias("first"), *named).unique()
        rest = rest.join(said, on=["first", *named], how="anti", maintain_order="left")
    return pl.concat([given, rest])


def _told_by_one(campaigns: pl.DataFrame) -> pl.DataFrame:
    """The campaigns without those of a name for which another connection tells a larger sum."""
    told = campaigns.with_columns(pl.col("ref").str.split("/").list.first().alias("teller")).with_columns(
        pl.col("cost").sum().over("name", "teller").alias("in_all")
    )
    first = told.sort("name", "in_all", "teller", descending=[False, True, False]).unique("name", keep="first", maintain_order=True)
    return told.join(first.select("name", "teller"), on=["name", "teller"], how="semi")
