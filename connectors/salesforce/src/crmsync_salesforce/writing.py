"""Writing: Collections of at most 200 rows, each row with an outcome of its own, compared with the present just before.

compare   rows that moved since we decided are conflicts; rows that already hold the values are unchanged
send      PATCH by id, or upsert by external id: both do no harm when repeated
confirm   read back what was written: the stamp it now has, and whether the org's automation kept it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmsync.connect.calls import AnswerLost, CallRejected
from crmsync.connect.contract import PushBatch
from crmsync.errors import CrmsyncError, RetryLater, StopConnector
from crmsync.model.changes import Change, Outcome, Receipt
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import RowClass, VendorError, errors_of, row_class
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import COLLECTION_SIZE, RETRY_SIZES
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.reading import Reader
from crmsync_salesforce.values import is_same

HEADERS = {
    # Salesforce's default would let assignment rules replace the owner that we set.
    "Sforce-Auto-Assign": "FALSE",
    # Without allowSave even a rule that only alerts blocks the write; rules that block still do.
    "Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true",
}


_OUTCOMES: Mapping[RowClass, Outcome] = {"again": "retry", "once": "retry", "org": "retry", "moved": "conflict"}


@dataclass(frozen=True, slots=True)
class Answered:
    """One change and what became of its row: an id, or an error. `outcome` overrides what the error's code says."""

    change: Change
    id: str | None = None
    is_created: bool = False
    error: VendorError | None = None
    outcome: Outcome | None = None


@dataclass(slots=True)
class Halt:
    """What stopped a batch: an error of the org as a whole in some row, or of the connection. The rest is for later."""

    error: VendorError | None = None
    raised: StopConnector | None = None

    def stopped(self, changes: Sequence[Change]) -> list[Answered]:
        return [Answered(change, error=self.error, outcome="retry") for change in changes]

    def by(self, error: StopConnector) -> None:
        self.error, self.raised = VendorError(_code(error), ""), error


