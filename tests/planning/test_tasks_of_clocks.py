"""One task per clock: made once, kept in step, closed with its clock, never opened again."""

from __future__ import annotations

from typing import Any

from crmsync.mapping import same
from crmsync.model.changes import Association, Change
from crmsync.model.records import RecordRef
from crmsync.planning.tasks import TaskTarget, diff_task

KEY = "p1:first_approach:0:1"
WHO = Association("Lead", "00Q1")


def _diff(
    desired: dict[str, Any],
    current: dict[str, Any] | None,
    *,
    is_open: bool = True,
    is_closed: bool = False,
    is_loose: bool = False,
    person: Association = WHO,
):
    target = TaskTarget(
        ref=RecordRef("sfa", "Task", "t1" if current is not None else ""),
        person_id="p1",
        key_field="key",
        key=KEY,
        person=person,
        current=current,
        is_closed=is_closed,
        is_loose=is_loose,
    )
    return diff_task(target, desired, lambda _n, a, b: same("string", a, b), is_open=is_open, because="first_approach")


def _made(desired: dict[str, Any], current: dict[str, Any] | None, **how: Any) -> Change:
    change = _diff(desired, current, **how)
    assert change is not None
    return change


def test_a_task_that_was_never_made_is_made_by_its_key_and_tied_to_its_person() -> None:
    change = _made({"subject": "Call", "owner": "u1"}, None)
    assert (change.operation, change.key_field, change.key_value, change.record_id) == ("upsert", "key", KEY, None)
    assert change.associations == (Association("Lead", "00Q1"),)
    assert change.values() == {"subject": "Call", "owner": "u1"}


def test_a_task_that_was_never_made_is_not_made_just_to_be_closed() -> None:
    assert _diff({"status": "done"}, None, is_open=False) is None


def test_a_task_that_stands_as_it_should_is_left_alone() -> None:
    assert _diff({"owner": "u1"}, {"owner": "u1", "subject": "Call"}) is None


def test_a_task_moves_with_its_owner() -> None:
    change = _made({"owner": "u2", "due": "tomorrow"}, {"owner": "u1", "due": "tomorrow"})
    assert (change.operation, change.record_id, change.key_value) == ("update", "t1", KEY)
    assert change.values() == {"owner": "u2"}
    assert change.associations == ()


def test_a_task_is_closed_with_its_clock_where_it_is_open() -> None:
    assert _made({"status": "done"}, {"status": "open"}, is_open=False).values() == {"status": "done"}


def test_a_task_that_a_rep_closed_is_neither_opened_nor_changed() -> None:
    assert _diff({"owner": "u2", "status": "open"}, {"owner": "u1", "status": "done"}, is_closed=True) is None


def test_a_task_that_a_rep_deleted_is_not_made_again() -> None:
    assert _diff({"owner": "u1"}, {}, is_closed=True) is None


def test_the_same_wish_for_the_same_clock_has_the_same_key() -> None:
    assert _made({"owner": "u1"}, None).key == _made({"owner": "u1"}, None).key
    assert _made({"owner": "u1"}, None).key != _made({"owner": "u2"}, None).key


def test_a_task_that_stands_tied_to_nobody_is_tied_to_its_person_though_all_it_says_is_right() -> None:
    """As where HubSpot took the task and not its tie, for the contact had been merged into another a moment before."""
    change = _made({"owner": "u1"}, {"owner": "u1"}, is_loose=True)
    assert (change.operation, change.record_id, change.fields) == ("update", "t1", ())
    assert change.associations == (Association("Lead", "00Q1"),)


def test_a_tie_that_was_refused_does_not_stand_in_the_way_of_one_to_another_record() -> None:
    first, second = (_made({"owner": "u1"}, {"owner": "u1"}, is_loose=True, person=Association("Lead", id_)) for id_ in ("a", "b"))
    assert first.key != second.key


def test_a_task_without_a_tie_is_not_tied_just_as_it_is_closed() -> None:
    change = _made({"status": "done"}, {"status": "open"}, is_open=False, is_loose=True)
    assert change.associations == ()
