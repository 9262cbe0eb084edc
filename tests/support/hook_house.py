"""A door for webhooks on a real port, before a store that is real too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx

from crmsync.config.settings import IntakeConfig
from crmsync.connect.hints import Delivery, Heard, Hint, HookReader, Refused
from crmsync.intake.listening import listening
from crmsync.store import Store
from crmsync.sync.heard import IntakeState, intake_state
from crmsync.sync.workspace import Connection, Ears, Workspace

NOON = datetime(2026, 6, 1, 3, tzinfo=UTC)
MOST_BYTES = 2_000


@dataclass
class Hall:
    """Where deliveries come in. `woken` are the connections that were to be woken."""

    address: str
    store: Store
    woken: list[str] = field(default_factory=list)

    def post(self, content: Any = b"contacts/1", *, connection: str = "ma", method: str = "POST", **more: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=10) as http:
            return http.request(method, f"{self.address}/hooks/{connection}", content=content, **more)

    def marked(self, connection: str = "ma") -> set[tuple[str, str]]:
        return {(object_, id_) for object_, marks in self.store.hints.waiting(connection, 100).items() for id_ in marks}

    def state(self, connection: str = "ma") -> IntakeState:
        return intake_state(self.store, connection)


def plain_reader(delivery: Delivery) -> Heard | Refused:
    """A vendor whose deliveries are lines of object/id, and who signs with a word."""
    if delivery.headers.get("x-word", "please") != "please":
        return Refused(401, "wrong_signature")
    pairs = [line.split("/") for line in delivery.body.decode().split()]
    return Heard(tuple(Hint(object_, id_) for object_, id_ in pairs), {"other_event": 1} if not pairs else {})


def workspace_of(store: Store, ears: Mapping[str, Ears], intake: IntakeConfig) -> Workspace:
    nothing = cast(Any, None)
    connections = tuple(
        Connection(name, "toy", "both", nothing, nothing, {}, "", ("contacts",), ears=heard) for name, heard in ears.items()
    )
    return replace(Workspace(store, connections, nothing, "", nothing, nothing, "en"), intake=intake)


@contextmanager
def hall(
    directory: Path,
    *,
    reader: HookReader = plain_reader,
    open_: Callable[[], HookReader] | None = None,
    clock: Callable[[], datetime] = lambda: NOON,
) -> Iterator[Hall]:
    store = Store.open(f"sqlite:///{directory / 'hall.db'}")
    built = Hall("", store)
    workspace = workspace_of(store, {"ma": Ears(hooks=open_ or (lambda: reader))}, IntakeConfig("127.0.0.1", 0, MOST_BYTES))
    with listening(workspace, clock, built.woken.append) as address:
        built.address = str(address)
        yield built
    store.close()
