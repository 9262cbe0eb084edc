"""The door on a port: one uvicorn server in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from crmsync.errors import StopConnector

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0
# Deliveries at once: HubSpot sends up to ten at a time to one URL; beyond this a knock is answered 503 without being read.
_AT_ONCE = 64
_TICK_SECONDS = 5.0


@contextmanager
def served(app: ASGIApp, host: str, port: int, tick: Callable[[], None]) -> Iterator[str]:
    """Serve until the context ends, and give the address as http://host:port. `tick` is called now and then, off the event loop.
    Raises StopConnector where the port cannot be had."""
    listener = _listener(host, port)
    server = uvicorn.Server(_settings(app))
    started = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(server, listener, started, tick)), name="crmsync-intake", daemon=True
    )
    thread.start()
    try:
        if not started.wait(_START_SECONDS):
            raise StopConnector("intake.not_served", host=host, port=port, detail="timeout")
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


async def _serve(server: uvicorn.Server, listener: socket.socket, started: threading.Event, tick: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.005)
    started.set()
    while not serving.done():
        await asyncio.wait([serving], timeout=_TICK_SECONDS)
        await asyncio.to_thread(tick)
    await serving


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StopConnector("intake.not_served", host=host, port=port, detail=str(error.strerror or error)) from error
    return listener


def _settings(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,  # paths are not ours to log: anybody may ask for any
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
