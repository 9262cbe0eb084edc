"""When time alone will next decide something: what a cycle need not look for before, where nothing else has happened.

Clocks, waits and the turn of a day have their instant. What fades (points that halve, windows that close, a silence that grows
too long) changes all the time, a little: it fades in steps of an hour, so that what was decided of somebody stands until the next
hour, an instant of their own, or something new.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions import escalation
from crmsync.decisions.clocks import Desk
from crmsync.decisions.frames import Facts

FADES_EVERY = timedelta(hours=1)


def faded_at(now: datetime) -> datetime:
    """The instant by which everything has faded as of `now`: the full hour (UTC)."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def wakings(facts: Facts, state: pl.DataFrame, clocks: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """person_id, at: of everyone for whom there is one, the first instant from `desk.now` on at which time alone may decide
    something about them. The present one counts: some rules hold only after their instant. `facts` also hold what is known to lie
    ahead."""
    ahead = (
        (facts.touches, "at"),
        (facts.approaches, "at"),
        (facts.opportunities, "created_at"),
        (facts.persons, "acknowledged_at"),
        (state, "not_before"),
    )
    instants = [frame.select("person_id", pl.col(name).alias("at")).filter(pl.col("at") >= desk.now) for frame, name in ahead]
    every = pl.concat([*instants, escalation.next_steps(clocks, desk)])
    return every.group_by("person_id").agg(pl.col("at").min()).sort("person_id")


def wakes_at(wakings: pl.DataFrame, desk: Desk, begins_at: datetime | None = None) -> datetime:
    """The instant until which a decision made at `desk.now` stands, while nothing new is learnt, about those with these
    `wakings`; from `begins_at` the definitions are effective."""
    # the day turns where work is done, and in UTC, by which the ends of contracts count
    zones = (ZoneInfo(desk.calendars.named(None).time_zone), UTC)
    first: object = wakings["at"].min()
    instants = [faded_at(desk.now) + FADES_EVERY, *(_midnight_after(desk.now, zone) for zone in zones)]
    instants += [first] if isinstance(first, datetime) else []
    return min([*instants, begins_at] if begins_at is not None and begins_at > desk.now else instants)


def _midnight_after(now: datetime, zone: tzinfo) -> datetime:
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)
