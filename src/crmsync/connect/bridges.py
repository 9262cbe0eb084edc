"""The vendors' own client libraries on our transport: what they take for a requests session or a urllib3 pool manager is
this, and their calls pass the same budget, breaker, retry and auth as ours. Whatever credentials they set are dropped:
the connection's auth signs. An answer that the classifier rejects goes back to the library, which raises its own error.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.filepost import encode_multipart_formdata

from crmsync.connect.calls import Call

if TYPE_CHECKING:
    from crmsync.connect.client import ApiClient

Shape = Callable[[Call], Call]

# Credentials are ours to set; the rest is said by the transport about the bytes that it really sends and has decoded.
_OURS = frozenset(
    {"authorization", "x-sfdc-session", "host", "content-length", "transfer-encoding", "accept-encoding", "connection"}
)
_OF_THE_WIRE = frozenset({"content-encoding", "transfer-encoding", "content-length", "connection"})


class BridgedSession(requests.Session):
    """A requests session that sends through an ApiClient. It reads no environment: proxies and CAs are the client's."""

    def __init__(self, client: ApiClient, shape: Shape) -> None:
        super().__init__()
        self.trust_env = False
        for prefix in ("https://", "http://"):
            self.mount(prefix, _Adapter(client, shape))


class _Adapter(BaseAdapter):
    def __init__(self, client: ApiClient, shape: Shape) -> None:
        super().__init__()
        self._client = client
        self._shape = shape

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        call = Call(
            request.method or "GET",
            request.url or "",
            content=_bytes(request.body),
            headers=_kept(request.headers.items()),
            is_lenient=True,
        )
        return _as_requests(self._client.send(self._shape(call)), request)

    def close(self) -> None:
        """Nothing of its own to close: the connection pool is the client's."""


class PoolResponse:
    """What a urllib3 response looks like to generated clients: status, reason, data, headers."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.reason = response.reason_phrase
        self.data = response.content
        self.headers = dict(_of_answer(response))

    def getheaders(self) -> Mapping[str, str]:
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), default)


class Pool:
    """Stands in for `urllib3.PoolManager` in generated clients (`api_client.rest_client.pool_manager = pool`)."""

    def __init__(self, client: ApiClient, shape: Shape) -> None:
        self._client = client
        self._shape = shape

    def request(
        self,
        method: str,
        url: str,
        body: bytes | str | None = None,
        fields: Any = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        encode_multipart: bool = True,
        **_: Any,
    ) -> PoolResponse:
        """As urllib3's: `fields` are the query of a GET, HEAD or DELETE, else a form. Timeouts are the client's."""
        sent = _kept((headers or {}).items())
        content = _bytes(body)
        if json is not None:
            content, sent = json_module.dumps(json).encode(), {"Content-Type": "application/json", **sent}
        if fields and method.upper() in {"GET", "HEAD", "DELETE"}:
            url, fields = _with_query(url, fields), None
        if fields:
            content, kind = _form(fields, is_multipart=encode_multipart)
            sent = {"Content-Type": kind, **sent}
        call = Call(method, url, content=content, headers=sent, is_lenient=True)
        return PoolResponse(self._client.send(self._shape(call)))

    def clear(self) -> None:
        """Nothing of its own to clear."""


def move_hosts(base_urls: Mapping[str, str]) -> Shape:
    """A shape that sends calls for the named hosts to base URLs instead (a library that insists on https://its.own.host)."""

    def shape(call: Call) -> Call:
        base = base_urls.get(urlsplit(call.url).netloc)
        return call if base is None else replace(call, url=_rebased(call.url, base))

    return shape


def _rebased(url: str, base_url: str) -> str:
    old, base = urlsplit(url), urlsplit(base_url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + old.path, old.query, ""))


def _kept(headers: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in headers
        if name.lower() not in _OURS and value is not None
    }


def _of_answer(response: httpx.Response) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in response.headers.items() if name.lower() not in _OF_THE_WIRE)


def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _bytes(body.read())
    return b"".join(_bytes(part) or b"" for part in body)


def _with_query(url: str, fields: Any) -> str:
    pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}" if pairs else url


def _form(fields: Any, *, is_multipart: bool) -> tuple[bytes, str]:
    if is_multipart:
        return encode_multipart_formdata(fields)
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def _as_requests(answer: httpx.Response, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status_code
    response.reason = answer.reason_phrase
    response.headers = CaseInsensitiveDict(_of_answer(answer))
    response.encoding = answer.encoding or "utf-8"
    response.url = request.url or ""
    response.request = request
    response._content = answer.content  # noqa: SLF001 - requests has no public way to make a response of bytes
    response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - likewise; absent from the stubs
    return response
