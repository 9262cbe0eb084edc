"""pull, plan, apply, run: over HTTP, in the order in which someone tries them."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from crmsync import bootstrap
from crmsync.bootstrap import open_workspace


def test_a_pull_brings_both_crms_and_writes_to_neither(story: Any) -> None:
    assert story.pull.code == 0
    brought = {(s["connection"], s["object"]): s["new"] for s in story.pull.json["streams"]}
    assert brought["salesforce", "Lead"] > 0
    assert brought["hubspot", "contacts"] > 0
    assert story.pull.requests
    assert story.pull.writes == []


def test_a_pull_says_what_it_spent(story: Any) -> None:
    spent = sum(usage["calls"] for usage in story.pull.json["usage"].values())
    assert spent == len(story.pull.requests) > 0, "calls for tokens are calls too"


def test_a_plan_shows_changes_and_makes_none(story: Any) -> None:
    assert story.plan.code == 0
    assert story.plan.json["changes"]
    assert story.plan.writes == []


def test_every_planned_change_names_its_record_its_fields_and_its_reason(story: Any) -> None:
    for change in story.plan.json["changes"]:
        assert change["record_id"] or change["task_key"]
        assert all(diff["current"] != diff["desired"] for diff in change["fields"])
        assert change["person_id"]


def test_the_same_plan_is_made_again_with_the_same_digest(story: Any) -> None:
    assert story.plan_again.code == 0
    assert story.plan.json["digest"] in story.plan_again.out
    assert story.plan_again.writes == []


def test_a_plan_on_a_terminal_shows_fields_as_they_are_and_as_they_will_be(story: Any) -> None:
    assert "lifecyclestage" in story.plan_again.out
    assert "crmsync apply" in story.plan_again.out
    assert "Rehearsal at" in story.plan_again.err


def test_apply_refuses_a_plan_with_another_digest_and_writes_nothing(story: Any) -> None:
    assert story.apply_other.code == 1
    assert story.apply_other.writes == []
    assert story.plan.json["digest"] in story.apply_other.err
    assert story.apply_other.out == ""


def test_apply_writes_exactly_what_the_plan_showed(story: Any) -> None:
    planned = story.plan.json["changes"]
    assert story.apply.code == 0
    assert story.apply.json["digest"] == story.plan.json["digest"]
    assert story.apply.json["outcomes"] == {"written": len(planned)}
    assert story.apply.writes
    with closing(open_workspace(story.desk.directory)) as workspace:
        histories = [workspace.store.outbox.history(person) for person in {change["person_id"] for change in planned}]
    sent = {change.key: change for history in histories for change, outcome in history if outcome["state"] == "written"}
    for change in planned:
        assert sent[change["key"]].values() == {diff["field"]: diff["desired"] for diff in change["fields"]}


def test_what_was_planned_stands_in_the_crms(story: Any) -> None:
    sandbox = story.desk.sandbox
    tasks = [change for change in story.plan.json["changes"] if change["task_key"]]
    keys = Counter(row.get("crmsync_key__c") for row in sandbox.org.rows("Task"))
    keys.update(row.get("crmsync_key") for row in sandbox.portal.rows("tasks"))
    assert tasks
    assert all(keys[change["task_key"]] == 1 for change in tasks)


def test_apply_without_now_applies_the_plan_at_its_own_instant_and_stays_a_rehearsal(story: Any) -> None:
    assert story.apply.json["now"] == story.plan.json["now"]
    runs = _runs(story)
    assert runs[story.apply.json["run_id"]]["is_rehearsal"] is True


def test_a_second_run_with_nothing_new_writes_nothing(story: Any) -> None:
    assert story.second_run.code == 0
    assert story.second_run.json["outcomes"] == {}
    assert story.second_run.writes == []


def test_the_next_day_something_is_new_again(story: Any) -> None:
    assert story.next_day.code == 0
    assert story.next_day.writes
    assert "Changes written" in story.next_day.out


def test_now_marks_every_run_as_a_rehearsal(story: Any) -> None:
    runs = _runs(story)
    assert runs
    assert all(run["is_rehearsal"] for run in runs.values())


def test_a_rehearsal_reads_no_wall_clock(story: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        pytest.fail("a rehearsal read the wall clock")

    monkeypatch.setattr(bootstrap, "wall_clock", refuse)
    for words in (["pull"], ["plan"], ["run"], ["figures"], ["explain", _somebody(story)]):
        assert story.desk.here(*words).code == 0, words


def test_without_now_the_wall_clock_is_asked(story: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "wall_clock", lambda: story.finished_at)
    answer = story.desk.type("plan", "--config", str(story.desk.directory), "--json")
    assert answer.code == 0
    assert answer.json["now"] == f"{story.finished_at:%Y-%m-%dT%H:%M:%S}Z"


def test_there_is_nothing_to_apply_before_a_plan(story: Any, tmp_path: Any) -> None:
    assert story.desk.type("init", str(tmp_path / "fresh")).code == 0
    answer = story.desk.type("apply", "--config", str(tmp_path / "fresh"))
    assert answer.code == 1
    assert "crmsync plan" in answer.err


def test_a_crm_that_does_not_answer_stops_alone_and_is_named(story: Any) -> None:
    gone = {"CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": "http://127.0.0.1:9"}
    desk = story.desk
    answer = desk.type("pull", "--config", str(desk.directory), "--now", desk.now, "--json", environment=gone)
    assert answer.code == 1
    assert [failure["connection"] for failure in answer.json["failures"]] == ["hubspot"]
    assert any(stream["connection"] == "salesforce" for stream in answer.json["streams"])


def _runs(story: Any) -> dict[str, dict[str, Any]]:
    with closing(open_workspace(story.desk.directory)) as workspace:
        return {run["run_id"]: run for run in workspace.store.runs.frame().to_dicts()}


def _somebody(story: Any) -> str:
    return str(story.plan.json["changes"][0]["person_id"])
