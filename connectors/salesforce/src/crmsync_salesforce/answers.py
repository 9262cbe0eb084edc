"""What Salesforce's error codes mean: for a whole call, and for one row of a batch. Both are tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from crmsync.connect.answers import classify_answer, json_or_none
from crmsync.connect.auth import classify_token_answer
from crmsync.connect.calls import Verdict, shown

# again     a passing trouble: sent again in smaller batches, then left for the next run
# once      sent again once as it is (an upsert that raced with another creates nothing the second time)
# moved     the record is not what we decided on: read it and decide again
# org       no write of this org will go through until an admin acts
# data, permission, owner, rule, gone     this row is set aside with the vendor's words
RowClass = Literal["again", "once", "moved", "org", "data", "permission", "owner", "rule", "gone"]

ROW_CODES: Mapping[str, RowClass] = {
    "UNABLE_TO_LOCK_ROW": "again",
    "SERVER_UNAVAILABLE": "again",
    "UNKNOWN_EXCEPTION": "again",
    "QUERY_TIMEOUT": "again",
    "TXN_SECURITY_METERING_ERROR": "again",
    "TOO_MANY_APEX_REQUESTS": "again",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": "again",
    "PROCESSING_HALTED": "again",
    "DUPLICATE_VALUE": "once",
    "ENTITY_IS_DELETED": "moved",
    "CANNOT_UPDATE_CONVERTED_LEAD": "moved",
    "STORAGE_LIMIT_EXCEEDED": "org",
    "API_DISABLED_FOR_ORG": "org",
    "API_CURRENTLY_DISABLED": "org",
    "LIMIT_EXCEEDED": "org",
    "REQUEST_LIMIT_EXCEEDED": "org",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "data",
    "REQUIRED_FIELD_MISSING": "data",
    "STRING_TOO_LONG": "data",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "data",
    "INVALID_EMAIL_ADDRESS": "data",
    "FIELD_INTEGRITY_EXCEPTION": "data",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "data",
    "NUMBER_OUTSIDE_VALID_RANGE": "data",
    "JSON_PARSER_ERROR": "data",
    "INVALID_FIELD": "permission",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "permission",
    "INSUFFICIENT_ACCESS": "permission",
    "INSUFFICIENT_ACCESS_OR_READONLY": "permission",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "permission",
    "INVALID_TYPE": "permission",
    "INACTIVE_OWNER_OR_USER": "owner",
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": "owner",
    "TRANSFER_REQUIRES_READ": "owner",
    "NOT_FOUND": "gone",
    "INVALID_CROSS_REFERENCE_KEY": "gone",
    "MALFORMED_ID": "gone",
    "DUPLICATES_DETECTED": "rule",
}

# The customer's own automation failed: its text tells a lock or a CPU limit from a mistake in it.
AUTOMATION = frozenset({"CANNOT_EXECUTE_FLOW_TRIGGER", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"})
_PASSING = ("UNABLE_TO_LOCK_ROW", "CPU", "unable to obtain exclusive access")

# Whole calls. Codes that are not here are refusals of this one call.
CALL_CODES: Mapping[str, Literal["retry", "stop"]] = {
    "UNABLE_TO_LOCK_ROW": "retry",
    "SERVER_UNAVAILABLE": "retry",
    "TOO_MANY_APEX_REQUESTS": "retry",
    "API_DISABLED_FOR_ORG": "stop",
    "API_CURRENTLY_DISABLED": "stop",
    "OAUTH_APPROVAL_ERROR_GENERIC": "stop",
    "GONE": "stop",
    "UNSUPPORTED_API_VERSION": "stop",
}

# 401 that no new token cures: a login loop would only count against the org's login limit.
_INCURABLE = ("not valid for use with the REST API", "not attached to Agent")
_EXCERPT = re.compile(r"^.*ERROR at Row:\d+:Column:\d+\s*", re.DOTALL)
_TOO_MANY_LOGINS = ("login rate exceeded", "rate limit exceeded")
_CONCURRENT = "Concurrent"
TOO_BIG = frozenset({"QUERY_TIMEOUT", "OPERATION_TOO_LARGE", "QUERY_TOO_COMPLICATED"})
URI_TOO_LONG = frozenset({414, 431})


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
    if error.code in AUTOMATION:
        return "again" if any(sign in error.message for sign in _PASSING) else "data"
    return ROW_CODES.get(error.code, "data")


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
    if code in CALL_CODES:
        return Verdict(CALL_CODES[code], code, message, by_status.wait_seconds, is_untaken=code == "UNABLE_TO_LOCK_ROW")
    return Verdict(by_status.kind, code, message, by_status.wait_seconds, by_status.is_untaken)


def classify_token_refusal(response: httpx.Response) -> Verdict:
    """The meaning of a token endpoint's refusal. Too many logins in an hour is no fault of the credentials: an hour helps."""
    verdict = classify_token_answer(response)
    said = f"{verdict.code} {verdict.message}".lower().replace("_", " ")
    is_rate = any(sign in said for sign in _TOO_MANY_LOGINS)
    return Verdict("quota", "LOGIN_RATE_EXCEEDED", verdict.message) if is_rate else verdict


def essence(message: str) -> str:
    """What a message says, without the excerpt of the query that Salesforce puts before it."""
    return shown(_EXCERPT.sub("", message))


def is_incurable(error: VendorError) -> bool:
    """Whether a new token would meet the same refusal."""
    return any(sign in error.message for sign in _INCURABLE)


def is_expired(response: httpx.Response) -> bool:
    """Whether a fresh token cures this answer."""
    if response.status_code != 401:
        return False
    errors = errors_of(json_or_none(response))
    return not errors or not is_incurable(errors[0])
