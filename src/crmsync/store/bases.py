"""The bases that fields shared with people are compared with: what we last wrote there, or saw and took into account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, select

from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import chunks, read_among, read_frame, table_of, upsert

_BASES = table_of(tables.BaseRow)


class Bases:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, refs: Iterable[RecordRef]) -> dict[tuple[RecordRef, str], Any]:
        """(record, field) → what we last wrote there, or saw and took into account."""
        wanted: dict[tuple[str, str], list[str]] = {}
        for ref in refs:
            wanted.setdefault((ref.connection, ref.object), []).append(ref.id)
        found: dict[tuple[RecordRef, str], Any] = {}
        with self._engine.connect() as db:
            for (connection, object_), ids in wanted.items():
                for chunk in chunks(ids):
                    query = select(_BASES).where(
                        _BASES.c.connection == connection, _BASES.c.object == object_, _BASES.c.record_id.in_(chunk)
                    )
                    for row in db.execute(query):
                        found[(RecordRef(connection, object_, row.record_id), row.field)] = orjson.loads(row.value)
        return found

    def of_all(self, connection: str, fields: Sequence[str], ids: Iterable[str] | None = None) -> pl.DataFrame:
        """connection, object, record_id, field, value (JSON), at: of these vendor fields in one CRM, of all its records or of those
        with these ids."""
        mine = (_BASES.c.connection == connection, _BASES.c.field.in_(tuple(fields)))
        with self._engine.connect() as db:
            if ids is None:
                return read_frame(db, tables.BaseRow, *mine)
            return read_among(db, tables.BaseRow, "record_id", ids, *mine)

    def save(self, db: Connection, bases: Mapping[tuple[RecordRef, str], Any], now: datetime) -> None:
        """From now on these values are what is compared with."""
        upsert(
            db,
            tables.BaseRow,
            [
                {
                    "connection": ref.connection,
                    "object": ref.object,
                    "record_id": ref.id,
                    "field": field,
                    "value": orjson.dumps(value).decode(),
                    "at": now,
                }
                for (ref, field), value in bases.items()
            ],
        )
