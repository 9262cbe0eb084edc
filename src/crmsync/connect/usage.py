"""What a connection has spent, and what its vendor says is left."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from crmsync.connect.reserve import Allowance


@dataclass(frozen=True, slots=True)
class Usage:
    """What a connection has spent since it was opened: every request that was sent, those for a token (lane "auth") and their
    repetitions included. `left` is what the vendor last said remains, `limits` what it allows in all, by lane."""

    calls: int = 0
    retries: int = 0
    by_lane: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    waited_seconds: float = 0.0

    @property
    def day(self) -> Allowance | None:
        """The account's day of calls; None where the vendor has not told it."""
        left, limit = self.left.get("daily"), self.limits.get("daily")
        return None if left is None or limit is None else Allowance(left, limit)


class Tally:
    """Adds up what a connection spends. Safe to use from several threads. Counted at every call and asked for now and then: so it
    is what changes, and `usage` a picture of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._retries = 0
        self._waited_seconds = 0.0
        self._by_lane: Counter[str] = Counter()
        self._left: dict[str, int] = {}
        self._limits: dict[str, int] = {}

    @property
    def usage(self) -> Usage:
        """All of it as of now."""
        with self._lock:
            lanes = dict(self._by_lane)
            return Usage(sum(lanes.values()), self._retries, lanes, dict(self._left), dict(self._limits), self._waited_seconds)

    def sent(self, lane: str) -> None:
        """One request left."""
        with self._lock:
            self._by_lane[lane] += 1

    def repeated(self) -> None:
        """A call is sent once more."""
        with self._lock:
            self._retries += 1

    def waited(self, seconds: float) -> None:
        with self._lock:
            self._waited_seconds += seconds

    def left(self, lane: str, left: int, limit: int | None) -> None:
        """What the vendor says remains, and what it allows in all where it says so."""
        with self._lock:
            self._left[lane] = left
            if limit is not None:
                self._limits[lane] = limit
