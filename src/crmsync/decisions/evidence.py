"""What the facts show of each person that can move a phase: one row per person, before any rule looks at it."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from crmsync.decisions import bant, recycle
from crmsync.decisions.aligned import beside, divided, either, in_order, until
from crmsync.decisions.bant import BantGate
from crmsync.decisions.frames import INSTANT, STATE, Before, Facts, Schema, conform, empty, instant
from crmsync.decisions.recycle import Recycle

CYCLE = r":(\d+):\d+$"
"""Where a clock's id holds its cycle: person:kind:cycle:attempt."""


def gather(facts: Facts, scores: pl.DataFrame, before: Before, gate: BantGate, rules: Recycle, now: datetime) -> pl.DataFrame:
    """The STATE columns of every living person (as before, `unidentified` for a new one) and beside them the evidence:

    first_seen, arriving (new, or not identified until now), entry_at, bant_complete, rejection, rejection_goes, rounds (cycles
    of the last 365 days), last_act_at (of either side), and of the opportunities open_… (the newest changed), any_… (the newest
    created), won_… and lost_… (the last to close). `scores` gives the newest touch."""
    touched = beside(facts.persons, scores[["person_id", "last_touch_at"]])
    living = in_order(divided(touched, touched["is_deleted"])[1][[*_FACT_COLUMNS, "last_touch_at"]])
    frame = (
        beside(living, before.state[list(STATE)])
        .with_columns(pl.col("phase").is_null().alias("first_seen"), pl.col("phase").fill_null("unidentified"))
        .with_columns(
            (pl.col("phase") == "unidentified").alias("arriving"),
            pl.col("phase_at").fill_null(pl.min_horizontal("created_at", instant(now))),
            pl.col("cycle").fill_null(0),
            bant.complete(gate).alias("bant_complete"),
            recycle.reason(rules, "rejected", "rejection_reason").alias("rejection"),
        )
        .with_columns(recycle.goes(rules, "rejection").alias("rejection_goes"))
    )
    # few people have any of this: the few are put together first, and meet the many once
    acts = either(_approached(until(facts.approaches, "at", now)), _rounds(before.clocks, now))
    frame = beside(frame, either(_of_opportunities(until(facts.opportunities, "created_at", now)), acts))
    entry = pl.min_horizontal("created_at", "first_opportunity_at", instant(now))
    last_act = pl.max_horizontal("last_touch_at", "last_approach_at")
    found = frame.with_columns(entry.alias("entry_at"), last_act.alias("last_act_at"), pl.col("rounds").fill_null(0))
    return found.drop("last_touch_at", "last_approach_at")


_FACT_COLUMNS = (
    *("person_id", "created_at", "identified", "opted_out", "bounced", "phone", "disqualification", "sales_status"),
    *("sales_status_at", "rejection_reason", *bant.ITEMS),
)


_OF_OPPORTUNITIES: Schema = {
    "person_id": pl.String,
    "first_opportunity_at": INSTANT,
    "any_id": pl.String,
    "any_created_at": INSTANT,
    "open_id": pl.String,
    "open_created_at": INSTANT,
    "open_changed_at": INSTANT,
    "won_id": pl.String,
    "won_at": INSTANT,
    "lost_id": pl.String,
    "lost_at": INSTANT,
    "lost_word": pl.String,
    "contract_end": pl.Date,
}


def _of_opportunities(opportunities: pl.DataFrame) -> pl.DataFrame:
    """One row for each person who has any, in _OF_OPPORTUNITIES."""
    if opportunities.is_empty():
        return empty(_OF_OPPORTUNITIES)
    found, *parts = pl.collect_all(_opportunities(opportunities.lazy()))
    for part in parts:
        found = found.join(part, on="person_id", how="left")
    return conform(found, _OF_OPPORTUNITIES)


def _opportunities(opportunities: pl.LazyFrame) -> list[pl.LazyFrame]:
    changed = pl.max_horizontal("created_at", "modified_at")
    closed = pl.coalesce("closed_at", "modified_at", "created_at")
    ranked = opportunities.with_columns(changed.alias("changed_at"), closed.alias("closed_at"))
    return [
        ranked.group_by("person_id").agg(pl.col("created_at").min().alias("first_opportunity_at")),
        _newest(ranked, "created_at", {"opportunity_id": "any_id", "created_at": "any_created_at"}),
        _newest(
            ranked.filter(pl.col("status") == "open"),
            "changed_at",
            {"opportunity_id": "open_id", "created_at": "open_created_at", "changed_at": "open_changed_at"},
        ),
        _newest(ranked.filter(pl.col("status") == "won"), "closed_at", {"opportunity_id": "won_id", "closed_at": "won_at"}),
        _newest(
            ranked.filter(pl.col("status") == "lost"),
            "closed_at",
            {"opportunity_id": "lost_id", "closed_at": "lost_at", "lost_reason": "lost_word", "contract_end": "contract_end"},
        ),
    ]


def _newest(opportunities: pl.LazyFrame, by: str, columns: dict[str, str]) -> pl.LazyFrame:
    """Of each person the opportunity with the latest `by`, the greater id where two share it."""
    order = opportunities.sort(by, "opportunity_id", nulls_last=False)
    return order.group_by("person_id").agg(pl.col(name).last().alias(alias) for name, alias in columns.items())


def _approached(approaches: pl.DataFrame) -> pl.DataFrame:
    return approaches.group_by("person_id").agg(pl.col("at").max().alias("last_approach_at"))


def _rounds(clocks: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """In how many cycles somebody worked on them within 365 days, as far as the clocks reach back."""
    recent = clocks.select("person_id", "clock_id", "started_at").filter(pl.col("started_at") > instant(now - timedelta(days=365)))
    return recent.group_by("person_id").agg(pl.col("clock_id").str.extract(CYCLE).n_unique().cast(pl.Int64).alias("rounds"))
