"""A small HTTP server on a real port for the other CRMs: keep-alive that it ends now and then, gzip, chunked bodies."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit


class Cut(Exception):
    """The connection is closed without an answer; what was done stays done."""


@dataclass
class Request:
    """What came in. `query` keeps repeated keys, `path` has no trailing slash."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""

    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    def one(self, name: str, otherwise: str = "") -> str:
        return self.query.get(name, [otherwise])[0]


@dataclass
class Answer:
    """What goes out. A `body` of None has no content and no Content-Type; a str goes out as it is."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"


class Crm(Protocol):
    """What a fake gives to the server. Its answers are dated `dated_off` from its own clock, as by a proxy before it."""

    now: datetime
    dated_off: timedelta
    calls: list[tuple[str, str]]

    def answer(self, request: Request) -> Answer: ...


class Served:
    """A running server. `url` has the port that the system chose; `end_every` nth answer ends its connection."""

    def __init__(self, crm: Crm, *, end_every: int = 7, host: str = "127.0.0.1") -> None:
        lock = threading.Lock()
        answered = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def serve(self) -> None:
                nonlocal answered
                body = self.read_body()
                split = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(
                    self.command, split.path.rstrip("/"), parse_qs(split.query, keep_blank_values=True), headers, body, self.path
                )
                with lock:
                    crm.calls.append((request.method, self.path))
                    answered += 1
                    last = answered % end_every == 0
                    try:
                        answer = crm.answer(request)
                    except Cut:
                        self.close_connection = True
                        return
                    moment = crm.now + crm.dated_off
                self.reply(answer, moment, last)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = serve  # noqa: N815 - names of http.server

            def read_body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    parts = []
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    body = b"".join(parts)
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

            def reply(self, answer: Answer, moment: datetime, last: bool) -> None:
                text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body, ensure_ascii=False)
                content = b"" if answer.body is None else text.encode()
                self.send_response_only(answer.status)
                self.send_header("Date", format_datetime(moment, usegmt=True))
                if "gzip" in self.headers.get("Accept-Encoding", "") and len(content) > 200:
                    content = gzip.compress(content, 1)
                    self.send_header("Content-Encoding", "gzip")
                if answer.body is not None:
                    self.send_header("Content-Type", answer.content_type)
                if answer.status not in (204, 304):
                    self.send_header("Content-Length", str(len(content)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if last:  # without saying so: the client finds a dead connection at its next call
                    self.close_connection = True
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that hangs up is no news

        self.server = Server((host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def says(handlers: list[Callable[[Request], Answer | None]], request: Request) -> Answer | None:
    """The first answer that a scripted fault has to this request; a handler that has spoken is spent."""
    for handler in list(handlers):
        answer = handler(request)
        if answer is not None:
            handlers.remove(handler)
            return answer
    return None
