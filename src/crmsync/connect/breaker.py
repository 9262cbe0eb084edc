"""The breaker: after too many failures in a row, or credentials that are not taken, nothing is sent for a while.

The state is a value and its transitions are functions; `Breaker` only holds the current one under a lock.
Times are seconds of a monotonic clock, given by the caller.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crmsync.errors import StopConnector


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Opens after `failures` failures in a row; lets one try through again after `cool_down_seconds`."""

    failures: int = 10
    cool_down_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class BreakerState:
    """`opened_at` is None while closed; `because` is the vendor code or ours of what opened it. `pause_seconds` is how long the
    vendor will refuse everything, where it is known: the cool-down then."""

    failures: int = 0
    opened_at: float | None = None
    because: str = ""
    pause_seconds: float | None = None


CLOSED = BreakerState()


def after_failure(state: BreakerState, policy: BreakerPolicy, now: float, because: str) -> BreakerState:
    """One more failure in a row. The one that reaches the limit opens the breaker, and each later one keeps it open."""
    failed = replace(state, failures=state.failures + 1)
    return tripped(failed, now, because) if failed.failures >= policy.failures else failed


def after_success(_state: BreakerState) -> BreakerState:
    """Anything that came back and made sense closes it."""
    return CLOSED


def tripped(state: BreakerState, now: float, because: str) -> BreakerState:
    """Open at once, without counting."""
    return replace(state, opened_at=now, because=because, pause_seconds=None)


def paused(state: BreakerState, now: float, because: str, seconds: float) -> BreakerState:
    """Open until a limit that is used up is free again."""
    return replace(state, opened_at=now, because=because, pause_seconds=seconds)


def is_open(state: BreakerState, policy: BreakerPolicy, now: float) -> bool:
    """Whether nothing may be sent at `now`. After the cool-down a try is let through, and decides."""
    seconds = policy.cool_down_seconds if state.pause_seconds is None else state.pause_seconds
    return state.opened_at is not None and now - state.opened_at < seconds


@dataclass(slots=True)
class Breaker:
    """The breaker of one connection. Safe to use from several threads."""

    connection: str
    clock: Callable[[], float]
    policy: BreakerPolicy = field(default_factory=BreakerPolicy)
    state: BreakerState = CLOSED
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Raises StopConnector while open."""
        state = self.state
        if is_open(state, self.policy, self.clock()):
            if state.pause_seconds is not None:
                raise StopConnector("connect.quota", connection=self.connection, vendor_code=state.because, message="")
            raise StopConnector("connect.breaker_open", connection=self.connection, vendor_code=state.because)

    def failed(self, because: str) -> None:
        with self._lock:
            self.state = after_failure(self.state, self.policy, self.clock(), because)

    def succeeded(self) -> None:
        with self._lock:
            self.state = after_success(self.state)

    def pause(self, because: str, seconds: float) -> None:
        with self._lock:
            self.state = paused(self.state, self.clock(), because, seconds)

    def trip(self, because: str) -> None:
        with self._lock:
            self.state = tripped(self.state, self.clock(), because)
