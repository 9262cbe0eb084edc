"""The rule files: what ships works, and every slip is shown where it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmsync.config.document import Document, parse_document, read_document
from crmsync.config.rules.qualification import load_qualification
from crmsync.config.rules.scoring import load_scoring
from crmsync.config.rules.targets import load_targets
from crmsync.config.rules.temperature import load_temperature
from crmsync.config.rules.valve import load_valve
from crmsync.decisions import conditions, qualification
from crmsync.decisions.frames import PERSONS, TOUCHES, Facts, conform
from crmsync.decisions.scoring import score
from crmsync.decisions.valve import Band, Override
from crmsync.errors import FixConfig
from crmsync.messages import LANGUAGES, say

SHIPPED = Path(__file__).parents[3] / "mappings" / "rules"
LADDER = {"課長": 4, "manager": 4, "executive": 8, "主任": 2}
NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
KINDS = frozenset(
    {
        *("pricing_page", "case_page", "page_view", "document_request", "quote_request", "seminar", "card_exchange"),
        *("email_open", "email_click", "reply", "inbound_call"),
    }
)


def shipped(name: str) -> Document:
    return read_document(SHIPPED / f"{name}.yaml")


def problems(load: Callable[[Document], Any], text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(FixConfig) as caught:
        load(parse_document(text, "rules.yaml"))
    for problem in caught.value.problems:
        for language in LANGUAGES:
            assert say(problem.code, language, **problem.params)
    return [(p.line, p.column, p.code) for p in caught.value.problems]


def scoring(document: Document) -> Any:
    return load_scoring(document, LADDER, KINDS)


def definition(document: Document) -> Any:
    return load_qualification(document, LADDER, KINDS)


# -------------------------------------------------------------------------------------------------------------- what ships


def test_the_guides_example_holds_under_the_shipped_rules() -> None:
    rules, agreed = scoring(shipped("scoring")), definition(shipped("qualification"))
    people = conform(
        pl.DataFrame([{"person_id": "kacho", "title_rank": 4}, {"person_id": "shunin", "title_rank": 2}]).with_columns(
            identified=True
        ),
        PERSONS,
    )
    seen = [{"person_id": p, "kind": "pricing_page", "at": NOW, "touch_id": p} for p in ("kacho", "shunin")]
    facts = Facts(
        people, conform(pl.DataFrame(seen), TOUCHES), *(getattr(Facts.none(), n) for n in ("approaches", "opportunities", "reps"))
    )
    frame = conditions.prepare(facts, agreed.windows, NOW)
    scores, _ = score(frame, facts.touches, rules, NOW)
    assert scores.select("rule:manager_or_above", "rule:pricing_page", "score").rows() == [(5.0, 10.0, 15.0), (0.0, 10.0, 10.0)]
    judged = frame.join(scores, on="person_id").with_columns(temperature=pl.lit("warm"))
    assert qualification.qualify(judged, agreed, 0.0)["qualifies"].to_list() == [True, False]
    assert qualification.qualify(judged, agreed, 1.0)["qualifies"].to_list() == [False, False]


def test_every_kind_of_touch_has_a_rule() -> None:
    assert {rule.touch for rule in scoring(shipped("scoring")).interest} == KINDS


def test_the_shipped_temperature_valve_and_targets_can_be_read() -> None:
    assert load_temperature(shipped("temperature")).hot.leave < load_temperature(shipped("temperature")).hot.enter
    valve = load_valve(shipped("valve"))
    assert (valve.busy, valve.idle, valve.override) == (Band(1.0, 0.8), Band(0.4, 0.6), None)
    targets = load_targets(shipped("targets"))
    assert targets.of("2026-05").opportunities == 36
    assert targets.kinds == ("new_business",)


def test_a_definition_carries_who_is_to_sign_it_and_the_shipped_one_counts_at_once() -> None:
    agreed = definition(shipped("qualification"))
    assert (agreed.name, agreed.version, agreed.effective_from) == ("standard", 1, None)
    assert [s.department for s in agreed.signed_by] == ["marketing", "inside_sales"]


# -------------------------------------------------------------------------------------------------------- what is said of slips

FIT = """\
version: 1
fit:
  - name: manager
    title: {ja: 課長以上, en: Manager}
