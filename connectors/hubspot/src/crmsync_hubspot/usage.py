"""HubSpot's limits as its answers tell them: what remains, in the headers; what is used up, in the refusals. Searches carry no
headers, OAuth apps get no daily pair. The day of the limit is the account's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx

from crmsync.connect.answers import http_date
from crmsync.connect.calls import Verdict
from crmsync.connect.client import ApiClient
from crmsync_hubspot.faults import classify
from crmsync_hubspot.rules import DAILY, SECONDLY, TEN_SECONDLY

# lane → the headers that tell what remains in it and what it allows
LEFT = {
    "daily": ("X-HubSpot-RateLimit-Daily-Remaining", "X-HubSpot-RateLimit-Daily"),
    "burst": ("X-HubSpot-RateLimit-Remaining", "X-HubSpot-RateLimit-Max"),
}
# policy of a 429 → the lane that has nothing left
SPENT: Mapping[str, str] = {DAILY: "daily", TEN_SECONDLY: "burst", SECONDLY: "search"}
_HOUR = timedelta(hours=1)


class Allowance:
    """The call limits of one account. Its time zone is learnt from its details, which are asked for anyway at the start."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._zone: ZoneInfo | None = None
        self.is_known = False

    @property
    def zone(self) -> ZoneInfo | None:
        """The account's time zone, where it is known."""
        return self._zone

    def learn(self, details: Any) -> None:
        """Take the time zone out of the account's details. A name that is none, or not there, leaves the day unknown."""
        self.is_known = True
        name = details.get("timeZone") if isinstance(details, Mapping) else None
        try:
            self._zone = ZoneInfo(str(name)) if name else self._zone
        except (ZoneInfoNotFoundError, ValueError, OSError):  # tzdata answers odd names in all three ways
            self._zone = None

    def observe(self, response: httpx.Response) -> None:
        """Record what remains."""
        for lane, headers in LEFT.items():
            left, limit = (_number(response.headers.get(header, "")) for header in headers)
            if left is not None:
                self._client.note_left(lane, left, limit)

    def judge(self, response: httpx.Response) -> Verdict:
        """What an answer means; a refusal for its limit says that the lane is spent, and a daily one until when."""
        verdict = classify(response)
        if response.status_code == 429:
            self._client.note_left(SPENT[verdict.code], 0)
        if verdict.kind != "quota" or verdict.wait_seconds is not None:
            return verdict
        now = http_date(response.headers.get("Date", ""))
        return replace(verdict, wait_seconds=seconds_to_reset(now, self._zone))


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def seconds_to_reset(now: datetime | None, zone: ZoneInfo | None) -> float:
    """Seconds until the daily limit begins anew: the account's midnight. Where its zone is not known, until the next full hour, at
    which (nearly) every midnight falls; where the time is not known, an hour. Pure."""
    if now is None:
        return _HOUR.total_seconds()
    if zone is None:
        return (now.replace(minute=0, second=0, microsecond=0) + _HOUR - now).total_seconds()
    midnight = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
    return (midnight.astimezone(UTC) - now).total_seconds()
