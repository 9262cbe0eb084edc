"""What fills the sentence that an admin reads under a slip: the words at fault, what was found, what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.errors import FixConfig

LADDER = {"課長": 4, "Manager": 4, "主任": 2, "部長": 6, "director": 6}
Told = list[tuple[int, str, dict[str, Any]]]
"""Column, code and words of each problem."""


def told(text: str, columns: catalogue.Catalogue) -> Told:
    with pytest.raises(FixConfig) as caught:
        parse(text, columns)
    return [(p.column, p.code.removeprefix("condition."), dict(p.params)) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title_rnk > 3", [(1, "unknown_column", {"name": "title_rnk", "nearest": "title_rank"})]),
        ("zzz > 3", [(1, "unknown_column", {"name": "zzz", "nearest": ""})]),
        ("p.title = 'a'", [(1, "not_allowed", {"what": "p.title"})]),
        ('temperature = "hot"', [(15, "double_quotes", {"text": "hot"})]),
        ("temperature = 'hto'", [(15, "unknown_value", {"value": "hto", "nearest": "hot", "known": "hot, warm, cold"})]),
        (
            "need IN ('yes', 'maybe')",
            [(17, "unknown_value", {"value": "maybe", "nearest": "yes", "known": "unknown, no, partial, yes"})],
        ),
        (
            "touches('pricng_page', 30) > 0",
            [(9, "unknown_value", {"value": "pricng_page", "nearest": "pricing_page", "known": "any, pricing_page, seminar"})],
        ),
        (
            "approaches('cal') > 0",
            [(12, "unknown_value", {"value": "cal", "nearest": "call", "known": "any, call, email, meeting"})],
        ),
        ("opportunities('opn') > 0", [(15, "unknown_value", {"value": "opn", "nearest": "open", "known": "any, lost, open, won"})]),
        ("touches('seminar', 0) > 0", [(20, "days", {"what": "0", "most": 3660})]),
        ("touches('seminar', 3661) > 0", [(20, "days", {"what": "3661", "most": 3660})]),
        ("touches('seminar', 1.5) > 0", [(20, "days", {"what": "1.5", "most": 3660})]),
        ("touches('seminar', employees) > 0", [(20, "days", {"what": "employees", "most": 3660})]),
        ("touches('seminar', 'x') > 0", [(20, "type", {"what": "'x'", "found": "text", "wanted": "number"})]),
        ("touches() > 0", [(1, "arguments", {"name": "touches", "found": 0, "wanted": "1–2"})]),
        ("touches('any', 1, 2) > 0", [(1, "arguments", {"name": "touches", "found": 3, "wanted": "1–2"})]),
        ("days_since_touch('any', 3) > 0", [(1, "arguments", {"name": "days_since_touch", "found": 2, "wanted": 1})]),
        ("days_since() > 0", [(1, "arguments", {"name": "days_since", "found": 0, "wanted": 1})]),
        ("rank() > 1", [(1, "arguments", {"name": "rank", "found": 0, "wanted": 1})]),
        ("bant_at_least('need')", [(1, "arguments", {"name": "bant_at_least", "found": 1, "wanted": 2})]),
        ("bant_count() > 1", [(1, "arguments", {"name": "bant_count", "found": 0, "wanted": 1})]),
        ("lower() = 'a'", [(1, "arguments", {"name": "lower", "found": 0, "wanted": 1})]),
        ("coalesce(title) = 'a'", [(1, "arguments", {"name": "coalesce", "found": 1, "wanted": "2–9"})]),
        ("touches(title) > 0", [(9, "written_out", {"what": "title"})]),
        ("touches(3) > 0", [(9, "type", {"what": "3", "found": "number", "wanted": "text"})]),
        ("touch('seminar') > 0", [(1, "unknown_function", {"name": "touch", "nearest": "touches"})]),
        ("qqqqq('x')", [(1, "unknown_function", {"name": "qqqqq", "nearest": ""})]),
        ("title_rank >= rank('mangler')", [(20, "unknown_rung", {"name": "mangler", "nearest": "manager"})]),
        ("title_rank", [(1, "type", {"what": "title_rank", "found": "number", "wanted": "boolean"})]),
        ("NOT employees", [(5, "type", {"what": "employees", "found": "number", "wanted": "boolean"})]),
        ("employees > 'many'", [(1, "mixed", {"what": "employees > 'many'", "left": "number", "right": "text"})]),
        ("employees = title", [(1, "mixed", {"what": "employees = title", "left": "number", "right": "text"})]),
        ("need >= 'partial'", [(1, "no_order", {"what": "need", "found": "text"})]),
        ("free_mail > bounced", [(1, "no_order", {"what": "free_mail", "found": "boolean"})]),
        ("title BETWEEN 'a' AND 'b'", [(1, "no_order", {"what": "title", "found": "text"})]),
        ("created_at > '2026-04-01'", [(14, "no_zone", {"text": "2026-04-01"})]),
        ("created_at > 'yesterday'", [(14, "no_time", {"text": "yesterday"})]),
        ("employees = NULL", [(1, "null", {})]),
        (
            "bant_at_least('needs', 'yes')",
            [(15, "unknown_value", {"value": "needs", "nearest": "need", "known": "authority, budget, need, timeframe"})],
        ),
        ("bant_at_least('need', 'ye')", [(23, "unknown_value", {"value": "ye", "nearest": "yes", "known": "no, partial, yes"})]),
        ("bant_count('ye') > 1", [(12, "unknown_value", {"value": "ye", "nearest": "yes", "known": "no, partial, yes"})]),
        ("title LIKE name", [(12, "written_out", {"what": "name"})]),
        ("employees LIKE '1%'", [(1, "type", {"what": "employees", "found": "number", "wanted": "text"})]),
        ("title IN (SELECT 1)", [(1, "not_allowed", {"what": "title IN (SELECT 1)"})]),
        ("title IS 'a'", [(1, "not_allowed", {"what": "title IS 'a'"})]),
        ("employees + title > 1", [(13, "type", {"what": "title", "found": "text", "wanted": "number"})]),
        ("-title > 1", [(2, "type", {"what": "title", "found": "text", "wanted": "number"})]),
        ("days_since(title) > 3", [(12, "type", {"what": "title", "found": "text", "wanted": "instant"})]),
        ("lower(employees) = 'a'", [(7, "type", {"what": "employees", "found": "number", "wanted": "text"})]),
        (
            "coalesce(title, employees) = 'a'",
            [(1, "mixed", {"what": "COALESCE(title, employees)", "left": "text", "right": "number"})],
        ),
        (
            "coalesce(need, 'maybe') = 'a'",
            [
                (16, "unknown_value", {"value": "maybe", "nearest": "yes", "known": "unknown, no, partial, yes"}),
                (27, "unknown_value", {"value": "a", "nearest": "", "known": "unknown, no, partial, yes"}),
            ],
        ),
        (
            "employees + employees + employees + employees + employees + employees + employees",
            [
                (
                    1,
                    "type",
                    {
                        "what": "employees + employees + employees + employees + employees + ",
                        "found": "number",
                        "wanted": "boolean",
                    },
                )
            ],
        ),
        (
            "employees + employees + employees + employees + employees + employees + employees IN (SELECT 1)",
            [(1, "not_allowed", {"what": "employees + employees + employees + employees + employees + "})],
        ),
        (
            "employees + employees + employees + employees + employees + employees + employees BETWEEN 'x' AND 'y'",
            [
                (
                    1,
                    "mixed",
                    {"what": "employees + employees + employees + employees + employees + ", "left": "number", "right": "text"},
                )
            ],
        ),
        ("title IN ('a', 3)", [(1, "mixed", {"what": "title IN ('a', 3)", "left": "text", "right": "number"})]),
        ("title || 'a' = 'b'", [(1, "not_allowed", {"what": "title || 'a'"})]),
        ("upper(3) = 'A'", [(7, "type", {"what": "3", "found": "number", "wanted": "text"})]),
        ("EXISTS(SELECT 1)", [(15, "not_allowed", {"what": "EXISTS(SELECT 1)"})]),
    ],
)
def test_a_slip_is_told_with_the_words_at_fault_and_what_would_be_right(text: str, expected: Told) -> None:
    assert told(text, catalogue.everything(LADDER, frozenset({"pricing_page", "seminar"}))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("touches('seminar') > 0", [(1, "no_behaviour", {"name": "touches"})]),
        ("phase = 'mql'", [(1, "unknown_column", {"name": "phase", "nearest": "phone"})]),
    ],
)
def test_where_only_attributes_count_the_rest_is_not_known(text: str, expected: Told) -> None:
    assert told(text, catalogue.attributes(LADDER)) == expected
