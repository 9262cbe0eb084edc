"""What time brings by itself: leads that were never reached, went silent, or whose wait after a loss is over (DOMAIN.md §7)."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from crmsync.decisions import recycle
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.frames import INSTANT
from crmsync.decisions.holding import is_on_hold
from crmsync.decisions.phase import Guard
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.sla import Sla


def watch(frame: pl.DataFrame, clocks: pl.DataFrame, approaches: pl.DataFrame, sla: Sla, now: datetime) -> pl.DataFrame:
    """Add `attempts` (approaches in vain since the hand-over; null once one connected) and `lapse` (the recycle reason of a
    running clock that may lapse and is over due)."""
    tried = (
        approaches.lazy()
        .join(frame.lazy().filter(pl.col("phase") == "mql").select("person_id", "handed_over_at"), on="person_id")
        .filter((pl.col("at") >= pl.col("handed_over_at")) & (pl.col("at") <= now))
        .group_by("person_id")
        .agg(
            pl.when(~pl.col("connected").any(ignore_nulls=True)).then((~pl.col("connected")).sum().cast(pl.Int64)).alias("attempts")
        )
    )
    lapses = {rule.kind: rule.lapse for rule in sla.clocks if rule.lapse is not None}
    over = clocks.lazy().filter(RUNNING & (pl.col("due_at") < now) & ~is_on_hold(now) & pl.col("kind").is_in(sorted(lapses)))
    lapsed = (
        over.sort("clock_id")
        .group_by("person_id")
        .agg(pl.col("kind").first().replace_strict(lapses, default=None, return_dtype=pl.String).alias("lapse"))
    )
    attempts, lapse = pl.collect_all([tried, lapsed])
    with_attempts = frame.join(attempts, on="person_id", how="left", maintain_order="left")
    return with_attempts.join(lapse, on="person_id", how="left", maintain_order="left")


def guards(rules: Recycle, now: datetime, faded_at: datetime | None = None) -> dict[str, Guard]:
    """The guards of what time brings, over the columns of `evidence.gather` and `watch`. A silence has lasted until `faded_at`
    (None: now)."""
    at_now, faded = pl.lit(now, dtype=INSTANT), pl.lit(faded_at or now, dtype=INSTANT)
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
