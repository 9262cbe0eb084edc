"""Nurture lists over whole cycles, over real HTTP, in either CRM: who belongs on a list is on it, nobody else is; then silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.model.memberships import MEMBERSHIPS
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.store.tables import DesiredRow
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.provision import provision
from crmsync.sync.workspace import Moment, Workspace
from crmsync_salesforce.memberships import LEFT

pytestmark = pytest.mark.slow
WORLD = WorldConfig(seed=11, population=40, provisioned=True)
PROGRAMMES = ("warm", "mailing", "upsell", "recycle_timing", "recycle_budget", "recycle_unreached", "recycle_no_decision")
LISTS = {programme: f"Nurture - {programme}" for programme in PROGRAMMES}


class Town:
    """A sandbox whose MA, by our configuration, is one of the two CRMs."""

    def __init__(self, sandbox: Sandbox, workspace: Workspace, ma: str) -> None:
        rules = workspace.definitions
        roles = tuple(replace(c, role="ma" if c.name == ma else "sfa") for c in workspace.connections)
        self.sandbox, self.ma = sandbox, ma
        self.workspace = replace(
            workspace, connections=roles, definitions=replace(rules, nurture=replace(rules.nurture, lists=LISTS, frequency=None))
        )

    def cycle(self, **later: float) -> Cycle:
        at = WORLD.day_zero + timedelta(**later)
        self.sandbox.advance_to(at)
        return self.again(at)

    def again(self, at: datetime) -> Cycle:
        """A cycle while nobody does anything."""
        return run_cycle(self.workspace, Moment(at, is_rehearsal=True))

    def on_lists(self) -> dict[str, set[str]]:
        """Programme → ids of the records on its list in the CRM."""
        if self.ma == "hubspot":
            lists = {listed.name: listed for listed in self.sandbox.portal.activity.lists.values()}
            return {programme: {str(number) for number in lists[name].members} for programme, name in LISTS.items()}
        ids = {row["Name"]: row["Id"] for row in self.sandbox.org.rows("Campaign")}
        rows = [dict(row) for row in self.sandbox.org.rows("CampaignMember") if row["Status"] not in LEFT.values()]
        return {
            programme: {row["ContactId"] or row["LeadId"] for row in rows if row["CampaignId"] == ids[name]}
            for programme, name in LISTS.items()
        }

    def wanted(self) -> dict[str, set[str]]:
        """Programme → the persons who belong on it."""
        rows = self.workspace.store.decided.frame(DesiredRow).select("person_id", "nurture_list").iter_rows()
        found: dict[str, set[str]] = {programme: set() for programme in LISTS}
        for person, programme in rows:
            found.get(programme, set()).add(person)
        return found

    def persons(self, ids: set[str]) -> set[str]:
        objects = self.workspace.connection(self.ma).connector.capabilities.person_objects
        refs = [f"{self.ma}/{object_}/{id_}" for object_ in objects for id_ in ids]
        return set(self.workspace.store.identity.persons_of(refs).values())

    def reachable(self, persons: set[str]) -> set[str]:
        """Those of them who have a live record in the MA that may be written."""
        owners = self.workspace.store.identity.records_of(sorted(persons))
        rows = self.workspace.store.entities.people(owners)
        mine = {ref: person for ref, person in owners.items() if ref.startswith(f"{self.ma}/") and ref in rows}
        return {person for ref, person in mine.items() if not rows[ref]["is_deleted"] and not rows[ref]["is_read_only"]}


@pytest.fixture(params=["hubspot", "salesforce"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    with open_sandbox(WORLD) as sandbox:
        write_configuration(tmp_path, shipped("rules"), roster(WORLD), "en", sandbox.urls)
        workspace = open_workspace(tmp_path)
        yield Town(sandbox, workspace, request.param)
        workspace.close()


def test_a50_lists_hold_whom_the_decision_puts_there_day_after_day_and_a_second_run_writes_nothing(town: Town) -> None:
    made = provision(town.workspace, apply=True)
    assert sorted(step.need.field for _, step in made.steps if step.need.type == "list") == sorted(LISTS.values())
    assert made.is_complete
    moved = 0
    for day in range(0, 8, 4):
        first = town.cycle(days=day)
        moved += sum(change.object == MEMBERSHIPS for change in first.prepared.plan.changes)
        again = town.again(WORLD.day_zero + timedelta(days=day, minutes=15))
        assert [change for change in again.prepared.plan.changes if change.object == MEMBERSHIPS] == []
        on_lists = town.on_lists()
        for programme, persons in town.wanted().items():
            assert town.persons(on_lists[programme]) == town.reachable(persons), (day, programme)
    assert moved > 10
    assert town.workspace.store.outbox.rejected().filter(object=MEMBERSHIPS).is_empty()
