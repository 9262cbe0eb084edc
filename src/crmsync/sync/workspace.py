"""Everything a cycle works with, wired once by `bootstrap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from crmsync.config.rules.alarms import Watch
from crmsync.config.settings import IntakeConfig
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import Connector
from crmsync.connect.hints import EventSource, HookReader
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.signing import Rules
from crmsync.decisions.team import Team
from crmsync.errors import Problem
from crmsync.figures.inputs import Inputs
from crmsync.identity.vocabulary import Vocabulary
from crmsync.mapping.values import ObjectMapping
from crmsync.messages import Language
from crmsync.model.records import ObjectSchema
from crmsync.planning.writing import Writing
from crmsync.store import Store

Role = Literal["ma", "sfa", "both"]


@dataclass(frozen=True, slots=True)
class Ears:
    """How a CRM can be heard: each is opened when listening begins (and may raise then), None where it is switched off. What is
    heard starts a cycle early, at most once in `wake_seconds` (0: never)."""

    hooks: Callable[[], HookReader] | None = None
    events: Callable[[], EventSource] | None = None
    wake_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """One connected CRM. `mappings` are by remote object; `writing` is how far we go in writing to it; `schemas` are what the CRM
    said of itself when last asked; `ears` are for what it says without being asked."""

    name: str
    crm: str
    role: Role
    client: ApiClient
    connector: Connector
    mappings: Mapping[str, ObjectMapping]
    mapping_digest: str
    objects: tuple[str, ...]
    every_minutes: int = 15
    jitter_seconds: int = 30
    ears: Ears = field(default_factory=Ears)
    writing: Writing = field(default_factory=Writing)
    schemas: dict[str, ObjectSchema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shadow:
    """The rules that run silently beside those in force; None where they cannot be read, with why not."""

    rules: Rules | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Workspace:
    """The store, the connections, the definitions and the inputs of the figures of one configuration. `successor` takes over on its
    day, `shadow` decides beside."""

    store: Store
    connections: tuple[Connection, ...]
    definitions: Definitions
    definitions_digest: str
    team: Team
    vocabulary: Vocabulary
    language: Language
    intake: IntakeConfig = field(default_factory=IntakeConfig)
    inputs: Inputs = field(default_factory=Inputs)
    watch: Watch = field(default_factory=Watch)
    successor: Rules | None = None
    shadow: Shadow | None = None

    def at(self, now: datetime) -> Workspace:
        """The workspace with the rules that are in force then."""
        present = Rules(self.definitions, self.definitions_digest)
        rules = present.in_force(self.successor, now)
        return self if rules is present else replace(self, definitions=rules.definitions, definitions_digest=rules.digest)

    def connection(self, name: str) -> Connection:
        return next(c for c in self.connections if c.name == name)

    def close(self) -> None:
        """Let go of every socket and of the database."""
        for connection in self.connections:
            connection.client.close()
        self.store.close()


class Progress(Protocol):
    """What a cycle tells whoever watches. Counts only, never a person."""

    def started(self, step: str, connection: str, object_: str, expected: int | None) -> None: ...
    def advanced(self, step: str, connection: str, object_: str, count: int) -> None: ...
    def finished(self, step: str, connection: str, object_: str) -> None: ...


class Silent:
    """Nobody is watching."""

    def started(self, step: str, connection: str, object_: str, expected: int | None) -> None:
        pass

    def advanced(self, step: str, connection: str, object_: str, count: int) -> None:
        pass

    def finished(self, step: str, connection: str, object_: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a cycle and whether it is a rehearsal on a virtual clock (`--now`)."""

    now: datetime
    is_rehearsal: bool = False
