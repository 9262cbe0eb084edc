"""A portal over real HTTP, and a connector before it. Every request that leaves is held against HubSpot's contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import orjson
import pytest

from crmsync.connect.build import open_client
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import ConnectionSettings, Page, PullRequest, PushBatch
from crmsync.model.changes import Association, Change, FieldDiff, Receipt
from crmsync.model.records import RawRecord
from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Fault, FaultKind, Faults
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync.sandbox.hubspot.http import application
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.server import serve
from crmsync.testing.hubspot_contract import HubSpotContract
from crmsync_hubspot import connector as plugin
from crmsync_hubspot.verbs import HubSpotConnector

START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
CONTACT_FIELDS = ("email", "firstname", "lastname", "lifecyclestage", "crmsync_phase", "crmsync_score", "associations.companies")


@dataclass
class Rig:
    """One portal, one connector, and what went between them. `waits` are the seconds that the client would have slept."""

    portal: Portal
    clock: VirtualClock
    faults: Faults
    client: ApiClient
    hub: HubSpotConnector
    requests: list[httpx.Request]
    waits: list[float] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)
    door: Any = None

    def advance(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def fault(self, kind: FaultKind, route: str, **more: Any) -> None:
        self.faults.add(Fault(kind, route, **more))

    def pull(
        self,
        object: str,
        cursor: Mapping[str, Any] | None = None,
        fields: tuple[str, ...] = (),
        known: Iterable[str] = (),
    ) -> Pulled:
        """`known` are the ids of this object that are stored already."""
        request = PullRequest(object, fields or CONTACT_FIELDS, cursor, lambda other: known if other == object else ())
        return Pulled(list(self.hub.pull(request)))

    def push(self, *changes: Change) -> list[Receipt]:
        receipts = list(self.hub.push(PushBatch(changes[0].object, changes)))
        assert sorted(r.key for r in receipts) == sorted(c.key for c in changes), "each change has exactly one receipt"
        by_key = {receipt.key: receipt for receipt in receipts}
        return [by_key[change.key] for change in changes]

    def calls(self, method: str, part: str) -> list[httpx.Request]:
        return [one for one in self.requests if one.method == method and part in one.url.path]

    @staticmethod
    def change(
        id_: str,
        values: Mapping[str, Any],
        *,
        object: str = "contacts",
        expected: datetime | None = None,
        key: str = "",
    ) -> Change:
        diffs = tuple(FieldDiff(name, None, None, value) for name, value in values.items())
        return Change(
            key or f"change-{object}-{id_}", "hub", object, "update", diffs, "p1", record_id=id_, expected_modified_at=expected
        )

    @staticmethod
    def task(key: str, contact: str, **values: Any) -> Change:
        wanted = {
            "hs_task_subject": f"Call {key}",
            "hs_task_status": "NOT_STARTED",
            "hs_task_priority": "HIGH",
            "hs_task_type": "CALL",
            "hs_timestamp": "2026-11-03T00:00:00.000Z",
        } | values
        diffs = tuple(FieldDiff(name, None, None, value) for name, value in wanted.items())
        return Change(
            f"change-{key}",
            "hub",
            "tasks",
            "upsert",
            diffs,
            "p1",
            key_field="crmsync_key",
            key_value=key,
            associations=(Association("contacts", contact),) if contact else (),
        )

    def twist(self, change: Callable[[str, int, Any], Any]) -> None:
        """From now on each JSON answer is what `change` makes of (path, status, body): another portal's ways of saying the same."""
        self.client._http._transport = Twisted(self.client._http._transport, change)

    def forget(self) -> None:
        """Start counting anew; what was sent so far has passed the contract."""
        check_contract(self.requests)
        self.requests.clear()
        self.waits.clear()
        self.answers.clear()


@dataclass
class Twisted(httpx.BaseTransport):
    """A wire on which answers are said differently."""

    wire: httpx.BaseTransport
    change: Callable[[str, int, Any], Any]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.wire.handle_request(request)
        content = answer.read()
        answer.close()
        if not answer.headers.get("content-type", "").startswith("application/json") or not content:
            return httpx.Response(answer.status_code, headers=answer.headers, content=content)
        body = self.change(request.url.path, answer.status_code, orjson.loads(content))
        kept = [(name, value) for name, value in answer.headers.items() if name not in ("content-length", "content-encoding")]
        return (
            body
            if isinstance(body, httpx.Response)
            else httpx.Response(answer.status_code, headers=kept, content=orjson.dumps(body))
        )

    def close(self) -> None:
        self.wire.close()


@dataclass
class Pulled:
    """What a pull gave."""

    pages: list[Page]

    @property
    def cursor(self) -> Mapping[str, Any]:
        return self.pages[-1].cursor

    @property
    def records(self) -> list[RawRecord]:
        return [record for page in self.pages for record in page.records]

    @property
    def ids(self) -> list[str]:
        return [record.id for record in self.records]

    def by_id(self) -> dict[str, RawRecord]:
        return {record.id: record for record in self.records}


CONTRACT = HubSpotContract(Path(__file__).parents[3] / "tests" / "contract" / "hubspot-contract-2026-03.json")


def check_contract(requests: list[httpx.Request]) -> None:
    """Unknown endpoints, query parameters and keys are failures."""
    assert [f"{r.method} {r.url.path}: {finding}" for r in requests for finding in violations(r)] == []


def violations(request: httpx.Request) -> list[Any]:
    query = parse_qs(request.url.query.decode(), keep_blank_values=True)
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body: Any = None
    if request.content:
        body = dict(parse_qsl(request.content.decode())) if is_form else orjson.loads(request.content)
    return CONTRACT.check_request(request.method, request.url.path, query, body)


@dataclass
class Door:
    """A real socket whose app can be exchanged: starting a server for every test would take longer than the tests."""

    url: str = ""
    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
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
def rig_of(doors: Callable[[int], Door]) -> Iterator[Callable[..., Rig]]:
    """Make rigs; at the end each one's requests are checked."""
    made: list[tuple[Rig, Callable[[], None]]] = []

    def make(
        *,
        config: PortalConfig | None = None,
        options: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        budget: bool = False,
        is_dated: bool = True,
    ) -> Rig:
        clock = VirtualClock(START)
        portal = Portal(clock, config or PortalConfig(enterprise=True, limits=Limits(enforced=False)))
        faults = Faults()
        door = doors(len(made))
        door.app = application(portal, faults)
        waits: list[float] = []
        urls = {"api": door.url}

        def seconds() -> float:
            """The breaker cools down in virtual time."""
            return clock.now().timestamp()

        client = open_client("hub", base_urls=urls, budget=plugin.budget if budget else (), pause=waits.append, clock=seconds)
        requests: list[httpx.Request] = []
        client._http.event_hooks["request"].append(requests.append)
        answers: list[httpx.Response] = []
        client._http.event_hooks["response"].append(answers.append)
        held = secrets or {"token": portal.config.credentials.private_app_token}
        settings = ConnectionSettings("hub", urls, options or {}, held.__getitem__)
        hub = plugin.make(settings, client)
        assert isinstance(hub, HubSpotConnector)
        rig = Rig(portal, clock, faults, client, hub, requests, waits, answers, door)

        def close() -> None:
            client.close()
            if is_dated:
                check_contract(requests)

        made.append((rig, close))
        return rig

    yield make
    for _, close in made:
        close()


@pytest.fixture
def rig(rig_of: Callable[..., Rig]) -> Rig:
    return rig_of()
