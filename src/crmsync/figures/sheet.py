"""What a view of the figures is: tidy tables, with what each column holds and what is to be said about them.

A table is printed, written as JSON and exported from this one value; nobody formats a figure of his own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import polars as pl

from crmsync.figures.period import Grain, Period, Zone

Kind = Literal["text", "word", "count", "number", "share", "money", "hours", "days", "day", "instant", "flag"]
"""What a value is, so that everyone writes it alike: `word` is one of the glossary's (its name is in the catalogue), `share`
lies between 0 and 1 and is read as percent, `money` has no decimals, `hours` and `days` are spans."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (the header is `column.<name>` of the catalogue), what it holds, and for words the group of the
    catalogue in which their names stand. A quiet one is for programs: the screen leaves it out. `header` is for a name that
    the catalogue's columns have for something else."""

    name: str
    kind: Kind = "count"
    words: str = ""
    is_quiet: bool = False
    header: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about a sheet: a code of the catalogue and what it is filled with. A parameter that is a word of the catalogue
    is written `group.word` under a name that ends in `_word`."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. `name` is unique over all views: it is the key in JSON, the file of an export, `title.<name>` in the catalogue.
    `missing` are the inputs that nobody gave, whose figures are absent for that reason."""

    name: str
    columns: tuple[Column, ...]
    rows: pl.DataFrame
    notes: tuple[Note, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, columns: Sequence[Column], rows: pl.DataFrame, *notes: Note, missing: Sequence[str] = ()) -> Sheet:
        """The sheet with just these columns of `rows`, in this order."""
        return cls(name, tuple(columns), rows.select(column.name for column in columns), notes, tuple(missing))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a view: the days, in whose zone, in which spans, split by what, as flow or as cohort. `now` is the instant
    that the answer is given for: nothing later is known."""

    first: date
    last: date
    now: datetime
    zone: Zone = field(default_factory=Zone)
    by: Grain = "period"
    split: tuple[str, ...] = ()
    as_cohort: bool = False

    @property
    def period(self) -> Period:
        return self.zone.period(self.first, self.last)

    @property
    def at_end(self) -> datetime:
        """The end of the days, or `now` where they are not over."""
        return min(self.period.until, self.now)
