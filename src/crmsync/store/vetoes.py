"""What the heads said against moves of the valve: who, when, why, until when; and who took it back."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import Connection, Engine, func, select

from crmsync.decisions.frames import Veto
from crmsync.store import tables
from crmsync.store.sql import insert_all, read_frame, table_of

_VETOES = table_of(tables.VetoRow)
_STANDS = _VETOES.c.lifted_at.is_(None)


class Vetoes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, db: Connection, veto: Veto, now: datetime) -> None:
        """A head vetoed a move; whatever was said before has ended."""
        insert_all(db, tables.VetoRow, [{"at": now, **{name: getattr(veto, name) for name in veto.__slots__}}])

    def lift(self, db: Connection, by: str, because: str, now: datetime) -> None:
        """The newest veto that stands is taken back."""
        newest = select(func.max(_VETOES.c.id)).where(_STANDS).scalar_subquery()
        db.execute(_VETOES.update().where(_VETOES.c.id == newest).values(lifted_at=now, lifted_by=by, lifted_because=because))

    def frame(self) -> pl.DataFrame:
        """All there were, oldest first."""
        with self._engine.connect() as db:
            return read_frame(db, tables.VetoRow).sort("id")


def veto_in(db: Connection) -> Veto | None:
    """The newest veto that nobody took back. Its last day may be over."""
    row = db.execute(select(_VETOES).where(_STANDS).order_by(_VETOES.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Veto(row.version, row.position, row.until, row.department, row.by, row.because)
