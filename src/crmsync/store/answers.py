"""Answers of the review, and what linking two persons changed: kept so that it can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, Table, func, select
from sqlmodel import SQLModel

from crmsync.store import tables
from crmsync.store.sql import among, read_frame, table_of, upsert
from crmsync.store.tables import Instant, to_micros

_ANSWERS = table_of(tables.AnswerRow)
_IS_LIVE = _ANSWERS.c.taken_back_at.is_(None)
# What a person has one row of, or some of, that linking rewrites; and what is only handed to the other person.
_REWRITTEN: tuple[type[SQLModel], ...] = (tables.LinkRow, tables.StateRow, tables.ClockRow, tables.DesiredRow)
_HANDED: tuple[type[SQLModel], ...] = (
    tables.MoveRow,
    tables.DecisionRow,
    tables.OutboxRow,
    tables.OverrideRow,
    tables.SettlementRow,
)
_REDECIDED: tuple[type[SQLModel], ...] = (tables.MoveRow, tables.DecisionRow, tables.SettlementRow)


@dataclass(frozen=True, slots=True)
class Answer:
    id: int
    record: str
    person_id: str
    candidate: str
    said: str
    why: str
    before: dict[str, Any]


class Answers:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def say(
        self, db: Connection, record: str, persons: tuple[str, str], said: str, why: str, by: str, at: datetime, before: str = "{}"
    ) -> None:
        """Keep an answer. `persons` are the record's person and the candidate; `before` is what `snapshot` gave."""
        row = {"record": record, "person_id": persons[0], "candidate": persons[1], "said": said, "why": why, "by": by, "at": at}
        db.execute(_ANSWERS.insert().values(**row, before=before))

    def live(self, record: str) -> Answer | None:
        """The last answer about a record that was not taken back."""
        query = select(_ANSWERS).where(_ANSWERS.c.record == record, _IS_LIVE).order_by(_ANSWERS.c.id.desc()).limit(1)
        with self._engine.connect() as db:
            row = db.execute(query).one_or_none()
        if row is None:
            return None
        return Answer(row.id, row.record, row.person_id, row.candidate, row.said, row.why, orjson.loads(row.before))

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

    def snapshot(self, db: Connection, persons: Sequence[str]) -> str:
        """Everything of these persons that linking them will change."""
        kept: dict[str, Any] = {}
        for model in _REWRITTEN:
            table = table_of(model)
            rows = db.execute(select(table).where(among(db, table.c.person_id, persons))).mappings()
            kept[str(table.name)] = [{str(name): _plain(value) for name, value in row.items()} for row in rows]
        for model in _HANDED:
            table = table_of(model)
            mine = select(table.c.id).where(table.c.person_id == persons[0])
            kept[str(table.name)] = list(db.execute(mine).scalars())
            kept[f"last {table.name}"] = db.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
        return orjson.dumps(kept).decode()

    def restore(self, db: Connection, answer: Answer, now: datetime) -> None:
        """Both persons as they were before they were linked: what was decided of the one since is taken out, because it is decided
        anew; what was written stays in the outbox. Clocks that began since are over."""
        persons, before = (answer.person_id, answer.candidate), answer.before
        clocks = table_of(tables.ClockRow)
        self._ended(db, persons, {row["clock_id"] for row in before[clocks.name]}, now)
        for model in _REWRITTEN:
            table = table_of(model)
            if model in (tables.StateRow, tables.DesiredRow):
                db.execute(table.delete().where(among(db, table.c.person_id, persons)))
            upsert(db, model, [_typed(table, row) for row in before[table.name]])
        self._renew(db, before)
        for model in _HANDED:
            table = table_of(model)
            if model in _REDECIDED:
                since = table.c.id > before[f"last {table.name}"]
                db.execute(table.delete().where(table.c.person_id == answer.candidate, since))
            handed = table.c.id.in_(before[table.name])
            db.execute(table.update().where(handed).values(person_id=answer.person_id))
        alias = table_of(tables.AliasRow)
        db.execute(alias.delete().where(alias.c.person_id == answer.person_id))

    def _renew(self, db: Connection, before: dict[str, Any]) -> None:
        """A running clock whose task was closed in its CRM because of the link goes on as the next attempt, with a fresh task: one
        that is closed is never opened again."""
        clocks, outbox = table_of(tables.ClockRow), table_of(tables.OutboxRow)
        for row in before[clocks.name]:
            if row["met_at"] is not None or row["cancelled_at"] is not None:
                continue
            since = (outbox.c.target == row["clock_id"], outbox.c.id > before[f"last {outbox.name}"], outbox.c.sent_at.is_not(None))
            if db.execute(select(outbox.c.id).where(*since).limit(1)).first() is not None:
                attempt = row["attempt"] + 1
                next_id = f"{row['clock_id'].rpartition(':')[0]}:{attempt}"
                db.execute(clocks.update().where(clocks.c.clock_id == row["clock_id"]).values(clock_id=next_id, attempt=attempt))

    def _ended(self, db: Connection, persons: tuple[str, str], known: set[str], now: datetime) -> None:
        """The clocks that began after the link end: their tasks are closed in the CRMs."""
        clocks = table_of(tables.ClockRow)
        query = select(clocks.c.clock_id).where(among(db, clocks.c.person_id, persons), clocks.c.cancelled_at.is_(None))
        began = set(db.execute(query.where(clocks.c.met_at.is_(None))).scalars()) - known
        ended = {"cancelled_at": now, "cancelled_because": "unlinked"}
        db.execute(clocks.update().where(clocks.c.clock_id.in_(sorted(began))).values(**ended))


def _plain(value: Any) -> Any:
    return to_micros(value) if isinstance(value, datetime) else value


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row as it was read: instants are kept as numbers."""
    as_instant = Instant()
    return {
        name: as_instant.process_result_value(value, None) if isinstance(table.c[name].type, Instant) else value  # type: ignore[arg-type]
        for name, value in row.items()
    }
