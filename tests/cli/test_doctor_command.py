"""`crmsync doctor`: what is wrong with each connection, whom to ask for what; and what a run tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crmsync.bootstrap import shipped
from crmsync.cli.app import app
from crmsync.demo.configuration import write_configuration
from crmsync.messages import catalogue
from crmsync.sandbox.hubspot.config import ALL_SCOPES
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.store import Store

WORLD = WorldConfig(population=10)


class Practice:
    """A terminal in front of a sandbox whose admins take rights away."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self.sandbox = sandbox
        self.directory = directory

    def type(self, *words: str, **environment: str) -> Result:
        now = self.sandbox.clock.now().isoformat()
        command = [words[0], "--config", str(self.directory), "--now", now, *words[1:]]
        return CliRunner().invoke(app, command, env={"COLUMNS": "400", "CRMSYNC_LANGUAGE": "en", **environment})

    def found(self, *words: str, **environment: str) -> dict[tuple[str | None, str], dict[str, Any]]:
        """Findings that are not well, by connection and code."""
        printed = json.loads(self.type("doctor", "--json", *words, **environment).stdout)
        return {(f["connection"], f["code"]): f for f in printed["findings"] if f["state"] != "ok"}

    def grant(self, *scopes: str) -> None:
        portal = self.sandbox.portal
        portal.tokens.grant(portal.config.credentials.private_app_token, scopes)

    def without(self, *scopes: str) -> None:
        self.grant(*(scope for scope in ALL_SCOPES if scope not in scopes))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    directory = tmp_path_factory.mktemp("practice")
    with open_sandbox(WORLD) as sandbox:
        write_configuration(directory, shipped("rules"), roster(WORLD), "en", sandbox.urls)
        yield Practice(sandbox, directory)


@pytest.fixture
def practice(opened: Practice) -> Iterator[Practice]:
    yield opened
    opened.grant(*ALL_SCOPES)
    opened.sandbox.org.denied.clear()


def test_two_healthy_crms_are_well_and_nothing_is_written(practice: Practice) -> None:
    answer = practice.type("doctor", "--json")
    printed = json.loads(answer.stdout)
    assert (answer.exit_code, printed["ok"]) == (0, True)
    assert practice.found() == {}
    assert {f["connection"] for f in printed["findings"]} == {None, "hubspot", "salesforce"}
    checks = {f["check"] for f in printed["findings"]}
    assert checks >= {"database", "configuration", "calendar", "credentials", "version", "limits", "clock", "fields", "permissions"}


def test_one_connection_can_be_looked_at_alone(practice: Practice) -> None:
    printed = json.loads(practice.type("doctor", "--json", "hubspot").stdout)
    assert {f["connection"] for f in printed["findings"]} == {None, "hubspot"}
    answer = practice.type("doctor", "nobody")
    assert answer.exit_code == 1
    assert "hubspot, salesforce" in answer.stderr


def test_on_a_terminal_each_finding_is_a_line_with_its_remedy_in_either_language(practice: Practice) -> None:
    practice.without("crm.lists.read")
    english, japanese = practice.type("doctor"), practice.type("doctor", CRMSYNC_LANGUAGE="ja")
    assert english.exit_code == japanese.exit_code == 0
    assert "the scope crm.lists.read is missing. Have it added under Development → Keys → Service keys" in english.stdout
    assert "スコープ crm.lists.read がありません" in practice.type("doctor", "-l", "ja").stdout


def test_a_feature_that_misses_its_scope_is_told_once_in_each_run_that_goes_on_and_by_doctor(practice: Practice) -> None:
    practice.without("crm.objects.deals.read")
    first, second = practice.type("run"), practice.type("run")
    assert (first.exit_code, second.exit_code) == (0, 0)
    for answer in (first, second):
        assert answer.stderr.count("opportunities (deals) cannot be read (deals: MISSING_SCOPES: crm.objects.deals.read)") == 1
    logged = [answer.stderr.count("event=notice code=connect.unread") for answer in (first, second)]
    assert logged == [2, 0], "a service that runs for weeks logs what is new"
    pulled = json.loads(practice.type("pull", "--json").stdout)
    assert {(n["object"], n["is_news"]) for n in pulled["notices"]} == {("deals", False), ("pipelines", False)}
    assert {"contacts", "companies"} <= {s["object"] for s in pulled["streams"] if s["connection"] == "hubspot"}
    assert ("hubspot", "doctor.hubspot.scopes_read") in practice.found()


def test_a_stage_that_an_admin_took_away_is_named_by_doctor_and_by_each_run(practice: Practice) -> None:
    definitions, now = practice.sandbox.portal.objects.definitions["contacts"], "2026-01-05T00:00:00.000Z"
    held = [{"value": option.value, "label": option.label} for option in definitions.the("lifecyclestage").options]
    fewer = [option for option in held if option["value"] != "salesqualifiedlead"]
    definitions.change("lifecyclestage", {"options": fewer}, now)
    found = practice.found()["hubspot", "doctor.options_missing"]["params"]
    assert found == {"object": "contacts", "field": "lifecyclestage", "options": "salesqualifiedlead"}
    assert "the list of lifecyclestage (contacts) has no salesqualifiedlead" in practice.type("run").stderr
    definitions.change("lifecyclestage", {"options": held}, now)
    assert "has no salesqualifiedlead" not in practice.type("run").stderr


