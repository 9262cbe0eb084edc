"""Wins per head, and the share of wins that came back from the nurture list: whether revenue grows with anything but hiring."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from crmsync.figures.period import Span, Zone
from crmsync.figures.sheet import Column, Sheet

HEADS = (
    Column("span", "text"),
    Column("wins"),
    Column("heads", "number"),
    Column("wins_per_head", "number"),
    Column("from_recycle"),
    Column("recycle_share", "share"),
)


def wins_per_head(
    opportunities: pl.DataFrame, stayed: pl.DataFrame, headcounts: pl.DataFrame | None, spans: Iterable[Span], zone: Zone
) -> pl.DataFrame:
    """span, wins, heads, wins_per_head, from_recycle, recycle_share: one row per span. `stayed` is of `stays`; `headcounts` are
    HEADCOUNTS, None where nobody gives them: heads are then absent, like those of a span of which a day is in no row. A win came
    from a recycle where anybody on it had been recycled before it was closed."""
    won = opportunities.filter((pl.col("status") == "won") & pl.col("closed_at").is_not_null())
    recycled = (
        stayed.filter(pl.col("phase") == "recycled").group_by("person_id").agg(pl.col("entered_at").min().alias("recycled_at"))
    )
    came_back = (pl.col("recycled_at") <= pl.col("closed_at")).fill_null(False)
    cases = (
        won.join(recycled, on="person_id", how="left")
        .group_by("opportunity_id")
        .agg(pl.col("closed_at").first(), came_back.any().alias("back"))
    )
    rows = [_row(cases, headcounts, span, zone) for span in spans]
    schema = {"span": pl.String, "wins": pl.Int64, "heads": pl.Float64, "from_recycle": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.when(pl.col("heads") > 0).then(pl.col("wins") / pl.col("heads")).alias("wins_per_head"),
        pl.when(pl.col("wins") > 0).then(pl.col("from_recycle") / pl.col("wins")).alias("recycle_share"),
    )


def _row(cases: pl.DataFrame, headcounts: pl.DataFrame | None, span: Span, zone: Zone) -> tuple[str, int, float | None, int]:
    mine = cases.filter(zone.period(span.first, span.last).holds("closed_at"))
    heads = None if headcounts is None else average_heads(headcounts, span.first, span.last)
    return span.label, mine.height, heads, int(mine["back"].sum())


def average_heads(headcounts: pl.DataFrame, first: date, last: date) -> float | None:
    """People of all departments on an average day of these; None where a department that has any row has none for one of the
    days."""
    days = (last - first).days + 1
    begins, ends = pl.max_horizontal("first", pl.lit(first)), pl.min_horizontal("last", pl.lit(last))
    inside = (ends - begins).dt.total_days() + 1
    departments = headcounts["department"].n_unique()
    covered = (
        headcounts.filter((pl.col("last") >= first) & (pl.col("first") <= last))
        .group_by("department")
        .agg((pl.col("value") * inside).sum().alias("people"), inside.sum().alias("days"))
    )
    if covered.height < departments or not covered.height or covered.filter(pl.col("days") < days).height:
        return None
    return float((covered["people"] / covered["days"]).sum())


def heads_sheet(
    opportunities: pl.DataFrame, stayed: pl.DataFrame, headcounts: pl.DataFrame | None, spans: Iterable[Span], zone: Zone
) -> Sheet:
    """The trend as a sheet."""
    rows = wins_per_head(opportunities, stayed, headcounts, spans, zone)
    return Sheet.of("heads", HEADS, rows, missing=() if headcounts is not None else ("headcounts",))
