"""SQLite's log, to which all is written first, and when it is copied into the database: a tenth of a second for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

# 32 MB, not SQLite's 4: a backfill writes ten times that, and touches the same index pages again and again.
COPIED_AFTER_PAGES = 8_000


@contextmanager
def awaited(engine: Engine) -> Iterator[Connection]:
    """A transaction that somebody waits for: the log is not copied as it commits, but as the next one does."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as db:
            yield db
        return
    with engine.connect() as db:
        db.exec_driver_sql("PRAGMA wal_autocheckpoint=0")
        try:
            yield db
            db.commit()
        finally:
            db.exec_driver_sql(f"PRAGMA wal_autocheckpoint={COPIED_AFTER_PAGES}")
