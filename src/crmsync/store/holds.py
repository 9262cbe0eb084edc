"""Fields that an undo gave their former value back, and the wishes that are not written there again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, select

from crmsync.model.changes import Change
from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import chunks, read_frame, table_of, upsert

_HOLDS = table_of(tables.HoldRow)


@dataclass(frozen=True, slots=True)
class Hold:
    """`wish`, a vendor value, is not written to this field again."""

    ref: RecordRef
    field: str
    wish: Any


class Holds:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def place(self, db: Connection, holds: Iterable[Hold], run_id: str, undone_run: str, now: datetime) -> None:
        """Hold these fields from now on. `run_id` is the undo, `undone_run` the run that it takes back."""
        upsert(
            db,
            tables.HoldRow,
            [
                {
                    **_place(hold.ref, hold.field),
                    "wish": orjson.dumps(hold.wish).decode(),
                    "run_id": run_id,
                    "undone_run": undone_run,
                    "since": now,
                }
                for hold in holds
            ],
        )

    def of(self, connection: str, object_: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """record id → field → the wish that is not written there again."""
        found: dict[str, dict[str, Any]] = {}
        mine = (_HOLDS.c.connection == connection, _HOLDS.c.object == object_)
        with self._engine.connect() as db:
            for chunk in chunks(ids):
                for row in db.execute(select(_HOLDS).where(*mine, _HOLDS.c.record_id.in_(chunk))):
                    found.setdefault(row.record_id, {})[row.field] = orjson.loads(row.wish)
        return found

    def end(self, db: Connection, changes: Sequence[Change]) -> None:
        """Something else is to be written to these fields: what was held there is over."""
        if db.execute(select(_HOLDS.c.field).limit(1)).first() is None:
            return
        for change in changes:
            if change.ref is not None:
                here = (_HOLDS.c.connection == change.connection, _HOLDS.c.object == change.object)
                fields = tuple(change.values())
                db.execute(_HOLDS.delete().where(*here, _HOLDS.c.record_id == change.record_id, _HOLDS.c.field.in_(fields)))

    def release(self, db: Connection, undone_run: str) -> int:
        """Nothing that this run had written is held any more. Gives how many fields were."""
        return db.execute(_HOLDS.delete().where(_HOLDS.c.undone_run == undone_run)).rowcount

    def release_by(self, db: Connection, run_id: str) -> None:
        """What this undo held is held no more: the undo itself was undone."""
        db.execute(_HOLDS.delete().where(_HOLDS.c.run_id == run_id))

    def records_held(self, undone_run: str) -> list[RecordRef]:
        """The records with a field that is held because this run was undone."""
        query = select(_HOLDS.c.connection, _HOLDS.c.object, _HOLDS.c.record_id).where(_HOLDS.c.undone_run == undone_run).distinct()
        with self._engine.connect() as db:
            return sorted(RecordRef(*row) for row in db.execute(query))

    def frame(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.HoldRow)


def _place(ref: RecordRef, field: str) -> dict[str, str]:
    return {"connection": ref.connection, "object": ref.object, "record_id": ref.id, "field": field}
