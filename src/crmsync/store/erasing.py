"""Erasure in the database: what becomes of every table when a person is forgotten, and the tombstones that keep them out.

`TREATMENT` is the whole list; a table that is not in it fails the tests. Figures stay: the person becomes an anonymous one, with a
new id that leads nowhere, who keeps when and how they came, their moves, their clocks and their part in opportunities.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Engine, Table, func, or_, select
from sqlmodel import SQLModel

from crmsync.identity.terms import naming
from crmsync.model.changes import Change
from crmsync.model.memberships import MEMBERSHIPS
from crmsync.store import tables
from crmsync.store.identity import lose_track
from crmsync.store.journal import forget_answers, without_persons
from crmsync.store.shadows import leave_shadows
from crmsync.store.sql import among, table_of, upsert
from crmsync.store.tombstones import KEY, key_in, tombstones_in
from crmsync.store.versions import NOT_HASHED, content_hash, packed_fields, payload_of

Treatment = Literal["deleted", "anonymous", "mentions taken out", "nothing personal"]
TREATMENT: Mapping[str, Treatment] = {
    "cursor": "nothing personal",
    "raw_version": "mentions taken out",
    "raw_latest": "deleted",
    "watermark": "nothing personal",
    "again": "deleted",
    "hint": "deleted",
    "erased_there": "deleted",
    "heard": "nothing personal",
    "event_position": "nothing personal",
    "quarantine": "deleted",
    "person": "anonymous",
    "company": "mentions taken out",
    "opportunity": "mentions taken out",
    "opportunity_person": "anonymous",
    "touch": "deleted",
    "approach": "mentions taken out",
    "mention": "deleted",
    "task": "deleted",
    "user_seen": "nothing personal",  # of the person: users are those who work here
    "field_change": "deleted",
    "campaign": "nothing personal",
    "visits": "nothing personal",  # counts
    "pipeline_stage": "nothing personal",
    "link": "anonymous",
    "link_before": "deleted",
    "filed": "deleted",
    "alias": "deleted",
    "alias_before": "deleted",
    "review": "mentions taken out",
    "answer": "deleted",
    "person_state": "anonymous",
    "clock": "anonymous",
    "stirred": "deleted",
    "waking": "deleted",
    "waiting": "deleted",
    "draw": "nothing personal",
    "valve_log": "nothing personal",
    "move": "anonymous",
    "desired": "deleted",
    "decision": "deleted",
    "gap": "anonymous",
    "base": "deleted",
    "outbox": "anonymous",
    "outbox_body": "anonymous",
    "placed_task": "deleted",
    "membership": "deleted",
    "hold": "deleted",
    "written_record": "deleted",
    "halt": "nothing personal",  # counts, and digests of wishes
    "release": "nothing personal",
    "veto": "nothing personal",  # heads are of those who work here
    "lease": "nothing personal",
    "override": "anonymous",
    "settlement": "deleted",
    "journal": "deleted",  # answers about them
    "decided_frame": "deleted",
    "shadow_frame": "deleted",
    "disagreement": "deleted",
    "tombstone": "nothing personal",
    "run": "nothing personal",
    "meta": "nothing personal",
}
# Records of people who were forgotten belong to no connection: names of connections begin with a letter.
NOWHERE = "-"
# Tables by record: those of them that are deleted need no line of their own.
_BY_RECORD = frozenset({"connection", "object", "record_id"})
_OF_THE_NEXT = (tables.StirredRow, tables.WakingRow, tables.WaitingRow)
_TOMBSTONES = table_of(tables.Tombstone)


def _table(model: Any) -> Table:
    return table_of(model)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to go: the ids of the person (former ones too), refs of their own records (`records`) and of those that speak of them
    alone (`events`), `clocks`. `shape` are the columns of the anonymous record; `opportunities` those that they had a part in.
    `mentioned_in` are refs of records that speak of others too; `scrub(connection, object, value)` takes every mention out of a
    JSON value, `admitted` those that the gate takes out: the same content, sent again, is no news."""

    persons: frozenset[str]
    records: frozenset[str]
    events: frozenset[str]
    clocks: frozenset[str]
    shape: Mapping[str, Any]
    opportunities: tuple[str, ...]
    scrub: Callable[[str, str, Any], Any]
    admitted: Callable[[str, str, Any], Any]
    mentioned_in: frozenset[str] = field(default_factory=frozenset)

    @property
    def refs(self) -> list[str]:
        return sorted(self.records | self.events)


