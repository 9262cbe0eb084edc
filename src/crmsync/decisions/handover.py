"""Who is handed to inside sales now: those who qualify at the valve's position, may come back, and fit the free capacity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions import qualification, recycle, valve
from crmsync.decisions.acts import Acts
from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.calendar import HORIZON_DAYS, BusinessCalendar
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import QUALIFICATION, Before, Facts, ValvePosition, conform, instant
from crmsync.decisions.phase import Guard
from crmsync.decisions.valve import Load


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """The business day that `now` belongs to: today, or on a day off the last one; with today's local midnights around it."""

    day: date
    starts_at: datetime
    ends_at: datetime


def business_day(calendar: BusinessCalendar, now: datetime) -> BusinessDay:
    """The business day of `now` in this calendar. Raises ValueError where the calendar has none."""
    today = calendar.local_day(now)
    back = (today - timedelta(days=n) for n in range(HORIZON_DAYS))
    day = next((d for d in back if calendar.is_business_day(d)), None)
    if day is None:
        raise ValueError(f"calendar {calendar.name} has no business day")
    return BusinessDay(day, _midnight(day, calendar), _midnight(today + timedelta(days=1), calendar))


def open_valve(
    state: pl.DataFrame, clocks: pl.DataFrame, facts: Facts, before: Before, definitions: Definitions, now: datetime
) -> tuple[ValvePosition, Load]:
    """Where the valve stands now, and inside sales' load."""
    calendar = definitions.calendars.named(None)
    day = business_day(calendar, now)
    load = valve.load(
        state, clocks, facts.approaches, facts.reps, business_day=day.day, day_start=day.starts_at, due_before=day.ends_at
    )
    progress = valve.attainment(facts.opportunities, definitions.targets, now, _business_days_of_month(definitions, now))
    position = valve.move(before.valve, definitions.valve, load.ratio, progress, day.day, definitions.qualification, before.veto)
    return position, load


def release(
    frame: pl.DataFrame,
    prepared: pl.DataFrame,
    touches: Acts,
    definitions: Definitions,
    valve_now: tuple[ValvePosition, Load],
    now: datetime,
    waiting: pl.DataFrame,
) -> pl.DataFrame:
    """QUALIFICATION of everyone in `frame` (STATE and evidence); `prepared` has the facts, scores, temperature and windows,
    `touches` those known now. `waiting` (WAITING) are others in the same queue."""
    position, load = valve_now
    begins_at = definitions.begins_at
    is_in_force = begins_at is None or begins_at <= now
    verdicts = qualification.judge(prepared, definitions.qualification, position.position)
    touched = recycle.fresh_evidence(touches, frame, definitions.recycle)
    judged = (
        beside(beside(frame[["person_id", "phase", "not_before", "opted_out", "disqualification"]], verdicts), touched)
        .with_columns(pl.col("has_fresh", "has_override").fill_null(False))
        .with_columns((_held_back(now) if is_in_force else pl.lit("not_in_force")).alias("held"))
    )
    may = (
        pl.col("qualifies")
        & pl.col("phase").is_in(["inquiry", "recycled"])
        & pl.col("held").is_null()
        & ~pl.col("opted_out").fill_null(False)
    )
    candidates = judged.filter(may).join(prepared.select("person_id", "score", "last_touch_at"), on="person_id")
    released = valve.release(candidates, load.free, waiting)
    told = beside(judged, released).with_columns(
        pl.col("released").fill_null(False),
        pl.coalesce(pl.when(pl.col("qualifies")).then("held"), "waiting_because").alias("waiting_because"),
        pl.lit(position.version).alias("definition"),
    )
    return in_order(conform(told, QUALIFICATION))


def guards(now: datetime) -> dict[str, Guard]:
    """The guard of the hand-over, over a frame that has `released`."""
    return {"released": Guard(pl.col("released"), instant(now), pl.format("rank {}", "rank"))}


def waiting_since(frame: pl.DataFrame, verdicts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The frame with `released`, `rank`, and `qualified_since` of those who wait for capacity."""
    joined = beside(frame, verdicts[["person_id", "released", "rank", "waiting_because"]])
    waits = pl.col("waiting_because") == "capacity"
    since = pl.when(waits).then(pl.col("qualified_since").fill_null(instant(now)))
    return joined.with_columns(since.alias("qualified_since"), pl.col("released").fill_null(False)).drop("waiting_because")


def _held_back(now: datetime) -> pl.Expr:
    """Why someone recycled may not come back yet: no touch since, or too early and nothing that overrides the wait."""
    recycled = pl.col("phase") == "recycled"
    early = (pl.col("not_before") > instant(now)).fill_null(False) & ~pl.col("has_override")
    return (
        pl.when(recycled & ~pl.col("has_fresh")).then(pl.lit("no_fresh_evidence")).when(recycled & early).then(pl.lit("not_before"))
    )


def _midnight(day: date, calendar: BusinessCalendar) -> datetime:
    return datetime.combine(day, time(0), calendar.zone).astimezone(UTC)


def _business_days_of_month(definitions: Definitions, now: datetime) -> list[date]:
    calendar = definitions.calendars.named(None)
    first = now.astimezone(ZoneInfo(definitions.targets.time_zone)).date().replace(day=1)
    days = (first + timedelta(days=n) for n in range(31))
    return [day for day in days if day.month == first.month and calendar.is_business_day(day)]
