"""Batons: whether each hand-over carried what the next runner needs, by who passed it on (DOMAIN.md §2, the last column of its
table).

`BATONS` is the table: from whom to whom, by the phase that is entered. `ITEMS` is all that may have to be carried, each as a
condition over the columns that `_with_facts` prepares; which of them a joint asks for, its definition says. What is known at the
instant of asking counts: a baton that was completed later is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from crmsync.figures.chance import with_share
from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Sheet
from crmsync.figures.stays import first_clocks

ITEMS: Mapping[str, pl.Expr] = {
    "owner": pl.col("rep_id").is_not_null(),
    "due": pl.col("due_at").is_not_null(),
    "contact": pl.col("email").is_not_null() | pl.col("phone").is_not_null(),
    "company": pl.col("company_name").is_not_null(),
    "source": pl.col("source_method").is_not_null(),
    "trigger": pl.col("last_touch_at").is_not_null(),
    "consent": pl.col("opted_out").is_not_null(),
    "bant": pl.col("bant_known") >= 3,
    "opportunity": pl.col("cases") > 0,
    "contract_end": pl.col("contract_end").is_not_null(),
    # a reason that is called unknown is none
    "reason": ~pl.col("reason").str.ends_with("_unknown"),
}
"""What a baton may have to carry: name → whether it is there."""

Needs = Mapping[tuple[str, str], tuple[str, ...]]
"""From whom to whom → the items that must be carried."""


@dataclass(frozen=True, slots=True)
class Baton:
    """Who passes the person on to whom, on entering which phase from which ones."""

    sender: str
    receiver: str
    phase: str
    sources: tuple[str, ...]


BATONS: tuple[Baton, ...] = (
    Baton("marketing", "inside_sales", "mql", ("inquiry", "recycled")),
    Baton("inside_sales", "field_sales", "sql", ("mql", "inquiry", "recycled", "closed_lost")),
    Baton(
        "field_sales",
        "customer_success",
        "closed_won",
        ("sql", "mql", "inquiry", "recycled", "closed_lost", "disqualified"),
    ),
    Baton("field_sales", "marketing", "closed_lost", ("sql", "mql", "inquiry", "recycled")),
    Baton("field_sales", "marketing", "recycled", ("sql",)),
    Baton("inside_sales", "marketing", "recycled", ("mql", "inquiry")),
)


@dataclass(frozen=True, slots=True)
class Carried:
    """What is known of people, beside their stays: `persons` and `opportunities` as facts, `touches`, `clocks`, and of each
    recycle or loss why, as `reasons` (person_id, at, reason)."""

    persons: pl.DataFrame
    opportunities: pl.DataFrame
    touches: pl.DataFrame
    clocks: pl.DataFrame
    reasons: pl.DataFrame


def completeness(stayed: pl.DataFrame, carried: Carried, period: Period, needs: Needs) -> pl.DataFrame:
    """sender, receiver, batons, complete, completeness, low, high: of the batons passed on in the period. `stayed` is of
    `stays`."""
    passed = _passed(stayed, carried, period, needs)
    counted = passed.group_by("sender", "receiver").agg(
        pl.len().alias("batons"), (pl.col("missing").list.len() == 0).sum().cast(pl.Int64).alias("complete")
    )
    return with_share(counted, "complete", "batons", "completeness").sort("sender", "receiver")


def missing_items(stayed: pl.DataFrame, carried: Carried, period: Period, needs: Needs) -> pl.DataFrame:
    """sender, receiver, item, missing: what was not carried, the most frequent first."""
    passed = _passed(stayed, carried, period, needs).explode("missing").drop_nulls("missing")
    counted = passed.group_by("sender", "receiver", pl.col("missing").alias("item")).len("missing")
    return counted.sort("missing", "sender", "receiver", "item", descending=[True, False, False, False])


def _passed(stayed: pl.DataFrame, carried: Carried, period: Period, needs: Needs) -> pl.DataFrame:
    """One row per baton of the period: sender, receiver, missing (the items that it lacks). Nobody passes on who is gone."""
    living = carried.persons.filter(~pl.col("is_deleted").fill_null(False))
    entered = _with_facts(stayed.filter(period.holds("entered_at")).join(living, on="person_id"), carried)
    rows = [
        entered.filter((pl.col("phase") == baton.phase) & pl.col("source").is_in(baton.sources)).select(
            pl.lit(baton.sender).alias("sender"),
            pl.lit(baton.receiver).alias("receiver"),
            _lacks(needs[baton.sender, baton.receiver]).alias("missing"),
        )
        for baton in BATONS
    ]
    return pl.concat(rows)


def _lacks(items: Sequence[str]) -> pl.Expr:
    return pl.concat_list(
        pl.when(~ITEMS[item].fill_null(False)).then(pl.lit(item)).otherwise(pl.lit(None, pl.String)) for item in items
    ).list.drop_nulls()


def _with_facts(entered: pl.DataFrame, carried: Carried) -> pl.DataFrame:
    """The entries with the owner and the due instant of the first clock of the stay, the newest touch before it, what is known of
    BANT, the opportunities, when the last contract ends, and the reason."""
    key = ["person_id", "entered_at"]
    stay = entered.select(*key, "left_at")
    touched = (
        stay.join(carried.touches.select("person_id", "at"), on="person_id")
        .filter(pl.col("at") <= pl.col("entered_at"))
        .group_by(key)
        .agg(pl.col("at").max().alias("last_touch_at"))
    )
    cases = carried.opportunities.group_by("person_id").agg(pl.len().alias("cases"), pl.col("contract_end").max())
    known = pl.sum_horizontal(
        pl.col(item).fill_null("unknown") != "unknown" for item in ("budget", "authority", "need", "timeframe")
    )
    return (
        entered.join(first_clocks(entered, carried.clocks), on=key, how="left")
        .join(touched, on=key, how="left")
        .join(cases, on="person_id", how="left")
        .join(carried.reasons.rename({"at": "entered_at"}), on=key, how="left")
        .with_columns(known.alias("bant_known"), pl.col("cases").fill_null(0))
    )


def records(
    handed: pl.DataFrame, touches: pl.DataFrame, approaches: pl.DataFrame, opportunities: pl.DataFrame, period: Period
) -> pl.DataFrame:
    """measure, part, whole, share, low, high. "touchpoints": of the hand-overs of the period, those with an act of either side
    since; "closes_with_reason": of the cases lost in it, those that say why. `handed` is of `hand_overs`."""
    mine = handed.filter(period.holds("at")).select("person_id", pl.col("at").alias("handed_at"))
    acts = pl.concat([touches.select("person_id", "at"), approaches.select("person_id", "at")])
    seen = mine.join(acts, on="person_id").filter(pl.col("at") >= pl.col("handed_at")).unique(["person_id", "handed_at"])
    lost = opportunities.filter((pl.col("status") == "lost") & period.holds("closed_at")).unique("opportunity_id")
    rows = [
        ("touchpoints", seen.height, mine.height),
        ("closes_with_reason", lost["lost_reason"].is_not_null().sum(), lost.height),
    ]
    schema = {"measure": pl.String, "part": pl.Int64, "whole": pl.Int64}
    return with_share(pl.DataFrame(rows, schema=schema, orient="row"), "part", "whole", "share")


_SENDERS = (Column("sender", "word", "department"), Column("receiver", "word", "department"))
_LIMITS = (Column("low", "share"), Column("high", "share"))
COMPLETENESS = (*_SENDERS, Column("batons"), Column("complete"), Column("completeness", "share"), *_LIMITS)
MISSING = (*_SENDERS, Column("item", "word", "item"), Column("missing"))
RECORDS = (Column("measure", "word", "measure"), Column("part"), Column("whole"), Column("share", "share"), *_LIMITS)


def batons_sheets(
    stayed: pl.DataFrame, carried: Carried, recorded: pl.DataFrame, period: Period, needs: Needs
) -> tuple[Sheet, ...]:
    """Completeness, what is missing, and the rows of `records`, as sheets."""
    return (
        Sheet.of("batons", COMPLETENESS, completeness(stayed, carried, period, needs)),
        Sheet.of("batons_missing", MISSING, missing_items(stayed, carried, period, needs)),
        Sheet.of("records", RECORDS, recorded),
    )
