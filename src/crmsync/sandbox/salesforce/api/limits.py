"""How much of the org's allowances is spent."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.errors import OrgError

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_BURST = 750


class Usage:
    """API requests of the last 24 hours, counted by the virtual minute."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._minutes: deque[tuple[datetime, int]] = deque()
        self._spent = 0

    def count(self, requests: int = 1) -> None:
        """Spend requests. Raises OrgError 403 when the day's are gone."""
        if self.spent() + requests > self._org.config.daily_api_requests:
            raise OrgError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        minute = self._org.clock.now().replace(second=0, microsecond=0)
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = (minute, self._minutes[-1][1] + requests)
        else:
            self._minutes.append((minute, requests))
        self._spent += requests

    def spent(self) -> int:
        """Requests of the last 24 hours."""
        start = self._org.clock.now() - timedelta(hours=24)
        while self._minutes and self._minutes[0][0] <= start:
            self._spent -= self._minutes.popleft()[1]
        return self._spent

    def header(self) -> str:
        """`Sforce-Limit-Info`, long or short."""
        usage = f"api-usage={self.spent()}/{self._org.config.daily_api_requests}"
        return f"{usage}; api-bursts=1/{_BURST}" if self._org.config.shows_api_bursts else usage


def limits(call: Call) -> Answer:
    """`/limits` and `/limits/recordCount`."""
    if call.rest[1:] == ("recordCount",):
        return _record_count(call)
    if not call.org.may_read_limits:
        raise OrgError("INSUFFICIENT_ACCESS", "View Setup and Configuration is needed", status=403)
    allowed = call.org.config.daily_api_requests
    spent, jobs = call.service.usage.spent(), call.service.jobs.count_of_today()
    figures = {
        "DailyApiRequests": (allowed, allowed - spent),
        "DailyAsyncApexExecutions": (250_000, 250_000),
        "DailyBulkApiBatches": (15_000, 15_000),
        "DailyBulkV2QueryJobs": (10_000, 10_000 - jobs),
        "DailyBulkV2QueryFileStorageMB": (976_562, 976_562),
        "DailyDeliveredPlatformEvents": (25_000, 25_000),
        "DataStorageMB": (10_240, 10_000),
        "FileStorageMB": (10_240, 10_200),
        "HourlyPublishedPlatformEvents": (50_000, 50_000),
        "SingleEmail": (5_000, 5_000),
    }
    return Answer(200, {name: {"Max": largest, "Remaining": left} for name, (largest, left) in figures.items()})


def _record_count(call: Call) -> Answer:
    names = [name for name in call.request.query.get("sObjects", "").split(",") if name] or sorted(call.org.objects)
    tables = {name: call.org.tables[call.org.sobject(name).name] for name in names}
    counts = {name: sum(1 for row in table.rows.values() if not row.get("IsDeleted")) for name, table in tables.items()}
    return Answer(200, {"sObjects": [{"count": count, "name": name} for name, count in counts.items()]})
