"""`crmsync figures VIEW`: what is asked is answered, what cannot be answered is said, and every column is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crmsync.sync.views import VIEWS

PAGE = Path(__file__).parents[2] / "docs" / "figures.md"


def documented() -> dict[str, dict[str, list[str]]]:
    """View → sheet → columns, as the page has them."""
    views: dict[str, dict[str, list[str]]] = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name, _, body = section.partition("\n")
        sheets = {}
        for part in body.split("\n### `")[1:]:
            sheet, _, table = part.partition("`")
            sheets[sheet] = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
        if sheets:
            views[name] = sheets
    return views


def test_every_view_has_its_section() -> None:
    assert set(documented()) == set(VIEWS)


def test_no_two_views_have_a_sheet_of_the_same_name() -> None:
    names = [sheet for sheets in documented().values() for sheet in sheets]
    assert sorted(set(names)) == sorted(names)


ALL = (*sorted(VIEWS), "--from", "2025-01-01")


def test_the_columns_of_every_view_are_those_of_the_page(story: Any) -> None:
    """Split columns are documented once, above all views."""
    printed = story.desk.here("figures", *ALL, "--json").json
    for view in (name for name, view in VIEWS.items() if "cohort" in view.takes):
        printed |= story.desk.here("figures", view, "--cohort", "--json").json
    said = {sheet: columns for sheets in documented().values() for sheet, columns in sheets.items()}
    assert set(printed) == set(said)
    for sheet, value in printed.items():
        for row in value["rows"]:
            assert sorted(row) == sorted(said[sheet]), sheet


@pytest.mark.parametrize("view", sorted(name for name, view in VIEWS.items() if view.splits))
def test_every_split_of_a_view_is_a_column_and_parts_the_whole(story: Any, view: str) -> None:
    splits = sorted(VIEWS[view].splits)
    asked = ("figures", view, "--json", "--from", "2025-01-01")
    whole, parts = (story.desk.here(*asked, *more).json[view]["rows"] for more in ((), [w for s in splits for w in ("--split", s)]))
    assert {name for row in parts for name in row} - {name for row in whole for name in row} == set(splits)
    assert sum(row["leads"] for row in parts) == sum(row["leads"] for row in whole) > 0


def test_what_a_campaign_of_the_crm_cost_is_known_without_a_file(story: Any) -> None:
    """Salesforce has it; the method is that of the leads who came by it."""
    told = story.desk.here("figures", "methods", "--json", "--from", "2025-01-01").json["methods"]
    costs = {row["method"]: row["spend"] for row in told["rows"] if row["spend"]}
    assert told["missing"] == []
    assert sum(costs.values()) == sum(row["ActualCost"] or 0 for row in story.desk.sandbox.org.rows("Campaign"))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_view_can_be_read_in_both_languages(story: Any, language: str) -> None:
    shown = story.desk.here("figures", *ALL, "--language", language)
    assert shown.code == 0, shown.err
    assert shown.requests == ()
    assert ("SLA ボード" if language == "ja" else "SLA board") in shown.out


def test_every_view_prints_the_same_of_the_past_as_it_did_then(story: Any) -> None:
    desk = story.desk
    now, then = (desk.here("figures", *ALL, "--json", *more).json for more in ((), ("--as-of", desk.now)))
    assert {sheet for sheet in now if now[sheet] != then[sheet]} == set()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("conversions",), "There is no view 'conversions'"),
        (("sla", "--by", "fortnight"), "'fortnight' is no span"),
        (("sla", "--by", "month"), "makes nothing of --by"),
        (("sla", "--cohort"), "makes nothing of --cohort"),
        (("chain", "--split", "colour"), "cannot be split by 'colour'"),
        (("sla", "--from", "2026-05-02", "--to", "2026-05-01"), "There is no day from 2026-05-02 to 2026-05-01"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(desk: Any, words: tuple[str, ...], told: str) -> None:
    answer = desk.here("figures", *words)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
