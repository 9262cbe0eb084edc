"""The sandbox's apps on real ports: one uvicorn server each, all in one background thread with one event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from crmsync.sandbox.faults import CUT

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 75
"""As long as the vendors' own load balancers keep an idle connection; shorter ones make clients race with the close."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key as PEM files."""

    cert_file: Path
    key_file: Path


class _CuttableProtocol(H11Protocol):
    """Lets a scripted fault cut the connection under its request: the only thing that ASGI itself cannot say."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it the same way
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.close}


@dataclass(slots=True)
class RunningSandbox:
    """Servers that run until closed. `urls` are base URLs without a trailing slash, by the apps' names."""

    urls: dict[str, str]
    _servers: list[uvicorn.Server]
    _sockets: list[socket.socket]
    _thread: threading.Thread | None = None
    _started: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    def close(self) -> None:
        """Stop every server, let requests under way end, and free the ports. Closing twice does nothing."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        for listener in self._sockets:
            listener.close()

    def __enter__(self) -> RunningSandbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve_all())
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that waits in `serve`
            self._failure = failure
        finally:
            self._started.set()

    async def _serve_all(self) -> None:
        pairs = zip(self._servers, self._sockets, strict=True)
        tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in pairs]
        while not all(server.started or task.done() for server, task in zip(self._servers, tasks, strict=True)):
            await asyncio.sleep(0.002)
        self._started.set()
        await asyncio.gather(*tasks)


def serve(
    apps: Mapping[str, ASGIApp], ports: Mapping[str, int], *, tls: Tls | None = None, host: str = "127.0.0.1"
) -> RunningSandbox:
    """Serve every app on its port (absent or 0: any free one) and return once all answer.

    Raises OSError when a port is taken.
    """
    listeners = _listen(apps, ports, host)
    scheme = "http" if tls is None else "https"
    shown = f"[{host}]" if ":" in host else host
    urls = {name: f"{scheme}://{shown}:{listener.getsockname()[1]}" for name, listener in listeners.items()}
    running = RunningSandbox(urls, [uvicorn.Server(_settings(app, tls)) for app in apps.values()], list(listeners.values()))
    running._thread = threading.Thread(target=running._run, name="crmsync-sandbox", daemon=True)  # noqa: SLF001 - its maker
    running._thread.start()  # noqa: SLF001
    if not running._started.wait(_START_SECONDS) or running._failure is not None:  # noqa: SLF001
        running.close()
        raise OSError("the sandbox's servers did not start") from running._failure  # noqa: SLF001
    return running


def _listen(apps: Mapping[str, ASGIApp], ports: Mapping[str, int], host: str) -> dict[str, socket.socket]:
    listeners: dict[str, socket.socket] = {}
    try:
        for name in apps:
            listeners[name] = _listener(host, ports.get(name, 0))
    except OSError:
        for listener in listeners.values():
            listener.close()
        raise
    return listeners


def _listener(host: str, port: int) -> socket.socket:
    """Open a listening socket that says IPPROTO_TCP: asyncio sets TCP_NODELAY only on those, else every answer waits 40 ms."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _settings(app: ASGIApp, tls: Tls | None) -> uvicorn.Config:
    """The apps send their own virtual `Date`, so uvicorn's real one stays off."""
    return uvicorn.Config(
        app,
        http=_CuttableProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",  # a truncated answer is a scripted fault here, not an error to report
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
        ssl_certfile=None if tls is None else str(tls.cert_file),
        ssl_keyfile=None if tls is None else str(tls.key_file),
    )
