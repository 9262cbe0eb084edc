"""The webhooks of a private app, as the portal sends them: batches of events, signed, in the portal's own time.

    app = Webhooks(portal, "https://hooks.example.com/hooks/ma", "secret")
    portal.update("contacts", id_, {"firstname": "Hanako"})
    for request in app.outgoing():
        app.answered(request, post(request))

Nothing is sent from here: who plays the portal posts the requests, in order or not, once or twice, or loses them. Events are what
the vendor's own look like: ids, the names and values of changed properties, when; duplicates and disorder are its habit too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.types import ObjectType

MOST_EVENTS = 99
MOST_ATTEMPTS = 11
"""The first one and ten more within a day."""
_WORDS = {"contacts": "contact", "companies": "company", "deals": "deal"}
_DECODED = (
    *(("%3A", ":"), ("%2F", "/"), ("%3F", "?"), ("%40", "@"), ("%21", "!"), ("%24", "$")),
    *(("%27", "'"), ("%28", "("), ("%29", ")"), ("%2A", "*"), ("%2C", ","), ("%3B", ";")),
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One POST to the app. `events` are what its body was made of."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    events: tuple[Mapping[str, Any], ...]


class Webhooks:
    """The subscriptions of one app to everything that it can subscribe to, and what it was not told yet."""

    def __init__(self, portal: Portal, url: str, client_secret: str) -> None:
        self._portal = portal
        self._url = url
        self._secret = client_secret
        self._waiting: list[dict[str, Any]] = []
        self._events = 0
        portal.objects.tell = self._note

    def outgoing(self) -> Iterator[Outgoing]:
        """Everything that waits, in batches signed now."""
        with self._portal.lock:
            waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_EVENTS):
            yield self.signed(waiting[start : start + MOST_EVENTS])

    def signed(self, events: list[dict[str, Any]]) -> Outgoing:
        """A request with these events, signed at the portal's present."""
        body = orjson.dumps(events)
        stamp = str(self._now_ms())
        uri = self._url
        for escape, plain in _DECODED:
            uri = uri.replace(escape, plain)
        digest = hmac.new(self._secret.encode(), b"POST" + uri.encode() + body + stamp.encode(), hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/)",
            "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
            "X-HubSpot-Signature-Version": "v3",
            "X-HubSpot-Request-Timestamp": stamp,
        }
        return Outgoing(self._url, headers, body, tuple(events))

    def answered(self, request: Outgoing, status: int) -> None:
        """What the app answered; anything but a success is tried again, ten times at most."""
        if status < 300:
            return
        again = [{**event, "attemptNumber": event["attemptNumber"] + 1} for event in request.events]
        with self._portal.lock:
            self._waiting += [event for event in again if event["attemptNumber"] < MOST_ATTEMPTS]

    def _note(self, happened: str, kind: ObjectType, id_: int, more: Mapping[str, Any]) -> None:
        self._events += 1
        word = _WORDS.get(kind.name)
        event = {
            "eventId": 1_000_000 + self._events % 50,  # not unique, as the vendor says
            "subscriptionId": 500 + len(happened),
            "portalId": self._portal.config.portal_id,
            "appId": self._portal.config.app_id,
            "occurredAt": self._now_ms(),
            "subscriptionType": f"{word or 'object'}.{happened}",
            "attemptNumber": 0,
            "changeSource": "CRM",
            **({} if word else {"objectTypeId": kind.type_id}),
            **({} if happened == "associationChange" else {"objectId": id_}),
            **more,
        }
        self._waiting.append(event)

    def _now_ms(self) -> int:
        return int(self._portal.clock.now().timestamp() * 1000)
