"""Raw versions and cursors: what was pulled, exactly, and how far. A page and its cursor are one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, bindparam, func, select

from crmsync.identity.erasure import tombstone
from crmsync.model.records import RawRecord, RecordRef
from crmsync.store.sql import among, insert_all, run_for_all, table_of, upsert
from crmsync.store.tables import Again, CursorRow, RawLatest, RawVersion, Watermark
from crmsync.store.tombstones import tombstones_in

_VERSIONS = table_of(RawVersion)
_AGAIN = table_of(Again)
_LATEST = table_of(RawLatest)
_CURSORS = table_of(CursorRow)
_WATERMARKS = table_of(Watermark)
# What a staged record is made of, in the order of `_staged`'s arguments.
_STAGED = tuple(
    _VERSIONS.c[name]
    for name in ("seq", "connection", "object", "record_id", "modified_at", "learnt_at", "is_deleted", "replaced_by", "payload")
)
_NEWEST = select(
    _VERSIONS.c.record_id, _VERSIONS.c.payload, _LATEST.c.modified_at, _VERSIONS.c.is_deleted, _VERSIONS.c.replaced_by
).join(_LATEST, _LATEST.c.seq == _VERSIONS.c.seq)
_RESTAMP = (
    _LATEST.update()
    .where(
        _LATEST.c.connection == bindparam("of_connection"),
        _LATEST.c.object == bindparam("of_object"),
        _LATEST.c.record_id == bindparam("of_record"),
    )
    .values(modified_at=bindparam("stamp"))
)
# How much older than the stored one a version must be to count as a late delivery: HubSpot's search cuts the milliseconds off.
LATE_BY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class StagedRecord:
    """One stored version, in the order in which versions were learnt. `is_first` is known where the version has just been stored:
    nothing was known of the record before."""

    seq: int
    connection: str
    record: RawRecord
    learnt_at: datetime
    is_first: bool = False

    @property
    def key(self) -> str:
        """The ref as text."""
        return f"{self.connection}/{self.record.object}/{self.record.id}"

    @property
    def ref(self) -> RecordRef:
        return RecordRef(self.connection, self.record.object, self.record.id)


@dataclass(frozen=True, slots=True)
class Staged:
    """What one page brought: records never seen, records with new content, and records that said nothing new (a repetition, or
    a version older than the one we have). `versions` are those that were stored, in order."""

    new: int
    changed: int
    unchanged: int
    versions: tuple[StagedRecord, ...] = field(default=(), compare=False, repr=False)


class Staging:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cursor(self, connection: str, object_: str) -> Mapping[str, Any] | None:
        """The cursor stored with the last page of this object; None before the first."""
        query = select(_CURSORS.c.body).where(_CURSORS.c.connection == connection, _CURSORS.c.object == object_)
        with self._engine.connect() as db:
            body = db.execute(query).scalar_one_or_none()
        return None if body is None else orjson.loads(body)

    def looked_at(self, connection: str, object_: str) -> datetime | None:
        """When the last page of this object was stored; None before the first."""
        query = select(_CURSORS.c.moved_at).where(_CURSORS.c.connection == connection, _CURSORS.c.object == object_)
        with self._engine.connect() as db:
            return db.execute(query).scalar_one_or_none()

    def stage(
        self, connection: str, object_: str, records: Sequence[RawRecord], cursor: Mapping[str, Any], learnt_at: datetime
    ) -> Staged:
        """Store what is new in these records together with the cursor that covers them."""
        with self._engine.begin() as db:
            counts = _store_versions(db, connection, records, learnt_at, is_ours=False)
            upsert(
                db,
                CursorRow,
                [{"connection": connection, "object": object_, "body": orjson.dumps(cursor).decode(), "moved_at": learnt_at}],
            )
        return counts

    def stage_read(self, connection: str, records: Sequence[RawRecord], learnt_at: datetime) -> Staged:
        """Store what is new in records that were read one by one: no cursor covers them."""
        with self._engine.begin() as db:
            return self.stage_read_in(db, connection, records, learnt_at)

    def stage_read_in(self, db: Connection, connection: str, records: Sequence[RawRecord], learnt_at: datetime) -> Staged:
        """As `stage_read`, together with what else is done in this transaction."""
        return _store_versions(db, connection, records, learnt_at, is_ours=False)

    def stage_own_writes(self, db: Connection, connection: str, records: Sequence[RawRecord], learnt_at: datetime) -> None:
        """Store the versions that our own confirmed writes made, so that the next plan compares with them even where the CRM's
        search index lags behind its writes."""
        _store_versions(db, connection, records, learnt_at, is_ours=True)

    def counts(self, connection: str) -> dict[str, int]:
        """How many records are stored of each object, those included that were deleted since: they are told by the key alone."""
        query = select(_LATEST.c.object, func.count()).where(_LATEST.c.connection == connection).group_by(_LATEST.c.object)
        with self._engine.connect() as db:
            return {str(object_): int(count) for object_, count in db.execute(query)}

    def known_ids(self, connection: str, object_: str) -> list[str]:
        """Ids of the live records of an object, in order."""
        query = (
            select(_LATEST.c.record_id)
            .where(_LATEST.c.connection == connection, _LATEST.c.object == object_, _LATEST.c.is_deleted.is_(False))
            .order_by(_LATEST.c.record_id)
        )
        with self._engine.connect() as db:
            return list(db.execute(query).scalars())

    def watermark(self, connection: str) -> tuple[int, str]:
        """The last normalised version's number and the digest of the mappings used; (0, "") before the first."""
        query = select(_WATERMARKS.c.seq, _WATERMARKS.c.mapping_digest).where(_WATERMARKS.c.connection == connection)
        with self._engine.connect() as db:
            row = db.execute(query).one_or_none()
        return (0, "") if row is None else (row.seq, row.mapping_digest)

    def move_watermark(self, db: Connection, connection: str, seq: int, mapping_digest: str) -> None:
        upsert(db, Watermark, [{"connection": connection, "seq": seq, "mapping_digest": mapping_digest}])

    def versions(self, connection: str, after: int, page: int = 2_000) -> Iterator[list[StagedRecord]]:
        """Every version numbered above `after`, a page at a time, so that memory is bounded by the page."""
        while rows := self.versions_after(connection, after, page):
            yield rows
            after = rows[-1].seq

    def learnt_since(self, connection: str, seq: int) -> tuple[list[RecordRef], int]:
        """Records with a version numbered above `seq` that was not our own write, and the highest number there is."""
        mine = _VERSIONS.c.connection == connection
        query = (
            select(_VERSIONS.c.object, _VERSIONS.c.record_id)
            .where(mine, _VERSIONS.c.seq > seq, _VERSIONS.c.is_ours.is_(False))
            .distinct()
        )
        newest = self.newest(connection)  # before the rows: what another process stores meanwhile is looked at twice, not never
        with self._engine.connect() as db:
            refs = [RecordRef(connection, row.object, row.record_id) for row in db.execute(query)]
        return sorted(refs), newest

    def newest(self, connection: str) -> int:
        """The highest number of a version of this connection; 0 before the first."""
        query = select(func.coalesce(func.max(_VERSIONS.c.seq), 0)).where(_VERSIONS.c.connection == connection)
        with self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def newest_before(self, connection: str, seq: int) -> int:
        """The highest number of a version below `seq`; 0 where there is none."""
        query = select(func.coalesce(func.max(_VERSIONS.c.seq), 0)).where(
            _VERSIONS.c.connection == connection, _VERSIONS.c.seq < seq
        )
        with self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def merges_since(self, connection: str, seq: int) -> list[tuple[str, str]]:
        """(loser, winner) refs of the records that a CRM merged away, from versions numbered above `seq`."""
        query = (
            select(_VERSIONS.c.object, _VERSIONS.c.record_id, _VERSIONS.c.replaced_by)
            .where(_VERSIONS.c.connection == connection, _VERSIONS.c.seq > seq, _VERSIONS.c.replaced_by.is_not(None))
            .order_by(_VERSIONS.c.seq)
        )
        with self._engine.connect() as db:
            return [
                (f"{connection}/{row.object}/{row.record_id}", f"{connection}/{row.object}/{row.replaced_by}")
                for row in db.execute(query)
            ]

    def versions_after(self, connection: str, seq: int, limit: int) -> list[StagedRecord]:
        """Up to `limit` stored versions with a greater number, in order."""
        query = (
            select(*_STAGED)
            .where(_VERSIONS.c.connection == connection, _VERSIONS.c.seq > seq)
            .order_by(_VERSIONS.c.seq)
            .limit(limit)
        )
        with self._engine.connect() as db:
            return [_staged(*row) for row in db.execute(query)]

    def due_again(self, connection: str, now: datetime) -> list[StagedRecord]:
        """Versions whose meaning has changed because time has passed, in order."""
        query = (
            select(*_STAGED)
            .join(_AGAIN, _AGAIN.c.seq == _VERSIONS.c.seq)
            .where(_AGAIN.c.connection == connection, _AGAIN.c.at <= now)
            .order_by(_VERSIONS.c.seq)
        )
        with self._engine.connect() as db:
            return [_staged(*row) for row in db.execute(query)]

    def next_again(self) -> datetime | None:
        """When a stored version will next mean something else, though nothing changes in its CRM; None where none will."""
        with self._engine.connect() as db:
            found: datetime | None = db.execute(select(func.min(_AGAIN.c.at))).scalar_one()
        return found

    def remember_again(self, db: Connection, later: Mapping[RecordRef, tuple[int, datetime | None]]) -> None:
        """Note for each record (version number, when to read it again); None: time changes nothing."""
        by_object: dict[tuple[str, str], list[str]] = {}
        for ref in later:
            by_object.setdefault((ref.connection, ref.object), []).append(ref.id)
        for (connection, object_), ids in by_object.items():
            mine = (_AGAIN.c.connection == connection, _AGAIN.c.object == object_, among(db, _AGAIN.c.record_id, ids))
            db.execute(_AGAIN.delete().where(*mine))
        insert_all(
            db,
            Again,
            [
                {"connection": ref.connection, "object": ref.object, "record_id": ref.id, "seq": seq, "at": at}
                for ref, (seq, at) in later.items()
                if at is not None
            ],
        )

    def latest(self, connection: str, object_: str, ids: Iterable[str]) -> dict[str, RawRecord]:
        """The newest stored version of each of these records, under the newest stamp that its content was seen with."""
        with self._engine.connect() as db:
            mine = (_LATEST.c.connection == connection, _LATEST.c.object == object_, among(db, _LATEST.c.record_id, ids))
            return {
                id_: RawRecord(object_, id_, orjson.loads(payload), stamp, is_deleted, replaced_by)
                for id_, payload, stamp, is_deleted, replaced_by in db.execute(_NEWEST.where(*mine))
            }


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of a record: the hash of its content and the vendor's newest stamp."""

    content: str
    modified_at: datetime | None


