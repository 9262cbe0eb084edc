"""The one task of a clock: created once by key, kept in step while open, closed with its clock, never re-opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crmsync.model.changes import Association, Change, FieldDiff, Operation
from crmsync.model.records import RecordRef
from crmsync.planning.plan import change_key


@dataclass(frozen=True, slots=True)
class TaskTarget:
    """Where a task stands or shall stand. `ref.id` is empty until the CRM has given it one; `current` is what it holds as far
    as we know, None where it was never created. `is_loose` is a task that stands there and that we never saw tied to its person:
    its create was cut short, or the CRM would not tie it (the person's record had just been merged away)."""

    ref: RecordRef
    person_id: str
    key_field: str
    key: str
    person: Association | None
    current: Mapping[str, Any] | None
    is_closed: bool
    creation: Operation = "upsert"
    is_loose: bool = False


def diff_task(
    target: TaskTarget, desired: Mapping[str, Any], same: Callable[[str, Any, Any], bool], *, is_open: bool, because: str
) -> Change | None:
    """The change that brings the task to `desired` (vendor fields), or None. A task that a rep closed stays closed, and one
    that was never created is not created just to be closed."""
    if target.current is None:
        return _create(target, desired, because) if is_open else None
    if target.is_closed:
        return None
    diffs = tuple(
        FieldDiff(name, target.current.get(name), target.current.get(name), value)
        for name, value in desired.items()
        if not same(name, target.current.get(name), value)
    )
    ties = (target.person,) if target.person and target.is_loose and is_open else ()
    if not diffs and not ties:
        return None
    ref, values = target.ref, {d.field: d.desired for d in diffs}
    # Whom it is tied to is part of the wish: a tie that was refused does not stand in the way of one to another record.
    values |= {f"associations.{tie.object}": tie.id for tie in ties}
    return Change(
        key=change_key(ref.connection, ref.object, target.key, values),
        connection=ref.connection,
        object=ref.object,
        operation="update",
        fields=diffs,
        person_id=target.person_id,
        record_id=ref.id,
        key_field=target.key_field,
        key_value=target.key,
        associations=ties,
        because=because,
    )


def _create(target: TaskTarget, desired: Mapping[str, Any], because: str) -> Change:
    ref = target.ref
    return Change(
        key=change_key(ref.connection, ref.object, target.key, desired),
        connection=ref.connection,
        object=ref.object,
        operation=target.creation,
        fields=tuple(FieldDiff(name, None, None, value) for name, value in desired.items()),
        person_id=target.person_id,
        key_field=target.key_field,
        key_value=target.key,
        associations=(target.person,) if target.person else (),
        because=because,
    )
