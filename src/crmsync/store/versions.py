"""Versions of records, one after the other: what is news is appended, repetitions and late deliveries are not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Select, bindparam, func, select

from crmsync.identity.erasure import tombstone
from crmsync.model.records import RawRecord, RecordRef
from crmsync.store.sql import among, insert_columns, run_for_all, table_of, upsert_columns
from crmsync.store.tables import RawLatest, RawVersion
from crmsync.store.tombstones import tombstones_in

_VERSIONS = table_of(RawVersion)
_LATEST = table_of(RawLatest)
_RESTAMP = (
    _LATEST.update()
    .where(
        _LATEST.c.connection == bindparam("of_connection"),
        _LATEST.c.object == bindparam("of_object"),
        _LATEST.c.record_id == bindparam("of_record"),
    )
    .values(modified_at=bindparam("stamp"), content_hash=bindparam("content"))
)

Identity = tuple[str, str]
"""Object and id: what tells the records of one connection apart."""

# The whole version from which one that our own write made differs.
_WHOLE = _VERSIONS.alias("whole")
PAYLOADS = (_VERSIONS.c.payload, _WHOLE.c.payload.label("whole"))

NOT_HASHED = ""
"""The hash of a content that nothing has been compared with yet."""

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


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a record: the hash of its content, with whether that is stored too, and the vendor's newest stamp."""

    content: str
    modified_at: datetime | None
    is_hashed: bool = True

    def is_to_be_renewed(self, stamp: datetime | None) -> bool:
        """Whether the same content under this stamp says anything that is not stored."""
        return not self.is_hashed or _is_newer(stamp, self.modified_at)


def with_whole(query: Select[Any]) -> Select[Any]:
    """A query for versions with `PAYLOADS` among its columns."""
    return query.join(_WHOLE, _WHOLE.c.seq == _VERSIONS.c.differs_from, isouter=True)


def fields_in(payload: bytes, whole: bytes | None) -> dict[str, Any]:
    """What a version says, given the whole one from which it differs; None: it is whole itself."""
    own: dict[str, Any] = orjson.loads(payload)
    return own if whole is None else {**orjson.loads(whole), **own}


def newest_of(db: Connection, connection: str, object_: str, ids: Iterable[str]) -> dict[str, RawRecord]:
    """The newest stored version of each of these records, under the newest stamp that its content was seen with."""
    mine = (_LATEST.c.connection == connection, _LATEST.c.object == object_, among(db, _LATEST.c.record_id, ids))
    return {
        id_: RawRecord(object_, id_, fields_in(payload, whole), stamp, is_deleted, replaced_by)
        for id_, stamp, is_deleted, replaced_by, payload, whole in db.execute(_NEWEST.where(*mine))
    }


_NEWEST = with_whole(
    select(_VERSIONS.c.record_id, _LATEST.c.modified_at, _VERSIONS.c.is_deleted, _VERSIONS.c.replaced_by, *PAYLOADS).join(
        _LATEST, _LATEST.c.seq == _VERSIONS.c.seq
    )
)


def store_versions(
    db: Connection, connection: str, records: Sequence[RawRecord], learnt_at: datetime, *, is_ours: bool = False
) -> Staged:
    """Append what is news in these records: the versions whose content differs from the newest stored one. Repeats among them fold
    to the newest. A version older than the stored one is no news but a late delivery: a search index that lags shows it after we
    have read, or written, a newer one. `is_ours`: our own writes made them."""
    folded = _newest_of_each(_not_forgotten(db, connection, records))
    known = _known_versions(db, connection, folded)
    found = [(record, known.get(identity), *_content_of(record)) for identity, record in folded.items()]
    if known:
        restamp(db, connection, list(_renewed(found)))
        found = [one for one in found if _is_news(*one)]
    first = next_seq(db)
    seqs = range(first, first + len(found))
    fresh = [record for record, *_ in found]
    shared = _columns(connection, fresh, seqs)
    own: dict[str, Sequence[Any]] = {
        "replaced_by": [record.replaced_by for record in fresh],
        "payload": [payload for _, _, payload, _ in found],
        "is_ours": [is_ours] * len(fresh),
        "learnt_at": [learnt_at] * len(fresh),
    }
    insert_columns(db, RawVersion, {**shared, **own})
    upsert_columns(db, RawLatest, {**shared, "content_hash": [content for *_, content in found]})
    staged = tuple(
        StagedRecord(seq, connection, record, learnt_at, before is None)
        for seq, (record, before, _, _) in zip(seqs, found, strict=True)
    )
    new = sum(before is None for _, before, _, _ in found)
    return Staged(new, len(fresh) - new, len(folded) - len(fresh), staged)


Found = tuple[RawRecord, Known | None, bytes, str]
"""A record, what was known of it, and its content with its hash."""


