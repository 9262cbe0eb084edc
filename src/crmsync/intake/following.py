"""Following a stream of events, in a thread of its own. Its troubles are notices: it waits longer each time and goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from crmsync.connect.hints import EventSource, News
from crmsync.errors import CrmsyncError
from crmsync.store import Store

_log = structlog.get_logger("crmsync.intake")

# Salesforce keeps change events for 72 hours; a position from before leads nowhere.
KEPT = timedelta(hours=71)
FIRST_SECONDS = 5.0
LONGEST_SECONDS = 600.0
_STOP_SECONDS = 5.0


@dataclass(slots=True)
class Follower:
    """One connection's stream. `wake` is told after hints were kept; `clock` gives aware UTC."""

    connection: str
    open: Callable[[], EventSource]
    store: Store
    clock: Callable[[], datetime]
    wake: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _source: EventSource | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name=f"crmsync-events-{self.connection}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the CRM to let go of the request that waits, and wait a little. What is not stored then was not heard."""
        self.stopping.set()
        if self._source is not None:
            self._source.stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        if self._source is not None:
            self._source.close()

    def run(self) -> None:
        """Listen until stopped. A trouble is counted and logged; the wait after it doubles until something is heard again."""
        wait = FIRST_SECONDS
        while not self.stopping.is_set():
            try:
                for news in self._listen():
                    wait = FIRST_SECONDS
                    self._keep(news)
            except (CrmsyncError, SQLAlchemyError) as error:
                if self.stopping.is_set():
                    return
                code = error.code if isinstance(error, CrmsyncError) else "store"
                _log.warning("events_interrupted", connection=self.connection, code=code, error=type(error).__name__)
                self._count(code)
                self.stopping.wait(wait)
                wait = min(2 * wait, LONGEST_SECONDS)

    def _listen(self) -> Iterator[News]:
        if self._source is None:
            self._source = self.open()
        return self._source.listen(self.store.hints.positions(self.connection, self.clock(), KEPT))

    def _keep(self, news: News) -> None:
        heard, records = news.heard, [(hint.object, hint.id) for hint in news.heard.hints]
        if not (records or heard.passed_over or news.positions):
            return
        marked = self.store.hints.take(self.connection, records, self.clock(), heard.passed_over, news.positions)
        if marked:
            self.wake(self.connection)

    def _count(self, code: str) -> None:
        try:
            self.store.hints.take(self.connection, (), self.clock(), {code: 1})
        except SQLAlchemyError as error:
            _log.warning("events_not_counted", connection=self.connection, error=type(error).__name__)
