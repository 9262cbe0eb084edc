"""explain, figures, gaps: what came of a day, for people and for programs."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from crmsync.cli.shown import failures, table
from crmsync.figures.chain import STEPS
from crmsync.messages import Language, catalogue
from crmsync.sync.pull import Failure


@pytest.fixture(scope="module")
def somebody(story: Any) -> dict[str, Any]:
    """Someone who was handed over in the story."""
    person = next(change["person_id"] for change in story.plan.json["changes"] if change["task_key"])
    explained: dict[str, Any] = story.desk.here("explain", person, "--json").json
    return explained


def test_a_person_is_found_by_id_by_e_mail_and_by_record(story: Any, somebody: dict[str, Any]) -> None:
    person = somebody["person"]
    record = somebody["records"][0]["record"]
    for word in (person["person_id"], person["email"], f" {person['email'].upper()} ", record, record.rpartition("/")[2]):
        answer = story.desk.here("explain", word, "--json")
        assert answer.code == 0, word
        assert answer.json["person"]["person_id"] == person["person_id"], word


def test_nobody_by_that_name_is_said_and_fails(story: Any) -> None:
    answer = story.desk.here("explain", "nobody@nowhere.example")
    assert answer.code == 1
    assert "No person is known" in answer.err
    assert answer.out == ""


def test_the_reasons_are_the_score(somebody: dict[str, Any]) -> None:
    decision = somebody["decision"]
    assert sum(reason["points"] for reason in decision["reasons"]) == pytest.approx(decision["score"]["score"], abs=0.01)


def test_a_story_contacts_no_crm(story: Any, somebody: dict[str, Any]) -> None:
    assert story.desk.here("explain", somebody["person"]["person_id"]).requests == ()


def test_a_table_cuts_no_japanese_sentence_off_however_narrow_the_terminal() -> None:
    sentence = (
        "コンタクトのプロパティ(最後のページと件数)から読み取ります。対応は不要です。`crmsync provision` の一覧を渡してください。"
    )
    shown = table("", "finding", language="ja")
    shown.add_row(sentence)
    console = Console(width=40, file=StringIO())
    console.print(shown)
    assert sentence.replace(" ", "") in "".join(console.file.getvalue().split())


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_connection_that_stopped_is_named_once(capsys: pytest.CaptureFixture[str], language: Language) -> None:
    told = {"connection": "hub", "vendor_code": "DAILY", "message": "You have reached your daily limit."}
    failures([Failure("hub", "connect.quota", told)], language)
    said = capsys.readouterr().err
    assert said.count("hub") == 1
    assert "DAILY" in said


@pytest.mark.parametrize("columns", ["80", "150"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_story_fits_the_terminal_and_speaks_its_language(
    story: Any, somebody: dict[str, Any], columns: str, language: str
) -> None:
    desk = story.desk
    words = ("--config", str(desk.directory), "--now", desk.now, "--language", language)
    answer = desk.type("explain", somebody["person"]["person_id"], *words, environment={"COLUMNS": columns})
    assert answer.code == 0
    assert max(_width(line) for line in answer.out.splitlines()) <= int(columns)
    titles = catalogue()
    for title in ("title.reasons", "title.moves", "title.clocks", "title.written"):
        assert titles[title][language] in answer.out
    raw = {move["because"] for move in somebody["moves"]} - {"won", "lost", "silent", "opportunity", "accepted", "rejected"}
    assert not any(f" {word} " in answer.out for word in raw), "reasons are told in words"


def test_every_clock_is_told_with_its_arithmetic(story: Any, somebody: dict[str, Any]) -> None:
    shown = story.desk.here("explain", somebody["person"]["person_id"]).out
    assert somebody["clocks"]
    assert shown.count(" = ") >= len(somebody["clocks"])


def test_writes_are_told_once_for_each_record_and_moment(story: Any, somebody: dict[str, Any]) -> None:
    shown = story.desk.here("explain", somebody["person"]["person_id"]).out
    moments = {(write["at"], write["record"]) for write in somebody["writes"]}
    assert len(somebody["writes"]) > len(moments), "there are fields to fold"
    told = shown[shown.index("Written to the CRMs") :]
    for _, record in moments:
        assert told.count(f"  {record} ") == len([1 for _, other in moments if other == record])
    for write in somebody["writes"]:
        assert write["field"] in told, "no field is left out"


def test_figures_are_those_of_local_days(story: Any) -> None:
    answer = story.desk.here("figures", "--from", "2026-04-13", "--to", "2026-04-14")
    assert answer.code == 0
    assert "Mon 13 Apr 2026 to Tue 14 Apr 2026" in answer.out


def test_figures_for_programs_carry_the_period_as_instants(story: Any) -> None:
    found = story.desk.here("figures", "--from", "2026-04-13", "--to", "2026-04-14", "--json").json
    assert found["chain"]["period"] == {"since": "2026-04-12T15:00:00Z", "until": "2026-04-14T15:00:00Z"}
    assert [step["name"] for step in found["chain"]["steps"]] == list(STEPS)
    assert {row["kind"] for row in found["sla"]} <= {code.removeprefix("clock.") for code in catalogue()}


def test_gaps_are_told_in_words_with_the_department_that_must_act(story: Any) -> None:
    desk = story.desk
    found = desk.type("gaps", "--config", str(desk.directory), "--json").json["gaps"]
    shown = desk.type("gaps", "--config", str(desk.directory)).out
    if not found:
        assert shown.startswith("No gap")
    for gap in found:
        assert gap["person_id"] in shown
        assert gap["gap"] not in shown
        assert len(gap["owners"]) == (0 if gap["joint"] is None else 2)


def test_every_word_that_can_be_shown_has_a_name_in_both_languages() -> None:
    from crmsync.decisions.gaps import CHECKS
    from crmsync.decisions.phase import TRANSITIONS

    names = {f"gap.{check.gap}" for check in CHECKS} | {f"transition.{row.because}" for row in TRANSITIONS}
    assert names
    assert sorted(name for name in names if set(catalogue().get(name, {})) != {"ja", "en"}) == []


def _width(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line.rstrip())
