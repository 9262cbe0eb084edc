"""HubSpot's error table: what an error body says, what it means for the connection, and what it makes of one change.

    status                    for the connection                       for the change that met it
    400 409 413 414           one call is wrong                        rejected, with the vendor's code
    401 530                   credentials are not taken                -
    403                       a scope is missing: one feature          rejected
    404                       no such record                           rejected
    423                       locked: again after 2 s                  retry
    429 ten-secondly          again after the window of 10 s           retry
    429 secondly              again after 1 s                          retry
    429 daily                 stop until the account's midnight        -
    477                       moving house: again after Retry-After    retry
    500 502 503 504 521-526   again, growing; batches are halved       retry, or unknown for a create

A body may be HTML, or lack any key: HubSpot says to take every field as optional. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from crmsync.connect.answers import classify_answer, json_or_none, retry_after
from crmsync.connect.calls import Verdict, shown

# Waits where HubSpot names none (developers.hubspot.com, usage guidelines and error handling).
TEN_SECONDLY, SECONDLY, DAILY = "TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY"
POLICY_WAITS: Mapping[str, float] = {TEN_SECONDLY: 10.0, SECONDLY: 1.0}
LOCKED_WAIT_SECONDS = 2.0
_POLICY_MARKS = (("DAILY", DAILY), ("TEN_SECONDLY", TEN_SECONDLY), ("TEN SECONDLY", TEN_SECONDLY), ("SECONDLY", SECONDLY))

# "Too much work in one call": the same rows in two smaller calls may pass.
TOO_MUCH_WORK = frozenset({502, 504})

_EXISTING_ID = re.compile(r"Existing ID:\s*(\d+)|\b(\d+) already has that value", re.IGNORECASE)
_BAD_VALUES = "Property values were not valid: "
_SCOPE_KEYS = ("requiredGranularScopes", "requiredScopes", "missingScopes")
_NON_UNIQUE = re.compile(r"non-unique|not (a )?unique|hasUniqueValue", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as HubSpot tells it. `trace_ids` and `ids` name the rows of a batch it speaks of, `properties` the fields."""

    status: int
    code: str
    message: str
    trace_ids: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    properties: tuple[str, ...] = ()

    @property
    def existing_id(self) -> str | None:
        """The record that stands in the way, where the message names it ("Existing ID: 123")."""
        found = _EXISTING_ID.search(self.message)
        return next((group for group in found.groups() if group), None) if found else None

    @property
    def is_non_unique_key(self) -> bool:
        """Whether an upsert was refused because its property is not unique in this portal."""
        return self.status == 400 and bool(_NON_UNIQUE.search(self.message))


def fault_of(status: int, body: Any, text: str = "") -> Fault:
    """Read an error body, or one row of the `errors` of a 207. `text` is the raw answer, for bodies that are no JSON."""
    if not isinstance(body, Mapping):
        return Fault(status, str(status), shown(text))
    bad = _bad_values(str(body.get("message") or ""))
    inner = [one for one in body.get("errors") or () if isinstance(one, Mapping)] + bad
    contexts = [_context(one) for one in (body, *inner)]
    codes = [str(one["code"]) for one in inner if one.get("code")]
    code = codes[0] if codes else str(body.get("subCategory") or body.get("category") or status)
    told = (
        " ".join(dict.fromkeys(one["message"] for one in bad)) or body.get("message") or (inner[0].get("message") if inner else "")
    )
    return Fault(
        status,
        code,
        shown(str(told or "")),
        frozenset(_named(contexts, "objectWriteTraceId")),
        frozenset(_named(contexts, "ids", "id")),
        tuple(dict.fromkeys(_named(contexts, "propertyName", "properties"))),
    )


def _bad_values(message: str) -> list[dict[str, Any]]:
    """The rows that HubSpot writes as JSON into the message of a property error, in the shape of its `errors`: the rows of a 207
    say it there alone."""
    _, found, listed = message.partition(_BAD_VALUES)
    try:
        rows = orjson.loads(listed) if found else []
    except orjson.JSONDecodeError:
        return []
    return [
        {
            "code": str(row.get("error") or ""),
            "message": str(row.get("message") or ""),
            "context": {"propertyName": [str(row["name"])] if row.get("name") else []},
        }
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping)
    ]


def fault_of_answer(response: httpx.Response) -> Fault:
    """The fault of a refused call."""
    return fault_of(response.status_code, json_or_none(response), response.text)


def missing_scopes(body: Any) -> tuple[str, ...]:
    """The scopes a 403 asks for; the key of its context varies, so all known ones are read."""
    if not isinstance(body, Mapping):
        return ()
    contexts = [_context(one) for one in (body, *(body.get("errors") or ())) if isinstance(one, Mapping)]
    return tuple(dict.fromkeys(_named(contexts, *_SCOPE_KEYS)))


def classify(response: httpx.Response) -> Verdict:
    """What an answer means for the connection (the first column of the table above)."""
    if response.is_success:
        return Verdict("ok")
    status = response.status_code
    if status == 429:
        return _limited(response)
    if status in (401, 530):
        return _told(response, "auth")
    if status == 423:
        wait = max(LOCKED_WAIT_SECONDS, retry_after(response) or 0.0)
        return Verdict("retry", "LOCKED", shown(response.text), wait_seconds=wait, is_untaken=True)
    if status == 477:
        return Verdict("retry", "MIGRATING", shown(response.text), wait_seconds=retry_after(response), is_untaken=True)
    if status == 403 and json_or_none(response) is None:
        return Verdict("retry", "BLOCKED", shown(response.text), wait_seconds=retry_after(response), is_untaken=True)
    if status >= 500:
        return classify_answer(response)
    return _told(response, "reject") if status not in (408, 420, 425) else classify_answer(response)


def _told(response: httpx.Response, kind: Any) -> Verdict:
    fault = fault_of_answer(response)
    return Verdict(kind, fault.code, fault.message)


def _limited(response: httpx.Response) -> Verdict:
    """The policy by its name, else by the words of the message; HubSpot often leaves out Retry-After."""
    body = json_or_none(response)
    told = body if isinstance(body, Mapping) else {}
    message = str(told.get("message") or "")
    code = _policy(str(told.get("policyName") or "")) or _policy(message) or TEN_SECONDLY
    named = retry_after(response)
    if code == DAILY:
        return Verdict("quota", code, shown(message), wait_seconds=named, is_untaken=True)
    return Verdict("retry", code, shown(message), wait_seconds=POLICY_WAITS[code] if named is None else named, is_untaken=True)


def _policy(text: str) -> str | None:
    """The policy that a text speaks of: "ten_secondly_rolling" holds the word "secondly" as well."""
    words = text.upper()
    return next((code for mark, code in _POLICY_MARKS if mark in words), None)


def _context(error: Mapping[str, Any]) -> Mapping[str, Any]:
    context = error.get("context")
    return context if isinstance(context, Mapping) else {}


def _named(contexts: Iterable[Mapping[str, Any]], *keys: str) -> Iterable[str]:
    for context in contexts:
        for key in keys:
            value = context.get(key)
            yield from (str(one) for one in (value if isinstance(value, list) else [value] if value else ()))
