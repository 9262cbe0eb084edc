"""The table at the top of diff.py, row by row, on values alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.mapping import same
from crmsync.model.records import RecordRef
from crmsync.planning.diff import FieldRule, Target, diff_record

REF = RecordRef("sfa", "Lead", "00Q1")
STAMP = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING = object()


def _same(_name: str, a: Any, b: Any) -> bool:
    return same("string", a, b)


def _diff(policy: str, *, base: Any = NOTHING, current: Any = None, desired: Any = NOTHING, **rule: Any):
    bases = {} if base is NOTHING else {"f": base}
    wanted = {} if desired is NOTHING else {"f": desired}
    target = Target(REF, "p1", STAMP, {"f": current}, bases)
    return diff_record(target, wanted, {"f": FieldRule(policy, **rule)}, _same, "mql")  # type: ignore[arg-type]


def check(policy: str, expected: str, *, base: Any = NOTHING, current: Any = None, desired: Any = NOTHING) -> None:
    """`expected` is "write", "nothing", "accounted" or "human_edit"."""
    diff = _diff(policy, base=base, current=current, desired=desired)
    found = "write" if diff.change else diff.refused[0].why if diff.refused else "accounted" if diff.accounted else "nothing"
    assert found == expected
    if expected == "write":
        assert diff.change is not None
        assert diff.change.values() == {"f": desired}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("crmsync_owns", "nothing"), ("newest_wins", "accounted"), ("fill_if_blank", "nothing"), ("source_wins", "nothing")],
)
def test_what_stands_there_already_is_not_written(policy: str, expected: str) -> None:
    check(policy, expected, current="d", desired="d")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("crmsync_owns", "nothing"), ("newest_wins", "accounted"), ("fill_if_blank", "nothing"), ("source_wins", "nothing")],
)
def test_where_nothing_is_wanted_nothing_is_written_and_what_people_set_is_taken_into_account(policy: str, expected: str) -> None:
    check(policy, expected, base="b", current="c")


def test_what_crmsync_owns_is_written_whatever_stands_there() -> None:
    check("crmsync_owns", "write", current="c", desired="d")
    check("crmsync_owns", "write", base="b", current="c", desired="d")
    check("crmsync_owns", "write", current=None, desired="d")


def test_a_shared_field_that_nobody_has_touched_since_is_written() -> None:
    check("newest_wins", "write", base="b", current="b", desired="d")


def test_a_shared_field_of_which_we_never_said_anything_is_written() -> None:
    check("newest_wins", "write", current="c", desired="d")


def test_a_shared_field_that_a_person_touched_after_us_is_refused() -> None:
    check("newest_wins", "human_edit", base="b", current="c", desired="d")
    check("newest_wins", "human_edit", base=None, current="c", desired="d")


@pytest.mark.parametrize("blank", [None, ""])
def test_a_shared_field_that_a_person_emptied_is_filled_again(blank: Any) -> None:
    """An owner taken away is no owner chosen, and nobody may be without one."""
    check("newest_wins", "write", base="b", current=blank, desired="d")


def test_an_owner_who_has_left_counts_as_none() -> None:
    target = Target(REF, "p1", STAMP, {"f": "gone"}, {"f": "b"}, void=frozenset({"f"}))
    diff = diff_record(target, {"f": "d"}, {"f": FieldRule("newest_wins")}, _same, "mql")
    assert diff.change is not None
    assert diff.change.values() == {"f": "d"}


def test_a_person_who_did_what_we_wanted_is_taken_into_account() -> None:
    diff = _diff("newest_wins", base="b", current="d", desired="d")
    assert diff.accounted == {"f": "d"}


def test_a_base_that_says_the_same_in_other_words_is_left_as_it_is() -> None:
    assert _diff("newest_wins", base="d ", current="d", desired="d").accounted == {}


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_field_is_filled(blank: Any) -> None:
    check("fill_if_blank", "write", current=blank, desired="d")


def test_a_field_to_be_filled_only_if_blank_is_left_alone_once_it_holds_something() -> None:
    check("fill_if_blank", "nothing", current="c", desired="d")


def test_where_the_source_wins_nothing_is_ever_written() -> None:
    check("source_wins", "nothing", current=None, desired="d")


def test_clearing_is_a_wish_like_any_other() -> None:
    check("crmsync_owns", "write", current="c", desired=None)
    check("crmsync_owns", "nothing", current="", desired=None)


def test_a_change_says_what_it_was_made_from() -> None:
    change = _diff("newest_wins", base="b", current="b", desired="d").change
    assert change is not None
    assert (change.ref, change.operation, change.person_id, change.because) == (REF, "update", "p1", "mql")
    assert change.expected_modified_at == STAMP
    assert [(d.field, d.base, d.current, d.desired) for d in change.fields] == [("f", "b", "b", "d")]


def test_a_wish_for_a_field_without_a_rule_is_never_written() -> None:
    target = Target(REF, "p1", STAMP, {"secret": "c"})
    diff = diff_record(target, {"secret": "d"}, {}, _same, "")
    assert diff.change is None
    assert diff.refused == ()


def test_what_the_crm_cannot_hold_is_named_with_why() -> None:
    target = Target(REF, "p1", STAMP, {"f": "c"})
    diff = diff_record(target, {}, {"f": FieldRule("crmsync_owns")}, _same, "", [("f", "not_an_option")])
    assert [(r.ref, r.field, r.current, r.why) for r in diff.refused] == [(REF, "f", "c", "not_an_option")]


# ----------------------------------------------------------------------------------------------- tolerance, and not alone


def test_a_difference_within_the_tolerance_is_no_reason_to_write() -> None:
    assert _diff("crmsync_owns", current=20.0, desired=18.0, tolerance=2.0).change is None
    assert _diff("crmsync_owns", current=20.0, desired=17.9, tolerance=2.0).change is not None


def test_a_number_that_is_not_there_yet_is_always_a_reason() -> None:
    assert _diff("crmsync_owns", current=None, desired=1.0, tolerance=2.0).change is not None
    assert _diff("crmsync_owns", current="n/a", desired=1.0, tolerance=2.0).change is not None


def test_a_field_that_is_not_written_alone_waits_for_company() -> None:
    assert _diff("crmsync_owns", current="a", desired="b", alone=False).change is None


def test_small_differences_go_along_when_the_record_is_written_anyway() -> None:
    rules = {
        "phase": FieldRule("crmsync_owns"),
        "score": FieldRule("crmsync_owns", tolerance=2.0),
        "reason": FieldRule("crmsync_owns", alone=False),
    }
    target = Target(REF, "p1", STAMP, {"phase": "inquiry", "score": 20.0, "reason": "old"})
    wanted = {"phase": "mql", "score": 19.0, "reason": "new"}
    diff = diff_record(target, wanted, rules, _same, "")
    assert diff.change is not None
    assert diff.change.values() == wanted


def test_a_refused_field_is_no_reason_to_write_the_others_that_wait() -> None:
    rules = {"owner": FieldRule("newest_wins"), "reason": FieldRule("crmsync_owns", alone=False)}
    target = Target(REF, "p1", STAMP, {"owner": "c", "reason": "old"}, {"owner": "b"})
    diff = diff_record(target, {"owner": "d", "reason": "new"}, rules, _same, "")
    assert diff.change is None
    assert [r.field for r in diff.refused] == ["owner"]


# --------------------------------------------------------------------------------------------------------------- always

VALUES = st.sampled_from([None, "", "a", "b", "a "])
POLICIES = st.sampled_from(["crmsync_owns", "newest_wins", "fill_if_blank", "source_wins"])


@given(POLICIES, VALUES, VALUES, st.one_of(st.just(NOTHING), VALUES))
def test_once_written_there_is_nothing_left_to_write(policy: str, current: Any, desired: Any, base: Any) -> None:
    first = _diff(policy, base=base, current=current, desired=desired)
    if first.change is None:
        return
    after = first.change.values()["f"]
    again = _diff(policy, base=after if policy == "newest_wins" else base, current=after, desired=desired)
    assert again.change is None
    assert again.refused == ()


@given(VALUES, VALUES, VALUES)
def test_what_a_person_put_into_a_shared_field_is_never_overwritten(base: Any, current: Any, desired: Any) -> None:
    diff = _diff("newest_wins", base=base, current=current, desired=desired)
    if not _same("f", base, current) and not _same("f", current, None):
        assert diff.change is None
