"""Whose word stood where people said something by hand of a person, with the evidence. Append-only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, select

from crmsync.decisions.frames import INSTANT
from crmsync.identity.claims import Claim, Settlement
from crmsync.store import tables
from crmsync.store.sql import among, insert_all, table_of

_SETTLEMENTS = table_of(tables.SettlementRow)


@dataclass(frozen=True, slots=True)
class Settlements:
    _engine: Engine

    def note(self, db: Connection, settlements: Sequence[Settlement], now: datetime) -> None:
        """Add those that are new: what is the last settlement on a person's thing is not said again."""
        rows = [_row(settlement, now) for settlement in settlements]
        mine = among(db, _SETTLEMENTS.c.person_id, sorted({row["person_id"] for row in rows}))
        query = select(_SETTLEMENTS).where(mine).order_by(_SETTLEMENTS.c.id)
        last = {_thing(row): _word(row) for row in db.execute(query).mappings()} if rows else {}
        insert_all(db, tables.SettlementRow, [row for row in rows if last.get(_thing(row)) != _word(row)])

    def of(self, person_id: str) -> list[dict[str, Any]]:
        """source, value, record, set_at, is_certain, over (a list of such), seen_at of this person's, oldest first."""
        query = select(_SETTLEMENTS).where(_SETTLEMENTS.c.person_id == person_id).order_by(_SETTLEMENTS.c.id)
        with self._engine.connect() as db:
            return [_told(row) for row in db.execute(query).mappings()]

    def losers(self, source: str, persons: Iterable[str] | None = None) -> pl.DataFrame:
        """ref, rep_id, seen_at: the claims about this that lost in the last settlement of their person; of all, or of these."""
        query = select(_SETTLEMENTS).where(_SETTLEMENTS.c.source == source).order_by(_SETTLEMENTS.c.id)
        with self._engine.connect() as db:
            query = query if persons is None else query.where(among(db, _SETTLEMENTS.c.person_id, persons))
            last = {row["person_id"]: row for row in db.execute(query).mappings()}
        rows = [(over["record"], over["value"], row["seen_at"]) for row in last.values() for over in orjson.loads(row["over"])]
        return pl.DataFrame(rows, schema={"ref": pl.String, "rep_id": pl.String, "seen_at": INSTANT}, orient="row")


def _thing(row: Any) -> tuple[str, str]:
    return (row["person_id"], row["source"])


def _word(row: Any) -> tuple[object, ...]:
    return (row["value"], row["record"], row["set_at"], row["is_certain"], row["over"])


def _row(settlement: Settlement, now: datetime) -> dict[str, Any]:
    claim = settlement.claim
    return {
        "person_id": claim.person_id,
        "source": claim.source,
        "over": orjson.dumps([_said(other) for other in settlement.over]).decode(),
        "seen_at": now,
        **_said(claim),
    }


def _said(claim: Claim) -> dict[str, Any]:
    return {"value": claim.value, "record": claim.record, "set_at": claim.at, "is_certain": claim.is_certain}


def _told(row: Any) -> dict[str, Any]:
    over = [{**claim, "set_at": datetime.fromisoformat(claim["set_at"])} for claim in orjson.loads(row["over"])]
    shown = ("source", "value", "record", "set_at", "is_certain", "seen_at")
    return {name: row[name] for name in shown} | {"over": over}
