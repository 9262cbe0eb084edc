"""init writes a configuration that runs; check finds everything that is wrong with one, at once."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from crmsync.demo.configuration import SANDBOX_URLS
from crmsync.sandbox.world.control import SandboxCredentials


@pytest.fixture
def fresh(desk: Any, tmp_path: Path) -> Path:
    """A configuration of one's own, to break."""
    directory = tmp_path / "my conf"
    shutil.copytree(desk.directory, directory, ignore=shutil.ignore_patterns("*.db*"))
    return directory


def check(desk: Any, directory: Path, *words: str) -> Any:
    return desk.type("check", "--config", str(directory), *words)


def test_init_writes_a_configuration_that_check_accepts(desk: Any, tmp_path: Path) -> None:
    answer = desk.type("init", str(tmp_path / "here"))
    assert answer.code == 0
    assert "sandbox serve" in answer.out
    assert check(desk, tmp_path / "here").code == 0


def test_check_counts_what_it_read(desk: Any) -> None:
    answer = check(desk, desk.directory, "--json")
    assert answer.json["ok"] is True
    assert answer.json["counts"]["connections"] == 2
    assert answer.json["counts"]["reps"] == 12
    assert answer.requests == (), "a check contacts nobody"


def test_init_points_at_where_sandbox_serve_listens(desk: Any) -> None:
    written = (desk.directory / "crmsync.yaml").read_text(encoding="utf-8")
    assert all(url in written for url in SANDBOX_URLS.values())


def test_init_keeps_secrets_in_files_that_only_their_owner_reads(desk: Any) -> None:
    secrets = sorted((desk.directory / "secrets").iterdir())
    assert [file.name for file in secrets] == ["hubspot_token", "salesforce_client_id", "salesforce_client_secret"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in secrets)
    assert SandboxCredentials().hubspot_token not in (desk.directory / "crmsync.yaml").read_text(encoding="utf-8")
    assert "secrets/" in (desk.directory / ".gitignore").read_text(encoding="utf-8")


def test_init_refuses_a_directory_that_holds_a_configuration(desk: Any, fresh: Path) -> None:
    before = (fresh / "crmsync.yaml").read_bytes()
    (fresh / "team.yaml").unlink()
    answer = desk.type("init", str(fresh))
    assert answer.code == 2
    assert "already holds a configuration" in answer.err
    assert (fresh / "crmsync.yaml").read_bytes() == before
    assert not (fresh / "team.yaml").exists(), "nothing is written"


@pytest.mark.parametrize(("language", "comment"), [("ja", "# crmsync の設定です"), ("en", "# crmsync configuration.")])
def test_init_comments_in_the_language_asked_for(desk: Any, tmp_path: Path, language: str, comment: str) -> None:
    assert desk.type("init", str(tmp_path / "c"), "--language", language).code == 0
    written = (tmp_path / "c" / "crmsync.yaml").read_text(encoding="utf-8")
    assert written.startswith(comment)
    assert f"language: {language}\n" in written


def broken(directory: Path) -> None:
    """One mistake in each of four files."""
    for file, before, after in (
        ("crmsync.yaml", "    role: sfa", "    rolle: sfa"),
        ("team.yaml", "    department: marketing\n", "    department: marketting\n"),
        ("rules/scoring.yaml", "if: free_mail", "if: free_male"),
        ("rules/sla.yaml", "phase: mql", "phase: mqll"),
    ):
        path = directory / file
        text = path.read_text(encoding="utf-8")
        assert before in text, file
        path.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_check_reports_every_problem_of_every_file_at_once(desk: Any, fresh: Path) -> None:
    broken(fresh)
    answer = check(desk, fresh, "--json")
    assert answer.code == 2
    assert answer.json["ok"] is False
    files = {Path(problem["file"]).name for problem in answer.json["problems"]}
    assert files == {"crmsync.yaml", "team.yaml", "scoring.yaml", "sla.yaml"}


def test_a_problem_names_file_line_and_column_and_what_to_do_in_both_languages(desk: Any, fresh: Path) -> None:
    broken(fresh)
    lines = (fresh / "crmsync.yaml").read_text(encoding="utf-8").splitlines()
    problem = next(p for p in check(desk, fresh, "--json").json["problems"] if p["code"] == "config.unknown_key")
    assert lines[problem["line"] - 1][problem["column"] - 1 :].startswith("rolle")
    assert "'role'" in problem["en"]
    assert "「role」" in problem["ja"]


def test_on_a_terminal_problems_are_lines_that_an_editor_can_jump_to(desk: Any, fresh: Path) -> None:
    broken(fresh)
    answer = check(desk, fresh)
    assert answer.code == 2
    assert answer.out == ""
    assert any(line.startswith("crmsync.yaml:") and ": Unknown key 'rolle'" in line for line in answer.err.splitlines())
    assert "Nothing was run" in answer.err


def test_without_a_language_errors_are_said_in_both(desk: Any, fresh: Path) -> None:
    broken(fresh)
    answer = desk.type("check", "--config", str(fresh), environment={"CRMSYNC_LANGUAGE": ""})
    assert "Unknown key" in answer.err
    assert "不明なキー" in answer.err


def test_no_command_runs_on_a_wrong_configuration(desk: Any, fresh: Path) -> None:
    broken(fresh)
    for command in ("run", "gaps", "start"):
        assert desk.type(command, "--config", str(fresh)).code == 2, command


def test_a_directory_without_a_configuration_says_how_to_get_one(desk: Any, tmp_path: Path) -> None:
    answer = check(desk, tmp_path)
    assert answer.code == 2
    assert "crmsync.yaml:1:1" in answer.err
    assert "crmsync init" in answer.err


@pytest.mark.parametrize("value", ["yesterday", "2026-05-01T09:00:00", "2026-05-01"])
def test_an_instant_without_a_zone_is_refused(desk: Any, value: str) -> None:
    answer = desk.type("run", "--config", str(desk.directory), "--now", value)
    assert answer.code == 2
    assert value in answer.err
    assert answer.requests == ()


def test_a_language_that_is_not_spoken_is_refused(desk: Any) -> None:
    assert check(desk, desk.directory, "--language", "fr").code == 2
