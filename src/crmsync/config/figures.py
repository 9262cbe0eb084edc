"""`figures.yaml`: where visitors, spend and head-counts are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from crmsync.config.document import Document, FileModel, read_document, validate
from crmsync.config.rows import Day, MonthText, Number, read_rows
from crmsync.config.rules.place import Problems
from crmsync.config.rules.sla import Department
from crmsync.errors import FixConfig, Problem
from crmsync.figures.inputs import GIVEN, HEADCOUNTS, Inputs

Amount = Annotated[Number, Field(ge=0)]


class TimedRow(FileModel):
    """A row that stands for a day or a month."""

    day: Day | None = None
    month: MonthText | None = None


class VisitRow(TimedRow):
    source: Literal["inbound", "outbound"] | None = None
    method: str | None = None
    campaign: str | None = None
    visitors: Amount


class SpendRow(TimedRow):
    method: str | None = None
    campaign: str | None = None
    amount: Amount


class HeadcountRow(TimedRow):
    department: Department
    people: Amount


class VisitsFile(FileModel):
    rows: list[VisitRow]


class SpendFile(FileModel):
    rows: list[SpendRow]


class HeadcountsFile(FileModel):
    rows: list[HeadcountRow]


class InputsFile(FileModel):
    visits: str | None = None
    spend: str | None = None
    headcounts: str | None = None


class FiguresFile(FileModel):
    inputs: InputsFile = InputsFile()


def load_inputs(path: Path) -> Inputs:
    """`figures.yaml` with the tables that it names, which lie beside it. Where there is no such file nobody gave anything. Raises
    FixConfig with every problem of every file."""
    if not path.is_file():
        return Inputs()
    file = validate(read_document(path, shown_as=path.name), FiguresFile)
    problems: list[Problem] = []
    tables = {
        name: _table(path.parent / told, load, problems) if told else None
        for name, told, load in (
            ("visits", file.inputs.visits, _visits),
            ("spend", file.inputs.spend, _spend),
            ("headcounts", file.inputs.headcounts, _headcounts),
        )
    }
    if problems:
        raise FixConfig(problems)
    return Inputs(**tables)


def _table(path: Path, load: Callable[[Path], pl.DataFrame], problems: list[Problem]) -> pl.DataFrame | None:
    try:
        return load(path)
    except FixConfig as error:
        problems.extend(error.problems)
        return None


def _visits(path: Path) -> pl.DataFrame:
    document = read_rows(path, VisitRow, path.name)
    rows = validate(document, VisitsFile).rows
    values = [{"source": row.source, "method": row.method, "campaign": row.campaign, "value": row.visitors} for row in rows]
    return _frame(document, rows, values, GIVEN)


def _spend(path: Path) -> pl.DataFrame:
    document = read_rows(path, SpendRow, path.name)
    rows = validate(document, SpendFile).rows
    problems = Problems(document)
    for index, row in enumerate(rows):
        if row.method is None and row.campaign is None:
            problems.add(("rows", index), "config.of_nothing")
    values = [{"source": None, "method": row.method, "campaign": row.campaign, "value": row.amount} for row in rows]
    return _frame(document, rows, values, GIVEN, problems)


def _headcounts(path: Path) -> pl.DataFrame:
    document = read_rows(path, HeadcountRow, path.name)
    rows = validate(document, HeadcountsFile).rows
    return _frame(document, rows, [{"department": row.department, "value": row.people} for row in rows], HEADCOUNTS)


def _frame(
    document: Document,
    rows: Sequence[TimedRow],
    values: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any],
    problems: Problems | None = None,
) -> pl.DataFrame:
    """The rows with the days that they stand for. Raises FixConfig with every problem."""
    found = problems or Problems(document)
    days = [_days(index, row, found) for index, row in enumerate(rows)]
    found.check()
    told = [{"first": first, "last": last, **value} for (first, last), value in zip(days, values, strict=True)]
    return pl.DataFrame(told, schema=dict(schema)).sort(
        "first", "last", *(name for name in schema if name not in ("first", "last"))
    )


def _days(index: int, row: TimedRow, problems: Problems) -> tuple[date, date]:
    """The first and the last day of a row; any day where it has none, with the problem noted."""
    if (row.day is None) == (row.month is None):
        problems.add(("rows", index), "config.one_time")
    elif row.day is not None:
        return row.day, row.day
    elif row.month is not None:
        try:
            first = date.fromisoformat(f"{row.month}-01")
        except ValueError:
            problems.add(("rows", index, "month"), "rules.no_month", month=row.month)
        else:
            return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return date.min, date.min
