"""Who is shown what was staged while it is still in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from crmsync.store.versions import StagedRecord
from crmsync.sync.workspace import Connection


class Follower(Protocol):
    """Who wants to see what was staged while it is in hand."""

    def staged(self, connection: Connection, versions: Sequence[StagedRecord]) -> None: ...
    def end(self, connection: Connection) -> None: ...


class NoFollower:
    """Nobody does."""

    def staged(self, connection: Connection, versions: Sequence[StagedRecord]) -> None:
        pass

    def end(self, connection: Connection) -> None:
        pass
