"""Settings + entry points → a wired application. The only place where configuration, connectors and store meet, and the only
one that reads the wall clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TypeVar

import orjson

from crmsync.config.document import read_document
from crmsync.config.figures import load_inputs
from crmsync.config.mappings import load_mappings
from crmsync.config.rules import load_watch
from crmsync.config.rules.alarms import Watch
from crmsync.config.rules.calendars import load_calendars
from crmsync.config.rules.sets import RuleReader
from crmsync.config.rules.team import load_team
from crmsync.config.settings import FILE, ConnectionConfig, Places, Settings, load_settings, read_places
from crmsync.config.vocabulary import load_vocabulary
from crmsync.connect.build import Transport, open_client
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import BudgetRule, ConnectionSettings, Connector, ConnectorPlugin
from crmsync.connect.hints import Broadcasting, EventSource, HookSettings
from crmsync.connect.registry import load_plugin, plugin_names
from crmsync.connect.retry import RetryPolicy
from crmsync.connect.stopped import StoppedConnector
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.signing import Rules
from crmsync.decisions.team import Team
from crmsync.errors import CrmsyncError, FixConfig, Problem, StopConnector
from crmsync.figures.inputs import Inputs
from crmsync.identity.vocabulary import Vocabulary
from crmsync.mapping import ObjectMapping
from crmsync.messages import catalogue
from crmsync.store import Store
from crmsync.sync.workspace import Connection, Ears, Shadow, Workspace

Read = TypeVar("Read")
# A server that has nothing to say holds a request for up to 110 s (Salesforce's socket timeout for long polling).
EVENT_SECONDS = 130.0


def wall_clock() -> datetime:
    """Now, in UTC. Everything else is given its instant."""
    return datetime.now(UTC)  # noqa: TID251 - the one clock of the program


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole configuration, read and checked. `mappings` are by connection name, then by remote object; `reader` reads other rules
    alike; `unsigned` is whose signature the rules lack."""

    settings: Settings
    plugins: Mapping[str, ConnectorPlugin]
    mappings: Mapping[str, Mapping[str, ObjectMapping]]
    rules: Rules
    team: Team
    vocabulary: Vocabulary
    inputs: Inputs
    watch: Watch
    reader: RuleReader
    successor: Rules | None = None
    shadow: Shadow | None = None
    unsigned: tuple[Problem, ...] = ()

    @property
    def definitions(self) -> Definitions:
        return self.rules.definitions


def shipped(name: str) -> Path:
    """A directory of shipped defaults: in the installed package, or in the source tree beside it."""
    packaged = Path(str(resources.files("crmsync"))) / "shipped" / "mappings"
    source = Path(__file__).resolve().parents[2] / "mappings"
    return (packaged if packaged.is_dir() else source) / name


def read_configuration(directory: Path, *, with_shadow: bool = False, unsigned_too: bool = False) -> Configuration:
    """Read everything under a configuration directory. Contacts nothing. Raises FixConfig with every problem of every file: a
    file that is wrong hides nothing in the others. What is wrong with the shadow counts only if asked for: it stops nothing.
    `unsigned_too` is for what runs no rules, and must work before they are signed."""
    found = _Findings()
    settings = found.of(lambda: load_settings(directory))
    places = settings.places if settings else read_places(directory)
    vocabulary = found.of(lambda: load_vocabulary([shipped("vocabulary"), places.mappings / "vocabulary"]))
    connected = [_Connected.read(config, places, found) for config in settings.connections] if settings else []
    # Where the settings cannot be read, rules may speak of what any installed connector shows.
    speakers = connected if settings else [_Connected.of_installed(name, places, found) for name in plugin_names()]
    ranks = vocabulary.ladder.ranks() if vocabulary else load_vocabulary([shipped("vocabulary")]).ladder.ranks()
    rules = [shipped("rules"), _existing(places.rules) or shipped("rules")]
    reader = RuleReader(tuple(rules), ranks, _touch_kinds(one.mappings for one in speakers))
    definitions = found.of(reader.definitions)
    calendars = definitions.calendars if definitions else _calendars(rules)
    team = found.of(lambda: load_team(read_document(places.team, shown_as=places.team.name), calendars))
    inputs = found.of(lambda: load_inputs(places.figures))
    watch = found.of(lambda: load_watch(rules, ranks))
    successor, shadow = _beside(reader, places, team, found)
    present = Rules.of(definitions, team) if definitions and team else None
    unsigned = _unsigned(reader, places, present, successor)
    if settings and settings.require_approval and not unsigned_too:
        found.add(unsigned)
    if with_shadow and shadow:
        found.add(shadow.problems)
    found.check()
    assert settings and vocabulary and present and team and inputs and watch  # noqa: S101, PT018 - else there was a problem
    return Configuration(
        settings=settings,
        plugins={one.name: one.plugin for one in connected if one.plugin},
        mappings={one.name: one.mappings for one in connected},
        rules=present,
        team=team,
        vocabulary=vocabulary,
        inputs=inputs,
        watch=watch,
        reader=reader,
        successor=successor,
        shadow=shadow,
        unsigned=tuple(unsigned),
    )


