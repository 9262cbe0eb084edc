"""HubSpot's request signature, version 3. Pure.

    base64(HMAC-SHA256(client secret, METHOD + URI + raw body + timestamp))

developers.hubspot.com, "Validating requests from HubSpot". The vendor's own Python helper checks version 2 unless told otherwise
and lets timestamps from the future pass: a stolen delivery could be kept for later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from crmsync.connect.hints import Delivery, Refused

SIGNATURE = "x-hubspot-signature-v3"
TIMESTAMP = "x-hubspot-request-timestamp"
WINDOW = timedelta(minutes=5)

# The only escapes that HubSpot takes back before it signs; every other one stays as it is.
_DECODED: Mapping[str, str] = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
_ESCAPE = re.compile("|".join(_DECODED), re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_TIMESTAMP = 15  # digits: milliseconds until the year 33658


def signed_uri(uri: str) -> str:
    """The URI as HubSpot signs it. One pass: what an escaped percent sign hides stays hidden."""
    return _ESCAPE.sub(lambda found: _DECODED[found[0].upper()], uri)


def signature(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """The signature of a request; `uri` is the whole URL as HubSpot calls it."""
    signed = method.encode() + signed_uri(uri).encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def refusal(delivery: Delivery, secret: str, uri: str) -> Refused | None:
    """Why a delivery is not HubSpot's, or no longer; None where it is genuine and new. Takes as long for every wrong
    signature."""
    timestamp, given = delivery.headers.get(TIMESTAMP, ""), delivery.headers.get(SIGNATURE, "")
    sent_at = _instant(timestamp)
    if sent_at is None or not given:
        return Refused(401, "unsigned")
    if abs(delivery.at - sent_at) > WINDOW:
        return Refused(401, "stale")
    expected = signature(secret, delivery.method, uri, delivery.body, timestamp)
    is_ours = hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
    return None if is_ours else Refused(401, "wrong_signature")


def _instant(timestamp: str) -> datetime | None:
    """Milliseconds since 1970; None for anything else."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= _LONGEST_TIMESTAMP):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(timestamp))
    except OverflowError:
        return None
