"""The portal's request limits: a rolling burst, a rolling second for searches, and a day."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.config import Limits

MESSAGES = {
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "SECONDLY": "You have reached your secondly limit.",
    "DAILY": "You have reached your daily limit.",
}


def refusal(policy: str, correlation_id: str) -> dict[str, Any]:
    """The body of a 429; `policy` is a key of MESSAGES."""
    return {
        "status": "error",
        "message": MESSAGES[policy],
        "errorType": "RATE_LIMIT",
        "correlationId": correlation_id,
        "policyName": policy,
        "category": "RATE_LIMITS",
    }


class Limiter:
    """Counts requests. Bursts and searches run in real time (`real_seconds`), the day in the portal's."""

    def __init__(self, clock: VirtualClock, limits: Limits, time_zone: str, real_seconds: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._limits = limits
        self._zone = ZoneInfo(time_zone)
        self._real_seconds = real_seconds
        self._burst: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._day: date | None = None
        self.today = 0

    def count(self, *, search: bool) -> str | None:
        """Count one request; gives the policy that refuses it, or None."""
        self._turn_day()
        at = self._real_seconds()
        window, seconds, most = (
            (self._searches, 1.0, self._limits.search_per_second)
            if search
            else (self._burst, self._limits.burst_seconds, self._limits.burst)
        )
        while window and window[0] <= at - seconds:
            window.popleft()
        if self._limits.enforced:
            if self.today >= self._limits.daily:
                return "DAILY"
            if len(window) >= most:
                return "SECONDLY" if search else "TEN_SECONDLY_ROLLING"
        window.append(at)
        self.today += 1
        return None

    def _turn_day(self) -> None:
        day = self._clock.now().astimezone(self._zone).date()
        if day != self._day:
            self._day, self.today = day, 0

    def resets_at(self) -> datetime:
        """The portal's next midnight."""
        local = self._clock.now().astimezone(self._zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), tzinfo=self._zone)
        return midnight.astimezone(self._clock.now().tzinfo)

    def headers(self, *, search: bool, oauth: bool) -> list[tuple[str, str]]:
        """The headers of a reply; searches carry none, OAuth apps no daily ones."""
        if search:
            return []
        limits = self._limits
        found = [
            ("X-HubSpot-RateLimit-Max", str(limits.burst)),
            ("X-HubSpot-RateLimit-Remaining", str(max(0, limits.burst - len(self._burst)))),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", str(int(limits.burst_seconds * 1000))),
        ]
        if not oauth:
            found.append(("X-HubSpot-RateLimit-Daily", str(limits.daily)))
            found.append(("X-HubSpot-RateLimit-Daily-Remaining", str(max(0, limits.daily - self.today))))
        return found

    def retry_after(self, policy: str) -> list[tuple[str, str]]:
        """A Retry-After header, where the portal sends one."""
        if not self._limits.retry_after:
            return []
        waits = {"SECONDLY": 1, "TEN_SECONDLY_ROLLING": int(self._limits.burst_seconds)}
        daily = int((self.resets_at() - self._clock.now()).total_seconds())
        return [("Retry-After", str(waits.get(policy, daily)))]
