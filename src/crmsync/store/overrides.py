"""The ledger of overrides: what people set in fields that we had written. Append-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, select

from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import among, insert_all, read_frame, table_of

_OVERRIDES = table_of(tables.OverrideRow)


@dataclass(frozen=True, slots=True)
class Override:
    """One field of one record. `source` is the wish that it shows, `cause` what ours rested on, `by` the user where it is said."""

    ref: RecordRef
    field: str
    person_id: str
    source: str
    ours: Any
    theirs: Any
    cause: str = ""
    definition: str = ""
    by: str | None = None


class Overrides:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, db: Connection, overrides: Sequence[Override], now: datetime) -> None:
        """Add those that are new: what stands in the ledger as the last word of a field is not said again."""
        rows = [_row(override, now) for override in overrides]
        last = self._last(db, sorted({row["record_id"] for row in rows}))
        fresh = [row for row in rows if last.get(_place(row)) != (row["ours"], row["theirs"])]
        insert_all(db, tables.OverrideRow, fresh)

    def frame(self) -> pl.DataFrame:
        """Every override, oldest first."""
        with self._engine.connect() as db:
            return read_frame(db, tables.OverrideRow)

    def _last(self, db: Connection, ids: Sequence[str]) -> dict[tuple[str, ...], tuple[str, str]]:
        query = select(_OVERRIDES).where(among(db, _OVERRIDES.c.record_id, ids)).order_by(_OVERRIDES.c.id)
        return {_place(row): (row["ours"], row["theirs"]) for row in db.execute(query).mappings()} if ids else {}


def _place(row: Any) -> tuple[str, ...]:
    return (row["connection"], row["object"], row["record_id"], row["field"])


def _row(override: Override, now: datetime) -> dict[str, Any]:
    return {
        "connection": override.ref.connection,
        "object": override.ref.object,
        "record_id": override.ref.id,
        "field": override.field,
        "person_id": override.person_id,
        "source": override.source,
        "ours": orjson.dumps(override.ours).decode(),
        "theirs": orjson.dumps(override.theirs).decode(),
        "cause": override.cause,
        "definition": override.definition,
        "by": override.by,
        "seen_at": now,
    }
