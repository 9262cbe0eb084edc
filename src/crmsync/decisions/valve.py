"""The valve (調整弁): how strict the definition is today, and who of those that qualify is handed over now (DOMAIN.md §5.2).

0.0 is the loose end, 1.0 the strict one. Load says whether inside sales can take more, attainment whether the month is behind
its target; the table below says what follows. It moves at most once per business day, by at most one step, within bounds, and
every move is a new version of the definition. Nothing that qualifies is dropped: it waits in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions.frames import WAITING, ValvePosition, Veto, instant
from crmsync.decisions.qualification import BEST_FIRST, Definition

Pressure = Literal["busy", "normal", "idle"]
Progress = Literal["behind", "on_target", "ahead"]

NOBODY_ON_DUTY = 999.0
"""The load when there is work and no capacity: busy by any band, and a number that every store can hold."""


@dataclass(frozen=True, slots=True)
class Band:
    """A threshold with memory: entered beyond `enter`, left only beyond `leave`. What lies between changes nothing."""

    enter: float
    leave: float


@dataclass(frozen=True, slots=True)
class Override:
    """A position set by a person, up to and including a day. It is no step: it holds at once."""

    position: float
    until: date
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Valve:
    """The valve document. Positions run from `loosest` to `strictest` within 0.0 … 1.0; `busy` is entered above and left
    below its bands, `idle` and `behind` are entered below and left above; on target ends at `ahead_above`. A veto lasts at most
    `longest_veto_days`, the first and the last day counted."""

    loosest: float
    strictest: float
    start: float
    largest_step: float
    busy: Band
    idle: Band
    behind: Band
    ahead_above: float
    override: Override | None = None
    longest_veto_days: int = 14


@dataclass(frozen=True, slots=True)
class Turn:
    """One field of the table: direction (+1 stricter, −1 looser, 0 stay), how much of the largest step, and why."""

    direction: int
    share: float
    cause: str


TABLE: Mapping[tuple[Pressure, Progress], Turn] = {
    # capacity wins: a lead that no one can approach in time is worse than one nurtured a day longer, but when the month is
    # behind as well, the way to strict is taken in half steps
    ("busy", "ahead"): Turn(+1, 1.0, "busy"),
    ("busy", "on_target"): Turn(+1, 1.0, "busy"),
    ("busy", "behind"): Turn(+1, 0.5, "busy"),
    ("idle", "behind"): Turn(-1, 1.0, "idle"),
    ("idle", "on_target"): Turn(-1, 1.0, "idle"),
    ("idle", "ahead"): Turn(-1, 0.5, "idle"),
    ("normal", "behind"): Turn(-1, 0.5, "behind_target"),
    ("normal", "on_target"): Turn(0, 0.0, "unchanged"),
    ("normal", "ahead"): Turn(0, 0.0, "unchanged"),
}


def move(
    previous: ValvePosition | None,
    valve: Valve,
    load: float,
    attainment: float | None,
    business_day: date,
    definition: Definition,
    veto: Veto | None = None,
) -> ValvePosition:
    """Where the valve stands now: by the document's override, else by a head's veto, else by the table. `business_day` is the day
    whose one move may be used: today, or on a day off the last business day. `attainment` None (no target, nothing due yet) counts
    as on target.

    A new major version of the definition starts at step 0 and keeps the position."""
    major = f"{definition.name}@{definition.version}."
    if previous is None:
        return ValvePosition(_bounded(valve, valve.start), f"{major}0", business_day.isoformat(), "initial", load, attainment)
    if not previous.version.startswith(major):
        previous = replace(previous, version=f"{major}0", moved_on=business_day.isoformat(), cause="initial")
    if valve.override is not None and business_day <= valve.override.until:
        return _stand(previous, _bounded(valve, valve.override.position), "override", load, attainment, business_day)
    if veto is not None and veto.binds(previous.version, business_day):
        return _stand(previous, _bounded(valve, veto.position), "vetoed", load, attainment, business_day)
    if previous.moved_on >= business_day.isoformat():
        return previous
    turn = TABLE[_pressure(previous, valve, load), _progress(previous, valve, attainment)]
    target = _bounded(valve, previous.position + turn.direction * turn.share * valve.largest_step)
    position = _reached(previous.position, target, valve.largest_step)
    cause = turn.cause if turn.direction or position == previous.position else "bounds"
    return _stand(previous, position, cause, load, attainment, business_day)


def _stand(
    previous: ValvePosition, position: float, cause: str, load: float, attainment: float | None, business_day: date
) -> ValvePosition:
    if position == previous.position:
        return replace(previous, cause=cause, load=load, attainment=attainment)
    name, _, step = previous.version.rpartition(".")
    return ValvePosition(position, f"{name}.{int(step) + 1}", business_day.isoformat(), cause, load, attainment)


def _bounded(valve: Valve, position: float) -> float:
    return round(min(max(position, valve.loosest), valve.strictest), 4)


def _reached(position: float, target: float, largest_step: float) -> float:
    """The target, or one step towards it where new bounds have put it further away."""
    return round(min(max(target, position - largest_step), position + largest_step), 4)


def _pressure(previous: ValvePosition, valve: Valve, load: float) -> Pressure:
    if load > valve.busy.enter or (previous.cause == "busy" and load > valve.busy.leave):
        return "busy"
    if load < valve.idle.enter or (previous.cause == "idle" and load < valve.idle.leave):
        return "idle"
    return "normal"


def _progress(previous: ValvePosition, valve: Valve, attainment: float | None) -> Progress:
    if attainment is None:
        return "on_target"
    was_behind = previous.cause == "behind_target" or (previous.attainment is not None and previous.attainment < valve.behind.enter)
    if attainment < valve.behind.enter or (was_behind and attainment < valve.behind.leave):
        return "behind"
    return "ahead" if attainment > valve.ahead_above else "on_target"


# ---------------------------------------------------------------------------------------------------------- what it reads


@dataclass(frozen=True, slots=True)
class Load:
    """Inside sales' day: MQLs nobody has approached, other work that is due, approaches made today, and what a day can hold."""

    unapproached: int
    due: int
    done: int
    capacity: int

    @property
    def ratio(self) -> float:
        """Waiting work ÷ a day's capacity."""
        work = self.unapproached + self.due
        if self.capacity == 0:
            return NOBODY_ON_DUTY if work else 0.0
        return round(work / self.capacity, 4)

    @property
    def free(self) -> int:
        """How many more can be approached today."""
        return max(0, self.capacity - self.done - self.unapproached - self.due)


