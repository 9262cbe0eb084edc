"""What is done about a clock that nobody meets: its owner is reminded, their head is told, the breach is kept, and somebody else
takes it over. Each step has its share of the time between start and due, and is taken once.
"""

from __future__ import annotations

import polars as pl

from crmsync.decisions import clocks as clock
from crmsync.decisions import worktime
from crmsync.decisions.aligned import divided
from crmsync.decisions.clocks import Desk
from crmsync.decisions.frames import CLOCKS, INSTANT, conform, instant
from crmsync.decisions.holding import is_on_hold
from crmsync.decisions.sla import ClockRule, Sla

_STEPS = {"#remind": "reminded_at", "#notice": "noticed_at"}
"""Where it is kept that a step was taken."""


def escalate(clocks: pl.DataFrame, desk: Desk) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(clocks with every step taken that is due, each once; the running clocks to be given to someone else). What stands still
    takes no step."""
    running = clocks.filter(clock.RUNNING & ~is_on_hold(desk.now))
    if running.is_empty():
        return clocks, running
    timed = _timed(running, desk)
    now = instant(desk.now)
    steps = {column: pl.col(column).is_null() & (pl.col(step) <= now) for step, column in _STEPS.items()}
    due = timed.filter(pl.any_horizontal(*steps.values(), clock.is_breach(now), pl.col("#reassign") <= now))
    if due.is_empty():
        return clocks, running.clear()
    told = due.with_columns(
        *(pl.when(steps[column]).then(step).otherwise(column).alias(column) for step, column in _STEPS.items()), clock.breach(now)
    )
    given = clocks.filter(pl.col("reassigned_at").is_not_null()).select(
        "person_id", "kind", pl.col("reassigned_at").alias("started_at")
    )
    late = told.filter(pl.col("#reassign") <= now).join(given, on=["person_id", "kind", "started_at"], how="anti")
    return clock.replaced(clocks, conform(told, CLOCKS)), conform(late, CLOCKS)


def next_steps(clocks: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """person_id, at: for each running clock the first instant from now on at which it is due, or a step of its escalation. One that
    waits for somebody to take it over has its step now: each decision tries again."""
    running = clocks.filter(clock.RUNNING)
    if running.is_empty():
        return running.select("person_id", pl.col("due_at").alias("at"))
    now = instant(desk.now)
    steps = [pl.when(pl.col(step) >= now).then(step) for step in ("due_at", "#remind", "#notice")]
    handing_on = pl.max_horizontal("#reassign", pl.when(pl.col("#reassign").is_not_null()).then(now))
    timed = _timed(running, desk).select("person_id", pl.min_horizontal(*steps, handing_on).cast(INSTANT).alias("at"))
    return timed.drop_nulls("at")


def reassign(clocks: pl.DataFrame, late: pl.DataFrame, owners: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Give `late` clocks to their new `owners` (person_id, owner): the old clock keeps its breach and ends, a fresh one starts."""
    if owners.is_empty():
        return clocks
    handed = late.drop("owner").join(owners.select("person_id", "owner"), on="person_id", how="inner", maintain_order="left")
    now = instant(desk.now)
    ended = late.join(handed, on="clock_id", how="semi").with_columns(
        now.alias("reassigned_at"), now.alias("cancelled_at"), pl.lit("reassigned").alias("cancelled_because")
    )
    fresh = handed.select("person_id", "kind", "owner", now.alias("started_at"), clock.ITS_CYCLE)
    return pl.concat([clock.replaced(clocks, ended), clock.opened(fresh, clocks, desk)]).sort("clock_id")


# ------------------------------------------------------------------------------------------------------------- inside


def _timed(running: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Running clocks with `#remind`, `#notice`, `#reassign`: the instants of the escalation steps."""
    calendars = desk.reps.select(pl.col("rep_id").alias("owner"), "calendar").unique("owner", keep="first", maintain_order=True)
    known = running.join(calendars, on="owner", how="left", maintain_order="left")
    in_business = [rule.kind for rule in desk.sla.clocks if rule.escalation.in_business_time]
    percents = tuple(sorted({p for rule in desk.sla.clocks for p in _percents(rule) if p is not None}))
    by_calendar, others = divided(known, known["kind"].is_in(in_business))
    by_calendar = worktime.business_share(by_calendar, desk.calendars, percents)
    by_clock = others.with_columns(worktime.clock_share(p).alias(f"at_{p}") for p in percents)
    both = pl.concat([by_calendar, by_clock[by_calendar.columns]])
    steps = {"remind": 0, "notice": 1, "reassign": 2}
    return both.with_columns(_step(desk.sla, index).alias(f"#{name}") for name, index in steps.items())


def _percents(rule: ClockRule) -> tuple[int | None, int | None, int | None]:
    return (rule.escalation.remind, rule.escalation.notice, rule.escalation.reassign)


def _step(sla: Sla, index: int) -> pl.Expr:
    found: pl.Expr = pl.lit(None, dtype=INSTANT)
    for rule in sla.clocks:
        percent = _percents(rule)[index]
        if percent is not None:
            found = pl.when(pl.col("kind") == rule.kind).then(f"at_{percent}").otherwise(found)
    return found
