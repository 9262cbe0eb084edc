"""Writing: Collections of at most 200 rows, each row with an outcome of its own, compared with the present just before.

compare   rows that moved since we decided are conflicts; rows that already hold the values are unchanged
send      PATCH by id, or upsert by external id: both do no harm when repeated
confirm   read back what was written: the stamp it now has, and whether the org's automation kept it

One composite call sends a chunk, confirms it and reads what the next one is compared with. While it travels, receipts are made of
what the one before brought; whatever an answer says of the calls to come is heeded before the next is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from crmsync.ahead import one_ahead
from crmsync.connect.calls import AnswerLost, CallRejected
from crmsync.connect.contract import PushBatch
from crmsync.errors import CrmsyncError, RetryLater, StopConnector
from crmsync.model.changes import Change, Receipt
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import VendorError, row_class
from crmsync_salesforce.api import Api
from crmsync_salesforce.composite import Composite, Part, PartAnswer, query_part
from crmsync_salesforce.facts import COLLECTION_SIZE, RETRY_SIZES
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.outgoing import (
    PERSON,
    PERSON_ACCOUNT,
    Answered,
    Outgoing,
    body_of,
    chunks,
    compare,
    confirmed,
    fields_of,
    goes_again,
    key_field_of,
    matched,
    name_of,
    outgoing,
    path_of,
    refused,
    without_named,
)
from crmsync_salesforce.reading import Reader
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.shapes import Shapes

HEADERS = {
    # Salesforce's default would let assignment rules replace the owner that we set.
    "Sforce-Auto-Assign": "FALSE",
    # Without allowSave even a rule that only alerts blocks the write; rules that block still do.
    "Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false; runAsCurrentUser=true",
}

Records = Mapping[str, RawRecord]


@dataclass(slots=True)
class Halt:
    """What stopped a batch: an error of the org as a whole in some row, or of the connection. The rest is for later."""

    error: VendorError | None = None
    raised: StopConnector | None = None

    def stopped(self, part: Sequence[Outgoing]) -> list[Answered]:
        return [Answered(sent, error=self.error, outcome="retry") for sent in part]

    def by(self, error: StopConnector) -> None:
        self.error, self.raised = VendorError(code_of(error), ""), error

    def note(self, answered: Sequence[Answered]) -> None:
        """Stop where a row speaks for the whole org."""
        errors = (one.error for one in answered if one.error is not None and one.outcome is None)
        self.error = self.error or next((error for error in errors if row_class(error) == "org"), None)


@dataclass(frozen=True, slots=True)
class Look:
    """A query for rows, and the fields that are asked for."""

    soql: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """What one composite call brought: each None where it has to be had by a call of its own."""

    answered: list[Answered] | None = None
    back: Records | None = None
    ahead: Records | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one chunk, after its last try: receipts, and rows that the org took, with what is there now of each."""

    receipts: Sequence[Receipt]
    taken: Sequence[Answered] = ()
    back: Records = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def all_receipts(self) -> Iterator[Receipt]:
        yield from self.receipts
        for one in self.taken:
            yield confirmed(one, self.back.get(one.id or ""), self.types)


