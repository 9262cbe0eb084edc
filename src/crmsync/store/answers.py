"""Answers of the review: who said what, and when; kept also when they are taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, Engine, select

from crmsync.store import tables
from crmsync.store.sql import read_frame, table_of

_ANSWERS = table_of(tables.AnswerRow)
_IS_LIVE = _ANSWERS.c.taken_back_at.is_(None)


@dataclass(frozen=True, slots=True)
class Answer:
    id: int
    record: str
    person_id: str
    candidate: str
    said: str
    why: str
    at: datetime


class Answers:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def say(self, db: Connection, record: str, persons: tuple[str, str], said: str, why: str, by: str, at: datetime) -> None:
        """Keep an answer. `persons` are the record's person and the candidate."""
        row = {"record": record, "person_id": persons[0], "candidate": persons[1], "said": said, "why": why, "by": by, "at": at}
        db.execute(_ANSWERS.insert().values(**row))

    def live(self, record: str) -> Answer | None:
        """The last answer about a record that was not taken back."""
        query = select(_ANSWERS).where(_ANSWERS.c.record == record, _IS_LIVE).order_by(_ANSWERS.c.id.desc()).limit(1)
        with self._engine.connect() as db:
            row = db.execute(query).one_or_none()
        if row is None:
            return None
        return Answer(row.id, row.record, row.person_id, row.candidate, row.said, row.why, row.at)

    def different(self) -> set[tuple[str, str]]:
        """(record, person) of everyone of whom somebody said that they are not the same."""
        query = select(_ANSWERS.c.record, _ANSWERS.c.candidate).where(_ANSWERS.c.said == "different", _IS_LIVE)
        with self._engine.connect() as db:
            return {(row.record, row.candidate) for row in db.execute(query)}

    def frame(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.AnswerRow)

    def take_back(self, db: Connection, answer: Answer, by: str, at: datetime) -> None:
        db.execute(_ANSWERS.update().where(_ANSWERS.c.id == answer.id).values(taken_back_at=at, taken_back_by=by))
