"""Arrivals: each thing that came to a step of the chain, when, and what it can be split by. Every count is made of this frame.

So the same thing is counted alike in every view, and the parts of a split add up to the whole: each thing stands in it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import polars.selectors as cs

from crmsync.figures.period import Period

SPLITS = ("source", "method", "campaign", "industry", "size", "territory", "owner")
COUNTED = ("leads", "mqls", "sqls", "opportunities", "wins", "due", "renewals", "renewal_wins", "upsells")
INSTANT = pl.Datetime("us", "UTC")
ARRIVALS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "step": pl.String,  # one of COUNTED
    "at": INSTANT,
    "person_id": pl.String,
    "opportunity_id": pl.String,  # of opportunities, wins, renewals, upsells
    "came_back": pl.Boolean,  # of MQLs and wins: recycled before
    **dict.fromkeys(SPLITS, pl.String),
}
Bands = Sequence[tuple[str, int, int | None]]
"""Name, least and most employees (None: no end) of each band of company sizes."""


def profiles(persons: pl.DataFrame, touches: pl.DataFrame, states: pl.DataFrame, bands: Bands) -> pl.DataFrame:
    """person_id and SPLITS of everyone. The campaign is that of the person's record, else of their first touch that names one; the
    owner is who answers for them now."""
    first = (
        touches.drop_nulls("campaign")
        .sort("at", "touch_id")
        .group_by("person_id")
        .agg(pl.col("campaign").first().alias("first_campaign"))
    )
    return (
        persons.join(first, on="person_id", how="left")
        .join(states.select("person_id", "owner"), on="person_id", how="left")
        .select(
            "person_id",
            pl.col("source_kind").alias("source"),
            pl.col("source_method").alias("method"),
            pl.coalesce("campaign", "first_campaign").alias("campaign"),
            "industry",
            _band(bands).alias("size"),
            "territory",
            "owner",
        )
    )


def arrivals(
    persons: pl.DataFrame,
    moves: pl.DataFrame,
    opportunities: pl.DataFrame,
    known: pl.DataFrame,
    kinds: Sequence[str],
    contracts: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """ARRIVALS, sorted. `known` are the profiles; `kinds` the opportunities that count in the chain of new business, of which
    renewals never are any. A lead is an identified person, an MQL or SQL a move to that phase, an opportunity what was opened, a
    win what was won, when it was closed. An opportunity goes with that one of its people who was known first; its owner is its
    own. `contracts` are the won opportunities that were due for renewal: opportunity_id, due_at, is_renewed."""
    leads = persons.filter(pl.col("identified")).select(
        "person_id", pl.col("created_at").alias("at"), pl.lit("leads").alias("step")
    )
    told = [leads, *(_moved(moves, phase, step) for phase, step in (("mql", "mqls"), ("sql", "sqls")))]
    opened = _once(persons, moves, opportunities)
    counted = pl.col("kind").is_in([kind for kind in kinds if kind != "renewal"])
    won = pl.col("status") == "won"
    told += [
        _arrived(opened.filter(counted).drop("came_back"), "opportunities", "created_at"),
        _arrived(opened.filter(counted & won), "wins", "closed_at"),
        _arrived(opened.filter((pl.col("kind") == "renewal") & won), "renewal_wins", "closed_at"),
        _arrived(opened.filter((pl.col("kind") == "upsell") & won), "upsells", "closed_at"),
    ]
    if contracts is not None:
        due = opened.join(contracts, on="opportunity_id", how="inner", maintain_order="left").drop("came_back")
        told += [_arrived(due, "due", "due_at"), _arrived(due.filter(pl.col("is_renewed")), "renewals", "due_at")]
    rows = pl.concat(told, how="diagonal").join(known, on="person_id", how="left")
    owned = rows.with_columns(pl.coalesce("opportunity_owner", "owner").alias("owner"))
    return owned.select(pl.col(name).cast(dtype) for name, dtype in ARRIVALS.items()).sort(
        "at", "step", "person_id", "opportunity_id", "came_back"
    )


def _moved(moves: pl.DataFrame, phase: str, step: str) -> pl.DataFrame:
    to_it = moves.filter(pl.col("target") == phase)
    return to_it.select("person_id", "at", pl.lit(step).alias("step"), (pl.col("source") == "recycled").alias("came_back"))


def _once(persons: pl.DataFrame, moves: pl.DataFrame, opportunities: pl.DataFrame) -> pl.DataFrame:
    """Each opportunity once. It came back where anyone on it had been recycled before it was closed."""
    recycled = moves.filter(pl.col("target") == "recycled").group_by("person_id").agg(pl.col("at").min().alias("left_at"))
    return (
        opportunities.join(persons.select("person_id", pl.col("created_at").alias("known_at")), on="person_id", how="left")
        .join(recycled, on="person_id", how="left")
        .with_columns(
            pl.col("kind").fill_null("new_business"),
            (pl.col("left_at") <= pl.col("closed_at")).fill_null(value=False).alias("came_back"),
        )
        .with_columns(pl.col("came_back").any().over("opportunity_id"))
        .sort("known_at", "person_id", nulls_last=True)
        .unique("opportunity_id", keep="first", maintain_order=True)
    )


def _arrived(opened: pl.DataFrame, step: str, at: str) -> pl.DataFrame:
    return opened.select(
        "person_id",
        pl.col(at).alias("at"),
        pl.lit(step).alias("step"),
        pl.col("opportunity_id").alias("opportunity_id"),
        pl.col("rep_id").alias("opportunity_owner"),
        cs.by_name("came_back", require_all=False),
    )


def tally(arrived: pl.DataFrame, period: Period) -> dict[str, int]:
    """How many arrivals there are at each step in the period."""
    happened = arrived.filter(period.holds("at"))
    return {step: happened.filter(pl.col("step") == step).height for step in COUNTED}


def _band(bands: Bands) -> pl.Expr:
    """The first band that the number of employees lies in."""
    fitting = [
        pl.when((pl.col("employees") >= least) & (True if most is None else pl.col("employees") <= most)).then(pl.lit(name))
        for name, least, most in bands
    ]
    return pl.coalesce(*fitting, pl.lit(None, pl.String))
