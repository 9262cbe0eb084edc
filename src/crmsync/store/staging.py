"""Raw versions and cursors: what was pulled, exactly, and how far. A page and its cursor are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Select, func, select

from crmsync.model.records import RawRecord, RecordRef
from crmsync.store.columns import by_rows
from crmsync.store.own_writes import Written, store_own_writes
from crmsync.store.sql import among, insert_all, table_of, upsert
from crmsync.store.tables import Again, CursorRow, RawLatest, RawVersion, Watermark
from crmsync.store.versions import PAYLOADS, Staged, StagedRecord, newest_of, store_versions, with_whole

_VERSIONS = table_of(RawVersion)
_AGAIN = table_of(Again)
_LATEST = table_of(RawLatest)
_CURSORS = table_of(CursorRow)
_WATERMARKS = table_of(Watermark)
# What a staged record is made of.
_STAGED = with_whole(
    select(
        *(
            _VERSIONS.c[name]
            for name in ("seq", "connection", "object", "record_id", "modified_at", "learnt_at", "is_deleted", "replaced_by")
        ),
        *PAYLOADS,
    )
)


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
            counts = store_versions(db, connection, records, learnt_at)
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
        return store_versions(db, connection, records, learnt_at)

    def stage_own_writes(
        self, db: Connection, connection: str, object_: str, written: Mapping[str, Written], learnt_at: datetime
    ) -> None:
        """Store the versions that our own confirmed writes made, by the ids of their records: what is known of each, with the
        written values in it. So the next plan compares with them even where the CRM's search index lags behind its writes. Where
        the CRM gave no stamp the known one stays: the next write then finds that the record has moved, and looks before it
        writes."""
        store_own_writes(db, connection, object_, written, learnt_at)

    def stage_own(self, db: Connection, connection: str, records: Iterable[RawRecord], learnt_at: datetime) -> None:
        """Store what our own confirmed writes made of records that are told whole by it, such as memberships."""
        store_versions(db, connection, list(records), learnt_at, is_ours=True)

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
            pairs = sorted(map(tuple, db.execute(query).all()))
        return [RecordRef(connection, object_, id_) for object_, id_ in pairs], newest

    def seen_since(self, connection: str, seq: int) -> list[RecordRef]:
        """Records with a version numbered above `seq`, our own writes included."""
        mine = (_VERSIONS.c.connection == connection, _VERSIONS.c.seq > seq)
        query = select(_VERSIONS.c.object, _VERSIONS.c.record_id).where(*mine).distinct()
        with self._engine.connect() as db:
            pairs = sorted(map(tuple, db.execute(query).all()))
        return [RecordRef(connection, object_, id_) for object_, id_ in pairs]

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
        mine = (_VERSIONS.c.connection == connection, _VERSIONS.c.seq > seq)
        with self._engine.connect() as db:
            return _staged(db, lambda staged: staged.where(*mine).order_by(_VERSIONS.c.seq).limit(limit))

    def due_again(self, connection: str, now: datetime) -> list[StagedRecord]:
        """Versions whose meaning has changed because time has passed, in order."""
        due = (_AGAIN.c.connection == connection, _AGAIN.c.at <= now)
        with self._engine.connect() as db:
            return _staged(
                db, lambda staged: staged.join(_AGAIN, _AGAIN.c.seq == _VERSIONS.c.seq).where(*due).order_by(_VERSIONS.c.seq)
            )

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
            return newest_of(db, connection, object_, ids)


def _staged(db: Connection, narrowed: Callable[[Select[Any]], Select[Any]]) -> list[StagedRecord]:
    """The versions that a narrowed `_STAGED` gives."""
    return [
        StagedRecord(
            seq,
            connection,
            RawRecord(object_, id_, own if whole is None else {**whole, **own}, modified_at, is_deleted, replaced_by),
            learnt_at,
        )
        for seq, connection, object_, id_, modified_at, learnt_at, is_deleted, replaced_by, own, whole in zip(
            *by_rows(db, _STAGED, narrowed), strict=True
        )
    ]
