"""What goes wrong on the way, by script: both of the sandbox's apps consult one `Faults`, and the same script fails the same calls.

Counting is per fault and starts at 1 with the first request that its route matches, so a script reads as a story:
"the second PATCH of a collection is applied, and its answer is lost".
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CUT = "crmsync.cut"
"""Where the server leaves, in `scope["state"]`, the function that cuts the connection under a request."""

HANDED_ON = "crmsync.fault"
"""Where the middleware leaves, in the scope, a fault that only the app itself can play."""


class FaultKind(StrEnum):
    ANSWER = "answer"
    """Answer `status`, `headers` and `body`; the app never sees the request."""
    HTML_502 = "html_502"
    """A proxy's page instead of JSON; the app never sees the request."""
    LIMIT = "limit"
    """The vendor's own refusal for too many calls (429 or 403); `detail` says which limit."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a kind of fault
    """The vendor's own 401 for a token that ran out; `detail` says which wording."""
    CUT_BEFORE = "cut_before"
    """The connection is cut before the app sees the request: nothing was done."""
    LOST_ANSWER = "lost_answer"
    """The app does the work, then the connection is cut without an answer."""
    SLOW_BODY = "slow_body"
    """Half of the answer's body, `seconds` of real time, the other half."""
    TRUNCATED = "truncated"
    """Half of the answer's body, then the connection is cut although more was announced."""
    IN_APP = "in_app"
    """Left to the app: one item of a batch, a job's state, whatever `detail` names in the vendor's terms."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted mishap: which requests it waits for, which of them it strikes, and how.

    `route` is a regular expression searched for in the path (without the query); `method` is a method or `*`.
    `calls` are the matching requests that it strikes, counted from 1; empty means any of them, then `probability` decides.
    `at_most` bounds how often it strikes at all.
    """

    kind: FaultKind
    route: str = ""
    method: str = "*"
    calls: tuple[int, ...] = ()
    probability: float = 1.0
    at_most: int | None = None
    status: int = 500
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json;charset=UTF-8"),)
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """An answer given without asking the app."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json;charset=UTF-8"),)


Dialect = Callable[[Fault], CannedAnswer]
"""How a vendor words `LIMIT` and `EXPIRED_TOKEN`."""


@dataclass(slots=True)
class _Watch:
    """One fault with its counters."""

    fault: Fault
    route: re.Pattern[str]
    seen: int = 0
    struck: int = 0


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault that happened: to which request, and the how-manieth of its route."""

    fault: Fault
    method: str
    path: str
    call: int


@dataclass(slots=True)
class Faults:
    """The script. Safe to use from several threads; chance comes from `seed`, fault and call number, never from timing."""

    script: Iterable[Fault] = ()
    seed: int = 0
    strikes: list[Strike] = field(default_factory=list)
    _watches: list[_Watch] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for fault in self.script:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Append to the script; its count starts now."""
        with self._lock:
            self._watches.append(_Watch(fault, re.compile(fault.route)))

    def clear(self) -> None:
        """Forget the script; what has struck stays on record."""
        with self._lock:
            self._watches.clear()

    def draw(self, method: str, path: str) -> Fault | None:
        """Count this request for every fault that waits for it, and give the first that strikes."""
        if not self._watches:
            return None
        with self._lock:
            drawn: Strike | None = None
            for index, watch in enumerate(self._watches):
                if _waits_for(watch, method, path):
                    watch.seen += 1
                    if drawn is None and self._strikes(index, watch):
                        watch.struck += 1
                        drawn = Strike(watch.fault, method, path, watch.seen)
            if drawn is None:
                return None
            self.strikes.append(drawn)
            return drawn.fault

    def _strikes(self, index: int, watch: _Watch) -> bool:
        fault = watch.fault
        if fault.at_most is not None and watch.struck >= fault.at_most:
            return False
        if fault.calls:
            return watch.seen in fault.calls
        return fault.probability >= 1.0 or random.Random(f"{self.seed}/{index}/{watch.seen}").random() < fault.probability


def _waits_for(watch: _Watch, method: str, path: str) -> bool:
    return watch.fault.method in ("*", method) and watch.route.search(path) is not None


_PROXY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


class FaultMiddleware:
    """Stands before an app and plays the script. `now` dates the answers that the app never sees."""

    def __init__(self, app: ASGIApp, faults: Faults, dialect: Dialect, now: Callable[[], datetime]) -> None:
        self._app = app
        self._faults = faults
        self._dialect = dialect
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._faults.draw(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        canned = self._canned(fault)
        if canned is not None:
            await _read_all(receive)
            await self._answer(canned, send)
        else:
            await self._play(fault, scope, receive, send)

    def _canned(self, fault: Fault) -> CannedAnswer | None:
        match fault.kind:
            case FaultKind.ANSWER:
                return CannedAnswer(fault.status, fault.body, fault.headers)
            case FaultKind.HTML_502:
                return CannedAnswer(502, _PROXY_PAGE, (("Content-Type", "text/html"),))
            case FaultKind.LIMIT | FaultKind.EXPIRED_TOKEN:
                return self._dialect(fault)
            case _:
                return None

    async def _answer(self, canned: CannedAnswer, send: Send) -> None:
        headers = [*canned.headers, ("Date", http_date(self._now())), ("Content-Length", str(len(canned.body)))]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": canned.status, "headers": raw})
        await send({"type": "http.response.body", "body": canned.body})

    async def _play(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind is FaultKind.IN_APP:
            await self._app({**scope, HANDED_ON: fault}, receive, send)
            return
        if fault.kind is FaultKind.CUT_BEFORE:
            await _read_all(receive)
            await cut(scope)
            return
        start, body = await _run_aside(self._app, scope, receive)
        if fault.kind is FaultKind.LOST_ANSWER:
            await cut(scope)
            return
        await send(start)
        half = len(body) // 2
        await send({"type": "http.response.body", "body": body[:half], "more_body": True})
        if fault.kind is FaultKind.TRUNCATED:
            await cut(scope)
            return
        await asyncio.sleep(fault.seconds)
        await send({"type": "http.response.body", "body": body[half:]})


async def _read_all(receive: Receive) -> None:
    """Take the whole request first: an answer to half a request resets the connection before the client has read it."""
    more = True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _run_aside(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Let the app do its work and keep the answer: its start message and its whole body."""
    start: list[Message] = []
    chunks: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, keep)
    return start[0], b"".join(chunks)


async def cut(scope: Scope) -> None:
    """Cut the connection under this request; without a server of ours below, the client sees a reset connection."""
    cut_connection = scope.get("state", {}).get(CUT)
    if cut_connection is None:
        raise ConnectionResetError("the sandbox cut the connection")
    cut_connection()
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the transport tells its protocol one turn of the loop later


def http_date(at: datetime) -> str:
    """An aware UTC instant as HTTP writes it."""
    return format_datetime(at, usegmt=True)
