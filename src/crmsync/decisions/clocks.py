"""Clocks over time: started, met by what people did (at the time they did it), breached, ended. `sla.py` says what was promised;
here it is kept, for everyone at once. What is done about a clock that nobody meets stands in `escalation.py`, the one that a
contract's end brings in `renewals.py`: both are made of `opened`, `replaced` and `breach`.

A clock runs while it is neither met nor cancelled. A breach does not end it: it stays open until somebody acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crmsync.decisions import worktime
from crmsync.decisions.aligned import in_order
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.evidence import CYCLE
from crmsync.decisions.frames import CLOCKS, INSTANT, Facts, Schema, conform, empty, instant
from crmsync.decisions.holding import has_open_hold
from crmsync.decisions.sla import ACKNOWLEDGED, LEAVING, Sla

MOST_LINKS = 64
"""Clocks that one decision starts and meets one after the other for one person; what is left follows in the next decision."""

LEAVERS: Schema = {"person_id": pl.String, "left_at": INSTANT, "because": pl.String, "actor": pl.String}
"""Whose clocks end, when, why, and who did it."""

RUNNING = pl.col("met_at").is_null() & pl.col("cancelled_at").is_null()

ITS_CYCLE = pl.col("clock_id").str.extract(CYCLE).cast(pl.Int64).alias("cycle")
"""How often its person had been recycled when a clock began: part of its id."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the keeping of clocks needs to know. `temperatures`: person_id, temperature. `acts`: see `acts_of`."""

    sla: Sla
    calendars: Calendars
    reps: pl.DataFrame
    acts: pl.DataFrame
    temperatures: pl.DataFrame
    now: datetime


def acts_of(facts: Facts, now: datetime) -> pl.DataFrame:
    """person_id, acted_at, act ("call", "email", "meeting", "acknowledged"), act_id, by (the department of who acted)."""
    departments = facts.reps.lazy().select("rep_id", pl.col("department").alias("by"))
    approaches = facts.approaches.lazy().join(departments, on="rep_id", how="left")
    done = approaches.select(
        "person_id", pl.col("at").alias("acted_at"), pl.col("kind").alias("act"), pl.col("approach_id").alias("act_id"), "by"
    )
    taken = facts.persons.lazy().select(
        "person_id",
        pl.col("acknowledged_at").alias("acted_at"),
        pl.lit(ACKNOWLEDGED).alias("act"),
        pl.lit(ACKNOWLEDGED).alias("act_id"),
        pl.lit(None, dtype=pl.String).alias("by"),
    )
    return pl.concat([done, taken]).filter(pl.col("acted_at") <= instant(now)).sort("person_id", "acted_at", "act_id").collect()


