"""Updates: compare, then write only what differs, then look whether it came true.

One thread takes a hundred changes all the way, and several hundreds go side by side: a hand-over from thread to thread costs more
than the step that is handed over. What is due is gathered over all of them, so that every batch but the last is full.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from crmsync.ahead import side_by_side
from crmsync.errors import CrmsyncError, RetryLater
from crmsync.model.changes import Change, Receipt
from crmsync.model.records import FieldInfo
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.faults import Fault
from crmsync_hubspot.lifecycle import STAGE, clearing, must_clear_first, setting
from crmsync_hubspot.linking import link
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.portal import BATCH, Portal
from crmsync_hubspot.receipts import Input, Row, failed, has_moved, modified_of, own, properties_of, refused
from crmsync_hubspot.sending import send
from crmsync_hubspot.values import same, type_of, wire_text

# Hundreds under way at once, each with one call at a time: where a call takes a third of a second or more, the smallest plan lets
# no more through (80 in 10 s), and what was compared would grow old.
_AT_ONCE = 3

Wanted = tuple[Change, dict[str, str]]
"""A change, and its values as HubSpot takes them."""

Due = tuple[Input, Row]
"""One row to be written, and the record as it was before."""

Placed = tuple[Due, Row]
"""One written row, and HubSpot's answer to it."""

Waiting = TypeVar("Waiting")


@dataclass(slots=True)
class _Lanes:
    """What waits for a full batch: rows to be written, those of stages that go back, which takes two requests, and written stages,
    to be read back. Threads add to the lanes as they are, and take from them by `take` alone."""

    forward: list[Due] = field(default_factory=list)
    back: list[Due] = field(default_factory=list)
    staged: list[Placed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, lane: list[Waiting], least: int) -> list[Waiting]:
        """Takes out up to 100 of a lane, nothing where there are fewer than `least`."""
        with self._lock:
            if len(lane) < least:
                return []
            part = lane[:BATCH]
            del lane[:BATCH]
            return part


