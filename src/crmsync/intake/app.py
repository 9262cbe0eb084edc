"""The webhooks' door: one POST per delivery at /hooks/<connection>. What it does is bounded in bytes and in time, and ends in one
insert; the vendor's own reader says whether a delivery is genuine and which records it names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from crmsync.connect.hints import Delivery, Heard, HookReader, Refused
from crmsync.intake.tally import Refusals

_log = structlog.get_logger("crmsync.intake")

# HubSpot waits five seconds for an answer, connecting included; a body that takes most of it does not come from HubSpot.
BODY_SECONDS = 2.0
KEEP_SECONDS = 2.0

Keep = Callable[[str, Heard, datetime], None]


@dataclass(frozen=True, slots=True)
class Door:
    """What the app works with: readers by connection, `keep` for what was heard, `clock` (aware UTC) for replays."""

    readers: Mapping[str, HookReader]
    keep: Keep
    clock: Callable[[], datetime]
    refusals: Refusals
    most_bytes: int


class _TooLarge(Exception):
    """More bytes than a delivery may have; the rest is not read."""


def application(door: Door) -> Starlette:
    """The app: /hooks/<connection>, and /health for load balancers."""
    return Starlette(routes=[Route("/hooks/{connection}", _Hooks(door)), Route("/health", _health)])


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok")


class _Hooks:
    """All methods of one path, so that a wrong one is counted too."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        connection = str(request.path_params["connection"])
        reader = self._door.readers.get(connection)
        if reader is None:
            return Response(status_code=404)
        if request.method != "POST":
            return self._refuse(connection, Refused(405, "method"))
        try:
            body = await asyncio.wait_for(_body(request, self._door.most_bytes), BODY_SECONDS)
        except _TooLarge:
            return self._refuse(connection, Refused(413, "too_large"))
        except (TimeoutError, ClientDisconnect):
            return self._refuse(connection, Refused(408, "too_slow"))
        return await self._take(connection, reader, request, body)

    async def _take(self, connection: str, reader: HookReader, request: Request, body: bytes) -> Response:
        delivery = Delivery(request.method, dict(request.headers), body, self._door.clock())
        heard = reader(delivery)
        if isinstance(heard, Refused):
            return self._refuse(connection, heard)
        try:
            await asyncio.wait_for(asyncio.to_thread(self._door.keep, connection, heard, delivery.at), KEEP_SECONDS)
        except (TimeoutError, SQLAlchemyError) as error:
            # The vendor sends it again; where the insert still arrives, it is the same mark twice.
            _log.warning("delivery_not_kept", connection=connection, error=type(error).__name__)
            return self._refuse(connection, Refused(503, "not_kept"))
        return Response(status_code=204)

    def _refuse(self, connection: str, refused: Refused) -> Response:
        self._door.refusals.add(connection, refused.reason, self._door.clock())
        # What is left of the body is not read: the connection ends here.
        headers = {"Connection": "close"} | ({"Allow": "POST"} if refused.status == 405 else {})
        return Response(status_code=refused.status, headers=headers)


async def _body(request: Request, most_bytes: int) -> bytes:
    """The raw body, never more of it in memory than is allowed, whatever Content-Length says or does not."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise _TooLarge
    body = bytearray()
    async for part in request.stream():
        if len(body) + len(part) > most_bytes:
            raise _TooLarge
        body += part
    return bytes(body)