class Erasing:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def key(self, db: Connection) -> str:
        """The key of the tombstones, made when the first is; it stands in this database and nowhere else."""
        found = key_in(db)
        if not found:
            found = secrets.token_hex(32)
            upsert(db, tables.Meta, [{"name": KEY, "value": found}])
        return found

    def tombstones(self) -> tuple[str, frozenset[str]]:
        """The key and every tombstone; ("", nothing) where nobody was forgotten."""
        with self._engine.connect() as db:
            return tombstones_in(db)

    def keep_out(self, db: Connection, digests: Iterable[str], erasure: str, now: datetime) -> None:
        """What has these digests is not stored again."""
        upsert(db, tables.Tombstone, [{"digest": digest, "erasure": erasure, "since": now} for digest in digests])

    def let_in(self, db: Connection, digest: str) -> int:
        """Everything that was forgotten together with what has this digest may be stored again. Gives how much it was."""
        mine = select(_TOMBSTONES.c.erasure).where(_TOMBSTONES.c.digest == digest).scalar_subquery()
        return db.execute(_TOMBSTONES.delete().where(_TOMBSTONES.c.erasure == mine)).rowcount

    def versions(self) -> Iterator[tuple[int, str, str, str, dict[str, Any]]]:
        """(seq, connection, object, id, fields) of every raw version, one after the other."""
        raw = _table(tables.RawVersion)
        query = select(raw.c.seq, raw.c.connection, raw.c.object, raw.c.record_id, raw.c.payload).order_by(raw.c.seq)
        with self._engine.connect().execution_options(yield_per=2_000) as db:
            for row in db.execute(query):
                yield (row.seq, row.connection, row.object, row.record_id, orjson.loads(row.payload))

    def erase(self, db: Connection, erasure: Erasure, now: datetime) -> str:
        """Take the person out of every table. Gives the id that their figures go by from now on, which says nothing of them."""
        anonymous = "f" + secrets.token_hex(8)
        self._raw(db, erasure, now)
        self._seen(db, erasure, anonymous, now)
        self._decided(db, erasure, anonymous, now)
        self._written(db, erasure, anonymous)
        return anonymous

    def _raw(self, db: Connection, erasure: Erasure, now: datetime) -> None:
        raw, latest = _table(tables.RawVersion), _table(tables.RawLatest)
        newest = db.execute(select(func.coalesce(func.max(raw.c.seq), 0))).scalar_one()
        _delete_records(db, raw, erasure.refs)
        for table in SQLModel.metadata.sorted_tables:
            if TREATMENT.get(table.name) == "deleted" and set(table.c.keys()) >= _BY_RECORD:
                _delete_records(db, table, erasure.refs)
        self._memberships(db, erasure)
        self._keep_counting(db, newest, now)
        for connection, object_, ids in _by_object(erasure.mentioned_in):
            mine = (raw.c.connection == connection, raw.c.object == object_, among(db, raw.c.record_id, ids))
            wanted = (raw.c.seq, raw.c.payload, raw.c.is_deleted, raw.c.replaced_by, raw.c.differs_from)
            for row in db.execute(select(*wanted).where(*mine)).all():
                fields, pack = orjson.loads(row.payload), payload_of if row.differs_from is None else packed_fields
                payload, admitted = (pack(clean(connection, object_, fields)) for clean in (erasure.scrub, erasure.admitted))
                db.execute(raw.update().where(raw.c.seq == row.seq).values(payload=payload))
                same = content_hash(admitted, row.is_deleted, row.replaced_by) if row.differs_from is None else NOT_HASHED
                db.execute(latest.update().where(latest.c.seq == row.seq).values(content_hash=same))

    def _memberships(self, db: Connection, erasure: Erasure) -> None:
        """Which lists somebody was on: told by the end of the membership's id."""
        for connection, object_, ids in _by_object(erasure.records):
            for id_ in ids:
                member = f"{object_}/{id_}"
                standings = _table(tables.MembershipRow)
                db.execute(standings.delete().where(standings.c.connection == connection, standings.c.member == member))
                for model in (tables.RawVersion, tables.RawLatest, tables.HoldRow):
                    table = _table(model)
                    here = (table.c.connection == connection, table.c.object == MEMBERSHIPS)
                    db.execute(table.delete().where(*here, table.c.record_id.endswith(f"/{member}", autoescape=True)))

    def _keep_counting(self, db: Connection, newest: int, now: datetime) -> None:
        """Numbers of versions only rise: whoever reads what is new remembers the last. An empty version holds the place of the
        newest."""
        raw = _table(tables.RawVersion)
        if newest and db.execute(select(raw.c.seq).where(raw.c.seq == newest)).first() is None:
            upsert(
                db,
                tables.RawVersion,
                [{"seq": newest, "connection": NOWHERE, "object": "", "record_id": "", "learnt_at": now, "payload": b"{}"}],
            )

    def _seen(self, db: Connection, erasure: Erasure, anonymous: str, now: datetime) -> None:
        gone = (tables.PersonRow, tables.TouchRow, tables.TaskRow, tables.ApproachRow, tables.OpportunityPersonRow)
        for model in (*gone, tables.FieldChangeRow, tables.Quarantine):
            table = _table(model)
            db.execute(table.delete().where(among(db, table.c.ref, erasure.refs)))
        changes, roles, touches = (_table(m) for m in (tables.FieldChangeRow, tables.OpportunityPersonRow, tables.TouchRow))
        for column in (changes.c.record, roles.c.person, touches.c.person):
            db.execute(column.table.delete().where(among(db, column, erasure.refs)))
        for shared in (tables.PersonRow, tables.CompanyRow, tables.OpportunityRow, tables.ApproachRow):
            _scrub_rows(db, _table(shared), erasure)
        mentions, quarantine = _table(tables.MentionRow), _table(tables.Quarantine)
        for column in (mentions.c.named, mentions.c.ref):
            db.execute(mentions.delete().where(among(db, column, erasure.refs)))
        db.execute(quarantine.update().where(among(db, quarantine.c.ref, erasure.mentioned_in)).values(value=""))
        self._anonymous_record(db, erasure, anonymous, now)

    def _anonymous_record(self, db: Connection, erasure: Erasure, anonymous: str, now: datetime) -> None:
        """Figures count records of people and their part in opportunities: an anonymous one of each stays."""
        ref = f"{NOWHERE}/person/{anonymous}"
        upsert(db, tables.PersonRow, [{**erasure.shape, "ref": ref, "learnt_at": now, "modified_at": now, "is_deleted": True}])
        roles = [
            {
                "ref": f"{NOWHERE}/opportunity_person/{anonymous}-{number}",
                "learnt_at": now,
                "opportunity": opportunity,
                "person": ref,
            }
            for number, opportunity in enumerate(erasure.opportunities)
        ]
        upsert(db, tables.OpportunityPersonRow, roles)
        links, aliases, reviews = (_table(m) for m in (tables.LinkRow, tables.AliasRow, tables.ReviewRow))
        db.execute(
            links.delete().where(or_(among(db, links.c.record, erasure.refs), among(db, links.c.person_id, erasure.persons)))
        )
        for row in db.execute(select(links.c.record, links.c.evidence).where(links.c.evidence != "")).all():
            clean = erasure.scrub("", "", row.evidence)
            if clean != row.evidence:
                db.execute(links.update().where(links.c.record == row.record).values(evidence=clean))
        link = {"record": ref, "person_id": anonymous, "rule": "new", "evidence": "", "linked_at": now, "revoked_at": None}
        upsert(db, tables.LinkRow, [link])
        for column in (aliases.c.person_id, aliases.c.current_id):
            db.execute(aliases.delete().where(among(db, column, erasure.persons)))
        _unfile(db, erasure)
        lose_track(db)
        answers = _table(tables.AnswerRow)
        for column in (answers.c.person_id, answers.c.candidate):
            db.execute(answers.delete().where(among(db, column, erasure.persons)))
        db.execute(reviews.delete().where(among(db, reviews.c.record, erasure.refs)))
        for row in db.execute(select(reviews.c.record, reviews.c.candidates)).all():
            left = [one for one in orjson.loads(row.candidates) if one not in erasure.persons]
            if left:
                db.execute(reviews.update().where(reviews.c.record == row.record).values(candidates=orjson.dumps(left).decode()))
            else:
                db.execute(reviews.delete().where(reviews.c.record == row.record))

    def _decided(self, db: Connection, erasure: Erasure, anonymous: str, now: datetime) -> None:
        for model in (*_OF_THE_NEXT, tables.DesiredRow, tables.DecisionRow, tables.SettlementRow, tables.DisagreementRow):
            _of_persons(db, model, erasure, None)
        without_persons(db, erasure.persons)
        leave_shadows(db, erasure.persons)
        forget_answers(db, erasure.persons, erasure.refs)
        _of_persons(db, tables.OverrideRow, erasure, {"person_id": anonymous, "record_id": ""})
        _of_persons(db, tables.MoveRow, erasure, {"person_id": anonymous, "evidence": None})
        _of_persons(db, tables.GapRow, erasure, {"person_id": anonymous, "detail": ""})
        _of_persons(db, tables.StateRow, erasure, {"person_id": anonymous, "opportunity_id": None, "recycle_reason": None})
        clocks = _table(tables.ClockRow)
        mine = among(db, clocks.c.person_id, erasure.persons)
        running = (clocks.c.met_at.is_(None), clocks.c.cancelled_at.is_(None))
        db.execute(clocks.update().where(mine, *running).values(cancelled_at=now, cancelled_because="deleted"))
        for number, clock in enumerate(
            db.execute(select(clocks.c.clock_id).where(mine).order_by(clocks.c.clock_id)).scalars().all()
        ):
            ids = _renamed(clock, erasure, anonymous, number)
            db.execute(clocks.update().where(clocks.c.clock_id == clock).values(clock_id=ids, person_id=anonymous, met_by=None))

    def _written(self, db: Connection, erasure: Erasure, anonymous: str) -> None:
        placed, outbox, bodies = (_table(model) for model in (tables.PlacedTask, tables.OutboxRow, tables.OutboxBody))
        db.execute(placed.delete().where(among(db, placed.c.clock_id, erasure.clocks)))
        mine = or_(among(db, outbox.c.person_id, erasure.persons), among(db, outbox.c.target, erasure.clocks))
        for row in db.execute(select(outbox).where(mine)).all():
            key = f"{anonymous}-{row.id}"
            blank = Change(key, row.connection, row.object, "update", (), anonymous)
            nobody = {"key": key, "target": "", "record_id": None, "person_id": anonymous, "message": None}
            state = "superseded" if row.state in ("planned", "sending", "retry", "unknown") else row.state
            db.execute(outbox.update().where(outbox.c.id == row.id).values(**nobody, state=state, is_settled=True))
            db.execute(bodies.update().where(bodies.c.id == row.id).values(body=orjson.dumps(blank)))


