"""Writing: compare, then write only what differs, then look whether it came true; one receipt for every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crmsync.connect.contract import PushBatch
from crmsync.errors import RetryLater
from crmsync.model.changes import Change, Receipt
from crmsync.model.records import FieldInfo
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.faults import Fault
from crmsync_hubspot.lifecycle import STAGE, clearing, must_clear_first, setting
from crmsync_hubspot.linking import link
from crmsync_hubspot.objects import ASSOCIATION_TYPES, OBJECTS
from crmsync_hubspot.portal import BATCH, Portal
from crmsync_hubspot.receipts import Input, Row, failed, has_moved, modified_of, own, refused
from crmsync_hubspot.sending import send
from crmsync_hubspot.upsert import Upserter
from crmsync_hubspot.values import same, wire_text


class Pusher:
    """The write side of one portal."""

    def __init__(self, portal: Portal, catalogue: Catalogue) -> None:
        self._portal = portal
        self._catalogue = catalogue
        self._upserter = Upserter(portal, catalogue)

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """See `Connector.push`. A record that is named twice goes out in two runs: HubSpot refuses a batch for that."""
        writable = []
        for change in batch.changes:
            fault = self._unwritable(batch.object, change)
            if fault is None:
                writable.append(change)
            else:
                yield refused(change, fault)
        for run in runs(writable):
            is_upsert = run[0].operation == "upsert"
            yield from self._upserter.upsert(batch.object, run) if is_upsert else self._update(batch.object, run)

    def _unwritable(self, object: str, change: Change) -> Fault | None:
        """Why a change cannot be sent as it is. The schema is read again once before a field is called unknown."""
        if object not in OBJECTS or not OBJECTS[object].writable:
            return Fault(0, "OBJECT_NOT_WRITABLE", object)
        if change.operation == "update" and not change.record_id:
            return Fault(0, "RECORD_ID_MISSING", object)
        if not self._catalogue.schema(object).readable:
            return Fault(403, "OBJECT_NOT_READABLE", self._catalogue.schema(object).why_not)
        strange = [one.object for one in change.associations if (object, one.object) not in ASSOCIATION_TYPES]
        if strange:
            return Fault(0, "ASSOCIATION_UNKNOWN", f"{object}/{strange[0]}")
        names = {diff.field for diff in change.fields}
        fields = self._catalogue.schema(object).fields
        if not names <= fields.keys():
            fields = self._catalogue.refresh(object).fields
        unknown = tuple(sorted(names - fields.keys()))
        fixed = tuple(sorted(name for name in names & fields.keys() if not fields[name].writable))
        if unknown:
            return Fault(0, "PROPERTY_DOESNT_EXIST", ", ".join(unknown), properties=unknown)
        return Fault(0, "READ_ONLY_VALUE", ", ".join(fixed), properties=fixed) if fixed else self._bad_value(object, change)

    def _bad_value(self, object: str, change: Change) -> Fault | None:
        """A stage that is none must be found before the old one is emptied; a number that is none cannot be said at all."""
        fields = self._catalogue.schema(object).fields
        for diff in change.fields:
            try:
                text = wire_text(diff.desired, fields[diff.field].type)
            except ValueError:
                return Fault(0, "INVALID_NUMBER", diff.field, properties=(diff.field,))
            if diff.field == STAGE and text and text not in (fields[STAGE].options or (text,)):
                return Fault(0, "INVALID_OPTION", STAGE, properties=(STAGE,))
        return None

    def _update(self, object: str, changes: Sequence[Change]) -> Iterator[Receipt]:
        names = {diff.field for change in changes for diff in change.fields} | {OBJECTS[object].modified}
        try:
            live = self._portal.batch_read(object, [str(change.record_id) for change in changes], sorted(names))
        except RetryLater as error:
            yield from (failed(change, error, "retry") for change in changes)
            return
        due: list[tuple[Change, Row]] = []
        for change in changes:
            row = live.get(str(change.record_id))
            settled = self._absent(object, change) if row is None else self._settled(object, change, row)
            if settled is None and row is not None:
                due.append((change, row))
            elif settled is not None:
                yield self._linked(object, change, settled)
        for change, receipt in zip([change for change, _ in due], self._write(object, due), strict=True):
            yield self._linked(object, change, receipt)

    def _absent(self, object: str, change: Change) -> Receipt:
        """A record that batch/read does not know: merged into another, or gone. A single read follows merges."""
        try:
            row = self._portal.get(object, str(change.record_id), ())
        except RetryLater as error:
            return failed(change, error, "retry")
        if row is None:
            return own(change, "rejected", "OBJECT_NOT_FOUND")
        return own(change, "conflict", "merged", None, replaced_by=str(row.get("id")))

    def _settled(self, object: str, change: Change, row: Row) -> Receipt | None:
        """The receipt of a change that need not, or must not, be sent; None where it is due."""
        fields = self._catalogue.schema(object).fields
        if is_true_already(change, row, fields):
            return own(change, "unchanged", "", row)
        return own(change, "conflict", "moved", row) if has_moved(change.expected_modified_at, modified_of(row)) else None

    def _write(self, object: str, due: Sequence[tuple[Change, Row]]) -> list[Receipt]:
        """Write and look: one receipt for each, in order."""
        fields = self._catalogue.schema(object).fields
        inputs = [Input(change, str(change.record_id), texts(change, fields)) for change, _ in due]
        stages = fields[STAGE].options or () if STAGE in fields else ()
        back = [
            one
            for one, (_, row) in zip(inputs, due, strict=True)
            if STAGE in one.properties and must_clear_first(stages, _live(row, STAGE), one.properties[STAGE])
        ]
        results = send(self._portal, object, "update", [one for one in inputs if one not in back])
        results |= self._write_back(object, back)
        read = self._read_back(object, [one for one in inputs if STAGE in one.properties and is_row(results[one.trace])])
        return [self._receipt(one, row, results[one.trace], read) for one, (_, row) in zip(inputs, due, strict=True)]

    def _write_back(self, object: str, back: Sequence[Input]) -> dict[str, Row | Fault]:
        """The two requests of a step back. Where the second fails the stage stands empty: the change is tried again."""
        cleared = send(self._portal, object, "update", [Input(one.change, one.id, clearing(one.properties)) for one in back])
        empty = [one for one in back if is_row(cleared[one.trace])]
        placed = send(self._portal, object, "update", [Input(one.change, one.id, setting(one.properties)) for one in empty])
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

    def _receipt(self, one: Input, before: Row, result: Row | Fault, read: dict[str, Row]) -> Receipt:
        """Written, unless HubSpot refused it, or took it and left the value as it was before."""
        if isinstance(result, Fault):
            return refused(one.change, result)
        now = read.get(one.id, result)
        kept = [name for name, text in one.properties.items() if _is_kept(name, text, before, now, is_read=one.id in read)]
        if kept:
            return own(one.change, "rejected", "unchanged_after_write", now, properties=kept)
        return own(one.change, "written", "", now)

    def _linked(self, object: str, change: Change, receipt: Receipt) -> Receipt:
        """The receipt, once the associations that the change wants are there too."""
        if not change.associations or receipt.outcome not in ("written", "unchanged"):
            return receipt
        return link(self._portal, object, [(change, receipt)])[0]


def runs(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """The changes in runs of at most 100, one operation and no record twice in each, in their order."""
    run: list[Change] = []
    seen: set[tuple[str, str | None]] = set()
    for change in changes:
        name = (change.operation, change.record_id if change.operation == "update" else change.key_value)
        if run and (len(run) == BATCH or name in seen or change.operation != run[0].operation):
            yield run
            run, seen = [], set()
        run.append(change)
        seen.add(name)
    if run:
        yield run


def texts(change: Change, fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """The wanted values as HubSpot takes them."""
    return {diff.field: wire_text(diff.desired, fields[diff.field].type) for diff in change.fields}


def is_true_already(change: Change, row: Row, fields: Mapping[str, FieldInfo]) -> bool:
    """Whether the record already holds every value that the change wants."""
    return all(same(_live(row, diff.field), diff.desired, fields[diff.field].type) for diff in change.fields)


def is_row(result: Row | Fault) -> bool:
    return not isinstance(result, Fault)


def _is_kept(name: str, text: str, before: Row, now: Row, *, is_read: bool) -> bool:
    """Whether a property was left as it was. HubSpot may tidy a value up, so another text than ours is not yet a refusal; a
    stage that was read back must be the one we asked for."""
    if name not in (now.get("properties") or {}) or _live(now, name) == text:
        return False
    return _live(now, name) == _live(before, name) or (name == STAGE and is_read)


def _live(row: Row, name: str) -> str:
    return str((row.get("properties") or {}).get(name) or "")
