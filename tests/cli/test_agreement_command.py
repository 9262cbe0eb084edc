"""The agreement can be printed, or kept as a file, in either language and either form; it names the rules that are running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmsync.bootstrap import read_configuration


def written(desk: Any, *words: str) -> Any:
    return desk.type("agreement", "--config", str(desk.directory), "--now", "2026-06-01T00:00:00+09:00", *words)


def test_it_is_markdown_with_the_digest_of_the_running_rules_and_the_day(desk: Any) -> None:
    answer = written(desk)
    assert (answer.code, answer.requests) == (0, ())
    assert answer.out.startswith("# ")
    assert read_configuration(desk.directory).rules.digest in answer.out
    assert "2026-06-01" in answer.out


@pytest.mark.parametrize(("language", "day"), [("ja", "2026年6月1日"), ("en", "2026-06-01")])
def test_it_can_be_kept_as_a_page_in_either_language(desk: Any, tmp_path: Path, language: str, day: str) -> None:
    file = tmp_path / "agreement.html"
    answer = written(desk, "--html", "--out", str(file), "--language", language)
    assert (answer.code, answer.out) == (0, "")
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert f'lang="{language}"' in page
    assert day in page


def test_a_file_that_cannot_be_written_is_said_so(desk: Any, tmp_path: Path) -> None:
    answer = written(desk, "--out", str(tmp_path / "nowhere" / "paper.md"))
    assert answer.code == 1
    assert "cannot be written" in answer.err
