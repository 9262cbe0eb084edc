"""What we intend to change in a CRM, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from crmsync.model.records import RecordRef

Policy = Literal["crmsync_owns", "source_wins", "newest_wins", "fill_if_blank"]
WritingPolicy = Literal["observe", "create-only", "no-clear", "full"]
Operation = Literal["update", "upsert", "create"]
Outcome = Literal["written", "unchanged", "conflict", "rejected", "retry", "unknown"]
# Why a CRM refuses a change, in words that say who can mend it; each stands in the catalogue with its remedy.
Cause = Literal[
    "required_field",
    "validation_rule",
    "duplicate",
    "not_an_option",
    "bad_value",
    "too_long",
    "no_such_field",
    "no_field_access",
    "no_record_access",
    "read_only_record",
    "inactive_owner",
    "record_gone",
    "list_gone",
    "list_not_static",
    "automation",
    "overruled",
    "limit",
    "our_key",
    "other",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field's new value beside the two it was compared with. Values are canonical JSON scalars of the vendor's field. `alone`:
    it is a reason to write by itself, and does not just go along with one."""

    field: str
    base: Any
    current: Any
    desired: Any
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Association:
    """A link that a created record must carry from its first moment (a task to its person)."""

    object: str
    id: str


@dataclass(frozen=True, slots=True)
class Change:
    """One intended write: the unit of plan, audit, retry and undo.

    `key` is deterministic from what is wanted (connection, record, field values), so the same wish has the same key.
    An update names `record_id`; an upsert names the unique field (`key_field`, `key_value`) by which the CRM itself makes
    a repeated create harmless; an update of a record that we created by key carries the key as well. A create is for CRMs
    without such a field: its key stands in a text, nothing makes its repetition harmless, and it is sent once or not at all.
    `expected_modified_at` is the stamp of the version we decided on: a record that has moved since is a conflict, and is
    read and decided again. `undoes` is the run that it takes back."""

    key: str
    connection: str
    object: str
    operation: Operation
    fields: tuple[FieldDiff, ...]
    person_id: str
    record_id: str | None = None
    key_field: str | None = None
    key_value: str | None = None
    associations: tuple[Association, ...] = ()
    expected_modified_at: datetime | None = None
    because: str = ""
    undoes: str = ""

    @property
    def ref(self) -> RecordRef | None:
        return RecordRef(self.connection, self.object, self.record_id) if self.record_id else None

    def values(self) -> dict[str, Any]:
        """Vendor field → desired value."""
        return {change.field: change.desired for change in self.fields}


@dataclass(frozen=True, slots=True)
class Refused:
    """A difference that we saw and leave alone, with why ("human_edit", "not_writable", "field_missing", …)."""

    ref: RecordRef
    field: str
    current: Any
    desired: Any
    why: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """A change, or a part of one, that is not made for now, with why: the policy of its connection (the policy's name), or
    "rollout"."""

    change: Change
    why: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A guard that tripped: of `population`, `counted` are concerned, and no more than the share `limit` may be. `about` says of
    what more exactly: an object of the CRM, the user whose records would be taken away."""

    connection: str
    guard: str
    population: int
    counted: int
    limit: float
    about: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one cycle would change. `digest` identifies exactly this list; `apply` refuses any other. What is `withheld` is
    no part of it. To a connection with an alarm nothing of it is sent before a person has released it."""

    digest: str
    now: datetime
    changes: tuple[Change, ...]
    refused: tuple[Refused, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    @property
    def halted(self) -> frozenset[str]:
        """The connections to which nothing is sent."""
        return frozenset(alarm.connection for alarm in self.alarms)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one Change. `message` is the vendor's own; `code` the vendor's code or ours ("unchanged_after_write").
    `record_id` and `modified_at` are the CRM's, where it said them."""

    key: str
    outcome: Outcome
    record_id: str | None = None
    modified_at: datetime | None = None
    code: str = ""
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
