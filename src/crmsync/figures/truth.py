"""The truth board: "the leads are bad, nobody answers" and "nobody follows up", as two rates from the same hand-overs.

Both rates stand in every row, by source and by rep: a rep who reaches few of the leads of every source is no victim of one, and a
source that no rep reaches is nobody's laziness. A hand-over that is not due yet and not approached is in neither rate.
"""

from __future__ import annotations

import polars as pl

from crmsync.figures.sheet import Column, Sheet

NOBODY = "nobody"
UNKNOWN = "unknown"


def truth_board(followed: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    """side ("source" | "rep" | "all"), name, handed, waiting, approached, in_time, connected, attempts, follow_up, in_time_share,
    connect. `followed` is of `handovers.followed`; `persons` need person_id and source_method.

    follow_up = approached ÷ (handed − waiting): marketing's claim. connect = reached ÷ approached: sales' claim. By rep counts who
    had the baton first: a lead that was taken from them was theirs to follow up."""
    rows = followed.join(persons.select("person_id", "source_method"), on="person_id", how="left")
    sides = {
        "all": pl.lit("all"),
        "source": pl.col("source_method").fill_null(UNKNOWN),
        "rep": pl.col("rep_id").fill_null(NOBODY),
    }
    return pl.concat([_side(rows, side, name) for side, name in sides.items()])


def _side(rows: pl.DataFrame, side: str, name: pl.Expr) -> pl.DataFrame:
    approached = pl.col("attempts") > 0
    on_time = (pl.col("first_approach_at") <= pl.col("due_at")).fill_null(False)
    counted = (
        rows.with_columns(name.alias("name"))
        .group_by("name")
        .agg(
            pl.len().alias("handed"),
            pl.col("waiting").sum(),
            approached.sum().alias("approached"),
            on_time.sum().alias("in_time"),
            (approached & pl.col("connected")).sum().alias("connected"),
            pl.col("attempts").sum().cast(pl.Int64),
        )
    )
    due = pl.col("handed") - pl.col("waiting")
    return counted.select(
        pl.lit(side).alias("side"),
        pl.all(),
        pl.when(due > 0).then(pl.col("approached") / due).alias("follow_up"),
        pl.when(due > 0).then(pl.col("in_time") / due).alias("in_time_share"),
        pl.when(pl.col("approached") > 0).then(pl.col("connected") / pl.col("approached")).alias("connect"),
    ).sort("handed", "name", descending=[True, False])


TRUTH = (
    Column("side", "word", "side"),
    Column("name", "text"),
    Column("handed"),
    Column("waiting"),
    Column("approached"),
    Column("in_time"),
    Column("connected"),
    Column("attempts"),
    Column("follow_up", "share"),
    Column("in_time_share", "share"),
    Column("connect", "share"),
)


def truth_sheet(followed: pl.DataFrame, persons: pl.DataFrame) -> Sheet:
    """The board as a sheet."""
    return Sheet.of("truth", TRUTH, truth_board(followed, persons))
