"""What the CRMs shall show of each person, and the tasks that shall stand in them: the decision as values to write."""

from __future__ import annotations

import polars as pl

from crmsync.decisions import recycle
from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.frames import DESIRED, INSTANT, TASKS, Facts, conform
from crmsync.decisions.owners import known_owners
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.routing import Routing
from crmsync.decisions.sla import Sla


def desired(state: pl.DataFrame, clocks: pl.DataFrame, scores: pl.DataFrame, facts: Facts, rules: Recycle) -> pl.DataFrame:
    """DESIRED of every living lead (not of the unidentified). The SLA columns are those of the running clock."""
    living = facts.persons.filter(~pl.col("is_deleted").fill_null(False)).select(
        "person_id", "sales_status", "sales_status_at", pl.lit(True).alias("#living")
    )
    opened = facts.opportunities.filter(pl.col("status") == "open").select("person_id").unique()
    running = clocks.filter(RUNNING).sort("person_id", "due_at", "clock_id").unique("person_id", keep="first", maintain_order=True)
    frame = beside(beside(state, living), scores.select("person_id", "score", "fit", "interest"))
    for part in (
        running.select("person_id", "kind", "due_at", _state_of_clock()),
        opened.with_columns(pl.lit(True).alias("has_opportunity")),
    ):
        frame = frame.join(part, on="person_id", how="left", maintain_order="left")
    is_lead = (frame["phase"] != "unidentified") & frame["#living"].fill_null(False)
    answered = (pl.col("sales_status_at") >= pl.col("handed_over_at")) & (pl.col("sales_status") != "new")
    waits = pl.col("phase").is_in(["closed_lost", "recycled"])
    shown = conform(
        frame.with_columns(
            pl.when((pl.col("phase") == "mql") & ~answered.fill_null(False)).then(pl.lit("new")).alias("sales_status"),
            pl.col("due_at").alias("sla_due_at"),
            pl.when(waits).then("not_before").cast(INSTANT).alias("recycle_due_at"),
            _recycle_reason(rules).alias("recycle_reason"),
            pl.col("has_opportunity").fill_null(False),
        ),
        DESIRED,
    )
    return in_order(shown.filter(is_lead))


def tasks(clocks: pl.DataFrame, reps: pl.DataFrame, rules: Routing, sla: Sla) -> pl.DataFrame:
    """TASKS: one per clock, open while the clock runs and a rep owns it. A queue has no tasks: nobody would do them."""
    owners = known_owners(reps, rules).select(pl.col("rep_id").alias("owner"), "queue")
    priorities = {rule.kind: rule.priority for rule in sla.clocks}
    held = clocks.join(owners, on="owner", how="left")
    is_open = RUNNING & pl.col("owner").is_not_null() & ~pl.col("queue").fill_null(False)
    urgent = pl.col("breached_at").is_not_null()
    priority = pl.col("kind").replace_strict(priorities, default="normal", return_dtype=pl.String)
    rows = held.with_columns(
        is_open.alias("is_open"), pl.when(urgent & is_open).then(pl.lit("high")).otherwise(priority).alias("priority")
    )
    return conform(rows.filter(pl.col("owner").is_not_null()), TASKS).sort("clock_id")


def _state_of_clock() -> pl.Expr:
    steps = (("breached_at", "breached"), ("noticed_at", "noticed"), ("reminded_at", "reminded"))
    state = pl.lit("running")
    for column, word in reversed(steps):
        state = pl.when(pl.col(column).is_not_null()).then(pl.lit(word)).otherwise(state)
    return state.alias("sla_state")


def _recycle_reason(rules: Recycle) -> pl.Expr:
    lost = recycle.reason(rules, "lost", "lost_reason")
    return pl.when(pl.col("phase") == "recycled").then("recycle_reason").when(pl.col("phase") == "closed_lost").then(lost)
