"""what-if: the past days played under the definitions in force and under others, each in memory of its own. No CRM is contacted and
nothing is stored.

Both plays decide once a day, at nine in the zone of the targets, from what was known then and from where things stood on the first
morning. What people did stays as it was: nobody answers a hand-over that did not happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson
import polars as pl

from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Before, Facts
from crmsync.errors import StopConnector
from crmsync.figures.whatif import Actual, Case, HandOver, Play, actual, play
from crmsync.store.tables import DecisionRow
from crmsync.sync.history import OWNER_EDITS, History, history, with_owner_edits
from crmsync.sync.recollection import Recollection
from crmsync.sync.workspace import Workspace

_MORNING = time(9)


@dataclass(frozen=True, slots=True)
class Flip:
    """Somebody whom only one of the two definitions hands over: on which day, and the first condition of the other that did not
    hold then, or why they waited."""

    person_id: str
    change: str  # "gained" | "lost"
    day: date
    why: str


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


@dataclass
class _Branch:
    """One definition at play."""

    definitions: Definitions
    before: Before
    hand_overs: dict[str, HandOver] = field(default_factory=dict)
    verdicts: dict[tuple[date, str], str] = field(default_factory=dict)
    qualification: pl.DataFrame = field(default_factory=pl.DataFrame)

    def morning(self, facts: Facts, aliases: Mapping[str, str], day: date, at: datetime) -> None:
        made = decide(facts, self.before.under(aliases), self.definitions, at)
        self.before = Before(made.state, made.clocks, made.draws, made.valve)
        released = made.moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync"))
        due = made.clocks.filter(pl.col("started_at") == at).group_by("person_id").agg(pl.col("due_at").min())
        told = released.join(made.scores.select("person_id", "score"), on="person_id", how="left").join(
            due, on="person_id", how="left"
        )
        zone = ZoneInfo(self.definitions.targets.time_zone)
        for row in told.iter_rows(named=True):
            due_day = row["due_at"].astimezone(zone).date() if row["due_at"] else None
            self.hand_overs.setdefault(row["person_id"], HandOver(row["person_id"], day, row["score"] or 0.0, due_day))
        self.qualification = made.qualification

    def judge(self, day: date, other: _Branch) -> None:
        """Remember why those were not let through here whom the other definition handed over on this day."""
        theirs = [person for person, one in other.hand_overs.items() if one.day == day]
        mine = self.qualification.filter(pl.col("person_id").is_in(theirs) & ~pl.col("released"))
        for row in mine.iter_rows(named=True):
            self.verdicts[day, row["person_id"]] = (row["failed"] or [row["waiting_because"] or "phase"])[0]


def what_if(workspace: Workspace, other: Definitions, first: date, last: date, minutes: int) -> WhatIf:
    """Play the days from `first` to `last`, both included. `minutes` are what one first approach takes. Raises StopConnector where
    the beginning of the history was not kept, or where there is no day between the two."""
    if last < first:
        raise StopConnector("whatif.no_day")
    zone = ZoneInfo(workspace.definitions.targets.time_zone)
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    capacity: dict[date, int] = {}
    branches: list[_Branch] = []
    with history(workspace) as past:
        for day, at, facts in _mornings(past, days, zone):
            if not branches:
                before = past.here.store.decided.before()
                branches = [
                    _Branch(definitions, before) for definitions in (workspace.definitions.as_if_in_force(), other.as_if_in_force())
                ]
            on_duty = facts.reps.filter(
                (pl.col("department") == "inside_sales") & pl.col("is_active") & pl.col("absent_until").is_null()
            )
            is_open = workspace.definitions.calendars.named(None).is_business_day(day)
            capacity[day] = int(on_duty["capacity_per_day"].sum()) if is_open else 0
            for branch in branches:
                branch.morning(facts, past.here.store.identity.aliases(), day, at)
            for branch, beside in (branches, reversed(branches)):
                branch.judge(day, beside)
    present, changed = branches
    cases = _cases(workspace, first, zone)
    now, then = (play(list(one.hand_overs.values()), days, capacity, cases, minutes) for one in branches)
    by_day, found = _happened(workspace, capacity, zone, minutes)
    return WhatIf(days, capacity, by_day, found, now, then, tuple(_flips(present, changed)))


def _mornings(past: History, days: tuple[date, ...], zone: ZoneInfo) -> Iterator[tuple[date, datetime, Facts]]:
    """Each day with what was known on its morning."""
    entries, known = past.there.store.journal.entries(), Recollection(past.here)
    entry = next(entries, None)
    for day in days:
        at = datetime.combine(day, _MORNING, zone).astimezone(UTC)
        edits = []
        while entry is not None and entry.at <= at:
            past.follow(entry)
            if entry.act not in ("learnt", "decided"):
                known.forget()
            found = past.there.store.journal.frame(entry.run_id, OWNER_EDITS) if entry.act == "decided" and day != days[0] else None
            edits.extend([] if found is None else [found])
            entry = next(entries, None)
        last = pl.concat(edits).sort("owner_edit_at").unique("person_id", keep="last", maintain_order=True) if edits else None
        yield day, at, with_owner_edits(known.at(at), last)


def _flips(present: _Branch, other: _Branch) -> Iterator[Flip]:
    """Sorted by day, then person."""
    sides = (("lost", present, other), ("gained", other, present))
    found = [
        Flip(person, change, one.day, without.verdicts.get((one.day, person), "phase"))
        for change, having, without in sides
        for person, one in having.hand_overs.items()
        if person not in without.hand_overs
    ]
    return iter(sorted(found, key=lambda flip: (flip.day, flip.person_id)))


def _happened(workspace: Workspace, capacity: Mapping[date, int], zone: ZoneInfo, minutes: int) -> tuple[dict[date, int], Actual]:
    """Hand-overs of the days, by day and in all."""
    decided, sla = workspace.store.decided, workspace.definitions.sla
    moves, first = decided.moves(), [rule.kind for rule in sla.clocks if rule.phase == "mql" and rule.is_first]
    local = pl.col("at").dt.convert_time_zone(zone.key).dt.date().alias("day")
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync")).with_columns(local)
    handed = handed.filter(pl.col("day").is_in(list(capacity)))
    counts = dict(handed.group_by("day").len().iter_rows())
    clocks = decided.clocks().filter(pl.col("kind").is_in(first))
    mine = clocks.join(handed.select("person_id", pl.col("at").alias("started_at")), on=["person_id", "started_at"], how="semi")
    won = moves.filter(pl.col("target") == "closed_won")["person_id"].unique().to_list()
    return {day: counts.get(day, 0) for day in capacity}, actual(handed, mine, won, capacity, minutes)


def _cases(workspace: Workspace, first: date, zone: ZoneInfo) -> list[Case]:
    """Hand-overs before the first day with the score they were made with, and whether they have been won by now."""
    moves = workspace.store.decided.moves()
    won = set(moves.filter(pl.col("target") == "closed_won")["person_id"])
    before = datetime.combine(first, time(), zone).astimezone(UTC)
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("at") < before)).select("run_id", "person_id")
    logs = workspace.store.decided.frame(DecisionRow).join(handed, on=["run_id", "person_id"], how="semi")
    return [
        Case(float(orjson.loads(body)["score"].get("score") or 0.0), person in won)
        for person, body in logs.select("person_id", "body").iter_rows()
    ]
