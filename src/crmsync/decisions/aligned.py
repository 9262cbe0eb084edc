"""Frames with one row per person, side by side. Most of them hold the same persons in the same order: then putting them together
is free, and only where they differ is anything sorted or joined. The result is the same either way."""

from __future__ import annotations

from datetime import datetime

import polars as pl

ROW = "#row"
"""Where a row stands in the frame it came from."""


def in_order(frame: pl.DataFrame, by: str = "person_id") -> pl.DataFrame:
    """The rows in the order of `by`; untouched where they already are."""
    return frame if frame[by].is_sorted() else frame.sort(by)


def beside(left: pl.DataFrame, right: pl.DataFrame, on: str = "person_id") -> pl.DataFrame:
    """Every row of `left`, in its order, with the columns of `right` (one row per `on`); null where `right` has none."""
    if left.height == right.height and left[on].equals(right[on]):
        return left.hstack([column for column in right.get_columns() if column.name != on])
    if right.is_empty():
        return left.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in right.schema.items() if name != on)
    return left.join(right, on=on, how="left", maintain_order="left")


def only(frame: pl.DataFrame, which: pl.Expr) -> pl.DataFrame:
    """The rows of which this is true, for a frame of many columns and a condition that hardly any row fulfils: it is looked at
    before any column is."""
    return divided(frame, frame.select(which).to_series())[0]


def either(one: pl.DataFrame, other: pl.DataFrame, on: str = "person_id") -> pl.DataFrame:
    """A row for whoever is in one of the two, in any order, with the columns of both."""
    if one.is_empty() or other.is_empty():
        return beside(other, one, on) if one.is_empty() else beside(one, other, on)
    return one.join(other, on=on, how="full", coalesce=True)


def until(frame: pl.DataFrame, column: str, now: datetime) -> pl.DataFrame:
    """The rows up to `now`; usually all of them, and then none is copied."""
    return divided(frame, frame[column] <= now)[0]


def divided(frame: pl.DataFrame, which: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of which this is true, and all others (of which nobody knows, too). None is copied where all are of one kind."""
    if which.all(ignore_nulls=False):
        return frame, frame.clear()
    if not which.any():
        return frame.clear(), frame
    which = which.fill_null(value=False)
    return frame.filter(which), frame.filter(~which)


def put_back(frame: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """The frame with the values of `changed`, whose ROW says which rows of the frame they replace."""
    if changed.is_empty():
        return frame
    rows = changed[ROW]
    # a clone, because `scatter` writes into the column it is given
    return frame.with_columns(frame[name].clone().scatter(rows, changed[name]) for name in changed.columns if name != ROW)
