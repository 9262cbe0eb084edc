"""What makes a decision about a million persons quick changes no byte of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.acts import WHO, number
from crmsync.decisions.aligned import ROW, beside, in_order, put_back
from crmsync.decisions.frames import TOUCHES, conform

NOW = datetime(2026, 6, 1, 1, tzinfo=UTC)
PEOPLE = pl.Series(["a", "b", "c", "d"])
acts_drawn = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", "stranger"]),
        st.sampled_from(["seminar", "reply"]),
        st.integers(-2, 5),
        st.integers(0, 9),
    ),
    max_size=20,
)


def touches(rows: list[tuple[str, str, int, int]]) -> pl.DataFrame:
    told = [{"person_id": p, "kind": k, "at": NOW - timedelta(days=d), "touch_id": f"t{i}"} for p, k, d, i in rows]
    return conform(pl.DataFrame(told), TOUCHES) if told else pl.DataFrame(schema=TOUCHES)


@settings(max_examples=40, deadline=None)
@given(acts_drawn)
def test_acts_are_numbered_by_person_whatever_order_they_come_in(rows: list[tuple[str, str, int, int]]) -> None:
    acts = touches(rows)
    found = number(PEOPLE, acts, NOW)
    known = sorted((p, acts["at"][i], k) for i, (p, k, d, _) in enumerate(rows) if p != "stranger" and d >= 0)
    assert found.rows[WHO].is_sorted()
    assert sorted(zip((PEOPLE[w] for w in found.rows[WHO]), found.rows["at"], found.rows["kind"], strict=True)) == known
    assert [acts["kind"][i] for i in found.rows["act"]] == found.rows["kind"].to_list()


@settings(max_examples=40, deadline=None)
@given(acts_drawn)
def test_the_newest_act_of_each_is_the_last_and_then_the_greatest_id(rows: list[tuple[str, str, int, int]]) -> None:
    acts = touches(rows)
    found = number(PEOPLE, acts, NOW)
    newest = found.newest(found.rows, "touch_id")
    told = {(PEOPLE[w], acts["at"][i], acts["touch_id"][i]) for w, i in zip(newest[WHO], newest["act"], strict=True)}
    expected: dict[str, tuple[Any, str]] = {}
    for p, _, d, i in rows:
        if p != "stranger" and d >= 0:
            expected[p] = max(expected.get(p, (NOW - timedelta(days=99), "")), (NOW - timedelta(days=d), f"t{i}"))
    assert told == {(p, at, i) for p, (at, i) in expected.items()}


def test_only_some_people_keep_their_numbers() -> None:
    found = number(PEOPLE, touches([("a", "reply", 0, 1), ("c", "reply", 0, 2)]), NOW).only(pl.Series(["c", "nobody"]))
    assert found.rows[WHO].to_list() == [2]


def test_frames_stand_side_by_side_whether_or_not_they_hold_the_same_persons() -> None:
    left = pl.DataFrame({"person_id": ["a", "b"], "x": [1, 2]})
    same = pl.DataFrame({"person_id": ["a", "b"], "y": [3, 4]})
    other = pl.DataFrame({"person_id": ["c", "b"], "y": [5, 6]})
    assert beside(left, same).rows() == [("a", 1, 3), ("b", 2, 4)]
    assert beside(left, same.reverse()).rows() == [("a", 1, 3), ("b", 2, 4)]
    assert beside(left, other).rows() == [("a", 1, None), ("b", 2, 6)]
    assert in_order(left.reverse()).rows() == left.rows()


def test_changed_values_go_back_to_their_rows_and_the_frame_they_came_from_stays() -> None:
    frame = pl.DataFrame({"x": ["a", "b", None], "y": [1, 2, 3]})
    changed = pl.DataFrame({ROW: [2, 0], "x": ["new", None]}, schema_overrides={ROW: pl.UInt32})
    assert put_back(frame, changed).rows() == [(None, 1), ("b", 2), ("new", 3)]
    assert frame.rows() == [("a", 1), ("b", 2), (None, 3)]
    assert put_back(frame, changed.clear()).rows() == frame.rows()


def test_the_reasons_of_some_are_those_among_the_reasons_of_all(new_case: Any) -> None:
    case = new_case().team()
    for n in range(6):
        case.person(f"p{n}", title_rank=3 + n % 2).touched("pricing_page", days_ago=n).touched("quote_request", days_ago=2 * n)
    told = case.decide()
    some = told.reasons_of(["p4", "p1", "unheard_of"])
    assert some.height == 5
    assert some.equals(told.reasons.filter(pl.col("person_id").is_in(["p1", "p4"])))
    assert told.reasons_of([]).is_empty()
    assert told.frames()["reasons"] is told.reasons


def test_where_nobody_could_be_found_an_older_choice_for_another_department_decides_nothing_the_second_time(case: Any) -> None:
    case.edit_rep("cs1@x.jp", absent_until=date(2026, 12, 31))
    bought = case.person("p1", owner_edit="fs1@x.jp", owner_edit_at=case.now - timedelta(days=5))
    bought.opportunity("o1", "won", created=case.now - timedelta(days=9), closed_at=case.now - timedelta(days=1))
    first = case.decide()
    case.check("p1", phase="closed_won", owner=None, owner_because="nobody")
    assert case.decide().state.equals(first.state)