def _store_versions(db: Connection, connection: str, records: Sequence[RawRecord], learnt_at: datetime, *, is_ours: bool) -> Staged:
    """Append the versions whose content differs from the newest stored one. Repeats within `records` fold to the newest. A
    version older than the stored one is no news but a late delivery: a search index that lags shows it after we have read, or
    written, a newer one."""
    folded = _newest_of_each(_not_forgotten(db, connection, records))
    known = _known_versions(db, connection, folded)
    seq = db.execute(select(func.coalesce(func.max(_VERSIONS.c.seq), 0))).scalar_one()
    versions: list[dict[str, Any]] = []
    latest: list[dict[str, Any]] = []
    stamped: list[dict[str, Any]] = []
    staged: list[StagedRecord] = []
    for identity, record in folded.items():
        payload = orjson.dumps(record.fields, option=orjson.OPT_SORT_KEYS)
        content, before = content_hash(payload, record.is_deleted, record.replaced_by), known.get(identity)
        if before is not None and _is_late(record.modified_at, before.modified_at):
            continue
        if before is not None and before.content == content:
            if _is_newer(record.modified_at, before.modified_at):
                stamped.append({"of_object": record.object, "of_record": record.id, "stamp": record.modified_at})
            continue
        seq += 1
        row = {
            "connection": connection,
            "object": record.object,
            "record_id": record.id,
            "seq": seq,
            "modified_at": record.modified_at,
            "is_deleted": record.is_deleted,
        }
        latest.append({**row, "content_hash": content})
        versions.append({**row, "learnt_at": learnt_at, "replaced_by": record.replaced_by, "is_ours": is_ours, "payload": payload})
        staged.append(StagedRecord(seq, connection, record, learnt_at, is_first=before is None))
    insert_all(db, RawVersion, versions)
    upsert(db, RawLatest, latest)
    _restamp(db, connection, stamped)
    new = sum((row["object"], row["record_id"]) not in known for row in latest)
    return Staged(new, len(latest) - new, len(folded) - len(latest), tuple(staged))


