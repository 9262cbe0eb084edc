"""What was decided: the state of each person, clocks, moves, the valve, gaps, and the decision log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, func, select
from sqlmodel import SQLModel

from crmsync.decisions.frames import CLOCKS, DRAWS, STATE, Before, Decisions, ValvePosition, Veto, conform
from crmsync.decisions.sla import DEPARTMENTS
from crmsync.store import tables
from crmsync.store.decision_log import Entries, unpack
from crmsync.store.journal import keep_frames
from crmsync.store.sql import (
    among,
    chunks,
    insert_frame,
    insert_frames,
    read_among,
    read_frame,
    run_for_columns,
    table_of,
    upsert,
    upsert_frame,
)
from crmsync.store.vetoes import veto_in

_DECISIONS = table_of(tables.DecisionRow)
_DESIRED = table_of(tables.DesiredRow)
_GAPS = table_of(tables.GapRow)
_MOVES = table_of(tables.MoveRow)
_STATES = table_of(tables.StateRow)
_CLOCKS = table_of(tables.ClockRow)
_VALVES = table_of(tables.ValveRow)
ANSWERING = tuple(DEPARTMENTS.values())
_MARKED_AT_ONCE = 20_000
_CLOSE_GAP = (
    _GAPS.update()
    .where(_GAPS.c.gap == bindparam("of"), _GAPS.c.person_id == bindparam("whose"), _GAPS.c.closed_at.is_(None))
    .values(closed_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a decision changes: the rows of each kind that differ from before, the desired values that do, the new entry in each
    person's log, and the valve where it moved."""

    frames: Mapping[str, pl.DataFrame]
    desired: pl.DataFrame
    entries: Entries
    valve: ValvePosition | None

    @property
    def moved(self) -> set[str]:
        """Whose state or clocks are others now."""
        return set(pl.concat([self.frames[name]["person_id"] for name in ("state", "clocks", "moves")]).unique().to_list())


