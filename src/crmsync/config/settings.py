"""`crmsync.yaml`: where the database is, which CRMs are connected and how, where definitions and mappings lie.

Environment beats file for what differs between places (pydantic-settings, prefix `CRMSYNC_`):

    CRMSYNC_STORE_URL                                where the database lives
    CRMSYNC_LANGUAGE                                 ja | en
    CRMSYNC_CA_FILE, CRMSYNC_PROXY                   network
    CRMSYNC_CONNECTIONS__<NAME>__BASE_URLS__<KEY>    a base URL of a connection

Secrets are never in the file: `auth` refers to an environment variable or a secret file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from crmsync.config.document import Document, FileModel, read_document, validate
from crmsync.config.settings_file import ChangeEventsFile, ConnectionFile, Role, SettingsFile, WebhooksFile
from crmsync.config.wrong_values import wants
from crmsync.errors import FixConfig, Problem, StopConnector
from crmsync.messages import Language
from crmsync.planning.writing import Writing

FILE = "crmsync.yaml"
PREFIX = "CRMSYNC_CONNECTIONS__"
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class ConnectionEnvironment(FileModel):
    base_urls: dict[str, str] = Field(default_factory=dict)


class Environment(BaseSettings):
    """What the environment says; read by pydantic-settings."""

    model_config = SettingsConfigDict(env_prefix="CRMSYNC_", env_nested_delimiter="__", extra="ignore")
    store_url: str | None = None
    language: Language | None = None
    ca_file: str | None = None
    proxy: str | None = None
    connections: dict[str, ConnectionEnvironment] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhooksConfig:
    """Webhooks that a CRM sends to `public_url`, for the CRM's own `account`. A delivery starts a cycle early, at most once in
    `wake_seconds` (0: never)."""

    public_url: str
    account: str
    wake_seconds: int


@dataclass(frozen=True, slots=True)
class ChangeEventsConfig:
    """The objects whose stream of events is followed; `wake_seconds` as for webhooks."""

    objects: tuple[str, ...]
    wake_seconds: int


@dataclass(frozen=True, slots=True)
class IntakeConfig:
    """Where webhooks come in on this machine, and how large one delivery may be."""

    host: str = "127.0.0.1"
    port: int = 8813
    most_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One connection as the rest of the program sees it. `secret(name)` reads `auth.<name>` when it is needed."""

    name: str
    connector: str
    role: Role
    base_urls: Mapping[str, str]
    options: Mapping[str, Any]
    objects: tuple[str, ...] | None
    budget: tuple[tuple[str, int, float], ...] | None
    reserve_share: float
    every_minutes: int
    jitter_seconds: int
    country: str
    writing: Writing
    secret: Callable[[str], str] = field(repr=False)
    webhooks: WebhooksConfig | None = None
    change_events: ChangeEventsConfig | None = None
    position: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the rest of a configuration lies. `figures` need not be there. `successor` are the rules that take over from `rules` on
    the day from which they are effective, `shadow` those that run silently beside them; None for none."""

    team: Path
    rules: Path
    mappings: Path
    figures: Path
    successor: Path | None = None
    shadow: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration but for rules, team and mappings, which have loaders of their own. With `require_approval` rules are
    run only if both heads have signed them."""

    directory: Path
    places: Places
    language: Language
    store_url: str
    ca_file: Path | None
    proxy: str | None
    intake: IntakeConfig
    connections: tuple[ConnectionConfig, ...]
    require_approval: bool = False


def load_settings(directory: Path) -> Settings:
    """Read `crmsync.yaml` in `directory` with the environment on top. Raises FixConfig with every problem found."""
    document = read_document(directory / FILE, shown_as=FILE)
    try:
        file = validate(document, SettingsFile)
    except FixConfig as error:
        raise FixConfig([_without_secrets(problem) for problem in error.problems]) from None
    environment = _environment()
    problems = [*_duplicates(document, file), *_strangers(file, environment)]
    connections = tuple(_connection(document, index, entry, environment, directory) for index, entry in enumerate(file.connections))
    problems += [p for index, c in enumerate(connections) for p in _bad_urls(document, index, c)]
    problems += [p for index, c in enumerate(connections) for p in _open_to_eavesdroppers(document, index, c)]
    if problems:
        raise FixConfig(problems)
    return Settings(
        directory=directory,
        places=_places(directory, file.model_dump(include=set(_PLACES))),
        language=environment.language or file.language,
        store_url=_store_url(environment.store_url or file.store.url, directory),
        ca_file=_ca_file(environment, file, directory),
        proxy=environment.proxy or file.network.proxy,
        intake=IntakeConfig(file.intake.host, file.intake.port, file.intake.most_kib * 1024),
        connections=connections,
        require_approval=file.definitions.require_approval,
    )


def _without_secrets(problem: Problem) -> Problem:
    """Who writes a secret where a reference belongs is told so without repeating it."""
    if ".auth" not in str(problem.params.get("key", "")):
        return problem
    return replace(problem, params={**problem.params, "value": "…"})


def read_places(directory: Path) -> Places:
    """Where the rest lies according to a `crmsync.yaml` that may be wrong otherwise; the usual places where it does not say."""
    try:
        said = read_document(directory / FILE).data
    except FixConfig:
        said = None
    entries = said if isinstance(said, dict) else {}
    usual = SettingsFile.model_fields
    return _places(directory, {key: entries.get(key, usual[key].default) for key in _PLACES})


_PLACES = ("team", "rules", "mappings", "figures", "successor", "shadow")


