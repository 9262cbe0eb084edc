"""The known pitfalls of HubSpot's API that no other test of ours stands for; the README lists all twenty with their tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crmsync.connect.contract import Need
from crmsync.sandbox.hubspot.config import Limits, PortalConfig, Search
from crmsync_hubspot.objects import OBJECTS

Make = Callable[..., Any]
FREE = PortalConfig(limits=Limits(enforced=False))
ROOT = Path(__file__).parents[3]
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
CRM_OBJECTS = [facts.name for facts in OBJECTS.values() if facts.is_crm]
REQUIRED = {
    "companies": {"name": "A"},
    "contacts": {"email": "a@example.com"},
    "deals": {"dealname": "d", "dealstage": "appointmentscheduled", "pipeline": "default"},
    "emails": {"hs_timestamp": "2026-11-01T00:00:00Z", "hs_email_direction": "EMAIL"},
}


def made(rig: Any, object: str) -> str:
    return str(rig.portal.create(object, REQUIRED.get(object, {"hs_timestamp": "2026-11-01T00:00:00Z"})))


def test_more_rows_of_one_stamp_than_a_search_can_reach_all_come_once(rig_of: Make) -> None:
    rig = rig_of(config=replace(FREE, search=Search(cap=400)))
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=1)
    ids = [rig.portal.create("contacts", {"firstname": str(n)}) for n in range(1300)]
    rig.advance(minutes=1)
    assert rig.pull("contacts", cursor).ids == ids


@pytest.mark.parametrize("object", CRM_OBJECTS)
def test_an_edit_of_any_object_is_seen_by_its_own_change_stamp(rig: Any, object: str) -> None:
    """Asked by another object's change property HubSpot answers nothing, silently."""
    edited, other = made(rig, object), made(rig, object) if object != "contacts" else ""
    rig.advance(hours=1)
    cursor = rig.pull(object).cursor
    rig.advance(minutes=30)
    rig.portal.update(object, edited, {"hubspot_owner_id": rig.portal.add_owner("a@example.com", "A", "B")})
    rig.advance(minutes=1)
    assert rig.pull(object, cursor).ids == [edited]
    assert other not in rig.pull(object, cursor).ids


def test_an_increment_brings_the_associations_that_a_search_does_not_have(rig: Any) -> None:
    contact = made(rig, "contacts")
    rig.advance(hours=1)
    cursor = rig.pull("contacts").cursor
    rig.advance(minutes=30)
    company = made(rig, "companies")
    rig.portal.associate("contacts", contact, "companies", company)
    rig.portal.update("contacts", contact, {"firstname": "x"})
    rig.advance(minutes=1)
    assert rig.pull("contacts", cursor).by_id()[contact].fields["associations.companies"] == [company]


def test_a_chain_of_merges_replaces_every_former_record_by_the_last(rig: Any) -> None:
    one, two, three = (rig.portal.create("contacts", {"email": f"{n}@example.com"}) for n in range(3))
    rig.advance(hours=1)
    cursor = rig.pull("contacts").cursor
    rig.advance(minutes=30)
    between = rig.portal.merge("contacts", one, two)
    last = rig.portal.merge("contacts", between, three)
    rig.advance(minutes=1)
    found = rig.pull("contacts", cursor).by_id()
    assert {found[id_].replaced_by for id_ in (one, two, three, between)} == {last}
    assert not found[last].is_deleted


def test_lists_beyond_what_their_search_can_reach_stop_nothing(rig: Any) -> None:
    for n in range(10_020):
        rig.portal.add_list(f"l{n}")
    assert len(rig.pull("lists").ids) == 10_000


def test_deals_that_an_edited_pipeline_stamped_say_nothing_new(rig: Any) -> None:
    made(rig, "deals")
    rig.advance(hours=1)
    first = rig.pull("deals", None, ("dealname", "dealstage"))
    rig.advance(minutes=30)
    rig.portal.touch_pipeline("deals", "default")
    rig.advance(minutes=1)
    (before,), (after,) = first.records, rig.pull("deals", first.cursor, ("dealname", "dealstage")).records
    same = [name for name in after.fields if name != "hs_lastmodifieddate"]
    assert [before.fields[name] for name in same] == [after.fields[name] for name in same]


def test_everything_travels_over_one_pool_the_vendors_client_included(rig: Any) -> None:
    callers = set()
    door = rig.door
    app = door.app

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        callers.add(tuple(scope["client"]))
        await app(scope, receive, send)

    door.app = watched
    contact = made(rig, "contacts")
    for stream in rig.hub.capabilities.streams:
        rig.pull(stream.object)
    rig.push(rig.change(contact, {"crmsync_phase": "mql"}))
    rig.hub.provision([Need("contacts", "crmsync_phase", "choice", "Phase")], apply=False)
    assert len(rig.requests) > 30
    assert len(callers) == 1


def rows() -> list[list[str]]:
    """The cells of the README's table of pitfalls."""
    table = README.split("## Known pitfalls", 1)[1].split("\n## ", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if re.match(r"\| *\d+ ", line)]


def test_every_known_pitfall_has_its_row_with_a_test_or_a_limit() -> None:
    assert [int(row[0]) for row in rows()] == list(range(1, 21))
    assert all("`test_" in row[2] or row[2].startswith("limit:") for row in rows())


def test_the_tests_that_the_pitfalls_name_are_there() -> None:
    named = {name for row in rows() for name in re.findall(r"`(test_\w+)`", row[2])}
    folders = (ROOT / "connectors" / "hubspot" / "tests", ROOT / "tests")
    text = "\n".join(file.read_text(encoding="utf-8") for folder in folders for file in folder.rglob("test_*.py"))
    assert sorted(name for name in named if f"def {name}(" not in text) == []
