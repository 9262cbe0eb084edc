"""The Salesforce connector against the contract that every connector inherits, before the sandbox's org."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from wired import wired

from crmsync.connect.contract import Connector
from crmsync.model.changes import Change, FieldDiff
from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Faults
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.http import application
from crmsync.sandbox.salesforce.mishaps import refuse
from crmsync.sandbox.salesforce.org import Org
from crmsync.testing.connector_contract import ConnectorContract, ContractRig
from crmsync_salesforce import connector as plugin

BEGINS = datetime(2016, 4, 11, 0, 30, tzinfo=UTC)
PAGE = 100


class SalesforceRig(ContractRig):
    connection, people, text, key_field = "sf", "Lead", "Industry", "crmsync_key__c"

    def __init__(self, org: Org, faults: Faults, connector: Connector) -> None:
        self.org = org
        self.faults = faults
        self.connector = connector

    def now(self) -> datetime:
        return self.org.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.org.clock.advance(timedelta(seconds=seconds))

    def create(self, text: str) -> str:
        return self.org.insert("Lead", {"LastName": "Sato", "Company": "A", "Industry": text})

    def edit(self, id: str, text: str) -> None:
        self.org.update("Lead", id, {"Industry": text})

    def delete(self, id: str) -> None:
        self.org.delete("Lead", id)

    def text_of(self, id: str) -> str | None:
        row = self.org.get("Lead", id)
        return None if row is None else row["Industry"]

    def task(self, key: str, person: str) -> Change:
        wanted = {"Subject": "Call", "Status": "Not Started", "Priority": "High", "WhoId": person}
        diffs = tuple(FieldDiff(name, None, None, value) for name, value in wanted.items())
        return Change(f"task {key}", "sf", "Task", "upsert", diffs, "person", key_field=self.key_field, key_value=key)

    def tasks(self, key: str) -> int:
        return sum(row.get(self.key_field) == key for row in self.org.rows("Task"))

    def hide(self, object: str) -> None:
        message = "The requested resource does not exist"
        self.faults.add(refuse("NOT_FOUND", message, status=404, route=f"/sobjects/{object}/describe"))


class TestSalesforce(ConnectorContract):
    @pytest.fixture
    def rig(self) -> Iterator[SalesforceRig]:
        org, faults = Org(VirtualClock(BEGINS), OrgConfig(largest_page=PAGE)), Faults()
        secrets = {"client_id": org.config.credentials.client_id, "client_secret": org.config.credentials.client_secret}
        with wired(plugin, "sf", application(org, faults), secrets) as connector:
            yield SalesforceRig(org, faults, connector)