class Writer:
    """Writes to one org."""

    def __init__(self, api: Api, shapes: Shapes, reader: Reader, composite: Composite) -> None:
        self._api = api
        self._shapes = shapes
        self._reader = reader
        self._composite = composite

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """A receipt for every change, exactly once; after them, StopConnector where the connection cannot go on."""
        halt = Halt()
        for step in one_ahead(self._steps(batch, halt)):
            yield from step.all_receipts()
        if halt.raised is not None:
            raise halt.raised

    def unsent(self, batch: PushBatch, error: CrmsyncError) -> Iterator[Receipt]:
        """The receipts of a batch of which nothing was sent."""
        for change in batch.changes:
            yield Receipt(change.key, "retry", change.record_id, code=code_of(error))

    def sent(self, object: str, rows: Sequence[Outgoing], halt: Halt) -> list[Answered]:
        """Rows sent by themselves, neither compared nor confirmed: each once, after its last try."""
        answered, again, raced = list[Answered](), list[Answered](), set[str]()
        for one in self._round(object, rows, COLLECTION_SIZE, halt):
            (again if goes_again(one, raced) else answered).append(one)
        return [*answered, *(self._sent_again(object, again, raced, halt) if again else ())]

    def _steps(self, batch: PushBatch, halt: Halt) -> Iterator[Step]:
        """Chunk by chunk, all that is asked of the org."""
        present = None
        parts = list(chunks(batch.changes))
        for chunk, following in zip(parts, [*parts[1:], []], strict=True):
            if halt.error is not None:
                yield Step([refused(one) for one in halt.stopped([outgoing(batch.object, change) for change in chunk])])
                continue
            settled, to_send = self._compared(batch.object, chunk, present, halt)
            combined = self._combined(batch.object, to_send, following, halt) if to_send else Combined()
            yield self._settled(batch.object, settled, to_send, combined, halt)
            present = combined.ahead

    def _compared(
        self, object: str, chunk: Sequence[Change], present: Records | None, halt: Halt
    ) -> tuple[list[Receipt], list[Outgoing]]:
        """What need not or must not be sent, with why; and what is sent. `present` is what was read ahead."""
        named = [change for change in chunk if name_of(change)]
        settled = [_unnamed(change) for change in chunk if not name_of(change)] if len(named) < len(chunk) else []
        if not named or named[0].operation != "update":
            return settled, [outgoing(object, change) for change in named]
        try:
            shape, account = self._shapes.get(object), self._account(object)
            if present is None and shape.readable:
                present = self._reader.by_ids(object, [change.record_id or "" for change in named], self._wanted(object, named))
        except (RetryLater, CallRejected) as error:
            return [*settled, *(Receipt(change.key, "retry", change.record_id, code=code_of(error)) for change in named)], []
        except StopConnector as error:
            halt.by(error)
            return [*settled, *map(refused, halt.stopped([outgoing(object, change) for change in named]))], []
        if not shape.readable:
            return [*settled, *(_hidden(change, shape) for change in named)], []
        to_send, types = [], shape.types
        for change in named:
            current = (present or {}).get(to_18(change.record_id or ""))
            receipt = compare(change, current, types)
            if receipt is not None:
                settled.append(receipt)
            else:
                to_send.append(outgoing(object, change, current, account))
        # One request takes ten runs of rows of one object at most.
        return settled, sorted(to_send, key=lambda sent: sent.object != object)

    def _settled(
        self, object: str, settled: Sequence[Receipt], to_send: Sequence[Outgoing], combined: Combined, halt: Halt
    ) -> Step:
        """What came of a chunk of which some rows were sent, after their last try."""
        answered = combined.answered
        if answered is None:
            answered = self._call(object, to_send, halt) if to_send else []
        halt.note(answered)
        raced: set[str] = set()
        again = [one for one in answered if one.error is not None and goes_again(one, raced)]
        retried: list[Answered] = []
        if again:
            passing = {one.change.key for one in again}
            answered = [one for one in answered if one.change.key not in passing]
            retried = list(self._sent_again(object, again, raced, halt))
        both = [*answered, *retried]
        failed = [refused(one) for one in both if one.error is not None]
        taken = [one for one in both if one.error is None]
        back, types = self._read_back(object, taken, combined.back or {}, {one.id for one in retried}) if taken else ({}, {})
        return Step([*settled, *failed], taken, back, types)

    def _sent_again(self, object: str, again: Sequence[Answered], raced: set[str], halt: Halt) -> Iterator[Answered]:
        """What failed in passing, in smaller batches each time: each change once, after its last try."""
        for size in RETRY_SIZES:
            tried = list(self._round(object, [one.sent for one in again], size, halt))
            again = [one for one in tried if goes_again(one, raced)]
            passing = {one.change.key for one in again}
            yield from (one for one in tried if one.change.key not in passing)
        yield from again

    def _round(self, object: str, sent: Sequence[Outgoing], size: int, halt: Halt) -> Iterator[Answered]:
        for start in range(0, len(sent), size):
            part = sent[start : start + size]
            answered = self._call(object, part, halt) if halt.error is None else halt.stopped(part)
            halt.note(answered)
            yield from answered

    def _combined(self, object: str, part: Sequence[Outgoing], following: Sequence[Change], halt: Halt) -> Combined:
        """One call that writes, reads back and reads ahead, as far as the org takes it so. A plain create goes by itself."""
        if part[0].change.operation == "create":
            return Combined()
        try:
            looks = [self._back(object, part), self._ahead(object, following)]
            queries = [look.soql for look in looks if look is not None]
            write = Part("PATCH", path_of(object, part), body_of(part), HEADERS)
            answers = self._composite.send([write, *map(query_part, queries)]) if queries else None
        except RetryLater as later:
            return Combined([Answered(sent, error=VendorError(code_of(later), ""), outcome="retry") for sent in part])
        except CallRejected:
            return Combined()
        except StopConnector as stop:
            halt.by(stop)
            return Combined(halt.stopped(part))
        if answers is None:
            return Combined()
        rest = iter(answers[1:])
        try:
            back, ahead = [None if look is None else self._records(object, next(rest), look) for look in looks]
        except CrmsyncError:
            back, ahead = None, None  # what follows a short page is had by a call of its own, or is for later
        # A refusal of the whole chunk may be one row's doing: it is sent again by itself, where that is narrowed down.
        results = matched(part, answers[0].body) if answers[0].is_ok else None
        return Combined(results, back if results else None, ahead)

    def _back(self, object: str, part: Sequence[Outgoing]) -> Look | None:
        """At what is written, by id or by key; None where it cannot be read."""
        changes = [sent.change for sent in part]
        key_field, fields = key_field_of(changes[0]), fields_of(changes)
        if key_field is None:
            return self._look(object, "Id", [to_18(change.record_id or "") for change in changes], fields)
        return self._look(object, key_field, [str(change.key_value) for change in changes], fields)

    def _ahead(self, object: str, following: Sequence[Change]) -> Look | None:
        """At what the next chunk is compared with."""
        named = [change for change in following if name_of(change)]
        if not named or named[0].operation != "update":
            return None
        return self._look(object, "Id", [to_18(change.record_id or "") for change in named], self._wanted(object, named))

    def _look(self, object: str, field: str, values: Sequence[str], fields: tuple[str, ...]) -> Look | None:
        soql = self._reader.soql(object, field, values, fields)
        return Look(soql, fields) if soql else None

    def _records(self, object: str, answer: PartAnswer, look: Look) -> Records | None:
        return self._reader.records(object, answer.body, look.fields) if answer.is_ok else None

    def _call(self, object: str, part: Sequence[Outgoing], halt: Halt) -> list[Answered]:
        """One request. A refusal of the whole for one row's sake is narrowed down by halves."""
        try:
            is_create = part[0].change.operation == "create"
            method = "POST" if is_create else "PATCH"
            results = self._api.write(method, path_of(object, part), body_of(part), HEADERS, repeatable=not is_create)
        except CallRejected as refusal:
            error = VendorError(refusal.vendor_code, refusal.message)
            if len(part) > 1 and row_class(error) == "data":
                middle = len(part) // 2
                return self._call(object, part[:middle], halt) + self._call(object, part[middle:], halt)
            others = without_named(part, error)
            passing = {sent.change.key for sent in others}
            told = [Answered(sent, error=error) for sent in part if sent.change.key not in passing]
            return [*told, *(self._call(object, others, halt) if others else ())]
        except AnswerLost as lost:
            return [Answered(sent, error=VendorError(code_of(lost), ""), outcome="unknown") for sent in part]
        except RetryLater as later:
            return [Answered(sent, error=VendorError(code_of(later), ""), outcome="retry") for sent in part]
        except StopConnector as stop:
            halt.by(stop)
            return halt.stopped(part)
        return matched(part, results)

    def _read_back(
        self, object: str, taken: Sequence[Answered], back: Records, late: set[str | None]
    ) -> tuple[Records, Mapping[str, str]]:
        """What is there now of the rows that the org took, by id, and describe's types. `back` was read with the write; `late` are
        ids that were written after that."""
        ids = [one.id for one in taken if one.id and (one.id not in back or one.id in late)]
        known = {id_: record for id_, record in back.items() if id_ not in late} if late else back
        try:
            more = self._reader.by_ids(object, ids, fields_of(one.change for one in taken)) if ids else {}
            return {**known, **more} if more else known, self._shapes.get(object).types
        except CrmsyncError:
            return known, {}  # it is written all the same; the next pull brings the stamp

    def _wanted(self, object: str, changes: Sequence[Change]) -> tuple[str, ...]:
        return (*fields_of(changes), PERSON, PERSON_ACCOUNT) if self._account(object) else fields_of(changes)

    def _account(self, object: str) -> Shape | None:
        """Account's shape where contacts may be those of person accounts."""
        return self._shapes.get("Account") if object == "Contact" and PERSON in self._shapes.get(object).fields else None


def code_of(error: CrmsyncError) -> str:
    """The vendor's code of an error, or ours."""
    return str(error.params.get("vendor_code") or error.code)


def _unnamed(change: Change) -> Receipt:
    return Receipt(change.key, "rejected", code="NO_KEY", details={"class": "data"})


def _hidden(change: Change, shape: Shape) -> Receipt:
    """What cannot be read cannot be compared, and is not written."""
    code, _, message = shape.why_not.partition(" ")
    return Receipt(change.key, "rejected", change.record_id, code=code, message=message, details={"class": "permission"})