"""


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("    if: title_rnk > 3\n", (5, 9)),
        ("    if: 'title_rnk > 3'\n", (5, 10)),
        ('    if: "title_rnk > 3"\n', (5, 10)),
        ("    if:   free_mail AND title_rnk > 3\n", (5, 25)),
        ("    if: title = 'CEO' AND title_rnk > 3\n", (5, 27)),
        ("    if: 'title = ''CEO'' AND title_rnk > 3'\n", (5, 30)),
        ('    if: "title = \\"CEO\\" AND title_rank > 3"\n', (5, 19)),
        ("    if: >-\n      free_mail\n      AND title_rnk > 3\n", (7, 11)),
        ("    if: |\n      free_mail AND\n      title_rnk > 3\n", (7, 7)),
        ("    if: free_mail\n      AND title_rnk > 3\n", (6, 11)),
        ('    if: "free_mail\n      AND title_rnk > 3"\n', (6, 11)),
        ("    if: \"title = '\\u8ab2\\u9577' AND title_rnk > 3\"\n", (5, 9)),
    ],
)
def test_a_slip_in_a_condition_is_shown_at_its_own_character(condition: str, expected: tuple[int, int]) -> None:
    found = problems(scoring, f"{FIT}{condition}    points: 5\n")
    assert [(line, column) for line, column, _ in found] == [expected]


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    text = """\
version: 1
fit:
  - {name: a, title: {ja: あ, en: A}, if: title_rnk > 3 AND touches('seminar') > 0, points: 5}
interest:
  - {name: a, title: {ja: あ, en: A}, touch: seminr, points: 5}
  - {name: b, title: {ja: い, en: B}, touch: seminar, points: -5}
groups:
  - {name: g, rules: [a, b, c], cap: 5}
"""
    assert problems(scoring, text) == [
        (3, 42, "condition.unknown_column"),
        (3, 60, "condition.no_behaviour"),
        (5, 12, "rules.duplicate"),
        (5, 45, "condition.unknown_value"),
        (8, 26, "rules.negative_in_group"),
        (8, 29, "rules.unknown_rule"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("half_life_days: 0", "config.wrong_value"),
        ("count: twice", "config.wrong_value"),
        ("half_live_days: 3", "config.unknown_key"),
        ("cap: -3", "config.wrong_value"),
        ("points: 2000", "config.wrong_value"),
    ],
)
def test_a_rule_with_a_senseless_number_is_refused(line: str, expected: str) -> None:
    rule = {"name": "a", "title": "{ja: あ, en: A}", "touch": "seminar", "points": "5"}
    key, _, value = line.partition(": ")
    body = "\n    ".join(f"{k}: {v}" for k, v in {**rule, key: value}.items())
    assert [code for *_, code in problems(scoring, f"version: 1\ninterest:\n  - {body}\n")] == [expected]


def test_without_the_words_of_the_mappings_any_kind_of_touch_is_accepted() -> None:
    text = "version: 1\ninterest:\n  - {name: a, title: {ja: あ, en: A}, touch: fax, points: 5}\n"
    assert load_scoring(parse_document(text, "x"), LADDER).interest[0].touch == "fax"


def test_thresholds_of_temperature_are_in_order() -> None:
    text = "version: 1\nhot: {enter: 10, leave: 20}\nwarm: {enter: 12, leave: 5}\nexplicit_days: 3\n"
    assert problems(load_temperature, text) == [(2, 25, "rules.not_above"), (3, 15, "rules.not_above")]


def test_the_strict_end_is_no_looser_than_the_loose_one() -> None:
    text = """\
name: standard
version: 1
title: {ja: 標準, en: Standard}
all:
  - free_mail AND
    temprature = 'hot'
exclude: [temperature = 'hto']
loose: {minimum_score: 20, temperatures: [hot]}
strict: {minimum_score: 10, temperatures: [hot, warm]}
"""
    assert problems(definition, text) == [
        (6, 5, "condition.unknown_column"),
        (7, 25, "condition.unknown_value"),
        (9, 25, "rules.not_below"),
        (9, 49, "rules.strict_is_looser"),
    ]


VALVE = """\
start: 0.5
largest_step: 0.2
load:
  busy: {above: 1.0, until_below: 0.8}
  idle: {below: 0.4, until_above: 0.6}
