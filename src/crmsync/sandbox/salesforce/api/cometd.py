"""The streaming API: Bayeux messages, clients with their subscriptions, and a request that waits for something to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.api.wire import Answer, Request
from crmsync.sandbox.salesforce.errors import OrgError

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.api.service import Service

_TICK_SECONDS = 0.02
_RETRY = {"reconnect": "retry", "interval": 0, "timeout": 110_000}
Message = Mapping[str, Any]


@dataclass(slots=True)
class _Client:
    """One session: how far each subscribed channel was delivered, and whether it said goodbye."""

    positions: dict[str, int] = field(default_factory=dict)
    has_connected: bool = False
    is_gone: bool = False


class Cometd:
    """The streaming API of one org. `hold_seconds` of real time is how long a request waits at most."""

    def __init__(self, service: Service, hold_seconds: float) -> None:
        self._service = service
        self._hold_seconds = hold_seconds
        self._clients: dict[str, _Client] = {}
        self._greeted = 0

    def forget_clients(self) -> None:
        """What a restart of a server does: sessions are unknown from now on."""
        self._clients.clear()

    @property
    def is_heard(self) -> bool:
        """Whether somebody has subscribed to something."""
        return any(client.positions for client in list(self._clients.values()))

    async def answer(self, request: Request) -> Answer:
        """Answer a POST of messages, in order."""
        found = request.json()
        sent = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
        answers: list[Message] = []
        for message in sent:
            answers += await self._one(message, request)
        return Answer(200, answers)

    async def _one(self, message: Message, request: Request) -> list[Message]:
        channel = str(message.get("channel"))
        handlers: dict[str, Callable[[Message, _Client], Message]] = {
            "/meta/subscribe": self._subscribe,
            "/meta/disconnect": self._disconnect,
        }
        try:
            with self._service.org.lock:
                self._service.tokens.user_of(request)
        except OrgError:
            return [_unauthorised(channel)]
        if channel == "/meta/handshake":
            return [self._handshake()]
        client = self._clients.get(str(message.get("clientId")))
        if client is None:
            return [_failed(channel, "403::Unknown client", {"reconnect": "handshake", "interval": 0})]
        if channel == "/meta/connect":
            return await self._connect(client)
        if channel not in handlers:
            return [_failed(channel, "404::Unknown channel", _RETRY)]
        return [handlers[channel](message, client)]

    def _handshake(self) -> Message:
        self._greeted += 1
        client_id = f"sandbox{self._greeted:08d}"
        self._clients[client_id] = _Client()
        return {
            "channel": "/meta/handshake",
            "successful": True,
            "version": "1.0",
            "minimumVersion": "1.0",
            "clientId": client_id,
            "supportedConnectionTypes": ["long-polling"],
            "ext": {"replay": True, "payload.format": True},
        }

    def _subscribe(self, message: Message, client: _Client) -> Message:
        channel = str(message.get("subscription"))
        asked = ((message.get("ext") or {}).get("replay") or {}).get(channel, -1)
        capture, now = self._service.org.capture, self._service.org.clock.now()
        if channel not in capture.channels:
            error = f"403:denied_by_security_policy:create_denied:{channel}"
            return {**_failed("/meta/subscribe", error, _RETRY), "subscription": channel}
        if asked not in (-1, -2) and not capture.knows(int(asked), now):
            error = (
                f"400::The replayId {{{asked}}} you provided was invalid.  "
                "Please provide a valid ID, -2 to replay all events, or -1 to replay only new events."
            )
            return {**_failed("/meta/subscribe", error, _RETRY), "subscription": channel}
        client.positions[channel] = {-1: capture.newest, -2: 0}.get(int(asked), int(asked))
        return {"channel": "/meta/subscribe", "successful": True, "subscription": channel}

    def _disconnect(self, message: Message, client: _Client) -> Message:
        client.is_gone = True
        self._clients.pop(str(message.get("clientId")), None)
        return {"channel": "/meta/disconnect", "successful": True}

    async def _connect(self, client: _Client) -> list[Message]:
        """The first is answered at once; later ones wait for news."""
        news = self._news(client)
        waited = 0.0 if client.has_connected else self._hold_seconds
        while not news and not client.is_gone and waited < self._hold_seconds:
            await asyncio.sleep(_TICK_SECONDS)
            waited += _TICK_SECONDS
            news = self._news(client)
        client.has_connected = True
        return [*news, {"channel": "/meta/connect", "successful": True, "advice": _RETRY}]

    def _news(self, client: _Client) -> list[Message]:
        org = self._service.org
        with org.lock:
            changes = list(org.capture.after(client.positions, org.clock.now()))
        for change in changes:
            client.positions[change.channel] = change.replay_id
        return [{"channel": change.channel, "data": change.as_json()} for change in changes]


def _failed(channel: str, error: str, advice: Mapping[str, Any]) -> dict[str, Any]:
    return {"channel": channel, "successful": False, "error": error, "advice": advice}


def _unauthorised(channel: str) -> Message:
    advice = {"reconnect": "none", "interval": 0}
    if channel == "/meta/handshake":
        nested = {"sfdc": {"failureReason": "401::Authentication invalid"}}
        return {**_failed(channel, "403::Handshake denied", advice), "ext": nested}
    return _failed(channel, "401::Authentication invalid", advice)
