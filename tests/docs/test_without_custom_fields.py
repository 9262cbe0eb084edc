"""What the README says of stock CRMs: nothing breaks without our fields, and what is missed is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Moment, Workspace

CYCLES = 3


class Stock:
    """A sandbox as delivered, some hours into its first day, and what the cycles did."""

    def __init__(self, sandbox: Sandbox, workspace: Workspace, cycles: list[Cycle]) -> None:
        self.sandbox = sandbox
        self.workspace = workspace
        self.cycles = cycles


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    directory = tmp_path_factory.mktemp("stock")
    config = WorldConfig(seed=5, population=60, provisioned=False)
    with open_sandbox(config) as sandbox:
        write_configuration(directory, shipped("rules"), roster(config), "en", sandbox.urls)
        workspace = open_workspace(directory)
        cycles = []
        for number in range(CYCLES):
            at = config.day_zero + timedelta(hours=4 * (number + 1))
            sandbox.advance_to(at)
            cycles.append(run_cycle(workspace, Moment(at, is_rehearsal=True)))
        yield Stock(sandbox, workspace, cycles)
        workspace.close()


def test_no_connection_stops_and_no_write_is_refused(stock: Stock) -> None:
    for cycle in stock.cycles:
        assert cycle.is_complete
        assert set(cycle.applied.outcomes) <= {"written", "unchanged", "conflict"}
    assert stock.cycles[0].applied.written > 0


def test_statuses_owners_and_stages_are_written_to_stock_fields_alone(stock: Stock) -> None:
    named = {diff.field for cycle in stock.cycles for change in cycle.prepared.plan.changes for diff in change.fields}
    assert {"lifecyclestage", "hubspot_owner_id", "OwnerId"} <= named
    assert [name for name in named if name.startswith("crmsync_")] == []


def test_without_a_field_for_our_key_every_clock_has_its_task_told_by_a_mark_in_its_text(stock: Stock) -> None:
    texts = [row.get("Description") or "" for row in stock.sandbox.org.rows("Task")]
    texts += [row.get("hs_task_body") or "" for row in stock.sandbox.portal.rows("tasks")]
    marked = {text.rsplit("[crmsync ", 1)[1].split(":")[0] for text in texts if "[crmsync " in text}
    states = stock.workspace.store.decided.states()
    in_play = set(states.filter(states["phase"].is_in(["mql", "sql", "closed_won"]) & states["owner"].is_not_null())["person_id"])
    assert in_play
    assert in_play <= marked
    assert "clock_without_task" not in set(stock.workspace.store.decided.gaps()["gap"])
