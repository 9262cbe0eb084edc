"""What admins may write as a condition, what it means, and what they are told when it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse, prepare, windows_of
from crmsync.decisions.frames import APPROACHES, OPPORTUNITIES, PERSONS, STATE, TOUCHES, Facts, conform
from crmsync.errors import FixConfig
from crmsync.messages import LANGUAGES, say

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
LADDER = {"課長": 4, "Manager": 4, "主任": 2, "部長": 6, "director": 6}
KINDS = frozenset({"pricing_page", "seminar"})
COLUMNS = catalogue.everything(LADDER, KINDS)
ATTRIBUTES = catalogue.attributes(LADDER)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def facts(person: dict[str, Any], touches: Sequence[tuple[str, float]] = (), approaches: Sequence[tuple[str, float]] = ()) -> Facts:
    none = Facts.none()
    touched = [{"person_id": "p1", "kind": k, "at": days_ago(d), "touch_id": f"t{i}"} for i, (k, d) in enumerate(touches)]
    approached = [{"person_id": "p1", "kind": k, "at": days_ago(d)} for k, d in approaches]
    return Facts(
        conform(pl.DataFrame([{"person_id": "p1", **person}]), PERSONS),
        conform(pl.DataFrame(touched), TOUCHES) if touched else none.touches,
        conform(pl.DataFrame(approached), APPROACHES) if approached else none.approaches,
        none.opportunities,
        none.reps,
    )


def holds(text: str, known: Facts, **state: Any) -> bool:
    condition = parse(text, COLUMNS)
    frame = prepare(known, condition.windows, NOW).join(
        conform(pl.DataFrame([{"person_id": "p1", **state}]), STATE), on="person_id"
    )
    return bool(frame.select(condition.expression().alias("holds"))["holds"].item())


def problems(text: str, columns: catalogue.Catalogue = COLUMNS) -> list[tuple[int, str]]:
    with pytest.raises(FixConfig) as caught:
        parse(text, columns)
    for problem in caught.value.problems:
        for language in LANGUAGES:
            assert say(problem.code, language, **problem.params)
    return [(p.column, p.code) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "person", "expected"),
    [
        ("title_rank >= rank('manager')", {"title_rank": 4}, True),
        ("title_rank >= rank('課長')", {"title_rank": 3}, False),
        ("title_rank >= rank('ＭＡＮＡＧＥＲ')", {"title_rank": 4}, True),
        ("title_rank >= rank('課長')", {"title_rank": None}, False),
        ("free_mail", {"free_mail": True}, True),
        ("free_mail", {"free_mail": None}, False),
        ("NOT free_mail", {"free_mail": None}, False),
        ("NOT free_mail", {"free_mail": False}, True),
        ("free_mail IS NULL", {"free_mail": None}, True),
        ("free_mail IS NOT TRUE", {"free_mail": None}, True),
        ("free_mail IS FALSE", {"free_mail": None}, False),
        ("free_mail IS FALSE", {"free_mail": False}, True),
        ("free_mail = TRUE", {"free_mail": True}, True),
        ("free_mail <> FALSE", {"free_mail": False}, False),
        ("FALSE OR free_mail", {"free_mail": True}, True),
        ("employees = 99.5", {"employees": 99}, False),
        ("employees BETWEEN 100 AND 300", {"employees": 100}, True),
        ("employees BETWEEN 100 AND 300", {"employees": 301}, False),
        ("employees < 100", {"employees": 100}, False),
        ("employees <= 100", {"employees": 100}, True),
        ("employees >= 101", {"employees": 100}, False),
        ("employees <> 100", {"employees": 100}, False),
        ("employees - 1 = 99 AND employees * 2 = 200", {"employees": 100}, True),
        ("employees / 3 = 0.333333333", {"employees": 1}, True),
        ("employees - 0 = 5 AND employees + 0 = 5 AND employees * 0 = 0", {"employees": 5}, True),
        ("employees % 0 = 0 OR employees % 0 <> 0", {"employees": 5}, False),
        ("upper(title) = 'CEO'", {"title": "ceo"}, True),
        ("title LIKE 'a%b'", {"title": "a\nb"}, True),
        ("title LIKE 'a.b'", {"title": "axb"}, False),
        ("bant_count('yes') = 1", {"need": "yes", "budget": "partial", "authority": "no", "timeframe": None}, True),
        ("free_mail OR title_rank > 3", {"free_mail": None, "title_rank": 5}, True),
        ("NOT (free_mail AND title_rank > 3)", {"free_mail": None, "title_rank": 1}, True),
        ("NOT (free_mail AND title_rank > 3)", {"free_mail": None, "title_rank": 5}, False),
        ("NOT (free_mail OR title_rank > 3)", {"free_mail": None, "title_rank": 1}, False),
        ("industry IN ('software', 'retail')", {"industry": "retail"}, True),
        ("industry NOT IN ('software', 'retail')", {"industry": "banking"}, True),
        ("industry NOT IN ('software', 'retail')", {"industry": None}, False),
        ("employees BETWEEN 100 AND 300 AND title_rank > 3", {"employees": 300, "title_rank": 4}, True),
        ("employees NOT BETWEEN 100 AND 300", {"employees": 99}, True),
        ("email_domain LIKE '%.co.jp'", {"email_domain": "a.co.jp"}, True),
        ("email_domain LIKE '%.co.jp'", {"email_domain": "aXco.jp"}, False),
        ("title LIKE '課_'", {"title": "課長"}, True),
        ("title LIKE '課_'", {"title": "課長補佐"}, False),
        ("title LIKE 'Mana%'", {"title": "manager"}, False),
        ("title ILIKE 'Mana%'", {"title": "manager"}, True),
        ("lower(title) = 'ceo'", {"title": "CEO"}, True),
        ("coalesce(employees, 0) < 10", {"employees": None}, True),
        ("employees / 0 > 1", {"employees": 5}, False),
        ("employees % 2 = 1 AND -employees < 0 AND (employees + 1) * 2 - 2 = 10", {"employees": 5}, True),
        ("created_at >= '2026-04-01T00:00:00+09:00'", {"created_at": datetime(2026, 3, 31, 15, tzinfo=UTC)}, True),
        ("created_at >= '2026-04-01T00:00:00+09:00'", {"created_at": datetime(2026, 3, 31, 14, 59, tzinfo=UTC)}, False),
        ("days_since(created_at) > 30", {"created_at": days_ago(31)}, True),
        ("days_since(created_at) > 30", {"created_at": None}, False),
        ("bant_at_least('need', 'partial')", {"need": "yes"}, True),
        ("bant_at_least('need', 'partial')", {"need": "no"}, False),
        ("NOT bant_at_least('need', 'partial')", {"need": "no"}, True),
        ("NOT bant_at_least('need', 'partial')", {"need": "unknown"}, False),
        ("bant_count('partial') = 2", {"need": "yes", "budget": "partial", "authority": "no", "timeframe": None}, True),
        ("need = 'yes'", {"need": "yes"}, True),
        ("account_owner IS NULL -- nobody knows them", {}, True),
    ],
)
def test_a_condition_means_what_sql_says_and_an_unknown_is_never_a_yes(text: str, person: dict[str, Any], expected: bool) -> None:
    assert holds(text, facts(person)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("touches('pricing_page') = 2", True),
        ("touches('pricing_page', 30) = 1", True),
        ("touches('seminar') = 0", True),
        ("touches('any', 30) = 1", True),
        ("days_since_touch('pricing_page') BETWEEN 2.9 AND 3.1", True),
        ("days_since_touch('seminar') > 0", False),
        ("days_since_touch('seminar') IS NULL", True),
        ("approaches('call', 14) = 1 AND approaches('any') = 2", True),
        ("days_since_approach('email') = 20", True),
    ],
)
def test_acts_are_counted_within_their_days(text: str, expected: bool) -> None:
    known = facts({}, [("pricing_page", 3), ("pricing_page", 40)], [("call", 2), ("email", 20)])
    assert holds(text, known) is expected


def test_a_window_ends_now_and_begins_just_after_its_days() -> None:
    condition = "touches('pricing_page', 30) = 1"
    assert not holds(condition, facts({}, [("pricing_page", 30)]))
    assert holds(condition, facts({}, [("pricing_page", 29.99)]))
    assert holds(condition, facts({}, [("pricing_page", 0)]))
    assert not holds(condition, facts({}, [("pricing_page", -0.01)])), "what lies after now is not known yet"


def test_state_and_scores_can_be_asked_beside_attributes() -> None:
    assert holds(
        "phase = 'inquiry' AND cycle > 0 AND days_since(phase_at) >= 5", facts({}), phase="inquiry", cycle=1, phase_at=days_ago(5)
    )


def test_conjuncts_keep_the_words_they_were_written_in() -> None:
    text = "title_rank >= rank('manager')\n  AND (employees BETWEEN 1 AND 9 AND (NOT free_mail)) AND (bounced OR opted_out) -- done"
    assert [c.text for c in parse(text, COLUMNS).conjuncts] == [
        "title_rank >= rank('manager')",
        "employees BETWEEN 1 AND 9",
        "NOT free_mail",
        "bounced OR opted_out",
    ]


def test_why_not_names_the_conjuncts_that_are_not_true() -> None:
    condition = parse("title_rank >= 4 AND NOT free_mail AND employees > 10", COLUMNS)
    frame = prepare(facts({"title_rank": 5, "employees": 3}), (), NOW)
    assert frame.select(condition.refused().alias("why")).item().to_list() == ["NOT free_mail", "employees > 10"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title_rnk > 3", [(1, "condition.unknown_column")]),
        ("free_mail AND (bouncd OR opted_ut)", [(16, "condition.unknown_column"), (26, "condition.unknown_column")]),
        ('temperature = "hot"', [(15, "condition.double_quotes")]),
        ("temperature = 'hto'", [(15, "condition.unknown_value")]),
        ("need IN ('yes', 'maybe')", [(17, "condition.unknown_value")]),
        ("touches('pricng_page', 30) > 0", [(9, "condition.unknown_value")]),
        ("touches('seminar', 0) > 0", [(20, "condition.days")]),
        ("touches() > 0", [(1, "condition.arguments")]),
        ("touches(title) > 0", [(9, "condition.written_out")]),
        ("touch('seminar') > 0", [(1, "condition.unknown_function")]),
        ("title_rank >= rank('mangler')", [(20, "condition.unknown_rung")]),
        ("title_rank", [(1, "condition.type")]),
        ("NOT employees", [(5, "condition.type")]),
        ("employees > 'many'", [(1, "condition.mixed")]),
        ("need >= 'partial'", [(1, "condition.no_order")]),
        ("title BETWEEN 'a' AND 'b'", [(1, "condition.no_order")]),
        ("created_at > '2026-04-01'", [(14, "condition.no_zone")]),
        ("created_at > 'yesterday'", [(14, "condition.no_time")]),
        ("employees = NULL", [(1, "condition.null")]),
        ("bant_at_least('needs', 'yes')", [(15, "condition.unknown_value")]),
        ("title LIKE name", [(12, "condition.written_out")]),
        ("", [(1, "condition.empty")]),
        ("free_mail AND", [(11, "condition.syntax")]),
        ("free_mail bounced", [(1, "condition.syntax")]),
        ("free_mail AND (bounced", [(16, "condition.syntax")]),
        ("employees > 5 )", [(15, "condition.syntax")]),
        ("employees > ) 5", [(13, "condition.syntax")]),
        ("title = 'CEO", [(9, "condition.unclosed")]),
        ("CASE WHEN free_mail THEN bounced END", [(6, "condition.syntax")]),
    ],
)
def test_a_slip_is_shown_where_it_stands(text: str, expected: list[tuple[int, str]]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "employees IN (SELECT employees FROM persons)",
        "EXISTS(SELECT 1)",
        "(SELECT 1) = 1",
        "read_csv('/etc/passwd') IS NULL",
        "1 = 1; DROP TABLE persons",
        "persons.employees > 1",
        "*",
        "employees = ?",
        "employees = @x",
        "employees::text = '1'",
        "cast(employees AS text) = '1'",
        "row_number() OVER (PARTITION BY title) = 1",
        "count(*) > 1",
        "title ~ 'x'",
        "created_at > date '2026-01-01'",
        "created_at > current_date",
        "free_mail XOR bounced",
        "title LIKE 'x' ESCAPE '!'",
        "SHOW TABLES",
    ],
)
def test_anything_but_a_plain_question_is_refused(text: str) -> None:
    assert problems(text)


def test_every_slip_of_a_condition_is_reported_at_once() -> None:
    assert len(problems("title_rnk > 3 AND temperature = 'hto' AND touches('x') > 'a'")) == 3


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(FixConfig) as caught:
        parse("title_rnk > 3", COLUMNS)
    assert caught.value.problems[0].params["nearest"] == "title_rank"


def test_who_somebody_is_does_not_ask_what_they_did() -> None:
    assert problems("touches('seminar') > 0", ATTRIBUTES) == [(1, "condition.no_behaviour")]
    assert problems("score > 3", ATTRIBUTES) == [(1, "condition.unknown_column")]


@pytest.mark.parametrize("text", ["(" * 3000 + "free_mail" + ")" * 3000, "NOT " * 5000 + "free_mail", "1" + "+1" * 9000 + " = 1"])
def test_a_condition_without_measure_is_refused_not_a_crash(text: str) -> None:
    assert problems(text)


def test_a_long_list_of_alternatives_is_fine() -> None:
    text = " OR ".join(f"employees = {n}" for n in range(500))
    assert holds(text, facts({"employees": 499}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("opportunities('open') = 1", True),
        ("opportunities('any') = 3", True),
        ("opportunities('lost', 30) = 0", True),
        ("opportunities('lost', 60) = 1", True),
        ("opportunities('won') > 1", False),
        ("days_since_opportunity('lost') = 40", True),
        ("days_since_opportunity('open') < 6", True),
        ("days_since_opportunity('won') IS NULL", False),
    ],
)
def test_opportunities_count_by_their_state_and_their_creation(text: str, expected: bool) -> None:
    cases = [("open", 5), ("won", 20), ("lost", 40), ("open", -3)]
    rows = [
        {"person_id": "p1", "opportunity_id": f"o{i}", "status": s, "created_at": days_ago(d)} for i, (s, d) in enumerate(cases)
    ]
    assert holds(text, replace(facts({}), opportunities=conform(pl.DataFrame(rows), OPPORTUNITIES))) == expected
    assert not holds("opportunities('any') > 0", facts({}))
    assert problems("opportunities('opened') > 0") == [(15, "condition.unknown_value")]


def test_all_windows_of_all_conditions_come_from_one_frame() -> None:
    both = [parse("touches('seminar', 7) > 0", COLUMNS), parse("touches('seminar', 7) > 1 AND approaches('any') = 0", COLUMNS)]
    frame = prepare(facts({}, [("seminar", 1)]), windows_of(both), NOW)
    assert frame["touches('seminar', 7)"].to_list() == [1]
    assert frame["approaches('any')"].to_list() == [0]
    assert len(windows_of(both)) == 2


def test_every_documented_column_is_a_column_of_the_model_and_speaks_both_languages() -> None:
    from crmsync.decisions.frames import SCORES

    model = {**PERSONS, **SCORES, **STATE}
    for column in COLUMNS.columns.values():
        assert column.name in model
        assert column.en != column.ja
    types: dict[Any, str] = {pl.String: "text", pl.Int64: "number", pl.Float64: "number", pl.Boolean: "boolean"}
    for column in COLUMNS.columns.values():
        assert column.type == types.get(model[column.name], "instant")


def test_every_documented_function_example_can_be_used() -> None:
    ladder = {"manager": 4}
    for example, en, ja in catalogue.FUNCTION_HELP.values():
        assert parse(f"{example} IS NOT NULL", catalogue.everything(ladder))
        assert en != ja
    assert set(catalogue.FUNCTION_HELP) == catalogue.BEHAVIOUR | catalogue.PLAIN


words = st.sampled_from(
    [
        "free_mail",
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        "employees",
        "=",
        ">",
        "'x'",
        "1",
        "touches",
        ",",
        "IN",
        "IS",
        "NULL",
        "BETWEEN",
        "title",
        "LIKE",
        "\n",
        "--",
        "'",
        "é",
        "課長",
        "/*",
    ]
)


@settings(deadline=None)
@given(st.lists(words, max_size=12).map(" ".join))
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    try:
        condition = parse(text, COLUMNS)
    except FixConfig as wrong:
        outside = [p.column for p in wrong.problems if not 1 <= p.column <= len(text) + 1]
    else:
        outside = [0 for c in condition.conjuncts if c.text not in text]
        prepare(facts({}), condition.windows, NOW).select(condition.expression())
    assert not outside
