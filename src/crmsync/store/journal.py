"""The journal: in which order things were learnt, decided and said, and what each decision left. Append-only; with the raw versions
it is all that is needed to decide any past moment again."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, func, select

from crmsync.store import tables
from crmsync.store.sql import insert_all, table_of, upsert

_JOURNAL = table_of(tables.JournalRow)
_FRAMES = table_of(tables.DecidedFrameRow)
_VERSIONS = table_of(tables.RawVersion)
_FASTEST = 1  # of zlib: what it takes out is the padding of small frames, large ones are packed already


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that changed what is known or decided: "learnt", "decided", "same", "different", "taken_back" (answers of the
    review), "parted", "forgotten", "vetoed", "lifted" (a veto against a move of the valve). What `body` holds depends on it."""

    act: str
    at: datetime
    run_id: str
    body: Mapping[str, Any]


class Journal:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, db: Connection, act: str, at: datetime, body: Mapping[str, Any], run_id: str = "") -> None:
        """Write down that this happened, together with what else is done in the transaction."""
        insert_all(db, tables.JournalRow, [{"act": act, "at": at, "run_id": run_id, "body": orjson.dumps(dict(body)).decode()}])

    def learnt(self, at: datetime) -> None:
        """Everything staged so far has been read and resolved."""
        with self._engine.begin() as db:
            through = db.execute(select(func.coalesce(func.max(_VERSIONS.c.seq), 0))).scalar_one()
            self.note(db, "learnt", at, {"through": int(through)})

    def said(self) -> int:
        """How often something was said or forgotten, besides what was learnt and decided."""
        query = select(func.count()).select_from(_JOURNAL).where(_JOURNAL.c.act.not_in(("learnt", "decided")))
        with self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def entries(self) -> Iterator[Entry]:
        """All of it, in the order in which it happened."""
        with self._engine.connect() as db:
            rows = db.execute(select(_JOURNAL).order_by(_JOURNAL.c.id)).all()
        return (Entry(row.act, row.at, row.run_id, orjson.loads(row.body)) for row in rows)

    def frame(self, run_id: str, name: str) -> pl.DataFrame | None:
        """What a run kept under this name; None for nothing."""
        query = select(_FRAMES.c.body).where(_FRAMES.c.run_id == run_id, _FRAMES.c.name == name)
        with self._engine.connect() as db:
            body = db.execute(query).scalar_one_or_none()
        return None if body is None else unpacked(body)

    def frames(self, name: str) -> Iterator[pl.DataFrame]:
        """What every run kept under this name, in the order in which they ran."""
        runs = table_of(tables.RunRow)
        query = (
            select(_FRAMES.c.body)
            .join(runs, runs.c.run_id == _FRAMES.c.run_id)
            .where(_FRAMES.c.name == name)
            .order_by(runs.c.now, runs.c.run_id)
        )
        with self._engine.connect().execution_options(yield_per=50) as db:
            for body in db.execute(query).scalars():
                yield unpacked(body)


def keep_frames(db: Connection, run_id: str, frames: Mapping[str, pl.DataFrame]) -> None:
    """Keep what a decision was given or left, by name. An empty frame is not kept."""
    rows = [{"run_id": run_id, "name": name, "body": packed(frame)} for name, frame in frames.items() if frame.height]
    upsert(db, tables.DecidedFrameRow, rows)


def without_persons(db: Connection, persons: Collection[str]) -> None:
    """Take these persons out of everything that was kept of decisions."""
    gone = sorted(persons)
    for row in db.execute(select(_FRAMES)).all():
        frame = unpacked(row.body)
        left = frame.filter(~pl.col("person_id").is_in(gone)) if "person_id" in frame.columns else frame
        if left.height < frame.height:
            here = (_FRAMES.c.run_id == row.run_id, _FRAMES.c.name == row.name)
            db.execute(_FRAMES.update().where(*here).values(body=packed(left)))


def forget_answers(db: Connection, persons: Collection[str], records: Collection[str]) -> None:
    """Take out what was answered about these persons or their records."""
    gone = {*persons, *records}
    answers = select(_JOURNAL.c.id, _JOURNAL.c.body).where(_JOURNAL.c.act.in_(("same", "different", "taken_back", "parted")))
    for row in db.execute(answers).all():
        body = orjson.loads(row.body)
        if gone & {*(value for value in body.values() if isinstance(value, str)), *body.get("persons", ())}:
            db.execute(_JOURNAL.delete().where(_JOURNAL.c.id == row.id))


def packed(frame: pl.DataFrame) -> bytes:
    """A frame as it is kept."""
    buffer = BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    return zlib.compress(buffer.getvalue(), _FASTEST)


def unpacked(body: bytes) -> pl.DataFrame:
    """A frame as it was kept."""
    return pl.read_ipc(BytesIO(zlib.decompress(body)))
