"""What Salesforce's answers mean: for a whole call, and for one row of a batch. The codes are a table (`codes`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from crmsync.connect.answers import classify_answer, json_or_none
from crmsync.connect.auth import classify_token_answer
from crmsync.connect.calls import Verdict, shown
from crmsync_salesforce.codes import AUTOMATION, CODES, OF_AN_OWNER, OWNER_FIELD, RowClass

_PASSING = ("UNABLE_TO_LOCK_ROW", "CPU", "unable to obtain exclusive access")
# What the table says of a call is the last word for these; other codes of a call mean what the status means.
_DECISIVE = frozenset({"retry", "stop", "quota"})

# Meanings of INVALID_SESSION_ID that no new token cures: a login loop would only count against the org's login limit. The first two
# are documented; the others are what users of other tools quote, in lower case.
_INCURABLE = (
    "not valid for use with the rest api",
    "not attached to agent",
    "api is disabled",
    "api is not enabled",
    "api access control",
    "ip address",
    "ip restricted",
    "not admin approved",
    "different organization",
)
_EXCERPT = re.compile(r"^.*ERROR at Row:\d+:Column:\d+\s*", re.DOTALL)
_TOO_MANY_LOGINS = ("login rate exceeded", "rate limit exceeded")
# "unknown_error: retry your request" is Salesforce's own; the others are those of RFC 6749 for a server in trouble.
_OF_THE_MOMENT = frozenset({"unknown_error", "server_error", "temporarily_unavailable"})
_CONCURRENT = "Concurrent"
TOO_BIG = frozenset({"QUERY_TIMEOUT", "OPERATION_TOO_LARGE", "QUERY_TOO_COMPLICATED"})
URI_TOO_LONG = frozenset({414, 431})
_NOBODY = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class VendorError:
    code: str
    message: str
    fields: tuple[str, ...] = ()


def errors_of(body: Any) -> tuple[VendorError, ...]:
    """The errors in an error body or a batch row: `errorCode` in whole answers, `statusCode` in rows, arrays or single."""
    if isinstance(body, list):
        return tuple(error for item in body for error in errors_of(item))
    if not isinstance(body, dict):
        return ()
    code = body.get("errorCode") or body.get("statusCode") or body.get("exceptionCode") or body.get("error")
    if not code:
        return ()
    message = body.get("message") or body.get("exceptionMessage") or body.get("error_description") or ""
    return (VendorError(str(code), str(message), tuple(str(name) for name in body.get("fields") or ())),)


def row_class(error: VendorError) -> RowClass:
    """What to do about one row. A code that nobody knows sets the row aside."""
    if error.code in AUTOMATION and any(sign in error.message for sign in _PASSING):
        return "again"
    if error.code in OF_AN_OWNER and OWNER_FIELD in error.fields:
        return "owner"
    known = CODES.get(error.code)
    return known.row if known else "data"


def classify(response: httpx.Response) -> Verdict:
    """The meaning of a whole answer, by code where the body is Salesforce's and by status where it is anyone's."""
    by_status = classify_answer(response)
    if by_status.kind == "ok":
        return by_status
    errors = errors_of(json_or_none(response))
    if not errors:
        return Verdict("retry", "406", by_status.message, is_untaken=True) if response.status_code == 406 else by_status
    code, message = errors[0].code, essence(errors[0].message)
    if response.status_code == 401:
        return Verdict("stop" if is_incurable(errors[0]) else "auth", code, message)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return Verdict("retry" if _CONCURRENT in message else "quota", code, message, is_untaken=True)
    known = CODES.get(code)
    if known is not None and known.call in _DECISIVE:
        is_untaken = by_status.is_untaken or code == "UNABLE_TO_LOCK_ROW"
        return Verdict(known.call, code, message, by_status.wait_seconds, is_untaken)
    return Verdict(by_status.kind, code, message, by_status.wait_seconds, by_status.is_untaken)


def classify_token_refusal(response: httpx.Response) -> Verdict:
    """The meaning of a token endpoint's refusal. Too many logins in an hour is no fault of the credentials: an hour helps. Nor is a
    trouble of Salesforce's own, which comes as a 400 as well."""
    verdict = classify_token_answer(response)
    if verdict.code in _OF_THE_MOMENT:
        return Verdict("retry", verdict.code, verdict.message)
    said = f"{verdict.code} {verdict.message}".lower().replace("_", " ")
    is_rate = any(sign in said for sign in _TOO_MANY_LOGINS)
    return Verdict("quota", "LOGIN_RATE_EXCEEDED", verdict.message) if is_rate else verdict


def essence(message: str) -> str:
    """What a message says, without the excerpt of the query that Salesforce puts before it."""
    return shown(_EXCERPT.sub("", message))


def is_incurable(error: VendorError) -> bool:
    """Whether a new token would meet the same refusal."""
    said = error.message.lower()
    return any(sign in said for sign in _INCURABLE)


def is_expired(response: httpx.Response) -> bool:
    """Whether a fresh token cures this answer."""
    if response.status_code != 401:
        return False
    errors = errors_of(json_or_none(response))
    return not errors or not is_incurable(errors[0])


def is_elsewhere(response: httpx.Response) -> bool:
    """Whether somebody else answers at an org's address: it has moved (org migration, a renamed My Domain). Its own 404 is JSON."""
    return response.is_redirect or (response.status_code in _NOBODY and json_or_none(response) is None)
