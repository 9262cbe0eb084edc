"""Bayeux messages as Salesforce's streaming API speaks them: what is sent, and what an answer means. Pure.

Of a change event only the ids in its header are taken; what the record holds now is read from the record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from crmsync.connect.hints import Heard, Hint
from crmsync_salesforce.ids import to_18

Message = Mapping[str, Any]
Advice = Literal["retry", "handshake", "none"]

HANDSHAKE, CONNECT, SUBSCRIBE, DISCONNECT = "/meta/handshake", "/meta/connect", "/meta/subscribe", "/meta/disconnect"
# From now on. The other special position, -2, is everything of 72 hours: polling has read that already.
FROM_NOW_ON = "-1"
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
_NO_ID = "000000000000000"  # what an overflow event names
_OVERFLOW = "GAP_OVERFLOW"
_CUSTOM = "__c"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one of our messages. `error` is the vendor's text, empty where it succeeded; `advice` what it says to do."""

    is_successful: bool
    error: str = ""
    advice: Advice = "retry"
    interval_seconds: float = 0.0
    client_id: str = ""

    @property
    def is_unauthorised(self) -> bool:
        return self.error.startswith("401")

    @property
    def is_position_lost(self) -> bool:
        """`400::The replayId {…} you provided was invalid.` The event is older than what is kept, or of another instance."""
        return self.error.startswith("400") and "replayid" in self.error.lower()


@dataclass(frozen=True, slots=True)
class Events:
    """The change events in an answer."""

    heard: Heard
    positions: Mapping[str, str] = field(default_factory=dict)


def channel_of(object: str) -> str:
    """The channel of an object's change events."""
    name = object.removesuffix(_CUSTOM) + "__" if object.endswith(_CUSTOM) else object
    return f"/data/{name}ChangeEvent"


def handshake() -> Message:
    return {
        "channel": HANDSHAKE,
        "version": "1.0",
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["long-polling"],
        "ext": {"replay": True},
    }


def subscribe(client_id: str, channel: str, position: str) -> Message:
    """Subscribe from a position, or from now on. Salesforce wants the position as a number."""
    replay = int(position) if position.removeprefix("-").isdecimal() else int(FROM_NOW_ON)
    return {"channel": SUBSCRIBE, "clientId": client_id, "subscription": channel, "ext": {"replay": {channel: replay}}}


def connect(client_id: str) -> Message:
    return {"channel": CONNECT, "clientId": client_id, "connectionType": "long-polling"}


def disconnect(client_id: str) -> Message:
    return {"channel": DISCONNECT, "clientId": client_id}


def messages_of(answer: Any) -> tuple[Message, ...]:
    """The messages of an answer; nothing for what is none."""
    return tuple(message for message in answer if isinstance(message, dict)) if isinstance(answer, list) else ()


def reply_to(channel: str, answer: Iterable[Message]) -> Reply:
    """What an answer says to our message on a meta channel. No word on it is a failure that a new handshake mends."""
    for message in answer:
        if message.get("channel") == channel:
            return _reply(message)
    return Reply(False, "no reply", "handshake")


def _reply(message: Message) -> Reply:
    advice, inner = _part(message, "advice"), _part(_part(message, "ext"), "sfdc")
    said = advice.get("reconnect")
    interval = advice.get("interval")
    return Reply(
        is_successful=message.get("successful") is True,
        error=str(inner.get("failureReason") or message.get("error") or ""),
        advice=said if said in ("retry", "handshake", "none") else "retry",
        interval_seconds=interval / 1000 if isinstance(interval, int | float) and interval > 0 else 0.0,
        client_id=str(message.get("clientId") or ""),
    )


def events_of(answer: Iterable[Message]) -> Events:
    """The records that the change events of an answer name, and how far each channel has been heard. Events that name no single
    record (a gap in the stream, a change to all) are passed over: polling reads by time."""
    hints: dict[Hint, None] = {}
    passed_over: Counter[str] = Counter()
    positions: dict[str, str] = {}
    for message in answer:
        channel = str(message.get("channel", ""))
        if channel.startswith("/meta/"):
            continue
        data = _part(message, "data")
        position = _position(data)
        if position:
            positions[channel] = position
        found = _records(data)
        if isinstance(found, str):
            passed_over[found] += 1
        else:
            hints.update(dict.fromkeys(found))
    return Events(Heard(tuple(hints), dict(passed_over)), positions)


def _part(message: Message, key: str) -> Message:
    """A part of a message that is an object itself; empty where it is none."""
    part = message.get(key)
    return part if isinstance(part, dict) else {}


def _position(data: Mapping[str, Any]) -> str:
    replay = _part(data, "event").get("replayId")
    return str(replay) if isinstance(replay, int) and not isinstance(replay, bool) and replay >= 0 else ""


def _records(data: Mapping[str, Any]) -> tuple[Hint, ...] | str:
    header = _part(_part(data, "payload"), "ChangeEventHeader")
    if not isinstance(header.get("entityName"), str):
        return "malformed"
    if header.get("changeType") == _OVERFLOW:
        return "gap"
    ids = header.get("recordIds")
    named = [id_ for id_ in ids if isinstance(id_, str)] if isinstance(ids, list) else []
    whole = [to_18(id_) for id_ in named if _ID.fullmatch(id_) and not id_.startswith(_NO_ID)]
    return tuple(Hint(header["entityName"], id_) for id_ in whole) or "wildcard"
