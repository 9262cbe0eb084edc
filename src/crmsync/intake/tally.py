"""Counting what was refused. Anybody can knock at a public door: a refusal costs memory for one number, and the database is told
now and then."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

EVERY = timedelta(seconds=15)

Tell = Callable[[str, Mapping[str, int], datetime], None]


class Refusals:
    """Refused deliveries by connection and reason, handed to `tell` at most once in 15 s and when asked to `flush`."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}
        self._told_at: datetime | None = None
        self._last_at: datetime | None = None

    def add(self, connection: str, reason: str, at: datetime) -> None:
        """Count one. Safe from any thread, and quick."""
        with self._lock:
            self._counts.setdefault(connection, Counter())[reason] += 1
            self._last_at = at

    def flush(self, now: datetime | None = None) -> None:
        """Tell what has been counted; with `now`, only where that is due again."""
        with self._lock:
            if not self._counts or self._last_at is None:
                return
            if now is not None and self._told_at is not None and now - self._told_at < EVERY:
                return
            counts, at, self._counts, self._told_at = self._counts, self._last_at, {}, now or self._told_at
        for connection, reasons in counts.items():
            self._tell(connection, reasons, at)
