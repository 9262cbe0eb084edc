"""The demo, small: it ends with what it promises, and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from typer.testing import CliRunner

from crmsync.cli.app import app
from crmsync.demo.play import instants


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command says how the process logs; the next test is not that process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    directory = tmp_path_factory.mktemp("a demo") / "kept here"
    words = ["demo", "--days", "4", "--people", "80", "--language", "en", "--directory", str(directory)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "100"}), directory


def test_it_ends_with_all_that_it_promises(played: tuple[Any, Path]) -> None:
    result, _ = played
    assert result.exit_code == 0, result.output
    promised = (
        "Making 80 people",
        "Played 4 days in 9 cycles",
        "The chain of figures, Mon 13 Apr 2026 to Fri 17 Apr 2026",
        "The bottleneck is:",
        "SLA board",
        "One lead, from first touch to hand-over",
        "Score and its reasons",
        "Inquiry → MQL",
        "First contact –",
        "Written to the CRMs",
        "What to type next",
        "crmsync init",
    )
    places = [result.stdout.find(text) for text in promised]
    assert -1 not in places, promised[places.index(-1)]
    assert places == sorted(places), "in this order"


def test_there_are_no_gaps_but_those_of_people(played: tuple[Any, Path]) -> None:
    result, _ = played
    assert "No gap" in result.stdout or "Fill in" in result.stdout


def test_no_log_line_disturbs_it(played: tuple[Any, Path]) -> None:
    result, _ = played
    assert "event=" not in result.stdout + result.stderr


def test_what_it_keeps_works_with_the_other_commands(played: tuple[Any, Path]) -> None:
    result, directory = played
    hint = next(line for line in result.stdout.splitlines() if "There: crmsync" in line)
    words = hint.split("There: crmsync ")[1]
    person, now = words.split()[1], words.split()[-1]
    for command in (["explain", person], ["figures"], ["gaps"], ["check"]):
        with_now = ["--now", now] if command[0] in ("explain", "figures") else []
        assert CliRunner().invoke(app, [*command, "--config", str(directory), *with_now]).exit_code == 0, command


def test_for_programs_it_prints_one_document_and_removes_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    result = CliRunner().invoke(app, ["demo", "--days", "1", "--people", "20", "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert set(printed) == {"totals", "chain", "sla", "gaps", "explained"}
    assert set(printed["totals"]) == {"days", "cycles", "written", "calls", "failures", "now", "seconds"}
    assert not list(tmp_path.iterdir())


def test_cycles_run_when_people_work() -> None:
    begins = datetime(2026, 4, 13, tzinfo=UTC)
    played = list(instants(begins, begins + timedelta(days=14)))
    assert played == sorted(played)
    local = [at.astimezone(ZoneInfo("Asia/Tokyo")) for at in played]
    assert {at.weekday() for at in local} == {0, 1, 2, 3, 4}
    assert len(played) == 21  # two a day for ten days, and the Monday morning on which the fourteenth day ends
