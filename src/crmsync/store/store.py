"""One database, opened once: the parts of the store over one engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import SQLModel, create_engine

from crmsync.errors import StopConnector
from crmsync.store.answers import Answers
from crmsync.store.bases import Bases
from crmsync.store.concern import Concern
from crmsync.store.decided import Decided
from crmsync.store.entities import Entities
from crmsync.store.erasing import Erasing
from crmsync.store.guards import Guards
from crmsync.store.hints import Hints
from crmsync.store.holds import Holds
from crmsync.store.identity import Identity
from crmsync.store.journal import Journal
from crmsync.store.leases import Leases
from crmsync.store.log import COPIED_AFTER_PAGES, awaited
from crmsync.store.memberships import Memberships
from crmsync.store.outbox import Outbox
from crmsync.store.outset import begin_with, is_file, take_versions
from crmsync.store.overrides import Overrides
from crmsync.store.parting import Parting
from crmsync.store.past import Past
from crmsync.store.placed_tasks import PlacedTasks
from crmsync.store.runs import Runs
from crmsync.store.settlements import Settlements
from crmsync.store.shadows import Shadows
from crmsync.store.staging import Staging
from crmsync.store.vetoes import Vetoes

SCHEMA_VERSION = "3"
DIALECTS = ("sqlite", "postgresql+psycopg")
# Of the advisory locks of a PostgreSQL database, the one under which crmsync makes its tables: "crmsync" on a telephone's keys.
_MAKING_TABLES = 2_767_962


class Store:
    """The database behind one configuration. Its parts share one engine; `transaction()` spans them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.staging = Staging(engine)
        self.hints = Hints(engine)
        self.entities = Entities(engine)
        self.identity = Identity(engine)
        self.decided = Decided(engine)
        self.concern = Concern(engine)
        self.placed_tasks = PlacedTasks(engine)
        self.outbox = Outbox(engine, self.placed_tasks)
        self.bases = Bases(engine)
        self.memberships = Memberships(engine)
        self.holds = Holds(engine)
        self.answers = Answers(engine)
        self.overrides = Overrides(engine)
        self.settlements = Settlements(engine)
        self.erasing = Erasing(engine)
        self.guards = Guards(engine)
        self.leases = Leases(engine)
        self.runs = Runs(engine)
        self.journal = Journal(engine)
        self.past = Past(engine)
        self.shadows = Shadows(engine)
        self.vetoes = Vetoes(engine)
        self.parting = Parting(engine)

    @classmethod
    def open(cls, url: str) -> Store:
        """Open, and create the tables where there are none. Raises StopConnector when the database cannot be opened or written, and
        when it was made by a crmsync whose tables differ."""
        try:
            return cls._opened(url)
        except (OSError, OperationalError) as error:
            reason = error.orig if isinstance(error, OperationalError) else error.strerror
            raise StopConnector("store.unreachable", where=make_url(url).render_as_string(), detail=str(reason)) from error

    @classmethod
    def passing(cls, path: Path) -> Store:
        """A store of its own in a file that nobody opens again: it waits for no disk, and does not outlive a loss of power."""
        return cls._opened(f"sqlite:///{path}", lasts=False)

    @classmethod
    def _opened(cls, url: str, *, lasts: bool = True) -> Store:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(url)
        if not lasts:
            event.listen(engine, "connect", _wait_for_no_disk)
        with engine.begin() as db:
            if db.dialect.name == "postgresql":  # two hosts may start at once on a database that is still empty
                db.execute(select(func.pg_advisory_xact_lock(_MAKING_TABLES)))
            SQLModel.metadata.create_all(db)
        store = cls(engine)
        found = store.runs.meta("schema_version")
        if found is None:
            with store.transaction() as db:
                store.runs.set_meta_in(db, "schema_version", SCHEMA_VERSION)
                store.identity.track(db)
        elif found != SCHEMA_VERSION:
            raise StopConnector("store.other_schema", found=found, wanted=SCHEMA_VERSION)
        return store

    @contextmanager
    def transaction(self, *, is_awaited: bool = False) -> Iterator[Connection]:
        """Everything done with the yielded connection is kept together, or not at all. `is_awaited`: nothing is sent before it is
        kept, and what can be done later is not done with it."""
        with awaited(self._engine) if is_awaited else self._engine.begin() as db:
            yield db

    def can_be_begun_with(self) -> bool:
        """Whether another store may begin with what this one holds."""
        return is_file(self._engine)

    def begin_with(self, other: Store, through: int, at: datetime, timed: Iterable[tuple[str, str]]) -> None:
        """Fill this empty store with what the other one knew at an instant: see `outset`."""
        begin_with(self._engine, other._engine, through, at, timed)

    def take_versions(self, other: Store, after: int, through: int) -> None:
        """Take over the raw versions of the other one numbered above `after` up to `through`."""
        if other.can_be_begun_with():
            take_versions(self._engine, other._engine, after, through)
            return
        for rows in other.past.versions(after, through):
            self.past.put_versions(rows)

    def close(self) -> None:
        self._engine.dispose()


def _engine(url: str) -> Engine:
    """Raises StopConnector where the driver of the database is not installed."""
    try:
        engine = create_engine(url, hide_parameters=True)  # a database error must not show whom it was about
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        where = make_url(url).render_as_string()
        raise StopConnector("store.no_driver", where=where, detail=str(error), known=", ".join(DIALECTS)) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _wait_for_no_disk(connection: object, _entry: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]  # as below


def _prepare_sqlite(connection: object, _entry: ConnectionPoolEntry) -> None:
    """Readers do not wait for the writer (WAL); a second writer waits up to 30 s instead of failing at once. 32 MB of pages are
    kept at hand, as much as the log has before it is copied."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DB-API connection, which has no common type
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=30000",
        "temp_store=MEMORY",
        f"wal_autocheckpoint={COPIED_AFTER_PAGES}",
        "cache_size=-32768",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
