"""Writing: compare, then write only what differs, then look whether it came true; one receipt for every change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from crmsync.ahead import one_ahead, runs_of, side_by_side
from crmsync.connect.contract import PushBatch
from crmsync.errors import RetryLater
from crmsync.model.changes import Change, Operation, Receipt
from crmsync.model.records import FieldInfo
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.checking import Checker
from crmsync_hubspot.faults import Fault
from crmsync_hubspot.lifecycle import STAGE, clearing, must_clear_first, setting
from crmsync_hubspot.linking import link
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.portal import BATCH, Portal
from crmsync_hubspot.receipts import Input, Row, failed, has_moved, modified_of, own, properties_of, refused
from crmsync_hubspot.sending import send
from crmsync_hubspot.upsert import Upserter
from crmsync_hubspot.values import same, type_of, wire_text

# Batches under way at once. With the reading of the next hundred that makes three calls: where each takes a third of a second or
# more, the smallest plan lets no more through (80 in 10 s).
_WRITES_AT_ONCE = 2

# How many changes are compared and written before the next begin. 10,000 updates take half a minute; 2,000 creates share one
# call for their associations.
LONGEST_RUN: Mapping[Operation, int] = {"update": 10_000, "upsert": 2_000, "create": 2_000}


Wanted = tuple[Change, dict[str, str]]
"""A change, and its values as HubSpot takes them."""

Due = tuple[Input, Row]
"""One row to be written, and the record as it was before."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What is settled without a write, and a batch to be written; `is_back`: its stages go back, which takes two requests."""

    settled: Sequence[Receipt] = ()
    due: Sequence[Due] = ()
    is_back: bool = False


@dataclass(slots=True)
class _Lanes:
    """What waits for a full batch: rows to be written, and stages to be moved back."""

    forward: list[Due] = field(default_factory=list)
    back: list[Due] = field(default_factory=list)

    def batches(self, least: int) -> Iterator[_Step]:
        """Takes out 100 at a time, as long as there are at least so many."""
        while len(self.forward) >= least:
            part, self.forward = self.forward[:BATCH], self.forward[BATCH:]
            yield _Step(due=part)
        while len(self.back) >= least:
            part, self.back = self.back[:BATCH], self.back[BATCH:]
            yield _Step(due=part, is_back=True)


