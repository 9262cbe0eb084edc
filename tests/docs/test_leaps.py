"""Each leap says where it lives and which tests show it, and both are there."""

from __future__ import annotations

import re

import pytest
from prose import ROOT, missing_tests, named_tests, section, text_of

PAGE = ROOT / "docs" / "leaps.md"
LEAPS = re.findall(r"^\| (L\d+) \| (.+?) \| (.+?) \| (.+) \|$", section(text_of(PAGE), "Leaps"), re.MULTILINE)


def test_all_twenty_two_are_told() -> None:
    assert [name for name, *_ in LEAPS] == [f"L{number}" for number in range(1, 23)]


@pytest.mark.parametrize(("name", "where", "shown_by"), [(row[0], row[2], row[3]) for row in LEAPS])
def test_a_leap_lives_somewhere_and_is_shown_by_tests_that_exist(name: str, where: str, shown_by: str) -> None:
    assert re.search(r"`\w|\]\(", where), name
    assert [place for place in re.findall(r"\]\((\.\./\S+?)\)", where) if not (PAGE.parent / place).is_file()] == []
    assert named_tests(shown_by)
    assert missing_tests(shown_by) == []