def _places(directory: Path, names: Mapping[str, Any]) -> Places:
    successor, shadow = (names[key] for key in ("successor", "shadow"))
    return Places(
        team=directory / str(names["team"]),
        rules=directory / str(names["rules"]),
        mappings=directory / str(names["mappings"]),
        figures=directory / str(names["figures"]),
        successor=None if successor is None else directory / str(successor),
        shadow=None if shadow is None else directory / str(shadow),
    )


def _environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        raise FixConfig(
            [
                Problem(
                    "environment",
                    1,
                    1,
                    "config.wrong_value",
                    {
                        "key": "CRMSYNC_" + "__".join(str(part) for part in found["loc"]).upper(),
                        "value": "…",
                        "detail": wants(found),
                    },
                )
                for found in error.errors()
            ]
        ) from error


def _connection(
    document: Document, index: int, entry: ConnectionFile, environment: Environment, directory: Path
) -> ConnectionConfig:
    over = environment.connections.get(entry.name)
    return ConnectionConfig(
        name=entry.name,
        connector=entry.connector,
        role=entry.role,
        base_urls={**entry.base_urls, **(over.base_urls if over else {})},
        options=entry.options,
        objects=tuple(entry.objects) if entry.objects is not None else None,
        budget=tuple((b.lane, b.calls, b.seconds) for b in entry.budget) if entry.budget is not None else None,
        reserve_share=entry.reserve_share,
        every_minutes=entry.schedule.every_minutes,
        jitter_seconds=entry.schedule.jitter_seconds,
        country=entry.country,
        writing=entry.writing.value(),
        secret=_secret_reader(entry, directory),
        webhooks=_webhooks(entry.webhooks),
        change_events=_change_events(entry.change_events),
        position=document.position("connections", index, "name"),
    )


def _webhooks(file: WebhooksFile | None) -> WebhooksConfig | None:
    return None if file is None else WebhooksConfig(file.public_url, file.account, file.wake_seconds)


def _change_events(file: ChangeEventsFile | None) -> ChangeEventsConfig | None:
    return None if file is None else ChangeEventsConfig(tuple(dict.fromkeys(file.objects)), file.wake_seconds)


def _secret_reader(entry: ConnectionFile, directory: Path) -> Callable[[str], str]:
    def read(name: str) -> str:
        reference = entry.auth.get(name)
        if reference is None:
            raise StopConnector("auth.secret_not_configured", connection=entry.name, secret=name)
        value = _from_file(directory / reference.file) if reference.file else _from_environment(str(reference.env))
        if not value:
            where = reference.file or f"${reference.env}"
            raise StopConnector("auth.secret_missing", connection=entry.name, secret=name, where=where)
        return value

    return read


def _from_file(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _from_environment(name: str) -> str:
    return os.environ.get(name, "").strip()


def _store_url(url: str, directory: Path) -> str:
    """A relative SQLite path is relative to the configuration, wherever the program is started. PostgreSQL is reached with the
    driver that we install, by either of the names that hosting services give it."""
    for name in ("postgres://", "postgresql://"):
        if url.startswith(name):
            return "postgresql+psycopg://" + url.removeprefix(name)
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(prefix + "/") and url != prefix + ":memory:":
        return prefix + str((directory / url.removeprefix(prefix)).resolve())
    return url


def _ca_file(environment: Environment, file: SettingsFile, directory: Path) -> Path | None:
    """From the environment relative to where crmsync is started, as a person types it; from the file relative to the file."""
    if environment.ca_file:
        return Path(environment.ca_file)
    return directory / file.network.ca_file if file.network.ca_file else None


def _duplicates(document: Document, file: SettingsFile) -> list[Problem]:
    names = [c.name for c in file.connections]
    return [
        document.problem(("connections", index, "name"), "config.duplicate_connection", name=name)
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def _strangers(file: SettingsFile, environment: Environment) -> list[Problem]:
    """A connection that only the environment knows is a slip of the pen: it would change nothing, and nobody would notice."""
    names = [c.name for c in file.connections]
    return [
        Problem(
            "environment", 1, 1, "config.unknown_connection", {"variable": f"{PREFIX}{name.upper()}__…", "known": ", ".join(names)}
        )
        for name in sorted(environment.connections)
        if name not in names
    ]


def _bad_urls(document: Document, index: int, connection: ConnectionConfig) -> list[Problem]:
    adapter = TypeAdapter(HttpUrl)
    problems = []
    for key, url in connection.base_urls.items():
        try:
            adapter.validate_python(url)
        except ValidationError:
            path = ("connections", index, "base_urls", key)
            problems.append(document.problem(path, "config.bad_url", key=key, value=url))
    return problems


def _open_to_eavesdroppers(document: Document, index: int, connection: ConnectionConfig) -> list[Problem]:
    """Webhooks name records and carry values of theirs: over a network only encrypted. This machine may be spoken to as it is."""
    if connection.webhooks is None:
        return []
    if _is_safe(connection.webhooks.public_url, f"/hooks/{connection.name}"):
        return []
    path = ("connections", index, "webhooks", "public_url")
    return [document.problem(path, "config.bad_public_url", value=connection.webhooks.public_url, name=connection.name)]


def _is_safe(public_url: str, end: str) -> bool:
    try:
        url = urlsplit(public_url)
    except ValueError:  # a bracket without its other half
        return False
    is_secret = url.scheme == "https" or (url.scheme == "http" and url.hostname in _THIS_MACHINE)
    return is_secret and bool(url.hostname) and url.path.endswith(end)
