"""No lost baton (DOMAIN.md §8): what the machine may not mend, by name, with the department that must act (責任の空白地帯).

Each check is a name, who must act, and a condition over the living persons with their state, owner and opportunity. Most gaps only
people can mend: nobody has room, nobody gave a reason. Those of `OURS` nobody but crmsync can have left: where one is found, a rule
that should have mended it did not.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.frames import GAPS, conform, empty
from crmsync.decisions.owners import known_owners
from crmsync.decisions.routing import Routing
from crmsync.decisions.sla import DEPARTMENTS


@dataclass(frozen=True, slots=True)
class Check:
    """One way for a baton to lie on the ground. `department` None = the one that answers in the person's phase."""

    gap: str
    department: str | None
    when: pl.Expr
    detail: pl.Expr


_OWNED = pl.col("needed").is_not_null()
_UNANSWERED = _OWNED & (pl.col("owner").is_null() | ~pl.col("active").fill_null(True))
_GIVABLE = pl.col("givable").fill_null(False)
"""Somebody can be given this person whoever it is: a queue, or a rep on duty without limits."""
_CARE = _OWNED & ~((pl.col("phase") == "closed_won") & pl.col("opted_out").fill_null(False))
"""Where a next action must stand: a customer who wants no contact is left alone on purpose."""

CHECKS: tuple[Check, ...] = (
    Check("no_owner", None, _UNANSWERED & pl.col("owner").is_null() & ~_GIVABLE, pl.lit("")),
    Check("inactive_owner", None, _UNANSWERED & pl.col("owner").is_not_null() & ~_GIVABLE, pl.col("owner")),
    Check("owner_not_given", None, _UNANSWERED & _GIVABLE, pl.col("owner").fill_null("")),
    Check("wrong_role", None, pl.col("department").ne_missing(pl.col("needed")) & _OWNED, pl.col("department").fill_null("")),
    Check(
        "wrong_department",
        None,
        _OWNED
        & pl.col("owner").is_not_null()
        & pl.col("rep_department").ne_missing(pl.col("needed"))
        & pl.col("active").fill_null(True),
        pl.format("{} ({})", "owner", pl.col("rep_department").fill_null("?")),
    ),
    Check("queue_owner", None, _OWNED & pl.col("queue").fill_null(False), pl.col("owner")),
    Check("no_next_action", None, _CARE & (pl.col("clocks").fill_null(0) == 0), pl.lit("")),
    Check("next_action_without_date", None, pl.col("undated").fill_null(0) > 0, pl.lit("")),
    Check("several_next_actions", None, pl.col("clocks").fill_null(0) > 1, pl.col("clocks").cast(pl.String)),
    Check(
        "won_without_cs",
        "customer_success",
        (pl.col("phase") == "closed_won") & (pl.col("owner").is_null() | pl.col("queue").fill_null(False)),
        pl.col("opportunity_id").fill_null(""),
    ),
    Check(
        "lost_without_reason",
        "field_sales",
        (pl.col("phase") == "closed_lost") & pl.col("lost_reason").is_null(),
        pl.col("opportunity_id").fill_null(""),
    ),
    Check(
        "lost_without_recycle_date", "marketing", (pl.col("phase") == "closed_lost") & pl.col("not_before").is_null(), pl.lit("")
    ),
    Check(
        "rejected_without_reason",
        "inside_sales",
        (pl.col("phase") == "recycled")
        & (pl.col("recycle_reason") == "rejected_unknown")
        & (pl.col("sales_status") == "rejected")
        & pl.col("rejection_reason").is_null(),
        pl.lit(""),
    ),
    Check(
        "accepted_without_bant",
        "inside_sales",
        (pl.col("phase") == "mql")
        & (pl.col("sales_status") == "accepted")
        & (pl.col("sales_status_at") >= pl.col("handed_over_at")),
        pl.concat_str(
            *(pl.format("{}={}", pl.lit(i), pl.col(i).fill_null("unknown")) for i in ("budget", "authority", "need", "timeframe")),
            separator=" ",
        ),
    ),
)


OURS = ("owner_not_given", "wrong_role", "no_next_action", "next_action_without_date", "several_next_actions")
"""The promise of DOMAIN.md §8 for everyone in play: one role, one active owner where there is one to give, one next action with a
date."""
ELSEWHERE = ("clock_without_task",)
"""Gaps that only the CRMs show."""

_NO_BATON = ("unidentified", "inquiry", "disqualified")
"""Most people, and nobody waits for them: only a clock that runs there can be wrong."""


def find(state: pl.DataFrame, clocks: pl.DataFrame, persons: pl.DataFrame, reps: pl.DataFrame, rules: Routing) -> pl.DataFrame:
    """GAPS of everyone in `state`, by name and person. Deleted persons have none."""
    needed = pl.col("phase").replace_strict(DEPARTMENTS, default=None, return_dtype=pl.String).alias("needed")
    owners = known_owners(reps, rules).select(
        pl.col("rep_id").alias("owner"), "active", pl.col("department").alias("rep_department"), "queue"
    )
    undated = pl.col("due_at").is_null().sum().alias("undated")
    running = clocks.filter(RUNNING).group_by("person_id").agg(pl.len().alias("clocks"), undated)
    at_stake = state.join(running, on="person_id", how="left").filter(
        ~pl.col("phase").is_in(_NO_BATON) | pl.col("clocks").is_not_null()
    )
    living = persons.filter(~pl.col("is_deleted").fill_null(False)).select(
        "person_id", "opted_out", "sales_status", "sales_status_at", "rejection_reason", "budget", "authority", "need", "timeframe"
    )
    few = living.join(at_stake, on="person_id", how="semi")
    frame = at_stake.join(few, on="person_id", how="inner").with_columns(needed).join(owners, on="owner", how="left")
    frame = frame.join(_takers(reps, rules), on="needed", how="left")
    found = [_rows(frame, check) for check in CHECKS]
    return conform(pl.concat(found), GAPS).sort("gap", "person_id") if found else empty(GAPS)


def _takers(reps: pl.DataFrame, rules: Routing) -> pl.DataFrame:
    """needed, givable: the departments in which somebody can be given anyone at all: there is a queue, or a rep is on duty with
    neither a cap nor limits of their own (the draw falls on such a rep at the latest)."""
    limits = ("territories", "industries", "sizes", "languages")
    is_free = (
        pl.col("is_active")
        & ~pl.col("is_queue").fill_null(False)
        & pl.col("absent_until").is_null()
        & pl.col("cap").is_null()
        & pl.all_horizontal(pl.col(limit).list.len().fill_null(0) == 0 for limit in limits)
    )
    found = {*rules.queues, *reps.filter(is_free)["department"]}
    return pl.DataFrame({"needed": sorted(found)}, schema={"needed": pl.String}).with_columns(pl.lit(True).alias("givable"))


def _rows(frame: pl.DataFrame, check: Check) -> pl.DataFrame:
    department = pl.col("needed") if check.department is None else pl.lit(check.department)
    return frame.filter(check.when.fill_null(False)).select(
        pl.lit(check.gap).alias("gap"), "person_id", department.alias("department"), check.detail.fill_null("").alias("detail")
    )
