"""Walking pages with a guard: a token seen twice would turn for ever. And the clock by which a window of changes ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from crmsync.errors import StopConnector

Answer = TypeVar("Answer")
PageToken = TypeVar("PageToken", bound=object)


class LoopGuard:
    """Remembers the page tokens of one walk."""

    def __init__(self, connection: str, what: str) -> None:
        """`what` names the walk in the error (an object, a path)."""
        self._connection = connection
        self._what = what
        self._seen: set[object] = set()

    def check(self, token: object) -> None:
        """Raises StopConnector for a token that this walk has followed before."""
        if token in self._seen:
            raise StopConnector("connect.paging_loop", connection=self._connection, what=self._what)
        self._seen.add(token)


def behind(theirs: datetime, ours: datetime | None) -> datetime:
    """The clock by which changes may count as read: the one that is behind. Stamps come from the CRM's clock, which the Date of
    its answers tells; but a proxy in front of it, or a copy of it that lives at another time, dates answers by a clock of its
    own. A window that ends too early is read again; one that ends too late loses what lies between."""
    return min(theirs, ours) if ours else theirs


def walk(
    fetch: Callable[[PageToken], Answer], first: PageToken, next_of: Callable[[Answer], PageToken | None], guard: LoopGuard
) -> Iterator[Answer]:
    """Every answer from `first` on, until `next_of` gives None. The end is what the vendor says, never a short page."""
    token: PageToken | None = first
    while token is not None:
        guard.check(token)
        answer = fetch(token)
        yield answer
        token = next_of(answer)
