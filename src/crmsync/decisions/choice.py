"""How an owner was found, told again: who was preferred, who could take it and who could not and why, and whose turn it was.

The choice itself is made in `routing.py`; here it is only taken apart, by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from crmsync.decisions.routing import Request, Routing, limits_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rep: why they cannot take it (nothing: they can), how often they were drawn, with which weight, and how much they have
    open. `preferred` is why they came before any draw; None for who waits for a turn."""

    rep_id: str
    why_not: tuple[str, ...]
    drawn: int
    weight: int
    open: int
    preferred: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The way to an owner: those who are preferred, in order, then those of the department in the order in which it would be their
    turn; nobody fits: the queue (None = there is none)."""

    department: str
    candidates: tuple[Candidate, ...]
    queue: str | None


def choice(request: Request, reps: pl.DataFrame, loads: Mapping[str, int], draws: pl.DataFrame, routing: Routing) -> Choice:
    """The way of this request, among these REPS with these open leads and DRAWS."""
    by_id = {row["rep_id"]: row for row in reps.iter_rows(named=True)}
    counts = {row["rep_id"]: int(row["count"]) for row in draws.iter_rows(named=True) if row["pool"] == request.department}

    def told(rep_id: str, preferred: str | None) -> Candidate:
        rep = by_id.get(rep_id)
        if rep is None:
            return Candidate(rep_id, ("unknown",), 0, 1, loads.get(rep_id, 0), preferred)
        why = tuple(_why_not(rep, request, loads.get(rep_id, 0), is_preferred=preferred is not None))
        return Candidate(rep_id, why, counts.get(rep_id, 0), max(int(rep["weight"] or 1), 1), loads.get(rep_id, 0), preferred)

    first = [told(rep_id, why) for rep_id, why in request.preferred if rep_id]
    ours = [told(rep_id, None) for rep_id, rep in by_id.items() if rep["department"] == request.department and not rep["is_queue"]]
    turn = sorted(ours, key=lambda one: (bool(one.why_not), one.drawn / one.weight, one.open, one.rep_id))
    return Choice(request.department, (*first, *turn), routing.queues.get(request.department))


def _why_not(rep: Mapping[str, Any], request: Request, busy: int, *, is_preferred: bool) -> Iterator[str]:
    """Who is preferred is asked for less: their own limits do not count."""
    if not rep["is_active"]:
        yield "inactive"
    if rep["department"] != request.department or rep["is_queue"]:
        yield "department"
    if rep["absent_until"] is not None:
        yield "absent"
    if rep["cap"] is not None and busy >= rep["cap"]:
        yield "full"
    if not is_preferred:
        yield from (limit for limit, value in limits_of(request).items() if rep[limit] and value not in rep[limit])
