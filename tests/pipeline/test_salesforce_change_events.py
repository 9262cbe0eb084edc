"""An org that tells of its changes while they happen: they are marked, and the next round reads just those; a stream that is dead
or switched off leaves everything to polling, and the end is the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.bootstrap import open_workspace
from crmsync.errors import FixConfig
from crmsync.intake.listening import listening
from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.http import Application, application
from crmsync.sandbox.salesforce.org import Org
from crmsync.sandbox.server import serve
from crmsync.sync.heard import intake_state
from crmsync.sync.pipeline import learn
from crmsync.sync.workspace import Moment, Workspace

START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)


@dataclass
class House:
    org: Org
    app: Application
    workspace: Workspace
    woken: threading.Semaphore

    def learn(self, *, hinted_only: bool = False) -> list[str]:
        """One round; gives the queries that reached the org."""
        begun = len(self.app.service.log)
        pulled = learn(self.workspace, Moment(self.org.clock.now()), hinted_only=hinted_only)
        assert pulled.failures == ()
        return [one.path for one in list(self.app.service.log)[begun:] if "/query" in one.path]

    def stored(self, id_: str) -> Any:
        return self.workspace.store.staging.latest("sfa", "Lead", [id_]).get(id_)

    def heard(self) -> None:
        assert self.woken.acquire(timeout=20)


@contextmanager
def house(directory: Path, *, events: str = "[Lead]", is_listening: bool = True) -> Iterator[House]:
    org = Org(VirtualClock(START), OrgConfig(event_hold_seconds=0.3))
    app, woken = application(org), threading.Semaphore(0)
    with serve({"salesforce": app}, {}) as running:
        write(directory, running.urls["salesforce"], org, events)
        workspace = open_workspace(directory)
        built = House(org, app, workspace, woken)
        built.learn()
        if is_listening:
            with listening(workspace, org.clock.now, lambda _name: woken.release()) as address:
                assert address is None, "events need no port of ours"
                wait_until_subscribed(app)
                yield built
        else:
            yield built
        workspace.close()


def wait_until_subscribed(app: Application) -> None:
    for _ in range(1_000):
        if app.cometd.is_heard:
            return
        threading.Event().wait(0.02)
    raise AssertionError("nobody subscribed")


def write(directory: Path, url: str, org: Org, events: str) -> None:
    (directory / "id").write_text(org.config.credentials.client_id)
    (directory / "secret").write_text(org.config.credentials.client_secret)
    (directory / "team.yaml").write_text("reps: []\n")
    (directory / "crmsync.yaml").write_text(f"""
connections:
  - name: sfa
    connector: salesforce
    role: both
    base_urls: {{login: "{url}", api: "{url}"}}
    auth: {{client_id: {{file: id}}, client_secret: {{file: secret}}}}
    options: {{lag_seconds: 0}}
    budget: []
    objects: [User, Lead]
    change_events: {{objects: {events}}}
""")


def test_what_an_event_names_is_read_by_the_next_round_with_one_query(tmp_path: Path) -> None:
    with house(tmp_path) as built:
        one, two = (built.org.insert("Lead", {"LastName": name, "Company": "Acme"}) for name in ("Tanaka", "Sato"))
        built.heard()
        while intake_state(built.workspace.store, "sfa").waiting < 2:
            built.heard()
        queries = built.learn(hinted_only=True)
        assert len(queries) == 1
        assert [built.stored(id_).fields["LastName"] for id_ in (one, two)] == ["Tanaka", "Sato"]


def test_a_record_that_was_deleted_is_told_as_such_at_once(tmp_path: Path) -> None:
    with house(tmp_path) as built:
        id_ = built.org.insert("Lead", {"LastName": "Tanaka", "Company": "Acme"})
        built.heard()
        built.learn(hinted_only=True)
        built.org.delete("Lead", id_)
        built.heard()
        built.learn(hinted_only=True)
        assert built.stored(id_).is_deleted


@pytest.mark.parametrize(("events", "is_listening"), [("[Lead]", True), ("[Campaign]", True), ("[Lead]", False)])
def test_heard_or_not_the_end_is_that_of_polling(tmp_path: Path, events: str, is_listening: bool) -> None:
    """A stream that works, one that the org refuses, and nobody who listens."""
    with house(tmp_path, is_listening=False) as built:
        expected = played(built)
    other = tmp_path / "other"
    other.mkdir()
    if events == "[Campaign]":
        with house(other, events=events, is_listening=False) as built, listening(built.workspace, built.org.clock.now):
            found = played(built)
    else:
        with house(other, events=events, is_listening=is_listening) as built:
            found = played(built)
    assert found == expected


def played(built: House) -> Any:
    leads = [built.org.insert("Lead", {"LastName": f"L{number}", "Company": "Acme"}) for number in range(4)]
    built.learn(hinted_only=True)
    built.org.update("Lead", leads[0], {"Title": "CTO"})
    built.org.merge("Lead", leads[1], [leads[2]])
    built.org.clock.advance(timedelta(minutes=10))
    built.learn()
    built.org.delete("Lead", leads[3])
    built.org.clock.advance(timedelta(minutes=10))
    for _ in range(2):
        built.learn()
        built.org.clock.advance(timedelta(minutes=10))
    return built.workspace.store.staging.latest("sfa", "Lead", leads)


@pytest.mark.parametrize(
    ("line", "code"),
    [("webhooks: {public_url: 'https://x.example/hooks/sfa', account: '1'}", "config.no_webhooks")],
)
def test_a_connector_without_webhooks_is_named(tmp_path: Path, line: str, code: str) -> None:
    write(tmp_path, "http://127.0.0.1:9", Org(VirtualClock(START)), "[Lead]")
    with (tmp_path / "crmsync.yaml").open("a") as file:
        file.write(f"    {line}\n")
    with pytest.raises(FixConfig) as caught:
        open_workspace(tmp_path)
    assert [problem.code for problem in caught.value.problems] == [code]
