"""A field that is taken away from us is not a field that somebody emptied: what it held stays, only its own lines rest, and it is
read again for everyone when it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Moment, Workspace

pytestmark = pytest.mark.slow
WORLD = WorldConfig(seed=7, population=60, provisioned=True)

Town = tuple[Sandbox, Workspace]


@pytest.fixture
def town(tmp_path) -> Iterator[Town]:
    with open_sandbox(WORLD) as sandbox:
        write_configuration(tmp_path, shipped("rules"), roster(WORLD), "en", sandbox.urls)
        workspace = open_workspace(tmp_path)
        yield sandbox, workspace
        workspace.close()


def cycle(town: Town, minutes: int) -> Cycle:
    sandbox, workspace = town
    at: datetime = WORLD.day_zero + timedelta(minutes=minutes)
    sandbox.advance_to(at)
    return run_cycle(workspace, Moment(at, is_rehearsal=True))


def titles(town: Town) -> dict[str, Any]:
    """The stored title of each lead that is not converted, by id."""
    sandbox, workspace = town
    leads = [row["Id"] for row in sandbox.org.rows("Lead") if not row["IsConverted"]]
    people = workspace.store.entities.people([f"salesforce/Lead/{lead}" for lead in leads])
    return {ref.rpartition("/")[2]: row["title"] for ref, row in people.items()}


def test_a_field_that_vanishes_clears_nothing_and_rests_alone(town: Town) -> None:
    sandbox, _ = town
    cycle(town, 0)
    before = titles(town)
    told = [lead for lead, title in before.items() if title]
    assert told
    sandbox.org.hide_field("Lead", "Title")
    sandbox.org.hide_field("Lead", "crmsync_score__c")
    for lead in told[:3]:
        sandbox.org.update("Lead", lead, {"Company": "Renamed KK", "Title": "Elsewhere", "Rating": "Warm"})
    again = cycle(town, 20)
    assert again.pulled.failures == ()
    assert again.applied.failures == ()
    assert {lead: titles(town)[lead] for lead in before} == before, "nobody cleared them"
    assert "rejected" not in again.applied.outcomes, "what cannot be written is not sent"


def test_a_field_that_comes_back_is_read_again_for_everyone(town: Town) -> None:
    sandbox, _ = town
    cycle(town, 0)
    told = [lead for lead, title in titles(town).items() if title]
    sandbox.org.hide_field("Lead", "Title")
    cycle(town, 20)
    for lead in told[:3]:
        sandbox.org.update("Lead", lead, {"Title": "Elsewhere"})
    cycle(town, 40)
    assert "Elsewhere" not in titles(town).values()
    sandbox.org.show_field("Lead", "Title")
    sandbox.org.update("Lead", told[-1], {"Company": "Renamed KK"})  # a cycle in which nothing happens asks for no description
    for minutes in (60, 80):
        cycle(town, minutes)
    assert {titles(town)[lead] for lead in told[:3]} == {"Elsewhere"}


def test_a_mapping_that_grows_meanwhile_and_reads_everything_anew_clears_nothing_either(town: Town) -> None:
    sandbox, workspace = town
    cycle(town, 0)
    before = {lead: title for lead, title in titles(town).items() if title}
    sandbox.org.hide_field("Lead", "Title")
    cycle(town, 20)
    workspace.store.runs.set_meta("fields_of:salesforce/Lead", "Email")  # as if the mapping had read less until now
    for lead in before:
        sandbox.org.update("Lead", lead, {"Company": "Renamed KK"})
    for minutes in (40, 60):
        cycle(town, minutes)
    assert {lead: titles(town)[lead] for lead in before} == before
