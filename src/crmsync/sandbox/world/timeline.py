"""The queue of everything that is going to happen. One order for all: by instant, then by who asked first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime

from crmsync.sandbox.clock import VirtualClock

Process = Iterator[datetime]
"""Somebody's doings: acts, says when it goes on, and is resumed then. An instant that is already past means now."""


class Timeline:
    """Plays processes on a virtual clock. The clock shows each act's own instant while it happens."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._queue: list[tuple[datetime, int, Process]] = []
        self._asked = 0

    def spawn(self, process: Process, at: datetime | None = None) -> None:
        """Start a process at `at` (now when absent)."""
        self._asked += 1
        heapq.heappush(self._queue, (at or self._clock.now(), self._asked, process))

    def later(self, at: datetime, act: Callable[[], object]) -> None:
        """Do one thing at one time."""
        self.spawn(_once(act), at)

    def play_to(self, until: datetime) -> None:
        """Let everything happen that is due up to and including `until`, then set the clock to it."""
        while self._queue and self._queue[0][0] <= until:
            at, _, process = heapq.heappop(self._queue)
            self._clock.advance_to(at)
            following = next(process, None)
            if following is not None:
                self.spawn(process, max(following, self._clock.now()))
        self._clock.advance_to(until)


def _once(act: Callable[[], object]) -> Process:
    act()
    yield from ()