class Decided:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def before(self, whom: Collection[str] | None = None) -> Before:
        """What earlier decisions left, of everyone or of `whom`."""
        state, clocks = self.states(whom), self.clocks(whom)
        with self._engine.connect() as db:
            return Before(
                state=conform(state, STATE),
                clocks=conform(clocks, CLOCKS),
                draws=conform(read_frame(db, tables.DrawRow), DRAWS),
                valve=_valve(db),
                veto=veto_in(db),
            )

    def veto(self) -> Veto | None:
        """The newest veto that nobody took back; its last day may be over."""
        with self._engine.connect() as db:
            return veto_in(db)

    def valve(self) -> ValvePosition | None:
        """Where the valve stands; None before it was first looked at."""
        with self._engine.connect() as db:
            return _valve(db)

    def save(
        self,
        db: Connection,
        run_id: str,
        now: datetime,
        before: Before,
        decisions: Decisions,
        desired: pl.DataFrame,
        *,
        planned: Collection[str] = (),
        is_few: bool = False,
    ) -> Written:
        """Store what differs from before, and give it. `desired` is the decisions' frame with the reasons in words. What is wanted
        of those `planned` is in a plan already. `is_few`: the decision was about few of many."""
        left = _written(db, before, decisions, desired, is_few=is_few)
        upsert_frame(db, tables.StateRow, left.frames["state"])
        upsert_frame(db, tables.ClockRow, left.frames["clocks"])
        upsert_frame(db, tables.DrawRow, left.frames["draws"])
        insert_frame(db, tables.MoveRow, left.frames["moves"], run_id=run_id)
        keep_frames(db, run_id, left.frames)
        if left.valve is not None:
            valve = {name: getattr(left.valve, name) for name in left.valve.__slots__}
            upsert(db, tables.ValveRow, [{"run_id": run_id, "at": now, **valve}])
        is_planned = pl.col("person_id").is_in(list(planned)).alias("is_planned")
        upsert_frame(db, tables.DesiredRow, left.desired.with_columns(is_planned))
        insert_frames(db, tables.DecisionRow, left.entries.pieces(), run_id=run_id, at=now)
        return left

    def written(self, before: Before, decisions: Decisions, desired: pl.DataFrame) -> Written:
        """What `save` would change."""
        with self._engine.connect() as db:
            return _written(db, before, decisions, desired)

    def save_gaps(self, db: Connection, now: datetime, gaps: pl.DataFrame, whom: Collection[str] | None = None) -> None:
        """Open the gaps that are new, close those that are gone; `gaps` are all there are now, of everyone or of `whom`. A gap
        keeps the instant at which it was first found."""
        is_open, key = _GAPS.c.closed_at.is_(None), ["gap", "person_id"]
        if whom is None:
            still = read_frame(db, tables.GapRow, is_open, columns=key)
        else:
            still = read_among(db, tables.GapRow, "person_id", whom, is_open, columns=key)
        found = gaps.unique(key, keep="last", maintain_order=True).with_columns(pl.col("detail").fill_null(""))
        fresh = found.join(still, on=key, how="anti", maintain_order="left")
        upsert_frame(db, tables.GapRow, fresh, opened_at=now, closed_at=None)
        gone = still.join(found, on=key, how="anti").sort(key)
        run_for_columns(db, _CLOSE_GAP, {"of": gone["gap"], "whose": gone["person_id"], "now": [now] * gone.height})

    def phase_of(self, db: Connection, person_id: str) -> str | None:
        """The phase of a person; None for somebody of whom nothing was decided yet."""
        return db.execute(select(_STATES.c.phase).where(_STATES.c.person_id == person_id)).scalar_one_or_none()

    def merge_person(self, db: Connection, old: str, new: str, now: datetime, *, old_stands: bool) -> None:
        """Two persons turned out to be one: `new` keeps its state, or takes that of `old`. The clocks of both are now those of
        `new`; the running ones of the state that went end as "merged", and their tasks with them."""
        leaves = new if old_stands else old
        running = (_CLOCKS.c.met_at.is_(None), _CLOCKS.c.cancelled_at.is_(None))
        ended = {"cancelled_at": now, "cancelled_because": "merged"}
        db.execute(_CLOCKS.update().where(_CLOCKS.c.person_id == leaves, *running).values(**ended))
        db.execute(_CLOCKS.update().where(_CLOCKS.c.person_id == old).values(person_id=new))
        db.execute(_STATES.delete().where(_STATES.c.person_id == leaves))
        db.execute(_STATES.update().where(_STATES.c.person_id == old).values(person_id=new))
        db.execute(_DESIRED.delete().where(_DESIRED.c.person_id == old))

    def replan(self, db: Connection, persons: Iterable[str]) -> None:
        """Have these persons looked at in the next plan, whether or not what is wanted of them changes."""
        for chunk in chunks(persons):
            db.execute(_DESIRED.update().where(_DESIRED.c.person_id.in_(chunk)).values(is_planned=False))

    def changed(self, desired: pl.DataFrame, *, is_few: bool = False) -> list[str]:
        """Persons for whom these desired values differ from the stored ones."""
        with self._engine.connect() as db:
            stored = _stored(db, desired, is_few=is_few)
        return _changed(desired, stored)["person_id"].to_list()

    def unplanned(self) -> list[str]:
        """Persons whose desired values have changed since they were last in a plan."""
        with self._engine.connect() as db:
            query = select(_DESIRED.c.person_id).where(_DESIRED.c.is_planned.is_(False)).order_by(_DESIRED.c.person_id)
            return list(db.execute(query).scalars())

    def mark_planned(self, db: Connection, persons: Sequence[str]) -> None:
        """What is wanted of these persons is in a plan now."""
        for chunk in chunks(persons, _MARKED_AT_ONCE):
            mine = (among(db, _DESIRED.c.person_id, chunk), _DESIRED.c.is_planned.is_(False))
            db.execute(_DESIRED.update().where(*mine).values(is_planned=True))

    def frame(self, table: type[SQLModel], person_id: str | None = None) -> pl.DataFrame:
        """A whole table of this module as a frame, or one person's rows of it."""
        return self._rows(table, None if person_id is None else [person_id])

    def loads(self) -> dict[str, int]:
        """Open leads per owner, where a phase asks for one."""
        owned = (_STATES.c.department.in_(set(DEPARTMENTS.values())), _STATES.c.owner.is_not(None))
        query = select(_STATES.c.owner, func.count()).where(*owned).group_by(_STATES.c.owner)
        with self._engine.connect() as db:
            return {owner: int(count) for owner, count in db.execute(query)}

    def draws(self) -> pl.DataFrame:
        """DRAWS: who was drawn how often."""
        return conform(self.frame(tables.DrawRow), DRAWS)

    def count(self) -> int:
        """How many persons were ever decided about."""
        with self._engine.connect() as db:
            return int(db.execute(select(func.count()).select_from(_STATES)).scalar_one())

    def states(self, persons: Iterable[str] | None = None) -> pl.DataFrame:
        """The state of everyone, or of these persons."""
        return self._rows(tables.StateRow, persons)

    def clocks(self, persons: Iterable[str] | None = None) -> pl.DataFrame:
        """The clocks of everyone, or of these persons."""
        return self._rows(tables.ClockRow, persons)

    def answering(self, department: str) -> pl.DataFrame:
        """person_id, owner, owner_at of those for whom somebody of this department answers."""
        columns = ("person_id", "owner", "owner_at")
        with self._engine.connect() as db:
            return read_among(db, tables.StateRow, "department", [department], _STATES.c.owner.is_not(None), columns=columns)

    def owners(self) -> pl.DataFrame:
        """department, owner, owner_because: which there are, where a phase asks for an owner; null where it has none."""
        columns = (_STATES.c.department, _STATES.c.owner, _STATES.c.owner_because)
        names = [column.name for column in columns]
        with self._engine.connect() as db:
            rows = db.execute(select(*columns).where(_STATES.c.department.in_(ANSWERING)).distinct()).all()
        return pl.DataFrame([tuple(row) for row in rows], schema=dict.fromkeys(names, pl.String), orient="row")

    def owned_by(self, department: str, owner: str | None) -> list[str]:
        """The persons for whom this rep of this department answers, or nobody."""
        query = select(_STATES.c.person_id).where(_STATES.c.department == department, _STATES.c.owner.is_not_distinct_from(owner))
        with self._engine.connect() as db:
            return list(db.execute(query).scalars())

    def due(self, owners: Collection[str], before: datetime) -> list[str]:
        """Persons with a running clock of one of these owners that is due before then."""
        running = (_CLOCKS.c.met_at.is_(None), _CLOCKS.c.cancelled_at.is_(None), _CLOCKS.c.due_at < before)
        with self._engine.connect() as db:
            return list(db.execute(select(_CLOCKS.c.person_id).where(among(db, _CLOCKS.c.owner, owners), *running)).scalars())

    def on_hold(self) -> list[str]:
        """Persons with a running clock that stands still, or did."""
        held = (_CLOCKS.c.holds.is_not(None), _CLOCKS.c.met_at.is_(None), _CLOCKS.c.cancelled_at.is_(None))
        with self._engine.connect() as db:
            return list(db.execute(select(_CLOCKS.c.person_id).where(*held)).scalars())

    def persons_of_clocks(self, clocks: Iterable[str]) -> set[str]:
        with self._engine.connect() as db:
            return set(db.execute(select(_CLOCKS.c.person_id).where(among(db, _CLOCKS.c.clock_id, list(clocks)))).scalars())

    def _rows(self, table: type[SQLModel], persons: Iterable[str] | None) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, table) if persons is None else read_among(db, table, "person_id", persons)

    def moves(self, person_id: str | None = None) -> pl.DataFrame:
        return self.frame(tables.MoveRow, person_id).sort("at", "id")

    def moves_to(self, targets: Collection[str]) -> pl.DataFrame:
        """Everybody's moves to these phases, in their order."""
        with self._engine.connect() as db:
            return read_frame(db, tables.MoveRow, among(db, _MOVES.c.target, targets)).sort("at", "id")

    def log_of(self, persons: Iterable[str]) -> pl.DataFrame:
        """run_id, person_id, body of what was decided of these persons."""
        with self._engine.connect() as db:
            return read_among(db, tables.DecisionRow, "person_id", persons, columns=("run_id", "person_id", "body"))

    def gaps(self, person_id: str | None = None) -> pl.DataFrame:
        """Open gaps, oldest first; of everyone, or of one person."""
        return self.frame(tables.GapRow, person_id).filter(pl.col("closed_at").is_null()).sort("opened_at", "gap", "person_id")

    def open_gaps(self) -> list[tuple[str, str | None, int]]:
        """(gap, department, how many) of those that lie open."""
        kind = (_GAPS.c.gap, _GAPS.c.department)
        query = select(*kind, func.count()).where(_GAPS.c.closed_at.is_(None)).group_by(*kind).order_by(*kind)
        with self._engine.connect() as db:
            return [(gap, department, int(count)) for gap, department, count in db.execute(query)]

    def gaps_named(self, gap: str) -> list[str]:
        """The persons of open gaps of this name."""
        with self._engine.connect() as db:
            return list(db.execute(select(_GAPS.c.person_id).where(_GAPS.c.gap == gap, _GAPS.c.closed_at.is_(None))).scalars())

    def gap_history(self) -> pl.DataFrame:
        return self.frame(tables.GapRow)

    def valve_log(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.ValveRow).sort("at")

    def hand_overs(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(person_id, run_id, decision) of everyone in the run that handed them over to inside sales: score, reasons, what was
        wanted. Nothing of those who were forgotten."""
        handed = select(_MOVES.c.run_id, _MOVES.c.person_id).where(_MOVES.c.target == "mql").distinct().subquery()
        mine = (handed.c.run_id == _DECISIONS.c.run_id) & (handed.c.person_id == _DECISIONS.c.person_id)
        query = select(_DECISIONS.c.person_id, _DECISIONS.c.run_id, _DECISIONS.c.body).join(handed, mine).order_by(_DECISIONS.c.id)
        with self._engine.connect().execution_options(yield_per=2_000) as db:
            for row in db.execute(query):
                yield row.person_id, row.run_id, unpack(row.body)

    def last_decision(self, person_id: str) -> Mapping[str, Any] | None:
        """The newest logged decision of a person, with `at` and `run_id`."""
        query = select(_DECISIONS).where(_DECISIONS.c.person_id == person_id).order_by(_DECISIONS.c.id.desc()).limit(1)
        with self._engine.connect() as db:
            row = db.execute(query).one_or_none()
        return None if row is None else {"at": row.at, "run_id": row.run_id, **unpack(row.body)}


def _changed(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Rows of `now` that are not in `before`, to the last column; null equals null."""
    if before.is_empty():
        return now
    return now.join(before.select(now.columns), on=now.columns, how="anti", nulls_equal=True, maintain_order="left")


def _stored(db: Connection, desired: pl.DataFrame, *, is_few: bool) -> pl.DataFrame:
    """The desired values as they are stored, of these persons or of everyone."""
    if is_few:
        return read_among(db, tables.DesiredRow, "person_id", desired["person_id"], columns=desired.columns)
    return read_frame(db, tables.DesiredRow, columns=desired.columns)


def _written(db: Connection, before: Before, decisions: Decisions, desired: pl.DataFrame, *, is_few: bool = False) -> Written:
    stored = _stored(db, desired, is_few=is_few)
    changed = _changed(desired, stored)
    frames = {
        "state": _changed(decisions.state, before.state),
        "clocks": _changed(decisions.clocks, before.clocks),
        "draws": _changed(decisions.draws, before.draws),
        "moves": decisions.moves,
    }
    valve = decisions.valve if decisions.valve != before.valve else None
    return Written(frames, changed, Entries(changed, decisions), valve)


def _valve(db: Connection) -> ValvePosition | None:
    row = db.execute(select(_VALVES).order_by(_VALVES.c.at.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return ValvePosition(row.position, row.version, row.moved_on, row.cause, row.load, row.attainment)
