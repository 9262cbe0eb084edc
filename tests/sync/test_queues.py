"""A queue that the rules name is the CRM's queue, however the name is spelt there, and both ways: as owner and to be owner."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_house import House

from crmsync.config.document import parse_document
from crmsync.config.rules.routing import load_routing
from crmsync.model.entities import UserSeen
from crmsync.model.records import RecordRef
from crmsync.sync.facts import user_reps
from crmsync.sync.targets import user_ids
from crmsync.sync.workspace import Workspace


def with_queue(house: House, written: str) -> tuple[Workspace, str]:
    """A CRM with one queue that has a name and an address, and rules that call it so; and the rep of that queue."""
    routing = load_routing(parse_document(f"queues: {{inside_sales: '{written}'}}", "routing.yaml"))
    workspace = replace(house.workspace, definitions=replace(house.workspace.definitions, routing=routing))
    now = house.clock.now()
    queue = UserSeen(RecordRef("sfa", "users", "Q1"), now, "Inside Sales", "IS-Queue@acme.example", is_queue=True)
    with house.store.transaction() as db:
        house.store.entities.save(db, [queue])
    return workspace, routing.queues["inside_sales"]


@pytest.mark.parametrize(
    "written", ["queue:Inside Sales", "QUEUE: inside sales ", "is-queue@acme.example", "IS-queue@ACME.example"]
)
def test_a_queue_is_found_by_its_name_or_its_address_in_any_case(house: House, written: str) -> None:
    workspace, rep = with_queue(house, written)
    assert user_ids(workspace)["sfa"][rep] == "Q1"
    assert user_reps(workspace).filter(ref="sfa/users/Q1")["rep_id"].to_list() == [rep]


def test_queues_that_are_called_by_name_are_provisioned_as_they_are_written(house: House) -> None:
    workspace, _ = with_queue(house, "queue:Inside Sales")
    assert workspace.definitions.routing.queue_names == ("Inside Sales",)
    workspace, _ = with_queue(house, "is-queue@acme.example")
    assert workspace.definitions.routing.queue_names == ()