class Writer:
    """Writes to one org."""

    def __init__(self, api: Api, reader: Reader) -> None:
        self._api = api
        self._reader = reader

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """A receipt for every change, exactly once; after them, StopConnector where the connection cannot go on."""
        halt = Halt()
        for chunk in chunks(batch.changes):
            if halt.error is None:
                yield from self._chunk(batch.object, chunk, halt)
            else:
                yield from map(refused, halt.stopped(chunk))
        if halt.raised is not None:
            raise halt.raised

    def _chunk(self, object: str, chunk: Sequence[Change], halt: Halt) -> Iterator[Receipt]:
        settled, to_send = self._compared(object, chunk, halt)
        yield from settled
        written: list[Answered] = []
        for answered in self._sent(object, to_send, halt):
            if answered.error is None:
                written.append(answered)
            else:
                yield refused(answered)
        yield from self._confirmed(object, written)

    def _compared(self, object: str, chunk: Sequence[Change], halt: Halt) -> tuple[list[Receipt], list[Change]]:
        """What need not or must not be sent, with why; and what is sent."""
        settled = [_unnamed(change) for change in chunk if not _row_name(change)]
        named = [change for change in chunk if _row_name(change)]
        if not named or named[0].operation == "upsert":
            return settled, named
        try:
            present = self._reader.by_ids(object, [change.record_id or "" for change in named], _fields(named))
        except (RetryLater, CallRejected) as error:
            return [*settled, *(Receipt(change.key, "retry", change.record_id, code=_code(error)) for change in named)], []
        except StopConnector as error:
            halt.by(error)
            return [*settled, *map(refused, halt.stopped(named))], []
        receipts = {change.key: compare(change, present.get(to_18(change.record_id or ""))) for change in named}
        settled += [receipt for receipt in receipts.values() if receipt is not None]
        return settled, [change for change in named if receipts[change.key] is None]

    def _sent(self, object: str, changes: Sequence[Change], halt: Halt) -> Iterator[Answered]:
        """Every change once, after its last try. What fails in passing goes again, in smaller batches each time."""
        pending, again = list(changes), list[Answered]()
        raced: set[str] = set()
        for size in (COLLECTION_SIZE, *RETRY_SIZES):
            again = []
            for answered in self._round(object, pending, size, halt):
                if _goes_again(answered, raced):
                    again.append(answered)
                else:
                    yield answered
            pending = [answered.change for answered in again]
        yield from again

    def _round(self, object: str, changes: Sequence[Change], size: int, halt: Halt) -> Iterator[Answered]:
        for start in range(0, len(changes), size):
            part = changes[start : start + size]
            if halt.error is not None:
                yield from halt.stopped(part)
                continue
            for answered in self._call(object, part, halt):
                if answered.error is not None and row_class(answered.error) == "org":
                    halt.error = answered.error
                yield answered

    def _call(self, object: str, part: Sequence[Change], halt: Halt) -> list[Answered]:
        """One request. A refusal of the whole for one row's sake is narrowed down by halves."""
        path, rows = body_of(object, part)
        try:
            results = self._api.write("PATCH", path, {"allOrNone": False, "records": rows}, HEADERS)
        except CallRejected as refusal:
            error = VendorError(refusal.vendor_code, refusal.message)
            if len(part) > 1 and row_class(error) == "data":
                middle = len(part) // 2
                return self._call(object, part[:middle], halt) + self._call(object, part[middle:], halt)
            return [Answered(change, error=error) for change in part]
        except AnswerLost as lost:
            return [Answered(change, error=VendorError(_code(lost), ""), outcome="unknown") for change in part]
        except RetryLater as later:
            return [Answered(change, error=VendorError(_code(later), ""), outcome="retry") for change in part]
        except StopConnector as stop:
            halt.by(stop)
            return halt.stopped(part)
        return matched(part, results)

    def _confirmed(self, object: str, written: Sequence[Answered]) -> Iterator[Receipt]:
        ids = [answered.id for answered in written if answered.id]
        try:
            present = self._reader.by_ids(object, ids, _fields(answered.change for answered in written)) if ids else {}
        except CrmsyncError:
            present = {}  # it is written all the same; the next pull brings the stamp
        for answered in written:
            yield confirmed(answered, present.get(answered.id or ""))


