"""Several requests in one call, which counts once: `/composite` runs them in turn and answers for each.

One call writes some rows, reads them back and reads the next ones ahead. What the org does not take this way is done one by
one, by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from crmsync.connect.calls import CallRejected
from crmsync_salesforce.api import Api

_NOT_OFFERED = frozenset({404, 405})
# In any text of a composite this begins a reference to another request's answer, and there is no escape from it.
_REFERENCE = b"@{"
_ESCAPES = {code: quote(chr(code)) for code in range(128)}


@dataclass(frozen=True, slots=True)
class Part:
    """One request; `path` begins after the version."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartAnswer:
    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


def query_part(soql: str) -> Part:
    """A query as one of the requests: here its length meets no limit of URIs. Hundreds of ids are escaped at once."""
    return Part("GET", f"queryAll?q={soql.translate(_ESCAPES) if soql.isascii() else quote(soql)}")


class Composite:
    """The composite calls of one org."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._is_offered = True

    def send(self, parts: Sequence[Part]) -> list[PartAnswer] | None:
        """An answer for each request, or None where they must be sent one by one. All of them must do no harm when they are
        repeated. Raises what a call raises, but for refusals."""
        requests = [self._request(number, part) for number, part in enumerate(parts)]
        # Unless it is told not to, the org may run unrelated requests in another order: the reading back before the writing.
        text = orjson.dumps({"allOrNone": False, "collateSubrequests": False, "compositeRequest": requests})
        if not self._is_offered or _REFERENCE in text:
            return None
        headers = {name: value for part in parts for name, value in part.headers.items()}
        try:
            answer = self._api.write_text("POST", "composite", text, headers)
        except CallRejected as refusal:
            self._is_offered = refusal.status not in _NOT_OFFERED
            return None
        return _in_order(answer, len(parts))

    def _request(self, number: int, part: Part) -> dict[str, Any]:
        request = {"method": part.method, "url": self._api.path(part.path), "referenceId": f"part{number}"}
        body = {} if part.body is None else {"body": part.body}
        return {**request, **body, **({"httpHeaders": dict(part.headers)} if part.headers else {})}


def _in_order(answer: Any, count: int) -> list[PartAnswer] | None:
    found = answer.get("compositeResponse") if isinstance(answer, dict) else None
    if not isinstance(found, list) or len(found) != count:
        return None
    named = {item.get("referenceId"): item for item in found}
    if len(named) != count or any(f"part{number}" not in named for number in range(count)):
        return None
    items = (named[f"part{number}"] for number in range(count))
    return [PartAnswer(int(item.get("httpStatusCode") or 0), item.get("body")) for item in items]
