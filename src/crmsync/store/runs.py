"""What ran, when, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, func, select

from crmsync.store import tables
from crmsync.store.sql import read_frame, table_of, upsert

_RUNS = table_of(tables.RunRow)
_META = table_of(tables.Meta)
_COUNT = select(func.count()).select_from(_RUNS)


class Runs:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, db: Connection, verb: str, now: datetime, *, is_rehearsal: bool, definitions: str) -> str:
        """Open a run and return its id: the instant and a running number, sortable and never random. A run that is still open
        then never came to its end: it is marked as interrupted."""
        db.execute(_RUNS.update().where(_RUNS.c.state == "running").values(state="interrupted"))
        number = db.execute(_COUNT).scalar_one() + 1
        run_id = f"{now:%Y%m%dT%H%M%S}-{number:06d}"
        row = {"run_id": run_id, "verb": verb, "now": now, "is_rehearsal": is_rehearsal, "state": "running"}
        upsert(db, tables.RunRow, [{**row, "definitions": definitions, "summary": "{}"}])
        return run_id

    def end(self, run_id: str, state: str, summary: Mapping[str, Any]) -> None:
        with self._engine.begin() as db:
            db.execute(
                _RUNS.update().where(_RUNS.c.run_id == run_id).values(state=state, summary=orjson.dumps(dict(summary)).decode())
            )

    def count(self) -> int:
        """How many there have been."""
        with self._engine.connect() as db:
            return int(db.execute(_COUNT).scalar_one())

    def count_but(self, verb: str) -> int:
        """How many there have been of other verbs."""
        with self._engine.connect() as db:
            return int(db.execute(_COUNT.where(_RUNS.c.verb != verb)).scalar_one())

    def frame(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.RunRow)

    def meta(self, name: str) -> str | None:
        with self._engine.connect() as db:
            return db.execute(select(_META.c.value).where(_META.c.name == name)).scalar_one_or_none()

    def set_meta(self, name: str, value: str) -> None:
        with self._engine.begin() as db:
            self.set_meta_in(db, name, value)

    def set_meta_in(self, db: Connection, name: str, value: str) -> None:
        upsert(db, tables.Meta, [{"name": name, "value": value}])