def meet(clocks: pl.DataFrame, left: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Running clocks met by the first act that counts, and what follows them started at that act, and so on. `left` (person_id,
    left_at) bounds the acts of those who left the phase in this decision."""
    return _met_in_turn(clocks, clocks.filter(RUNNING), left, desk)


def close(clocks: pl.DataFrame, leavers: pl.DataFrame, sla: Sla) -> pl.DataFrame:
    """End the running clocks of `leavers` (person_id, left_at, because, actor): met where leaving is what the clock waits for
    and a person did it, else cancelled. A due time that had gone by is a breach all the same."""
    if leavers.is_empty():
        return clocks
    by_leaving = [rule.kind for rule in sla.clocks if LEAVING in rule.met_by]
    ending = clocks.filter(RUNNING).join(leavers, on="person_id", how="inner", maintain_order="left")
    is_met = pl.col("kind").is_in(by_leaving) & (pl.col("actor") == "crm-user")
    ended = ending.with_columns(
        breach(pl.col("left_at")),
        pl.when(is_met).then("left_at").alias("met_at"),
        pl.when(is_met).then("because").alias("met_by"),
        pl.when(~is_met).then("left_at").alias("cancelled_at"),
        pl.when(~is_met).then("because").alias("cancelled_because"),
    )
    return replaced(clocks, conform(ended, CLOCKS))


def out_of_phase(clocks: pl.DataFrame, state: pl.DataFrame, sla: Sla, now: datetime) -> pl.DataFrame:
    """`leavers` for `close`: whose running clock belongs to another phase than the person, or to a rule that is no more."""
    phases = {rule.kind: rule.phase for rule in sla.clocks}
    running = clocks.filter(RUNNING).select("person_id", "kind")
    placed = running.join(_among(state, running, "phase"), on="person_id", how="inner")
    belongs = pl.col("kind").replace_strict(phases, default=None, return_dtype=pl.String)
    return leaving(placed.filter(pl.col("phase").ne_missing(belongs)), "out_of_phase", now)


def leaving(frame: pl.DataFrame, because: str, now: datetime) -> pl.DataFrame:
    """Everyone in `frame` as leavers for this reason, now, by the machine."""
    if frame.is_empty():
        return empty(LEAVERS)
    return frame.select(
        "person_id", instant(now).alias("left_at"), pl.lit(because).alias("because"), pl.lit("crmsync").alias("actor")
    ).unique("person_id", maintain_order=True)


def start(clocks: pl.DataFrame, people: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """A first clock for everyone in `people` (person_id, phase, phase_at, start_at, cycle, owner), none of whom has a running one.
    What was done since it starts meets it, as in `meet`.

    Who was met with the phase already on (an import) and has been approached since does not start from nothing: the next clock
    runs from the last act, if its due time is still to come."""
    phases = {rule.phase: rule.kind for rule in desk.sla.clocks if rule.is_first}
    kind = pl.col("phase").replace_strict(phases, default=None, return_dtype=pl.String)
    missing = people.with_columns(kind.alias("kind"), pl.col("start_at").alias("started_at")).filter(pl.col("kind").is_not_null())
    if missing.is_empty():
        return clocks
    ahead = opened(_already_acted(missing, desk), clocks, desk).filter(pl.col("due_at") > instant(desk.now))
    begun = pl.concat([ahead, opened(missing.join(ahead, on="person_id", how="anti"), clocks, desk)])
    return _met_in_turn(pl.concat([clocks, begun]), begun, empty(LEAVERS), desk)


def follow_owners(clocks: pl.DataFrame, state: pl.DataFrame) -> pl.DataFrame:
    """A running clock runs for whoever answers now."""
    owners = _among(state, clocks, "owner").rename({"owner": "#owner"})
    joined = clocks.join(owners, on="person_id", how="left", maintain_order="left")
    owner = pl.when(RUNNING & pl.col("#owner").is_not_null()).then("#owner").otherwise("owner")
    return conform(joined.with_columns(owner.alias("owner")), CLOCKS)


def opened(rows: pl.DataFrame, clocks: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """New CLOCKS rows for (person_id, kind, started_at, owner, cycle): numbered, due, with their arithmetic."""
    if rows.is_empty():
        return empty(CLOCKS)
    numbered = _numbered(rows, clocks)
    owners = desk.reps.select(pl.col("rep_id").alias("owner"), "department", "calendar").unique(
        "owner", keep="first", maintain_order=True
    )
    known = numbered.join(owners, on="owner", how="left", maintain_order="left").join(
        _among(desk.temperatures, numbered, "temperature"), on="person_id", how="left", maintain_order="left"
    )
    due = worktime.due_column(known.with_columns(_amount(desk.sla), _unit(desk.sla)), desk.calendars)
    identity = pl.concat_str("person_id", "kind", pl.col("cycle").cast(pl.String), pl.col("attempt").cast(pl.String), separator=":")
    return conform(due.with_columns(identity.alias("clock_id")), CLOCKS)


def replaced(clocks: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """The clocks, with the rows of `newer` in place of their former selves."""
    if newer.is_empty():
        return clocks
    return pl.concat([clocks.join(newer, on="clock_id", how="anti"), newer]).sort("clock_id")


def breach(seen_at: pl.Expr) -> pl.Expr:
    """The breach is at the due instant, whenever it is noticed."""
    return pl.when(is_breach(seen_at)).then("due_at").otherwise("breached_at").alias("breached_at")


def is_breach(seen_at: pl.Expr) -> pl.Expr:
    """Whether a breach is noticed that was not before."""
    return pl.col("breached_at").is_null() & (seen_at > pl.col("due_at")) & ~has_open_hold()


# ------------------------------------------------------------------------------------------------------------- inside


def _among(frame: pl.DataFrame, few: pl.DataFrame, column: str) -> pl.DataFrame:
    """person_id and `column` of those of `frame` who are in `few`: a join with the many would number all of them first."""
    return frame.select("person_id", column).join(few, on="person_id", how="semi")


def _met_in_turn(clocks: pl.DataFrame, waiting: pl.DataFrame, left: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """The clocks after acts have met those of `waiting`, and what follows these, and so on."""
    for _ in range(MOST_LINKS):
        met = _met(waiting, left, desk)
        if met.is_empty():
            break
        clocks = replaced(clocks, met)
        waiting = _successors(met, clocks, left, desk)
        clocks = pl.concat([clocks, waiting])
    return in_order(clocks, "clock_id")


def _met(waiting: pl.DataFrame, left: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """The clocks of `waiting` that an act has met, as they then are."""
    # few have been acted on since: they are sorted out before the kinds of acts are looked at
    since = waiting.join(desk.acts, on="person_id").filter(pl.col("acted_at") >= pl.col("started_at"))
    if since.is_empty():
        return waiting.clear()
    counted = since.join(_accepted(desk.sla), on=["kind", "act"]).filter(
        ((pl.col("acted_at") > pl.col("started_at")) | pl.col("is_first"))
        & (pl.col("only_by").is_null() | (pl.col("act") == ACKNOWLEDGED) | (pl.col("by") == pl.col("only_by")))
    )
    in_time = _before_they_left(counted, left, pl.col("acted_at") <= pl.col("left_at"))
    first = in_time.sort("clock_id", "acted_at", "act_id").unique("clock_id", keep="first", maintain_order=True)
    met = first.with_columns(pl.col("acted_at").alias("met_at"), pl.col("act_id").alias("met_by"), breach(pl.col("acted_at")))
    return conform(met, CLOCKS)


def _before_they_left(rows: pl.DataFrame, left: pl.DataFrame, is_in_time: pl.Expr) -> pl.DataFrame:
    """The rows of all who did not leave, and those in time of the others."""
    if left.is_empty():
        return rows
    joined = rows.join(left.select("person_id", "left_at"), on="person_id", how="left", maintain_order="left")
    return joined.filter(pl.col("left_at").is_null() | is_in_time).drop("left_at")


def _accepted(sla: Sla) -> pl.DataFrame:
    """One row per kind of clock and act that meets it."""
    rows = [(rule.kind, act, rule.by, rule.is_first) for rule in sla.clocks for act in rule.met_by if act != LEAVING]
    schema = {"kind": pl.String, "act": pl.String, "only_by": pl.String, "is_first": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _successors(met: pl.DataFrame, clocks: pl.DataFrame, left: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    following = _before_they_left(met, left, pl.col("met_at") < pl.col("left_at")).select(
        "person_id",
        _next_kind(desk.sla).alias("kind"),
        pl.col("met_at").alias("started_at"),
        "owner",
        ITS_CYCLE,
    )
    return opened(following.filter(pl.col("kind").is_not_null()), clocks, desk)


def _next_kind(sla: Sla) -> pl.Expr:
    follows = {rule.kind: rule.next for rule in sla.clocks if rule.next is not None}
    return pl.col("kind").replace_strict(follows, default=None, return_dtype=pl.String)


def _already_acted(missing: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """The clock that follows the first one, from the newest act since the phase began, for those whose clock starts later."""
    late = missing.filter(pl.col("start_at") > pl.col("phase_at"))
    if late.is_empty():
        return late
    acted = (
        late.join(_accepted(desk.sla), on="kind")
        .join(desk.acts, on=["person_id", "act"])
        .filter(
            (pl.col("acted_at") >= pl.col("phase_at"))
            & (pl.col("acted_at") < pl.col("start_at"))
            & (pl.col("only_by").is_null() | (pl.col("act") == ACKNOWLEDGED) | (pl.col("by") == pl.col("only_by")))
        )
        .sort("person_id", "acted_at")
        .unique("person_id", keep="last", maintain_order=True)
    )
    return acted.with_columns(_next_kind(desk.sla).alias("kind"), pl.col("acted_at").alias("started_at")).filter(
        pl.col("kind").is_not_null()
    )


def _numbered(rows: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    """Add `attempt`: one more than the person's last clock of this kind in this cycle."""
    keys = ["person_id", "kind", "cycle"]
    mine = clocks.join(rows, on=["person_id", "kind"], how="semi").with_columns(ITS_CYCLE)
    last = mine.group_by(keys).agg(pl.col("attempt").max().alias("last"))
    kept = rows.select("person_id", "kind", "started_at", "owner", "cycle")
    joined = kept.join(last, on=keys, how="left", maintain_order="left")
    return joined.with_columns((pl.col("last").fill_null(0) + 1).alias("attempt")).drop("last")


def _amount(sla: Sla) -> pl.Expr:
    return _first_due(sla, "amount", pl.Float64()).alias("amount")


def _unit(sla: Sla) -> pl.Expr:
    return _first_due(sla, "unit", pl.String()).alias("unit")


def _first_due(sla: Sla, part: str, dtype: pl.DataType) -> pl.Expr:
    """The `part` of the first due row that fits the clock's kind, the person's temperature and the owner's department."""
    cases = [(rule.kind, due) for rule in sla.clocks for due in rule.due]
    found: pl.Expr = pl.lit(None, dtype=dtype)
    for kind, due in reversed(cases):
        fits = pl.col("kind") == kind
        if due.temperature is not None:
            fits = fits & (pl.col("temperature") == due.temperature).fill_null(False)
        if due.department is not None:
            fits = fits & (pl.col("department") == due.department).fill_null(False)
        found = pl.when(fits).then(pl.lit(getattr(due, part), dtype=dtype)).otherwise(found)
    return found
