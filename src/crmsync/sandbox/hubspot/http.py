"""The portal's public HTTP API as an ASGI app: bearer, limits, scopes, one table of endpoints, the vendor's headers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from crmsync.sandbox.faults import HANDED_ON, CannedAnswer, Dialect, Fault, FaultKind, FaultMiddleware, Faults, http_date
from crmsync.sandbox.hubspot.api.exchange import Reply, Request
from crmsync.sandbox.hubspot.api.routes import Match, match
from crmsync.sandbox.hubspot.errors import PortalError, not_found
from crmsync.sandbox.hubspot.limits import MESSAGES, refusal
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.tokens import require_scope

_MAX_URL = 8_192
"""Bytes of path and query that the vendor's front takes; beyond, it answers 414 with a page."""
_TOO_LONG = (
    b"<html>\r\n<head><title>414 Request-URI Too Large</title></head>\r\n<body>414 Request-URI Too Large</body>\r\n</html>\r\n"
)
_JSON = "application/json;charset=utf-8"
_CORRELATIONS = uuid.UUID("3f1c9f0e-52a9-5f3e-8d0a-7f2f6b0f9d11")
_FRACTION = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z")
Headers = list[tuple[str, str]]


def application(portal: Portal, faults: Faults | None = None) -> ASGIApp:
    """The app for `portal`; `faults` scripts what goes wrong on the way."""
    return FaultMiddleware(_App(portal), faults or Faults(), _wording(portal), portal.clock.now)


class _App:
    """Takes one request at a time to the portal, under its lock."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._calls = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        with self._portal.lock:
            status, headers, content = self._answer(scope, body)
        headers += [("Date", http_date(self._portal.clock.now())), ("Content-Length", str(len(content)))]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    def _answer(self, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
        path, query = scope["path"], scope.get("query_string", b"")
        if len(scope.get("raw_path") or path.encode()) + len(query) > _MAX_URL:
            return 414, [("Content-Type", "text/html")], _TOO_LONG
        correlation = str(uuid.uuid5(_CORRELATIONS, f"{self._portal.config.portal_id}/{next(self._calls)}"))
        found = match(scope["method"], path)
        headers: Headers = [("Content-Type", _JSON), ("X-HubSpot-Correlation-Id", correlation)]
        try:
            if found is None:
                raise not_found(f"No endpoint {scope['method']} {path}")
            reply = self._admitted(scope, found, query, body, correlation, headers)
        except PortalError as error:
            reply = Reply(error.status, error.as_json(correlation))
        content = b"" if reply.body is None else self._render(reply.body)
        return reply.status, [*headers, *reply.headers], content

    def _admitted(self, scope: Scope, found: Match, query: bytes, body: bytes, correlation: str, headers: Headers) -> Reply:
        """Past the doors: token, limits, scope; then the endpoint itself."""
        if not found.family.public:
            sent = dict(scope["headers"])
            token = self._portal.tokens.bearer(sent.get(b"authorization", b"").decode("latin-1"))
            refused = self._portal.limiter.count(search=found.route.search)
            headers += self._portal.limiter.headers(search=found.route.search, oauth=token.oauth)
            if refused is not None:
                return Reply(429, refusal(refused, correlation), self._portal.limiter.retry_after(refused))
            require_scope(token, found.scope())
        return found.route.handler(self._request(scope, found, query, body))

    def _request(self, scope: Scope, found: Match, query: bytes, body: bytes) -> Request:
        host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
        return Request(
            portal=self._portal,
            method=scope["method"],
            path=scope["path"],
            version=found.version,
            params={name: unquote(value) for name, value in found.params.items()},
            query=parse_qs(query.decode("latin-1"), keep_blank_values=True),
            raw=body,
            base_url=f"{scope.get('scheme', 'http')}://{host}",
            spoilt_row=_spoilt_row(scope.get(HANDED_ON)),
        )

    def _render(self, body: Any) -> bytes:
        content = orjson.dumps(body)
        return content if self._portal.config.milliseconds else _without_milliseconds(content)


def _spoilt_row(fault: Fault | None) -> int | None:
    """`row:2` in a fault left to the app spoils the third input of a batch write."""
    word, _, place = fault.detail.partition(":") if fault is not None else ("", "", "")
    return int(place) if word == "row" else None


def _without_milliseconds(content: bytes) -> bytes:
    """Drop the fraction of every timestamp in a rendered body."""
    return _FRACTION.sub(rb"\1Z", content)


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(chunks)


def _wording(portal: Portal) -> Dialect:
    """How the portal words scripted refusals: `detail` names the limit's policy, or `malformed` for the other 401."""

    def say(fault: Fault) -> CannedAnswer:
        correlation = str(uuid.uuid5(_CORRELATIONS, f"fault/{fault.route}"))
        if fault.kind is FaultKind.LIMIT:
            policy = fault.detail if fault.detail in MESSAGES else "TEN_SECONDLY_ROLLING"
            return _canned(429, refusal(policy, correlation), fault.headers)
        error = portal.tokens.expired_by_script(malformed=fault.detail == "malformed")
        return _canned(401, error.as_json(correlation), ())

    return say


def _canned(status: int, body: Any, headers: Sequence[tuple[str, str]]) -> CannedAnswer:
    kept = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    return CannedAnswer(status, orjson.dumps(body), (("Content-Type", _JSON), *kept))
