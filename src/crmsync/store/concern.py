"""Whom the next decision concerns though nothing new is learnt of them: who was decided otherwise a moment ago, whose instant
comes, and who waits in the valve's queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, Engine, func, select
from sqlmodel import SQLModel

from crmsync.decisions.frames import Decisions
from crmsync.store import tables
from crmsync.store.sql import among, insert_frame, read_frame, table_of, upsert

EVERYONE = "*"
"""Stands for all persons where very many were stirred at once."""
_MOST_STIRRED = 50_000
_STIRRED = table_of(tables.StirredRow)
_WAITING = table_of(tables.WaitingRow)
_WAKING = table_of(tables.WakingRow)


class Concern:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stir(self, db: Connection, persons: Iterable[str]) -> None:
        """The next decision is about these persons."""
        stirred = set(persons)
        told = sorted(stirred) if len(stirred) <= _MOST_STIRRED else [EVERYONE]
        upsert(db, tables.StirredRow, [{"person_id": person} for person in told])

    def stirred(self) -> list[str]:
        with self._engine.connect() as db:
            return list(db.execute(select(_STIRRED.c.person_id)).scalars())

    def woken(self, now: datetime) -> list[str]:
        """Whose instant has come."""
        with self._engine.connect() as db:
            return list(db.execute(select(_WAKING.c.person_id).where(_WAKING.c.at <= now)).scalars())

    def next_waking(self, now: datetime) -> datetime | None:
        """The first instant of anybody from now on."""
        with self._engine.connect() as db:
            found: datetime | None = db.execute(select(func.min(_WAKING.c.at)).where(_WAKING.c.at >= now)).scalar_one()
            return found

    def waiting(self) -> pl.DataFrame:
        """WAITING: the valve's queue, in no order."""
        with self._engine.connect() as db:
            return read_frame(db, tables.WaitingRow, is_sorted=False)

    def first_waiting(self, places: int) -> list[str]:
        """The persons at the head of the valve's queue, so many, in the order of the hand-over (`qualification.BEST_FIRST`)."""
        row = _WAITING.c
        best_first = (row.score.desc(), row.last_touch_at.desc().nulls_last(), row.person_id)
        with self._engine.connect() as db:
            return list(db.execute(select(row.person_id).order_by(*best_first).limit(places)).scalars())

    def settle(self, db: Connection, decisions: Decisions, whom: Collection[str] | None, stirred: Iterable[str]) -> None:
        """A decision was made about everyone, or about `whom`: their instants and places in the queue are those it gives, and only
        `stirred` are left to be decided again."""
        given: tuple[tuple[type[SQLModel], pl.DataFrame], ...] = (
            (tables.WakingRow, decisions.wakings),
            (tables.WaitingRow, decisions.waiting),
        )
        for model, frame in given:
            table = table_of(model)
            db.execute(table.delete() if whom is None else table.delete().where(among(db, table.c.person_id, whom)))
            insert_frame(db, model, frame)
        self.calm(db)
        self.stir(db, stirred)

    def calm(self, db: Connection) -> None:
        """Nobody is left to be decided again."""
        db.execute(_STIRRED.delete())
