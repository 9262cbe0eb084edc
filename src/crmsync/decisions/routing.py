"""Who gets it (DOMAIN.md §6.1): the account's owner first, else the fair draw of the department, else its queue; never nobody.

The draw is a weighted round robin without chance: the least count per weight, then the least open work, then the id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from crmsync.decisions.frames import DRAWS, instant


@dataclass(frozen=True, slots=True)
class SizeBand:
    """A band of company sizes by employees, both ends included; `most` None = no end."""

    name: str
    least: int
    most: int | None = None


# A queue's rep_id begins so where it is known by its name and not by an address.
QUEUE = "queue:"


@dataclass(frozen=True, slots=True)
class Breaches:
    """Whoever let `count` clocks run over due within `days` is not drawn until fewer of them lie within."""

    count: int
    days: int


@dataclass(frozen=True, slots=True)
class Routing:
    """The routing document. `queues`: department → rep_id of its queue. `reroute_absent`: phases in which work due during an
    owner's absence goes to a colleague. `queue_names`: the queues that are known by name, as it was written. `breaches`: who rests
    from the draw; None: nobody."""

    queues: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[SizeBand, ...] = ()
    reroute_absent: tuple[str, ...] = ("mql",)
    queue_names: tuple[str, ...] = ()
    breaches: Breaches | None = None

    def size_of(self, employees: int | None) -> str | None:
        """The band of a company; None where the size is unknown or in no band."""
        if employees is None:
            return None
        return next((b.name for b in self.sizes if b.least <= employees and (b.most is None or employees <= b.most)), None)


@dataclass(frozen=True, slots=True)
class Request:
    """One person who needs an owner in a department. `preferred`: (rep_id, why), first fitting wins before any draw. `avoid`:
    who must not get it. `fallback`: who keeps it when no one can take it (else the queue)."""

    person_id: str
    department: str
    preferred: tuple[tuple[str | None, str], ...] = ()
    territory: str | None = None
    industry: str | None = None
    size: str | None = None
    language: str | None = None
    avoid: str | None = None
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who answers now, and why: a preference's word, "round_robin", "queue", "kept", or "nobody" (no owner at all)."""

    person_id: str
    owner: str | None
    because: str


Reps = Mapping[str, Mapping[str, Any]]


def out_of_rotation(clocks: pl.DataFrame, state: pl.DataFrame, rule: Breaches | None, now: datetime) -> frozenset[str]:
    """The reps who breached too often lately. Whoever took over a lead whose clock was over due already is not the late one."""
    if rule is None:
        return frozenset()
    lately = clocks.filter(pl.col("breached_at") > instant(now - timedelta(days=rule.days)))
    owned = lately.join(state.select("person_id", pl.col("owner").alias("now"), "owner_at"), on="person_id", how="left")
    inherited = (pl.col("owner") == pl.col("now")) & (pl.col("owner_at") > pl.col("breached_at"))
    late = owned.filter(pl.col("owner").is_not_null() & ~inherited.fill_null(False)).group_by("owner").len()
    return frozenset(late.filter(pl.col("len") >= rule.count)["owner"])


def draw(
    requests: Iterable[Request],
    reps: pl.DataFrame,
    loads: Mapping[str, int],
    draws: pl.DataFrame,
    routing: Routing,
    resting: frozenset[str] = frozenset(),
) -> tuple[list[Assignment], pl.DataFrame]:
    """Owners for `requests` in their order, and the DRAWS after. `loads`: open leads per rep before. Those who are `resting` are
    drawn only where there is nobody else: no lead goes without an owner for their sake."""
    by_id: Reps = {row["rep_id"]: row for row in reps.sort("rep_id").iter_rows(named=True)}
    busy = dict(loads)
    counts = {(row["pool"], row["rep_id"]): int(row["count"]) for row in draws.iter_rows(named=True)}
    eligible: dict[tuple[str | None, ...], list[str]] = {}
    made = []
    for request in requests:
        key = (request.department, request.territory, request.industry, request.size, request.language)
        if key not in eligible:
            serving = [rep_id for rep_id, rep in by_id.items() if _serves(rep, request)]
            eligible[key] = [rep_id for rep_id in serving if rep_id not in resting] or serving
        assignment = _assign(request, by_id, [r for r in eligible[key] if r != request.avoid], busy, counts, routing)
        if assignment.owner is not None:
            busy[assignment.owner] = busy.get(assignment.owner, 0) + 1
        made.append(assignment)
    rows = [(pool, rep_id, count) for (pool, rep_id), count in sorted(counts.items())]
    return made, pl.DataFrame(rows, schema=DRAWS, orient="row")


def _assign(
    request: Request, reps: Reps, eligible: list[str], busy: Mapping[str, int], counts: dict[tuple[str, str], int], routing: Routing
) -> Assignment:
    for rep_id, why in request.preferred:
        rep = reps.get(rep_id or "")
        if rep_id and rep and rep_id != request.avoid and _on_duty(rep, request.department) and _below_cap(rep, busy):
            return Assignment(request.person_id, rep_id, why)
    pool = [reps[rep_id] for rep_id in eligible if _below_cap(reps[rep_id], busy)]
    if pool:
        drawn = _next_in(request.department, pool, busy, counts)
        return Assignment(request.person_id, drawn, "round_robin")
    if request.fallback is not None:
        return Assignment(request.person_id, request.fallback, "kept")
    queue = routing.queues.get(request.department)
    return Assignment(request.person_id, queue, "queue" if queue else "nobody")


def _next_in(pool: str, reps: list[Mapping[str, Any]], busy: Mapping[str, int], counts: dict[tuple[str, str], int]) -> str:
    """Whose turn it is; the count goes up. In a fair draw counts per weight are never more than one turn apart: who is further
    behind was away, or is new, and starts at the pool's level rather than with a flood."""
    weights = {rep["rep_id"]: max(int(rep["weight"] or 1), 1) for rep in reps}
    level = max(counts.get((pool, rep_id), 0) / weight for rep_id, weight in weights.items())
    for rep_id, weight in weights.items():
        least = math.ceil((level - 1) * weight)
        counts[pool, rep_id] = max(counts.get((pool, rep_id), 0), least)
    drawn: str = min(weights, key=lambda rep_id: (counts[pool, rep_id] / weights[rep_id], busy.get(rep_id, 0), rep_id))
    counts[pool, drawn] += 1
    return drawn


def _serves(rep: Mapping[str, Any], request: Request) -> bool:
    """On duty in the department, and each of the rep's own limits names the request's value (an unknown value is in no limit)."""
    limits = limits_of(request).items()
    return _on_duty(rep, request.department) and all(not rep[limit] or value in rep[limit] for limit, value in limits)


def limits_of(request: Request) -> dict[str, str | None]:
    """A rep's limits by name, with what each is asked for."""
    return {
        "territories": request.territory,
        "industries": request.industry,
        "sizes": request.size,
        "languages": request.language,
    }


def _on_duty(rep: Mapping[str, Any], department: str) -> bool:
    return bool(rep["is_active"]) and not rep["is_queue"] and rep["department"] == department and rep["absent_until"] is None


def _below_cap(rep: Mapping[str, Any], busy: Mapping[str, int]) -> bool:
    return rep["cap"] is None or busy.get(rep["rep_id"], 0) < rep["cap"]
