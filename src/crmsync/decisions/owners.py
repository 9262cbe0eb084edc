"""Who answers now: whose owner stays, whose is chosen anew, and what a person set by hand. The choice itself is `routing.py`.

An owner is looked for where the phase asks for one (mql, sql, closed_won) and nobody fitting answers: the baton changed
departments, the owner was deactivated, is away while work is due, or it lay in a queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from crmsync.decisions import routing
from crmsync.decisions.aligned import ROW, in_order, put_back
from crmsync.decisions.choice import Choice, choice
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.frames import STATE, Facts, conform, instant
from crmsync.decisions.routing import Assignment, Request, Routing
from crmsync.decisions.sla import DEPARTMENTS, MARKETING


@dataclass(frozen=True, slots=True)
class Staff:
    """The owners' side of the facts. `order`: person_id, rank of those handed over now, best first. `loads`: open leads per owner
    beside those of the persons at hand."""

    facts: Facts
    routing: Routing
    order: pl.DataFrame
    time_zone: str
    now: datetime
    loads: Mapping[str, int] = field(default_factory=dict)


def assign(state: pl.DataFrame, clocks: pl.DataFrame, draws: pl.DataFrame, staff: Staff) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(STATE with owner, department, owner_at and owner_because of everyone settled, DRAWS after)."""
    numbered = state.with_row_index(ROW)
    judged = _judged(numbered.filter(pl.col("phase").is_in(list(DEPARTMENTS))), clocks, staff)
    open_to_draw = judged.filter(pl.col("#verdict") == "route").join(staff.order, on="person_id", how="left")
    requests = (_request(row, staff.routing) for row in _in_order(open_to_draw))
    loads = _loads(_staying(judged), staff)
    resting = routing.out_of_rotation(clocks, state, staff.routing.breaches, staff.now)
    made, draws = routing.draw(requests, staff.facts.reps, loads, draws, staff.routing, resting)
    nobody = [pl.lit(None, dtype=STATE[name]).alias(name) for name in ("owner", "owner_at", "owner_because")]
    marketing = pl.when(pl.col("phase").is_in(MARKETING)).then(pl.lit("marketing"))
    settled = put_back(numbered.with_columns(*nobody, marketing.alias("department")), _settled(judged, made, staff.now))
    return in_order(settled.select(STATE.keys())), draws


