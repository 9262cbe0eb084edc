"""The phase machine: one table of transitions, one pass that fires them, and what entering a phase carries along.

`TRANSITIONS` is all there is: evidence is evaluated from it, jumps are found by it (a hand-made move that is no arrow of
`ARROWS` is kept, and flagged), and the diagram in the docs is printed from it. Per source the first row that holds fires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

import polars as pl

from crmsync.decisions import recycle
from crmsync.decisions.aligned import ROW, in_order, only, put_back
from crmsync.decisions.frames import INSTANT, MOVES, STATE, conform, empty, instant
from crmsync.decisions.recycle import Recycle

Actor = Literal["crmsync", "crm-user"]

MOST_PASSES = 8
"""More moves than this in one decision would be a loop in the table; no path through the phases is longer."""

_OPEN_PHASES = ("inquiry", "mql", "sql", "closed_lost", "recycled")

ARROWS: frozenset[tuple[str, str]] = frozenset(
    {
        ("unidentified", "inquiry"),
        ("inquiry", "mql"),
        ("mql", "sql"),
        ("sql", "closed_won"),
        ("sql", "closed_lost"),
        ("mql", "recycled"),
        ("sql", "recycled"),
        ("closed_lost", "recycled"),
        ("recycled", "mql"),
        ("disqualified", "inquiry"),
        *((source, "disqualified") for source in _OPEN_PHASES),
    }
)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: from where, to where, the word for why, who does it. `because` names the guard that must hold."""

    source: str
    target: str
    because: str
    actor: Actor

    @property
    def is_jump(self) -> bool:
        return (self.source, self.target) not in ARROWS


TRANSITIONS: tuple[Transition, ...] = (
    Transition("unidentified", "inquiry", "identified", "crmsync"),
    # what people did in the CRM, strongest evidence first
    Transition("inquiry", "closed_won", "won", "crm-user"),
    Transition("inquiry", "disqualified", "excluded_by_hand", "crm-user"),
    Transition("inquiry", "disqualified", "rejected_for_good", "crm-user"),
    Transition("inquiry", "sql", "opportunity", "crm-user"),
    Transition("inquiry", "disqualified", "opted_out", "crmsync"),
    Transition("inquiry", "disqualified", "unreachable", "crmsync"),
    Transition("inquiry", "sql", "accepted", "crm-user"),
    Transition("inquiry", "closed_lost", "lost", "crm-user"),
    Transition("inquiry", "recycled", "rejected", "crm-user"),
    Transition("mql", "disqualified", "excluded_by_hand", "crm-user"),
    Transition("mql", "disqualified", "rejected_for_good", "crm-user"),
    Transition("mql", "sql", "opportunity", "crm-user"),
    Transition("mql", "closed_won", "won", "crm-user"),
    Transition("mql", "disqualified", "opted_out", "crmsync"),
    Transition("mql", "disqualified", "unreachable", "crmsync"),
    Transition("mql", "sql", "accepted", "crm-user"),
    Transition("mql", "closed_lost", "lost", "crm-user"),
    Transition("mql", "recycled", "rejected", "crm-user"),
    Transition("sql", "closed_won", "won", "crm-user"),
    Transition("sql", "disqualified", "excluded_by_hand", "crm-user"),
    Transition("sql", "disqualified", "rejected_for_good", "crm-user"),
    Transition("sql", "closed_lost", "lost", "crm-user"),
    Transition("sql", "disqualified", "opted_out", "crmsync"),
    Transition("sql", "disqualified", "unreachable", "crmsync"),
    Transition("sql", "recycled", "rejected", "crm-user"),
    Transition("closed_lost", "closed_won", "won", "crm-user"),
    Transition("closed_lost", "disqualified", "excluded_by_hand", "crm-user"),
    Transition("closed_lost", "sql", "opportunity", "crm-user"),
    Transition("closed_lost", "disqualified", "opted_out", "crmsync"),
    Transition("closed_lost", "disqualified", "unreachable", "crmsync"),
    Transition("closed_lost", "sql", "accepted", "crm-user"),
    Transition("recycled", "closed_won", "won", "crm-user"),
    Transition("recycled", "disqualified", "excluded_by_hand", "crm-user"),
    Transition("recycled", "disqualified", "rejected_for_good", "crm-user"),
    Transition("recycled", "sql", "opportunity", "crm-user"),
    Transition("recycled", "disqualified", "opted_out", "crmsync"),
    Transition("recycled", "disqualified", "unreachable", "crmsync"),
    Transition("recycled", "sql", "accepted", "crm-user"),
    Transition("recycled", "closed_lost", "lost", "crm-user"),
    Transition("disqualified", "closed_won", "won", "crm-user"),
    Transition("disqualified", "inquiry", "revoked", "crm-user"),
    # what the valve lets through
    Transition("inquiry", "mql", "released", "crmsync"),
    Transition("recycled", "mql", "released", "crmsync"),
    # what time brings
    Transition("mql", "recycled", "unreached", "crmsync"),
    Transition("mql", "recycled", "silent", "crmsync"),
    Transition("sql", "recycled", "silent", "crmsync"),
    Transition("closed_lost", "recycled", "delay_over", "crmsync"),
)


