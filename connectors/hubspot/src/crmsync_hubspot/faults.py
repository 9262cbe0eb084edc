"""Reading HubSpot's errors: what a body says, and by the table (rules.py) what it means for the connection and for one change.

A body may be HTML, or lack any key: HubSpot says to take every field as optional. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from crmsync.connect.answers import json_or_none, retry_after
from crmsync.connect.calls import OK, CallRejected, Verdict, shown
from crmsync_hubspot.rules import DAILY, ELSEWHERE, SECONDLY, TEN_SECONDLY, Rule, rule_of

_POLICY_MARKS = (("DAILY", DAILY), ("TEN_SECONDLY", TEN_SECONDLY), ("TEN SECONDLY", TEN_SECONDLY), ("SECONDLY", SECONDLY))

# "Too much work in one call": the same rows in two smaller calls may pass.
TOO_MUCH_WORK = frozenset({502, 504})

_EXISTING_ID = re.compile(r"Existing ID:\s*(\d+)|\b(\d+) already has that value", re.IGNORECASE)
_BAD_VALUES = "Property values were not valid: "
_SCOPE_KEYS = ("requiredGranularScopes", "requiredScopes", "missingScopes")
_NON_UNIQUE = re.compile(r"non-unique|not (a )?unique|hasUniqueValue", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as HubSpot tells it. `trace_ids` and `ids` name the rows of a batch it speaks of, `properties` the fields; `names`
    are all its words for what is wrong, of which `code` is the narrowest."""

    status: int
    code: str
    message: str
    trace_ids: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    properties: tuple[str, ...] = ()
    names: frozenset[str] = field(default=frozenset(), compare=False)
    is_page: bool = field(default=False, compare=False)

    @property
    def rule(self) -> Rule:
        """The row of the error table."""
        return rule_of(self.status, self.names | {self.code}, is_page=self.is_page)

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
    """Read an error body, or one row of the `errors` of a 207. `text` is the raw answer, for bodies that are no JSON. Where scopes
    are missing, the message is which."""
    if not isinstance(body, Mapping):
        return Fault(status, str(status), shown(text), names=frozenset(_policies(status, {}, text)), is_page=True)
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
        shown(", ".join(missing_scopes(body)) or str(told or "")),
        frozenset(_named(contexts, "objectWriteTraceId")),
        frozenset(_named(contexts, "ids", "id")),
        tuple(dict.fromkeys(_named(contexts, "propertyName", "properties"))),
        frozenset([*_words((body, *inner)), *_policies(status, body, str(body.get("message") or ""))]),
    )


def _words(errors: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Every name that these errors give to what is wrong; of a dotted one, its last part as well."""
    for error in errors:
        for key in ("code", "category", "subCategory"):
            if isinstance(error.get(key), str):
                yield from {error[key], error[key].rpartition(".")[2]}


def _policies(status: int, body: Mapping[str, Any], message: str) -> Iterable[str]:
    """The policy of a 429: by its name, else by the words of the message."""
    if status == 429:
        yield _policy(str(body.get("policyName") or "")) or _policy(message) or TEN_SECONDLY


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


def row_faults(body: Any) -> Iterator[Fault]:
    """The errors beside the rows of a 207."""
    for error in (body.get("errors") or ()) if isinstance(body, Mapping) else ():
        yield fault_of(400, error)


def fault_of_answer(response: httpx.Response) -> Fault:
    """The fault of a refused call."""
    return fault_of(response.status_code, json_or_none(response), response.text)


def why_refused(error: CallRejected) -> str:
    """Why something cannot be read, for people: HubSpot's words, and the path where nothing is found."""
    place = f"{error.params.get('path')}: " if error.status in ELSEWHERE else ""
    return f"{place}{error.vendor_code}: {error.message}"


def missing_scopes(body: Any) -> tuple[str, ...]:
    """The scopes a 403 asks for; the key of its context varies, so all known ones are read."""
    if not isinstance(body, Mapping):
        return ()
    contexts = [_context(one) for one in (body, *(body.get("errors") or ())) if isinstance(one, Mapping)]
    return tuple(dict.fromkeys(_named(contexts, *_SCOPE_KEYS)))


def classify(response: httpx.Response) -> Verdict:
    """What an answer means for the connection, by the error table. HubSpot often leaves out Retry-After."""
    if response.is_success:
        return OK
    fault = fault_of_answer(response)
    rule, named = fault.rule, retry_after(response)
    wait = rule.wait_seconds if named is None else max(named, rule.least_seconds)
    return Verdict(rule.kind, rule.label or fault.code, fault.message, wait_seconds=wait, is_untaken=rule.is_untaken)


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
