"""What undoes a change, and what of a later change is the same wish again: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.changes import Change, FieldDiff
from crmsync.model.records import RawRecord, RecordRef
from crmsync.planning.diff import FieldRule
from crmsync.planning.holds import hold_back
from crmsync.planning.undo import TakenBack, Written, take_back

AT = datetime(2026, 6, 1, tzinfo=UTC)
REF = RecordRef("sfa", "contacts", "1")
RULES = {
    "phase": FieldRule("crmsync_owns"),
    "score": FieldRule("crmsync_owns", tolerance=2),
    "reason": FieldRule("crmsync_owns", alone=False),
}


def _same(_field: str, a: Any, b: Any) -> bool:
    return a == b


def _change(**fields: tuple[Any, Any]) -> Change:
    diffs = tuple(FieldDiff(name, None, before, after) for name, (before, after) in fields.items())
    return Change("k", "sfa", "contacts", "update", diffs, "p1", "1")


def _taken(change: Change, now: dict[str, Any] | None, **more: Any) -> TakenBack:
    record = None if now is None else RawRecord("contacts", "1", now, AT)
    writable = frozenset(change.values()) | {"done"}
    return take_back(Written(change, REF, record, writable=writable, **more), "run", _same)


@pytest.mark.parametrize(
    ("now", "later", "put_back", "why"),
    [
        ("ours", {}, "former", ""),
        ("former", {}, None, ""),
        ("theirs", {}, None, "changed_since"),
        ("newer", {"phase": "newer"}, None, "written_since"),
    ],
)
def test_what_the_crm_holds_now_says_what_an_undo_does(now: str, later: dict[str, Any], put_back: str | None, why: str) -> None:
    found = _taken(_change(phase=("former", "ours")), {"phase": now}, later=later)
    assert (found.change.values() if found.change else {}) == ({"phase": put_back} if put_back else {})
    assert [left.why for left in found.refused] == ([why] if why else [])
    assert ("phase" in found.undone) is (not why)


def test_a_field_that_is_not_ours_any_more_is_left_alone() -> None:
    written = Written(_change(phase=("former", "ours")), REF, RawRecord("contacts", "1", {"phase": "ours"}, AT))
    assert [left.why for left in take_back(written, "run", _same).refused] == ["not_writable"]


def test_the_change_names_the_version_that_was_read() -> None:
    found = _taken(_change(phase=("former", "ours")), {"phase": "ours"})
    assert found.change is not None
    assert (found.change.expected_modified_at, found.change.undoes) == (AT, "run")


def test_what_a_task_showed_before_anybody_saw_it_is_not_guessed() -> None:
    task = replace(_change(done=(None, "true")), key_value="clock")
    assert [left.why for left in _taken(task, {"done": "true"}).refused] == ["former_unknown"]
    assert _taken(replace(task, undoes="r"), {"done": "true"}).change is not None


def test_a_task_that_somebody_works_on_is_not_closed() -> None:
    made = replace(_change(subject=(None, "Call")), operation="upsert", key_value="clock", record_id=None)
    assert _taken(made, {"subject": "Call"}, closing={"done": "true"}).change.values() == {"done": "true"}  # type: ignore[union-attr]
    assert [left.why for left in _taken(made, {"subject": "Mine"}, closing={"done": "true"}).refused] == ["changed_since"]
    assert _taken(made, {"subject": "Call", "done": "true"}, closing={"done": "true"}) == TakenBack(None, (), {})


VALUES = st.sampled_from(["a", "b", "c", None])


@given(st.dictionaries(st.sampled_from(["phase", "score", "reason"]), st.tuples(VALUES, VALUES), min_size=1), st.data())
def test_an_undo_writes_former_values_where_ours_stand_and_nothing_else(fields: dict[str, Any], data: st.DataObject) -> None:
    change = _change(**fields)
    now = {name: data.draw(VALUES) for name in fields}
    found = _taken(change, now)
    for name, (former, ours) in fields.items():
        expected = former if now[name] == ours and former != ours else now[name]
        assert {**now, **(found.change.values() if found.change else {})}[name] == expected


def _left(change: Change, held: dict[str, Any]) -> dict[str, Any] | None:
    left, _ = hold_back(change, held, RULES, _same)
    return left.values() if left else None


def test_the_same_wish_is_held() -> None:
    assert _left(_change(phase=("inquiry", "mql")), {"phase": "mql"}) is None


def test_another_wish_is_written() -> None:
    assert _left(_change(phase=("inquiry", "sql")), {"phase": "mql"}) == {"phase": "sql"}


def test_a_figure_that_only_drifts_is_the_same_wish() -> None:
    assert _left(_change(score=(0, 19)), {"score": 20}) is None
    assert _left(_change(score=(0, 30)), {"score": 20}) == {"score": 30}


def test_a_text_is_held_until_something_it_goes_along_with_is_written() -> None:
    held = {"phase": "mql", "reason": "old"}
    assert _left(_change(phase=("inquiry", "mql"), reason=("", "new")), held) is None
    assert _left(_change(phase=("inquiry", "sql"), reason=("", "new")), held) == {"phase": "sql", "reason": "new"}


def test_what_is_left_is_another_wish_with_a_key_of_its_own() -> None:
    change = _change(phase=("inquiry", "mql"), score=(0, 30))
    left, stopped = hold_back(change, {"phase": "mql"}, RULES, _same)
    assert left is not None
    assert (left.key != change.key, left.values(), [s.why for s in stopped]) == (True, {"score": 30}, ["undone"])


def test_a_change_to_a_record_where_nothing_is_held_stays_as_it_is() -> None:
    change = _change(phase=("inquiry", "mql"))
    assert hold_back(change, {"score": 3}, RULES, _same) == (change, ())
