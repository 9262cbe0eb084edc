"""The versions that our own confirmed writes made. Each says only what we wrote, and from which whole version it differs.

A nightly round writes a few values to everybody. A whole version each time would be read, made anew and hashed for them, and would
fill the store with what it holds already. The next pull brings the record as it is: it is compared with the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, select

from crmsync.store.columns import packed
from crmsync.store.sql import among, insert_columns, table_of, upsert_columns
from crmsync.store.tables import RawLatest, RawVersion
from crmsync.store.versions import NOT_HASHED, is_late, next_seq, packed_fields, restamp

_VERSIONS = table_of(RawVersion)
_LATEST = table_of(RawLatest)
_NOTHING = b"{}"
_IS_WHOLE = _VERSIONS.c.differs_from.is_(None)
# What is known of a record, without its whole payload: nothing of that is needed.
_KNOWN = select(
    _VERSIONS.c.record_id,
    case((_IS_WHOLE, _VERSIONS.c.seq), else_=_VERSIONS.c.differs_from),
    case((_IS_WHOLE, _NOTHING), else_=_VERSIONS.c.payload),
    _LATEST.c.modified_at,
    _VERSIONS.c.is_deleted,
    _VERSIONS.c.replaced_by,
    _LATEST.c.content_hash,
).join(_LATEST, _LATEST.c.seq == _VERSIONS.c.seq)


class Written(NamedTuple):
    """What we wrote to a record, and the stamp that the CRM gave it for that; None: it gave none."""

    values: Mapping[str, Any]
    modified_at: datetime | None


def store_own_writes(db: Connection, connection: str, object_: str, written: Mapping[str, Written], learnt_at: datetime) -> None:
    """Append a version for each of these records, by id, of which something is known. One that says what the version before it
    said only renews the stamp; one older than that is no news, as with `store_versions`."""
    mine = (_LATEST.c.connection == connection, _LATEST.c.object == object_, among(db, _LATEST.c.record_id, written))
    rows, again = list[tuple[Any, ...]](), list[dict[str, Any]]()
    for id_, whole, before, known_at, is_deleted, replaced_by, content in zip(*packed(db, _KNOWN, *mine), strict=True):
        values, stamp = written[id_]
        at = stamp or known_at
        says = {**before, **values}
        if is_late(at, known_at):
            continue
        if says == before:
            again.append({"of_object": object_, "of_record": id_, "stamp": at, "content": content})
        else:
            rows.append((id_, at, is_deleted, replaced_by, whole, packed_fields(says)))
    restamp(db, connection, again)
    if rows:
        _insert(db, connection, object_, rows, learnt_at)


def _insert(db: Connection, connection: str, object_: str, rows: list[tuple[Any, ...]], learnt_at: datetime) -> None:
    ids, stamps, deleted, replaced, wholes, payloads = map(list, zip(*rows, strict=True))
    first, count = next_seq(db), len(rows)
    shared = {
        "connection": [connection] * count,
        "object": [object_] * count,
        "record_id": ids,
        "seq": range(first, first + count),
        "modified_at": stamps,
        "is_deleted": deleted,
    }
    own = {"replaced_by": replaced, "differs_from": wholes, "payload": payloads}
    insert_columns(db, RawVersion, {**shared, **own, "learnt_at": [learnt_at] * count, "is_ours": [True] * count})
    upsert_columns(db, RawLatest, {**shared, "content_hash": [NOT_HASHED] * count})
