"""A whole run on HubSpot alone: what its analytics counted and what its campaigns cost come out as capture rates and CPA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.figures.sheet import Question
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.records import Source
from crmsync.sandbox.hubspot.types import object_type
from crmsync.sandbox.world.config import Actors, WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.sync.ledger import Ledger
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.views import made
from crmsync.sync.workspace import Moment, Workspace

WORLD = WorldConfig(seed=11, population=1, history=timedelta(days=1), actors=Actors.none())
NOW = WORLD.day_zero + timedelta(days=3)
FIRST = (WORLD.day_zero - timedelta(days=9)).date()
SPEND, LEADS, VISITORS = 300_000.0, 3, 200


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Sandbox, Path]]:
    with open_sandbox(WORLD) as sandbox:
        write_configuration(tmp_path, shipped("rules"), roster(WORLD), "en", sandbox.urls)
        yield sandbox, tmp_path


def marketing(portal: Portal) -> None:
    """Ten days with visitors of two sources, a campaign that cost something, and leads who came by it."""
    days = [(FIRST + timedelta(days=n)).isoformat() for n in range(14)]
    for day in days:
        portal.crowd(day, "organic", 10)
        portal.crowd(day, "paid", VISITORS // len(days) + 1)
    fair = portal.add_campaign("Spring fair", starts=days[0], ends=days[9])
    portal.spend(fair, SPEND - 100_000)
    portal.spend(fair, 100_000)
    kind = object_type("contacts")
    for n in range(LEADS):
        values = {"email": f"p{n}@c{n}.example", "firstname": "Hanako", "lastname": f"Sato{n}", "company": f"Company {n}"}
        contact = portal.create("contacts", values)
        came = {"hs_analytics_source": "PAID_SEARCH", "hs_analytics_source_data_1": "Spring fair"}
        portal.objects.refresh(kind, portal.objects.the(kind, contact), came, touches=True, source=Source("ANALYTICS"))


def cycle(sandbox: Sandbox, workspace: Workspace, hours: int = 0) -> Cycle:
    at = NOW + timedelta(hours=hours)
    sandbox.advance_to(at)
    return run_cycle(workspace, Moment(at, is_rehearsal=True))


def sheet(workspace: Workspace, view: str, **more: Any) -> list[dict[str, Any]]:
    ledger = Ledger(workspace, NOW)
    question = Question(FIRST, ledger.zone.day_of(NOW), NOW, ledger.zone, **more)
    return made([view], ledger, question)[0].rows.to_dicts()


def by_method(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["method"]: row for row in rows}


def test_cpa_and_capture_rate_stand_on_what_hubspot_says(place: tuple[Sandbox, Path]) -> None:
    sandbox, directory = place
    sandbox.advance_to(NOW)
    marketing(sandbox.portal)
    workspace = open_workspace(directory)
    found = cycle(sandbox, workspace)
    assert found.pulled.failures == ()
    methods = by_method(sheet(workspace, "methods"))
    assert (methods["web_ad"]["leads"], methods["web_ad"]["spend"], methods["web_ad"]["cpa"]) == (LEADS, SPEND, SPEND / LEADS)
    chain = by_method(sheet(workspace, "chain", split=("method",)))
    days = (NOW.date() - FIRST).days + 1
    assert chain["seo"]["visitors"] == 10.0 * days
    assert chain["web_ad"]["capture_rate"] == LEADS / chain["web_ad"]["visitors"]
    workspace.close()


def test_a_file_of_visitors_and_spend_stands_over_what_hubspot_says(place: tuple[Sandbox, Path]) -> None:
    sandbox, directory = place
    sandbox.advance_to(NOW)
    marketing(sandbox.portal)
    rows = [f"{FIRST + timedelta(days=n)},seo,100" for n in range(2)]
    (directory / "visits.csv").write_text("\n".join(["day,method,visitors", *rows]))
    (directory / "spend.csv").write_text(f"day,campaign,amount\n{FIRST},Spring fair,90000\n")
    (directory / "figures.yaml").write_text("inputs: {visits: visits.csv, spend: spend.csv}\n")
    workspace = open_workspace(directory)
    cycle(sandbox, workspace)
    chain = by_method(sheet(workspace, "chain", split=("method",)))
    days = (NOW.date() - FIRST).days + 1
    assert chain["seo"]["visitors"] == 200.0 + 10.0 * (days - 2)
    assert by_method(sheet(workspace, "methods"))["web_ad"]["cpa"] == 90_000 / LEADS
    workspace.close()


def test_a_portal_without_marketing_hub_runs_whole_and_says_what_it_lacks(place: tuple[Sandbox, Path]) -> None:
    sandbox, directory = place
    sandbox.portal.config = replace(sandbox.portal.config, marketing_hub=False)
    workspace = open_workspace(directory)
    found = cycle(sandbox, workspace)
    assert found.pulled.is_complete
    assert {told.object for told in found.pulled.notices if told.code == "connect.unread"} >= {"campaigns", "visits"}
    assert [row["visitors"] for row in sheet(workspace, "chain")] == [None]
    workspace.close()
