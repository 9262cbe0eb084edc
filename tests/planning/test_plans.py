"""A plan is a list in one order under one digest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.changes import Change, FieldDiff, Refused
from crmsync.model.records import RecordRef
from crmsync.planning.plan import change_key, is_promised, make_plan

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def _update(record: str, value: str = "mql", *, connection: str = "sfa", object_: str = "Lead", stamp: datetime = NOW) -> Change:
    fields = (FieldDiff("phase", None, "inquiry", value),)
    key = change_key(connection, object_, record, {"phase": value})
    return Change(key, connection, object_, "update", fields, "p1", record_id=record, expected_modified_at=stamp)


def _create(key: str) -> Change:
    fields = (FieldDiff("subject", None, None, "Call"),)
    return Change(change_key("sfa", "Task", key, {}), "sfa", "Task", "upsert", fields, "p1", key_field="key", key_value=key)


CHANGES = [_update("1"), _update("2"), _update("1", connection="ma"), _update("1", object_="Contact"), _create("c1"), _create("c2")]
REFUSED = [Refused(RecordRef("sfa", "Lead", "1"), "OwnerId", "a", wanted, "human_edit") for wanted in ("b", None)]


@given(st.permutations(CHANGES), st.integers(0, 10_000), st.permutations(REFUSED))
def test_equal_wishes_make_the_same_plan_in_any_order_and_at_any_time(order: list, minutes: int, refused: list) -> None:
    plan = make_plan(order, refused, NOW + timedelta(minutes=minutes))
    reference = make_plan(CHANGES, REFUSED, NOW)
    assert (plan.digest, plan.changes, plan.refused) == (reference.digest, reference.changes, reference.refused)


def test_the_digest_does_not_depend_on_when_a_record_was_last_seen_to_change() -> None:
    assert make_plan([_update("1")], [], NOW).digest == make_plan([_update("1", stamp=NOW + timedelta(1))], [], NOW).digest


@pytest.mark.parametrize(
    "other", [_update("1", "sql"), _update("2"), _update("1", connection="ma"), _update("1", object_="Contact"), _create("1")]
)
def test_any_other_write_is_another_digest(other: Change) -> None:
    assert make_plan([_update("1")], [], NOW).digest != make_plan([other], [], NOW).digest


def test_a_plan_with_nothing_in_it_has_a_digest_as_well() -> None:
    assert make_plan([], [], NOW).digest == make_plan([], REFUSED, NOW).digest


def test_changes_of_one_connection_operation_and_object_stand_together() -> None:
    plan = make_plan(CHANGES, [], NOW)
    groups = [(c.connection, not is_promised(c), c.operation, c.object) for c in plan.changes]
    assert groups == sorted(groups)


def test_what_an_sla_promises_goes_before_all_else_of_its_connection() -> None:
    plan = make_plan(CHANGES, [], NOW)
    for connection in {c.connection for c in plan.changes}:
        promised = [is_promised(c) for c in plan.changes if c.connection == connection]
        assert promised == sorted(promised, reverse=True)


def test_a_record_is_diffed_once() -> None:
    with pytest.raises(ValueError, match="a record is diffed once"):
        make_plan([_update("1"), _update("1", "sql")], [], NOW)
    with pytest.raises(ValueError, match="a record is diffed once"):
        make_plan([_create("c1"), _create("c1")], [], NOW)


def test_what_is_left_alone_is_said_once() -> None:
    assert len(make_plan([], [REFUSED[0], REFUSED[0]], NOW).refused) == 1


def test_the_same_wish_has_the_same_key_and_any_other_has_another() -> None:
    key = change_key("sfa", "Lead", "1", {"a": 1, "b": None})
    assert key == change_key("sfa", "Lead", "1", {"b": None, "a": 1})
    others = [("ma", "Lead", "1", {"a": 1, "b": None}), ("sfa", "Lead", "2", {"a": 1, "b": None}), ("sfa", "Lead", "1", {"a": 1})]
    assert key not in {change_key(*other) for other in others}
