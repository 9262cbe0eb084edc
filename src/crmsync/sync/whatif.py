"""what-if: the past days played under the definitions in force and under others, each in memory of its own. No CRM is contacted and
nothing is stored.

Both plays decide once a day, at nine in the zone of the targets, from what was known then and from where things stood when the
first day began. What people did stays as it was: nobody answers a hand-over that did not happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Before
from crmsync.errors import StopConnector
from crmsync.figures.whatif import Actual, Case, Play, actual, play
from crmsync.store.decision_log import unpack
from crmsync.sync.apart import has_second_core, plays_apart
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.history import OWNER_EDITS, Standings
from crmsync.sync.lived import standings
from crmsync.sync.plays import Flip, Morning, Plays
from crmsync.sync.recollection import Recollection
from crmsync.sync.workspace import Workspace

_MORNING = time(9)
_WORTH_A_PROCESS = 21
"""Mornings from which another process wins more than it takes to start, however few persons there are."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Side by side: what happened, by day and in all; the present definitions played; the other ones played; who flips."""

    days: tuple[date, ...]
    capacity: Mapping[date, int]
    happened: Mapping[date, int]
    actual: Actual
    present: Play
    other: Play
    flips: tuple[Flip, ...]


def what_if(
    workspace: Workspace, other: Definitions, first: date, last: date, minutes: int, *, is_apart: bool | None = None
) -> WhatIf:
    """Play the days from `first` to `last`, both included. `minutes` are what one first approach takes. `is_apart`: play in a
    process of its own; None: where that takes less time. Raises StopConnector where the beginning of the history was not kept, or
    where there is no day between the two."""
    if last < first:
        raise StopConnector("whatif.no_day")
    zone = ZoneInfo(workspace.definitions.targets.time_zone)
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    if is_apart is None:
        is_apart = len(days) >= _WORTH_A_PROCESS and has_second_core()
    capacity: dict[date, int] = {}
    definitions = workspace.definitions.as_if_in_force(), other.as_if_in_force()
    with (
        collector_at_rest(),
        plays_apart(*definitions) if is_apart else nullcontext(Plays(*definitions)) as plays,
        standings(workspace) as past,
    ):
        for morning in _mornings(past, days, zone):
            capacity[morning.day] = _capacity(workspace, morning)
            plays.morning(morning)
        # while the last mornings are still at play
        moves = workspace.store.decided.moves_to(("mql", "closed_won"))
        by_day, found = _happened(workspace, moves, capacity, zone, minutes)
        cases = _cases(workspace, moves, first, zone)
        played = plays.played()
    now, then = (play(side, days, capacity, cases, minutes) for side in (played.present, played.other))
    return WhatIf(days, capacity, by_day, found, now, then, played.flips)


def _capacity(workspace: Workspace, morning: Morning) -> int:
    """First approaches that the day can hold."""
    if not workspace.definitions.calendars.named(None).is_business_day(morning.day):
        return 0
    reps = morning.renewal.facts.reps
    on_duty = reps.filter((pl.col("department") == "inside_sales") & pl.col("is_active") & pl.col("absent_until").is_null())
    return int(on_duty["capacity_per_day"].sum())


def _mornings(past: Standings, days: tuple[date, ...], zone: ZoneInfo) -> Iterator[Morning]:
    """Each day with what was known on its morning."""
    entries, known = past.there.store.journal.entries(), Recollection(past.here)
    entry = next(entries, None)
    begins_at = datetime.combine(days[0], time(), zone).astimezone(UTC)
    past.begin(datetime.combine(days[0], _MORNING, zone).astimezone(UTC))
    before: Before | None = None
    edits: list[pl.DataFrame] = []
    for day in days:
        at = datetime.combine(day, _MORNING, zone).astimezone(UTC)
        edits.clear()
        while entry is not None and entry.at <= at:
            if before is None and entry.at >= begins_at:
                before = past.here.store.decided.before()
            past.follow(entry)
            if entry.act not in ("learnt", "decided"):
                known.forget()
            is_edited = entry.act == "decided" and before is not None
            found = past.there.store.journal.frame(entry.run_id, OWNER_EDITS) if is_edited else None
            edits.extend([] if found is None else [found])
            entry = next(entries, None)
        last = pl.concat(edits).sort("owner_edit_at").unique("person_id", keep="last", maintain_order=True) if edits else None
        if before is None:
            before = past.here.store.decided.before()
        yield Morning(day, at, known.renewal(at), last, past.here.store.identity.aliases(), before if day == days[0] else None)


def _happened(
    workspace: Workspace, moves: pl.DataFrame, capacity: Mapping[date, int], zone: ZoneInfo, minutes: int
) -> tuple[dict[date, int], Actual]:
    """Hand-overs of the days, by day and in all."""
    first = [rule.kind for rule in workspace.definitions.sla.clocks if rule.phase == "mql" and rule.is_first]
    local = pl.col("at").dt.convert_time_zone(zone.key).dt.date().alias("day")
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync")).with_columns(local)
    handed = handed.filter(pl.col("day").is_in(list(capacity)))
    counts = dict(handed.group_by("day").len().iter_rows())
    clocks = workspace.store.decided.clocks().filter(pl.col("kind").is_in(first))
    mine = clocks.join(handed.select("person_id", pl.col("at").alias("started_at")), on=["person_id", "started_at"], how="semi")
    won = moves.filter(pl.col("target") == "closed_won")["person_id"].unique().to_list()
    return {day: counts.get(day, 0) for day in capacity}, actual(handed, mine, won, capacity, minutes)


def _cases(workspace: Workspace, moves: pl.DataFrame, first: date, zone: ZoneInfo) -> list[Case]:
    """Hand-overs before the first day with the score they were made with, and whether they have been won by now."""
    won = set(moves.filter(pl.col("target") == "closed_won")["person_id"])
    before = datetime.combine(first, time(), zone).astimezone(UTC)
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("at") < before)).select("run_id", "person_id")
    logs = workspace.store.decided.log_of(handed["person_id"]).join(handed, on=["run_id", "person_id"], how="semi")
    return [
        Case(float(unpack(body)["score"].get("score") or 0.0), person in won)
        for person, body in logs.select("person_id", "body").iter_rows()
    ]
