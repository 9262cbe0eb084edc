"""The first Friday at the terminal, over HTTP: policies, guards and their release, plans in files."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crmsync.bootstrap import open_workspace

WRITING = "writing: {policy: full, rollout: {percent: 100}}"
WATCHFUL = "writing: {guards: {source: {share: 0.5, at_least: 20}, records: {share: 0.05, at_least: 20}}}"
BY = ("--by", "Aoki", "--because", "the portal was cleaned up")


@pytest.fixture(scope="module")
def house(own_desk: Any) -> Any:
    """A world that was written to once, whose HubSpot is guarded closely."""
    settle(own_desk, WATCHFUL)
    assert own_desk.here("run").code == 0
    return own_desk


def settle(desk: Any, hubspot: str) -> None:
    """Say how far crmsync goes in HubSpot."""
    file = desk.directory / "crmsync.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().startswith("writing:"))
    lines[at] = f"    {hubspot}"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def hubspot_writes(answer: Any) -> list[str]:
    return [request.path for request in answer.writes if request.path.startswith("/crm/")]


def empty_hubspot(desk: Any, keep: int) -> None:
    """Somebody throws nearly all contacts away."""
    contacts = [row["hs_object_id"] for row in desk.sandbox.portal.rows("contacts")]
    for id_ in contacts[keep:]:
        desk.sandbox.portal.archive("contacts", id_)


# ---------------------------------------------------------------------------------------------------------- plans in files


@pytest.fixture
def kept(story: Any, tmp_path: Path) -> Path:
    """A plan in a file, of the day after the morning of the story."""
    story.desk.pass_time(1)
    file = tmp_path / "friday.json"
    assert story.desk.here("plan", "--out", str(file)).code == 0
    return file


def typed(desk: Any, *words: str) -> Any:
    return desk.type(words[0], "--config", str(desk.directory), *words[1:])


def test_a_plan_in_a_file_is_whole_and_for_its_owner_alone(story: Any, kept: Path) -> None:
    told = json.loads(kept.read_text(encoding="utf-8"))
    shown = story.desk.here("plan", "--json").json
    assert told["digest"] == shown["digest"]
    assert [c["key"] for c in told["changes"]] == [c["key"] for c in shown["changes"]] != []
    assert {"base", "current", "desired"} <= set(told["changes"][0]["fields"][0])
    assert all("because" in change for change in told["changes"])
    assert told["made_with"]["mappings"].keys() == {"hubspot", "salesforce"}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda told: told["changes"][0]["fields"][0].update(desired="someone else"), id="a value"),
        pytest.param(lambda told: told["changes"].pop(), id="a change less"),
        pytest.param(lambda told: told["changes"][0]["fields"][0].update(current="nicer"), id="what stands there"),
        pytest.param(lambda told: told.update(now="2026-01-01T00:00:00+00:00"), id="its instant"),
        pytest.param(lambda told: told.update(digest="0123456789abcdef"), id="its digest"),
    ],
)
def test_a_file_that_was_altered_is_refused(story: Any, kept: Path, alter: Callable[[Any], Any]) -> None:
    told = json.loads(kept.read_text(encoding="utf-8"))
    alter(told)
    kept.write_text(json.dumps(told), encoding="utf-8")
    answer = typed(story.desk, "apply", str(kept))
    assert answer.code == 1
    assert answer.writes == []
    assert "not as it was made" in answer.err


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"format": "crmsync-plan/9"}'])
def test_a_file_that_is_no_plan_is_refused(story: Any, tmp_path: Path, content: str) -> None:
    file = tmp_path / "else.json"
    file.write_text(content, encoding="utf-8")
    answer = typed(story.desk, "apply", str(file))
    assert answer.code == 1
    assert "no plan kept with" in answer.err


def test_a_file_that_is_not_there_is_named(story: Any, tmp_path: Path) -> None:
    answer = typed(story.desk, "apply", str(tmp_path / "nowhere.json"))
    assert answer.code == 1
    assert "nowhere.json" in answer.err
    assert typed(story.desk, "plan", "--out", str(tmp_path / "no" / "where.json")).code == 1


def test_a_plan_made_with_other_definitions_is_refused(story: Any, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(story.desk.directory, other)
    valve = other / "rules" / "valve.yaml"
    valve.write_text(valve.read_text(encoding="utf-8").replace("largest_step: 0.25", "largest_step: 0.2"), encoding="utf-8")
    answer = story.desk.type("apply", str(kept), "--config", str(other))
    assert answer.code == 1
    assert answer.writes == []
    assert "definitions or mappings" in answer.err


def test_the_plan_of_a_file_is_applied_exactly_and_once(story: Any, kept: Path) -> None:
    told = json.loads(kept.read_text(encoding="utf-8"))
    answer = typed(story.desk, "apply", str(kept), "--json")
    assert answer.code == 0
    assert answer.json["digest"] == told["digest"]
    assert answer.json["outcomes"] == {"written": len(told["changes"])}
    again = typed(story.desk, "apply", str(kept))
    assert again.code == 1
    assert again.writes == []
    assert told["digest"] in again.err


# ---------------------------------------------------------------------------------------------------- guards and releases


def test_what_is_observed_is_shown_with_its_reason_and_not_written(house: Any) -> None:
    settle(house, "writing: {policy: observe}")
    house.pass_time(3)
    shown = house.here("plan", "--json").json
    assert {one["why"] for one in shown["withheld"]} == {"observe"}
    assert "hubspot" not in {change["connection"] for change in shown["changes"]}
    told = house.here("plan")
    assert "policy observe" in told.out
    ran = house.here("run", "--json")
    assert ran.code == 0
    assert hubspot_writes(ran) == []
    assert ran.json["withheld"] == [{"connection": "hubspot", "why": "observe", "count": len(shown["withheld"])}]


def test_an_emptied_crm_trips_its_guard_until_a_person_releases_that_plan(house: Any) -> None:
    settle(house, WATCHFUL)
    house.pass_time(2)
    empty_hubspot(house, keep=6)
    halted = house.here("run", "--json")
    alarms = {alarm["guard"]: alarm for alarm in halted.json["alarms"]}
    assert halted.code == 1
    assert hubspot_writes(halted) == []
    assert alarms["source"]["about"] == "contacts"
    assert {alarm["connection"] for alarm in alarms.values()} == {"hubspot"}
    assert [request for request in halted.writes if request.path.startswith("/services/data")], "Salesforce is written to"
    assert any(stream["connection"] == "hubspot" for stream in halted.json["pulled"]["streams"]), "HubSpot is read"

    shown = house.here("plan")
    assert shown.code == 1
    digest = house.here("plan", "--json").json["digest"]
    assert f"crmsync release {digest}" in shown.err
    assert "contacts are gone since they were last seen" in shown.err

    refused = house.here("release", digest)
    assert refused.code == 2
    assert "--because" in refused.err
    assert house.here("release", "0123456789abcdef", *BY).code == 1
    released = house.here("release", digest, *BY, "--json")
    assert released.code == 0
    assert released.json["released"][0]["connection"] == "hubspot"

    after = house.here("run", "--json")
    assert after.code == 0
    assert after.json["alarms"] == []
    assert hubspot_writes(after)
    with closing(open_workspace(house.directory)) as workspace:
        (kept,) = workspace.store.guards.releases().to_dicts()
        assert (kept["by"], kept["because"], kept["digest"]) == ("Aoki", "the portal was cleaned up", digest)
        states = workspace.store.runs.frame().sort("run_id")
        assert json.loads(states["summary"][-2])["halted"] == ["hubspot"]
        assert states["state"].to_list()[-2:] == ["incomplete", "done"]


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ("writing: {policy: careful}", "writing.policy"),
        ("writing: {rollout: {percent: 101}}", "rollout.percent"),
        ("writing: {guards: {owner: {share: 1}}}", "owners"),
        ("writing: {guards: {owners: {share: 2}}}", "owners.share"),
    ],
)
def test_a_wrong_limit_is_a_problem_of_the_configuration(desk: Any, tmp_path: Path, wrong: str, found: str) -> None:
    desk.type("init", str(tmp_path / "c"))
    file = tmp_path / "c" / "crmsync.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(WRITING, wrong, 1), encoding="utf-8")
    answer = desk.type("check", "--config", str(tmp_path / "c"), "--language", "en")
    assert answer.code == 2
    assert found in answer.err + answer.out
