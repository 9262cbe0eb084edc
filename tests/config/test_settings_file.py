"""crmsync.yaml: what it may say, what the environment says instead, and where problems are pointed at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crmsync.config.settings import Settings, load_settings, read_places
from crmsync.errors import FixConfig, StopConnector
from crmsync.messages import say

CONNECTION = "connections:\n  - name: sales\n    connector: salesforce\n    role: sfa\n"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CRMSYNC_")]:
        monkeypatch.delenv(name)


def load(directory: Path, text: str) -> Settings:
    (directory / "crmsync.yaml").write_text(text, encoding="utf-8")
    return load_settings(directory)


def problems(directory: Path, text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(FixConfig) as caught:
        load(directory, text)
    return [(problem.line, problem.column, problem.code) for problem in caught.value.problems]


def test_a_connection_needs_no_more_than_name_connector_and_role(tmp_path: Path) -> None:
    (connection,) = load(tmp_path, CONNECTION).connections
    assert (connection.name, connection.connector, connection.role) == ("sales", "salesforce", "sfa")
    assert (dict(connection.base_urls), connection.every_minutes, connection.jitter_seconds) == ({}, 15, 30)


def test_a_relative_database_lies_beside_the_file_and_another_is_taken_as_it_is(tmp_path: Path) -> None:
    assert load(tmp_path, CONNECTION).store_url == f"sqlite:///{tmp_path / 'crmsync.db'}"
    for url in ("sqlite:////var/lib/crmsync.db", "postgresql+psycopg://db/crmsync", "sqlite:///:memory:"):
        assert load(tmp_path, f"store: {{url: '{url}'}}\n{CONNECTION}").store_url == url


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_goes_by_the_names_that_hosting_services_give_it(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, f"store: {{url: '{name}://u@db/crmsync'}}\n{CONNECTION}").store_url == "postgresql+psycopg://u@db/crmsync"


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("CRMSYNC_STORE_URL", "sqlite:////data/x.db", lambda s: s.store_url),
        ("CRMSYNC_LANGUAGE", "en", lambda s: s.language),
        ("CRMSYNC_CA_FILE", "/etc/ca.pem", lambda s: str(s.ca_file)),
        ("CRMSYNC_PROXY", "http://proxy.example:3128", lambda s: s.proxy),
        ("CRMSYNC_CONNECTIONS__SALES__BASE_URLS__API", "https://sales.example", lambda s: s.connections[0].base_urls["api"]),
    ],
)
def test_the_environment_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, read: object
) -> None:
    file = (
        "language: ja\nstore: {url: 'sqlite:////file.db'}\nnetwork: {ca_file: /file.pem, proxy: 'http://file.example'}\n"
        + CONNECTION
        + "    base_urls: {api: 'https://file.example'}\n"
    )
    assert callable(read)
    assert read(load(tmp_path, file)) != value
    monkeypatch.setenv(variable, value)
    assert read(load(tmp_path, file)) == value


def test_a_wrong_value_in_the_environment_names_the_variable_and_never_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMSYNC_LANGUAGE", "hush-hush")
    with pytest.raises(FixConfig) as caught:
        load(tmp_path, CONNECTION)
    (problem,) = caught.value.problems
    assert problem.params["key"] == "CRMSYNC_LANGUAGE"
    assert "hush-hush" not in str(problem)


def test_a_connection_that_only_the_environment_knows_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMSYNC_CONNECTIONS__SAILS__BASE_URLS__API", "https://x.example")
    assert problems(tmp_path, CONNECTION) == [(1, 1, "config.unknown_connection")]


def test_every_problem_is_pointed_at(tmp_path: Path) -> None:
    text = "languege: ja\n" + CONNECTION.replace("role: sfa", "role: crm") + "    schedule: {every_minutes: 0}\n"
    assert problems(tmp_path, text) == [
        (1, 1, "config.unknown_key"),
        (5, 5, "config.wrong_value"),
        (6, 16, "config.wrong_value"),
    ]


def test_two_connections_of_one_name_and_a_base_url_that_is_none_are_found_together(tmp_path: Path) -> None:
    text = CONNECTION + "    base_urls: {api: 'salesforce'}\n  - name: sales\n    connector: hubspot\n    role: ma\n"
    assert problems(tmp_path, text) == [(5, 17, "config.bad_url"), (6, 5, "config.duplicate_connection")]


@pytest.mark.parametrize("reference", ["{env: A, file: b}", "{}", "plain-secret"])
def test_a_secret_is_a_reference_to_exactly_one_place(tmp_path: Path, reference: str) -> None:
    with pytest.raises(FixConfig) as caught:
        load(tmp_path, f"{CONNECTION}    auth: {{token: {reference}}}\n")
    for problem in caught.value.problems:
        assert (problem.line, problem.column) == (5, 12)
        assert "plain-secret" not in say(problem.code, "en", **problem.params)


def test_a_secret_is_read_when_it_is_needed_and_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (connection,) = load(tmp_path, f"{CONNECTION}    auth: {{token: {{file: my token}}, key: {{env: MY_KEY}}}}\n").connections
    with pytest.raises(StopConnector) as caught:
        connection.secret("token")
    assert caught.value.params["where"] == "my token"
    (tmp_path / "my token").write_text("s3cret\n", encoding="utf-8")
    monkeypatch.setenv("MY_KEY", " k3y ")
    assert (connection.secret("token"), connection.secret("key")) == ("s3cret", "k3y")
    assert "s3cret" not in repr(connection)


def test_a_secret_that_nothing_refers_to_is_named(tmp_path: Path) -> None:
    (connection,) = load(tmp_path, CONNECTION).connections
    with pytest.raises(StopConnector) as caught:
        connection.secret("token")
    assert (caught.value.code, caught.value.params["secret"]) == ("auth.secret_not_configured", "token")


def test_the_rest_is_found_although_the_file_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "crmsync.yaml").write_text("team: crew.yaml\nnonsense: 1\n", encoding="utf-8")
    assert read_places(tmp_path).team == tmp_path / "crew.yaml"
    (tmp_path / "crmsync.yaml").write_text("team: [", encoding="utf-8")
    assert read_places(tmp_path).rules == tmp_path / "rules"


def test_webhooks_and_change_events_are_off_unless_asked_for(tmp_path: Path) -> None:
    settings = load(tmp_path, CONNECTION)
    assert (settings.connections[0].webhooks, settings.connections[0].change_events) == (None, None)
    assert (settings.intake.host, settings.intake.port, settings.intake.most_bytes) == ("127.0.0.1", 8813, 1024 * 1024)


@pytest.mark.parametrize("url", ["https://hooks.example.com/crm/hooks/sales?a=%2Fb", "http://localhost:8813/hooks/sales"])
def test_webhooks_come_over_https_or_from_this_machine(tmp_path: Path, url: str) -> None:
    (connection,) = load(tmp_path, f"{CONNECTION}    webhooks: {{public_url: '{url}', account: '4711'}}\n").connections
    assert connection.webhooks is not None
    assert (connection.webhooks.public_url, connection.webhooks.account, connection.webhooks.wake_seconds) == (url, "4711", 60)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/hooks/sales",
        "https://hooks.example.com/hooks/other",
        "https:///hooks/sales",
        "ftp://localhost/hooks/sales",
        "https://[::1/hooks/sales",
        "hooks/sales",
        "",
    ],
)
def test_a_public_url_that_cannot_be_is_pointed_at(tmp_path: Path, url: str) -> None:
    text = f"{CONNECTION}    webhooks: {{public_url: '{url}', account: '4711'}}\n"
    assert problems(tmp_path, text) == [(5, 16, "config.bad_public_url")]
    for language in ("ja", "en"):
        assert "/hooks/sales" in say("config.bad_public_url", language, value=url, name="sales")