def _beside(reader: RuleReader, places: Places, team: Team | None, found: _Findings) -> tuple[Rules | None, Shadow | None]:
    """The rules that succeed those in force and the ones that run beside them. What is wrong with a shadow is its own trouble."""
    successor = shadow = None
    if places.successor is not None and team is not None:
        where = places.successor
        successor = found.of(lambda: reader.successor(where, team))
    if places.shadow is not None and team is not None:
        try:
            shadow = Shadow(Rules.of(reader.definitions(places.shadow), team))
        except FixConfig as error:
            shadow = Shadow(None, error.problems)
    return successor, shadow


def _unsigned(reader: RuleReader, places: Places, present: Rules | None, successor: Rules | None) -> list[Problem]:
    """Whose signature is missing under the rules that run, and under those that will."""
    missing = reader.unsigned(present) if present else []
    return missing + (reader.unsigned(successor, places.successor) if successor and places.successor else [])


class _Findings:
    """Problems, collected from whatever is read one thing after the other."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def of(self, read: Callable[[], Read]) -> Read | None:
        """What was read, None where it has problems."""
        try:
            return read()
        except FixConfig as error:
            self._problems.extend(error.problems)
            return None

    def add(self, problems: Iterable[Problem]) -> None:
        self._problems.extend(problems)

    def check(self) -> None:
        """Raises FixConfig where there were any."""
        if self._problems:
            raise FixConfig(self._problems)


@dataclass(frozen=True, slots=True)
class _Connected:
    """A connection's plug-in and mappings, as far as they could be read."""

    name: str
    plugin: ConnectorPlugin | None
    mappings: Mapping[str, ObjectMapping]

    @classmethod
    def read(cls, config: ConnectionConfig, places: Places, found: _Findings) -> _Connected:
        plugin = found.of(lambda: _plugin(config))
        mappings = found.of(lambda: _mappings(config.connector, config.country, plugin, places)) if plugin else None
        return cls(config.name, plugin, mappings or {})

    @classmethod
    def of_installed(cls, name: str, places: Places, found: _Findings) -> _Connected:
        return cls(name, None, found.of(lambda: _mappings(name, "JP", load_plugin(name), places)) or {})


def _calendars(rules: Sequence[Path]) -> Calendars:
    """The calendars that a team can be read with although other rules are wrong: the own ones, else the shipped ones."""
    for directory in reversed(rules):
        if (directory / "calendars.yaml").is_file():
            with suppress(FixConfig):  # reported with the definitions
                return load_calendars(read_document(directory / "calendars.yaml"))
    raise FileNotFoundError("calendars.yaml")


def open_workspace(directory: Path, *, unsigned_too: bool = False) -> Workspace:
    """The wired application of a configuration directory. Raises FixConfig; contacts no CRM yet."""
    read = read_configuration(directory, unsigned_too=unsigned_too)
    store = Store.open(read.settings.store_url)
    return Workspace(
        store=store,
        connections=tuple(_connection(config, read) for config in read.settings.connections),
        definitions=read.definitions,
        definitions_digest=read.rules.digest,
        team=read.team,
        vocabulary=read.vocabulary,
        language=read.settings.language,
        intake=read.settings.intake,
        inputs=read.inputs,
        watch=read.watch,
        successor=read.successor,
        shadow=read.shadow,
    )


