"""The sandbox's own time. It moves only when told, and never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A clock that stands still until advanced. All instants are aware and in UTC."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance_to(self, at: datetime) -> None:
        """Move to `at`; an earlier instant leaves the clock where it is."""
        self._now = max(self._now, at.astimezone(UTC))

    def advance(self, by: timedelta) -> None:
        self.advance_to(self._now + by)
