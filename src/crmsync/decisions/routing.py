"""Who gets it (DOMAIN.md §6.1): the account's owner first, else the fair draw of the department, else its queue; never nobody.

The draw is a weighted round robin without chance: the least count per weight, then the least open work, then the id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from crmsync.decisions.frames import DRAWS, instant
from crmsync.decisions.turns import Drawn, Turns


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
    rota = _Rota(by_id, dict(loads), _drawn(draws), routing, resting)
    made = [rota.assign(request) for request in requests]
    counts = ((pool, rep_id, count) for pool, drawn in rota.drawn.items() for rep_id, count in drawn.counts.items())
    return made, pl.DataFrame(sorted(counts), schema=DRAWS, orient="row")


def _drawn(draws: pl.DataFrame) -> dict[str, Drawn]:
    """DRAWS by pool."""
    found: dict[str, Drawn] = {}
    for pool, rep_id, count in draws.select(DRAWS.keys()).iter_rows():
        found.setdefault(pool, Drawn({})).counts[rep_id] = int(count)
    return found


@dataclass
class _Rota:
    """The reps at a series of requests: `busy` and `drawn` (by department) grow with each."""

    reps: Reps
    busy: dict[str, int]
    drawn: dict[str, Drawn]
    routing: Routing
    resting: frozenset[str]
    turns: dict[tuple[str, ...], Turns] = field(default_factory=dict)
    serving: dict[tuple[str | None, ...], Turns] = field(default_factory=dict)

    def assign(self, request: Request) -> Assignment:
        found = self._preferred(request) or self._next(request)
        if found.owner is not None:
            self.busy[found.owner] = self.busy.get(found.owner, 0) + 1
        return found

    def _preferred(self, request: Request) -> Assignment | None:
        for rep_id, why in request.preferred:
            rep = self.reps.get(rep_id or "")
            if rep_id and rep and rep_id != request.avoid and _on_duty(rep, request.department) and self._is_below_cap(rep_id):
                return Assignment(request.person_id, rep_id, why)
        return None

    def _next(self, request: Request) -> Assignment:
        drawn = self._turns_for(request).draw(request.avoid)
        if drawn is not None:
            return Assignment(request.person_id, drawn, "round_robin")
        if request.fallback is not None:
            return Assignment(request.person_id, request.fallback, "kept")
        queue = self.routing.queues.get(request.department)
        return Assignment(request.person_id, queue, "queue" if queue else "nobody")

    def _turns_for(self, request: Request) -> Turns:
        """Requests that the same reps serve share their turns."""
        key = (request.department, *limits_of(request).values())
        if key not in self.serving:
            serving = [rep_id for rep_id, rep in self.reps.items() if _serves(rep, request)]
            pool = (request.department, *([rep_id for rep_id in serving if rep_id not in self.resting] or serving))
            if pool not in self.turns:
                weights = {rep_id: max(int(self.reps[rep_id]["weight"] or 1), 1) for rep_id in pool[1:]}
                drawn = self.drawn.setdefault(request.department, Drawn({}))
                self.turns[pool] = Turns(weights, drawn, self.busy, self._is_below_cap)
            self.serving[key] = self.turns[pool]
        return self.serving[key]

    def _is_below_cap(self, rep_id: str) -> bool:
        cap = self.reps[rep_id]["cap"]
        return cap is None or self.busy.get(rep_id, 0) < cap


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
