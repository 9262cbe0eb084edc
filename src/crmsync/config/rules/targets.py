"""`rules/targets.yaml`: what a month is to bring, for every month and for months of their own."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.place import Problems
from crmsync.decisions.valve import MonthTarget, Targets


class MonthFile(FileModel):
    visitors: float | None = Field(None, ge=0)
    leads: float | None = Field(None, ge=0)
    mqls: float | None = Field(None, ge=0)
    sqls: float | None = Field(None, ge=0)
    opportunities: float | None = Field(None, ge=0)
    wins: float | None = Field(None, ge=0)
    renewals: float | None = Field(None, ge=0)

    def value(self) -> MonthTarget:
        return MonthTarget(self.visitors, self.leads, self.mqls, self.sqls, self.opportunities, self.wins, self.renewals)


class TargetsFile(FileModel):
    time_zone: str
    kinds: list[Literal["new_business", "renewal", "upsell"]] = Field(["new_business"], min_length=1)
    every_month: MonthFile
    months: dict[str, MonthFile] = Field(default_factory=dict)


def load_targets(document: Document) -> Targets:
    """The targets document as a value. Raises FixConfig with every problem."""
    file = validate(document, TargetsFile)
    problems = Problems(document)
    if not _is_zone(file.time_zone):
        problems.add(("time_zone",), "rules.unknown_zone", zone=file.time_zone)
    for month in file.months:
        if not _is_month(month):
            problems.found.append(document.problem(("months", month), "rules.no_month", month=month))
    problems.check()
    months = {month: target.value() for month, target in file.months.items()}
    return Targets(file.every_month.value(), months, file.time_zone, tuple(file.kinds))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _is_month(text: str) -> bool:
    year, _, month = text.partition("-")
    return len(text) == 7 and year.isdigit() and month.isdigit() and 1 <= int(month) <= 12
