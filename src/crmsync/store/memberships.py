"""What we did about the memberships of the CRMs' lists. Who is on a list now is told by what was last read of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from crmsync.model.memberships import MEMBERSHIPS, Membership, Standing
from crmsync.model.records import RecordRef
from crmsync.store import tables
from crmsync.store.sql import chunks, table_of, upsert

_STANDINGS = table_of(tables.MembershipRow)
_LATEST = table_of(tables.RawLatest)


class Memberships:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, connection: str, members: Iterable[str]) -> dict[str, dict[str, Standing]]:
        """member ("contacts/301") → membership id → what we did about it."""
        found: dict[str, dict[str, Standing]] = {}
        with self._engine.connect() as db:
            for chunk in chunks(members):
                query = select(_STANDINGS).where(_STANDINGS.c.connection == connection, _STANDINGS.c.member.in_(chunk))
                for row in db.execute(query):
                    found.setdefault(row.member, {})[row.record_id] = row.standing
        return found

    def note(self, db: Connection, standings: Mapping[RecordRef, Standing | None], now: datetime) -> None:
        """These memberships stand so from now on; None: nothing of ours."""
        for ref in (ref for ref, standing in standings.items() if standing is None):
            db.execute(_STANDINGS.delete().where(_STANDINGS.c.connection == ref.connection, _STANDINGS.c.record_id == ref.id))
        rows = [
            {
                "connection": ref.connection,
                "record_id": ref.id,
                "member": Membership.parse(ref.id).member,
                "standing": standing,
                "since": now,
            }
            for ref, standing in standings.items()
            if standing is not None
        ]
        upsert(db, tables.MembershipRow, rows)

    def on_lists(self, connection: str, list_ids: Iterable[str]) -> dict[str, set[str]]:
        """list → the memberships (ids) that were there when it was last read, or that we have made since."""
        found: dict[str, set[str]] = {}
        with self._engine.connect() as db:
            for list_id in list_ids:
                query = select(_LATEST.c.record_id).where(*_of_list(connection, list_id), _LATEST.c.is_deleted.is_(False))
                found[list_id] = set(db.execute(query).scalars())
        return found

    def fresh(self, connection: str, since: datetime) -> frozenset[str]:
        """Memberships that we made or ended since then: a list that was read meanwhile may not show it yet."""
        query = select(_STANDINGS.c.record_id).where(_STANDINGS.c.connection == connection, _STANDINGS.c.since > since)
        with self._engine.connect() as db:
            return frozenset(db.execute(query).scalars())

    def ours(self, connection: str) -> int:
        """How many people we have put on lists."""
        mine = (_STANDINGS.c.connection == connection, _STANDINGS.c.standing == "joined")
        with self._engine.connect() as db:
            return int(db.execute(select(func.count()).select_from(_STANDINGS).where(*mine)).scalar_one())


def _of_list(connection: str, list_id: str) -> tuple[ColumnElement[bool], ...]:
    mine = _LATEST.c.record_id.startswith(f"{list_id}/", autoescape=True)
    return (_LATEST.c.connection == connection, _LATEST.c.object == MEMBERSHIPS, mine)
