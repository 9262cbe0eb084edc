"""`rules/calendars.yaml`: business hours, national holidays and closures, by name."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import BeforeValidator, Field

from crmsync.config.document import Document, FileModel, Path_, validate
from crmsync.config.rules.place import Problems
from crmsync.decisions.calendar import BusinessCalendar, Calendars, Closure

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Weekday = Literal["weekdays", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Window = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
DayOfYear = Annotated[
    str, BeforeValidator(lambda v: v.isoformat() if isinstance(v, date) else v), Field(pattern=r"^(\d{4}-)?\d{2}-\d{2}$")
]
"""A day of one year ("2026-08-13") or of every year ("12-29")."""


class ClosureFile(FileModel):
    name: str = Field(min_length=1)
    first: DayOfYear = Field(alias="from")
    last: DayOfYear = Field(alias="to")


class CalendarFile(FileModel):
    """A calendar of its own, or a layer over another: what is not said is as there, and closures are closed beside those."""

    based_on: str | None = None
    time_zone: str | None = None
    hours: dict[Weekday, list[Window]] = Field(default_factory=dict)
    holidays: str | None = None
    language: str = "ja"
    closures: list[ClosureFile] = Field(default_factory=list)


class CalendarsFile(FileModel):
    default: str
    calendars: dict[str, CalendarFile] = Field(min_length=1)


def load_calendars(document: Document) -> Calendars:
    """The calendars document as a value. Raises FixConfig with every problem."""
    file = validate(document, CalendarsFile)
    problems = Problems(document)
    if file.default not in file.calendars:
        problems.add(("default",), "rules.unknown_calendar", name=file.default, known=", ".join(sorted(file.calendars)))
    found: dict[str, BusinessCalendar | None] = {}
    for name in _bases_first(file, problems):
        base = found.get(file.calendars[name].based_on or "")
        found[name] = _calendar(name, file.calendars[name], base, problems)
    problems.check()
    return Calendars(file.default, {name: calendar for name in file.calendars if (calendar := found[name]) is not None})


def _bases_first(file: CalendarsFile, problems: Problems) -> list[str]:
    """The calendars in such an order that each comes after the one that it is based on."""
    order: list[str] = []
    for name in file.calendars:
        chain = [name]
        while (base := file.calendars[chain[-1]].based_on) is not None and base not in order:
            if base not in file.calendars or base in chain:
                code = "rules.calendar_circle" if base in chain else "rules.unknown_calendar"
                problems.add(("calendars", chain[-1], "based_on"), code, name=base, known=", ".join(sorted(file.calendars)))
                break
            chain.append(base)
        order.extend(one for one in reversed(chain) if one not in order)
    return order


def is_zone(name: str) -> bool:
    """Whether the time zone database has this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _calendar(name: str, file: CalendarFile, base: BusinessCalendar | None, problems: Problems) -> BusinessCalendar | None:
    """One calendar over its base, where it has one; None where it cannot be."""
    path: Path_ = ("calendars", name)
    before = len(problems.found)
    zone = file.time_zone or (base.time_zone if base else None)
    if file.based_on is None and (zone is None or not file.hours):
        problems.add(path, "rules.calendar_needs", name=name)
    if zone is not None and not is_zone(zone):
        problems.add((*path, "time_zone"), "rules.unknown_zone", zone=zone)
    if file.holidays is not None and file.holidays not in holidays.list_supported_countries():
        problems.add((*path, "holidays"), "rules.unknown_country", country=file.holidays)
    windows = tuple(
        base.windows[number] if base and not _is_said(file, day) else _windows(file, day, path, problems)
        for number, day in enumerate(DAYS)
    )
    if file.hours and not any(windows):
        problems.add((*path, "hours"), "rules.never_open", name=name)
    closures = [_closure(closure, (*path, "closures", index), problems) for index, closure in enumerate(file.closures)]
    if len(problems.found) > before or zone is None:
        return None
    kept = (*(base.closures if base else ()), *(closure for closure in closures if closure is not None))
    said = file.model_fields_set
    country = base.country if base and "holidays" not in said else file.holidays
    return BusinessCalendar(name, zone, windows, country, kept, base.language if base and "language" not in said else file.language)


def _is_said(file: CalendarFile, day: str) -> bool:
    """Whether the file has hours of its own for this day."""
    return day in file.hours or ("weekdays" in file.hours and day not in ("sat", "sun"))


def _windows(file: CalendarFile, day: str, path: Path_, problems: Problems) -> tuple[tuple[time, time], ...]:
    """The hours of one weekday: its own, else those of `weekdays` for Monday to Friday."""
    key: Any = day if day in file.hours else "weekdays"
    if key == "weekdays" and (day in ("sat", "sun") or key not in file.hours):
        return ()
    windows: list[tuple[time, time]] = []
    for index, text in enumerate(file.hours[key]):
        opens, closes = (time.fromisoformat(part) for part in text.split("-"))
        if opens >= closes or (windows and opens < windows[-1][1]):
            if day in (key, "mon"):
                problems.add((*path, "hours", key, index), "rules.hours_out_of_order", hours=text)
            return ()
        windows.append((opens, closes))
    return tuple(windows)


def _closure(file: ClosureFile, path: Path_, problems: Problems) -> Closure | None:
    first, last = _day(file.first), _day(file.last)
    if first is None or last is None or (first[0] is None) != (last[0] is None):
        problems.add(path, "rules.no_day", first=file.first, last=file.last)
        return None
    if first[0] is not None and (first[0], *first[1:]) > (last[0] or 0, *last[1:]):
        problems.add(path, "rules.not_above", key="from", other="to")
    return Closure(file.name, first, last)


def _day(text: str) -> tuple[int | None, int, int] | None:
    """Year (None = every year), month, day; None where there is no such day. 02-29 is a day of every year."""
    parts = [int(part) for part in re.split("-", text)]
    year, month, day = (None, *parts) if len(parts) == 2 else parts
    try:
        date(year or 2000, month or 0, day or 0)
    except ValueError:
        return None
    return year, month or 0, day or 0
