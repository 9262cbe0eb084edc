"""Two persons who were taken for one, given back what is each one's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, select
from sqlmodel import SQLModel

from crmsync.store import tables
from crmsync.store.identity import lose_track
from crmsync.store.sql import among, insert_all, table_of, upsert
from crmsync.store.tables import Instant, from_micros, to_micros

_CLOCKS, _ALIASES, _SETTLEMENTS = (table_of(model) for model in (tables.ClockRow, tables.AliasRow, tables.SettlementRow))
# What a person has one row of, by a key that says whose it is; and what is numbered as it comes.
_KEYED: tuple[type[SQLModel], ...] = (tables.LinkRow, tables.StateRow, tables.DesiredRow)
_NUMBERED: tuple[type[SQLModel], ...] = (tables.MoveRow, tables.DecisionRow)
_SHARED: tuple[type[SQLModel], ...] = (*_KEYED, tables.ClockRow, *_NUMBERED)
# What was done to a record, and goes with it.
_BY_RECORD: tuple[type[SQLModel], ...] = (tables.OutboxRow, tables.OverrideRow)

Share = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of some persons by the names of their tables, as JSON has them: instants are microseconds."""


class Parting:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def share(self, persons: Collection[str]) -> Share:
        """What is decided of these persons: links, states, clocks, what is wanted, moves and the log, in order."""
        with self._engine.connect() as db:
            return {str(table_of(model).name): _rows(db, model, persons) for model in _SHARED}

    def put(self, db: Connection, persons: Collection[str], share: Share, now: datetime) -> None:
        """Have these persons' rows be those of `share` and no others. What was sent stays in the outbox."""
        lose_track(db)
        self._put_clocks(db, persons, share[_CLOCKS.name], now)
        for model in _KEYED:
            table = table_of(model)
            db.execute(table.delete().where(among(db, table.c.person_id, persons)))
            upsert(db, model, [_typed(table, row) for row in share[table.name]])
        for model in _NUMBERED:
            table = table_of(model)
            db.execute(table.delete().where(among(db, table.c.person_id, persons)))
            insert_all(db, model, [_typed(table, row) for row in share[table.name]])

    def hand_over(self, db: Connection, person: str, records: Iterable[str]) -> None:
        """What was done to these records was done to this person, who is known under no other id."""
        for ref in records:
            connection, object_, id_ = ref.split("/", 2)
            for model in _BY_RECORD:
                table = table_of(model)
                mine = (table.c.connection == connection, table.c.object == object_, table.c.record_id == id_)
                db.execute(table.update().where(*mine).values(person_id=person))
            db.execute(_SETTLEMENTS.update().where(_SETTLEMENTS.c.record == ref).values(person_id=person))
        db.execute(_ALIASES.delete().where(_ALIASES.c.person_id == person))

    def _put_clocks(self, db: Connection, persons: Collection[str], wanted: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Clocks that never would have run are over, and their tasks with them. One that runs on although its task was closed in
        the CRM goes on as the next attempt, with a fresh task: one that is closed is never opened again."""
        there = {row.clock_id: row for row in db.execute(select(_CLOCKS).where(among(db, _CLOCKS.c.person_id, persons)))}
        ended = {id_ for id_, row in there.items() if row.met_at is not None or row.cancelled_at is not None}
        renewed = [_renewed(row, ended, there.keys()) for row in wanted]
        never = sorted(there.keys() - {row["clock_id"] for row in renewed})
        over = {"met_at": None, "met_by": None, "breached_at": None, "cancelled_at": now, "cancelled_because": "unlinked"}
        db.execute(_CLOCKS.update().where(among(db, _CLOCKS.c.clock_id, never)).values(**over))
        upsert(db, tables.ClockRow, [_typed(_CLOCKS, row) for row in renewed])


def _renewed(clock: Mapping[str, Any], ended: Collection[str], taken: Collection[str]) -> Mapping[str, Any]:
    """A clock under an id that its task can go by: that of its next attempt where the one it had is over."""
    if clock["clock_id"] not in ended or clock["met_at"] is not None or clock["cancelled_at"] is not None:
        return clock
    attempt, stem = clock["attempt"] + 1, clock["clock_id"].rpartition(":")[0]
    while f"{stem}:{attempt}" in taken:
        attempt += 1
    return {**clock, "clock_id": f"{stem}:{attempt}", "attempt": attempt}


def _rows(db: Connection, model: type[SQLModel], persons: Collection[str]) -> list[dict[str, Any]]:
    table = table_of(model)
    columns = [column for column in table.c if not (model in _NUMBERED and column.primary_key)]
    order = table.c.id if model in _NUMBERED else next(iter(table.primary_key))
    rows = db.execute(select(*columns).where(among(db, table.c.person_id, persons)).order_by(order)).mappings()
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return to_micros(value) if isinstance(value, datetime) else value


def _typed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _as_read(table.c[name], value) for name, value in row.items()}


def _as_read(column: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Instant):
        return from_micros(value)
    return value.encode() if column.type.python_type is bytes else value
