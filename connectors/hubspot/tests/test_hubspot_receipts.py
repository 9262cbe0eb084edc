"""Matching answers to inputs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.model.changes import Change, FieldDiff
from crmsync_hubspot.faults import Fault
from crmsync_hubspot.portal import Answer
from crmsync_hubspot.push import runs
from crmsync_hubspot.receipts import UNANSWERED, Input, has_moved, match, outcome_of, refused, trace_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def change(id_: str, *, key: str = "", operation: Any = "update") -> Change:
    diff = FieldDiff("crmsync_phase", "inquiry", "inquiry", "mql")
    return Change(key or f"k{id_}", "hub", "contacts", operation, (diff,), "p", record_id=id_, key_field="k", key_value=id_)


def inputs(*ids: str) -> list[Input]:
    return [Input.of(change(id_), id_, {"crmsync_phase": "mql"}) for id_ in ids]


def answer(status: int, results: Any = (), errors: Any = (), **more: Any) -> Answer:
    body = {"status": "COMPLETE", "results": list(results), "errors": list(errors)} | more
    return Answer(status, body, "")


def test_every_input_carries_a_trace_id_that_is_its_changes_own() -> None:
    one, other = inputs("1", "2")
    assert one.trace != other.trace
    assert one.body()["objectWriteTraceId"] == trace_of(change("1"))
    assert one.body() == {"id": "1", "properties": {"crmsync_phase": "mql"}, "objectWriteTraceId": one.trace}


def test_rows_in_any_order_are_matched_by_trace_id_else_by_id() -> None:
    one, two, three = sent = inputs("1", "2", "3")
    rows = [{"id": "3"}, {"id": "99", "objectWriteTraceId": one.trace}, {"id": "2", "objectWriteTraceId": two.trace}]
    matched = match(answer(200, rows), sent)
    assert {trace: row["id"] for trace, row in matched.settled.items() if not isinstance(row, Fault)} == {
        one.trace: "99",
        two.trace: "2",
        three.trace: "3",
    }
    assert matched.again == ()


def test_rows_of_an_upsert_are_matched_by_the_key_they_were_sent_with() -> None:
    sent = [Input.of(change("a"), "key-a", {}, "crmsync_key"), Input.of(change("b"), "key-b", {}, "crmsync_key")]
    rows = [{"id": "8", "properties": {"crmsync_key": "key-b"}}, {"id": "7", "properties": {"crmsync_key": "key-a"}}]
    settled = match(answer(200, rows), sent).settled
    assert [settled[one.trace]["id"] for one in sent] == ["7", "8"]  # type: ignore[index]  # both are rows


def test_a_207_settles_the_good_and_the_named_bad() -> None:
    good, bad = sent = inputs("1", "2")
    error = {"category": "VALIDATION_ERROR", "message": "no", "context": {"objectWriteTraceId": [bad.trace]}}
    settled = match(answer(207, [{"id": "1", "objectWriteTraceId": good.trace}], [error]), sent).settled
    assert isinstance(settled[bad.trace], Fault)
    assert not isinstance(settled[good.trace], Fault)


def test_an_error_that_names_nobody_belongs_to_the_one_row_without_an_answer() -> None:
    good, bad = sent = inputs("1", "2")
    settled = match(answer(207, [{"id": "1"}], [{"category": "X", "message": "no"}]), sent).settled
    assert settled[bad.trace] == Fault(400, "X", "no")
    assert not isinstance(settled[good.trace], Fault)


def test_a_row_that_is_nowhere_in_the_answer_is_never_taken_for_written() -> None:
    (one,) = sent = inputs("1")
    fault = match(answer(200), sent).settled[one.trace]
    assert isinstance(fault, Fault)
    assert (fault.code, outcome_of(fault)) == (UNANSWERED, "unknown")


def test_a_refused_batch_that_names_its_bad_row_is_sent_again_without_it() -> None:
    one, two, three = sent = inputs("1", "2", "3")
    matched = match(answer(400, message="no", category="VALIDATION_ERROR", context={"ids": ["2"]}), sent)
    assert set(matched.settled) == {two.trace}
    assert matched.again == ([one, three],)


def test_a_refused_batch_without_a_name_is_halved() -> None:
    sent = inputs("1", "2", "3")
    assert [len(part) for part in match(answer(400, message="no"), sent).again] == [1, 2]


def test_a_missing_scope_refuses_all_rows_at_once() -> None:
    matched = match(answer(403, message="no", category="MISSING_SCOPES"), inputs("1", "2"))
    assert (len(matched.settled), matched.again) == (2, ())


@settings(deadline=None)
@given(st.integers(1, 100), st.sets(st.integers(0, 99)), st.booleans())
def test_narrowing_down_finds_exactly_the_bad_rows_whatever_the_batch(count: int, bad: set[int], names: bool) -> None:
    """A portal that refuses a whole batch for one bad row: every good row ends written, every bad one refused, in few calls."""
    sent = inputs(*(str(n) for n in range(count)))
    wrong = {sent[n].trace for n in bad if n < count}
    settled: dict[str, Any] = {}
    waiting, calls = [sent], 0
    while waiting:
        part, calls = waiting.pop(), calls + 1
        refusals = [one for one in part if one.trace in wrong]
        if refusals:
            context = {"objectWriteTraceId": [refusals[0].trace]} if names else {}
            got = match(answer(400, message="no", context=context), part)
        else:
            got = match(answer(200, [{"id": one.id} for one in reversed(part)]), part)
        settled.update(got.settled)
        waiting.extend(got.again)
    assert {trace for trace, result in settled.items() if isinstance(result, Fault)} == wrong
    assert len(settled) == count
    assert calls <= 1 + 2 * len(wrong) * (count.bit_length() + 1)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(400, "INVALID_OPTION", ""), "rejected"),
        (Fault(409, "CONFLICT", ""), "rejected"),
        (Fault(400, "RATE_LIMITS", ""), "retry"),
        (Fault(503, "503", ""), "retry"),
        (Fault(200, UNANSWERED, ""), "unknown"),
    ],
)
def test_each_fault_has_its_outcome(fault: Fault, outcome: str) -> None:
    assert outcome_of(fault) == outcome


def test_a_refusal_tells_an_admin_which_record_stands_in_the_way() -> None:
    receipt = refused(change("1"), Fault(409, "CONFLICT", "Contact already exists. Existing ID: 55"))
    assert receipt.details == {"existing_id": "55"}
    assert receipt.record_id == "1"


@pytest.mark.parametrize(
    ("expected", "live", "moved"),
    [
        (NOON, NOON, False),
        (NOON, NOON + timedelta(milliseconds=678), False),
        (NOON, NOON + timedelta(seconds=1), True),
        (NOON.replace(microsecond=678_000), NOON.replace(microsecond=679_000), True),
        (None, NOON, False),
        (NOON, None, False),
    ],
)
def test_a_record_has_moved_when_its_stamp_is_later_but_for_milliseconds_that_search_cut_off(
    expected: datetime | None, live: datetime | None, moved: bool
) -> None:
    assert has_moved(expected, live) is moved


def test_a_run_holds_no_record_twice_and_is_not_endless() -> None:
    changes = [change(str(n % 150), key=str(n)) for n in range(300)]
    cut = [list(run) for _, run in runs(changes)]
    assert [one for run in cut for one in run] == changes
    assert all(len({one.record_id for one in run}) == len(run) for run in cut)
    assert [len(list(run)) for _, run in runs([change(str(n), operation="upsert") for n in range(4500)])] == [2000, 2000, 500]


def test_runs_hold_one_operation_each() -> None:
    cut = [list(run) for _, run in runs([change("1"), change("2", operation="upsert"), change("3")])]
    assert [run[0].operation for run in cut] == ["update", "upsert", "update"]
