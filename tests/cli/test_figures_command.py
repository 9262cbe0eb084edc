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


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_the_columns_of_a_view_are_those_of_the_page(story: Any, view: str) -> None:
    printed = {
        sheet: value
        for cohort in ((), ("--cohort",) if "cohort" in VIEWS[view].takes else ())
        for sheet, value in story.desk.here("figures", view, *cohort, "--json", "--from", "2025-01-01").json.items()
    }
    said = documented()[view]
    assert set(printed) == set(said)
    for sheet, value in printed.items():
        for row in value["rows"]:
            assert sorted(row) == sorted(said[sheet]), sheet


@pytest.mark.parametrize(("view", "split"), sorted((name, split) for name, view in VIEWS.items() for split in view.splits))
def test_every_split_of_a_view_is_a_column_and_parts_the_whole(story: Any, view: str, split: str) -> None:
    asked = ("figures", view, "--json", "--from", "2025-01-01")
    whole, parts = (story.desk.here(*asked, *more).json for more in ((), ("--split", split)))
    for sheet, value in parts.items():
        assert {split} == {name for row in value["rows"] for name in row} - {name for row in whole[sheet]["rows"] for name in row}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_view_can_be_read_in_both_languages(story: Any, language: str) -> None:
    shown = story.desk.here("figures", *sorted(VIEWS), "--from", "2025-01-01", "--language", language)
    assert shown.code == 0, shown.err
    assert shown.requests == ()
    assert ("SLA ボード" if language == "ja" else "SLA board") in shown.out


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_view_prints_the_same_of_the_past_as_it_did_then(story: Any, view: str) -> None:
    desk = story.desk
    now = desk.here("figures", view, "--json")
    assert desk.here("figures", view, "--json", "--as-of", desk.now).json == now.json


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
