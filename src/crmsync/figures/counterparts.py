"""Each figure with its counter-figure. Whoever is measured by one number finds out how to raise it; beside it stands the number
that falls when they do.

`PAIRS` is the table. No figure is shown here that has no counterpart, and every counterpart is one of these figures itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from crmsync.figures.sheet import Column, Sheet

Unit = Literal["count", "share", "hours", "months"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure, what it is counted in, and its counter-figure. How it is raised without anything getting better stands in the
    catalogue under `trick.<name>`."""

    name: str
    unit: Unit
    counter: str


PAIRS: tuple[Pair, ...] = (
    Pair("leads", "count", "persona"),
    Pair("persona", "share", "leads"),
    Pair("hot_share", "share", "hot_rejection"),
    Pair("hot_rejection", "share", "hot_share"),
    Pair("mqls", "count", "acceptance"),
    Pair("acceptance", "share", "mqls"),
    Pair("completeness", "share", "hours_to_approach"),
    Pair("sla_kept", "share", "connect"),
    Pair("hours_to_approach", "hours", "connect"),
    Pair("follow_up", "share", "connect"),
    Pair("connect", "share", "follow_up"),
    Pair("touchpoints", "share", "connect"),
    Pair("opportunity_rate", "share", "leads"),
    Pair("opportunities", "count", "win_rate"),
    Pair("win_rate", "share", "opportunities"),
    Pair("wins", "count", "renewal_rate"),
    Pair("acknowledged", "share", "unfollowed"),
    Pair("unfollowed", "share", "renewal_rate"),
    Pair("renewal_rate", "share", "unfollowed"),
    Pair("closes_with_reason", "share", "recycle_yield"),
    Pair("recycled", "count", "recycle_yield"),
    Pair("recycle_yield", "share", "recycled"),
    Pair("runway", "months", "persona"),
)

COUNTERPARTS = (
    Column("kpi", "word", "kpi"),
    Column("amount", "number"),
    Column("share", "share"),
    Column("counter", "word", "kpi"),
    Column("counter_amount", "number"),
    Column("counter_share", "share"),
    Column("trick", "word", "trick"),
)


def counterparts(values: Mapping[str, float | None]) -> pl.DataFrame:
    """kpi, amount or share (by its unit), counter, counter_amount or counter_share, trick: one row per pair, in the order of PAIRS.
    `values` has each figure, None where it is absent; one that is missing is a bug, and raises KeyError."""
    units = {pair.name: pair.unit for pair in PAIRS}
    rows = [
        (pair.name, *_split(pair.name, units, values), pair.counter, *_split(pair.counter, units, values), pair.name)
        for pair in PAIRS
    ]
    schema = {column.name: pl.String if column.kind == "word" else pl.Float64 for column in COUNTERPARTS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _split(name: str, units: Mapping[str, Unit], values: Mapping[str, float | None]) -> tuple[float | None, float | None]:
    """(amount, share) of a figure: one of them, by its unit."""
    value = values[name]
    return (None, value) if units[name] == "share" else (value, None)


def counterparts_sheet(values: Mapping[str, float | None]) -> Sheet:
    """The table as a sheet."""
    return Sheet.of("counterparts", COUNTERPARTS, counterparts(values))
