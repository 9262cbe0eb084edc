"""Change data capture: what happened to the records of the selected objects, in order, as long as the vendor keeps it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

KEPT = timedelta(hours=72)
MOST_KEPT = 20_000
STEP = 3
"""Replay ids rise, and leave gaps."""
FIRST = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """One event. `record_ids` are long ids, or what stands for many."""

    replay_id: int
    channel: str
    object: str
    kind: str
    record_ids: tuple[str, ...]
    by: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """The data of a message on the event's channel."""
        header = {
            "commitNumber": 10_000_000 + self.replay_id,
            "commitUser": self.by,
            "sequenceNumber": 1,
            "entityName": self.object,
            "changeType": self.kind,
            "changedFields": [],
            "changeOrigin": "",
            "transactionKey": f"0000{self.replay_id:06d}-0000-0000-0000-000000000000",
            "commitTimestamp": int(self.at.timestamp() * 1000),
            "recordIds": list(self.record_ids),
        }
        return {"schema": "sandbox", "payload": {"ChangeEventHeader": header}, "event": {"replayId": self.replay_id}}


class Capture:
    """The event log of one org. Not safe for several threads by itself: the org holds the lock."""

    def __init__(self, selected: tuple[str, ...]) -> None:
        self._channels = {name: channel_of(name) for name in selected}
        self._log: deque[Change] = deque(maxlen=MOST_KEPT)
        self._next = FIRST

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(self._channels.values())

    @property
    def newest(self) -> int:
        """The replay id of the newest event, or one before the first."""
        return self._next - STEP

    def note(self, object: str, kind: str, record_ids: tuple[str, ...], by: str, at: datetime) -> None:
        """Something happened; nothing is kept of an object that is not selected."""
        channel = self._channels.get(object)
        if channel is not None:
            self._log.append(Change(self._next, channel, object, kind, record_ids, by, at))
            self._next += STEP

    def after(self, positions: Mapping[str, int], now: datetime) -> Iterator[Change]:
        """Events of these channels after their positions, oldest first."""
        for change in self._log:
            if change.at > now - KEPT and change.replay_id > positions.get(change.channel, self._next):
                yield change

    def knows(self, replay_id: int, now: datetime) -> bool:
        """Whether a subscriber can go on from here."""
        oldest = next((change.replay_id for change in self._log if change.at > now - KEPT), self._next)
        return oldest - STEP <= replay_id < self._next


def channel_of(object: str) -> str:
    """`/data/LeadChangeEvent`; a custom object loses the c of its ending."""
    return f"/data/{object[:-1] if object.endswith('__c') else object}ChangeEvent"
