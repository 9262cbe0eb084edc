"""Tables as frames. SQLite packs whole columns as JSON: one row of ten columns for every fifty thousand of the table.

Handing a row at a time to Python costs six times as much as all else. What JSON cannot carry to the last bit (floats, bytes) is
read by rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson
import polars as pl
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Float,
    LargeBinary,
    Select,
    Table,
    Text,
    cast,
    func,
    literal_column,
    select,
    text,
    type_coerce,
)

from crmsync.ahead import one_behind
from crmsync.store.tables import IN_ONE, Hundredths, Instant, from_micros

INSTANT = pl.Datetime("us", "UTC")
ROWS_AT_ONCE = 50_000

Columns = Sequence[Any]
_BY_ROWS = (Float, LargeBinary)
_ROWID = literal_column("rowid", BigInteger)


def frame_of(
    connection: Connection,
    table: Table,
    chosen: Columns,
    where: Sequence[ColumnElement[bool]],
    *,
    is_sorted: bool = True,
) -> pl.DataFrame:
    """These columns of the rows that pass, instants as Datetime("us", "UTC"), sorted by primary key where `is_sorted`, else in any
    order."""
    keys = [column for column in table.primary_key if is_sorted and column.name not in {c.name for c in chosen}]
    columns = [*chosen, *keys]
    if connection.dialect.name == "sqlite":
        frame = pl.concat([_typed({}, columns), *_parts(connection, table, columns, where)])
    else:
        query = select(*map(_plain, columns)).where(*where)
        frame = _typed(_named(columns, _columns_of(connection, query, len(columns))), columns)
    ordered = frame.sort([column.name for column in table.primary_key]) if is_sorted and frame.height > 1 else frame
    return ordered.select(column.name for column in chosen) if keys else ordered


GIVEN = "given"
AMONG = f"SELECT value FROM json_each(:{GIVEN})"  # noqa: S608 - a name of ours
"""Many texts or numbers as one parameter, which is a JSON array. It is a text because to put it together of functions and columns
costs as much as the search."""


def frame_among(
    connection: Connection,
    table: Table,
    names: tuple[str, ...],
    column: str,
    values: Sequence[str],
    where: Sequence[ColumnElement[bool]],
) -> pl.DataFrame:
    """As `frame_of`, sorted, in SQLite: those of the rows whose `column`, which has an index, holds one of `values`."""
    columns, query = [table.c[name] for name in names], _asking(table, names, column)
    given = {GIVEN: orjson.dumps(values).decode()}
    found = _columns_of(connection, query.where(*where) if where else query, len(names), given) if values else []
    if not any(found):
        return _no_rows(table, names).clone()
    return _typed(_named(columns, found), columns)


@lru_cache(maxsize=256)
def _asking(table: Table, names: tuple[str, ...], column: str) -> Select[Any]:
    """The question for rows among many. They are put in order when they are found: the plus keeps SQLite from walking the whole
    table in the order of its key."""
    mine = table.c[column].in_(text(AMONG))
    order: Iterator[ColumnElement[Any]] = (literal_column(f'+"{key.name}"') for key in table.primary_key)
    return select(*(_plain(table.c[name]) for name in names)).where(mine).order_by(*order)


@lru_cache(maxsize=256)
def _no_rows(table: Table, names: tuple[str, ...]) -> pl.DataFrame:
    """Most questions about a few persons find nothing in most tables."""
    return _typed({}, [table.c[name] for name in names])


def packed(connection: Connection, query: Select[Any], *where: ColumnElement[bool]) -> list[list[Any]]:
    """The columns of what a query of some module gives under these conditions, in its order of columns; payloads as what their JSON
    says. For results of some hundred rows: SQLite packs them into one, as above."""
    if connection.dialect.name != "sqlite":
        return by_rows(connection, query, lambda plain: plain.where(*where))
    columns, packing = _packing(query, is_gathered=True)
    row = connection.execute(packing.where(*where)).one()
    return [_read(column, orjson.loads(text)) for column, text in zip(columns, row, strict=True)]


def by_rows(connection: Connection, query: Select[Any], narrowed: Callable[[Select[Any]], Select[Any]]) -> list[list[Any]]:
    """The same of any number of rows in any order: `narrowed` says which, and how they are sorted."""
    columns, plain = _packing(query, is_gathered=False)
    found = _columns_of(connection, narrowed(plain), len(columns))
    return [_read(column, values) for column, values in zip(columns, found, strict=True)]


@lru_cache(maxsize=32)
def _packing(query: Select[Any], *, is_gathered: bool) -> tuple[Columns, Select[Any]]:
    """The columns of a query, and what is asked for them: making it anew costs as much as asking."""
    columns = list(query.selected_columns)
    return columns, query.with_only_columns(*map(_gathered if is_gathered else _plain, columns))


def _gathered(column: Any) -> ColumnElement[str]:
    """All values of a column as one JSON array; a payload is JSON already."""
    if isinstance(column.type, LargeBinary):
        joined: ColumnElement[str] = "[" + func.coalesce(func.group_concat(cast(column, Text)), "") + "]"
        return joined
    return func.json_group_array(_plain(column))


def _read(column: Any, values: list[Any]) -> list[Any]:
    """Values as the store's callers know them: instants, truth, what a payload says."""
    if isinstance(column.type, Instant):
        instants = {value: from_micros(value) for value in set(values) if value is not None}  # many rows share theirs
        return [instants.get(value) for value in values]
    if isinstance(column.type, Hundredths):
        return [None if value is None else value / IN_ONE for value in values]
    if isinstance(column.type, Boolean):
        return [None if value is None else bool(value) for value in values]
    if isinstance(column.type, LargeBinary):
        return [orjson.loads(value) if isinstance(value, bytes) else value for value in values]
    return values


