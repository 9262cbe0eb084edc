"""A store that begins later than at the beginning: with what another holds of everyone of whom nothing was learnt since a moment.

Rows of records that have no version since then are what they were then. Of all others the versions of before are taken over, to
be read anew. Who was who is told by links that are kept when they are replaced. What leads from one record to another only grows,
and is taken over as it is: it leads to more than was known then, and to nobody who was not known.

One SQLite database reads the other, row by row within itself: by way of Python it would cost as much as reading anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlmodel import SQLModel

from crmsync.store import tables
from crmsync.store.entities import TABLES
from crmsync.store.sql import table_of
from crmsync.store.tables import to_micros

_REF = "connection || '/' || object || '/' || record_id"
_IS_TOUCHED = "IN (SELECT ref FROM temp.touched)"
_AS_THEY_ARE: tuple[type[SQLModel], ...] = (tables.FiledRow, tables.MentionRow)


def is_file(engine: Engine) -> bool:
    """Whether this is a database in a file of SQLite's, which another one can read."""
    return engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:")


def begin_with(mine: Engine, theirs: Engine, through: int, at: datetime, timed: Iterable[tuple[str, str]]) -> None:
    """Fill an empty store with what the other one knew when versions were numbered up to `through`, at this instant. `timed` are
    (connection, object) of those records that time alone gives another meaning: they are read anew as well."""
    with _beside(mine, theirs) as db:
        _note_touched(db, through, timed)
        for model in TABLES.values():
            _take_over(db, model, model, f"ref NOT {_IS_TOUCHED}")
        for model in _AS_THEY_ARE:
            _take_over(db, model, model)
        _take_over(db, tables.RawVersion, tables.RawVersion, f"seq <= ? AND {_REF} {_IS_TOUCHED}", through)
        _take_over_links(db, to_micros(at))


def take_versions(mine: Engine, theirs: Engine, after: int, through: int) -> None:
    """Take over the raw versions numbered above `after` up to `through`."""
    with _beside(mine, theirs) as db:
        _take_over(db, tables.RawVersion, tables.RawVersion, "seq > ? AND seq <= ?", after, through)


@contextmanager
def _beside(mine: Engine, theirs: Engine) -> Iterator[Connection]:
    """One database with the other as `there`; what is done is kept together, or not at all."""
    with mine.connect() as db:
        db.exec_driver_sql("ATTACH DATABASE ? AS there", (theirs.url.database,))
        try:
            yield db
            db.commit()
        finally:
            db.rollback()
            db.exec_driver_sql("DETACH DATABASE there")


def _note_touched(db: Connection, through: int, timed: Iterable[tuple[str, str]]) -> None:
    """temp.touched: the refs of what was not the same then."""
    db.exec_driver_sql("CREATE TEMP TABLE touched (ref TEXT PRIMARY KEY) WITHOUT ROWID")
    note = f"INSERT OR IGNORE INTO temp.touched SELECT {_REF} FROM there."  # noqa: S608 - no text of anybody's
    db.exec_driver_sql(f"{note}raw_version WHERE seq > ?", (through,))
    for connection, object_ in timed:
        db.exec_driver_sql(f"{note}raw_latest WHERE connection = ? AND object = ?", (connection, object_))


def _take_over(db: Connection, model: type[SQLModel], source: type[SQLModel], where: str = "1", *given: object) -> None:
    """Copy the rows of a table over there that pass into one of ours: the columns that both have."""
    mine, theirs = table_of(model), table_of(source)
    columns = ", ".join(f'"{column.name}"' for column in mine.c if column.name in theirs.c)
    query = f'SELECT {columns} FROM there."{theirs.name}" WHERE {where}'  # noqa: S608 - names of our own tables
    db.exec_driver_sql(f'INSERT INTO main."{mine.name}" ({columns}) {query}', given)


def _take_over_links(db: Connection, at: int) -> None:
    """Those that stood then: the present ones that stood already, and those that were replaced since."""
    is_replaced = "record IN (SELECT record FROM there.link_before WHERE linked_at <= ?1 AND until > ?1)"
    _take_over(db, tables.LinkRow, tables.LinkRow, f"linked_at <= ?1 AND NOT {is_replaced}", at)
    _take_over(db, tables.LinkRow, tables.LinkBeforeRow, "linked_at <= ?1 AND until > ?1", at)
