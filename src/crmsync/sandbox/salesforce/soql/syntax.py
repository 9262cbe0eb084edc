"""A query as values."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.sandbox.salesforce.errors import OrgError

Path = tuple[str, ...]
"""`Owner.Name` is `("Owner", "Name")`."""


@dataclass(frozen=True, slots=True)
class Word:
    """A path as written, with its place in the text for the error message."""

    path: Path
    place: int

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written. `kind` is text, number, boolean, null, datetime, date or period (`TODAY`, `LAST_N_DAYS:3`)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One selected thing: a path, or a function of one."""

    word: Word
    function: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    word: Word
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """IN, NOT IN, INCLUDES and EXCLUDES; `values` is a list, or a query whose one column is the list."""

    word: Word
    operator: str
    values: tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by AND or OR."""

    operator: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    part: Condition


Condition = Comparison | Membership | Junction | Negation


@dataclass(frozen=True, slots=True)
class Order:
    word: Word
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. `counts` is `SELECT COUNT()`, which gives a number and no rows."""

    text: str
    object: str
    items: tuple[Item, ...]
    counts: bool = False
    alias: str | None = None
    where: Condition | None = None
    groups: tuple[Word, ...] = ()
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def pointed(text: str, place: int, sentence: str) -> str:
    """The vendor's message: the query around the place, a caret under it, and what is wrong."""
    start = max(0, place - 40)
    shown = text[start : place + 40].replace("\n", " ")
    return f"\n{shown}\n{' ' * (place - start)}^\nERROR at Row:1:Column:{place + 1}\n{sentence}"


def malformed(text: str, place: int, sentence: str) -> OrgError:
    return OrgError("MALFORMED_QUERY", pointed(text, place, sentence))
