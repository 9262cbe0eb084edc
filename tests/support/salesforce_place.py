"""An org behind a real port, the connector to it, and what has been stored of each object so far."""

from __future__ import annotations

import atexit
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.types import Receive, Scope, Send

from crmsync.connect.build import Transport, open_client
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import ConnectionSettings, Notice, PullRequest, PushBatch
from crmsync.connect.retry import RetryPolicy
from crmsync.errors import StopConnector
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync.model.records import RawRecord
from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Faults
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.http import Application, application
from crmsync.sandbox.salesforce.org import Org
from crmsync.sandbox.server import serve
from crmsync_salesforce import connector as plugin

START = datetime(2024, 4, 1, 9, tzinfo=UTC)
LEAD = ("LastName", "Company", "Email", "Status", "Rating", "OwnerId", "Owner.Type", "IsConverted", "ConvertedContactId")


@dataclass
class Place:
    """An org behind a real port, the connector to it, and what has been stored of each object so far."""

    org: Org
    faults: Faults
    client: ApiClient
    connector: Any
    app: Application
    url: str
    cursors: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stored: dict[str, dict[str, RawRecord]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    def later(self, **more: float) -> None:
        self.org.clock.advance(timedelta(**more))

    def pull(self, object: str = "Lead", fields: Sequence[str] = LEAD, *, pages: int | None = None) -> list[RawRecord]:
        """Pull and store; with `pages`, crash after so many: the cursor of the last stored page is all that is left."""
        seen: list[RawRecord] = []
        request = PullRequest(object, tuple(fields), self.cursors.get(object), known=self.known)
        for number, page in enumerate(self.connector.pull(request), 1):
            self.cursors[object] = json.loads(json.dumps(page.cursor))
            self.stored.setdefault(object, {}).update({record.id: record for record in page.records})
            self.notices.extend(page.notices)
            seen.extend(page.records)
            if number == pages:
                break
        return seen

    def known(self, object: str) -> list[str]:
        """The stored records that live."""
        return [record.id for record in self.stored.get(object, {}).values() if not record.is_deleted]

    def push(self, *changes: Change) -> dict[str, Receipt]:
        receipts = list(self.connector.push(PushBatch(changes[0].object, changes)))
        assert sorted(receipt.key for receipt in receipts) == sorted(change.key for change in changes)
        return {receipt.key: receipt for receipt in receipts}

    def asked(self, path: str, method: str = "") -> list[str]:
        """The requests that reached the org whose path holds this text, as `METHOD path`."""
        return [f"{one.method} {one.path}" for one in self.app.service.log if path in one.path and method in ("", one.method)]

    def lead(self, name: str = "Yamada", **more: Any) -> str:
        return self.org.insert("Lead", {"LastName": name, "Company": "A", **more})


class _Stage:
    """A server that stays while the orgs behind it come and go: starting and stopping one takes longer than most tests."""

    def __init__(self) -> None:
        self.app: Application | None = None
        self._running = serve({"salesforce": self._answer}, {})
        self.url = self._running.urls["salesforce"]
        atexit.register(self._running.close)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


_FREE: list[_Stage] = []


@contextmanager
def _served(app: Application) -> Iterator[str]:
    stage = _FREE.pop() if _FREE else _Stage()
    stage.app = app
    try:
        yield stage.url
    finally:
        _FREE.append(stage)


@contextmanager
def place(
    config: OrgConfig | None = None, *, secrets: Mapping[str, str] | None = None, attempts: int = 3, **options: Any
) -> Iterator[Place]:
    """`secrets` replace those of client credentials; `options` are the connection's."""
    org, faults = Org(VirtualClock(START), config), Faults()
    app = application(org, faults)
    with _served(app) as url, opened(org, url, secrets, attempts=attempts, **options) as (client, made):
        yield Place(org, faults, client, made, app, url)


@contextmanager
def opened(
    org: Org, url: str, secrets: Mapping[str, str] | None = None, *, attempts: int = 3, **options: Any
) -> Iterator[tuple[ApiClient, Any]]:
    """A client and a connector of their own, as another process would have them."""
    known = org.config.credentials
    held = secrets or {"client_id": known.client_id, "client_secret": known.client_secret}

    def secret(name: str) -> str:
        if name not in held:
            raise StopConnector("auth.secret_not_configured", connection="sf", secret=name)
        return held[name]

    transport = Transport(trust_env=False, read_seconds=5, retry=RetryPolicy(attempts=attempts))
    urls = {"login": url}
    settings: dict[str, Any] = {"base_urls": urls, "transport": transport, "pause": lambda _seconds: None}
    with open_client("sf", **settings, clock=lambda: org.clock.now().timestamp()) as client:
        yield client, plugin.make(ConnectionSettings("sf", urls, options, secret), client)


def update(id: str, *, object: str = "Lead", expected: datetime | None = None, **values: Any) -> Change:
    diffs = tuple(FieldDiff(name, None, None, value) for name, value in values.items())
    return Change(f"update {id}", "sf", object, "update", diffs, "p", record_id=id, expected_modified_at=expected)


def task(key: str, **values: Any) -> Change:
    wanted = {"Subject": "Call", "Status": "Not Started", "Priority": "High", **values}
    diffs = tuple(FieldDiff(name, None, None, value) for name, value in wanted.items())
    return Change(f"task {key}", "sf", "Task", "upsert", diffs, "p", key_field="crmsync_key__c", key_value=key)