attainment:
  behind: {below: 0.9, until_above: 1.0}
  ahead_above: 1.1
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("start: 0.5", "start: 0.5\nstrictest: 0.4", [(1, 8, "rules.not_above")]),
        ("until_below: 0.8", "until_below: 1.2", [(4, 35, "rules.not_above")]),
        ("until_above: 0.6", "until_above: 0.9", [(5, 35, "rules.not_above")]),
        ("below: 0.4", "below: 0.7", [(5, 17, "rules.not_above")]),
        ("below: 0.9", "below: 1.05", [(7, 19, "rules.not_above")]),
        ("ahead_above: 1.1", "ahead_above: 0.95", [(8, 16, "rules.not_above")]),
        ("largest_step: 0.2", "largest_step: 0", [(2, 1, "config.wrong_value")]),
    ],
)
def test_bands_of_the_valve_do_not_overlap(old: str, new: str, expected: list[tuple[int, int, str]]) -> None:
    assert problems(load_valve, VALVE.replace(old, new)) == expected


def test_an_override_names_who_until_when_and_why() -> None:
    text = VALVE + "override: {position: 1.0, until: 2026-12-28, by: Head of sales, reason: Year-end}\n"
    assert load_valve(parse_document(text, "x")).override == Override(1.0, date(2026, 12, 28), "Head of sales", "Year-end")
    assert problems(load_valve, VALVE + "override: {position: 1.0, until: 2026-12-28, by: Head}\n") == [
        (9, 1, "config.missing_key")
    ]


def test_targets_know_their_months_and_their_zone() -> None:
    good = 'time_zone: Asia/Tokyo\nevery_month: {wins: 3}\nmonths: {"2026-05": {opportunities: 9}}\n'
    targets = load_targets(parse_document(good, "x"))
    assert (targets.of("2026-05").opportunities, targets.of("2026-06").wins) == (9, 3)
    bad = "time_zone: Asia/Tokio\nevery_month: {}\nmonths:\n  2026-13: {wins: 1}\n"
    assert problems(load_targets, bad) == [(1, 12, "rules.unknown_zone"), (4, 3, "rules.no_month")]


# ---------------------------------------------------------------------------------------------------- the life of a definition

SIGNED = """\
status: approved
effective_from: 2026-04-01
review_by: 2026-09-30
signed_by:
  - {department: marketing, role: Head of marketing, on: 2026-03-20}
  - {department: inside_sales, role: Head of inside sales, on: 2026-04-01}
"""
ENDS = """\
name: standard
version: 2
title: {ja: 標準, en: Standard}
loose: {minimum_score: 12, temperatures: [hot, warm]}
strict: {minimum_score: 30, temperatures: [hot]}
"""


def test_a_definition_approved_by_both_heads_is_in_force_from_its_day_until_it_is_due_for_review() -> None:
    agreed = definition(parse_document(ENDS + SIGNED, "q.yaml"))
    stages = [agreed.stage(date(2026, month, day)) for month, day in ((3, 31), (4, 1), (9, 30), (10, 1))]
    assert stages == ["approved", "effective", "effective", "review_due"]
    assert [s.signed_on for s in agreed.signed_by] == [date(2026, 3, 20), date(2026, 4, 1)]
    assert definition(parse_document(ENDS + "status: draft\n", "q.yaml")).stage(date(2026, 5, 1)) == "draft"


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        (", on: 2026-03-20", "", "rules.not_signed", 6),
        ("inside_sales", "field_sales", "rules.not_signed", 6),
        ("effective_from: 2026-04-01\n", "", "rules.no_effective_date", 6),
        ("2026-03-20", "2026-04-02", "rules.not_above", 10),
        ("2026-09-30", "2026-04-01", "rules.not_above", 8),
    ],
)
def test_what_calls_itself_approved_but_is_not_is_refused_where_it_stands(old: str, new: str, code: str, line: int) -> None:
    with pytest.raises(FixConfig) as caught:
        definition(parse_document(ENDS + SIGNED.replace(old, new), "q.yaml"))
    assert [(p.code, p.line) for p in caught.value.problems] == [(code, line)]
