"""Who qualifies, who comes first, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.decisions.frames import PERSONS, SCORES, conform
from crmsync.decisions.qualification import Definition, End, qualify
from crmsync.decisions.scoring import Title

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
COLUMNS = catalogue.everything({"manager": 4})
DEFINITION = Definition(
    name="standard",
    version=3,
    title=Title("標準", "Standard"),
    required=(parse("title_rank >= rank('manager') AND employees > 10", COLUMNS),),
    excluded=(parse("opted_out", COLUMNS), parse("email_domain LIKE '%.ac.jp' OR free_mail", COLUMNS)),
    loose=End(10, ("hot", "warm")),
    strict=End(30, ("hot",)),
)
GOOD: dict[str, Any] = {
    "identified": True,
    "title_rank": 4,
    "employees": 50,
    "email_domain": "a.co.jp",
    "score": 50.0,
    "temperature": "hot",
}


def frame(*people: dict[str, Any]) -> pl.DataFrame:
    rows = [{"person_id": f"p{i}", **GOOD, **person} for i, person in enumerate(people)]
    return conform(pl.DataFrame(rows, infer_schema_length=None), {**PERSONS, **SCORES, "temperature": pl.String})


def failed(person: dict[str, Any], position: float = 0.0) -> list[str]:
    row = qualify(frame(person), DEFINITION, position).row(0, named=True)
    assert row["qualifies"] is (row["failed"] == [])
    return list(row["failed"])


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ({}, []),
        ({"title_rank": 3}, ["title_rank >= rank('manager')"]),
        ({"title_rank": None}, ["title_rank >= rank('manager')"]),
        ({"title_rank": 3, "employees": 1}, ["title_rank >= rank('manager')", "employees > 10"]),
        ({"opted_out": True}, ["NOT (opted_out)"]),
        ({"opted_out": None}, []),
        ({"free_mail": True}, ["NOT (email_domain LIKE '%.ac.jp' OR free_mail)"]),
        ({"identified": False}, ["identified"]),
        ({"identified": None}, ["identified"]),
        ({"is_deleted": True}, ["NOT is_deleted"]),
        ({"score": 9.99}, ["score >= 10"]),
        ({"score": None}, ["score >= 10"]),
        ({"temperature": "cold"}, ["temperature IN ('hot', 'warm')"]),
        ({"temperature": None}, ["temperature IN ('hot', 'warm')"]),
    ],
)
def test_why_not_is_said_in_the_words_of_the_definition(person: dict[str, Any], expected: list[str]) -> None:
    assert failed(person) == expected


@pytest.mark.parametrize(
    ("position", "person", "expected"),
    [
        (0.0, {"score": 10.0, "temperature": "warm"}, []),
        (0.5, {"score": 19.99, "temperature": "warm"}, ["score >= 20"]),
        (0.5, {"score": 20.0, "temperature": "warm"}, []),
        (0.99, {"score": 30.0, "temperature": "warm"}, []),
        (1.0, {"score": 30.0, "temperature": "warm"}, ["temperature IN ('hot')"]),
        (1.0, {"score": 30.0}, []),
        (1.0, {"score": 29.99}, ["score >= 30"]),
    ],
)
def test_the_valve_stands_between_warm_included_and_hot_only(position: float, person: dict[str, Any], expected: list[str]) -> None:
    assert failed(person, position) == expected


@pytest.mark.parametrize(("position", "least"), [(0.0, 10.0), (0.333, 16.66), (0.5, 20.0), (2 / 3, 23.33), (1.0, 30.0)])
def test_the_least_score_moves_evenly_between_the_ends_to_a_hundredth(position: float, least: float) -> None:
    assert DEFINITION.minimum_score(position) == least


def test_the_best_come_first_by_score_then_freshest_touch_then_id() -> None:
    people = [
        {"score": 40.0, "last_touch_at": NOW - timedelta(days=2)},
        {"score": 40.0, "last_touch_at": NOW},
        {"score": 60.0, "last_touch_at": None},
        {"score": 90.0, "employees": 1},
        {"score": 40.0, "last_touch_at": NOW},
        {"score": 40.0, "last_touch_at": None},
    ]
    found = qualify(frame(*people), DEFINITION, 0.0)
    assert found.select("person_id", "rank").rows() == [("p0", 4), ("p1", 2), ("p2", 1), ("p3", None), ("p4", 3), ("p5", 5)]


def test_a_definition_without_conditions_asks_score_and_temperature_alone() -> None:
    bare = Definition("bare", 1, Title("最小", "Bare"), (), (), End(0, ("cold", "warm", "hot")), End(0, ("hot",)))
    assert qualify(frame({"temperature": "cold", "employees": None}), bare, 0.0)["qualifies"].to_list() == [True]
    assert qualify(frame({}).clear(), bare, 0.0).is_empty()


drawn = st.lists(
    st.fixed_dictionaries(
        {
            "score": st.none() | st.integers(0, 60).map(float),
            "temperature": st.sampled_from([None, "hot", "warm", "cold"]),
            "title_rank": st.none() | st.integers(0, 9),
            "free_mail": st.none() | st.booleans(),
            "last_touch_at": st.none() | st.integers(0, 3).map(lambda d: NOW - timedelta(days=d)),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(drawn, st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_valve_lets_no_one_through_whom_a_looser_one_stops(people: list[dict[str, Any]], a: float, b: float) -> None:
    loose, strict = (set(qualify(frame(*people), DEFINITION, p).filter("qualifies")["person_id"]) for p in sorted((a, b)))
    assert strict <= loose


@settings(max_examples=60, deadline=None)
@given(drawn, st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(people: list[dict[str, Any]], chance: Any) -> None:
    known = frame(*people)
    shuffled = known[chance.sample(range(known.height), known.height)]
    assert qualify(known, DEFINITION, 0.3).equals(qualify(shuffled, DEFINITION, 0.3))
