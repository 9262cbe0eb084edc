"""What is sent for a change, and what comes of it: rows, outcomes, receipts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmsync.model.changes import Change, Outcome, Receipt
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import VendorError, errors_of, row_class
from crmsync_salesforce.codes import RowClass
from crmsync_salesforce.facts import COLLECTION_SIZE
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.rows import named_in
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.values import is_same

_OUTCOMES: Mapping[RowClass, Outcome] = {"again": "retry", "once": "retry", "org": "retry", "moved": "conflict"}

# The contact of a person account is written by way of its account. (object_reference: person accounts)
PERSON, PERSON_ACCOUNT = "IsPersonAccount", "AccountId"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A change and the record that is written for it: its own, or the account of a person."""

    change: Change
    object: str
    id: str
    values: Mapping[str, Any]

    @property
    def row(self) -> dict[str, Any]:
        """`attributes` must be the first key of a row, or that row is refused; the key that names it stands once."""
        key_field = key_field_of(self.change)
        own_id = {} if self.change.operation == "create" else {"id": self.id}
        name = {key_field: self.change.key_value} if key_field else own_id
        values = self.values
        if not values.keys().isdisjoint((key_field, "Id", "id")):
            values = {field: value for field, value in values.items() if field not in (key_field, "Id", "id")}
        return {"attributes": {"type": self.object}, **name, **values}


@dataclass(frozen=True, slots=True)
class Answered:
    """One change and what became of its row: an id, or an error. `outcome` overrides what the error's code says."""

    sent: Outgoing
    id: str | None = None
    is_created: bool = False
    error: VendorError | None = None
    outcome: Outcome | None = None

    @property
    def change(self) -> Change:
        return self.sent.change


def outgoing(object: str, change: Change, current: RawRecord | None = None, account: Shape | None = None) -> Outgoing:
    """What is sent for a change of a record that is `current`; `account` is Account's shape where there are person accounts."""
    own = Outgoing(change, object, to_18(change.record_id or ""), change.values())
    if account is None or current is None or not current.fields.get(PERSON):
        return own
    values = {_on_account(field, account): value for field, value in own.values.items()}
    return Outgoing(change, "Account", to_18(str(current.fields.get(PERSON_ACCOUNT))), values)


def _on_account(field: str, account: Shape) -> str:
    """A contact's field by its name on the account: `X__pc`, `PersonX`, or the same."""
    if field.endswith("__c"):
        return f"{field[:-1]}pc"
    return f"Person{field}" if f"Person{field}" in account.fields else field


