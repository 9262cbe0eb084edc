"""Rows of the past, as they are carried from one store into another that is brought back to an earlier moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, select
from sqlmodel import SQLModel

from crmsync.store import tables
from crmsync.store.decision_log import unpack
from crmsync.store.journal import keep_frames, unpacked
from crmsync.store.sql import insert_all, insert_frame, table_of, upsert, upsert_frame

_VERSIONS = table_of(tables.RawVersion)
_DECISIONS = table_of(tables.DecisionRow)
_DESIRED = table_of(tables.DesiredRow)
_GAPS = table_of(tables.GapRow)
_OUTBOX = table_of(tables.OutboxRow)
_BODIES = table_of(tables.OutboxBody)
_WITH_BODY = select(_OUTBOX, _BODIES.c.body).join(_BODIES, _BODIES.c.id == _OUTBOX.c.id).order_by(_OUTBOX.c.id)
_RUNS = table_of(tables.RunRow)
_VALVES = table_of(tables.ValveRow)
_PAGE = 2_000
_KEPT: Mapping[str, type[SQLModel]] = {"state": tables.StateRow, "clocks": tables.ClockRow, "draws": tables.DrawRow}
# The CRM's answer is recorded under the instant of its run; what was planned and not answered yet had been sent, or not.
_UNANSWERED = {"finished_at": None, "seen_at": None, "code": "", "message": None, "is_settled": False}

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class KeptRun:
    """What one decision left: frames by name, its log of decisions in order, the valve where it moved, and what it planned."""

    run: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]
    decisions: Rows
    valve: Rows
    outbox: Rows = ()


class Past:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def versions(self, after: int, through: int) -> Iterator[Rows]:
        """Raw versions numbered above `after` up to `through`, page by page."""
        while True:
            query = select(_VERSIONS).where(_VERSIONS.c.seq > after, _VERSIONS.c.seq <= through).order_by(_VERSIONS.c.seq)
            with self._engine.connect() as db:
                rows = [dict(row) for row in db.execute(query.limit(_PAGE)).mappings()]
            if not rows:
                return
            yield rows
            after = rows[-1]["seq"]

    def put_versions(self, rows: Rows) -> None:
        with self._engine.begin() as db:
            insert_all(db, tables.RawVersion, rows)

    def standing(self, run_id: str) -> KeptRun:
        """What was kept of where a run left everyone and the valve: not how it came there, its log and what it planned."""
        with self._engine.connect() as db:
            valve = [dict(row) for row in db.execute(select(_VALVES).where(_VALVES.c.run_id == run_id)).mappings()]
            return KeptRun(_run(db, run_id), _frames(db, run_id, tuple(_KEPT)), (), valve)

    def put_standing(self, db: Connection, kept: KeptRun) -> None:
        """Everyone and the valve stand from now on where this run left them."""
        upsert(db, tables.RunRow, [kept.run])
        for name, model in _KEPT.items():
            if name in kept.frames:
                upsert_frame(db, model, kept.frames[name])
        upsert(db, tables.ValveRow, kept.valve)

    def run(self, run_id: str) -> KeptRun:
        """What was kept of a run."""
        with self._engine.connect() as db:
            decisions = db.execute(select(_DECISIONS).where(_DECISIONS.c.run_id == run_id).order_by(_DECISIONS.c.id)).mappings()
            valve = db.execute(select(_VALVES).where(_VALVES.c.run_id == run_id)).mappings()
            outbox = db.execute(_WITH_BODY.where(_OUTBOX.c.run_id == run_id)).mappings()
            return KeptRun(
                run=_run(db, run_id),
                frames=_frames(db, run_id),
                decisions=[dict(row) for row in decisions],
                valve=[dict(row) for row in valve],
                outbox=[_as_planned(dict(row)) for row in outbox],
            )

    def put_run(self, db: Connection, kept: KeptRun) -> None:
        """Bring the store to where this run left it."""
        self.put_standing(db, kept)
        keep_frames(db, kept.run["run_id"], {name: frame for name, frame in kept.frames.items() if name == "state"})
        if "moves" in kept.frames:
            insert_frame(db, tables.MoveRow, kept.frames["moves"], run_id=kept.run["run_id"])
        _put_outbox(db, kept.outbox)
        bodies = [unpack(row["body"])["desired"] for row in kept.decisions]
        insert_all(
            db,
            tables.DecisionRow,
            [
                {**{name: row[name] for name in ("run_id", "at", "body")}, "person_id": body["person_id"]}
                for row, body in zip(kept.decisions, bodies, strict=True)
            ],
        )
        upsert(db, tables.DesiredRow, [{**_typed(body), "is_planned": True} for body in bodies])

    def gaps_at(self, at: datetime) -> Rows:
        """The gaps found by then, open where they were open then."""
        with self._engine.connect() as db:
            rows = db.execute(select(_GAPS).where(_GAPS.c.opened_at <= at)).mappings().all()
        return [
            {**row, "closed_at": None if row["closed_at"] is None or row["closed_at"] > at else row["closed_at"]} for row in rows
        ]

    def put_gaps(self, rows: Rows) -> None:
        with self._engine.begin() as db:
            upsert(db, tables.GapRow, rows)

    def outbox_at(self, at: datetime) -> Rows:
        """What was planned by then, with what was known of it then, under the ids that people went by then."""
        with self._engine.connect() as db:
            rows = db.execute(_WITH_BODY.where(_OUTBOX.c.planned_at <= at)).mappings().all()
        return [_as_of(dict(row), at) for row in rows]

    def put_outbox(self, rows: Rows) -> None:
        with self._engine.begin() as db:
            _put_outbox(db, rows)


def _put_outbox(db: Connection, rows: Rows) -> None:
    """Rows of the outbox that have their bodies with them."""
    upsert(db, tables.OutboxRow, [{name: value for name, value in row.items() if name != "body"} for row in rows])
    upsert(db, tables.OutboxBody, [{"id": row["id"], "body": row["body"]} for row in rows])


def _run(db: Connection, run_id: str) -> dict[str, Any]:
    return dict(db.execute(select(_RUNS).where(_RUNS.c.run_id == run_id)).mappings().one())


def _frames(db: Connection, run_id: str, names: Collection[str] = ()) -> dict[str, pl.DataFrame]:
    """What was kept of a run under these names; under all where none is given."""
    kept = table_of(tables.DecidedFrameRow)
    mine = (kept.c.run_id == run_id, *([kept.c.name.in_(names)] if names else []))
    return {row.name: unpacked(row.body) for row in db.execute(select(kept).where(*mine))}


def _as_planned(row: Mapping[str, Any]) -> dict[str, Any]:
    """An outbox row under the id that its person went by then."""
    return {**row, "person_id": orjson.loads(row["body"])["person_id"]}


def _as_of(row: dict[str, Any], at: datetime) -> dict[str, Any]:
    """An outbox row as it stood then. One that a later plan superseded had been sent without a sure answer, or not at all."""
    row = _as_planned(row)
    if row["finished_at"] is None or row["finished_at"] <= at:
        return row
    state = "planned" if row["sent_at"] is None or row["sent_at"] > at else "unknown"
    return {**row, **_UNANSWERED, "state": state}


def _typed(desired: Mapping[str, Any]) -> dict[str, Any]:
    """What the decision log holds as JSON, as the table wants it."""
    kinds = {name: isinstance(_DESIRED.c[name].type, tables.Instant) for name in desired}
    return {
        name: datetime.fromisoformat(value) if kinds[name] and isinstance(value, str) else value for name, value in desired.items()
    }
