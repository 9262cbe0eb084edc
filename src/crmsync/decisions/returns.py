"""What time brings by itself: leads that were never reached, went silent, or whose wait after a loss is over (DOMAIN.md §7)."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from crmsync.decisions import recycle
from crmsync.decisions.aligned import beside
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.frames import instant
from crmsync.decisions.holding import is_on_hold
from crmsync.decisions.phase import Guard
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.sla import Sla


def watch(frame: pl.DataFrame, clocks: pl.DataFrame, approaches: pl.DataFrame, sla: Sla, now: datetime) -> pl.DataFrame:
    """Add `attempts` (approaches in vain since the hand-over; null once one connected) and `lapse` (the recycle reason of a
    running clock that may lapse and is over due)."""
    called = frame.filter(pl.col("phase") == "mql")[["person_id", "handed_over_at"]]
    tried = approaches.join(called, on="person_id").filter(pl.col("at").is_between("handed_over_at", instant(now)))
    in_vain = pl.when(~pl.col("connected").any(ignore_nulls=True)).then((~pl.col("connected")).sum().cast(pl.Int64))
    attempts = tried.group_by("person_id").agg(in_vain.alias("attempts"))
    return beside(beside(frame, attempts), _lapsed(clocks, sla, now))


def _lapsed(clocks: pl.DataFrame, sla: Sla, now: datetime) -> pl.DataFrame:
    """person_id, lapse: the recycle reason of the first running clock that may lapse and is over due."""
    lapses = {rule.kind: rule.lapse for rule in sla.clocks if rule.lapse is not None}
    over_due = RUNNING & (pl.col("due_at") < instant(now)) & ~is_on_hold(now)
    over = clocks.filter(over_due & pl.col("kind").is_in(sorted(lapses)))
    if over.is_empty():
        return pl.DataFrame(schema={"person_id": pl.String, "lapse": pl.String})
    first = over.sort("clock_id").unique("person_id", keep="first", maintain_order=True)
    reason = pl.col("kind").replace_strict(lapses, default=None, return_dtype=pl.String)
    return first.select("person_id", reason.alias("lapse"))


def guards(rules: Recycle, now: datetime, faded_at: datetime | None = None) -> dict[str, Guard]:
    """The guards of what time brings, over the columns of `evidence.gather` and `watch`. A silence has lasted until `faded_at`
    (None: now)."""
    at_now, faded = instant(now), instant(faded_at or now)
    in_sql = pl.col("phase") == "sql"
    quiet_since = pl.max_horizontal("last_act_at", "phase_at")
    sql_is_silent = pl.col("open_id").is_null() & (quiet_since + timedelta(days=rules.sql_silent_days) < faded)
    return {
        "unreached": Guard(
            pl.col("attempts") >= rules.attempts, at_now, pl.format("{} approaches", "attempts"), pl.lit("unreached")
        ),
        "silent": Guard(
            pl.when(in_sql).then(sql_is_silent).otherwise(pl.col("lapse").is_not_null()),
            at_now,
            pl.lit("no act"),
            pl.coalesce("lapse", pl.lit("silent")),
        ),
        "delay_over": Guard(
            pl.col("not_before") <= at_now,
            at_now,
            pl.col("not_before").dt.strftime("%Y-%m-%dT%H:%MZ"),
            recycle.reason(rules, "lost", "lost_reason"),
        ),
    }