@dataclass(frozen=True, slots=True)
class Guard:
    """When a row fires, over the columns of `evidence.gather`: the condition, the instant it happened, what shows it, and the
    recycle reason where it leads to a recycle."""

    when: pl.Expr
    at: pl.Expr
    evidence: pl.Expr
    reason: pl.Expr | None = None


def settle(frame: pl.DataFrame, guards: Mapping[str, Guard], rules: Recycle, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fire transitions until no one moves: (the frame with its STATE columns moved on, MOVES in order). Only rows of the table
    whose guard is given take part. Bounded by MOST_PASSES; who would still move then moves in the next decision."""
    moves: list[pl.DataFrame] = []
    numbered = frame.with_row_index(ROW)
    still = numbered
    for _ in range(MOST_PASSES):
        moved = _fire(still, guards, now)
        if moved.is_empty():
            break
        moves.append(moved.select(_MOVE_COLUMNS))
        still = _enter(moved, rules).select(numbered.columns)
        numbered = put_back(numbered, still.select(ROW, *_CARRIED))
    if not moves:
        return in_order(frame), empty(MOVES)
    return in_order(numbered.drop(ROW)), conform(pl.concat(moves), MOVES)


def state_of(frame: pl.DataFrame) -> pl.DataFrame:
    """The STATE columns of a frame."""
    return in_order(conform(frame, STATE))


def diagram() -> str:
    """The table as a Mermaid state diagram; jumps are left out."""
    rows = sorted((t for t in TRANSITIONS if not t.is_jump), key=lambda t: (t.source, t.target))
    lines = [
        f"    {source} --> {target}: {', '.join(t.because for t in group)}"
        for (source, target), group in groupby(rows, key=lambda t: (t.source, t.target))
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> unidentified", *lines])


# ------------------------------------------------------------------------------------------------------------ guards


def evidence_guards(now: datetime) -> dict[str, Guard]:
    """The guards of what people did and what the facts show."""
    at_now = instant(now)
    status_at, phase_at, handed = pl.col("sales_status_at"), pl.col("phase_at"), pl.col("handed_over_at")
    in_mql, in_sql, no_open = pl.col("phase") == "mql", pl.col("phase") == "sql", pl.col("open_id").is_null()
    arriving = pl.col("arriving")
    rejected = pl.col("sales_status") == "rejected"
    for_good = rejected & (pl.col("rejection_goes") == "disqualified")
    mail_is_dead = pl.col("bounced").fill_null(False) & (pl.col("phone").fill_null("") == "")
    deal_is_live = in_sql & ~no_open
    by_hand = pl.col("disqualification").is_not_null()
    opted_out = pl.col("opted_out").fill_null(False)
    this_status = pl.when(in_mql).then(status_at >= handed).when(in_sql).then((status_at > phase_at) & no_open)
    followed = in_sql & (pl.col("opportunity_id") == pl.col("lost_id"))
    return {
        "identified": Guard(pl.col("identified"), pl.when("first_seen").then("entry_at").otherwise(at_now), pl.lit("identified")),
        "won": Guard(
            pl.col("won_id").is_not_null() & ((pl.col("phase") != "disqualified") | (pl.col("won_at") > phase_at)),
            pl.col("won_at"),
            pl.col("won_id"),
        ),
        "excluded_by_hand": Guard(by_hand, at_now, pl.col("disqualification")),
        "rejected_for_good": Guard(for_good & this_status.otherwise(True), status_at, pl.col("rejection_reason")),
        "opted_out": Guard(opted_out & ~deal_is_live, at_now, pl.lit("opted_out")),
        "unreachable": Guard(mail_is_dead & ~deal_is_live, at_now, pl.lit("bounced")),
        "opportunity": _opportunity(),
        "accepted": Guard(
            (pl.col("sales_status") == "accepted")
            & pl.col("bant_complete")
            & pl.when(in_mql).then(status_at >= handed).otherwise(arriving | (status_at > phase_at)),
            status_at,
            pl.lit("accepted"),
        ),
        "lost": Guard(
            pl.col("lost_id").is_not_null()
            & no_open
            & pl.col("won_id").is_null()
            & (arriving | (pl.col("lost_at") > phase_at) | followed.fill_null(False)),
            pl.col("lost_at"),
            pl.col("lost_id"),
        ),
        "rejected": Guard(
            rejected
            & (pl.col("rejection_goes") == "recycled")
            & this_status.otherwise(pl.col("rejection_reason").is_not_null() & (arriving | (status_at > phase_at))),
            status_at,
            pl.col("rejection_reason").fill_null("no reason"),
            pl.col("rejection"),
        ),
        "revoked": Guard(~(by_hand | opted_out | mail_is_dead | for_good.fill_null(False)), at_now, pl.lit("revoked")),
    }


def _opportunity() -> Guard:
    """An opportunity since the hand-over, whatever became of it, or an open one that was touched since; before any hand-over
    any open one, and after an end only one that is newer than the end."""
    phase, opened, changed = pl.col("phase"), pl.col("open_created_at"), pl.col("open_changed_at")
    made_since = pl.col("any_created_at") >= pl.col("handed_over_at")
    in_mql = phase == "mql"
    when = (
        pl.when(in_mql)
        .then(made_since.fill_null(False) | (changed >= pl.col("handed_over_at")).fill_null(False))
        .when(phase == "inquiry")
        .then(pl.col("open_id").is_not_null())
        .otherwise(changed > pl.col("phase_at"))
    )
    newer = pl.when(opened > pl.col("phase_at")).then(opened).otherwise(changed)
    at = pl.when(in_mql & made_since).then("any_created_at").when(phase == "inquiry").then(opened).otherwise(newer)
    return Guard(when, at, pl.when(in_mql & made_since).then("any_id").otherwise("open_id"))


# ---------------------------------------------------------------------------------------------------------- one pass

_HIT = "#transition"
_CARRIED = (
    *("phase", "phase_at", "cycle", "handed_over_at", "recycled_at", "recycle_reason", "lost_reason", "not_before"),
    *("opportunity_id", "qualified_since", "arriving"),
)
"""What entering a phase changes (`_enter`)."""

_MOVE_COLUMNS = ("person_id", "at", "source", "target", "because", "evidence", "actor", "is_jump")


def _fire(frame: pl.DataFrame, guards: Mapping[str, Guard], now: datetime) -> pl.DataFrame:
    """The rows that move, with source, target, at, because, evidence, actor, is_jump, reason; nobody, where none does."""
    live = [(index, row) for index, row in enumerate(TRANSITIONS) if row.because in guards]
    names = sorted({row.because for _, row in live})
    sources = {name: [row.source for _, row in live if row.because == name] for name in names}
    # most rows fire nothing: one look per guard sorts them out before the table is read row by row
    may_move = pl.any_horizontal(pl.col("phase").is_in(sources[name]) & guards[name].when for name in names)
    moving = only(frame, may_move)
    if moving.is_empty():
        return moving
    hits = [
        pl.when((pl.col("phase") == row.source) & guards[row.because].when.fill_null(False)).then(pl.lit(index, dtype=pl.Int32))
        for index, row in live
    ]
    moved = moving.with_columns(pl.coalesce(hits).alias(_HIT)).filter(pl.col(_HIT).is_not_null())
    moved = moved.join(_rows(), on=_HIT, how="left", maintain_order="left").with_columns(
        _of_guard(names, guards, "at", INSTANT).alias("at"),
        _of_guard(names, guards, "evidence", pl.String()).alias("evidence"),
        _of_guard(names, guards, "reason", pl.String()).alias("reason"),
    )
    earliest = pl.when(pl.col("source") == "unidentified").then("at").otherwise("phase_at")
    when = pl.min_horizontal(pl.max_horizontal(pl.col("at").fill_null(instant(now)), earliest), instant(now))
    return in_order(moved.with_columns(when.alias("at")))


def _rows() -> pl.DataFrame:
    rows = [(index, t.source, t.target, t.because, t.actor, t.is_jump) for index, t in enumerate(TRANSITIONS)]
    names = {"source": pl.String, "target": pl.String, "because": pl.String, "actor": pl.String, "is_jump": pl.Boolean}
    return pl.DataFrame(rows, schema={_HIT: pl.Int32, **names}, orient="row")


def _of_guard(names: list[str], guards: Mapping[str, Guard], part: str, dtype: pl.DataType) -> pl.Expr:
    """The `part` of the guard that fired."""
    found: pl.Expr = pl.lit(None, dtype=dtype)
    for name in names:
        expression = getattr(guards[name], part)
        if expression is not None:
            found = pl.when(pl.col("because") == name).then(expression).otherwise(found)
    return found


def _enter(moved: pl.DataFrame, rules: Recycle) -> pl.DataFrame:
    """What the new phase carries: reasons, delays, counts; and what it no longer does."""
    is_recycle, is_lost = pl.col("target") == "recycled", pl.col("target") == "closed_lost"
    is_over = pl.col("because") == "delay_over"
    one_too_many = is_recycle & ~is_over & (pl.col("rounds") > rules.most_per_year)
    reasoned = moved.with_columns(
        pl.when(one_too_many)
        .then(pl.lit("dormant"))
        .when(is_recycle)
        .then("reason")
        .when(is_lost)
        .then(recycle.reason(rules, "lost", "lost_word"))
        .alias("reason")
    )
    wait = recycle.not_before(rules, "reason", "at", "contract_end")
    opportunity = (
        pl.when(pl.col("target") == "sql")
        .then(pl.when(pl.col("because") == "opportunity").then("evidence").otherwise("open_id"))
        .when(pl.col("target") == "closed_won")
        .then("won_id")
        .when(is_lost)
        .then("lost_id")
    )
    is_arrival = pl.col("because") == "identified"
    return reasoned.with_columns(
        pl.col("target").alias("phase"),
        pl.col("at").alias("phase_at"),
        (pl.col("cycle") + is_recycle.cast(pl.Int64)).alias("cycle"),
        pl.when(pl.col("because") == "released").then("at").otherwise("handed_over_at").alias("handed_over_at"),
        pl.when(is_recycle).then("at").otherwise("recycled_at").alias("recycled_at"),
        pl.when(is_recycle).then("reason").alias("recycle_reason"),
        pl.when(is_lost).then("lost_word").otherwise("lost_reason").alias("lost_reason"),
        pl.when(is_over).then("at").when(is_recycle | is_lost).then(wait).alias("not_before"),
        opportunity.alias("opportunity_id"),
        pl.lit(None, dtype=INSTANT).alias("qualified_since"),
        (pl.col("arriving") & is_arrival).alias("arriving"),
    )


def refresh(frame: pl.DataFrame, rules: Recycle) -> pl.DataFrame:
    """A reason given after the event counts from the event: of a lost opportunity, and of a rejection without one."""
    lost = (pl.col("phase") == "closed_lost") & (pl.col("opportunity_id") == pl.col("lost_id"))
    told = (
        (pl.col("phase") == "recycled") & (pl.col("recycle_reason") == "rejected_unknown") & (pl.col("sales_status") == "rejected")
    )
    late = (lost | (told & (pl.col("rejection") != "rejected_unknown"))).fill_null(False)
    word = pl.when(lost).then(recycle.reason(rules, "lost", "lost_word")).otherwise("rejection")
    wait = recycle.not_before(rules, "#reason", "#at", "contract_end")
    of_them = only(frame.with_row_index(ROW), late)
    if of_them.is_empty():
        return frame
    told_late = of_them.with_columns(
        word.alias("#reason"), pl.when(lost).then("phase_at").otherwise("recycled_at").cast(INSTANT).alias("#at")
    ).select(
        ROW,
        pl.when(lost).then("lost_word").otherwise("lost_reason").alias("lost_reason"),
        wait.alias("not_before"),
        pl.when(~lost.fill_null(False)).then("#reason").otherwise("recycle_reason").alias("recycle_reason"),
    )
    return put_back(frame, told_late)