class Pusher:
    """The write side of one portal."""

    def __init__(self, portal: Portal, catalogue: Catalogue) -> None:
        self._portal = portal
        self._catalogue = catalogue
        self._upserter = Upserter(portal, catalogue)

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """See `Connector.push`. A record that is named twice goes out in two runs: HubSpot refuses a batch for that."""
        refusals: list[Receipt] = []
        checker = Checker(self._catalogue, batch.object)
        for operation, run in runs(batch.changes):
            wanted = _writable(checker, run, refusals)
            match operation:
                case "update":
                    yield from self._update(batch.object, wanted)
                case "upsert":
                    yield from self._upserter.upsert(batch.object, [change for change, _ in wanted])
                case "create":
                    yield from self._upserter.create(batch.object, [change for change, _ in wanted])
        yield from refusals

    def _update(self, object: str, changes: Iterator[Wanted]) -> Iterator[Receipt]:
        """Compare 100 at a time, write what is due, two batches at once, and look whether it came true. No record is in both, and
        all are answered when this ends."""
        staged: list[tuple[Due, Row]] = []  # written stages: to be read back, 100 at a time

        def written(step: _Step) -> tuple[_Step, Mapping[str, Row | Fault]]:
            return step, self._written(object, step)

        for step, results in side_by_side(written, self._steps(object, changes), _WRITES_AT_ONCE):
            yield from step.settled
            yield from self._answered(object, staged, step.due, results)
            if len(staged) >= BATCH:
                yield from self._looked_at(object, staged[:BATCH])
                del staged[:BATCH]
        yield from self._looked_at(object, staged)

    def _steps(self, object: str, changes: Iterator[Wanted]) -> Iterator[_Step]:
        """What is due waits in its lane until 100 are there, so that every batch but the last is full. The next 100 are read while
        these are compared and written: no record is among both."""
        lanes = _Lanes()
        for part, found in one_ahead(self._present(object, changes)):
            yield from (_Step(settled) for settled in runs_of(self._compare(object, lanes, part, found), BATCH))
            yield from lanes.batches(BATCH)
        yield from lanes.batches(1)

    def _written(self, object: str, step: _Step) -> Mapping[str, Row | Fault]:
        """HubSpot's row for each of a batch, by trace id, or why there is none."""
        inputs = [one for one, _ in step.due]
        return self._write_back(object, inputs) if step.is_back else send(self._portal, object, "update", inputs)

    def _present(self, object: str, changes: Iterator[Wanted]) -> Iterator[tuple[Sequence[Wanted], Mapping[str, Row] | RetryLater]]:
        """The changes in hundreds, each with the records as they are now, or with why they could not be read."""
        while part := list(islice(changes, BATCH)):
            names = {OBJECTS[object].modified}.union(*(texts for _, texts in part))
            try:
                yield part, self._portal.batch_read(object, [str(change.record_id) for change, _ in part], sorted(names))
            except RetryLater as error:
                yield part, error

    def _compare(
        self, object: str, lanes: _Lanes, part: Sequence[Wanted], found: Mapping[str, Row] | RetryLater
    ) -> Iterator[Receipt]:
        """Receipts of what need not, or must not, be sent; all else is placed in its lane."""
        if isinstance(found, RetryLater):
            yield from (failed(change, found, "retry") for change, _ in part)
            return
        fields = self._catalogue.schema(object).fields
        for change, texts in part:
            id_ = str(change.record_id)
            row = found.get(id_)
            settled = self._absent(object, change) if row is None else _settled(change, texts, row, fields)
            if settled is not None:
                yield self._linked(object, change, settled)
            elif row is not None:
                lane = lanes.back if STAGE in texts and _goes_back(texts[STAGE], row, fields) else lanes.forward
                lane.append((Input.of(change, id_, texts), row))

    def _answered(
        self, object: str, staged: list[tuple[Due, Row]], part: Sequence[Due], results: Mapping[str, Row | Fault]
    ) -> Iterator[Receipt]:
        """Receipts of what need not be read back; a written stage must, and is added to the others."""
        for due in part:
            one, _ = due
            result = results[one.trace]
            if STAGE in one.properties and not isinstance(result, Fault):
                staged.append((due, result))
            else:
                yield self._receipt(object, due, result, {})

    def _looked_at(self, object: str, staged: Sequence[tuple[Due, Row]]) -> Iterator[Receipt]:
        """Receipts of written stages, read back first."""
        read = self._read_back(object, [one for (one, _), _ in staged])
        return (self._receipt(object, due, result, read) for due, result in staged)

    def _absent(self, object: str, change: Change) -> Receipt:
        """A record that batch/read does not know: merged into another, or gone. A single read follows merges."""
        try:
            row = self._portal.get(object, str(change.record_id), ())
        except RetryLater as error:
            return failed(change, error, "retry")
        if row is None:
            return own(change, "rejected", "OBJECT_NOT_FOUND")
        if str(row.get("id")) == change.record_id:
            return own(change, "retry", "NOT_IN_BATCH")
        return own(change, "conflict", "merged", None, replaced_by=str(row.get("id")))

    def _write_back(self, object: str, back: Sequence[Input]) -> dict[str, Row | Fault]:
        """The two requests of a step back. Where the second fails the stage stands empty: the change is tried again."""
        cleared = send(self._portal, object, "update", [Input.of(one.change, one.id, clearing(one.properties)) for one in back])
        empty = [one for one in back if not isinstance(cleared[one.trace], Fault)]
        placed = send(self._portal, object, "update", [Input.of(one.change, one.id, setting(one.properties)) for one in empty])
        left = {trace: Fault(503, "LEFT_EMPTY", r.message) for trace, r in placed.items() if isinstance(r, Fault)}
        return cleared | placed | left

    def _read_back(self, object: str, inputs: Sequence[Input]) -> dict[str, Row]:
        """The stages as they are now. Where reading fails there is nothing to hold against the write's own answer."""
        if not inputs:
            return {}
        try:
            return self._portal.batch_read(object, [one.id for one in inputs], (STAGE, OBJECTS[object].modified))
        except RetryLater:
            return {}

    def _receipt(self, object: str, due: Due, result: Row | Fault, read: Mapping[str, Row]) -> Receipt:
        """Written, unless HubSpot refused it, or took it and left the value as it was before."""
        one, before = due
        if isinstance(result, Fault):
            return refused(one.change, result)
        now = read.get(one.id, result)
        if not one.properties.items() <= properties_of(now).items():  # else it holds what we sent, as nearly all do
            kept = [name for name, text in one.properties.items() if _is_kept(name, text, before, now, is_read=one.id in read)]
            if kept:
                return own(one.change, "rejected", "unchanged_after_write", now, properties=kept)
        return self._linked(object, one.change, own(one.change, "written", "", now))

    def _linked(self, object: str, change: Change, receipt: Receipt) -> Receipt:
        """The receipt, once the associations that the change wants are there too."""
        if not change.associations or receipt.outcome not in ("written", "unchanged"):
            return receipt
        return link(self._portal, object, [(change, receipt)])[0]


def _writable(checker: Checker, changes: Iterable[Change], refusals: list[Receipt]) -> Iterator[Wanted]:
    """The changes that can be sent as they are; those that cannot are added to the refusals. Each is looked at when its turn
    comes: the first are on their way meanwhile."""
    for change in changes:
        texts = checker.texts(change)
        if isinstance(texts, Fault):
            refusals.append(refused(change, texts))
        else:
            yield change, texts


def runs(changes: Iterable[Change]) -> Iterator[tuple[Operation, Iterator[Change]]]:
    """The changes in runs of one operation and no record twice, in their order; each is compared and written before the next
    begins, so none is so long that what was compared first grows old. A run is to be read to its end before the next."""
    return ((operation, run) for (_, operation), run in groupby(changes, _Runs().place))


@dataclass(slots=True)
class _Runs:
    """How far the changes have been cut: the number of the run and its operation."""

    run: tuple[int, Operation] = (0, "update")
    seen: set[str | None] = field(default_factory=set)

    def place(self, change: Change) -> tuple[int, Operation]:
        """The run that the next change belongs to."""
        name = change.record_id if change.operation == "update" else change.key_value
        number, operation = self.run
        if name in self.seen or len(self.seen) == LONGEST_RUN[operation] or change.operation != operation:
            self.run, self.seen = (number + 1, change.operation), set()
        self.seen.add(name)
        return self.run


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
