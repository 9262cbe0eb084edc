"""The call budget of a connection: every lane holds the vendor's limits with our reserve already taken off.

Windows are counted by pyrate-limiter in memory: a sliding log for short windows, a constant-size counter (GCRA) for those
of an hour and more, where a log would keep one entry per call of the day.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, StateBucket

from crmsync.connect.contract import BudgetRule
from crmsync.errors import RetryLater

_LONG_WINDOW_SECONDS = 3600


class Budget:
    """Takes one call from a lane, waiting for room. Safe to use from several threads."""

    def __init__(self, connection: str, rules: Iterable[BudgetRule], *, patience_seconds: float, pause: Callable[[float], None]):
        """`pause` sleeps for seconds; a wait longer than `patience_seconds` is not waited for but raised."""
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._pause = pause
        self._lock = threading.Lock()
        self._buckets: dict[str, list[AbstractBucket]] = {}
        for rule in rules:
            self._buckets.setdefault(rule.lane, []).append(_bucket(rule))

    def take(self, lane: str) -> float:
        """Wait until each rule of the lane has room, take one call from it, and give the seconds waited. A lane without
        rules is free. Raises RetryLater where the wait would be longer than our patience."""
        return sum(self._take(lane, bucket) for bucket in self._buckets.get(lane, ()))

    def _take(self, lane: str, bucket: AbstractBucket) -> float:
        waited = 0.0
        while (seconds := self._try(bucket)) > 0:
            if waited + seconds > self._patience_seconds:
                raise RetryLater("connect.budget_spent", after_seconds=seconds, connection=self._connection, lane=lane)
            self._pause(seconds)
            waited += seconds
        return waited

    def _try(self, bucket: AbstractBucket) -> float:
        """0 where a call was taken, else the seconds until it is worth asking again."""
        with self._lock:
            now = int(bucket.now())  # type: ignore[no-untyped-call]  # unannotated in pyrate-limiter 4.5
            bucket.leak(now)
            item = RateItem("call", now)
            if bucket.put(item):
                return 0.0
            milliseconds = bucket.waiting(item)
        return max(1, milliseconds) / 1000 if isinstance(milliseconds, int) else 0.001


def _bucket(rule: BudgetRule) -> AbstractBucket:
    rates = [Rate(rule.calls, int(rule.seconds * 1000))]
    return StateBucket(rates) if rule.seconds >= _LONG_WINDOW_SECONDS else InMemoryBucket(rates)
