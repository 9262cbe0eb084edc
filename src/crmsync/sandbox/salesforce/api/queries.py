"""Query, queryAll, and the pages behind a locator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crmsync.sandbox.salesforce.access import TOOLING_ONLY
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.errors import OrgError, not_supported
from crmsync.sandbox.salesforce.ids import new_id
from crmsync.sandbox.salesforce.soql.select import Result, select, shown

LARGEST_PAGE = 2_000
SMALLEST_PAGE = 200
_LOCATOR = re.compile(r"(?P<key>0r8[0-9A-Za-z]{15})-(?P<offset>\d+)")
_SHORT_PAGE = "short_page"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A result that is still being paged through."""

    result: Result
    opened_at: datetime


class Cursors:
    """The open cursors of an org: two days, any number."""

    def __init__(self) -> None:
        self._open: dict[str, Cursor] = {}
        self._count = 0

    def open(self, result: Result, at: datetime) -> str:
        self._count += 1
        key = new_id("0r8", self._count)
        self._open[key] = Cursor(result, at)
        return key

    def get(self, call: Call, key: str) -> Cursor:
        cursor = self._open.get(key)
        if cursor is None or cursor.opened_at + call.org.config.locator_lifetime <= call.org.clock.now():
            raise OrgError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return cursor


def query(call: Call, *, is_tooling: bool = False) -> Answer:
    """`/query` and `/queryAll`, first page and later ones; a `q` on a later page is ignored. `is_tooling`: the Tooling API's."""
    if call.request.method != "GET":
        raise OrgError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.request.method}' not allowed. Allowed are HEAD,GET", status=405)
    cursors = call.service.cursors
    if len(call.rest) > 1:
        found = _LOCATOR.fullmatch(call.rest[1])
        if found is None:
            raise OrgError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(call, cursors.get(call, found["key"]).result, found["key"], int(found["offset"]))
    text = call.request.query.get("q")
    if not text:
        raise OrgError("MALFORMED_QUERY", "unexpected token: '<EOF>'")
    result = select(call.org, text, everything=call.rest[0].lower() == "queryall")
    if result.sobject.name in TOOLING_ONLY and not is_tooling:
        raise not_supported(result.sobject.name)
    return _page(call, result, None, 0)


def _page(call: Call, result: Result, key: str | None, offset: int) -> Answer:
    if result.ready is not None:
        return Answer(200, {"totalSize": result.count, "done": True, "records": list(result.ready)})
    rows = call.org.tables[result.sobject.name].rows
    until = offset + _page_size(call)
    show = shown(call.org, result.sobject, result.columns, f"{call.base}/sobjects")
    records = [show(rows[row_id]) for row_id in result.ids[offset:until] if row_id in rows]
    answer: dict[str, Any] = {"totalSize": result.count, "done": until >= len(result.ids)}
    if not answer["done"]:
        key = key or call.service.cursors.open(result, call.org.clock.now())
        answer["nextRecordsUrl"] = f"{call.base}/query/{key}-{until}"
    return Answer(200, {**answer, "records": records})


def _page_size(call: Call) -> int:
    """What the header asks for, never more than the org is willing to give, less when a scripted fault says so."""
    asked = re.search(r"batchSize\s*=\s*(\d+)", call.request.headers.get("sforce-query-options", ""), re.IGNORECASE)
    size = min(max(int(asked[1]), SMALLEST_PAGE), LARGEST_PAGE) if asked is not None else LARGEST_PAGE
    size = min(size, call.org.config.largest_page)
    fault = call.request.fault
    return max(1, size // 2) if fault is not None and fault.detail == _SHORT_PAGE else size
