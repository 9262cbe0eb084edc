"""The org over HTTP: an ASGI app in front of `api.service.Service`, with the vendor's headers and a script of faults."""

from __future__ import annotations

import gzip
import zlib
from urllib.parse import parse_qsl, unquote

from starlette.types import Receive, Scope, Send

from crmsync.sandbox.faults import HANDED_ON, FaultMiddleware, Faults, http_date
from crmsync.sandbox.salesforce.api.cometd import Cometd
from crmsync.sandbox.salesforce.api.service import Service
from crmsync.sandbox.salesforce.api.wire import Answer, Request, refusal
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.ids import new_id
from crmsync.sandbox.salesforce.mishaps import dialect
from crmsync.sandbox.salesforce.org import Org

_CSV = "text/csv"
_QUICK = 1
"""The compression level for job results: local sockets are fast, processors are not."""
_CACHE = "no-cache,must-revalidate,max-age=0,no-store,private"


class Application:
    """One org's API as an ASGI app. `service` is what stands behind it, for tests that look at the log of requests."""

    def __init__(self, org: Org, faults: Faults) -> None:
        self.service = Service(org)
        self.cometd = Cometd(self.service, org.config.event_hold_seconds)
        self._clock = org.clock
        self._faulty = FaultMiddleware(self._serve, faults, dialect, org.clock.now)
        self._answers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._faulty(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        try:
            request = _request(scope, body)
            if request.method == "POST" and request.segments[0] == "cometd":
                answer = await self.cometd.answer(request)
            else:
                answer = self.service.answer(request, _base_url(scope, request))
            packed = answer.content_type == _CSV and "gzip" in request.headers.get("accept-encoding", "")
        except OrgError as refused:
            answer, packed = refusal(refused), False
        await self._send(answer, send, packed=packed)

    async def _send(self, answer: Answer, send: Send, *, packed: bool) -> None:
        self._answers += 1
        body = gzip.compress(answer.body(), _QUICK) if packed else answer.body()
        headers = {
            "Date": http_date(self._clock.now()),
            "Vary": "Accept-Encoding",
            "Cache-Control": _CACHE,
            "x-sfdc-request-id": new_id("4st", self._answers),
            **answer.headers,
        }
        if answer.payload is not None:
            headers["Content-Type"] = answer.content_type
        if packed:
            headers["Content-Encoding"] = "gzip"
        if answer.status not in (204, 304):
            headers["Content-Length"] = str(len(body))
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


def application(org: Org, faults: Faults | None = None) -> Application:
    """The org's REST and Bulk 2.0 API as an ASGI app."""
    return Application(org, faults or Faults())


async def _body(receive: Receive) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(chunks)


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    raw_path = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"")
    segments = tuple(unquote(part) for part in raw_path.decode("latin-1").partition("?")[0].strip("/").split("/"))
    return Request(
        method=scope["method"],
        path=scope["path"],
        segments=segments,
        query=dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)),
        headers=headers,
        body=_plain(body, headers.get("content-encoding", "")),
        size=len(raw_path) + len(query) + sum(len(name) + len(value) for name, value in scope["headers"]),
        fault=scope.get(HANDED_ON),
    )


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding.lower() != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as refusal:
        raise OrgError("INVALID_CONTENT", "the body is not gzip as its Content-Encoding says") from refusal


def _base_url(scope: Scope, request: Request) -> str:
    return f"{scope.get('scheme', 'http')}://{request.headers.get('host', 'localhost')}"