def hand_on(
    state: pl.DataFrame, late: pl.DataFrame, clocks: pl.DataFrame, draws: pl.DataFrame, staff: Staff
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """For `late` clocks the next eligible rep: (STATE, owners: person_id and owner of those handed on, DRAWS). Where there is no
    one else, nothing changes."""
    if late.is_empty():
        return state, state.select("person_id", "owner").clear(), draws
    persons = _with_facts(state.join(late, on="person_id", how="semi"), staff)
    requests = [
        _request({**row, "preferred": ()}, staff.routing, handing_on=True)
        for row in persons.sort("person_id").iter_rows(named=True)
    ]
    resting = routing.out_of_rotation(clocks, state, staff.routing.breaches, staff.now)
    made, draws = routing.draw(requests, staff.facts.reps, _loads(state, staff), draws, staff.routing, resting)
    chosen = [(a.person_id, a.owner) for a in made if a.because == "round_robin"]
    owners = pl.DataFrame(chosen, schema={"person_id": pl.String, "owner": pl.String}, orient="row")
    numbered = state.with_row_index(ROW)
    given = (
        numbered.select(ROW, "person_id")
        .join(owners, on="person_id", how="inner")
        .select(
            ROW,
            "owner",
            instant(staff.now).alias("owner_at"),
            pl.lit("reassigned").alias("owner_because"),
        )
    )
    return put_back(conform(state, STATE), given), owners, draws


def way(state: pl.DataFrame, loads: Mapping[str, int], draws: pl.DataFrame, staff: Staff) -> Choice | None:
    """The way by which the owner of one person (STATE, one row) would be found now; None in a phase that asks for none. `loads`
    are the open leads of each rep."""
    asking = _with_facts(state.filter(pl.col("phase").is_in(list(DEPARTMENTS))), staff)
    if asking.is_empty():
        return None
    request = _request({**asking.row(0, named=True), "#soft": False}, staff.routing)
    return choice(request, staff.facts.reps, loads, draws, staff.routing)


# ----------------------------------------------------------------------------------------------------------- who stays


def _judged(state: pl.DataFrame, clocks: pl.DataFrame, staff: Staff) -> pl.DataFrame:
    """Those who need an owner, with facts and `#verdict`: "edit" (a person chose), "keep" or "route"."""
    frame = _with_reps(_with_facts(state, staff), staff).join(_due_days(clocks, staff.time_zone), on="person_id", how="left")
    changed = pl.col("department").ne_missing(pl.col("needed"))
    by_hand = pl.col("owner_because") == "crm_user"
    right = (pl.col("edit_active") & (pl.col("edit_department") == pl.col("needed"))).fill_null(False)
    # on a new department, or where nobody was found, an older edit only counts when it chose for that department; else it must
    # be newer than our choice, or not yet have been seen when we chose (same department), unless we have since taken the lead
    # away from that rep
    in_time = (
        pl.when(changed | pl.col("owner").is_null())
        .then(right | (pl.col("owner_edit_at") >= pl.col("phase_at")))
        .otherwise(
            pl.col("owner_at").is_null()
            | (pl.col("owner_edit_at") > pl.col("owner_at"))
            | (right & (pl.col("owner_because") != "reassigned"))
        )
    )
    is_other = pl.col("owner_edit").is_not_null() & pl.col("owner_edit").ne_missing(pl.col("owner"))
    edit = is_other & pl.col("edit_active").fill_null(True) & in_time.fill_null(False)
    active = pl.col("now_active").fill_null(by_hand)
    fits = (pl.col("now_department") == pl.col("needed")).fill_null(False)
    away = pl.col("phase").is_in(staff.routing.reroute_absent) & (pl.col("due_day") <= pl.col("now_absent"))
    waits_in_queue = pl.col("now_queue").fill_null(False) & ~by_hand.fill_null(False)
    stays = (fits & ~away.fill_null(False) & ~waits_in_queue) | (by_hand & ~changed).fill_null(False)
    keep = pl.col("owner").is_not_null() & active.fill_null(False) & stays
    verdict = pl.when(edit).then(pl.lit("edit")).when(keep).then(pl.lit("keep")).otherwise(pl.lit("route"))
    soft = away.fill_null(False) & active.fill_null(False) & fits & ~changed
    return frame.with_columns(verdict.alias("#verdict"), soft.alias("#soft")).sort("person_id")


def _with_facts(state: pl.DataFrame, staff: Staff) -> pl.DataFrame:
    """STATE beside what routing looks at, `needed` (the department that must answer) and the opportunity's rep."""
    facts = staff.facts.persons.select(
        "person_id", "owner_edit", "owner_edit_at", "account_owner", "territory", "industry", "employees", "language"
    ).join(state, on="person_id", how="semi")
    reps = staff.facts.opportunities.join(state, on="person_id", how="semi")
    reps = reps.select("person_id", "opportunity_id", pl.col("rep_id").alias("opportunity_rep"))
    reps = reps.sort("person_id", "opportunity_id", "opportunity_rep").unique(["person_id", "opportunity_id"], keep="first")
    needed = pl.col("phase").replace_strict(DEPARTMENTS, default=None, return_dtype=pl.String)
    return (
        state.join(facts, on="person_id", how="left")
        .join(reps, on=["person_id", "opportunity_id"], how="left")
        .with_columns(needed.alias("needed"))
    )


def _with_reps(frame: pl.DataFrame, staff: Staff) -> pl.DataFrame:
    """Add now_… of the owner and edit_… of the rep set by hand: active, department, queue, absent (last day away)."""
    reps = known_owners(staff.facts.reps, staff.routing)
    for prefix, column in (("now", "owner"), ("edit", "owner_edit")):
        named = reps.rename({"rep_id": column, **{name: f"{prefix}_{name}" for name in reps.columns if name != "rep_id"}})
        frame = frame.join(named, on=column, how="left")
    return frame


def known_owners(reps: pl.DataFrame, rules: Routing) -> pl.DataFrame:
    """rep_id, active, department, queue, absent of every rep, and of the queues that routing names (they are always active)."""
    queues = pl.DataFrame(
        [(queue, True, department, True, None) for department, queue in sorted(rules.queues.items())],
        schema={"rep_id": pl.String, "active": pl.Boolean, "department": pl.String, "queue": pl.Boolean, "absent": pl.Date},
        orient="row",
    ).unique("rep_id", keep="first", maintain_order=True)
    people = reps.select(
        "rep_id",
        pl.col("is_active").alias("active"),
        "department",
        pl.col("is_queue").fill_null(False).alias("queue"),
        pl.col("absent_until").alias("absent"),
    ).unique("rep_id", keep="first", maintain_order=True)
    return pl.concat([queues, people.join(queues, on="rep_id", how="anti")]).sort("rep_id")


def _due_days(clocks: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    due = pl.col("due_at").dt.convert_time_zone(time_zone).dt.date()
    return clocks.filter(RUNNING).group_by("person_id").agg(due.min().alias("due_day"))


# ---------------------------------------------------------------------------------------------------------- who is asked


def _in_order(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Those handed over now by rank, then by how long they have been in the phase: the order of the draw."""
    return frame.sort("rank", "phase_at", "person_id", nulls_last=True).iter_rows(named=True)


def _request(row: dict[str, Any], rules: Routing, *, handing_on: bool = False) -> Request:
    preferred = [(row["account_owner"], "account_owner")]
    if row["phase"] == "sql":
        preferred.insert(0, (row["opportunity_rep"], "opportunity_owner"))
    waits = row["owner_because"] == "queue" and row["owner"] == rules.queues.get(row["needed"])
    keeper = row["owner"] if handing_on or waits or row["#soft"] else None
    return Request(
        row["person_id"],
        row["needed"],
        () if handing_on else tuple(preferred),
        row["territory"],
        row["industry"],
        rules.size_of(row["employees"]),
        row["language"],
        avoid=row["owner"] if handing_on else None,
        fallback=keeper,
    )


def _loads(state: pl.DataFrame, staff: Staff) -> dict[str, int]:
    """Open leads per owner, where a phase asks for one: of these persons and of all others."""
    owned = state.select("phase", "owner").filter(pl.col("phase").is_in(list(DEPARTMENTS)) & pl.col("owner").is_not_null())
    return dict(Counter(staff.loads) + Counter(dict(owned.group_by("owner").len().iter_rows())))


def _staying(judged: pl.DataFrame) -> pl.DataFrame:
    """Those for whom nobody has to be looked for, each with who answers from now on."""
    verdict = pl.col("#verdict")
    return judged.filter(verdict != "route").with_columns(
        pl.when(verdict == "edit").then("owner_edit").otherwise("owner").alias("owner")
    )


def _settled(judged: pl.DataFrame, made: list[Assignment], now: datetime) -> pl.DataFrame:
    """ROW, and the owner's columns of everyone judged."""
    rows = [(a.person_id, a.owner, a.because) for a in made]
    chosen = pl.DataFrame(rows, schema={"person_id": pl.String, "#owner": pl.String, "#because": pl.String}, orient="row")
    frame = judged.join(chosen, on="person_id", how="left", maintain_order="left")
    verdict, at_now = pl.col("#verdict"), instant(now)
    is_new = (
        (verdict == "route")
        & (pl.col("#because") != "kept")
        & (pl.col("#owner").ne_missing(pl.col("owner")) | pl.col("department").ne_missing(pl.col("needed")))
    )
    by_hand = verdict == "edit"
    return frame.select(
        ROW,
        pl.when(by_hand).then("owner_edit").when(is_new).then("#owner").otherwise("owner").alias("owner"),
        pl.when(by_hand)
        .then(pl.col("owner_edit_at").fill_null(at_now))
        .when(is_new)
        .then(at_now)
        .otherwise("owner_at")
        .alias("owner_at"),
        pl.when(by_hand).then(pl.lit("crm_user")).when(is_new).then("#because").otherwise("owner_because").alias("owner_because"),
        pl.col("needed").alias("department"),
    )
