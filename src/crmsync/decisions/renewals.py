"""A customer's contract ends on a day, and somebody talks to them before it does: a clock that is due so many days ahead of it, in
the place of one that would come too late.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

import polars as pl

from crmsync.decisions import clocks as clock
from crmsync.decisions.clocks import Desk
from crmsync.decisions.frames import CLOCKS, INSTANT, Facts, conform, instant
from crmsync.decisions.sla import ClockRule

_SHOWN = "%Y-%m-%dT%H:%M%:z"


def renew(clocks: pl.DataFrame, former: pl.DataFrame, contracts: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Let the clock of a contract's renewal take the place of one that would be due too late for it, once per contract.

    `contracts`: person_id, contract_end (the next one). What was begun in this decision (not in `former`) leaves no trace, the
    rest is cancelled."""
    for rule in desk.sla.clocks if contracts.height else ():
        if rule.before_contract_end is None:
            continue
        kept = clocks.filter(pl.col("kind") == rule.kind).group_by("person_id").agg(pl.col("due_at").max().alias("kept"))
        replaced = (
            clocks.filter(clock.RUNNING & (pl.col("kind") == rule.instead_of))
            .join(contracts, on="person_id", how="inner")
            .join(kept, on="person_id", how="left")
            .with_columns(_contract_ends(rule.before_contract_end, desk).alias("renew_at"))
            .filter((pl.col("renew_at") <= pl.col("due_at")) & (pl.col("kept").is_null() | (pl.col("kept") < pl.col("renew_at"))))
        )
        if not replaced.is_empty():
            clocks = _renewed(clocks, replaced, former, rule, desk)
    return clocks


def contracts_of(facts: Facts, now: datetime) -> pl.DataFrame:
    """person_id, contract_end: of each person the next contract to end after today (UTC)."""
    running = facts.opportunities.filter((pl.col("status") == "won") & (pl.col("contract_end") > now.date()))
    if running.is_empty():
        return running[["person_id", "contract_end"]]
    return running.group_by("person_id").agg(pl.col("contract_end").min()).sort("person_id")


# ------------------------------------------------------------------------------------------------------------- inside


def _contract_ends(days: int, desk: Desk) -> pl.Expr:
    """So many days before the contract ends, at midnight where the default calendar is."""
    day = (pl.col("contract_end") - timedelta(days=days)).dt.combine(time(0))
    local = day.dt.replace_time_zone(desk.calendars.named(None).time_zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").cast(INSTANT)


def _renewed(clocks: pl.DataFrame, replaced: pl.DataFrame, former: pl.DataFrame, rule: ClockRule, desk: Desk) -> pl.DataFrame:
    """The clocks with one of this rule in place of each of `replaced` (CLOCKS, contract_end, renew_at)."""
    now = instant(desk.now)
    known = former.select("clock_id")
    ended = replaced.join(known, on="clock_id", how="semi").with_columns(
        clock.breach(now), now.alias("cancelled_at"), pl.lit(rule.kind).alias("cancelled_because")
    )
    begun = replaced.join(ended.select("clock_id", pl.lit(True).alias("ended")), on="clock_id", how="left").select(
        "person_id",
        pl.lit(rule.kind).alias("kind"),
        pl.when("ended").then(now).otherwise("started_at").alias("started_at"),
        "owner",
        clock.ITS_CYCLE,
    )
    kept = clock.replaced(
        clocks.join(replaced.join(known, on="clock_id", how="anti"), on="clock_id", how="anti"), conform(ended, CLOCKS)
    )
    fresh = clock.opened(begun, clocks, desk).join(
        replaced.select("person_id", "contract_end", "renew_at"), on="person_id", how="left"
    )
    zone = desk.calendars.named(None).time_zone
    text = pl.format(
        "{} - {} clock days = {}",
        pl.col("contract_end").dt.combine(time(0)).dt.replace_time_zone(zone, ambiguous="earliest").dt.strftime(_SHOWN),
        pl.lit(rule.before_contract_end),
        pl.col("renew_at").dt.convert_time_zone(zone).dt.strftime(_SHOWN),
    )
    on_its_day = pl.col("renew_at") > pl.col("due_at")
    dated = fresh.with_columns(
        pl.when(on_its_day).then(text).otherwise("arithmetic").alias("arithmetic"),
        pl.max_horizontal("renew_at", "due_at").alias("due_at"),
    )
    return pl.concat([kept, conform(dated, CLOCKS)]).sort("clock_id")
