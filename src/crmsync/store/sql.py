"""Bulk writes and frame reads that every part of the store shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain, compress, count, islice
from typing import Any

import orjson
import polars as pl
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnDefault,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Integer,
    LargeBinary,
    Table,
    Text,
    any_,
    bindparam,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from crmsync.ahead import one_ahead
from crmsync.store.columns import AMONG, GIVEN, frame_among, frame_of
from crmsync.store.tables import IN_ONE, Hundredths, Instant, to_hundredths, to_micros

# Rows in one statement. SQLite's driver lets other threads in after each statement: by single rows the store would wait for the
# thread that parses the next page again and again. Fifty are far under SQLite's 32,766 parameters, and no statement is so long
# that its parameters are slow to bind.
_TOGETHER = 50
_PIECE = 20_000  # rows of a frame
CHUNK = 500  # ids in one IN list: far under SQLite's limit of 32,766 parameters, and a plan that stays cached


def table_of(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    return table


Columns = Mapping[str, Sequence[Any] | pl.Series]
"""Many rows by the names of their columns; all of them are of one length."""


def upsert(connection: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace every non-key column of those that are there. Rows must all have the same keys."""
    if rows:
        upsert_columns(connection, model, _columns_of(rows))


def upsert_columns(connection: Connection, model: type[SQLModel], columns: Columns) -> None:
    """The same with rows that are at hand as columns."""
    _write(connection, _upsertion(model, tuple(columns), connection.dialect), columns)