def chunks(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Consecutive changes that one request can carry: one operation, one key field, no record twice, at most 200."""
    chunk: list[Change] = []
    seen: set[str] = set()
    kind_of_chunk: tuple[str, str | None] | None = None
    for change in changes:
        name, kind = name_of(change), _kind(change)
        if chunk and (len(chunk) == COLLECTION_SIZE or name in seen or kind != kind_of_chunk):
            yield chunk
            chunk, seen = [], set()
        chunk.append(change)
        seen.add(name)
        kind_of_chunk = kind
    if chunk:
        yield chunk


def path_of(object: str, part: Sequence[Outgoing]) -> str:
    """Where the rows of one request go."""
    key_field = key_field_of(part[0].change)
    return f"composite/sobjects/{object}/{key_field}" if key_field else "composite/sobjects"


def body_of(part: Sequence[Outgoing]) -> dict[str, Any]:
    """The rows of one request, each to succeed or fail by itself."""
    return {"allOrNone": False, "records": [sent.row for sent in part]}


def matched(part: Sequence[Outgoing], results: Any) -> list[Answered]:
    """Rows of an answer beside the changes, which they follow in order. An answer of another length tells nothing of any."""
    if not isinstance(results, list) or len(results) != len(part):
        return [Answered(sent, error=VendorError("ANSWER_MISMATCH", ""), outcome="unknown") for sent in part]
    return [_matched(sent, result) for sent, result in zip(part, results, strict=True)]


def _matched(sent: Outgoing, result: Any) -> Answered:
    row = result if isinstance(result, dict) else {}
    if row.get("success"):
        # The change's own record, also where its account was written for it.
        named = sent.change.record_id or row.get("id") or ""
        return Answered(sent, to_18(str(named)) or None, bool(row.get("created")))
    errors = errors_of(row.get("errors"))
    return Answered(sent, error=errors[0] if errors else VendorError("UNKNOWN", ""))


def without_named(part: Sequence[Outgoing], error: VendorError) -> list[Outgoing]:
    """The rows that carry no field that a refusal of the whole names: one field that we may not write refuses all rows of a call.
    None where it names none of them, or they all carry it."""
    named = named_in(error.message, sorted({field for sent in part for field in sent.values}))
    return [sent for sent in part if named.isdisjoint(sent.values)] if named else []


def compare(change: Change, current: RawRecord | None, types: Mapping[str, str] | None = None) -> Receipt | None:
    """The receipt of an update that is not to be sent, None where it is. `types` are describe's, by field."""
    if current is None:
        return Receipt(change.key, "rejected", change.record_id, code="NOT_FOUND", details={"class": "gone"})
    if current.is_deleted:
        details = {"class": "moved", "replaced_by": current.replaced_by}
        return Receipt(change.key, "conflict", current.id, current.modified_at, "ENTITY_IS_DELETED", details=details)
    if _holds(change, current, types or {}):
        return Receipt(change.key, "unchanged", current.id, current.modified_at)
    expected = change.expected_modified_at
    if expected is not None and current.modified_at is not None and current.modified_at > expected:
        return Receipt(change.key, "conflict", current.id, current.modified_at, "moved", details={"class": "moved"})
    return None


def confirmed(answered: Answered, current: RawRecord | None, types: Mapping[str, str] | None = None) -> Receipt:
    """The receipt of a row that the org says it took, with what is there now. The org's own automation has the last word:
    fields that it put back or changed are named, and a write of which nothing stayed was refused in effect."""
    change, created = answered.change, {"created": True} if answered.is_created else {}
    if current is None:
        return Receipt(change.key, "written", answered.id, details=created)
    differing = _differing(change, current, types or {})
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


def goes_again(answered: Answered, raced: set[str]) -> bool:
    """Whether a row is sent again in this run; `raced` are the changes that lost a race before."""
    if answered.error is None or answered.outcome is not None:
        return False
    kind = row_class(answered.error)
    if kind == "once" and answered.change.operation == "upsert" and answered.change.key not in raced:
        raced.add(answered.change.key)
        return True
    return kind == "again"


def key_field_of(change: Change) -> str | None:
    return change.key_field if change.operation == "upsert" else None


def name_of(change: Change) -> str:
    """What names the row to Salesforce; empty where nothing does."""
    if change.operation == "upsert":
        return f"{change.key_field}={change.key_value}" if change.key_field and change.key_value else ""
    if change.operation == "create":
        return change.key_value or change.key
    return to_18(change.record_id or "")


def fields_of(changes: Iterable[Change]) -> tuple[str, ...]:
    """Every field that some change writes."""
    return tuple(dict.fromkeys(diff.field for change in changes for diff in change.fields))


def _kind(change: Change) -> tuple[str, str | None]:
    return change.operation, key_field_of(change)


def _differing(change: Change, current: RawRecord, types: Mapping[str, str]) -> list[str]:
    """The fields that are seen not to hold the wanted value."""
    held = current.fields
    return [
        diff.field
        for diff in change.fields
        if diff.field in held and not is_same(held[diff.field], diff.desired, types.get(diff.field, ""))
    ]


def _holds(change: Change, current: RawRecord, types: Mapping[str, str]) -> bool:
    """Whether every field is seen to hold the wanted value. Of one that cannot be read only sending makes sure."""
    held = current.fields
    for diff in change.fields:
        if diff.field not in held or not is_same(held[diff.field], diff.desired, types.get(diff.field, "")):
            return False
    return True
