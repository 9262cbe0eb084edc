"""Hand-overs to inside sales, one row each, with what became of them: the one frame from which acceptance, the truth board and
coverage are counted, so that no two of them can tell different stories.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from crmsync.figures.stays import first_clocks
from crmsync.model.verdicts import ACCEPTED, LAPSED, REJECTED

VERDICTS = ("accepted", "rejected", "lapsed", "ended", "undecided")
"""`lapsed`: given back by time. `ended`: left otherwise, such as an opt-out: sales had no say. `undecided`: still with sales."""


def hand_overs(stayed: pl.DataFrame) -> pl.DataFrame:
    """One row per stay in `mql` (of `stays`): person_id, at, cycle, definition, run_id, verdict, reason (of a rejection, as the CRM
    says it), left_at, and `came_back`: from the nurture list, not new."""
    verdict = (
        pl.when(pl.col("target").is_null())
        .then(pl.lit("undecided"))
        .when(pl.col("why").is_in(ACCEPTED))
        .then(pl.lit("accepted"))
        .when(pl.col("why").is_in(REJECTED))
        .then(pl.lit("rejected"))
        .when(pl.col("why").is_in(LAPSED))
        .then(pl.lit("lapsed"))
        .otherwise(pl.lit("ended"))
    )
    mine = stayed.filter(pl.col("phase") == "mql").with_columns(verdict.alias("verdict"))
    return mine.select(
        "person_id",
        pl.col("entered_at").alias("at"),
        "cycle",
        "definition",
        "run_id",
        "verdict",
        pl.when(pl.col("verdict") == "rejected").then("evidence").alias("reason"),
        "left_at",
        (pl.col("source") == "recycled").alias("came_back"),
    )


def followed(handed: pl.DataFrame, clocks: pl.DataFrame, approaches: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`handed` (of `hand_overs`) with who had the baton first and what they did: rep_id and due_at (of the clock that began with
    the hand-over), attempts, connected, first_approach_at (our approaches while the person was with inside sales, up to `now`),
    and `waiting`: not approached, and not due yet."""
    first = first_clocks(handed.rename({"at": "entered_at"}), clocks).drop("met_at").rename({"entered_at": "at"})
    acts = (
        handed.select("person_id", "at", "left_at")
        .join(approaches.rename({"at": "approached_at"}), on="person_id")
        .filter(
            (pl.col("approached_at") >= pl.col("at"))
            & (pl.col("approached_at") <= pl.min_horizontal(pl.col("left_at").fill_null(now), pl.lit(now)))
        )
        .group_by("person_id", "at")
        .agg(
            pl.len().alias("attempts"),
            pl.col("connected").fill_null(False).any().alias("connected"),
            pl.col("approached_at").min().alias("first_approach_at"),
        )
    )
    joined = handed.join(first, on=["person_id", "at"], how="left").join(acts, on=["person_id", "at"], how="left")
    waits = (pl.col("attempts") == 0) & pl.col("left_at").is_null() & (pl.col("due_at") > now).fill_null(False)
    return (
        joined.with_columns(pl.col("attempts").fill_null(0), pl.col("connected").fill_null(False))
        .with_columns(waits.alias("waiting"))
        .sort("at", "person_id")
    )


def hours_to_approach(worked: pl.DataFrame) -> float | None:
    """The median of the clock hours from hand-over to first approach, of those who were approached (`followed`)."""
    hours = (pl.col("first_approach_at") - pl.col("at")).dt.total_microseconds() / 3_600_000_000
    return worked.select(hours.median()).item()  # type: ignore[no-any-return]  # a float or nothing