def _not_forgotten(db: Connection, connection: str, records: Sequence[RawRecord]) -> Sequence[RawRecord]:
    """The records that nobody had erased, whichever way they came. What else speaks of the forgotten is stopped at the gate of a
    pull, which knows the mappings."""
    key, kept_out = tombstones_in(db)
    if not kept_out:
        return records
    return [r for r in records if tombstone(key, "record", f"{connection}/{r.object}/{r.id}") not in kept_out]


def _newest_of_each(records: Sequence[RawRecord]) -> dict[tuple[str, str], RawRecord]:
    """Of several versions of one record on a page the newest; of equally new ones the last."""
    newest: dict[tuple[str, str], RawRecord] = {}
    for record in records:
        before = newest.get((record.object, record.id))
        if before is None or not _is_late(record.modified_at, before.modified_at):
            newest[(record.object, record.id)] = record
    return newest


def _is_late(stamp: datetime | None, known: datetime | None) -> bool:
    return stamp is not None and known is not None and stamp <= known - LATE_BY


def _is_newer(stamp: datetime | None, known: datetime | None) -> bool:
    return stamp is not None and (known is None or stamp > known)


def _restamp(db: Connection, connection: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same content under a newer stamp: the version stands, and is compared under the new stamp before it is written to."""
    run_for_all(db, _RESTAMP, [{"of_connection": connection, **row} for row in rows])


def _known_versions(db: Connection, connection: str, records: Mapping[tuple[str, str], RawRecord]) -> dict[tuple[str, str], _Known]:
    by_object: dict[str, list[str]] = {}
    for object_, id_ in records:
        by_object.setdefault(object_, []).append(id_)
    known: dict[tuple[str, str], _Known] = {}
    for object_, ids in by_object.items():
        query = select(_LATEST.c.record_id, _LATEST.c.content_hash, _LATEST.c.modified_at).where(
            _LATEST.c.connection == connection, _LATEST.c.object == object_, among(db, _LATEST.c.record_id, ids)
        )
        known.update({(object_, id_): _Known(content, stamp) for id_, content, stamp in db.execute(query)})
    return known


def content_hash(payload: bytes, is_deleted: bool, replaced_by: str | None) -> str:
    """By what two versions of a record are told to say the same."""
    state = b"\x01" if is_deleted else b"\x00"
    return hashlib.blake2b(payload + state + (replaced_by or "").encode(), digest_size=16).hexdigest()


def _staged(
    seq: int,
    connection: str,
    object_: str,
    id_: str,
    modified_at: datetime | None,
    learnt_at: datetime,
    is_deleted: bool,
    replaced_by: str | None,
    payload: bytes,
) -> StagedRecord:
    record = RawRecord(object_, id_, orjson.loads(payload), modified_at, is_deleted, replaced_by)
    return StagedRecord(seq, connection, record, learnt_at)