def insert_all(connection: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows. They must all have the same keys."""
    if rows:
        insert_columns(connection, model, _columns_of(rows))


def insert_columns(connection: Connection, model: type[SQLModel], columns: Columns) -> None:
    """The same with rows that are at hand as columns."""
    _write(connection, _insertion(model, tuple(columns), connection.dialect), columns)


def upsert_frame(connection: Connection, model: type[SQLModel], frame: pl.DataFrame, **constant: Any) -> None:
    """The same as `upsert` with the rows of a frame, each with the same extra columns."""
    _write_pieces(connection, partial(_upsertion, model), frame.iter_slices(_PIECE), constant, is_one=frame.height <= _PIECE)


def insert_frame(connection: Connection, model: type[SQLModel], frame: pl.DataFrame, **constant: Any) -> None:
    """The same as `insert_all` with the rows of a frame, each with the same extra columns."""
    _write_pieces(connection, partial(_insertion, model), frame.iter_slices(_PIECE), constant, is_one=frame.height <= _PIECE)


def insert_frames(connection: Connection, model: type[SQLModel], frames: Iterator[pl.DataFrame], **constant: Any) -> None:
    """The same with frames of some thousands of rows that are made while those before them are stored."""
    _write_pieces(connection, partial(_insertion, model), frames, constant)


def _write_pieces(
    connection: Connection,
    writing_of: _WritingOf,
    pieces: Iterator[pl.DataFrame],
    constant: Mapping[str, Any],
    *,
    is_one: bool = False,
) -> None:
    """Only so many rows are values of Python's at once. Another thread makes the next of them while SQLite, which runs without the
    interpreter's lock, stores these."""
    dialect = connection.dialect
    ready = (_ready(writing_of(tuple(columns), dialect), columns) for columns in (_with(piece, constant) for piece in pieces))
    for statements in ready if is_one else one_ahead(ready):
        for one in statements:
            one.run(connection)


def _with(piece: pl.DataFrame, constant: Mapping[str, Any]) -> Columns:
    return {**piece.to_dict(), **{name: [value] * piece.height for name, value in constant.items()}}


def run_for_all(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run one statement of a module, with a `bindparam` for each key of the rows, once for each row."""
    if rows:
        run_for_columns(connection, statement, _columns_of(rows))


def run_for_columns(connection: Connection, statement: Executable, columns: Columns) -> None:
    """The same with rows that are at hand as columns."""
    _write(connection, _statement(statement, tuple(columns), connection.dialect), columns)


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    return {name: [row[name] for row in rows] for name in rows[0]}


Mark = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Writing:
    """A statement for many rows. Where the driver takes values by position, `text` is what it is given, and `places` say what
    stands at each of its marks: SQLAlchemy's own way costs more for each row than SQLite does. An insertion has its one row at
    `row` in the text."""

    statement: Executable
    text: str = ""
    places: tuple[_Place, ...] = ()
    row: str = ""


_WritingOf = Callable[[tuple[str, ...], Dialect], _Writing]
"""The statement for rows of these columns."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A column's values: those of the rows under this name, or always the same; `mark` makes them what the driver takes."""

    name: str
    is_given: bool
    constant: Any
    mark: Mark | None

    def of(self, columns: Columns, count: int) -> Sequence[Any]:
        values, mark = columns[self.name] if self.is_given else [self.constant] * count, self.mark
        if isinstance(values, pl.Series):
            values, mark = _handed(values, mark)
        if mark is None:
            return values
        if mark is to_micros:
            return _micros(values)
        if _is_one(values):
            return [None if values[0] is None else mark(values[0])] * count
        return [None if value is None else mark(value) for value in values]


def _handed(values: pl.Series, mark: Mark | None) -> tuple[list[Any], Mark | None]:
    """A frame's column as a list, and what is still to be done to make its values what the driver takes."""
    if mark is to_micros and isinstance(values.dtype, pl.Datetime):
        return values.dt.timestamp("us").to_list(), None
    if mark is to_hundredths:
        return (values * IN_ONE).round().cast(pl.Int64).to_list(), None
    if mark is int:
        return values.cast(pl.Int64).to_list(), None
    return values.to_list(), mark


def _micros(values: Sequence[datetime | None]) -> list[int | None]:
    """Of a page's instants many are one: each is made a number once."""
    known = {value: None if value is None else to_micros(value) for value in set(values)}
    return [known[value] for value in values]


def _is_one(values: Sequence[Any]) -> bool:
    """Whether a column holds one value throughout."""
    return values[0] is values[-1] and values.count(values[0]) == len(values)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A statement with all its rows, as the driver takes them where the statement is a text."""

    statement: Executable | str
    rows: list[Any]

    def run(self, connection: Connection) -> None:
        if isinstance(self.statement, str):
            connection.exec_driver_sql(self.statement, self.rows)
        else:
            connection.execute(self.statement, self.rows)


def _write(connection: Connection, writing: _Writing, columns: Columns) -> None:
    for one in _ready(writing, columns):
        one.run(connection)


def _ready(writing: _Writing, columns: Columns) -> list[_Ready]:
    count = len(next(iter(columns.values())))
    if not count:
        return []
    if not writing.text:
        values = [column.to_list() if isinstance(column, pl.Series) else column for column in columns.values()]
        return [_Ready(writing.statement, [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)])]
    placed = [place.of(columns, count) for place in writing.places]
    if writing.row:
        return list(_insertions(writing, placed))
    return [_Ready(writing.text, list(zip(*placed, strict=True)))]


def _insertions(writing: _Writing, columns: Sequence[Sequence[Any]]) -> Iterator[_Ready]:
    """Many rows in each statement. A value that all rows share is bound once for all of them: there are many such on a page, and
    for each None the driver looks for an adapter."""
    height, is_shared = len(columns[0]), tuple(map(_is_one, columns))
    shared = tuple(column[0] for column in compress(columns, is_shared))
    own = [column for column, is_one in zip(columns, is_shared, strict=True) if not is_one]
    values, width = list(chain.from_iterable(zip(*own, strict=True))), len(own)
    whole = height - height % _TOGETHER
    for rows, starts in ((_TOGETHER, range(0, whole, _TOGETHER)), (1, range(whole, height))):
        if starts:
            text = writing.text.replace(writing.row, _numbered(is_shared, rows), 1)
            yield _Ready(text, [(*shared, *values[start * width : (start + rows) * width]) for start in starts])


@lru_cache(maxsize=256)
def _numbered(is_shared: tuple[bool, ...], rows: int) -> str:
    """The marks of so many rows: first what all of them share, then each row's own."""
    marks = (f"?{place}" for place in count(1))
    once = [next(marks) if is_one else "" for is_one in is_shared]
    return ", ".join(f"({', '.join(mark or next(marks) for mark in once)})" for _ in range(rows))


@lru_cache(maxsize=256)
def _upsertion(model: type[SQLModel], names: tuple[str, ...], dialect: Dialect) -> _Writing:
    table = table_of(model)
    insert = sqlite_insert if dialect.name == "sqlite" else postgresql_insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    others = {name: statement.excluded[name] for name in names if name not in keys}
    conflict: Any = {"index_elements": keys}
    final = statement.on_conflict_do_update(**conflict, set_=others) if others else statement.on_conflict_do_nothing(**conflict)
    return _inserting(final, names, table, dialect)


@lru_cache(maxsize=256)
def _insertion(model: type[SQLModel], names: tuple[str, ...], dialect: Dialect) -> _Writing:
    table = table_of(model)
    return _inserting(table.insert(), names, table, dialect)


@lru_cache(maxsize=256)
def _statement(statement: Executable, names: tuple[str, ...], dialect: Dialect) -> _Writing:
    return _writing(statement, statement.compile(dialect=dialect), names, {}, dialect)  # type: ignore[attr-defined]  # it has one


def _defaults(table: Table) -> dict[str, Any]:
    """What columns hold where nothing is said."""
    return {
        column.name: column.default.arg
        for column in table.c
        if isinstance(column.default, ColumnDefault) and column.default.is_scalar
    }


def _inserting(statement: Executable, names: tuple[str, ...], table: Table, dialect: Dialect) -> _Writing:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))  # type: ignore[attr-defined]  # it has one
    writing = _writing(statement, compiled, names, _defaults(table), dialect)
    return replace(writing, row=f"({', '.join('?' * len(writing.places))})") if writing.text else writing


