"""One request and its reply, as the endpoints see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import orjson

from crmsync.sandbox.hubspot.errors import PortalError, invalid
from crmsync.sandbox.hubspot.portal import Portal


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way to an endpoint. `version` is v1..v4 or a date; `path` has no trailing slash."""

    portal: Portal
    method: str
    path: str
    version: str
    params: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    raw: bytes
    base_url: str
    spoilt_row: int | None = None
    """By script: the input of a batch write that the portal shall refuse for no reason of its own."""

    @property
    def dated(self) -> bool:
        """Whether the path carries a date rather than a v-number."""
        return self.version[0].isdecimal()

    @property
    def binds_rules(self) -> bool:
        """Whether the admins' own rules bind writes on this path: from 2026-09 on."""
        return self.dated and self.version >= "2026-09"

    def one(self, name: str, default: str = "") -> str:
        """A single query value."""
        values = self.query.get(name)
        return values[-1] if values else default

    def many(self, name: str) -> tuple[str, ...]:
        """A list in the query, given as repeated keys or with commas."""
        return tuple(part for value in self.query.get(name, ()) for part in value.split(",") if part)

    def flag(self, name: str) -> bool:
        return self.one(name).lower() == "true"

    def whole(self, name: str, default: int, most: int) -> int:
        """A whole number in the query. Raises PortalError 400 when it is none, or above `most`."""
        text = self.one(name)
        if not text:
            return default
        if not text.isdecimal() or int(text) > most:
            raise invalid(f"{name} must be a whole number of at most {most}")
        return int(text)

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises PortalError 400."""
        body = self.any_json()
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON: an object was expected")
        return body

    def any_json(self) -> Any:
        """The body as whatever JSON it is. Raises PortalError 400."""
        try:
            return orjson.loads(self.raw or b"{}")
        except orjson.JSONDecodeError as error:
            raise invalid("Invalid input JSON on line 1, column 1") from error

    def form(self) -> dict[str, str]:
        """The body as form fields; v1 also took them from the query."""
        fields = {name: values[-1] for name, values in parse_qs(self.raw.decode("latin-1")).items()}
        return {**{name: values[-1] for name, values in self.query.items()}, **fields} if self.version == "v1" else fields

    def next_page(self, after: str) -> dict[str, Any]:
        """The `paging` of a list that goes on after `after`."""
        query = {name: list(values) for name, values in self.query.items() if name != "after"}
        link = f"{self.base_url}{self.path}?{urlencode({**query, 'after': after}, doseq=True)}"
        return {"paging": {"next": {"after": after, "link": link}}}


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers; no body means none at all."""

    status: int
    body: Any = None
    headers: Sequence[tuple[str, str]] = field(default=())


def inputs_of(body: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """The `inputs` of a batch. Raises PortalError 400 when they are no list of objects, or more than `most`."""
    if "inputs" not in body:
        raise invalid("Invalid input JSON: `inputs` must be given")
    inputs = rows_of(body, "inputs")
    if len(inputs) > most:
        raise invalid(f"The maximum number of inputs supported in a batch request is {most}. Found {len(inputs)}.")
    return inputs


def batch(portal: Portal, status: int, results: Sequence[Any], errors: Sequence[Mapping[str, Any]] = ()) -> Reply:
    """A batch reply; with errors it is a 207."""
    now = portal.now()
    body: dict[str, Any] = {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return Reply(207 if errors else status, body)


def rows_of(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects in a body, empty when it is not given. Raises PortalError 400 when it is something else."""
    rows = body.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid(f"Invalid input JSON: `{name}` must be a list of objects")
    return rows


def texts_of(body: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts (or numbers) in a body, empty when it is not given. Raises PortalError 400 when it is something else."""
    texts = body.get(name) or []
    if not isinstance(texts, list):
        raise invalid(f"Invalid input JSON: `{name}` must be a list")
    return [text_of(text, name) for text in texts]


def object_of(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object in a body, empty when it is not given. Raises PortalError 400 when it is something else."""
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise invalid(f"Invalid input JSON: `{name}` must be an object")
    return found


def number_of(body: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number in a body, given as number or text. Raises PortalError 400 when it is none."""
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not re.fullmatch(r"-?[0-9]{1,15}", str(value)):
        raise invalid(f"Invalid input JSON: `{name}` must be a whole number")
    return int(value)


def text_of(value: Any, name: str) -> str:
    """An id in a body, given as text or number. Raises PortalError 400."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise PortalError(400, "VALIDATION_ERROR", f"Invalid input JSON: `{name}` must be given")
    return str(value)
