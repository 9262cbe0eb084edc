"""What comes in and what goes out, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from crmsync.sandbox.faults import Fault
from crmsync.sandbox.salesforce.errors import OrgError

JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, decoded. `segments` are the path's parts, each unquoted by itself; header names are in lower case."""

    method: str
    path: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    size: int = 0
    fault: Fault | None = None

    def json(self) -> Any:
        """The body as JSON. Raises OrgError `JSON_PARSER_ERROR`."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as refusal:
            raise OrgError(
                "JSON_PARSER_ERROR", f"Unexpected character at [line:{refusal.lineno}, column:{refusal.colno}]"
            ) from refusal

    def document(self) -> dict[str, Any]:
        """The body as a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise OrgError("JSON_PARSER_ERROR", "Cannot deserialize instance of object from START_ARRAY at [line:1, column:1]")
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `payload` is None for no body, bytes as they are, anything else as JSON."""

    status: int
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON

    def body(self) -> bytes:
        if self.payload is None:
            return b""
        return self.payload if isinstance(self.payload, bytes) else orjson.dumps(self.payload)


def request_to(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Request:
    """A request to a raw target such as `/services/data/v66.0/query?q=SELECT+Id+FROM+Lead`."""
    path, _, query = target.partition("?")
    segments = tuple(unquote(part) for part in path.strip("/").split("/"))
    return Request(method, path, segments, dict(parse_qsl(query, keep_blank_values=True)), headers, body, len(target))


def refusal(error: OrgError) -> Answer:
    """An error as a single-record call shows it: an array of one."""
    return Answer(error.status, [error_item(error, "errorCode")])


def error_item(error: OrgError, key: str) -> dict[str, Any]:
    """One error's JSON; its code is under `errorCode` in single calls and `statusCode` in collections."""
    item: dict[str, Any] = {**error.extra, "message": error.message, key: error.code}
    if error.fields or key == "statusCode":
        item["fields"] = list(error.fields)
    return item
