"""Bulk writes and frame reads that every part of the store shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl
from sqlalchemy import BigInteger, ColumnElement, Connection, Table, select, type_coerce
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from crmsync.store.tables import Instant

CHUNK = 500  # ids in one IN list: far under SQLite's limit of 32,766 parameters, and a plan that stays cached
INSTANT = pl.Datetime("us", "UTC")


def table_of(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    return table


def upsert(connection: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace every non-key column of those that are there. Rows must all have the same keys."""
    if not rows:
        return
    table = table_of(model)
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if others:
        final = statement.on_conflict_do_update(index_elements=keys, set_=others)
    else:
        final = statement.on_conflict_do_nothing(index_elements=keys)
    connection.execute(final, [dict(row) for row in rows])


def insert_all(connection: Connection, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(table_of(model).insert(), [dict(row) for row in rows])


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
) -> pl.DataFrame:
    """The rows of a table as a frame, instants as Datetime("us", "UTC"), sorted by primary key."""
    table = table_of(model)
    chosen = [table.c[name] for name in (columns or table.c.keys())]
    raw = [type_coerce(c, BigInteger).label(c.name) if isinstance(c.type, Instant) else c for c in chosen]
    statement = select(*raw).where(*where).order_by(*table.primary_key)
    rows = connection.execute(statement).fetchall()
    schema = {column.name: _dtype(column) for column in chosen}
    if not rows:
        return _typed(pl.DataFrame(schema=schema), chosen)
    return _typed(pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row"), chosen)


def _typed(frame: pl.DataFrame, columns: Sequence[Any]) -> pl.DataFrame:
    instants = [c.name for c in columns if isinstance(c.type, Instant)]
    return frame.with_columns(pl.col(instants).cast(INSTANT)) if instants else frame


def _dtype(column: Any) -> pl.DataType | type[pl.DataType]:
    if isinstance(column.type, Instant):
        return pl.Int64
    python = column.type.python_type
    kinds: dict[type, pl.DataType | type[pl.DataType]] = {
        bool: pl.Boolean,
        int: pl.Int64,
        float: pl.Float64,
        bytes: pl.Binary,
    }
    if python.__name__ == "date":
        return pl.Date
    return kinds.get(python, pl.String)


def frame_rows(frame: pl.DataFrame, **constant: Any) -> list[dict[str, Any]]:
    """A frame's rows as dicts for `upsert`, each with the same extra columns."""
    return [{**row, **constant} for row in frame.to_dicts()]
