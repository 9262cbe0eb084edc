"""One configuration serves several places: what the environment says beats the file, and secrets never show."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from crmsync.sandbox.world.control import SandboxCredentials


@pytest.fixture
def fresh(desk: Any, tmp_path: Path) -> Path:
    directory = tmp_path / "conf"
    shutil.copytree(desk.directory, directory, ignore=shutil.ignore_patterns("*.db*"))
    return directory


def pull(desk: Any, directory: Path, **environment: str) -> Any:
    return desk.type("pull", "--config", str(directory), "--now", desk.now, "--json", environment=environment)


def test_the_database_lives_where_the_environment_says(desk: Any, fresh: Path, tmp_path: Path) -> None:
    place = tmp_path / "another place" / "facts.db"
    assert pull(desk, fresh, CRMSYNC_STORE_URL=f"sqlite:///{place}").code == 0
    assert place.exists()
    assert not (fresh / "crmsync.db").exists()


def test_a_relative_database_is_beside_the_configuration_wherever_the_program_starts(
    desk: Any, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pull(desk, fresh).code == 0
    assert (fresh / "crmsync.db").exists()
    assert not (tmp_path / "crmsync.db").exists()


def test_the_configuration_directory_can_come_from_the_environment(desk: Any, fresh: Path) -> None:
    answer = desk.type("check", "--json", environment={"CRMSYNC_CONFIG": str(fresh)})
    assert answer.json["ok"] is True


def test_the_language_can_come_from_the_environment(desk: Any, fresh: Path) -> None:
    for language, word in (("ja", "設定に問題はありません"), ("en", "The configuration is complete")):
        answer = desk.type("check", "--config", str(fresh), environment={"CRMSYNC_LANGUAGE": language})
        assert word in answer.out


def test_base_urls_of_the_environment_are_checked_too(desk: Any, fresh: Path) -> None:
    answer = desk.type(
        "check", "--config", str(fresh), "--json", environment={"CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": "not a url"}
    )
    assert answer.code == 2
    assert [problem["code"] for problem in answer.json["problems"]] == ["config.bad_url"]


def test_an_environment_for_a_connection_that_is_not_there_is_a_problem(desk: Any, fresh: Path) -> None:
    answer = desk.type(
        "check", "--config", str(fresh), "--json", environment={"CRMSYNC_CONNECTIONS__HUBSPOTT__BASE_URLS__API": "http://x.example"}
    )
    assert answer.code == 2
    assert "hubspot" in answer.json["problems"][0]["en"]


def test_a_secret_can_come_from_the_environment(desk: Any, fresh: Path) -> None:
    _token_from(fresh, "{env: MY_HUBSPOT_TOKEN}")
    (fresh / "secrets" / "hubspot_token").unlink()
    assert pull(desk, fresh, MY_HUBSPOT_TOKEN=SandboxCredentials().hubspot_token).code == 0


def test_a_secret_that_is_absent_names_where_it_was_looked_for(desk: Any, fresh: Path) -> None:
    _token_from(fresh, "{env: MY_HUBSPOT_TOKEN}")
    answer = pull(desk, fresh)
    assert answer.code == 1
    (failure,) = answer.json["failures"]
    assert (failure["connection"], failure["params"]["where"]) == ("hubspot", "$MY_HUBSPOT_TOKEN")


@pytest.mark.parametrize("secret", ["hubspot_token", "salesforce_client_secret"])
def test_a_refused_secret_is_never_shown(desk: Any, fresh: Path, secret: str) -> None:
    value = "pat-na1-very-secret-value-5f2a"
    (fresh / "secrets" / secret).write_text(value + "\n", encoding="utf-8")
    answer = pull(desk, fresh, CRMSYNC_LOG_LEVEL="debug")
    shown = desk.type("pull", "--config", str(fresh), "--now", desk.now)
    assert (answer.code, shown.code) == (1, 1)
    for text in (answer.out, answer.err, shown.out, shown.err):
        assert value not in text
    assert shown.err.strip(), "but that it was refused is"


def test_logs_are_quiet_unless_asked_for(desk: Any, fresh: Path) -> None:
    gone = {"CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": desk.sandbox.urls["hubspot"] + "/nowhere"}
    assert "event=call_failed" not in pull(desk, fresh, **gone).err
    words = ("--verbose", "pull", "--config", str(fresh), "--now", desk.now, "--json")
    assert "event=call_failed" in desk.type(*words, environment={**gone, "CRMSYNC_LOG_LEVEL": ""}).err


def _token_from(directory: Path, reference: str) -> None:
    file = directory / "crmsync.yaml"
    text = file.read_text(encoding="utf-8")
    assert "{file: secrets/hubspot_token}" in text
    file.write_text(text.replace("{file: secrets/hubspot_token}", reference), encoding="utf-8")
