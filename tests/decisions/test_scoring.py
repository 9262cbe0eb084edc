"""score = fit + interest, with reasons that add up to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse, prepare
from crmsync.decisions.frames import PERSONS, REASONS, SCORES, TOUCHES, Facts, conform
from crmsync.decisions.scoring import FitRule, Group, InterestRule, Scoring, Title, score

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
LADDER = {"課長": 4, "manager": 4, "主任": 2}
TITLE = Title("規則", "rule")

Touch = tuple[str, str, float]  # person, kind, days ago


def fit(name: str, condition: str, points: float) -> FitRule:
    return FitRule(name, TITLE, parse(condition, catalogue.attributes(LADDER)), points)


def interest(name: str, touch: str, points: float, **more: Any) -> InterestRule:
    return InterestRule(name, TITLE, touch, points, **more)


def persons(*people: Mapping[str, Any]) -> pl.DataFrame:
    return conform(pl.DataFrame(list(people)), PERSONS)


def touches(*acts: Touch) -> pl.DataFrame:
    rows = [{"person_id": p, "kind": k, "at": NOW - timedelta(days=d), "touch_id": f"t{i}"} for i, (p, k, d) in enumerate(acts)]
    return conform(pl.DataFrame(rows), TOUCHES) if rows else pl.DataFrame(schema=TOUCHES)


def scored(scoring: Scoring, people: pl.DataFrame, acts: pl.DataFrame, now: datetime = NOW) -> tuple[pl.DataFrame, pl.DataFrame]:
    none = Facts.none()
    frame = prepare(Facts(people, acts, none.approaches, none.opportunities, none.reps), (), now)
    scores, because = score(frame, acts, scoring, now)
    return scores, because.of()


def points(rule: InterestRule | FitRule, person: Mapping[str, Any], *days: float) -> float:
    """What one rule gives one person with touches that many days ago."""
    scoring = Scoring(1, (rule,)) if isinstance(rule, FitRule) else Scoring(1, (), (rule,))
    scores, _ = scored(scoring, persons({"person_id": "p", **person}), touches(*(("p", "seminar", d) for d in days)))
    return float(scores[f"rule:{rule.name}"].item())


GUIDE = Scoring(1, (fit("manager", "title_rank >= rank('課長')", 5),), (interest("pricing", "pricing_page", 10),))


def test_the_guide_a_manager_who_saw_the_prices_has_15_and_a_chief_10() -> None:
    people = persons({"person_id": "kacho", "title_rank": 4}, {"person_id": "shunin", "title_rank": 2})
    scores, _ = scored(GUIDE, people, touches(("kacho", "pricing_page", 0), ("shunin", "pricing_page", 0)))
    assert scores.select("person_id", "fit", "interest", "score").rows() == [
        ("kacho", 5.0, 10.0, 15.0),
        ("shunin", 0.0, 10.0, 10.0),
    ]


def test_an_unknown_attribute_earns_nothing() -> None:
    assert points(fit("manager", "title_rank >= 4", 5), {"title_rank": None}) == 0


def test_fit_can_be_negative() -> None:
    assert points(fit("free_mail", "free_mail", -5), {"free_mail": True}) == -5


@pytest.mark.parametrize(
    ("more", "days", "expected"),
    [
        ({}, (0, 400), 20),
        ({"half_life_days": 14}, (0,), 10),
        ({"half_life_days": 14}, (14,), 5),
        ({"half_life_days": 14}, (14, 28), 7.5),
        ({"half_life_days": 30}, (10,), 7.94),
        ({"window_days": 30}, (29.9, 30), 10),
        ({"cap": 15}, (0, 1, 2), 15),
        ({"cap": 15, "half_life_days": 14}, (14, 14, 14, 14), 15),
        ({"count": "once"}, (0, 1, 2), 10),
        ({"count": "once", "half_life_days": 14}, (14, 28), 5),
        ({"count": "once", "window_days": 7}, (8,), 0),
        ({}, (-1,), 0),
        ({}, (), 0),
    ],
)
def test_a_touch_counts_by_its_age_within_its_window_up_to_the_cap(
    more: dict[str, Any], days: tuple[float, ...], expected: float
) -> None:
    assert points(interest("seminar", "seminar", 10, **more), {}, *days) == expected


def test_points_taken_away_stop_at_the_cap_too() -> None:
    assert points(interest("unsubscribed", "seminar", -4, cap=10), {}, 0, 1, 2) == -10


def test_a_cap_holds_for_small_points_too() -> None:
    assert points(interest("opened", "seminar", 0.5, cap=1), {}, 0, 1, 2, 3) == 1
    assert points(interest("opened", "seminar", -0.5, cap=1), {}, 0, 1, 2, 3) == -1


def test_halves_round_away_from_zero_on_both_sides() -> None:
    assert points(interest("a", "seminar", 0.01, half_life_days=1), {}, 1) == 0.01
    assert points(interest("a", "seminar", -0.01, half_life_days=1), {}, 1) == -0.01


def test_a_group_shares_one_cap_and_takes_from_its_later_rules() -> None:
    rules = (interest("click", "click", 3), interest("open", "open", 1), interest("seminar", "seminar", 9))
    scoring = Scoring(1, (), rules, (Group("mail", ("click", "open"), 7),))
    acts = touches(*(("p", "click", d) for d in range(2)), *(("p", "open", d) for d in range(3)), ("p", "seminar", 0))
    scores, reasons = scored(scoring, persons({"person_id": "p"}), acts)
    assert scores.select("rule:click", "rule:open", "rule:seminar", "score").row(0) == (6, 1, 9, 16)
    assert reasons.select("rule", "points").rows() == [("click", 6), ("open", 1), ("seminar", 9)]


def test_a_reason_names_the_newest_touch_or_the_columns_it_looked_at() -> None:
    scoring = Scoring(1, (fit("big", "title_rank > 3 AND employees > 10", 5),), (interest("seminar", "seminar", 10),))
    acts = touches(("p", "seminar", 9), ("p", "seminar", 2), ("p", "seminar", 5))
    _, reasons = scored(scoring, persons({"person_id": "p", "title_rank": 4, "employees": 50}), acts)
    assert reasons.rows() == [
        ("p", "big", "fit", 5.0, "employees=50, title_rank=4", None),
        ("p", "seminar", "interest", 30.0, "t1", NOW - timedelta(days=2)),
    ]


def test_of_two_touches_at_one_instant_the_greater_id_is_evidence_whatever_came_first() -> None:
    acts = touches(("p", "seminar", 1), ("p", "seminar", 1), ("p", "webinar", 1))
    scoring = Scoring(1, (), (interest("seminar", "seminar", 10),))
    for order in (acts, acts.reverse()):
        scores, reasons = scored(scoring, persons({"person_id": "p"}), order)
        assert reasons["evidence"].to_list() == ["t1"]
        assert scores["last_touch_kind"].to_list() == ["webinar"]


def test_a_rule_that_gave_nothing_is_no_reason() -> None:
    _, reasons = scored(GUIDE, persons({"person_id": "p", "title_rank": 1}), touches())
    assert reasons.is_empty()


def test_the_newest_explicit_touch_is_kept_apart_from_the_newest_of_all() -> None:
    scoring = Scoring(1, (), (interest("quote", "quote_request", 25, is_explicit=True), interest("view", "page_view", 1)))
    acts = touches(("p", "quote_request", 9), ("p", "quote_request", 4), ("p", "page_view", 1), ("p", "quote_request", -1))
    scores, _ = scored(scoring, persons({"person_id": "p"}), acts)
    assert scores.select("hot_evidence_at", "last_touch_at", "last_touch_kind").row(0) == (
        NOW - timedelta(days=4),
        NOW - timedelta(days=1),
        "page_view",
    )


def test_touches_of_people_we_do_not_have_are_nobodys() -> None:
    scores, reasons = scored(GUIDE, persons({"person_id": "p"}), touches(("stranger", "pricing_page", 0)))
    assert scores["score"].to_list() == [0.0]
    assert reasons.is_empty()


@pytest.mark.parametrize("scoring", [GUIDE, Scoring(1), Scoring(1, GUIDE.fit), Scoring(1, (), GUIDE.interest)])
def test_nobody_and_no_rules_still_give_frames_of_the_right_shape(scoring: Scoring) -> None:
    for people in (pl.DataFrame(schema=PERSONS), persons({"person_id": "p"})):
        scores, reasons = scored(scoring, people, touches())
        assert dict(scores.schema) == {**SCORES, **{f"rule:{name}": pl.Float64 for name in scoring.names}}
        assert dict(reasons.schema) == REASONS
        assert scores.height == people.height


# ----------------------------------------------------------------------------------------------------------- what always holds

RICH = Scoring(
    1,
    (fit("manager", "title_rank >= 4", 5.25), fit("big", "employees > 100", 0.1), fit("free", "free_mail", -3.33)),
    (
        interest("pricing", "pricing_page", 10.0, half_life_days=14, cap=20),
        interest("pricing_now", "pricing_page", 0.7, window_days=3),
        interest("seminar", "seminar", 7.77, half_life_days=30),
        interest("card", "card", 3.0, half_life_days=60, count="once"),
        interest("open", "open", 0.5, half_life_days=5, window_days=60),
    ),
    (Group("mix", ("seminar", "open"), 12.5),),
)
people_drawn = st.lists(
    st.fixed_dictionaries(
        {
            "title_rank": st.none() | st.integers(0, 9),
            "employees": st.none() | st.integers(1, 500),
            "free_mail": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=5,
)
touches_drawn = st.lists(
    st.tuples(
        st.sampled_from(["p0", "p1", "p2", "p9"]),
        st.sampled_from(["pricing_page", "seminar", "card", "open", "other"]),
        st.floats(-5, 200, allow_nan=False),
    ),
    max_size=25,
)


def numbered(people: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return persons(*({"person_id": f"p{i}", **p} for i, p in enumerate(people)))


@settings(max_examples=60, deadline=None)
@given(people_drawn, touches_drawn)
def test_the_sum_of_the_reasons_is_the_score(people: list[dict[str, Any]], acts: list[Touch]) -> None:
    scores, reasons = scored(RICH, numbered(people), touches(*acts))
    for row in scores.iter_rows(named=True):
        given_points = [Decimal(str(p)) for p in reasons.filter(person_id=row["person_id"])["points"]]
        assert sum(given_points, Decimal(0)) == Decimal(str(row["score"]))
        columns = [Decimal(str(row[f"rule:{name}"])) for name in RICH.names]
        assert sum(columns, Decimal(0)) == Decimal(str(row["score"]))
        assert round(row["fit"] + row["interest"], 2) == row["score"]


@settings(max_examples=60, deadline=None)
@given(people_drawn, touches_drawn, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_byte(people: list[dict[str, Any]], acts: list[Touch], chance: Any) -> None:
    known, done = numbered(people), touches(*acts)
    shuffled = [frame[chance.sample(range(frame.height), frame.height)] for frame in (known, done)]
    for first, second in zip(scored(RICH, known, done), scored(RICH, *shuffled), strict=True):
        assert first.equals(second)
        assert first.write_ndjson() == second.write_ndjson()


@settings(max_examples=60, deadline=None)
@given(people_drawn, touches_drawn, touches_drawn)
def test_more_evidence_never_lowers_a_score_where_no_rule_takes_points(
    people: list[dict[str, Any]], acts: list[Touch], more: list[Touch]
) -> None:
    kind = Scoring(1, RICH.fit[:2], RICH.interest, RICH.groups)
    less, _ = scored(kind, numbered(people), touches(*acts))
    greater, _ = scored(kind, numbered(people), touches(*acts, *more))
    assert (greater["score"] >= less["score"]).all()


@settings(max_examples=40, deadline=None)
@given(people_drawn, touches_drawn)
def test_one_person_alone_scores_as_in_the_crowd(people: list[dict[str, Any]], acts: list[Touch]) -> None:
    known, done = numbered(people), touches(*acts)
    crowd, reasons = scored(RICH, known, done)
    alone, why = scored(RICH, known.head(1), done)
    assert alone.equals(crowd.head(1))
    assert why.equals(reasons.filter(person_id="p0"))


@settings(max_examples=40, deadline=None)
@given(touches_drawn)
def test_what_happens_later_changes_nothing_now(acts: list[Touch]) -> None:
    known = persons({"person_id": "p0"})
    assert scored(RICH, known, touches(*acts))[0].equals(scored(RICH, known, touches(*acts).filter(pl.col("at") <= NOW))[0])
