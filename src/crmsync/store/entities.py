"""Canonical entities as seen: rows in, frames out."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, Select, select, update
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
    VisitsSeen,
)
from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.columns import packed
from crmsync.store.sql import among, chunks, read_among, read_frame, table_of, upsert, upsert_columns

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
    VisitsSeen: tables.VisitsRow,
    PipelineStageSeen: tables.PipelineStageRow,
}
# A user that a CRM no longer shows is inactive; every other entity of a deleted record is marked deleted.
_MARKED = tuple(table_of(row) for kind, row in TABLES.items() if kind is not UserSeen)
_USERS = table_of(tables.UserRow)
_QUARANTINE = table_of(tables.Quarantine)
_PEOPLE = table_of(tables.PersonRow)


class Entities:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, db: Connection, shown: Iterable[Entity]) -> None:
        """Insert or replace; of several versions of one record the last given stays."""
        by_kind: dict[type, dict[Any, Entity]] = {}
        for one in shown:
            identity = (one.ref, one.kind) if isinstance(one, Touch) else one.ref
            by_kind.setdefault(type(one), {})[identity] = one
        for kind, entities in by_kind.items():
            columns = {name: [getattr(one, name) for one in entities.values()] for name in _SHAPES[kind].names}
            self.save_columns(db, kind, columns)

    def save_columns(self, db: Connection, kind: type, columns: Mapping[str, Sequence[Any]]) -> None:
        """The same with entities of one kind that are at hand as columns, refs as refs or as texts. Each stands there once."""
        shape = _SHAPES[kind]
        single = {name: texts_of(columns[name]) for name in shape.single}
        several = {name: [[*map(str, refs)] for refs in columns[name]] for name in shape.several}
        upsert_columns(db, TABLES[kind], {**columns, **single, **{name: _packed(refs) for name, refs in several.items()}})
        if kind in (Approach, OpportunitySeen):
            cases = single.get("opportunity", repeat(None))
            named = (people or filter(None, [case]) for people, case in zip(several["people"], cases))  # noqa: B905 - or without end
            _mention(db, ((one, str(ref)) for ref, those in zip(columns["ref"], named, strict=True) for one in those))

    def mark_deleted(self, db: Connection, refs: Iterable[RecordRef | str], learnt_at: datetime) -> None:
        """The records are gone from their CRM: what they said stays, marked."""
        gone = [str(ref) for ref in refs]
        if gone:
            for table in _MARKED:
                mine = among(db, table.c.ref, gone)
                db.execute(update(table).where(mine).values(is_deleted=True, learnt_at=learnt_at))
            db.execute(update(_USERS).where(among(db, _USERS.c.ref, gone)).values(is_active=False, learnt_at=learnt_at))

    def forget_events(self, db: Connection, refs: Iterable[RecordRef | str]) -> None:
        """Drop what earlier versions of these records showed as a touch, an approach or a task: what they show now is saved."""
        changed = [str(ref) for ref in refs]
        if changed:
            _mention(db, _once_named(db, changed))
        for kind in (Touch, Approach, TaskSeen) if changed else ():
            table = table_of(TABLES[kind])
            db.execute(table.delete().where(among(db, table.c.ref, changed)))

    def quarantine(self, db: Connection, read: Iterable[RecordRef | str], rejected: Iterable[Rejected], now: datetime) -> None:
        """Of the records that were read (`read` are those that had been read before), these do not fit; the others leave the
        quarantine. What did not fit before for the same reason keeps the instant since when it has not."""
        again = [str(ref) for ref in read]
        mine = among(db, _QUARANTINE.c.ref, again)
        known = db.execute(select(_QUARANTINE).where(mine)).all() if again else ()
        since = {(row.ref, row.code, row.field): row.since for row in known}
        if since:
            db.execute(_QUARANTINE.delete().where(mine))
        rows = {}
        for r in rejected:
            key = (str(r.ref), r.code, r.field)
            rows[key] = {"ref": key[0], "code": r.code, "field": r.field, "value": r.value[:200], "since": since.get(key, now)}
        upsert(db, tables.Quarantine, list(rows.values()))

    def people(self, refs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Stored person rows by ref."""
        with self._engine.connect() as db:
            rows = db.execute(select(_PEOPLE).where(among(db, _PEOPLE.c.ref, refs))).mappings()
            return {row["ref"]: dict(row) for row in rows}

    def said_in(self, db: Connection, refs: Iterable[str], columns: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
        """What is stored of these people in these columns, by ref, as it stands in this transaction."""
        wanted = list(refs)
        if not wanted:
            return {}
        found, *values = packed(db, _said(columns), among(db, _PEOPLE.c.ref, wanted))
        return dict(zip(found, zip(*values, strict=True), strict=True))

    def keys_of_tasks(self, refs: Iterable[str]) -> list[str]:
        """The keys of those of these records that are tasks of ours."""
        with self._engine.connect() as db:
            return read_among(db, tables.TaskRow, "ref", refs, columns=["key"])["key"].drop_nulls().to_list()

    def tasks(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Stored task rows by key; of several with one key the last by ref."""
        table = table_of(tables.TaskRow)
        found: dict[str, dict[str, Any]] = {}
        with self._engine.connect() as db:
            for chunk in chunks(keys):
                for row in db.execute(select(table).where(table.c.key.in_(chunk)).order_by(table.c.ref)).mappings():
                    found[row["key"]] = dict(row)
        return found

    def frame(self, kind: type, columns: Sequence[str] | None = None, *, is_sorted: bool = True) -> pl.DataFrame:
        """Every stored entity of a kind, deleted ones included, sorted by ref, or in any order."""
        with self._engine.connect() as db:
            return read_frame(db, TABLES[kind], columns=columns, is_sorted=is_sorted)

    def frame_of(self, kind: type, column: str, values: Iterable[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Those whose `column` (one with an index) holds one of `values`, likewise."""
        with self._engine.connect() as db:
            return read_among(db, TABLES[kind], column, values, columns=columns)

    def naming(self, people: Iterable[str]) -> list[str]:
        """Refs of the approaches and opportunities that name one of these records of people, or once did."""
        with self._engine.connect() as db:
            return read_among(db, tables.MentionRow, "named", people, columns=["ref"])["ref"].unique().sort().to_list()

    def named_in(self, refs: Iterable[str]) -> set[str]:
        """What these touches, approaches, opportunities and roles name, or once did: refs of people and of opportunities, and
        addresses."""
        with self._engine.connect() as db:
            found = set(read_among(db, tables.MentionRow, "ref", refs, columns=["named"])["named"])
            return found | {named for named, _ in _once_named(db, refs)}

    def refs_since(self, kind: type, column: str, at: datetime) -> list[str]:
        """Those of which an instant (with an index) is not before `at`."""
        table = table_of(TABLES[kind])
        with self._engine.connect() as db:
            return list(db.execute(select(table.c.ref).where(table.c[column] >= at)).scalars())

    def quarantined(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.Quarantine)


@lru_cache(maxsize=8)
def _said(columns: tuple[str, ...]) -> Select[Any]:
    return select(_PEOPLE.c.ref, *(_PEOPLE.c[name] for name in columns))


def _once_named(db: Connection, refs: Iterable[str]) -> list[tuple[str, str]]:
    """(what it names, ref) of those of these records that are touches, or roles in opportunities."""
    wanted = list(refs)
    touches = read_among(db, tables.TouchRow, "ref", wanted, columns=["ref", "person", "email"])
    roles = read_among(db, tables.OpportunityPersonRow, "ref", wanted, columns=["ref", "person"])
    naming = ((touches, "person"), (touches, "email"), (roles, "person"))
    pairs = (pair for rows, column in naming for pair in zip(rows[column], rows["ref"], strict=True))
    return [(named, ref) for named, ref in pairs if named is not None]


def _mention(db: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    once = dict.fromkeys(pairs)
    upsert_columns(db, tables.MentionRow, {"named": [named for named, _ in once], "ref": [ref for _, ref in once]})


def texts_of(refs: Sequence[RecordRef | str | None]) -> list[str | None]:
    """Refs as the store holds them."""
    return [None if ref is None else str(ref) for ref in refs]


def _packed(refs: Sequence[Sequence[str]]) -> list[str]:
    return [orjson.dumps(some).decode() if some else "[]" for some in refs]


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """The fields of a kind of entity: which there are, which hold one ref, and which several."""

    names: tuple[str, ...]
    single: tuple[str, ...]
    several: tuple[str, ...]


def _shape_of(kind: type) -> _Shape:
    names = tuple(field.name for field in dataclasses.fields(kind))
    hints = typing.get_type_hints(kind)
    several = tuple(name for name in names if typing.get_origin(hints[name]) is tuple)
    single = tuple(n for n in names if n not in several and RecordRef in (hints[n], *typing.get_args(hints[n])))
    return _Shape(names, single, several)


_SHAPES: Mapping[type, _Shape] = {kind: _shape_of(kind) for kind in TABLES}
