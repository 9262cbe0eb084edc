"""The HubSpot connector against the contract that every connector inherits, before the sandbox's portal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from wired import wired

from crmsync.connect.contract import Connector
from crmsync.model.changes import Association, Change, FieldDiff
from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Fault, FaultKind, Faults
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync.sandbox.hubspot.http import application
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.testing.connector_contract import ConnectorContract, ContractRig
from crmsync_hubspot import connector as plugin

BEGINS = datetime(2016, 4, 11, 0, 30, tzinfo=UTC)
FORBIDDEN = {"status": "error", "message": "This app hasn't been granted all required scopes", "category": "MISSING_SCOPES"}


class HubSpotRig(ContractRig):
    connection, people, text, key_field = "hub", "contacts", "jobtitle", "crmsync_key"

    def __init__(self, portal: Portal, faults: Faults, connector: Connector) -> None:
        self.portal = portal
        self.faults = faults
        self.connector = connector

    def now(self) -> datetime:
        return self.portal.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.portal.clock.advance(timedelta(seconds=seconds))

    def create(self, text: str) -> str:
        return self.portal.create("contacts", {"lastname": "Sato", "jobtitle": text})

    def edit(self, id: str, text: str) -> None:
        self.portal.update("contacts", id, {"jobtitle": text})

    def delete(self, id: str) -> None:
        self.portal.archive("contacts", id)

    def text_of(self, id: str) -> str | None:
        row = self.portal.get("contacts", id)
        return None if row is None else row["jobtitle"]

    def task(self, key: str, person: str) -> Change:
        wanted = {
            "hs_task_subject": "Call",
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": "CALL",
            "hs_timestamp": "2016-05-01T00:00:00.000Z",
        }
        diffs = tuple(FieldDiff(name, None, None, value) for name, value in wanted.items())
        people = (Association("contacts", person),)
        return Change(
            f"task {key}", "hub", "tasks", "upsert", diffs, "person", key_field=self.key_field, key_value=key, associations=people
        )

    def tasks(self, key: str) -> int:
        return sum(row.get(self.key_field) == key for row in self.portal.rows("tasks"))

    def hide(self, object: str) -> None:
        body = orjson.dumps(FORBIDDEN)
        route = f"/properties/.*{object}|/objects/.*{object}"
        self.faults.add(Fault(FaultKind.ANSWER, route, status=403, body=body, headers=(("Content-Type", "application/json"),)))


class TestHubSpot(ConnectorContract):
    @pytest.fixture
    def rig(self) -> Iterator[HubSpotRig]:
        portal, faults = Portal(VirtualClock(BEGINS), PortalConfig(limits=Limits(enforced=False))), Faults()
        secrets = {"token": portal.config.credentials.private_app_token}
        with wired(plugin, "hub", application(portal, faults), secrets) as connector:
            yield HubSpotRig(portal, faults, connector)
