"""The tiny CRM's connector keeps the contract that every connector inherits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from tiny_crm import BEGINS, TOKEN, TinyCrm, application
from wired import wired

from crmsync.connect.contract import Connector
from crmsync.connect.registry import load_plugin
from crmsync.model.changes import Change, FieldDiff
from crmsync.sandbox.clock import VirtualClock
from crmsync.testing.connector_contract import ConnectorContract, ContractRig


class ToyRig(ContractRig):
    people, text, key_field = "people", "role", "key"

    def __init__(self, crm: TinyCrm, connector: Connector) -> None:
        self.crm = crm
        self.connector = connector

    def now(self) -> datetime:
        return self.crm.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.crm.clock.advance(timedelta(seconds=seconds))

    def create(self, text: str) -> str:
        return self.crm.make("people", role=text)

    def edit(self, id: str, text: str) -> None:
        self.crm.change("people", id, role=text)

    def delete(self, id: str) -> None:
        self.crm.delete("people", id)

    def text_of(self, id: str) -> str | None:
        return self.crm.rows["people"][id].values["role"]

    def task(self, key: str, person: str) -> Change:
        fields = tuple(FieldDiff(name, None, None, value) for name, value in {"subject": "Call", "person": person}.items())
        return Change(f"task {key}", "crm", "tasks", "upsert", fields, "person", key_field="key", key_value=key)

    def tasks(self, key: str) -> int:
        return sum(task["key"] == key for task in self.crm.values("tasks"))

    def hide(self, object: str) -> None:
        self.crm.hidden.add(object)


@pytest.mark.usefixtures("installed")
class TestToy(ConnectorContract):
    @pytest.fixture
    def rig(self, installed) -> Iterator[ToyRig]:
        crm = TinyCrm(VirtualClock(BEGINS))
        with wired(load_plugin("toy"), "crm", application(crm), {"token": TOKEN}) as connector:
            yield ToyRig(crm, connector)
