"""Settings + entry points → a wired application. The only place where configuration, connectors and store meet, and the only
one that reads the wall clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import orjson

from crmsync.config.document import read_document
from crmsync.config.mappings import load_mappings
from crmsync.config.rules import load_definitions
from crmsync.config.rules.team import load_team
from crmsync.config.settings import FILE, ConnectionConfig, Settings, load_settings
from crmsync.config.vocabulary import load_vocabulary
from crmsync.connect.build import Transport, open_client
from crmsync.connect.contract import BudgetRule, ConnectionSettings, ConnectorPlugin
from crmsync.connect.registry import load_plugin
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.team import Team
from crmsync.errors import CrmsyncError, FixConfig, Problem
from crmsync.identity.vocabulary import Vocabulary
from crmsync.mapping import ObjectMapping
from crmsync.messages import catalogue
from crmsync.store import Store
from crmsync.sync.workspace import Connection, Workspace


def wall_clock() -> datetime:
    """Now, in UTC. Everything else is given its instant."""
    return datetime.now(UTC)  # noqa: TID251 - the one clock of the program


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole configuration, read and checked. `mappings` are by connection name, then by remote object."""

    settings: Settings
    plugins: Mapping[str, ConnectorPlugin]
    mappings: Mapping[str, Mapping[str, ObjectMapping]]
    definitions: Definitions
    definitions_digest: str
    team: Team
    vocabulary: Vocabulary


def shipped(name: str) -> Path:
    """A directory of shipped defaults: in the installed package, or in the source tree beside it."""
    packaged = Path(str(resources.files("crmsync"))) / "shipped" / "mappings"
    source = Path(__file__).resolve().parents[2] / "mappings"
    return (packaged if packaged.is_dir() else source) / name


def read_configuration(directory: Path) -> Configuration:
    """Read everything under a configuration directory. Contacts nothing. Raises FixConfig with every problem of every file."""
    settings = load_settings(directory)
    problems: list[Problem] = []
    vocabulary = load_vocabulary([shipped("vocabulary"), settings.mappings_directory / "vocabulary"])
    plugins: dict[str, ConnectorPlugin] = {}
    mappings: dict[str, Mapping[str, ObjectMapping]] = {}
    for config in settings.connections:
        try:
            plugins[config.name] = _plugin(config)
            mappings[config.name] = _mappings(config, plugins[config.name], settings)
        except FixConfig as error:
            problems.extend(error.problems)
    rules = _existing(settings.rules_directory) or shipped("rules")
    try:
        definitions = load_definitions([shipped("rules"), rules], vocabulary.ladder.ranks(), _touch_kinds(mappings.values()))
        team = load_team(read_document(settings.team_file, shown_as=settings.team_file.name), definitions.calendars)
    except FixConfig as error:
        problems.extend(error.problems)
    if problems:
        raise FixConfig(problems)
    return Configuration(settings, plugins, mappings, definitions, _digest_of(rules), team, vocabulary)


def open_workspace(directory: Path) -> Workspace:
    """The wired application of a configuration directory. Raises FixConfig; contacts no CRM yet."""
    read = read_configuration(directory)
    store = Store.open(read.settings.store_url)
    return Workspace(
        store=store,
        connections=tuple(_connection(config, read) for config in read.settings.connections),
        definitions=read.definitions,
        definitions_digest=read.definitions_digest,
        team=read.team,
        vocabulary=read.vocabulary,
        language=read.settings.language,
    )


def _plugin(config: ConnectionConfig) -> ConnectorPlugin:
    line, column = config.position
    try:
        plugin = load_plugin(config.connector)
    except CrmsyncError as error:
        raise FixConfig([Problem(FILE, line, column, error.code, error.params)]) from error
    unknown = sorted(set(config.options) - set(plugin.options))
    if unknown:
        known = ", ".join(sorted(plugin.options))
        raise FixConfig(
            [Problem(FILE, line, column, "config.unknown_option", {"option": name, "known": known}) for name in unknown]
        )
    return plugin


def _mappings(config: ConnectionConfig, plugin: ConnectorPlugin, settings: Settings) -> Mapping[str, ObjectMapping]:
    """Shipped with crmsync or by the connector's own package, then the configuration's own files on top."""
    own = [plugin.mappings] if plugin.mappings is not None else [shipped(config.connector)]
    directories = [*own, settings.mappings_directory / config.connector]
    return load_mappings([d for d in directories if d.is_dir()], config.connector, country=config.country)


def _connection(config: ConnectionConfig, read: Configuration) -> Connection:
    plugin, mappings, settings = read.plugins[config.name], read.mappings[config.name], read.settings
    urls = {**plugin.base_urls, **config.base_urls}
    budget = tuple(BudgetRule(*rule) for rule in config.budget) if config.budget is not None else plugin.budget
    transport = Transport(ca_file=Path(settings.ca_file) if settings.ca_file else None, proxy=settings.proxy)
    client = open_client(config.name, base_urls=urls, budget=budget, transport=transport)
    connector = plugin.make(ConnectionSettings(config.name, urls, config.options, config.secret), client)
    wanted = config.objects or tuple(stream.object for stream in connector.capabilities.streams)
    return Connection(
        name=config.name,
        crm=config.connector,
        role=config.role,
        client=client,
        connector=connector,
        mappings=mappings,
        mapping_digest=_digest(mappings),
        objects=tuple(name for name in wanted if name in mappings),
        every_minutes=config.every_minutes,
        jitter_seconds=config.jitter_seconds,
    )


def _touch_kinds(mappings: Iterable[Mapping[str, ObjectMapping]]) -> frozenset[str]:
    """What rules may speak of: the standard words, whether or not a CRM of this configuration shows them, and those that the
    mappings in force add."""
    own = {kind for objects in mappings for mapping in objects.values() for kind in mapping.touch_kinds()}
    return frozenset(own | {code.removeprefix("touch.") for code in catalogue() if code.startswith("touch.")})


def _existing(directory: Path) -> Path | None:
    return directory if directory.is_dir() else None


def _digest(mappings: Mapping[str, ObjectMapping]) -> str:
    """Changes when any mapping of a connection does: then everything staged is read anew."""
    content = "\n".join(f"{name} {_stable(mapping)}" for name, mapping in sorted(mappings.items()))
    return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()


def _stable(mapping: ObjectMapping) -> str:
    return orjson.dumps(mapping, default=lambda v: sorted(v) if isinstance(v, frozenset) else str(v)).decode()


def _digest_of(directory: Path) -> str:
    """The content of the rules in force, whatever the directory is called."""
    digest = hashlib.blake2b(digest_size=12)
    for file in sorted(directory.glob("*.yaml")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
