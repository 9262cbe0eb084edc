"""What rules that run silently go on from, and where they disagree with the live ones. Nothing of it is read by live decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, bindparam, select

from crmsync.decisions.frames import CLOCKS, DRAWS, STATE, Before, ValvePosition, empty
from crmsync.store import tables
from crmsync.store.journal import packed, unpacked
from crmsync.store.sql import read_frame, run_for_all, table_of, upsert

_FRAMES = table_of(tables.ShadowFrameRow)
_DISAGREEMENTS = table_of(tables.DisagreementRow)
_META = table_of(tables.Meta)
_SHADOW = "shadow"
_STATE: Mapping[str, Any] = {"state": STATE, "clocks": CLOCKS, "draws": DRAWS}


@dataclass(frozen=True, slots=True)
class Kept:
    """What a shadow goes on from, and since when it runs."""

    before: Before
    since: datetime


@dataclass(frozen=True, slots=True)
class Running:
    """The shadow that runs: under which digest, since when, and when it last decided."""

    digest: str
    since: datetime
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A disagreement that stands."""

    person_id: str
    kind: str
    live: str | None
    shadow: str | None
    since: datetime


class Shadows:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def running(self) -> Running | None:
        """The shadow that ran last; None where none ever did."""
        with self._engine.connect() as db:
            said = self._said(db)
        return (
            None if said is None else Running(said["digest"], *(datetime.fromisoformat(said[n]) for n in ("since", "decided_at")))
        )

    def kept(self, digest: str) -> Kept | None:
        """What the shadow with these rules goes on from; None where it has not run yet."""
        with self._engine.connect() as db:
            said = self._said(db)
            if said is None or said["digest"] != digest:
                return None
            bodies = {row.name: row.body for row in db.execute(select(_FRAMES))}
        frames = {name: unpacked(bodies[name]) if name in bodies else empty(schema) for name, schema in _STATE.items()}
        valve = None if said["valve"] is None else ValvePosition(**said["valve"])
        return Kept(Before(frames["state"], frames["clocks"], frames["draws"], valve), datetime.fromisoformat(said["since"]))

    def keep(self, db: Connection, digest: str, kept: Kept, now: datetime) -> None:
        """Go on from here. Another digest is another shadow: what the one before disagreed about is gone."""
        said = self._said(db)
        if said is None or said["digest"] != digest:
            db.execute(_DISAGREEMENTS.delete())
        frames = {name: getattr(kept.before, name) for name in _STATE}
        upsert(db, tables.ShadowFrameRow, [{"name": name, "body": packed(frame)} for name, frame in frames.items()])
        valve = None if kept.before.valve is None else asdict(kept.before.valve)
        said = {"digest": digest, "since": kept.since, "decided_at": now, "valve": valve}
        upsert(db, tables.Meta, [{"name": _SHADOW, "value": orjson.dumps(said).decode()}])

    def standing(self) -> list[Standing]:
        """Every disagreement that stands."""
        columns = [_DISAGREEMENTS.c[name] for name in ("person_id", "kind", "live", "shadow", "since")]
        with self._engine.connect() as db:
            return [Standing(*row) for row in db.execute(select(*columns).where(_DISAGREEMENTS.c.ended_at.is_(None))).all()]

    def note(
        self,
        db: Connection,
        found: pl.DataFrame,
        because: tuple[Mapping[str, Any], Mapping[str, Any]],
        phases: Mapping[str, str],
        now: datetime,
    ) -> None:
        """Keep the disagreements of now (DISAGREEMENTS): those that are new begin, those that are gone end with the live phase of
        then (`phases`), the others keep the instant since which they stand. `because` are the reasons of those that are new or
        changed, by person, of the live side and of the shadow."""
        columns = ("person_id", "kind", "live", "shadow", "since")
        query = select(*(_DISAGREEMENTS.c[name] for name in columns)).where(_DISAGREEMENTS.c.ended_at.is_(None))
        stood = {(row.person_id, row.kind): row for row in db.execute(query)}
        rows, present = [], set()
        for person, kind, live, shadow in found.iter_rows():
            present.add((person, kind))
            before = stood.get((person, kind))
            if before is not None and (before.live, before.shadow) == (live, shadow):
                continue
            reasons = {name: orjson.dumps(side.get(person, {})).decode() for name, side in zip(_BECAUSE, because, strict=True)}
            since = now if before is None else before.since
            said = {"person_id": person, "kind": kind, "since": since, "live": live, "shadow": shadow}
            rows.append({**said, **reasons, "ended_at": None, "outcome": None})
        upsert(db, tables.DisagreementRow, rows)
        gone = [
            {"of_person": person, "of_kind": kind, "of_since": row.since, "ended": now, "phase": phases.get(person)}
            for (person, kind), row in stood.items()
            if (person, kind) not in present
        ]
        run_for_all(db, _END, gone)

    def frame(self) -> pl.DataFrame:
        """Every disagreement of the shadow that runs, those that are gone too."""
        with self._engine.connect() as db:
            return read_frame(db, tables.DisagreementRow)

    def _said(self, db: Connection) -> dict[str, Any] | None:
        found = db.execute(select(_META.c.value).where(_META.c.name == _SHADOW)).scalar_one_or_none()
        return None if found is None else orjson.loads(found)


_BECAUSE = ("live_because", "shadow_because")
_END = (
    _DISAGREEMENTS.update()
    .where(
        _DISAGREEMENTS.c.person_id == bindparam("of_person"),
        _DISAGREEMENTS.c.kind == bindparam("of_kind"),
        _DISAGREEMENTS.c.since == bindparam("of_since"),
    )
    .values(ended_at=bindparam("ended"), outcome=bindparam("phase"))
)


def leave_shadows(db: Connection, persons: Collection[str]) -> None:
    """Take these persons out of what a shadow goes on from."""
    gone = sorted(persons)
    for row in db.execute(select(_FRAMES)).all():
        frame = unpacked(row.body)
        if "person_id" in frame.columns:
            left = frame.filter(~pl.col("person_id").is_in(gone))
            db.execute(_FRAMES.update().where(_FRAMES.c.name == row.name).values(body=packed(left)))
