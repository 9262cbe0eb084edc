"""Which records a CRM has said to have changed, until they are read; and how much was heard. Ids and counts, no content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, func, select

from crmsync.store.sql import run_for_all, table_of, upsert
from crmsync.store.tables import ErasedThereRow, HeardRow, HintRow, LinkRow, PositionRow

_HINTS = table_of(HintRow)
_HEARD = table_of(HeardRow)
_POSITIONS = table_of(PositionRow)
_ERASED = table_of(ErasedThereRow)
_LINKS = table_of(LinkRow)
_FORGET = _HINTS.delete().where(
    _HINTS.c.connection == bindparam("of_connection"),
    _HINTS.c.object == bindparam("of_object"),
    _HINTS.c.record_id == bindparam("of_record"),
    _HINTS.c.number <= bindparam("seen"),
)
HINTED = "hinted"
OVERFLOW = "overflow"
# More waiting records than this are a mass change: polling brings those 200 to 2,000 a call, reading by id brings 100.
MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something was heard of a connection: `outcome` is "hinted" or why it was not taken."""

    connection: str
    outcome: str
    count: int
    last_at: datetime | None


class Hints:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(
        self,
        connection: str,
        records: Sequence[tuple[str, str]],
        at: datetime,
        passed_over: Mapping[str, int] | None = None,
        positions: Mapping[str, str] | None = None,
        erased: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Mark these (object, id) to be read, count what was passed over, and keep how far a stream was heard and whom the CRM has
        erased: one transaction. Marking twice is marking once. Gives how many were marked; none where too many wait already."""
        wanted = list(dict.fromkeys(records))
        with self._engine.begin() as db:
            # Counted before anything is read: the row lock makes deliveries queue up, so that every number is used once.
            number = _count(db, connection, HINTED, len(wanted), at)
            waiting = db.execute(select(func.count()).select_from(_HINTS).where(_HINTS.c.connection == connection)).scalar_one()
            fits = waiting + len(wanted) <= MOST_WAITING
            more = {**(passed_over or {}), **({} if fits else {OVERFLOW: len(wanted)})}
            for outcome, count in sorted(more.items()):
                _count(db, connection, outcome, count, at)
            rows = [{"connection": connection, "object": o, "record_id": id_, "number": number, "at": at} for o, id_ in wanted]
            upsert(db, HintRow, rows if fits else [])
            upsert(
                db,
                PositionRow,
                [{"connection": connection, "channel": c, "position": p, "at": at} for c, p in (positions or {}).items()],
            )
            upsert(db, ErasedThereRow, [{"connection": connection, "object": o, "record_id": id_, "at": at} for o, id_ in erased])
        return len(wanted) if fits else 0

    def waiting(self, connection: str, limit: int) -> dict[str, dict[str, int]]:
        """Object → id → number of the newest hint, of up to `limit` records: those first that were hinted last."""
        query = (
            select(_HINTS.c.object, _HINTS.c.record_id, _HINTS.c.number)
            .where(_HINTS.c.connection == connection)
            .order_by(_HINTS.c.number.desc(), _HINTS.c.object, _HINTS.c.record_id)
            .limit(limit)
        )
        found: dict[str, dict[str, int]] = {}
        with self._engine.connect() as db:
            for object_, id_, number in db.execute(query):
                found.setdefault(object_, {})[id_] = number
        return found

    def forget(self, db: Connection, connection: str, object_: str, seen: Mapping[str, int]) -> None:
        """These records were read. One that was hinted again meanwhile stays marked: what was read may be older."""
        rows = [{"of_connection": connection, "of_object": object_, "of_record": id_, "seen": n} for id_, n in seen.items()]
        run_for_all(db, _FORGET, rows)

    def positions(self, connection: str, now: datetime, at_most: timedelta) -> dict[str, str]:
        """How far each channel was heard, where that is not longer ago than the CRM keeps its events."""
        query = select(_POSITIONS.c.channel, _POSITIONS.c.position).where(
            _POSITIONS.c.connection == connection, _POSITIONS.c.at > now - at_most
        )
        with self._engine.connect() as db:
            return {row.channel: row.position for row in db.execute(query)}

    def erased_there(self) -> list[str]:
        """Refs of the records that their CRM says it has erased, and of which something is stored here still; in order."""
        ref = _ERASED.c.connection + "/" + _ERASED.c.object + "/" + _ERASED.c.record_id
        with self._engine.connect() as db:
            return sorted(db.execute(select(ref).where(ref.in_(select(_LINKS.c.record)))).scalars())

    def count_waiting(self, connection: str) -> int:
        """How many records wait to be read."""
        query = select(func.count()).select_from(_HINTS).where(_HINTS.c.connection == connection)
        with self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def tallies(self, connection: str) -> list[Tally]:
        """How much was heard, by what became of it."""
        columns = (_HEARD.c.connection, _HEARD.c.outcome, _HEARD.c["count"], _HEARD.c.last_at)
        query = select(*columns).where(_HEARD.c.connection == connection).order_by(_HEARD.c.outcome)
        with self._engine.connect() as db:
            return [Tally(*row) for row in db.execute(query)]


def _count(db: Connection, connection: str, outcome: str, count: int, at: datetime) -> int:
    """Add to a tally and give its new sum."""
    mine = (_HEARD.c.connection == connection, _HEARD.c.outcome == outcome)
    upsert(db, HeardRow, [{"connection": connection, "outcome": outcome}])
    db.execute(_HEARD.update().where(*mine).values(count=_HEARD.c["count"] + count, **({"last_at": at} if count else {})))
    return int(db.execute(select(_HEARD.c["count"]).where(*mine)).scalar_one())
