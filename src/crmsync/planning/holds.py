"""What an undo put back stays as it is: the same wish is not written there again.

A field is held as long as we would write what was undone: the same value, one within the field's tolerance of it, or a text that
only ever goes along. A wish that is another ends the hold: what is known, or what was agreed, has changed since. Texts that go
along with other fields go along again as soon as one of those is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from crmsync.model.changes import Change, FieldDiff, Refused
from crmsync.planning.diff import FieldRule, is_within
from crmsync.planning.plan import change_key

_UNSAID = FieldRule("crmsync_owns")


def hold_back(
    change: Change, held: Mapping[str, Any], rules: Mapping[str, FieldRule], same: Callable[[str, Any, Any], bool]
) -> tuple[Change | None, tuple[Refused, ...]]:
    """The change without what is held, None where nothing is left that is a reason to write; and what was held back. `held` is
    field → the wish that was undone, of the change's record."""

    def is_held(diff: FieldDiff) -> bool:
        rule = rules.get(diff.field, _UNSAID)
        if diff.field not in held:
            return False
        is_same = same(diff.field, diff.desired, held[diff.field])
        return is_same or not rule.alone or is_within(rule.tolerance, held[diff.field], diff.desired)

    def is_reason(diff: FieldDiff) -> bool:
        rule = rules.get(diff.field, _UNSAID)
        return rule.alone and not is_within(rule.tolerance, diff.current, diff.desired)

    stopped = [diff for diff in change.fields if is_held(diff)]
    if not stopped or change.ref is None:
        return change, ()
    free = [diff for diff in change.fields if diff not in stopped]
    if not any(is_reason(diff) for diff in free):
        return None, _refused(change, stopped)
    going_along = [diff for diff in stopped if not rules.get(diff.field, _UNSAID).alone]
    kept = tuple(diff for diff in change.fields if diff in free or diff in going_along)
    return _with_fields(change, kept), _refused(change, [diff for diff in stopped if diff not in going_along])


def _refused(change: Change, diffs: list[FieldDiff]) -> tuple[Refused, ...]:
    assert change.ref is not None  # noqa: S101 - only updates are held back
    return tuple(Refused(change.ref, diff.field, diff.current, diff.desired, "undone") for diff in diffs)


def _with_fields(change: Change, fields: tuple[FieldDiff, ...]) -> Change:
    values = {diff.field: diff.desired for diff in fields}
    record = change.key_value or change.record_id or ""
    return replace(change, fields=fields, key=change_key(change.connection, change.object, record, values))