def other_rules(directory: Path, rules: Path) -> Rules:
    """The rules of another directory, read as the configuration in `directory` reads its own. Raises FixConfig."""
    read = read_configuration(directory, unsigned_too=True)
    return Rules.of(read.reader.definitions(rules), read.team)


def _plugin(config: ConnectionConfig) -> ConnectorPlugin:
    line, column = config.position
    try:
        plugin = load_plugin(config.connector)
    except CrmsyncError as error:
        raise FixConfig([Problem(FILE, line, column, error.code, error.params)]) from error
    unknown = sorted(set(config.options) - set(plugin.options))
    known = ", ".join(sorted(plugin.options))
    problems = [Problem(FILE, line, column, "config.unknown_option", {"option": name, "known": known}) for name in unknown]
    if config.webhooks is not None and plugin.hooks is None:
        problems.append(Problem(FILE, line, column, "config.no_webhooks", {"connector": config.connector}))
    if config.change_events is not None and not plugin.broadcasts:
        problems.append(Problem(FILE, line, column, "config.no_change_events", {"connector": config.connector}))
    if problems:
        raise FixConfig(problems)
    return plugin


def _mappings(crm: str, country: str, plugin: ConnectorPlugin, places: Places) -> Mapping[str, ObjectMapping]:
    """Shipped with crmsync or by the connector's own package, then the configuration's own files on top."""
    own = [plugin.mappings] if plugin.mappings is not None else [shipped(crm)]
    return load_mappings([d for d in [*own, places.mappings / crm] if d.is_dir()], crm, country=country)


def _connection(config: ConnectionConfig, read: Configuration) -> Connection:
    plugin, mappings, settings = read.plugins[config.name], read.mappings[config.name], read.settings
    urls = {**plugin.base_urls, **config.base_urls}
    budget = tuple(BudgetRule(*rule) for rule in config.budget) if config.budget is not None else plugin.budget
    transport = Transport(ca_file=settings.ca_file, proxy=settings.proxy)
    client = open_client(config.name, base_urls=urls, budget=budget, transport=transport, reserve_share=config.reserve_share)
    connector = _connector(plugin, ConnectionSettings(config.name, urls, config.options, config.secret), client)
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
        ears=_ears(config, plugin, connector, transport, urls),
        writing=config.writing,
    )


def _ears(
    config: ConnectionConfig, plugin: ConnectorPlugin, connector: Connector, transport: Transport, urls: Mapping[str, str]
) -> Ears:
    """What is configured to be heard. Opened later: what fails then is no trouble of polling."""
    webhooks, changes = config.webhooks, config.change_events
    hooks = events = None
    if webhooks is not None and plugin.hooks is not None:
        heard = HookSettings(config.name, webhooks.public_url, webhooks.account, config.secret)
        hooks = partial(plugin.hooks, heard)
    if changes is not None and isinstance(connector, Broadcasting):
        # A client of its own: it waits for minutes, and its breaker must not stop polling.
        patient = replace(transport, read_seconds=EVENT_SECONDS, connections=2, retry=RetryPolicy(attempts=1))
        events = partial(_events, connector, partial(open_client, config.name, base_urls=urls, transport=patient), changes.objects)
    wakes = [heard.wake_seconds for heard in (webhooks, changes) if heard is not None and heard.wake_seconds]
    return Ears(hooks, events, max(wakes, default=0))


def _events(connector: Broadcasting, client: Callable[[], ApiClient], objects: Sequence[str]) -> EventSource:
    return connector.events(client(), objects)


def _connector(plugin: ConnectorPlugin, settings: ConnectionSettings, client: ApiClient) -> Connector:
    """The connector; one that only says why it is stopped where a secret is missing, so that the other connections go on and
    what is known can still be shown."""
    try:
        return plugin.make(settings, client)
    except StopConnector as error:
        try:
            shape = plugin.make(replace(settings, secret=lambda _name: "-"), client)
        except CrmsyncError:
            raise error from None
        return StoppedConnector(shape.capabilities, error)


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
