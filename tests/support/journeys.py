"""Journeys through the phases, told in days: `journey("p", ("inquiry", 0, "identified"), ("mql", 3))`.

Day 0 is the first instant of `MAY`. What a test does not say is as ordinary as can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from crmsync.decisions.frames import APPROACHES, CLOCKS, MOVES, OPPORTUNITIES, PERSONS, TOUCHES, Schema, conform, empty
from crmsync.figures.period import Period

START = datetime(2026, 5, 1, tzinfo=UTC)
MAY = Period(START, datetime(2026, 6, 1, tzinfo=UTC))
END = MAY.until

_USUAL = {"inquiry": "identified", "mql": "released", "sql": "accepted", "closed_won": "won", "closed_lost": "lost"}


def day(number: float) -> datetime:
    """So many days after the beginning of May."""
    return START + timedelta(days=number)


Step = tuple[str, float] | tuple[str, float, str] | tuple[str, float, str, str | None]


def journey(person: str, *steps: Step, definition: str = "standard@1.0") -> list[dict[str, Any]]:
    """One move for each (target, day, because, evidence); where they are not said, the usual ones."""
    rows, before = [], "unidentified"
    for number, (target, at, *more) in enumerate(steps):
        because = more[0] if more else _USUAL.get(target, "rejected")
        rows.append(
            {
                "person_id": person,
                "run_id": f"run-{at}",
                "at": day(at),
                "sequence": number,
                "source": before,
                "target": target,
                "because": because,
                "evidence": more[1] if len(more) > 1 else None,
                "definition": definition if target == "mql" else None,
            }
        )
        before = target
    return rows


def moves(*journeys: list[dict[str, Any]]) -> pl.DataFrame:
    """MOVES with `run_id`, in the order in which they happened."""
    rows = sorted((row for one in journeys for row in one), key=lambda row: row["at"])
    return frame(rows, {**MOVES, "run_id": pl.String})


def frame(rows: list[Mapping[str, Any]], schema: Schema) -> pl.DataFrame:
    """Rows as a frame of these columns; what a row does not say is unknown."""
    if not rows:
        return empty(schema)
    named = {name: kind for name, kind in schema.items() if any(name in row for row in rows)}
    return conform(pl.DataFrame([{name: row.get(name) for name in named} for row in rows], schema=named), schema)


def persons(*ids: str, **values: Any) -> pl.DataFrame:
    """Leads of the first of May who can be reached and come from a seminar, all of them with these values."""
    usual = {
        "identified": True,
        "created_at": START,
        "source_kind": "inbound",
        "source_method": "seminar",
        "company_name": "A",
        "email": "a@a.example",
        "opted_out": False,
        "is_deleted": False,
    }
    return frame([{"person_id": one, **usual, **values} for one in ids], PERSONS)


def approaches(*acts: tuple[str, float, bool]) -> pl.DataFrame:
    """A call for each (person, day, connected)."""
    rows = [
        {"person_id": p, "at": day(at), "kind": "call", "connected": c, "approach_id": f"a{n}"} for n, (p, at, c) in enumerate(acts)
    ]
    return frame(rows, APPROACHES)


def touches(*acts: tuple[str, float]) -> pl.DataFrame:
    return frame(
        [{"person_id": p, "at": day(at), "kind": "page_view", "touch_id": f"t{n}"} for n, (p, at) in enumerate(acts)], TOUCHES
    )


def clocks(*rows: tuple[str, str | None, float, float], kind: str = "first_approach") -> pl.DataFrame:
    """A clock for each (person, rep, start, due)."""
    told = [
        {
            "clock_id": f"c{n}",
            "person_id": p,
            "kind": kind,
            "attempt": 1,
            "owner": rep,
            "started_at": day(start),
            "due_at": day(due),
        }
        for n, (p, rep, start, due) in enumerate(rows)
    ]
    return frame(told, CLOCKS)


def cases(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Opportunities; `created` and `closed` are days."""
    told = []
    for number, row in enumerate(rows):
        usual = {"opportunity_id": f"o{number}", "status": "open", "kind": "new_business", "created_at": day(row.get("created", 0))}
        closed = {"closed_at": day(row["closed"])} if "closed" in row else {}
        told.append({**usual, **closed, **row})
    return frame(told, OPPORTUNITIES)


def told(table: pl.DataFrame, key: str, *columns: str) -> dict[Any, Any]:
    """Key → the row's values in these columns (the one value, where it is one column)."""
    return {row[key]: row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns) for row in table.to_dicts()}
