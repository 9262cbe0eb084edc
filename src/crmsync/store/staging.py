"""Raw versions and cursors: what was pulled, exactly, and how far. A page and its cursor are one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, func, select

from crmsync.model.records import RawRecord, RecordRef
from crmsync.store.sql import chunks, insert_all, table_of, upsert
from crmsync.store.tables import Again, CursorRow, RawLatest, RawVersion, Watermark

_VERSIONS = table_of(RawVersion)
_AGAIN = table_of(Again)
_LATEST = table_of(RawLatest)
_CURSORS = table_of(CursorRow)
_WATERMARKS = table_of(Watermark)


@dataclass(frozen=True, slots=True)
class Staged:
    """What one page brought: records never seen, records with new content, records that said nothing new."""

    new: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class StagedRecord:
    """One stored version, in the order in which versions were learnt."""

    seq: int
    connection: str
    record: RawRecord
    learnt_at: datetime

    @property
    def ref(self) -> RecordRef:
        return RecordRef(self.connection, self.record.object, self.record.id)


class Staging:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cursor(self, connection: str, object_: str) -> Mapping[str, Any] | None:
        """The cursor stored with the last page of this object; None before the first."""
        query = select(_CURSORS.c.body).where(_CURSORS.c.connection == connection, _CURSORS.c.object == object_)
        with self._engine.connect() as db:
            body = db.execute(query).scalar_one_or_none()
        return None if body is None else orjson.loads(body)

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

    def stage_own_writes(self, db: Connection, connection: str, records: Sequence[RawRecord], learnt_at: datetime) -> None:
        """Store the versions that our own confirmed writes made, so that the next plan compares with them even where the CRM's
        search index lags behind its writes."""
        _store_versions(db, connection, records, learnt_at, is_ours=True)

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
        with self._engine.connect() as db:
            refs = [RecordRef(connection, row.object, row.record_id) for row in db.execute(query)]
            newest = db.execute(select(func.coalesce(func.max(_VERSIONS.c.seq), 0)).where(mine)).scalar_one()
        return sorted(refs), int(newest)

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
            select(_VERSIONS)
            .where(_VERSIONS.c.connection == connection, _VERSIONS.c.seq > seq)
            .order_by(_VERSIONS.c.seq)
            .limit(limit)
        )
        with self._engine.connect() as db:
            return [_staged(row) for row in db.execute(query)]

    def due_again(self, connection: str, now: datetime) -> list[StagedRecord]:
        """Versions whose meaning has changed because time has passed, in order."""
        query = (
            select(_VERSIONS)
            .join(_AGAIN, _AGAIN.c.seq == _VERSIONS.c.seq)
            .where(_AGAIN.c.connection == connection, _AGAIN.c.at <= now)
            .order_by(_VERSIONS.c.seq)
        )
        with self._engine.connect() as db:
            return [_staged(row) for row in db.execute(query)]

    def remember_again(self, db: Connection, later: Mapping[RecordRef, tuple[int, datetime | None]]) -> None:
        """Note for each record (version number, when to read it again); None: time changes nothing."""
        noted = {(row.connection, row.object, row.record_id) for row in db.execute(select(_AGAIN))}
        rows = []
        for ref, (seq, at) in later.items():
            if at is not None:
                rows.append({"connection": ref.connection, "object": ref.object, "record_id": ref.id, "seq": seq, "at": at})
            elif (ref.connection, ref.object, ref.id) in noted:
                mine = (_AGAIN.c.connection == ref.connection, _AGAIN.c.object == ref.object, _AGAIN.c.record_id == ref.id)
                db.execute(_AGAIN.delete().where(*mine))
        upsert(db, Again, rows)

    def latest(self, connection: str, object_: str, ids: Iterable[str]) -> dict[str, RawRecord]:
        """The newest stored version of each of these records."""
        found: dict[str, RawRecord] = {}
        with self._engine.connect() as db:
            for chunk in chunks(ids):
                query = (
                    select(_VERSIONS)
                    .join(_LATEST, _LATEST.c.seq == _VERSIONS.c.seq)
                    .where(_LATEST.c.connection == connection, _LATEST.c.object == object_, _LATEST.c.record_id.in_(chunk))
                )
                found.update((row.record_id, _staged(row).record) for row in db.execute(query))
        return found


def _store_versions(db: Connection, connection: str, records: Sequence[RawRecord], learnt_at: datetime, *, is_ours: bool) -> Staged:
    """Append the versions whose content differs from the newest stored one. Repeats within `records` fold to the last."""
    folded = {(record.object, record.id): record for record in records}
    known = _known_hashes(db, connection, folded)
    seq = db.execute(select(func.coalesce(func.max(_VERSIONS.c.seq), 0))).scalar_one()
    versions, latest = [], []
    new = changed = 0
    for (object_, id_), record in folded.items():
        payload = orjson.dumps(record.fields, option=orjson.OPT_SORT_KEYS)
        content = _hash(payload, record)
        before = known.get((object_, id_))
        if before == content:
            continue
        new, changed = (new + 1, changed) if before is None else (new, changed + 1)
        seq += 1
        identity = {"connection": connection, "object": object_, "record_id": id_, "seq": seq}
        stamp = {"modified_at": record.modified_at, "is_deleted": record.is_deleted}
        versions.append(
            {
                **identity,
                **stamp,
                "learnt_at": learnt_at,
                "replaced_by": record.replaced_by,
                "is_ours": is_ours,
                "payload": payload,
            }
        )
        latest.append({**identity, **stamp, "content_hash": content})
    insert_all(db, RawVersion, versions)
    upsert(db, RawLatest, latest)
    return Staged(new, changed, len(folded) - new - changed)


def _known_hashes(db: Connection, connection: str, records: Mapping[tuple[str, str], RawRecord]) -> dict[tuple[str, str], str]:
    by_object: dict[str, list[str]] = {}
    for object_, id_ in records:
        by_object.setdefault(object_, []).append(id_)
    known: dict[tuple[str, str], str] = {}
    for object_, ids in by_object.items():
        for chunk in chunks(ids):
            query = select(_LATEST.c.record_id, _LATEST.c.content_hash).where(
                _LATEST.c.connection == connection, _LATEST.c.object == object_, _LATEST.c.record_id.in_(chunk)
            )
            known.update(((object_, row.record_id), row.content_hash) for row in db.execute(query))
    return known


def _hash(payload: bytes, record: RawRecord) -> str:
    digest = hashlib.blake2b(payload, digest_size=16)
    digest.update(b"\x01" if record.is_deleted else b"\x00")
    digest.update((record.replaced_by or "").encode())
    return digest.hexdigest()


def _staged(row: Any) -> StagedRecord:
    record = RawRecord(
        object=row.object,
        id=row.record_id,
        fields=orjson.loads(row.payload),
        modified_at=row.modified_at,
        is_deleted=row.is_deleted,
        replaced_by=row.replaced_by,
    )
    return StagedRecord(row.seq, row.connection, record, row.learnt_at)
