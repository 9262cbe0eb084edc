"""What guards compare a plan with, what they halted, and what a person has released."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, func, select

from crmsync.model.changes import Alarm
from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import among, insert_all, read_frame, table_of, upsert, upsert_columns

_WRITTEN = table_of(tables.WrittenRecord)
_HALTS = table_of(tables.HaltRow)
_RELEASES = table_of(tables.ReleaseRow)
_PEOPLE = table_of(tables.PersonRow)
_LATEST = table_of(tables.RawLatest)
_VERSIONS = table_of(tables.RawVersion)
_WISH_DIGITS = 16
_HALTS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Halt:
    """One connection's part of a plan that a guard halted. `seq` is the newest staged version of the connection then."""

    digest: str
    connection: str
    alarms: tuple[Alarm, ...]
    wishes: frozenset[str]
    seq: int


class Guards:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note_written(self, db: Connection, connection: str, object_: str, ids: Collection[str]) -> None:
        """We have written to these records of one object."""
        columns = {"connection": [connection] * len(ids), "object": [object_] * len(ids), "record_id": list(ids)}
        upsert_columns(db, tables.WrittenRecord, columns)

    def written(self, connection: str, objects: Collection[str]) -> int:
        """How many records of these objects we have ever written to."""
        mine = (_WRITTEN.c.connection == connection, _WRITTEN.c.object.in_(sorted(objects)))
        with self._engine.connect() as db:
            return int(db.execute(select(func.count()).select_from(_WRITTEN).where(*mine)).scalar_one())

    def written_of(self, refs: Iterable[RecordRef]) -> frozenset[RecordRef]:
        """Those of these records that we have written to before."""
        by_object: dict[tuple[str, str], list[str]] = {}
        for ref in refs:
            by_object.setdefault((ref.connection, ref.object), []).append(ref.id)
        found: set[RecordRef] = set()
        with self._engine.connect() as db:
            for (connection, object_), ids in by_object.items():
                mine = (_WRITTEN.c.connection == connection, _WRITTEN.c.object == object_, among(db, _WRITTEN.c.record_id, ids))
                known = db.execute(select(_WRITTEN.c.record_id).where(*mine)).scalars()
                found.update(RecordRef(connection, object_, id_) for id_ in known)
        return frozenset(found)

    def books(self, connection: str) -> dict[str, int]:
        """User of a connection → how many live records of people they own there; "" has those of nobody."""
        # "0" follows "/": the refs of one connection, by the index on them
        mine = (_PEOPLE.c.ref >= f"{connection}/", _PEOPLE.c.ref < f"{connection}0", _PEOPLE.c.is_deleted.is_(False))
        query = select(_PEOPLE.c.owner, func.count()).where(*mine).group_by(_PEOPLE.c.owner)
        with self._engine.connect() as db:
            return {RecordRef.parse(owner).id if owner else "": int(count) for owner, count in db.execute(query)}

    def gone_since(self, connection: str, objects: Collection[str], seq: int) -> dict[str, int]:
        """Object → how many of its records have gone with a version numbered above `seq`, and are still gone. One that was merged
        into another has not gone."""
        is_same = (
            (_LATEST.c.connection == _VERSIONS.c.connection)
            & (_LATEST.c.object == _VERSIONS.c.object)
            & (_LATEST.c.record_id == _VERSIONS.c.record_id)
        )
        query = (
            select(_VERSIONS.c.object, func.count(_VERSIONS.c.record_id.distinct()))
            .join(_LATEST, is_same)
            .where(
                _VERSIONS.c.connection == connection,
                _VERSIONS.c.seq > seq,
                _VERSIONS.c.object.in_(sorted(objects)),
                _VERSIONS.c.is_deleted.is_(True),
                _VERSIONS.c.replaced_by.is_(None),
                _LATEST.c.is_deleted.is_(True),
            )
            .group_by(_VERSIONS.c.object)
            .order_by(_VERSIONS.c.object)
        )
        with self._engine.connect() as db:
            return {object_: int(count) for object_, count in db.execute(query)}

    def live(self, connection: str, object_: str) -> int:
        """How many records of an object there are, as far as we know."""
        mine = (_LATEST.c.connection == connection, _LATEST.c.object == object_, _LATEST.c.is_deleted.is_(False))
        with self._engine.connect() as db:
            return int(db.execute(select(func.count()).select_from(_LATEST).where(*mine)).scalar_one())

    def note_halts(self, db: Connection, halts: Sequence[Halt], now: datetime) -> None:
        """Remember what was halted, so that a person can release it."""
        upsert(
            db,
            tables.HaltRow,
            [
                {
                    "digest": halt.digest,
                    "connection": halt.connection,
                    "at": now,
                    "alarms": _dump(halt.alarms),
                    "wishes": "".join(sorted(halt.wishes)),
                    "seq": halt.seq,
                }
                for halt in halts
            ],
        )
        for halt in halts:
            mine = _HALTS.c.connection == halt.connection
            newest = select(_HALTS.c.at).where(mine).order_by(_HALTS.c.at.desc()).offset(_HALTS_KEPT).limit(1)
            oldest = db.execute(newest).scalar_one_or_none()
            if oldest is not None:
                db.execute(_HALTS.delete().where(mine, _HALTS.c.at <= oldest))

    def halts(self, digest: str) -> tuple[Halt, ...]:
        """What was halted of the plan with this digest, by connection."""
        query = select(_HALTS).where(_HALTS.c.digest == digest).order_by(_HALTS.c.connection)
        with self._engine.connect() as db:
            return tuple(
                Halt(row.digest, row.connection, _load(row.alarms), _wishes(row.wishes), row.seq) for row in db.execute(query)
            )

    def release(self, db: Connection, halts: Sequence[Halt], *, by: str, because: str, now: datetime) -> None:
        """Let these go: who, when and why."""
        common = {"by": by, "because": because, "at": now}
        insert_all(
            db,
            tables.ReleaseRow,
            [
                {
                    "digest": halt.digest,
                    "connection": halt.connection,
                    "alarms": _dump(halt.alarms),
                    "wishes": "".join(sorted(halt.wishes)),
                    **common,
                }
                for halt in halts
            ],
        )

    def released(self, connection: str, since: datetime) -> frozenset[str]:
        """The wishes of one connection that were released at or after `since`."""
        query = select(_RELEASES.c.wishes).where(_RELEASES.c.connection == connection, _RELEASES.c.at >= since)
        with self._engine.connect() as db:
            return frozenset().union(*(_wishes(text) for text in db.execute(query).scalars()))

    def releases(self) -> pl.DataFrame:
        """Every release there was, oldest first: digest, connection, by, because, at, alarms (JSON)."""
        with self._engine.connect() as db:
            columns = ["id", "digest", "connection", "by", "because", "at", "alarms"]
            return read_frame(db, tables.ReleaseRow, columns=columns)


def _wishes(text: str) -> frozenset[str]:
    return frozenset(text[at : at + _WISH_DIGITS] for at in range(0, len(text), _WISH_DIGITS))


def _dump(alarms: Sequence[Alarm]) -> str:
    return orjson.dumps([asdict(alarm) for alarm in alarms]).decode()


def _load(text: str) -> tuple[Alarm, ...]:
    rows: list[Mapping[str, object]] = orjson.loads(text)
    return tuple(Alarm(**row) for row in rows)  # type: ignore[arg-type]  # as `_dump` wrote them
