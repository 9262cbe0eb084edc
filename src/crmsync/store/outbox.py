"""Intended changes and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, Row, Text, and_, bindparam, func, select

from crmsync.ahead import one_ahead
from crmsync.model.changes import Change, Receipt
from crmsync.planning.document import change_of
from crmsync.store import tables
from crmsync.store.columns import packed
from crmsync.store.log import awaited
from crmsync.store.placed_tasks import PlacedTasks
from crmsync.store.sql import Columns, among, chunks, insert_columns, read_frame, run_for_columns, table_of

_OUTBOX = table_of(tables.OutboxRow)
_BODIES = table_of(tables.OutboxBody)
_LATEST = table_of(tables.RawLatest)
_RUNS = table_of(tables.RunRow)
_WITH_BODY = select(_OUTBOX, _BODIES.c.body).join(_BODIES, _BODIES.c.id == _OUTBOX.c.id)
_CONFIRM = (
    _OUTBOX.update()
    .where(_OUTBOX.c.id == bindparam("of_id"))
    .values(
        state=bindparam("outcome"),
        is_settled=bindparam("has_arrived"),
        seen_at=bindparam("stamp"),
        record_id=func.coalesce(bindparam("of_record", type_=Text()), _OUTBOX.c.record_id),
        finished_at=bindparam("at"),
        code=bindparam("said_code"),
        message=bindparam("said"),
    )
)
_NUMBERS = select(_OUTBOX.c.key, _OUTBOX.c.id)
_LAST_NUMBER = select(func.coalesce(func.max(_OUTBOX.c.id), 0))
_SETTLE = _OUTBOX.update().where(_OUTBOX.c.id == bindparam("of_id")).values(is_settled=bindparam("settled"))
_SUPERSEDE = _SETTLE.values(state=bindparam("new_state"), finished_at=bindparam("at"))
# Rows of a plan that are made while those before are stored: few enough that the first are soon there.
_PLANNED_TOGETHER = 2_000
_ARRIVED = frozenset({"written", "unchanged"})
# It may not have arrived, or not yet.
OPEN_STATES = ("planned", "sending", "retry", "unknown")
# It was written, or may have been: the answer was lost, and a later plan looked at what the record showed then.
ARRIVED_STATES = ("written", "sending", "unknown", "superseded")
# It was sent, and whether it was written was never said.
UNSURE_STATES = ("sending", "retry", "unknown", "superseded")
# What the record holds now cannot be told from what we know of it.
UNCERTAIN_STATES = ("sending", "unknown", "conflict")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A wish that a CRM refused: the stamp of its record as it was refused, and as it was last seen. Both are None for a record
    that was to be created. `answered_at` is when the CRM said so, `definitions` the digest of those in force then, `values` the
    texts that were to be written."""

    person_id: str
    connection: str
    refused_at: datetime | None
    seen_at: datetime | None
    answered_at: datetime | None = None
    definitions: str = ""
    values: tuple[str, ...] = ()

    @property
    def has_moved(self) -> bool:
        """Whether somebody has changed the record since."""
        return self.refused_at is not None and self.seen_at is not None and self.seen_at > self.refused_at


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that was sent, under the id that its person goes by now, and the record that it reached; None: not known."""

    change: Change
    record_id: str | None


@dataclass(frozen=True, slots=True)
class Try:
    """One answered attempt to write to a target (our key, or a record's id), and how it ended."""

    connection: str
    object: str
    target: str
    state: str
    code: str
    at: datetime


class Outbox:
    def __init__(self, engine: Engine, placed_tasks: PlacedTasks) -> None:
        self._engine = engine
        self._placed_tasks = placed_tasks

    def plan(self, db: Connection, run_id: str, changes: Sequence[Change], now: datetime) -> None:
        """Record what is about to be sent. Nothing is sent before all of it is, so another thread makes the next rows while SQLite,
        which runs without the interpreter's lock, stores these."""
        first = int(db.execute(_LAST_NUMBER).scalar_one()) + 1
        starts = range(0, len(changes), _PLANNED_TOGETHER)
        pieces = (_planned(run_id, changes[start : start + _PLANNED_TOGETHER], first + start, now) for start in starts)
        for rows, bodies in one_ahead(pieces) if len(starts) > 1 else pieces:
            insert_columns(db, tables.OutboxRow, rows)
            insert_columns(db, tables.OutboxBody, bodies)

    def numbers(self, run_id: str) -> dict[str, int]:
        """Key of each change of a run → its number in the outbox, by which it is marked and confirmed."""
        with self._engine.connect() as db:
            keys, ids = packed(db, _NUMBERS, _OUTBOX.c.run_id == run_id)
        return dict(zip(keys, ids, strict=True))

    def settle(
        self, db: Connection, persons: Iterable[str], connections: Sequence[str], held: Iterable[str], now: datetime
    ) -> None:
        """A plan has looked at these persons at these connections anew: what was left undone there is done with, and what was
        still open is superseded. `held` are the keys of refused wishes that still stand: they stay."""
        looked_at, kept = set(persons), set(held)
        query = select(_OUTBOX.c.id, _OUTBOX.c.key, _OUTBOX.c.person_id, _OUTBOX.c.state).where(
            _OUTBOX.c.is_settled.is_(False), _OUTBOX.c.connection.in_(connections)
        )
        done = [row for row in db.execute(query) if row.person_id in looked_at and row.key not in kept]
        opened = [row.id for row in done if row.state in OPEN_STATES]
        closed = [row.id for row in done if row.state not in OPEN_STATES]
        count = len(opened)
        columns = {"of_id": opened, "settled": [True] * count, "new_state": ["superseded"] * count, "at": [now] * count}
        run_for_columns(db, _SUPERSEDE, columns)
        run_for_columns(db, _SETTLE, {"of_id": closed, "settled": [True] * len(closed)})

    def mark_sending(self, numbers: Iterable[int], now: datetime, creating: Iterable[str] = ()) -> None:
        """The changes of these numbers are on their way. `creating` are the clocks whose task is sent by a plain create."""
        with awaited(self._engine) as db:
            self._placed_tasks.expect_answers(db, creating, now)
            db.execute(_OUTBOX.update().where(among(db, _OUTBOX.c.id, numbers)).values(state="sending", sent_at=now))

    def confirm(
        self, db: Connection, numbers: Mapping[str, int], answered: Sequence[tuple[Change, Receipt]], now: datetime
    ) -> None:
        """Keep what became of each change; `numbers` as `numbers` gives them. Nearly all that is answered has arrived, and of that
        there is nothing else to be said: one statement for all of it."""
        arrived, others = dict[str, list[int]](), list[tuple[int, Receipt]]()
        for change, receipt in answered:
            number = numbers[change.key]
            if _is_plain(change, receipt):
                arrived.setdefault(receipt.outcome, []).append(number)
            else:
                others.append((number, receipt))
        for outcome, mine in arrived.items():
            done = {"state": outcome, "is_settled": True, "finished_at": now}
            db.execute(_OUTBOX.update().where(among(db, _OUTBOX.c.id, mine)).values(done))
        _confirm_each(db, others, now)

    def unfinished_persons(self, connections: Sequence[str]) -> list[str]:
        """Persons with a change at these connections that did not arrive for sure: they are planned again."""
        query = (
            select(_OUTBOX.c.person_id)
            .where(_unsettled(*OPEN_STATES, "conflict"), _OUTBOX.c.connection.in_(connections))
            .distinct()
        )
        with self._engine.connect() as db:
            return sorted(db.execute(query).scalars())

    def uncertain_records(self, connection: str) -> dict[str, list[str]]:
        """object → ids of the records of which we do not know what they hold: to be read before they are planned for again."""
        mine = (_unsettled(*UNCERTAIN_STATES), _OUTBOX.c.connection == connection, _OUTBOX.c.record_id.is_not(None))
        query = select(_OUTBOX.c.object, _OUTBOX.c.record_id).where(*mine).distinct()
        found: dict[str, list[str]] = {}
        with self._engine.connect() as db:
            for row in db.execute(query.order_by(_OUTBOX.c.object, _OUTBOX.c.record_id)):
                found.setdefault(row.object, []).append(row.record_id)
        return found

    def refusals(self) -> dict[str, Refusal]:
        """Key of each wish that a CRM refused and nothing has replaced → how its record stood then and stands now."""
        is_same = and_(
            _LATEST.c.connection == _OUTBOX.c.connection,
            _LATEST.c.object == _OUTBOX.c.object,
            _LATEST.c.record_id == _OUTBOX.c.record_id,
        )
        query = (
            _WITH_BODY.add_columns(_LATEST.c.modified_at, _RUNS.c.definitions)
            .join(_LATEST, is_same, isouter=True)
            .join(_RUNS, _RUNS.c.run_id == _OUTBOX.c.run_id, isouter=True)
            .where(_unsettled("rejected"))
        )
        with self._engine.connect() as db:
            return {row.key: _refusal(row) for row in db.execute(query)}

    def rejected(self) -> pl.DataFrame:
        """Changes that a CRM refused and no later plan has replaced, newest first: the dead letters."""
        with self._engine.connect() as db:
            return read_frame(db, tables.OutboxRow, _unsettled("rejected")).sort("id", descending=True)

    def tries(self, targets: Collection[str]) -> list[Try]:
        """Every change ever sent for these targets that was answered, oldest first."""
        found: list[Try] = []
        with self._engine.connect() as db:
            for chunk in chunks(sorted(targets)):
                query = select(_OUTBOX).where(
                    _OUTBOX.c.target.in_(chunk), _OUTBOX.c.finished_at.is_not(None), _OUTBOX.c.sent_at.is_not(None)
                )
                rows = db.execute(query.order_by(_OUTBOX.c.id))
                found.extend(Try(r.connection, r.object, r.target, r.state, r.code, r.finished_at) for r in rows)
        return found

    def unsure(self, record_ids: Collection[str]) -> list[tuple[Change, datetime]]:
        """The changes of records with these ids that were sent and of which no answer says what became of them, with when they were
        sent: what they wanted to write may stand there, and is ours then."""
        found: list[tuple[Change, datetime]] = []
        with self._engine.connect() as db:
            for chunk in chunks(sorted(record_ids)):
                query = _WITH_BODY.where(
                    _OUTBOX.c.record_id.in_(chunk), _OUTBOX.c.state.in_(UNSURE_STATES), _OUTBOX.c.sent_at.is_not(None)
                )
                found.extend((_load(row.body), row.sent_at) for row in db.execute(query.order_by(_OUTBOX.c.id)))
        return found

    def letters(self) -> list[tuple[Change, Mapping[str, Any]]]:
        """Each dead letter's change under the id that its person goes by now, with its target, code, message and when it was
        answered; oldest first."""
        query = _WITH_BODY.where(_unsettled("rejected")).order_by(_OUTBOX.c.id)
        with self._engine.connect() as db:
            rows = db.execute(query).mappings()
            return [(replace(_load(row["body"]), person_id=row["person_id"]), dict(row)) for row in rows]

    def let_go(self, db: Connection, keys: Collection[str]) -> None:
        """These dead letters are no reason any more not to send the same again."""
        for chunk in chunks(sorted(keys)):
            db.execute(_OUTBOX.update().where(_unsettled("rejected"), _OUTBOX.c.key.in_(chunk)).values(is_settled=True))

    def history(self, person_id: str) -> list[tuple[Change, Mapping[str, Any]]]:
        """Every change ever intended for a person with its state, oldest first."""
        query = _WITH_BODY.where(_OUTBOX.c.person_id == person_id).order_by(_OUTBOX.c.id)
        with self._engine.connect() as db:
            return [
                (
                    _load(row.body),
                    {
                        "state": row.state,
                        "planned_at": row.planned_at,
                        "finished_at": row.finished_at,
                        "code": row.code,
                        "message": row.message or "",
                    },
                )
                for row in db.execute(query)
            ]

    def sent(self, run_id: str) -> list[Sent]:
        """The run's changes that arrived or may have arrived, in plan order, with the records they went to where that is known."""
        return self._sent(_OUTBOX.c.run_id == run_id)

    def sent_after(self, run_id: str, records: Collection[str]) -> list[Sent]:
        """What later runs sent to these record ids, oldest first."""
        last = select(func.coalesce(func.max(_OUTBOX.c.id), 0)).where(_OUTBOX.c.run_id == run_id).scalar_subquery()
        return [one for chunk in chunks(sorted(records)) for one in self._sent(_OUTBOX.c.id > last, _OUTBOX.c.record_id.in_(chunk))]

    def _sent(self, *where: ColumnElement[bool]) -> list[Sent]:
        may_have_arrived = (_OUTBOX.c.sent_at.is_not(None), _OUTBOX.c.state.in_(ARRIVED_STATES))
        query = _WITH_BODY.where(*where, *may_have_arrived).order_by(_OUTBOX.c.id)
        with self._engine.connect() as db:
            return [Sent(replace(_load(row.body), person_id=row.person_id), row.record_id) for row in db.execute(query)]

    def outcomes(self, run_id: str) -> dict[str, int]:
        """How many changes of a run ended in which state."""
        state = _OUTBOX.c.state
        query = select(state, func.count()).where(_OUTBOX.c.run_id == run_id).group_by(state).order_by(state)
        with self._engine.connect() as db:
            return {row[0]: int(row[1]) for row in db.execute(query)}


def _planned(run_id: str, changes: Sequence[Change], first: int, now: datetime) -> tuple[Columns, Columns]:
    """Rows of changes that are numbered from `first`, and what they say."""
    numbers = range(first, first + len(changes))
    shared = {"run_id": run_id, "state": "planned", "planned_at": now}
    rows: Columns = {
        "id": numbers,
        "key": [c.key for c in changes],
        "connection": [c.connection for c in changes],
        "object": [c.object for c in changes],
        "target": [c.key_value or c.record_id for c in changes],
        "record_id": [c.record_id for c in changes],
        "person_id": [c.person_id for c in changes],
        **{name: [value] * len(changes) for name, value in shared.items()},
    }
    return rows, {"id": numbers, "body": [_dump(c) for c in changes]}


def _refusal(row: Row[Any]) -> Refusal:
    change = _load(row.body)
    return Refusal(
        row.person_id,
        row.connection,
        row.seen_at or change.expected_modified_at,
        row.modified_at,
        row.finished_at,
        row.definitions or "",
        tuple(value for value in change.values().values() if isinstance(value, str)),
    )


def _is_plain(change: Change, receipt: Receipt) -> bool:
    """Whether a receipt says that its change has arrived, and nothing beside."""
    is_as_planned = receipt.record_id is None or receipt.record_id == change.record_id
    return receipt.outcome in _ARRIVED and is_as_planned and not receipt.code and not receipt.message


def _confirm_each(db: Connection, answered: Sequence[tuple[int, Receipt]], now: datetime) -> None:
    receipts = [receipt for _, receipt in answered]
    has_arrived = [receipt.outcome in _ARRIVED for receipt in receipts]
    run_for_columns(
        db,
        _CONFIRM,
        {
            "of_id": [number for number, _ in answered],
            "outcome": [r.outcome for r in receipts],
            "has_arrived": has_arrived,
            "stamp": [None if arrived else r.modified_at for r, arrived in zip(receipts, has_arrived, strict=True)],
            "of_record": [r.record_id for r in receipts],
            "at": [now] * len(receipts),
            "said_code": [r.code for r in receipts],
            "said": [r.message for r in receipts],
        },
    )


def _unsettled(*states: str) -> ColumnElement[bool]:
    return and_(_OUTBOX.c.is_settled.is_(False), _OUTBOX.c.state.in_(states))


def _dump(change: Change) -> bytes:
    """All that a change says, under the names of its fields. They are written out: of a dataclass with slots orjson asks for each
    field by name, which takes twice as long as all of this."""
    return orjson.dumps(
        {
            "key": change.key,
            "connection": change.connection,
            "object": change.object,
            "operation": change.operation,
            "fields": [
                {"field": one.field, "base": one.base, "current": one.current, "desired": one.desired, "alone": one.alone}
                for one in change.fields
            ],
            "person_id": change.person_id,
            "record_id": change.record_id,
            "key_field": change.key_field,
            "key_value": change.key_value,
            "associations": change.associations,
            "expected_modified_at": change.expected_modified_at,
            "because": change.because,
            "undoes": change.undoes,
        }
    )


def _load(body: bytes) -> Change:
    return change_of(orjson.loads(body))