def _writing(
    statement: Executable, compiled: Any, names: tuple[str, ...], defaults: Mapping[str, Any], dialect: Dialect
) -> _Writing:
    marks = tuple(compiled.positiontup or ())
    others = {name: defaults[name] for name in marks if name not in names and name in defaults}
    if not marks or not set(names) <= set(marks) or not set(marks) <= {*names, *others}:
        return _Writing(statement)  # by name, or with values of its own: leave it to SQLAlchemy
    places = (_Place(name, name in names, others.get(name), _marker(compiled.binds[name].type, dialect)) for name in marks)
    return _Writing(statement, str(compiled), tuple(places))


def _marker(kind: Any, dialect: Dialect) -> Mark | None:
    """How a value of this type is handed to the driver; None where it goes as it is."""
    if isinstance(kind, Instant):
        return to_micros
    if isinstance(kind, Hundredths):
        return to_hundredths
    if isinstance(kind, Boolean):
        return int  # as it is stored: for a bool the driver looks for an adapter first
    if isinstance(kind, LargeBinary):
        return bytearray  # likewise for bytes
    found: Mark | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found


def among(connection: Connection, column: Any, values: Iterable[str] | Iterable[int]) -> ColumnElement[bool]:
    """Whether a column of texts or numbers holds one of many values, as one parameter: one statement for thousands of them,
    prepared once."""
    if connection.dialect.name == "sqlite":
        given = text(AMONG).bindparams(bindparam(GIVEN, orjson.dumps(list(values)).decode(), unique=True))
        found: ColumnElement[bool] = column.in_(given)
        return found
    kind = BigInteger if isinstance(column.type, Integer) else Text
    same: ColumnElement[bool] = column == any_(type_coerce(list(values), ARRAY(kind)))
    return same


def chunks(values: Iterable[str], size: int = CHUNK) -> Iterator[tuple[str, ...]]:
    """The values in tuples of at most `size`."""
    iterator = iter(values)
    while chunk := tuple(islice(iterator, size)):
        yield chunk


def read_frame(
    connection: Connection,
    model: type[SQLModel],
    *where: ColumnElement[bool],
    columns: Sequence[str] | None = None,
    is_sorted: bool = True,
) -> pl.DataFrame:
    """The rows of a table as a frame, instants as Datetime("us", "UTC"), sorted by primary key; or in any order, for those who sort
    them otherwise."""
    table = table_of(model)
    return frame_of(connection, table, [table.c[name] for name in (columns or table.c.keys())], where, is_sorted=is_sorted)


def read_among(
    connection: Connection,
    model: type[SQLModel],
    column: str,
    values: Iterable[str],
    *where: ColumnElement[bool],
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Those of the rows whose text `column` holds one of `values`. For few of many: `column` has an index."""
    table, wanted = table_of(model), sorted(dict.fromkeys(values))  # most come in order, and are left in it
    names = tuple(columns or table.c.keys())
    if connection.dialect.name == "sqlite":
        return frame_among(connection, table, names, column, wanted, where)
    mine = (among(connection, table.c[column], wanted), *where)
    return frame_of(connection, table, [table.c[name] for name in names], mine)
