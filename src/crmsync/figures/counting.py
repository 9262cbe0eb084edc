"""Counting by span and split: the grid that every table of counts stands on, and rates over it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from crmsync.figures.inputs import covers, within
from crmsync.figures.period import Span, spans
from crmsync.figures.sheet import Column, Question

SPAN = (Column("span", "text"), Column("first", "day", is_quiet=True), Column("last", "day", is_quiet=True))

_SPLITS = {
    "source": Column("source", "word", "source", header="source_kind"),
    "method": Column("method", "word", "method"),
}


def spans_of(question: Question) -> tuple[Span, ...]:
    return spans(question.first, question.last, question.by, question.zone)


def in_spans(frame: pl.DataFrame, at: str, question: Question) -> pl.DataFrame:
    """The rows whose instant `at` lies in the days of the question, with the `span` it lies in."""
    local = pl.col(at).dt.convert_time_zone(question.zone.name).dt.date()
    marked = frame.filter(question.period.holds(at)).with_columns(local.alias("_day")).sort("_day", maintain_order=True)
    table = span_table(question).select("span", pl.col("first").alias("_day")).sort("_day")
    return marked.join_asof(table, on="_day", strategy="backward").drop("_day")


def span_table(question: Question) -> pl.DataFrame:
    """span, first, last."""
    rows = [(span.label, span.first, span.last) for span in spans_of(question)]
    return pl.DataFrame(rows, schema={"span": pl.String, "first": pl.Date, "last": pl.Date}, orient="row")


def grid(question: Question, *counted: pl.DataFrame) -> pl.DataFrame:
    """Every span with every combination of the split that is in any of these frames; without a split just the spans."""
    table = span_table(question)
    if not question.split:
        return table
    groups = pl.concat([frame.select(*question.split) for frame in counted]).unique().sort(*question.split, nulls_last=True)
    return table.join(groups, how="cross", maintain_order="left_right")


def beside(left: pl.DataFrame, right: pl.DataFrame, question: Question) -> pl.DataFrame:
    """`left` with the columns of `right` for the same span and split; where it has none, null."""
    return left.join(right, on=["span", *question.split], how="left", nulls_equal=True, maintain_order="left")


def counts(marked: pl.DataFrame, question: Question, steps: Sequence[str]) -> pl.DataFrame:
    """span, the split, and how many arrivals there are at each of these steps."""
    columns = [(pl.col("step") == step).sum().cast(pl.Int64).alias(step) for step in steps]
    return marked.group_by("span", *question.split).agg(columns)


def rate(part: str | pl.Expr, whole: str | pl.Expr) -> pl.Expr:
    """part ÷ whole; null where there is nothing to divide by, or either is absent."""
    of, by = (pl.col(one) if isinstance(one, str) else one for one in (part, whole))
    return pl.when(by > 0).then(of / by)


def given_in_spans(given: pl.DataFrame, question: Question) -> pl.DataFrame:
    """span, the split, `value`: what was given for these days. A split that the rows say nothing of is null in them."""
    parts = [within(given, span.first, span.last).with_columns(pl.lit(span.label).alias("span")) for span in spans_of(question)]
    lacking = [pl.lit(None, pl.String).alias(name) for name in question.split if name not in given.columns]
    return pl.concat(parts).with_columns(lacking).group_by("span", *question.split).agg(pl.col("value").sum())


def covered(given: pl.DataFrame, question: Question) -> frozenset[str]:
    """The spans of which every day that is over was given. A day that nobody counted would make a rate look better than it is."""
    over = question.zone.day_of(question.now) - timedelta(days=1)
    return frozenset(span.label for span in spans_of(question) if covers(given, span.first, min(span.last, over)))


def split_columns(question: Question) -> tuple[Column, ...]:
    """A column for each split."""
    return tuple(_SPLITS.get(name, Column(name, "text")) for name in question.split)
