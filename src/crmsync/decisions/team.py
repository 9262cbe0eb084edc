"""The people of the departments as the team file names them: who can do how much, for whom, and when they are away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions.frames import REPS


@dataclass(frozen=True, slots=True)
class Absence:
    """Days away, both ends included, in the rep's zone."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Rep:
    """One rep. `rep_id` is the e-mail address in lower case; empty limits = all; `time_zone` is that of the calendar;
    `joined` their first day, None where nobody says: figures alone ask for it."""

    rep_id: str
    name: str
    department: str
    calendar: str
    time_zone: str
    capacity_per_day: int = 20
    weight: int = 1
    cap: int | None = None
    territories: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    manager: str | None = None
    absences: tuple[Absence, ...] = ()
    joined: date | None = None

    def absent_until(self, now: datetime) -> date | None:
        """The last day of the absence that covers today; absences that touch count as one."""
        today = now.astimezone(ZoneInfo(self.time_zone)).date()
        until = None
        for absence in sorted(self.absences, key=lambda a: (a.first, a.last)):
            if absence.first <= (today if until is None else until) <= absence.last or (
                until and (absence.first - until).days == 1
            ):
                until = max(absence.last, until or absence.last)
        return until


@dataclass(frozen=True, slots=True)
class Team:
    """Everyone, by department and id."""

    reps: tuple[Rep, ...]

    def frame(self, active: Mapping[str, bool], now: datetime) -> pl.DataFrame:
        """REPS as of `now`. `active`: rep_id → active in every CRM that knows the rep; who is in none is not active."""
        rows = [_row(rep, active.get(rep.rep_id, False), now) for rep in sorted(self.reps, key=lambda r: r.rep_id)]
        return pl.DataFrame(rows, schema=REPS, orient="row")


def _row(rep: Rep, is_active: bool, now: datetime) -> tuple[object, ...]:
    return (
        *(rep.rep_id, rep.name, rep.department, is_active, False, rep.absent_until(now), rep.capacity_per_day, rep.weight, rep.cap),
        *(list(rep.territories), list(rep.industries), list(rep.sizes), list(rep.languages), rep.calendar, rep.manager),
    )
