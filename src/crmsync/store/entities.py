"""Canonical entities as seen: rows in, frames out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, select, update
from sqlmodel import SQLModel

from crmsync.model.entities import (
    Approach,
    CampaignSeen,
    CompanySeen,
    Entity,
    FieldChange,
    OpportunityPerson,
    OpportunitySeen,
    PersonSeen,
    PipelineStageSeen,
    Rejected,
    TaskSeen,
    Touch,
    UserSeen,
)
from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import chunks, read_frame, table_of, upsert

TABLES: Mapping[type, type[SQLModel]] = {
    PersonSeen: tables.PersonRow,
    CompanySeen: tables.CompanyRow,
    OpportunitySeen: tables.OpportunityRow,
    OpportunityPerson: tables.OpportunityPersonRow,
    Touch: tables.TouchRow,
    Approach: tables.ApproachRow,
    TaskSeen: tables.TaskRow,
    UserSeen: tables.UserRow,
    FieldChange: tables.FieldChangeRow,
    CampaignSeen: tables.CampaignRow,
    PipelineStageSeen: tables.PipelineStageRow,
}
# A user that a CRM no longer shows is inactive; every other entity of a deleted record is marked deleted.
_MARKED = tuple(table_of(row) for kind, row in TABLES.items() if kind is not UserSeen)
_USERS = table_of(tables.UserRow)
_QUARANTINE = table_of(tables.Quarantine)


class Entities:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, db: Connection, entities: Iterable[Entity]) -> None:
        """Insert or replace; of several versions of one record the last given stays."""
        by_kind: dict[type, dict[Any, dict[str, Any]]] = {}
        for entity in entities:
            row = entity_row(entity)
            identity = (row["ref"], row["kind"]) if isinstance(entity, Touch) else row["ref"]
            by_kind.setdefault(type(entity), {})[identity] = row
        for kind, rows in by_kind.items():
            upsert(db, TABLES[kind], list(rows.values()))

    def mark_deleted(self, db: Connection, refs: Iterable[RecordRef], learnt_at: datetime) -> None:
        """The records are gone from their CRM: what they said stays, marked."""
        for chunk in chunks(str(ref) for ref in refs):
            for table in _MARKED:
                db.execute(update(table).where(table.c.ref.in_(chunk)).values(is_deleted=True, learnt_at=learnt_at))
            db.execute(update(_USERS).where(_USERS.c.ref.in_(chunk)).values(is_active=False, learnt_at=learnt_at))

    def forget_events(self, db: Connection, refs: Iterable[RecordRef]) -> None:
        """Drop what earlier versions of these records showed as a touch, an approach or a task: what they show now is saved."""
        for chunk in chunks(str(ref) for ref in refs):
            for kind in (Touch, Approach, TaskSeen):
                table = table_of(TABLES[kind])
                db.execute(table.delete().where(table.c.ref.in_(chunk)))

    def quarantine(self, db: Connection, read: Iterable[RecordRef], rejected: Iterable[Rejected], now: datetime) -> None:
        """Of the records that were read, these do not fit; the others leave the quarantine. What did not fit before for the same
        reason keeps the instant since when it has not."""
        since: dict[tuple[str, str, str], datetime] = {}
        for chunk in chunks(sorted(str(ref) for ref in read)):
            for row in db.execute(select(_QUARANTINE).where(_QUARANTINE.c.ref.in_(chunk))):
                since[(row.ref, row.code, row.field)] = row.since
            db.execute(_QUARANTINE.delete().where(_QUARANTINE.c.ref.in_(chunk)))
        rows = {}
        for r in rejected:
            key = (str(r.ref), r.code, r.field)
            rows[key] = {"ref": key[0], "code": r.code, "field": r.field, "value": r.value[:200], "since": since.get(key, now)}
        upsert(db, tables.Quarantine, list(rows.values()))

    def people(self, refs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Stored person rows by ref."""
        table = table_of(tables.PersonRow)
        found: dict[str, dict[str, Any]] = {}
        with self._engine.connect() as db:
            for chunk in chunks(refs):
                for row in db.execute(select(table).where(table.c.ref.in_(chunk))).mappings():
                    found[row["ref"]] = dict(row)
        return found

    def keys_of_tasks(self, refs: Iterable[str]) -> list[str]:
        """The keys of those of these records that are tasks of ours."""
        table = table_of(tables.TaskRow)
        with self._engine.connect() as db:
            return [
                key for chunk in chunks(refs) for key in db.execute(select(table.c.key).where(table.c.ref.in_(chunk))).scalars()
            ]

    def tasks(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Stored task rows by key; of several with one key the last by ref."""
        table = table_of(tables.TaskRow)
        found: dict[str, dict[str, Any]] = {}
        with self._engine.connect() as db:
            for chunk in chunks(keys):
                for row in db.execute(select(table).where(table.c.key.in_(chunk)).order_by(table.c.ref)).mappings():
                    found[row["key"]] = dict(row)
        return found

    def frame(self, kind: type, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Every stored entity of a kind, deleted ones included, sorted by ref."""
        with self._engine.connect() as db:
            return read_frame(db, TABLES[kind], columns=columns)

    def quarantined(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.Quarantine)


def entity_row(entity: Entity) -> dict[str, Any]:
    """An entity as a row: refs as text, tuples of refs as JSON."""
    return {f.name: _cell(getattr(entity, f.name)) for f in dataclasses.fields(entity)}


def _cell(value: Any) -> Any:
    if isinstance(value, RecordRef):
        return str(value)
    if isinstance(value, tuple):
        return orjson.dumps([str(item) for item in value]).decode()
    return value
