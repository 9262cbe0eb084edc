"""Taking back what a run wrote: former values where the CRM still holds ours, a word where it does not.

    the CRM holds now   →
    what we wrote       the former value is put back
    the former value    nothing: it is back already
    what we wrote later left alone, written_since: undo the later run first
    anything else       left alone, changed_since: somebody's word stands
    no such record      left alone, record_gone

A record that the run created is never deleted: a task is closed, unless somebody has worked on it since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmsync.model.changes import Change, FieldDiff, Refused
from crmsync.model.records import RawRecord, RecordRef
from crmsync.planning.plan import change_key


@dataclass(frozen=True, slots=True)
class Written:
    """A change that arrived, and what is to be known to take it back: its record as the CRM shows it now (None: it is gone),
    what we wrote there since by field, which of its fields we may still write. For one that created the record, `closing` are the
    values that close it."""

    change: Change
    ref: RecordRef
    now: RawRecord | None
    later: Mapping[str, Any] = field(default_factory=dict)
    writable: frozenset[str] = frozenset()
    closing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_creation(self) -> bool:
        return self.change.operation != "update"


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The change that takes a change back, what is left alone and why, and field → the wish that is not to be written again."""

    change: Change | None
    refused: tuple[Refused, ...]
    undone: Mapping[str, Any]


def take_back(written: Written, run_id: str, same: Callable[[str, Any, Any], bool]) -> TakenBack:
    """What undoes one change of a run."""
    if written.now is None:
        return TakenBack(None, (Refused(written.ref, "", None, None, "record_gone"),), {})
    diffs, refused, undone = _closing(written, same) if written.is_creation else _former(written, same)
    return TakenBack(_change(written, tuple(diffs), run_id), tuple(refused), undone)


_Found = tuple[list[FieldDiff], list[Refused], dict[str, Any]]


def _former(written: Written, same: Callable[[str, Any, Any], bool]) -> _Found:
    diffs: list[FieldDiff] = []
    refused: list[Refused] = []
    undone: dict[str, Any] = {}
    for diff in written.change.fields:
        current = _shown(written, diff.field)
        why = _why_not(written, diff, same)
        if same(diff.field, current, diff.current):
            undone[diff.field] = diff.desired
        elif why:
            refused.append(Refused(written.ref, diff.field, current, diff.current, why))
        else:
            diffs.append(FieldDiff(diff.field, diff.desired, current, diff.current))
            undone[diff.field] = diff.desired
    return diffs, refused, undone


def _why_not(written: Written, diff: FieldDiff, same: Callable[[str, Any, Any], bool]) -> str:
    """Why a field is left alone; empty where its former value can be put back."""
    current = _shown(written, diff.field)
    if diff.field not in written.writable:
        return "not_writable"
    if not same(diff.field, current, diff.desired):
        is_ours = diff.field in written.later and same(diff.field, current, written.later[diff.field])
        return "written_since" if is_ours else "changed_since"
    # What a task held before its first pull was never seen: blank would be a guess. An undo has read it.
    is_guess = written.change.key_value is not None and diff.current is None and not written.change.undoes
    return "former_unknown" if is_guess else ""


def _closing(written: Written, same: Callable[[str, Any, Any], bool]) -> _Found:
    """Close what was created, unless somebody has made it theirs: another value stands in a field that we wrote."""
    ours = {**written.change.values(), **written.later}
    touched = [name for name, value in ours.items() if name not in written.closing and not same(name, _shown(written, name), value)]
    is_closed = all(same(name, _shown(written, name), value) for name, value in written.closing.items())
    if is_closed and written.closing:
        return [], [], {}
    if touched or not written.closing:
        why = "changed_since" if touched else "not_writable"
        return [], [Refused(written.ref, name, _shown(written, name), None, why) for name in touched[:1] or [""]], {}
    diffs = [FieldDiff(name, None, _shown(written, name), value) for name, value in written.closing.items()]
    return diffs, [], {}


def _shown(written: Written, name: str) -> Any:
    assert written.now is not None  # noqa: S101 - a record that is gone shows nothing
    return written.now.fields.get(name)


def _change(written: Written, diffs: tuple[FieldDiff, ...], run_id: str) -> Change | None:
    if not diffs or written.now is None:
        return None
    change, ref = written.change, written.ref
    return Change(
        key=change_key(ref.connection, ref.object, f"{ref.id} undo {run_id}", {d.field: d.desired for d in diffs}),
        connection=ref.connection,
        object=ref.object,
        operation="update",
        fields=diffs,
        person_id=change.person_id,
        record_id=ref.id,
        key_field=change.key_field,
        key_value=change.key_value,
        expected_modified_at=written.now.modified_at,
        because="undo",
        undoes=run_id,
    )