def test_a_run_that_cannot_read_its_people_fails_and_says_so_each_time(practice: Practice) -> None:
    practice.without("crm.objects.contacts.read")
    for _ in range(2):
        answer = practice.type("run")
        assert answer.exit_code == 1
        assert "people (contacts) cannot be read" in answer.stderr
    assert practice.type("pull").exit_code == 1
    assert practice.type("doctor").exit_code == 1
    practice.grant(*ALL_SCOPES)
    assert practice.type("run").exit_code == 0


def test_leads_that_an_org_hides_fail_a_run_too(practice: Practice) -> None:
    practice.sandbox.org.deny("Lead", "read")
    assert practice.type("pull").exit_code == 1
    finding = practice.found("salesforce")["salesforce", "doctor.unread"]
    assert (finding["state"], finding["params"]["object"]) == ("error", "Lead")


def test_an_address_where_nothing_is_found_fails_and_is_named(practice: Practice) -> None:
    wrong = {"CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": practice.sandbox.urls["hubspot"] + "/elsewhere"}
    answer = practice.type("pull", **wrong)
    assert answer.exit_code == 1
    assert "Correct base_urls.api" in answer.stderr
    assert practice.found("hubspot", **wrong).keys() == {("hubspot", "connect.base_url_wrong")}


def test_a_crm_that_does_not_answer_is_one_finding_and_costs_the_other_nothing(practice: Practice) -> None:
    gone = {"CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": "http://127.0.0.1:9"}
    assert practice.found(**gone).keys() == {("hubspot", "doctor.unreachable")}


def test_a_secret_that_is_absent_is_a_finding(practice: Practice) -> None:
    (secret,) = (practice.directory / "secrets").glob("*hubspot*")
    kept = secret.read_text(encoding="utf-8")
    secret.write_text("", encoding="utf-8")
    try:
        found = practice.found("hubspot")
    finally:
        secret.write_text(kept, encoding="utf-8")
    assert found.keys() == {("hubspot", "auth.secret_missing")}


def test_a_clock_that_is_off_is_told(practice: Practice) -> None:
    answer = CliRunner().invoke(app, ["doctor", "--config", str(practice.directory), "--json"])
    assert answer.exit_code == 0
    codes = {f["code"] for f in json.loads(answer.stdout)["findings"] if f["state"] == "warning"}
    assert codes == {"doctor.clock_skewed"}


def test_a_schedule_that_needs_more_than_the_day_is_told_by_doctor_and_by_each_run(practice: Practice) -> None:
    file = practice.directory / "crmsync.yaml"
    kept = file.read_text(encoding="utf-8")
    busy = kept.replace("connector: hubspot\n", "connector: hubspot\n    reserve_share: 0.994\n", 1)
    assert busy != kept
    file.write_text(busy, encoding="utf-8")
    try:
        finding = practice.found("hubspot")["hubspot", "doctor.forecast_over"]
        told = [practice.type("pull").stderr for _ in range(2)]
    finally:
        file.write_text(kept, encoding="utf-8")
    assert finding["params"]["allowed"] < finding["params"]["calls"]
    for text in told:
        assert "Set schedule.every_minutes of this connection to" in text


def test_a_database_that_cannot_be_written_is_an_error(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    from crmsync.store.runs import Runs

    def locked(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("attempt to write a readonly database"))

    monkeypatch.setattr(Runs, "set_meta", locked)
    assert practice.found("salesforce")[None, "doctor.database_locked"]["state"] == "error"


def test_every_sentence_of_doctor_says_what_to_do_where_it_is_not_well() -> None:
    """A remedy is an imperative; what is merely so has none."""
    told = {code: texts for code, texts in catalogue().items() if code.startswith(("doctor.hubspot.", "doctor.salesforce."))}
    assert len(told) > 25
    assert all(texts["en"].endswith(".") and texts["ja"].endswith("。") for texts in told.values())


def test_webhooks_that_are_switched_on_are_looked_at(practice: Practice) -> None:
    settings = practice.directory / "crmsync.yaml"
    quiet = settings.read_text(encoding="utf-8")
    listening = quiet.replace("role: ma", 'role: ma\n    webhooks: {public_url: "https://x.example/hooks/hubspot", account: "1"}')
    secret = "token: {file: secrets/hubspot_token}"
    try:
        settings.write_text(listening, encoding="utf-8")
        without_secret = practice.found("hubspot")
        settings.write_text(listening.replace(secret, f"{secret}\n      client_secret: {{file: secrets/hubspot_token}}"))
        unheard = practice.found("hubspot")
        store = Store.open(f"sqlite:///{practice.directory / 'crmsync.db'}")
        store.hints.take("hubspot", [("contacts", "1")], practice.sandbox.clock.now(), {"other_account": 2})
        store.close()
        heard = json.loads(practice.type("doctor", "--json", "hubspot").stdout)["findings"]
    finally:
        settings.write_text(quiet, encoding="utf-8")
    assert [f["check"] for f in without_secret.values()] == ["intake"]
    assert [code for _, code in unheard] == ["doctor.intake_silent"]
    assert practice.type("doctor", "hubspot").exit_code == 0, "polling does without"
    assert [f["state"] for f in heard if f["check"] == "intake"] == ["ok"]
    assert next(f["params"]["reasons"] for f in heard if f["check"] == "intake") == "other_account 2"
