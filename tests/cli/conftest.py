"""The command line over a real, served sandbox: what was typed, what was answered, and what the CRMs were asked meanwhile."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from crmsync.cli.app import app
from crmsync.sandbox.hubspot.http import application as hubspot_app
from crmsync.sandbox.salesforce.http import application as salesforce_app
from crmsync.sandbox.server import serve
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, build_sandbox, steered

# A POST that asks: searches, reads in bulk, logins.
_ASKS = re.compile(r"/search$|/batch/read$|/oauth|/token|/query")


@dataclass(frozen=True)
class Asked:
    """One request as a CRM saw it."""

    method: str
    path: str

    @property
    def is_write(self) -> bool:
        return self.method in ("PATCH", "PUT", "DELETE") or (self.method == "POST" and not _ASKS.search(self.path))


@dataclass(frozen=True)
class Answer:
    """What a command came to. `requests` are those that it caused."""

    code: int
    out: str
    err: str
    requests: tuple[Asked, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def writes(self) -> list[Asked]:
        return [request for request in self.requests if request.is_write]


@dataclass
class Desk:
    """A terminal with a configuration, in front of a sandbox."""

    sandbox: Sandbox
    directory: Path
    environment: dict[str, str]
    seen: list[Asked] = field(default_factory=list)

    def type(self, *words: str, environment: Mapping[str, str] | None = None) -> Answer:
        """Type a command; what has a configuration directory gets this one's."""
        before = len(self.seen)
        result = CliRunner().invoke(app, list(words), env={**self.environment, **(environment or {})})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr, tuple(self.seen[before:]))

    def here(self, *words: str) -> Answer:
        """Type a command for this configuration, at the sandbox's own instant."""
        return self.type(words[0], "--config", str(self.directory), "--now", self.now, *words[1:])

    @property
    def now(self) -> str:
        return self.sandbox.clock.now().isoformat()

    def pass_time(self, days: float) -> None:
        self.sandbox.advance_to(self.sandbox.clock.now() + timedelta(days=days))


def addresses(urls: Mapping[str, str]) -> dict[str, str]:
    """The environment that points a configuration of `crmsync init` at these servers."""
    return {
        "CRMSYNC_CONNECTIONS__SALESFORCE__BASE_URLS__LOGIN": urls["salesforce"],
        "CRMSYNC_CONNECTIONS__SALESFORCE__BASE_URLS__API": urls["salesforce"],
        "CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": urls["hubspot"],
    }


def watched(app: Any, seen: list[Asked]) -> Any:
    """The app, with a note of every request."""
    lock = threading.Lock()

    async def note(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            with lock:
                seen.append(Asked(scope["method"], scope["path"]))
        await app(scope, receive, send)

    return note


def open_desk(directory: Path, config: WorldConfig) -> Desk:
    sandbox = build_sandbox(config)
    seen: list[Asked] = []
    apps = {
        "salesforce": steered(watched(salesforce_app(sandbox.org, sandbox.faults), seen), sandbox),
        "hubspot": steered(watched(hubspot_app(sandbox.portal, sandbox.faults), seen), sandbox),
    }
    sandbox.running = serve(apps, {})
    environment = {**addresses(sandbox.urls), "COLUMNS": "120", "CRMSYNC_LANGUAGE": "en"}
    return Desk(sandbox, directory, environment, seen)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command says how the process logs; the next test is not that process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CRMSYNC_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def own_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A smaller world of its own, for a module that turns it over."""
    made = open_desk(tmp_path_factory.mktemp("own") / "here", WorldConfig(seed=5, population=40))
    made.type("init", str(made.directory), "--language", "en")
    yield made
    made.sandbox.close()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A small world on a Monday morning, and a configuration as `init` writes it, in a path with spaces in it."""
    made = open_desk(tmp_path_factory.mktemp("a home") / "my crm sync", WorldConfig(population=60))
    made.type("init", str(made.directory), "--language", "en")
    yield made
    made.sandbox.close()


@dataclass(frozen=True)
class Story:
    """A morning at the terminal, command by command."""

    desk: Desk
    pull: Answer
    plan: Answer
    plan_again: Answer
    apply_other: Answer
    apply: Answer
    second_run: Answer
    next_day: Answer
    finished_at: datetime


@pytest.fixture(scope="session")
def story(desk: Desk) -> Story:
    pull = desk.here("pull", "--json")
    plan = desk.here("plan", "--json")
    plan_again = desk.here("plan")
    apply_other = desk.here("apply", "--digest", "0123456789abcdef", "--json")
    apply = desk.type("apply", "--config", str(desk.directory), "--json")
    second_run = desk.here("run", "--json")
    desk.pass_time(1.2)
    next_day = desk.here("run")
    return Story(desk, pull, plan, plan_again, apply_other, apply, second_run, next_day, desk.sandbox.clock.now())
