"""HubSpot's webhooks: which records a delivery names. Pure but for the secret, which is read once.

A delivery is a JSON array of fewer than a hundred events. Events come twice, in any order, late, or not at all; some carry a
value of the record (`propertyValue`), which is never looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from crmsync.connect.hints import Delivery, Heard, Hint, HookReader, HookSettings, Refused
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.signature import refusal

# What HubSpot puts into one delivery at most (D:webhooks); what is beyond is left to polling.
MOST_EVENTS = 100
_LONGEST_ID = 19  # digits of a 64-bit number

_BY_TYPE: Mapping[str, str] = {facts.type_id: facts.name for facts in OBJECTS.values() if facts.is_crm}
# The first word of a subscription, where it is not the generic `object` with its type id beside it.
_BY_WORD: Mapping[str, str] = {"contact": "contacts", "company": "companies", "deal": "deals"}
# Erased at the person's own wish (GDPR), where a plain deletion can be taken back for 90 days.
_ERASED = "privacyDeletion"
# What happened → the keys under which the event names records. All of them are read; what they have become, only reading tells.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "creation": ("objectId",),
    "propertyChange": ("objectId",),
    "deletion": ("objectId",),
    _ERASED: ("objectId",),
    "restore": ("objectId",),
    "merge": ("objectId", "primaryObjectId", "mergedObjectIds", "newObjectId"),
}
_LINKS = "associationChange"


def reader_of(settings: HookSettings) -> HookReader:
    """The reader of one connection's webhooks. Raises StopConnector where the app's client secret is missing."""
    secret = settings.secret("client_secret")

    def read(delivery: Delivery) -> Heard | Refused:
        return refusal(delivery, secret, settings.public_url) or understood(delivery.body, settings.account)

    return read


def understood(body: bytes, account: str) -> Heard | Refused:
    """The records that a genuine delivery names, those of our own account alone. What is unknown or incomplete is passed over."""
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Refused(400, "not_json")
    if not isinstance(events, list):
        return Refused(400, "not_a_list")
    passed_over: Counter[str] = Counter()
    hints: dict[Hint, None] = {}
    erased: dict[Hint, None] = {}
    for event in events[:MOST_EVENTS]:
        found = _understood(event, account)
        if isinstance(found, str):
            passed_over[found] += 1
        else:
            hints.update(dict.fromkeys(found))
            erased.update(dict.fromkeys(found if _happened(event) == _ERASED else ()))
    if len(events) > MOST_EVENTS:
        passed_over["too_many"] += len(events) - MOST_EVENTS
    return Heard(tuple(hints), dict(passed_over), tuple(erased))


def _understood(event: Any, account: str) -> tuple[Hint, ...] | str:
    """The records of one event, or why there are none."""
    if not isinstance(event, dict):
        return "malformed"
    if str(event.get("portalId")) != account:
        return "other_account"
    word, happened = str(event.get("subscriptionType", "")).partition(".")[0], _happened(event)
    if happened == _LINKS:
        return tuple(_linked(event)) or "other_event"
    object_ = _object(word, event)
    if object_ is None or happened not in _NAMED:
        return "other_event"
    found = (event.get(key) for key in _NAMED[happened])
    return tuple(Hint(object_, id_) for value in found for id_ in _ids(value)) or "malformed"


def _happened(event: Mapping[str, Any]) -> str:
    return str(event.get("subscriptionType", "")).partition(".")[2]


def _object(word: str, event: Mapping[str, Any]) -> str | None:
    return _BY_TYPE.get(str(event.get("objectTypeId"))) if word == "object" else _BY_WORD.get(word)


def _linked(event: Mapping[str, Any]) -> Iterator[Hint]:
    """Both ends of a changed association, as far as they are ours: `CONTACT_TO_COMPANY`, or both type ids."""
    near, _, far = str(event.get("associationType", "")).lower().partition("_to_")
    for side, word in (("from", near), ("to", far)):
        object_ = _BY_TYPE.get(str(event.get(f"{side}ObjectTypeId"))) or _BY_WORD.get(word)
        if object_ is not None:
            yield from (Hint(object_, id_) for id_ in _ids(event.get(f"{side}ObjectId")))


def _ids(value: Any) -> Iterator[str]:
    """The record ids in a value: a number, its digits, or several of them."""
    for one in value if isinstance(value, list) else (value,):
        is_number = isinstance(one, int) and not isinstance(one, bool)
        text = str(one) if is_number or isinstance(one, str) else ""
        if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID and int(text) > 0:
            yield str(int(text))
