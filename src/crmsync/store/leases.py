"""Leases with fencing: of everybody who shares a database, one at a time works on a connection.

A lease is a row per connection: who holds it, until when, and a *fence*, a number that only rises. Whoever takes a lease gets a
higher fence than anybody before. From then on every transaction of this store ends with the same question: is mine still the last
fence? Who was taken for dead, and wakes up, can therefore commit nothing: no cursor, no decision, no outbox row.

"Until when" is told by the clock of the database, the only one that all who share it have in common: no host's clock, and no
rehearsed instant, can make a lease run out early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, DateTime, Engine, Float, event, func, select

from crmsync.errors import RetryLater, StopConnector
from crmsync.store import tables
from crmsync.store.sql import table_of, upsert

_LEASES = table_of(tables.LeaseRow)

# SQLite counts days, and 1970 began half a day after one of them.
_JULIAN_EPOCH, _JULIAN_DAY_OF_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), 2_440_587.5

# Long enough for a few renewals to fail, short enough that another host takes over before anybody misses it.
HOLDS_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who wants a lease: a name for people, and for what."""

    name: str
    verb: str


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is ours: on which connections, under which fence."""

    connections: tuple[str, ...]
    fence: int


def database_clock(db: Connection) -> datetime:
    """Now, by the clock of the database."""
    if db.dialect.name == "sqlite":
        days = db.execute(select(func.julianday("now", type_=Float))).scalar_one()
        return _JULIAN_EPOCH + timedelta(days=float(days) - _JULIAN_DAY_OF_EPOCH)
    told: datetime = db.execute(select(func.clock_timestamp(type_=DateTime(timezone=True)))).scalar_one()
    return told.astimezone(UTC)


class Leases:
    """The leases of one store. At most one is held at a time; while it is, every commit of the engine is fenced."""

    def __init__(self, engine: Engine, clock: Callable[[Connection], datetime] = database_clock) -> None:
        self._engine = engine
        self._clock = clock
        self._held: Held | None = None
        event.listen(engine, "commit", self._check)

    @property
    def held(self) -> Held | None:
        """The lease that is ours now, as far as we know."""
        return self._held

    def acquire(self, connections: Sequence[str], holder: Holder, is_dead: Callable[[str], bool] = lambda _name: False) -> Held:
        """Take the lease on all of these connections, or on none. Raises RetryLater where somebody else has one of them, unless it
        has run out or `is_dead` knows that its holder (by name) is no more."""
        names = sorted(connections)
        with self._engine.begin() as db:
            # One row for each, so that there is one to lock; from this write on SQLite lets nobody else write until we are done.
            upsert(db, tables.LeaseRow, [{"connection": name} for name in names])
            rows = db.execute(select(_LEASES).where(_LEASES.c.connection.in_(names)).with_for_update()).all()
            now = self._clock(db)
            for row in sorted(rows, key=lambda r: r.connection):
                if row.expires_at is not None and row.expires_at > now and not is_dead(row.holder):
                    raise _taken(row, now)
            fence = int(db.execute(select(func.max(_LEASES.c.fence))).scalar_one()) + 1
            mine = {"holder": holder.name, "verb": holder.verb, "fence": fence, "since": now, "expires_at": now + HOLDS_FOR}
            db.execute(_LEASES.update().where(_LEASES.c.connection.in_(names)).values(**mine))
        self._held = Held(tuple(names), fence)
        return self._held

    def renew(self) -> None:
        """Hold it for longer. Raises StopConnector where it is not ours any more."""
        with self._engine.begin():
            pass  # the commit does it

    def release(self, held: Held) -> None:
        """Give it back, if it is still ours."""
        self._held = None
        with self._engine.begin() as db:
            db.execute(_LEASES.update().where(*_is_of(held)).values(expires_at=None))

    def _extend(self, db: Connection, held: Held) -> bool:
        until = self._clock(db) + HOLDS_FOR
        done = db.execute(_LEASES.update().where(*_is_of(held)).values(expires_at=until))
        return done.rowcount == len(held.connections)

    def _check(self, db: Connection) -> None:
        """Before a commit: whether the fence is still ours. The row that it writes lets nobody take the lease until this commit is
        through. Raises StopConnector otherwise, and nothing is committed."""
        if self._held is not None and not self._extend(db, self._held):
            raise StopConnector("lease.lost", connections=", ".join(self._held.connections))


def _is_of(held: Held) -> tuple[ColumnElement[bool], ...]:
    return (_LEASES.c.connection.in_(held.connections), _LEASES.c.fence == held.fence)


def _taken(row: Any, now: datetime) -> RetryLater:
    seconds = math.ceil((row.expires_at - now).total_seconds())
    told = {"connection": row.connection, "holder": row.holder, "verb": row.verb, "since": row.since.isoformat(timespec="seconds")}
    return RetryLater("lease.taken", after_seconds=seconds, seconds=seconds, **told)