def _parts(connection: Connection, table: Table, columns: Columns, where: Sequence[ColumnElement[bool]]) -> Iterator[pl.DataFrame]:
    """The table piece by piece, in the order in which its rows were first stored; another thread makes a frame of one while
    SQLite packs the next. Where a piece ends is asked for apart: packing the rows of a limited query costs SQLite twice as much as
    those between two numbers."""
    ends = list(_ends_of_pieces(connection, table))
    pieces = (_piece(connection, table, columns, (*where, after < _ROWID, last >= _ROWID)) for after, last in pairwise([-1, *ends]))
    yield from map(_Piece.frame, pieces) if len(ends) < 2 else one_behind(_Piece.frame, pieces)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a table as SQLite gave it: JSON arrays of whole columns, and those that JSON cannot carry."""

    columns: Columns
    texts: Mapping[str, str]
    loose: Mapping[str, list[Any]]

    def frame(self) -> pl.DataFrame:
        return _typed({**self.loose, **{name: orjson.loads(text) for name, text in self.texts.items()}}, self.columns)


def _piece(connection: Connection, table: Table, columns: Columns, where: Columns) -> _Piece:
    """The values of these columns, in the order of the rows' numbers: SQLite walks a range of them in their order."""
    packed = [column for column in columns if not isinstance(column.type, _BY_ROWS)]
    loose = [column for column in columns if isinstance(column.type, _BY_ROWS)]
    texts: Sequence[str] = ()
    if packed:
        arrays = select(*(func.json_group_array(_plain(column)) for column in packed)).select_from(table).where(*where)
        texts = tuple(connection.execute(arrays).one())
    query = select(*loose).where(*where).order_by(_ROWID)
    values = _named(loose, _columns_of(connection, query, len(loose))) if loose else {}
    return _Piece(columns, {column.name: text for column, text in zip(packed, texts, strict=True)}, values)


def _ends_of_pieces(connection: Connection, table: Table) -> Iterator[int]:
    """The numbers of the last rows of all pieces."""
    after = -1
    while (last := _end_of_piece(connection, table, after)) is not None:
        yield last
        after = last


def _end_of_piece(connection: Connection, table: Table, after: int) -> int | None:
    """The number of the last row of the piece that begins after this one; None where there are no more rows."""
    later = select(_ROWID).select_from(table).where(after < _ROWID)
    end: int | None = connection.execute(later.order_by(_ROWID).limit(1).offset(ROWS_AT_ONCE - 1)).scalar_one_or_none()
    if end is not None:
        return end
    rest: int | None = connection.execute(select(func.max(_ROWID)).select_from(table).where(after < _ROWID)).scalar_one()
    return rest


def _plain(column: Any) -> Any:
    """A column as the database holds it: instants and scores are whole numbers there."""
    return type_coerce(column, BigInteger).label(column.name) if isinstance(column.type, Instant | Hundredths) else column


def _columns_of(connection: Connection, query: Select[Any], width: int, given: Mapping[str, str] | None = None) -> list[list[Any]]:
    """What a query gives, column by column. Of SQLite the driver's own rows are taken: to make them SQLAlchemy's costs
    more than to read them, and `_series` knows how SQLite holds things."""
    result = connection.execute(query, given)
    if connection.dialect.name == "sqlite" and result.cursor is not None:
        rows: Sequence[Sequence[Any]] = result.cursor.fetchall()
        result.close()
    else:
        rows = result.fetchall()
    return [[row[place] for row in rows] for place in range(width)]


def _named(columns: Columns, values: Sequence[list[Any]]) -> dict[str, list[Any]]:
    return {column.name: held for column, held in zip(columns, values, strict=True)}


def _typed(values: dict[str, list[Any]], columns: Columns) -> pl.DataFrame:
    return pl.DataFrame([_series(column, values.get(column.name, [])) for column in columns])


def _series(column: Any, values: list[Any]) -> pl.Series:
    """SQLite holds truth as 0 and 1, and days as text."""
    kind = column.type
    if isinstance(kind, Instant):
        return pl.Series(column.name, values, dtype=pl.Int64).cast(INSTANT)
    if isinstance(kind, Hundredths):
        return (pl.Series(column.name, values, dtype=pl.Int64) / IN_ONE).round(2)  # Polars multiplies by 0.01, which is none
    if isinstance(kind, Boolean):
        return pl.Series(column.name, [None if value is None else bool(value) for value in values], dtype=pl.Boolean)
    if isinstance(kind, Date):
        days = [date.fromisoformat(value) if isinstance(value, str) else value for value in values]
        return pl.Series(column.name, days, dtype=pl.Date)
    return pl.Series(column.name, values, dtype=_DTYPES.get(kind.python_type, pl.String))


_DTYPES: dict[type, Any] = {int: pl.Int64, float: pl.Float64, bytes: pl.Binary}
