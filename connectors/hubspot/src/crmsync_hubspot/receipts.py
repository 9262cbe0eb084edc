"""What became of each row of a batch: matching answers to inputs, and errors to outcomes. Pure.

The order of a batch's answer is free; rows are matched by the `objectWriteTraceId` that every input carries, else by id. A row
that is neither among the results nor named by an error is never taken for written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from crmsync.errors import CrmsyncError
from crmsync.model.changes import Change, Outcome, Receipt
from crmsync_hubspot.faults import Fault, fault_of
from crmsync_hubspot.portal import Answer
from crmsync_hubspot.values import instant

Row = Mapping[str, Any]

UNANSWERED = "UNANSWERED"


class Input(NamedTuple):
    """One row of a batch write. `trace` is unique in the batch and derived from the change, so that HubSpot's log and ours
    name it alike. A tuple, as there is one for each update: a frozen dataclass takes three times as long to make."""

    change: Change
    id: str
    properties: dict[str, str]
    trace: str
    id_property: str | None = None

    @classmethod
    def of(cls, change: Change, id: str, properties: dict[str, str], id_property: str | None = None) -> Input:
        return cls(
            change, id, properties, trace_of(change), id_property
        )  # the trace once: a batch is matched by it again and again

    @property
    def name(self) -> tuple[str | None, str]:
        """What tells this row from others where no trace id does. HubSpot keeps some keys, such as e-mail addresses, in small
        letters."""
        return self.id_property, self.id if self.id_property is None else self.id.lower()

    def body(self) -> dict[str, Any]:
        """The row as HubSpot takes it."""
        row: dict[str, Any] = {"id": self.id, "properties": self.properties, "objectWriteTraceId": self.trace}
        return {**row, "idProperty": self.id_property} if self.id_property else row


@dataclass(frozen=True, slots=True)
class Matched:
    """What an answer settles, and the rows that must be sent again in smaller runs (nothing of them was written)."""

    settled: Mapping[str, Row | Fault]
    again: tuple[Sequence[Input], ...] = field(default=())


def trace_of(change: Change) -> str:
    """The trace id of a change: 16 hexadecimal digits of its key."""
    return hashlib.sha256(change.key.encode()).hexdigest()[:16]


def match(answer: Answer, inputs: Sequence[Input]) -> Matched:
    """Settle what the answer to these inputs says."""
    return _match_rows(answer, inputs) if answer.status < 300 else _match_refusal(answer, inputs)


def _match_rows(answer: Answer, inputs: Sequence[Input]) -> Matched:
    body: Row = answer.body if isinstance(answer.body, Mapping) else {}
    settled: dict[str, Row | Fault] = {}
    errors = body.get("errors") or ()
    is_alone = len(inputs) == len(answer.rows) == 1 and not errors
    input_of = _finder(inputs)
    for row in answer.rows:
        found = inputs[0] if is_alone else input_of(row)
        if found is not None:
            settled[found.trace] = row
    unnamed: list[Fault] = []
    for error in errors:
        fault = fault_of(400, error)
        named = [one for one in inputs if one.trace not in settled and _is_named(one, fault)]
        settled.update({one.trace: fault for one in named})
        if not named:
            unnamed.append(fault)
    left = [one for one in inputs if one.trace not in settled]
    if len(left) > 1:
        return Matched(settled, halves(left))
    reason = unnamed[0] if unnamed else Fault(answer.status, UNANSWERED, "")
    return Matched(settled | {one.trace: reason for one in left})


def _match_refusal(answer: Answer, inputs: Sequence[Input]) -> Matched:
    """Without trace ids taken one bad row refuses the whole batch: the named rows are out, else it is halved down to it."""
    fault = fault_of(answer.status, answer.body, answer.text)
    if len(inputs) == 1 or answer.status == 403 or fault.is_non_unique_key:
        return Matched({one.trace: fault for one in inputs})
    named = [one for one in inputs if _is_named(one, fault) or (fault.rule.is_of_field and _has_any(one, fault.properties))]
    if fault.rule.is_of_field and len(named) == len(inputs):
        return Matched({one.trace: fault for one in inputs})
    if named and len(named) < len(inputs):
        return Matched({one.trace: fault for one in named}, ([one for one in inputs if one not in named],))
    return Matched({}, halves(inputs))


def halves(inputs: Sequence[Input]) -> tuple[Sequence[Input], Sequence[Input]]:
    """Two runs of at least one row each."""
    middle = len(inputs) // 2
    return inputs[:middle], inputs[middle:]


def _finder(inputs: Sequence[Input]) -> Callable[[Row], Input | None]:
    """Which of these inputs a row is about: by its trace id, else by what names it; of several the first."""
    traced = {one.trace: one for one in reversed(inputs)}
    keys = {one.id_property for one in inputs}
    named: dict[tuple[str | None, str], Input] = {}  # made when a row comes without a trace

    def input_of(row: Row) -> Input | None:
        found = traced.get(str(row.get("objectWriteTraceId")))
        if found is not None:
            return found
        if not named:
            named.update((one.name, one) for one in reversed(inputs))
        names = (_name_of(row, key) for key in keys)
        return next((named[name] for name in names if name in named), None)

    return input_of


def _name_of(row: Row, key: str | None) -> tuple[str | None, str]:
    """What names a row without a trace id: its id, or its value of the unique property."""
    return key, str(row.get("id")) if key is None else str(properties_of(row).get(key)).lower()


def _has_any(one: Input, properties: Sequence[str]) -> bool:
    return not one.properties.keys().isdisjoint(properties)


def _is_named(one: Input, fault: Fault) -> bool:
    return one.trace in fault.trace_ids or one.id in fault.ids


def outcome_of(fault: Fault) -> Outcome:
    """What a fault makes of the change that met it, by the error table (rules.py)."""
    return "unknown" if fault.code == UNANSWERED else fault.rule.outcome


def refused(change: Change, fault: Fault, record_id: str | None = None) -> Receipt:
    """The receipt of a change that HubSpot refused, with what an admin needs to mend it."""
    details: dict[str, Any] = {}
    if fault.existing_id:
        details["existing_id"] = fault.existing_id
    if fault.properties:
        details["properties"] = list(fault.properties)
    return Receipt(change.key, outcome_of(fault), record_id or change.record_id, None, fault.code, fault.message, details)


def failed(change: Change, error: CrmsyncError, outcome: Outcome) -> Receipt:
    """The receipt of a change whose call did not come through."""
    code, message = str(error.params.get("vendor_code") or error.code), str(error.params.get("message") or "")
    return Receipt(change.key, outcome, change.record_id, None, code, message)


def own(change: Change, outcome: Outcome, code: str, row: Row | None = None, **details: Any) -> Receipt:
    """A receipt of our own finding ("unchanged_after_write", "moved", …), with the record as we saw it."""
    if not row:
        return Receipt(change.key, outcome, change.record_id, None, code, "", details)
    return Receipt(change.key, outcome, str(row["id"]), modified_of(row), code, "", details)


def properties_of(row: Row) -> Mapping[str, Any]:
    """The properties of a row; some answers have none, or null."""
    return row.get("properties") or {}


def modified_of(row: Row) -> datetime | None:
    """The change stamp of a row."""
    stamp = row.get("updatedAt")
    if not stamp:
        properties = properties_of(row)
        stamp = properties.get("lastmodifieddate") or properties.get("hs_lastmodifieddate")
    return instant(stamp)


def has_moved(expected: datetime | None, live: datetime | None) -> bool:
    """Whether the record was edited since the version that was decided on. Search may cut the milliseconds off that version's
    stamp: a stamp without any is compared to the second."""
    if expected is None or live is None:
        return False
    return (live if expected.microsecond else live.replace(microsecond=0)) > expected