def chunks(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Consecutive changes that one request can carry: one operation, one key field, no record twice, at most 200."""
    chunk: list[Change] = []
    seen: set[str] = set()
    for change in changes:
        name = _row_name(change)
        if chunk and (len(chunk) == COLLECTION_SIZE or name in seen or _kind(change) != _kind(chunk[0])):
            yield chunk
            chunk, seen = [], set()
        chunk.append(change)
        seen.add(name)
    if chunk:
        yield chunk


def body_of(object: str, part: Sequence[Change]) -> tuple[str, list[dict[str, Any]]]:
    """Path and rows of one request. `attributes` must be the first key of a row, or the whole request is refused; the key
    that names a row stands in it once."""
    key_field = part[0].key_field if part[0].operation == "upsert" else None
    rows = []
    for change in part:
        name = {key_field: change.key_value} if key_field else {"id": to_18(change.record_id or "")}
        values = {field: value for field, value in change.values().items() if field not in (key_field, "Id", "id")}
        rows.append({"attributes": {"type": object}, **name, **values})
    return (f"composite/sobjects/{object}/{key_field}" if key_field else "composite/sobjects"), rows


def matched(part: Sequence[Change], results: Any) -> list[Answered]:
    """Rows of an answer beside the changes, which they follow in order. An answer of another length tells nothing of any."""
    if not isinstance(results, list) or len(results) != len(part):
        return [Answered(change, error=VendorError("ANSWER_MISMATCH", ""), outcome="unknown") for change in part]
    return [_matched(change, result) for change, result in zip(part, results, strict=True)]


def compare(change: Change, current: RawRecord | None) -> Receipt | None:
    """The receipt of an update that is not to be sent, None where it is."""
    if current is None:
        return Receipt(change.key, "rejected", change.record_id, code="NOT_FOUND", details={"class": "gone"})
    if current.is_deleted:
        details = {"class": "moved", "replaced_by": current.replaced_by}
        return Receipt(change.key, "conflict", current.id, current.modified_at, "ENTITY_IS_DELETED", details=details)
    if not _differing(change, current) and not _hidden(change, current):
        return Receipt(change.key, "unchanged", current.id, current.modified_at)
    expected = change.expected_modified_at
    if expected is not None and current.modified_at is not None and current.modified_at > expected:
        return Receipt(change.key, "conflict", current.id, current.modified_at, "moved", details={"class": "moved"})
    return None


def confirmed(answered: Answered, current: RawRecord | None) -> Receipt:
    """The receipt of a row that the org says it took, with what is there now. The org's own automation has the last word:
    fields that it put back or changed are named, and a write of which nothing stayed was refused in effect."""
    change, created = answered.change, {"created": True} if answered.is_created else {}
    if current is None:
        return Receipt(change.key, "written", answered.id, details=created)
    differing = _differing(change, current)
    if not differing:
        return Receipt(change.key, "written", answered.id, current.modified_at, details=created)
    details = {**created, "fields": differing}
    outcome: Outcome = "rejected" if len(differing) == len(change.fields) and not answered.is_created else "written"
    return Receipt(change.key, outcome, answered.id, current.modified_at, "unchanged_after_write", details=details)


def refused(answered: Answered) -> Receipt:
    """The receipt of a row that was not written."""
    error = answered.error or VendorError("UNKNOWN", "")
    kind = row_class(error)
    outcome = answered.outcome or _OUTCOMES.get(kind, "rejected")
    details = {"class": kind, "fields": list(error.fields)}
    return Receipt(answered.change.key, outcome, answered.change.record_id, None, error.code, error.message, details)


def _matched(change: Change, result: Any) -> Answered:
    row = result if isinstance(result, dict) else {}
    if row.get("success"):
        named = str(row.get("id") or change.record_id or "")
        return Answered(change, to_18(named) or None, bool(row.get("created")))
    errors = errors_of(row.get("errors"))
    return Answered(change, error=errors[0] if errors else VendorError("UNKNOWN", ""))


def _goes_again(answered: Answered, raced: set[str]) -> bool:
    if answered.error is None or answered.outcome is not None:
        return False
    kind = row_class(answered.error)
    if kind == "once" and answered.change.operation == "upsert" and answered.change.key not in raced:
        raced.add(answered.change.key)
        return True
    return kind == "again"


def _differing(change: Change, current: RawRecord) -> list[str]:
    """The fields that are seen not to hold the wanted value."""
    held = current.fields
    return [diff.field for diff in change.fields if diff.field in held and not is_same(held[diff.field], diff.desired)]


def _hidden(change: Change, current: RawRecord) -> bool:
    """Whether some field cannot be read, so that only sending it makes sure."""
    return any(diff.field not in current.fields for diff in change.fields)


def _fields(changes: Iterable[Change]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(diff.field for change in changes for diff in change.fields))


def _kind(change: Change) -> tuple[str, str | None]:
    return change.operation, change.key_field if change.operation == "upsert" else None


def _row_name(change: Change) -> str:
    """What names the row to Salesforce; empty where nothing does."""
    if change.operation == "upsert":
        return f"{change.key_field}={change.key_value}" if change.key_field and change.key_value else ""
    return to_18(change.record_id or "")


def _unnamed(change: Change) -> Receipt:
    return Receipt(change.key, "rejected", code="NO_KEY", details={"class": "data"})


def _code(error: CrmsyncError) -> str:
    return str(error.params.get("vendor_code") or error.code)
