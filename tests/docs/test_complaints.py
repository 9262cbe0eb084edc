"""Every complaint of others is answered by a test that can be collected, or named as a limit; so are the vendors' own traps."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from prose import ROOT, collected_tests, missing_tests, named_tests, section, text_of

PAGE = ROOT / "docs" / "complaints.md"
REGRESSIONS = ROOT / "tests" / "regressions"
COMPLAINTS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+) \|$", section(text_of(PAGE), "Complaints"), re.MULTILINE)
DEFECTS = re.findall(r"^\| (.+?) \| (\[.+?) \| (.+) \|$", section(text_of(PAGE), "Defects in the sources of others"), re.MULTILINE)
TRAPS = {
    "salesforce": section(text_of(ROOT / "connectors" / "salesforce" / "README.md"), "Quirks"),
    "hubspot": section(text_of(ROOT / "connectors" / "hubspot" / "README.md"), "Known pitfalls"),
}
ROWS = [(name, *row) for name, text in TRAPS.items() for row in re.findall(r"^\| (\d+) \| .+? \| (.+) \|$", text, re.MULTILINE)]


def limits(cell: str) -> list[tuple[str, Path]]:
    """The words of each limit in a cell and the page where they must stand."""
    found = re.findall(r"limit: \[(.+?)\]\((.+?)#", cell)
    return [(words, (PAGE.parent / place).resolve()) for words, place in found]


def test_there_are_thirty_six() -> None:
    assert [int(number) for number, *_ in COMPLAINTS] == list(range(1, 37))


@pytest.mark.parametrize(("number", "where", "shown_by"), [(row[0], row[2], row[4]) for row in COMPLAINTS])
def test_a_complaint_has_its_link_and_is_kept_away_by_tests_or_named_as_a_limit(number: str, where: str, shown_by: str) -> None:
    assert re.search(r"\]\(https://", where)
    assert named_tests(shown_by) or limits(shown_by)
    assert missing_tests(shown_by) == []
    assert [words for words, page in limits(shown_by) if words not in text_of(page)] == []


@pytest.mark.parametrize(("defect", "where", "shown_by"), DEFECTS)
def test_a_defect_of_others_has_its_link_and_its_tests(defect: str, where: str, shown_by: str) -> None:
    assert re.search(r"\]\(https://", where)
    assert named_tests(shown_by)
    assert missing_tests(shown_by) == []


@pytest.mark.parametrize("file", sorted(REGRESSIONS.glob("test_*.py")), ids=lambda path: path.stem)
def test_a_regression_begins_with_its_link_and_stands_on_the_page(file: Path) -> None:
    for node in ast.parse(text_of(file)).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = ast.get_docstring(node) or ""
            assert said.startswith("https://"), node.name
            assert f"::{node.name}`" in text_of(PAGE), node.name


@pytest.mark.parametrize("name", TRAPS)
def test_all_twenty_traps_of_a_vendor_are_in_its_readme(name: str) -> None:
    assert [int(number) for connector, number, _ in ROWS if connector == name] == list(range(1, 21))


@pytest.mark.parametrize(("name", "number", "shown_by"), ROWS)
def test_a_trap_has_tests_that_exist_or_says_its_limit(name: str, number: str, shown_by: str) -> None:
    places = [*(ROOT / "connectors" / name / "tests").glob("test_*.py"), *(ROOT / "tests").rglob("test_*.py")]
    known = frozenset().union(*(collected_tests(file) for file in places))
    tests = set(re.findall(r"`(test_\w+)`", shown_by))
    assert tests or "limit:" in shown_by.lower()
    assert tests - known == set()
