"""CRMs as delivered, without one field of ours: statuses, owners and tasks all the same, and no task twice, also where the
answer to a create was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.provision import provision
from crmsync.sync.workspace import Moment, Workspace

pytestmark = pytest.mark.slow
WORLD = WorldConfig(seed=5, population=90, provisioned=False)


@pytest.fixture
def stock(tmp_path) -> Iterator[tuple[Sandbox, Workspace]]:
    with open_sandbox(WORLD) as sandbox:
        write_configuration(tmp_path, shipped("rules"), roster(WORLD), "en", sandbox.urls)
        workspace = open_workspace(tmp_path)
        yield sandbox, workspace
        workspace.close()


def cycle(stock: tuple[Sandbox, Workspace], at: datetime) -> Cycle:
    sandbox, workspace = stock
    sandbox.advance_to(at)
    return run_cycle(workspace, Moment(at, is_rehearsal=True))


def marks(sandbox: Sandbox) -> list[str]:
    """The mark of each of our tasks, as the CRMs themselves hold them."""
    texts = [row.get("Description") or "" for row in sandbox.org.rows("Task")]
    texts += [row.get("hs_task_body") or "" for row in sandbox.portal.rows("tasks")]
    return [text.rsplit("[crmsync ", 1)[1].rstrip("]") for text in texts if "[crmsync " in text]


def open_clocks(workspace: Workspace) -> set[str]:
    clocks = workspace.store.decided.clocks()
    return set(clocks.filter(clocks["met_at"].is_null() & clocks["cancelled_at"].is_null())["clock_id"])


def test_every_running_clock_has_its_one_task_in_crms_without_our_fields(stock: tuple[Sandbox, Workspace]) -> None:
    sandbox, workspace = stock
    for hour in range(0, 48, 6):
        cycle(stock, WORLD.day_zero + timedelta(hours=hour))
    last = cycle(stock, WORLD.day_zero + timedelta(hours=48))
    found = Counter(marks(sandbox))
    assert len(found) >= 10
    assert [mark for mark, count in found.items() if count > 1] == []
    assert open_clocks(workspace) <= set(found)
    assert last.prepared.homeless == ()
    again = cycle(stock, WORLD.day_zero + timedelta(hours=48))
    assert again.prepared.plan.changes == ()


def test_a_create_without_an_answer_is_looked_for_and_never_sent_blindly_again(stock: tuple[Sandbox, Workspace]) -> None:
    sandbox, _ = stock
    for route in ("/composite/sobjects$", "/(tasks|0-27)$"):
        sandbox.faults.add(Fault(FaultKind.LOST_ANSWER, route=route, method="POST", at_most=3))
    for minutes in (0, 1, 5, 20, 21, 60, 240):
        cycle(stock, WORLD.day_zero + timedelta(minutes=minutes))
    assert len(sandbox.faults.strikes) >= 2
    found = Counter(marks(sandbox))
    assert found
    assert [mark for mark, count in found.items() if count > 1] == []
    assert open_clocks(stock[1]) <= set(found)


def test_fields_that_were_provisioned_meanwhile_are_written_from_the_next_cycle_on(stock: tuple[Sandbox, Workspace]) -> None:
    sandbox, workspace = stock
    cycle(stock, WORLD.day_zero)
    planned = provision(workspace, apply=False)
    assert {step.state for _, step in planned.steps} == {"missing"}
    assert provision(workspace, apply=True).is_complete
    assert {step.state for _, step in provision(workspace, apply=True).steps} == {"present"}
    for hour in range(1, 25, 6):
        cycle(stock, WORLD.day_zero + timedelta(hours=hour))
    leads = [row for row in sandbox.org.rows("Lead") if row["crmsync_phase__c"]]
    assert len(leads) > WORLD.population // 4
    assert all(row["crmsync_score__c"] is not None for row in leads)
    contacts = [row for row in sandbox.portal.rows("contacts") if row.get("crmsync_phase")]
    assert len(contacts) > WORLD.population // 4
    assert all(row.get("crmsync_score") for row in contacts)
    keys = [row["crmsync_key__c"] for row in sandbox.org.rows("Task") if row["crmsync_key__c"]]
    assert keys
    assert len(keys) == len(set(keys))
