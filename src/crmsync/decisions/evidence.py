"""What the facts show of each person that can move a phase: one row per person, before any rule looks at it."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from crmsync.decisions import bant, recycle
from crmsync.decisions.bant import BantGate
from crmsync.decisions.frames import CLOCKS, STATE, Facts
from crmsync.decisions.recycle import Recycle

CYCLE = r":(\d+):\d+$"
"""Where a clock's id holds its cycle: person:kind:cycle:attempt."""


def gather(facts: Facts, state: pl.DataFrame, clocks: pl.DataFrame, gate: BantGate, rules: Recycle, now: datetime) -> pl.DataFrame:
    """The STATE columns of every living person (as before, `unidentified` for a new one) and beside them the evidence:

    first_seen, arriving (new, or not identified until now), entry_at, bant_complete, rejection, rejection_goes, rounds (cycles
    of the last 365 days), last_act_at, and of the opportunities open_… (the newest changed), any_… (the newest created), won_…
    and lost_… (the last to close)."""
    persons = facts.persons.lazy().filter(~pl.col("is_deleted").fill_null(False))
    opportunities = facts.opportunities.lazy().filter(pl.col("created_at") <= now)
    frame = (
        persons.select(_FACT_COLUMNS)
        .join(state.lazy().select(STATE.keys()), on="person_id", how="left")
        .with_columns(pl.col("phase").is_null().alias("first_seen"), pl.col("phase").fill_null("unidentified"))
        .with_columns(
            (pl.col("phase") == "unidentified").alias("arriving"),
            pl.col("phase_at").fill_null(pl.min_horizontal("created_at", pl.lit(now))),
            pl.col("cycle").fill_null(0),
            bant.complete(gate).alias("bant_complete"),
            recycle.reason(rules, "rejected", "rejection_reason").alias("rejection"),
        )
        .with_columns(recycle.goes(rules, "rejection").alias("rejection_goes"))
    )
    for part in (*_opportunities(opportunities), _acts(facts, now), _rounds(clocks, now)):
        frame = frame.join(part, on="person_id", how="left")
    entry = pl.min_horizontal("created_at", "first_opportunity_at", pl.lit(now))
    return frame.with_columns(entry.alias("entry_at"), pl.col("rounds").fill_null(0)).sort("person_id").collect()


_FACT_COLUMNS = (
    *("person_id", "created_at", "identified", "opted_out", "bounced", "phone", "disqualification", "sales_status"),
    *("sales_status_at", "rejection_reason", *bant.ITEMS),
)


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


def _acts(facts: Facts, now: datetime) -> pl.LazyFrame:
    """The newest act of either side."""
    acts = pl.concat([facts.touches.lazy().select("person_id", "at"), facts.approaches.lazy().select("person_id", "at")])
    return acts.filter(pl.col("at") <= now).group_by("person_id").agg(pl.col("at").max().alias("last_act_at"))


def _rounds(clocks: pl.DataFrame, now: datetime) -> pl.LazyFrame:
    """In how many cycles somebody worked on them within 365 days, as far as the clocks reach back."""
    recent = clocks.lazy().select(CLOCKS.keys()).filter(pl.col("started_at") > pl.lit(now).dt.offset_by("-365d"))
    return recent.group_by("person_id").agg(pl.col("clock_id").str.extract(CYCLE).n_unique().cast(pl.Int64).alias("rounds"))
