"""Salesforce's error codes and what is done about each, as one table. Pure; the README's tables are made of it.

A code may speak of a whole call or of one row of a batch. Of a call: sent again, a limit, the end of this connection's work, a new
token, or a refusal of this call alone, which its sender knows how to take. Of a row: see `ROW_DEEDS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

RowClass = Literal["again", "once", "moved", "org", "data", "permission", "owner", "rule", "gone"]
CallClass = Literal["retry", "quota", "stop", "auth", "reject"]

ROW_DEEDS: Mapping[RowClass, str] = {
    "again": "sent again in smaller batches, twice; then left for the next run",
    "once": "an upsert that raced with another: sent again once, and finds the record; anything else is set aside",
    "moved": "a conflict: the record is read, decided on anew, and its successor is written (the contact of a converted lead, "
    "the winner of a merge)",
    "org": "no write of this org will go through: the rest of the batch is left for the next run",
    "data": "set aside with the org's words, until the record or our wish changes",
    "permission": "set aside; the next run describes the object anew and writes what is left of the mapping",
    "owner": "set aside; the next run knows that this user or queue cannot own it, and chooses the next",
    "rule": "set aside: a rule of the org blocks it, and names the duplicates",
    "gone": "set aside: there is no such record; the next pull tells what became of it",
}
CALL_DEEDS: Mapping[CallClass, str] = {
    "retry": "the same call again, with growing pauses, where repeating does no harm or nothing was done; then for the next run",
    "quota": "the connection rests: no short wait helps",
    "stop": "the connection stops, and says why",
    "auth": "one new token and one more try; see above for the meanings that no token cures",
    "reject": "this call alone is wrong: its sender narrows, falls back, or sets its row aside",
}


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means of a row and of a call; `status` is the HTTP status that it comes with."""

    row: RowClass
    call: CallClass = "reject"
    status: int = 400


CODES: Mapping[str, Code] = {
    # Passing trouble.
    "UNABLE_TO_LOCK_ROW": Code("again", "retry"),
    "SERVER_UNAVAILABLE": Code("again", "retry", 503),
    "UNKNOWN_EXCEPTION": Code("again", "retry", 500),
    "TOO_MANY_APEX_REQUESTS": Code("again", "retry"),
    "TXN_SECURITY_METERING_ERROR": Code("again"),
    "QUERY_TIMEOUT": Code("again"),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Code("again"),
    "PROCESSING_HALTED": Code("again"),
    "BATCH_PROCESSING_HALTED": Code("again", status=412),
    # Queries that are too much or have died: the reader goes on in another way.
    "OPERATION_TOO_LARGE": Code("data"),
    "QUERY_TOO_COMPLICATED": Code("data"),
    "INVALID_QUERY_LOCATOR": Code("data"),
    "MALFORMED_QUERY": Code("data"),
    "EXCEEDED_ID_LIMIT": Code("data"),
    "INVALID_REPLICATION_DATE": Code("data"),
    "INVALIDENTITY": Code("data"),
    # The session, the door, the day.
    "INVALID_SESSION_ID": Code("org", "auth", 401),
    "INVALID_AUTH_HEADER": Code("org", "auth", 401),
    "REQUEST_LIMIT_EXCEEDED": Code("org", "quota", 403),
    "LOGIN_RATE_EXCEEDED": Code("org", "quota", 403),
    "API_DISABLED_FOR_ORG": Code("org", "stop", 403),
    "API_CURRENTLY_DISABLED": Code("org", "stop", 403),
    "LOGIN_MUST_USE_SECURITY_TOKEN": Code("org", "stop", 403),
    "OAUTH_APPROVAL_ERROR_GENERIC": Code("org", "stop", 403),
    "GONE": Code("org", "stop", 410),
    "UNSUPPORTED_API_VERSION": Code("org", "stop", 410),
    "STORAGE_LIMIT_EXCEEDED": Code("org"),
    "LIMIT_EXCEEDED": Code("org"),
    # Unique keys and states.
    "DUPLICATE_VALUE": Code("once"),
    "ENTITY_IS_DELETED": Code("moved", status=404),
    "CANNOT_UPDATE_CONVERTED_LEAD": Code("moved"),
    "NOT_FOUND": Code("gone", status=404),
    "INVALID_CROSS_REFERENCE_KEY": Code("gone"),
    "MALFORMED_ID": Code("gone"),
    # The values.
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Code("data"),
    "REQUIRED_FIELD_MISSING": Code("data"),
    "STRING_TOO_LONG": Code("data"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Code("data"),
    "INVALID_EMAIL_ADDRESS": Code("data"),
    "FIELD_INTEGRITY_EXCEPTION": Code("data"),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Code("data"),
    "NUMBER_OUTSIDE_VALID_RANGE": Code("data"),
    "JSON_PARSER_ERROR": Code("data"),
    "MISSING_ARGUMENT": Code("data"),
    "INVALID_OPERATION": Code("data"),
    # The customer's own automation: its text tells a lock or a CPU limit, which pass, from a mistake in it.
    "CANNOT_EXECUTE_FLOW_TRIGGER": Code("data"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Code("data"),
    # Rights and shapes.
    "INVALID_FIELD": Code("permission"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Code("permission"),
    "INSUFFICIENT_ACCESS": Code("permission", status=403),
    "INSUFFICIENT_ACCESS_OR_READONLY": Code("permission"),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Code("permission"),
    "INVALID_TYPE": Code("permission"),
    "INVALID_TYPE_FOR_OPERATION": Code("permission"),
    # Owners.
    "INACTIVE_OWNER_OR_USER": Code("owner"),
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": Code("owner"),
    "TRANSFER_REQUIRES_READ": Code("owner"),
    # Rules.
    "DUPLICATES_DETECTED": Code("rule"),
}

# Refusals of an owner that bear a general code: a queue that does not take such records, an id that is no user's.
OWNER_FIELD = "OwnerId"
OF_AN_OWNER = frozenset({"FIELD_INTEGRITY_EXCEPTION", "INVALID_OPERATION", "INVALID_CROSS_REFERENCE_KEY"})
AUTOMATION = frozenset({"CANNOT_EXECUTE_FLOW_TRIGGER", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"})


def row_lines() -> Iterator[str]:
    """The README's table of codes of a row."""
    yield from ("| class | codes | what is done |", "| --- | --- | --- |")
    for kind, deed in ROW_DEEDS.items():
        codes = ", ".join(f"`{name}`" for name, code in CODES.items() if code.row == kind)
        yield f"| {kind} | {codes} | {deed} |"


def call_lines() -> Iterator[str]:
    """The README's table of codes of a whole call; refusals of one call are every other code."""
    yield from ("| of a call | codes | what is done |", "| --- | --- | --- |")
    for kind, deed in CALL_DEEDS.items():
        codes = ", ".join(f"`{name}`" for name, code in CODES.items() if code.call == kind) if kind != "reject" else "all others"
        yield f"| {kind} | {codes} | {deed} |"
