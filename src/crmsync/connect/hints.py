"""What a CRM says on its own: that records have changed. A hint marks a record to be read; nothing else that is said is believed,
and polling brings the same without a single hint.

A connector that understands its vendor's webhooks names a `hooks` in its plug-in; one that can follow a stream of events is
`Broadcasting`; one that can tell what became of records by id, as a pull would, is `Looking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from crmsync.model.records import RawRecord

if TYPE_CHECKING:
    from crmsync.connect.client import ApiClient


@dataclass(frozen=True, slots=True, order=True)
class Hint:
    """One record that may have changed, by the connector's own names."""

    object: str
    id: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said: the records to be read, and how much was passed over, by why (a word, never content). `erased` are those of
    which the CRM says that it erased somebody at their own wish: what is held of them elsewhere is to go as well."""

    hints: tuple[Hint, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)
    erased: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A delivery that is not taken: the HTTP status to answer, and why in one word."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came in: header names in lower case, the body's raw bytes, and when (aware UTC)."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class HookSettings:
    """The `webhooks:` of a connection. `public_url` is the URL as the CRM knows it: behind a proxy the request that arrives has
    another scheme, host or port. `account` is the CRM's own id of the account; `secret` as in `ConnectionSettings`."""

    name: str
    public_url: str
    account: str
    secret: Callable[[str], str]


# Verifies and understands one delivery. Pure but for what it was made with; raises nothing, whatever arrives.
HookReader = Callable[[Delivery], Heard | Refused]


@dataclass(frozen=True, slots=True)
class News:
    """What a stream of events said. `positions` are how far it has been heard, by channel, true once the hints are kept."""

    heard: Heard
    positions: Mapping[str, str] = field(default_factory=dict)


class EventSource(Protocol):
    """A stream of events of one connection."""

    def listen(self, positions: Mapping[str, str]) -> Iterator[News]:
        """Follow the stream from these positions (channels that are absent: from now on), until `stop`. Yields at least once per
        answer of the CRM, also where there was nothing new. Raises the errors of the kit; calling it again goes on."""

    def stop(self) -> None:
        """End `listen`, called from another thread; it returns soon."""

    def close(self) -> None:
        """Let go of its sockets, once `listen` has ended."""


@runtime_checkable
class Broadcasting(Protocol):
    """A connector whose CRM has a stream of events."""

    def events(self, client: ApiClient, objects: Sequence[str]) -> EventSource:
        """The stream for these objects over a client of its own, so that its troubles are not those of polling."""


@runtime_checkable
class Looking(Protocol):
    """A connector that can tell what became of records, as a pull would."""

    def look(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> tuple[RawRecord, ...]:
        """The present versions of these records with what a pull brings of them: those that are gone as deleted, those that
        were merged away as replaced, with the losers of those that won. Ids that nothing is known of are absent."""
