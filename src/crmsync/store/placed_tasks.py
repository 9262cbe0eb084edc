"""Where the tasks of clocks stand in the CRMs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select

from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import chunks, table_of, upsert

_PLACED = table_of(tables.PlacedTask)


class PlacedTasks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, clock_ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """Where the tasks of these clocks stand, with the field values that we last wrote (`body`)."""
        found: dict[str, Mapping[str, Any]] = {}
        with self._engine.connect() as db:
            for chunk in chunks(clock_ids):
                for row in db.execute(select(_PLACED).where(_PLACED.c.clock_id.in_(chunk))).mappings():
                    found[row["clock_id"]] = {**row, "body": orjson.loads(row["body"])}
        return found

    def expect_answers(self, db: Connection, clock_ids: Iterable[str], now: datetime) -> None:
        """The tasks of these clocks are sent by a plain create: from here on they may stand in the CRM, whatever becomes of this
        process."""
        for chunk in chunks(clock_ids):
            db.execute(_PLACED.update().where(_PLACED.c.clock_id.in_(chunk)).values(unanswered_since=now))

    def note_refused(self, db: Connection, clock_ids: Iterable[str]) -> None:
        """These tasks surely do not stand in the CRM: it said so."""
        for chunk in chunks(clock_ids):
            db.execute(_PLACED.update().where(_PLACED.c.clock_id.in_(chunk)).values(unanswered_since=None))

    def created(self, clock_ids: Iterable[str]) -> set[str]:
        """Those of these clocks whose task some CRM has taken."""
        found: set[str] = set()
        with self._engine.connect() as db:
            for chunk in chunks(clock_ids):
                query = select(_PLACED.c.clock_id).where(_PLACED.c.clock_id.in_(chunk), _PLACED.c.record_id.is_not(None))
                found.update(db.execute(query).scalars())
        return found

    def place(self, db: Connection, clock_id: str, ref: RecordRef, person_ref: str, body: Mapping[str, Any], now: datetime) -> None:
        """The task of this clock stands there, or is to be created where `ref` has no id. `body` is what we wrote."""
        upsert(
            db,
            tables.PlacedTask,
            [
                {
                    "clock_id": clock_id,
                    "connection": ref.connection,
                    "object": ref.object,
                    "person_ref": person_ref,
                    "record_id": ref.id or None,
                    "body": orjson.dumps(dict(body)).decode(),
                    "at": now,
                    "unanswered_since": None,
                }
            ],
        )
