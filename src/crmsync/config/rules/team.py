"""`team.yaml`: the reps by department, what they can take, and when they are away."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.place import Problems
from crmsync.config.rules.sla import Department
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.team import Absence, Rep, Team


class AbsenceFile(FileModel):
    first: date = Field(alias="from")
    last: date = Field(alias="to")


class RepFile(FileModel):
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    name: str = Field(min_length=1)
    department: Department
    capacity_per_day: int = Field(20, ge=0)
    weight: int = Field(1, ge=1, le=100)
    cap: int | None = Field(None, ge=0)
    territories: list[str] = Field(default_factory=list)
    industries: list[str] = Field(default_factory=list)
    sizes: list[str] = Field(default_factory=list)
    languages: list[str] = Field(default_factory=list)
    calendar: str | None = None
    manager: str | None = None
    joined: date | None = None
    absences: list[AbsenceFile] = Field(default_factory=list)


class TeamFile(FileModel):
    reps: list[RepFile]


def load_team(document: Document, calendars: Calendars) -> Team:
    """The team document as a value; `calendars` are those its reps may name. Raises FixConfig with every problem."""
    file = validate(document, TeamFile)
    problems = Problems(document)
    problems.unique({("reps", index, "email"): rep.email.lower() for index, rep in enumerate(file.reps)})
    for index, rep in enumerate(file.reps):
        if rep.calendar is not None and rep.calendar not in calendars.by_name:
            known = ", ".join(sorted(calendars.by_name))
            problems.add(("reps", index, "calendar"), "rules.unknown_calendar", name=rep.calendar, known=known)
        for place, absence in enumerate(rep.absences):
            if absence.first > absence.last:
                problems.add(("reps", index, "absences", place), "rules.not_above", key="from", other="to")
    problems.check()
    return Team(tuple(_rep(rep, calendars) for rep in file.reps))


def _rep(file: RepFile, calendars: Calendars) -> Rep:
    calendar = calendars.named(file.calendar)
    return Rep(
        rep_id=file.email.lower(),
        name=file.name,
        department=file.department,
        calendar=calendar.name,
        time_zone=calendar.time_zone,
        capacity_per_day=file.capacity_per_day,
        weight=file.weight,
        cap=file.cap,
        territories=tuple(file.territories),
        industries=tuple(file.industries),
        sizes=tuple(file.sizes),
        languages=tuple(file.languages),
        manager=file.manager.lower() if file.manager else None,
        joined=file.joined,
        absences=tuple(Absence(a.first, a.last) for a in file.absences),
    )
