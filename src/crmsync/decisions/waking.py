"""When time alone will next decide something: what a cycle need not look for before, where nothing else has happened.

Clocks, waits and the turn of a day have their instant. What fades (points that halve, windows that close, a silence that grows
too long) changes all the time, a little: that is looked at once in `FADES_EVERY`.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions import clocks as clock
from crmsync.decisions.clocks import Desk
from crmsync.decisions.frames import Facts

FADES_EVERY = timedelta(hours=1)


def wakes_at(facts: Facts, state: pl.DataFrame, clocks: pl.DataFrame, desk: Desk, begins_at: datetime | None = None) -> datetime:
    """The instant until which a decision made at `desk.now` stands, while nothing new is learnt. `facts` also hold what is known
    to lie ahead; from `begins_at` the definitions are effective."""
    ahead = [
        facts.touches["at"],
        facts.approaches["at"],
        facts.opportunities["created_at"],
        state["not_before"],
    ]
    instants = [_first_from(instants, desk.now) for instants in ahead]
    # the day turns where work is done, and in UTC, by which the ends of contracts count
    zones = (ZoneInfo(desk.calendars.named(None).time_zone), UTC)
    instants += [clock.next_step(clocks, desk), *(_midnight_after(desk.now, zone) for zone in zones)]
    instants.append(begins_at if begins_at is not None and begins_at > desk.now else None)
    return min(desk.now + FADES_EVERY, *(instant for instant in instants if instant is not None))


def _first_from(instants: pl.Series, now: datetime) -> datetime | None:
    """The first of them that has not gone by. The present one counts: some rules hold only after their instant."""
    found: object = instants.filter(instants >= now).min()
    return found if isinstance(found, datetime) else None


def _midnight_after(now: datetime, zone: tzinfo) -> datetime:
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)
