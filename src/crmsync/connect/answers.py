"""What answers mean where no CRM is known: the classifier that a connector refines with its own error table. Pure."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import httpx
import orjson

from crmsync.connect.calls import OK, Verdict, shown

# 420 and 429 ask for patience; 408 and 425 say "not now": in all four the request was not taken.
_REFUSED_AT_THE_DOOR = frozenset({408, 420, 425, 429})
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_OURS_TO_MEND = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.TooManyRedirects)


def classify_answer(response: httpx.Response) -> Verdict:
    """The meaning of an answer by its HTTP status alone."""
    status = response.status_code
    if response.is_success:
        return OK
    text = shown(response.text)
    if status == 401:
        return Verdict("auth", str(status), text)
    if status in _REFUSED_AT_THE_DOOR:
        return Verdict("retry", str(status), text, wait_seconds=retry_after(response), is_untaken=True)
    if status >= 500:
        return Verdict("retry", str(status), text, wait_seconds=retry_after(response))
    return Verdict("reject", str(status), text)


def classify_failure(error: httpx.RequestError, request: httpx.Request) -> Verdict:
    """The meaning of no answer. What failed on the way to `request` (a connection, a token call) left it untaken."""
    name = type(error).__name__
    if isinstance(error, _OURS_TO_MEND) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Verdict("stop", name, shown(str(error)), is_untaken=True)
    try:
        failed_before_it = error.request is not request
    except RuntimeError:  # httpx: the error was raised apart from any request
        failed_before_it = False
    return Verdict("retry", name, shown(str(error)), is_untaken=failed_before_it or isinstance(error, _NEVER_SENT))


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of Retry-After, or until the date it names on the server's own clock; None where it says nothing usable."""
    text = response.headers.get("Retry-After", "").strip()
    if text.replace(".", "", 1).isdigit():
        return float(text)
    until, now = http_date(text), http_date(response.headers.get("Date", ""))
    return max(0.0, (until - now).total_seconds()) if until and now else None


@lru_cache(maxsize=64)
def http_date(text: str) -> datetime | None:
    """An HTTP date in UTC, None where it is none. What came in one second says one date."""
    try:
        stamp = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def json_of(response: httpx.Response) -> Any:
    """The JSON of a body, None for an empty one. Raises ValueError, with no part of the body in its text."""
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise ValueError(f"{len(response.content)} bytes that are not JSON") from None


def json_or_none(response: httpx.Response) -> Any:
    """The JSON of a body, None where it has none: for reading error answers, which may be HTML."""
    try:
        return json_of(response)
    except ValueError:
        return None