def _unfile(db: Connection, erasure: Erasure) -> None:
    """These records are filed nowhere, and nobody under their addresses or ids: as in the evidence of links."""
    filed = _table(tables.FiledRow)
    addresses = select(filed.c.term).where(among(db, filed.c.ref, erasure.refs), filed.c.term.startswith("email:"))
    terms = {*db.execute(addresses).scalars(), *map(naming, erasure.records)}
    db.execute(filed.delete().where(among(db, filed.c.ref, erasure.refs)))
    db.execute(filed.delete().where(among(db, filed.c.term, terms)))


def _renamed(clock: str, erasure: Erasure, anonymous: str, number: int) -> str:
    """A clock's id says whose it is: the anonymous person's now, and still which cycle it was of."""
    for person in erasure.persons:
        if person in clock:
            return clock.replace(person, anonymous)
    return f"{anonymous}-{number}"


def _of_persons(db: Connection, model: Any, erasure: Erasure, values: Mapping[str, Any] | None) -> None:
    table = _table(model)
    mine = among(db, table.c.person_id, erasure.persons)
    db.execute(table.delete().where(mine) if values is None else table.update().where(mine).values(**values))


def _by_object(refs: Iterable[str]) -> Iterator[tuple[str, str, list[str]]]:
    found: dict[tuple[str, str], list[str]] = {}
    for ref in sorted(refs):
        connection, object_, id_ = ref.split("/", 2)
        found.setdefault((connection, object_), []).append(id_)
    for (connection, object_), ids in found.items():
        yield connection, object_, ids


def _delete_records(db: Connection, table: Table, refs: Iterable[str]) -> None:
    for connection, object_, ids in _by_object(refs):
        here = (table.c.connection == connection, table.c.object == object_)
        db.execute(table.delete().where(*here, among(db, table.c.record_id, ids)))


def _scrub_rows(db: Connection, table: Table, erasure: Erasure) -> None:
    """Take every mention out of the entities that speak of others too."""
    for row in db.execute(select(table).where(among(db, table.c.ref, erasure.mentioned_in))).mappings().all():
        texts = {name: value for name, value in row.items() if isinstance(value, str) and name != "ref"}
        clean = {name: _scrubbed_text(erasure, value) for name, value in texts.items()}
        changed = {name: value for name, value in clean.items() if value != texts[name]}
        if changed:
            db.execute(table.update().where(table.c.ref == row["ref"]).values(**changed))


def _scrubbed_text(erasure: Erasure, value: str) -> str | None:
    """A column's text; lists of refs lose those of the person."""
    if value.startswith("["):
        return orjson.dumps([ref for ref in orjson.loads(value) if ref not in erasure.records]).decode()
    if value in erasure.records:
        return None
    return erasure.scrub("", "", value)  # type: ignore[no-any-return]  # a text stays a text