def load(
    state: pl.DataFrame,
    clocks: pl.DataFrame,
    approaches: pl.DataFrame,
    reps: pl.DataFrame,
    *,
    business_day: date,
    day_start: datetime,
    due_before: datetime,
) -> Load:
    """Inside sales' load. `day_start` and `due_before` bound the business day: approaches since the one are done, clocks due
    before the other are due work. A person counts once, however many clocks run. Absent reps hold no capacity."""
    team = reps.filter((pl.col("department") == "inside_sales") & pl.col("is_active") & ~pl.col("is_queue").fill_null(False))
    present = team.filter(pl.col("absent_until").is_null() | (pl.col("absent_until") < business_day))
    waiting = _unapproached(state, approaches)
    open_clocks = clocks.filter(
        pl.col("met_at").is_null() & pl.col("cancelled_at").is_null() & (pl.col("due_at") < instant(due_before))
    )
    due = open_clocks.join(team, left_on="owner", right_on="rep_id", how="semi").join(waiting, on="person_id", how="anti")
    done = approaches.filter(pl.col("at") >= instant(day_start)).join(team, on="rep_id", how="semi")
    return Load(waiting.height, due["person_id"].n_unique(), done["approach_id"].n_unique(), int(present["capacity_per_day"].sum()))


def _unapproached(state: pl.DataFrame, approaches: pl.DataFrame) -> pl.DataFrame:
    """MQLs with no approach since their hand-over."""
    newest = approaches.group_by("person_id").agg(pl.col("at").max())
    open_mqls = (
        state.filter(pl.col("phase") == "mql").select("person_id", "handed_over_at").join(newest, on="person_id", how="left")
    )
    return open_mqls.filter(pl.col("at").is_null() | (pl.col("at") < pl.col("handed_over_at")).fill_null(False)).select("person_id")


@dataclass(frozen=True, slots=True)
class MonthTarget:
    """What a month is to bring; None where nothing was agreed."""

    visitors: float | None = None
    leads: float | None = None
    mqls: float | None = None
    sqls: float | None = None
    opportunities: float | None = None
    wins: float | None = None
    renewals: float | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets document: one target for every month, and others for months that have their own ("2026-05"). A month begins
    at midnight in `time_zone`; opportunities of these kinds count."""

    default: MonthTarget
    months: Mapping[str, MonthTarget]
    time_zone: str
    kinds: tuple[str, ...] = ("new_business",)

    def of(self, month: str) -> MonthTarget:
        """The target of a month, "2026-05"."""
        return self.months.get(month, self.default)


def attainment(opportunities: pl.DataFrame, targets: Targets, now: datetime, business_days: Sequence[date]) -> float | None:
    """Opportunities created this month ÷ the target to date. `business_days` are those of the month that holds `now`; the
    target grows evenly with each one that is over. None where there is no target or no day is over yet."""
    today = now.astimezone(ZoneInfo(targets.time_zone)).date()
    wanted = targets.of(today.strftime("%Y-%m")).opportunities
    over = sum(1 for day in business_days if day < today)
    if not wanted or not over:
        return None
    local = pl.col("created_at").dt.convert_time_zone(targets.time_zone)
    counted = opportunities.filter(
        (pl.col("created_at") <= instant(now))
        & (local.dt.truncate("1mo").dt.date() == today.replace(day=1))
        & pl.col("kind").fill_null(targets.kinds[0]).is_in(targets.kinds)
    )
    return round(counted["opportunity_id"].n_unique() / (wanted * over / len(business_days)), 4)


def release(candidates: pl.DataFrame, free_capacity: int, waiting: pl.DataFrame) -> pl.DataFrame:
    """person_id, rank, released, waiting_because: the best first, as many as fit; the others wait for "capacity", in order.

    `candidates` (person_id, score, last_touch_at) are those who qualify and may be handed over now. Best = greatest score, then
    freshest touch, then person_id. `waiting` (WAITING) are others in the same queue, of whom nothing is said."""
    ranked = _in_line(candidates.select(WAITING.keys()), waiting)
    released = ranked.select("person_id", "rank", (pl.col("rank") <= free_capacity).alias("released"))
    waits = pl.when(~pl.col("released")).then(pl.lit("capacity"))
    return released.with_columns(waits.cast(pl.String).alias("waiting_because")).sort("person_id")


def _in_line(mine: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """WAITING of `mine` with their `rank` among them and the others, who are as many as wait. Of these only those are put in order
    who have the score of one of mine; the rest are counted."""
    same = others.join(mine, on="score", how="semi")
    apart = others.join(mine, on="score", how="anti")["score"].sort()
    line = pl.concat([mine.with_columns(is_mine=True), same.with_columns(is_mine=False)]).sort(**BEST_FIRST)
    better = apart.len() - apart.search_sorted(line["score"], side="right").cast(pl.Int64)
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return line.with_columns((place + better).alias("rank")).filter("is_mine")