class Updater:
    """One run of updates of one object, in which no record stands twice."""

    def __init__(self, portal: Portal, catalogue: Catalogue, object: str) -> None:
        self._portal = portal
        self._catalogue = catalogue
        self._object = object
        self._lanes = _Lanes()
        self._error: CrmsyncError | None = None

    def update(self, changes: Iterator[Wanted]) -> Iterator[Receipt]:
        """A receipt for each change; all are answered when this ends. What stops the connection is raised after the receipts of all
        that was answered."""
        for receipts in side_by_side(self._taken_through, self._hundreds(changes), _AT_ONCE):
            yield from receipts
        if self._error is None:
            yield from self._written(1)
        else:
            raise self._error

    def _hundreds(self, changes: Iterator[Wanted]) -> Iterator[Sequence[Wanted]]:
        while self._error is None and (part := list(islice(changes, BATCH))):
            yield part

    def _taken_through(self, part: Sequence[Wanted]) -> list[Receipt]:
        """Read and compare these, and write what there is for full batches."""
        receipts: list[Receipt] = []
        try:
            receipts.extend(self._compared(part))
            receipts.extend(self._written(BATCH))
        except CrmsyncError as error:
            self._error = self._error or error
        return receipts

    def _compared(self, part: Sequence[Wanted]) -> Iterator[Receipt]:
        """Receipts of what need not, or must not, be sent; all else is placed in its lane."""
        try:
            found = self._present(part)
        except RetryLater as error:
            yield from [failed(change, error, "retry") for change, _ in part]
            return
        fields = self._catalogue.schema(self._object).fields
        for change, texts in part:
            id_ = str(change.record_id)
            row = found.get(id_)
            settled = self._absent(change) if row is None else _settled(change, texts, row, fields)
            if settled is not None:
                yield self._linked(change, settled)
            elif row is not None:
                is_back = STAGE in texts and _goes_back(texts[STAGE], row, fields)
                (self._lanes.back if is_back else self._lanes.forward).append((Input.of(change, id_, texts), row))

    def _present(self, part: Sequence[Wanted]) -> Mapping[str, Row]:
        """The records as they are now, as far as they are compared."""
        names = {OBJECTS[self._object].modified}.union(*(texts for _, texts in part))
        return self._portal.batch_read(self._object, [str(change.record_id) for change, _ in part], sorted(names))

    def _written(self, least: int) -> Iterator[Receipt]:
        """Write, and read back, what waits in batches of at least so many; the receipts."""
        lanes = self._lanes
        while due := lanes.take(lanes.forward, least):
            yield from self._answered(due, send(self._portal, self._object, "update", [one for one, _ in due]))
        while due := lanes.take(lanes.back, least):
            yield from self._answered(due, self._write_back([one for one, _ in due]))
        while staged := lanes.take(lanes.staged, least):
            read = self._read_back([one for (one, _), _ in staged])
            yield from [self._receipt(due, result, read) for due, result in staged]

    def _answered(self, part: Sequence[Due], results: Mapping[str, Row | Fault]) -> Iterator[Receipt]:
        """Receipts of what need not be read back; a written stage must, and waits for others."""
        for due in part:
            one, _ = due
            result = results[one.trace]
            if STAGE in one.properties and not isinstance(result, Fault):
                self._lanes.staged.append((due, result))
            else:
                yield self._receipt(due, result, {})

    def _absent(self, change: Change) -> Receipt:
        """A record that batch/read does not know: merged into another, or gone. A single read follows merges."""
        try:
            row = self._portal.get(self._object, str(change.record_id), ())
        except RetryLater as error:
            return failed(change, error, "retry")
        if row is None:
            return own(change, "rejected", "OBJECT_NOT_FOUND")
        if str(row.get("id")) == change.record_id:
            return own(change, "retry", "NOT_IN_BATCH")
        return own(change, "conflict", "merged", None, replaced_by=str(row.get("id")))

    def _write_back(self, back: Sequence[Input]) -> dict[str, Row | Fault]:
        """The two requests of a step back. Where the second fails the stage stands empty: the change is tried again."""
        cleared = send(
            self._portal, self._object, "update", [Input.of(one.change, one.id, clearing(one.properties)) for one in back]
        )
        empty = [one for one in back if not isinstance(cleared[one.trace], Fault)]
        placed = send(
            self._portal, self._object, "update", [Input.of(one.change, one.id, setting(one.properties)) for one in empty]
        )
        left = {trace: Fault(503, "LEFT_EMPTY", r.message) for trace, r in placed.items() if isinstance(r, Fault)}
        return cleared | placed | left

    def _read_back(self, inputs: Sequence[Input]) -> dict[str, Row]:
        """The stages as they are now. Where reading fails there is nothing to hold against the write's own answer."""
        if not inputs:
            return {}
        try:
            return self._portal.batch_read(self._object, [one.id for one in inputs], (STAGE, OBJECTS[self._object].modified))
        except RetryLater:
            return {}

    def _receipt(self, due: Due, result: Row | Fault, read: Mapping[str, Row]) -> Receipt:
        """Written, unless HubSpot refused it, or took it and left the value as it was before."""
        one, before = due
        if isinstance(result, Fault):
            return refused(one.change, result)
        now = read.get(one.id, result)
        if not one.properties.items() <= properties_of(now).items():  # else it holds what we sent, as nearly all do
            kept = [name for name, text in one.properties.items() if _is_kept(name, text, before, now, is_read=one.id in read)]
            if kept:
                return own(one.change, "rejected", "unchanged_after_write", now, properties=kept)
        return self._linked(one.change, own(one.change, "written", "", now))

    def _linked(self, change: Change, receipt: Receipt) -> Receipt:
        """The receipt, once the associations that the change wants are there too."""
        if not change.associations or receipt.outcome not in ("written", "unchanged"):
            return receipt
        return link(self._portal, self._object, [(change, receipt)])[0]


def _settled(change: Change, texts: Mapping[str, str], row: Row, fields: Mapping[str, FieldInfo]) -> Receipt | None:
    """The receipt of a change that need not, or must not, be sent; None where it is due."""
    if is_true_already(texts, row, fields):
        return own(change, "unchanged", "", row)
    return own(change, "conflict", "moved", row) if has_moved(change.expected_modified_at, modified_of(row)) else None


def is_true_already(texts: Mapping[str, str], row: Row, fields: Mapping[str, FieldInfo]) -> bool:
    """Whether the record already holds every wanted value."""
    held = properties_of(row)
    for name, text in texts.items():
        value = held.get(name)
        if value != text and not same(value, text, type_of(fields, name)):
            return False
    return True


def _goes_back(stage: str, row: Row, fields: Mapping[str, FieldInfo]) -> bool:
    """Whether a stage is before the one that the record has: it takes two requests, all else goes out together."""
    stages = fields[STAGE].options or () if STAGE in fields else ()
    return must_clear_first(stages, live(row, STAGE), stage)


def _is_kept(name: str, text: str, before: Row, now: Row, *, is_read: bool) -> bool:
    """Whether a property was left as it was. HubSpot may tidy a value up, so another text than ours is not yet a refusal; a
    stage that was read back must be the one we asked for."""
    if name not in properties_of(now) or live(now, name) == text:
        return False
    return live(now, name) == live(before, name) or (name == STAGE and is_read)


def live(row: Row, name: str) -> str:
    return wire_text(properties_of(row).get(name))