def _is_news(record: RawRecord, before: Known | None, _payload: bytes, content: str) -> bool:
    return before is None or not (is_late(record.modified_at, before.modified_at) or before.content == content)


def _renewed(found: Iterable[Found]) -> Iterator[dict[str, Any]]:
    """What is to be noted of records that say the same under a newer stamp, or are the first to be compared."""
    for record, before, _, content in found:
        if before is None or before.content != content or is_late(record.modified_at, before.modified_at):
            continue
        if before.is_to_be_renewed(record.modified_at):
            stamp = record.modified_at or before.modified_at
            yield {"of_object": record.object, "of_record": record.id, "stamp": stamp, "content": content}


def next_seq(db: Connection) -> int:
    """The number of the version that is stored next."""
    return int(db.execute(_LAST_SEQ).scalar_one()) + 1


_LAST_SEQ = select(func.coalesce(func.max(_VERSIONS.c.seq), 0))


def _columns(connection: str, records: Sequence[RawRecord], seqs: Sequence[int]) -> dict[str, Sequence[Any]]:
    """What a version and the note that it is the latest have in common."""
    return {
        "connection": [connection] * len(records),
        "object": [record.object for record in records],
        "record_id": [record.id for record in records],
        "seq": seqs,
        "modified_at": [record.modified_at for record in records],
        "is_deleted": [record.is_deleted for record in records],
    }


def _not_forgotten(db: Connection, connection: str, records: Sequence[RawRecord]) -> Sequence[RawRecord]:
    """The records that nobody had erased, whichever way they came. What else speaks of the forgotten is stopped at the gate of a
    pull, which knows the mappings."""
    key, kept_out = tombstones_in(db)
    if not kept_out:
        return records
    return [r for r in records if tombstone(key, "record", f"{connection}/{r.object}/{r.id}") not in kept_out]


def _newest_of_each(records: Sequence[RawRecord]) -> dict[Identity, RawRecord]:
    """Of several versions of one record on a page the newest; of equally new ones the last."""
    newest = {(record.object, record.id): record for record in records}
    if len(newest) == len(records):
        return newest
    newest.clear()
    for record in records:
        before = newest.get((record.object, record.id))
        if before is None or not is_late(record.modified_at, before.modified_at):
            newest[(record.object, record.id)] = record
    return newest


def is_late(stamp: datetime | None, known: datetime | None) -> bool:
    """Whether a version of this stamp is a late delivery beside a known one."""
    return stamp is not None and known is not None and stamp <= known - LATE_BY


def _is_newer(stamp: datetime | None, known: datetime | None) -> bool:
    return stamp is not None and (known is None or stamp > known)


def restamp(db: Connection, connection: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same content under a newer stamp: the version stands, and is compared under the new stamp before it is written to."""
    run_for_all(db, _RESTAMP, [{"of_connection": connection, **row} for row in rows])


def _known_versions(db: Connection, connection: str, records: Mapping[Identity, RawRecord]) -> dict[Identity, Known]:
    by_object: dict[str, list[str]] = {}
    for object_, id_ in records:
        by_object.setdefault(object_, []).append(id_)
    known: dict[Identity, Known] = {}
    for object_, ids in by_object.items():
        query = select(_LATEST.c.record_id, _LATEST.c.content_hash, _LATEST.c.modified_at).where(
            _LATEST.c.connection == connection, _LATEST.c.object == object_, among(db, _LATEST.c.record_id, ids)
        )
        found = {id_: Known(content, stamp) for id_, content, stamp in db.execute(query)}
        unhashed = [id_ for id_, one in found.items() if one.content == NOT_HASHED]
        for id_, record in (newest_of(db, connection, object_, unhashed) if unhashed else {}).items():
            content = content_hash(payload_of(record.fields), record.is_deleted, record.replaced_by)
            found[id_] = Known(content, found[id_].modified_at, is_hashed=False)
        known.update({(object_, id_): one for id_, one in found.items()})
    return known


def _content_of(record: RawRecord) -> tuple[bytes, str]:
    payload = payload_of(record.fields)
    return payload, content_hash(payload, record.is_deleted, record.replaced_by)


def payload_of(fields: Mapping[str, Any]) -> bytes:
    """What is stored of a whole version, the same bytes for the same content. Fields without a value are left out: most of those
    that are asked for are empty, and one that is asked for from now on makes no record new that has nothing there."""
    return packed_fields({name: value for name, value in fields.items() if value is not None})


def packed_fields(fields: Mapping[str, Any]) -> bytes:
    """Fields as JSON, in the order of their names."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def content_hash(payload: bytes, is_deleted: bool, replaced_by: str | None) -> str:
    """By what two versions of a record are told to say the same."""
    state = b"\x01" if is_deleted else b"\x00"
    return hashlib.blake2b(payload + state + (replaced_by or "").encode(), digest_size=16).hexdigest()
