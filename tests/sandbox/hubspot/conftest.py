"""A portal, its server, and a plain HTTP caller with the private app's token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Faults
from crmsync.sandbox.hubspot.config import Limits, PortalConfig, Search
from crmsync.sandbox.hubspot.http import application
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.server import serve
from crmsync.testing.hubspot_contract import ContractRecorder, HubSpotContract

CONTRACT = Path(__file__).parents[2] / "contract" / "hubspot-contract-2026-03.json"
START = datetime(2026, 4, 1, 0, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Served:
    """A portal behind a real socket; `http` carries the token, `recorder` what broke the contract."""

    portal: Portal
    clock: VirtualClock
    http: httpx.Client
    url: str
    recorder: ContractRecorder
    token: str

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def settle(self) -> None:
        """Let the search index catch up."""
        self.clock.advance(timedelta(seconds=10))


@pytest.fixture(scope="session")
def contract() -> HubSpotContract:
    return HubSpotContract(CONTRACT)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def new_portal(clock: VirtualClock) -> Callable[..., Portal]:
    """A portal without search lag and limits, unless said otherwise."""

    def make(**config: Any) -> Portal:
        defaults = {"search": Search(lag_seconds=0, lag_jitter_seconds=0), "limits": Limits(enforced=False)}
        return Portal(clock, PortalConfig(**{**defaults, **config}))

    return make


@pytest.fixture
def portal(new_portal: Callable[..., Portal]) -> Portal:
    return new_portal()


@dataclass(slots=True)
class Door:
    """A real socket whose app can be exchanged: starting a server for every test would take longer than the tests."""

    url: str = ""
    app: ContractRecorder | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def doors() -> Iterator[Callable[[int], Door]]:
    """The n-th door, opened when first asked for."""
    opened: list[Door] = []
    with ExitStack() as stack:

        def door(number: int) -> Door:
            while len(opened) <= number:
                made = Door()
                made.url = stack.enter_context(serve({"hubspot": made}, {})).urls["hubspot"]
                opened.append(made)
            return opened[number]

        yield door


@pytest.fixture
def served(
    clock: VirtualClock, new_portal: Callable[..., Portal], contract: HubSpotContract, doors: Callable[[int], Door]
) -> Iterator[Callable[..., Served]]:
    """Serve a portal of the given configuration until the test ends."""
    numbers = count()
    with ExitStack() as stack:

        def start(*, faults: Faults | None = None, **config: Any) -> Served:
            portal = new_portal(**config)
            recorder = ContractRecorder(application(portal, faults), contract)
            door = doors(next(numbers))
            door.app = recorder
            token = portal.config.credentials.private_app_token
            http = stack.enter_context(httpx.Client(base_url=door.url, headers={"Authorization": f"Bearer {token}"}))
            return Served(portal, clock, http, door.url, recorder, token)

        yield start
