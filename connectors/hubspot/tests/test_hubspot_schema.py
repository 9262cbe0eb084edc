"""What the portal's properties become, and what is created in it."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync.connect.contract import Need
from crmsync_hubspot.objects import CAPABILITIES, OBJECTS
from crmsync_hubspot.provision import all_options, compare, definition
from crmsync_hubspot.schema import field_info, fixed_schema, property_schema


def row(**more: Any) -> dict[str, Any]:
    return {"name": "crmsync_phase", "label": "Phase", "type": "enumeration", "fieldType": "select"} | more


def options(*values: str) -> list[dict[str, Any]]:
    return [{"label": v.title(), "value": v, "displayOrder": n, "hidden": False} for n, v in enumerate(values)]


@pytest.mark.parametrize(
    ("more", "writable"),
    [
        ({}, True),
        ({"modificationMetadata": {"readOnlyValue": True}}, False),
        ({"modificationMetadata": {"readOnlyValue": False, "readOnlyDefinition": True}}, True),
        ({"calculated": True}, False),
    ],
)
def test_a_property_is_writable_unless_hubspot_or_a_formula_keeps_it(more: dict[str, Any], writable: bool) -> None:
    assert field_info(row(**more)).writable is writable


def test_options_come_in_the_portals_order() -> None:
    shuffled = [
        {"value": "other", "displayOrder": -1},
        {"value": "customer", "displayOrder": 5},
        {"value": "lead", "displayOrder": 1},
    ]
    assert field_info(row(options=shuffled)).options == ("lead", "customer", "other")


def test_options_that_live_elsewhere_are_not_claimed() -> None:
    assert field_info(row(name="hubspot_owner_id", options=[], externalOptions=True)).options is None
    assert field_info(row(name="dealstage", options=options("a"), externalOptions=True)).options is None


def test_a_unique_property_is_known_as_such() -> None:
    assert field_info(row(type="string", hasUniqueValue=True)).unique


def test_associations_are_fields_that_nobody_writes() -> None:
    schema = property_schema("contacts", [row()], ("companies",))
    assert schema.fields["associations.companies"].writable is False


def test_every_object_without_properties_has_a_fixed_shape() -> None:
    for name, facts in OBJECTS.items():
        if not facts.is_crm:
            assert fixed_schema(name).readable


def test_streams_come_after_those_they_need() -> None:
    names = [stream.object for stream in CAPABILITIES.streams]
    for stream in CAPABILITIES.streams:
        assert all(names.index(earlier) < names.index(stream.object) for earlier in stream.after)


PHASE = Need("contacts", "crmsync_phase", "choice", "Phase", ("inquiry", "mql"))
KEY = Need("tasks", "crmsync_key", "text", "Key", is_unique=True)


@pytest.mark.parametrize(
    ("need", "held", "state"),
    [
        (PHASE, None, "missing"),
        (PHASE, row(options=options("inquiry", "mql", "ours")), "present"),
        (PHASE, row(options=options("inquiry")), "missing"),
        (PHASE, row(type="string"), "refused"),
        (KEY, row(type="string", hasUniqueValue=True), "present"),
        (KEY, row(type="string", hasUniqueValue=False), "refused"),
    ],
)
def test_a_need_is_present_missing_or_beyond_us(need: Need, held: dict[str, Any] | None, state: str) -> None:
    assert compare(need, held).state == state


def test_a_created_property_says_all_that_the_contract_wants() -> None:
    made = definition(PHASE)
    assert {key: made[key] for key in ("name", "groupName", "type", "fieldType")} == {
        "name": "crmsync_phase",
        "groupName": "crmsync",
        "type": "enumeration",
        "fieldType": "select",
    }
    assert [set(option) for option in made["options"]] == [{"label", "value", "displayOrder", "hidden"}] * 2
    assert definition(KEY)["hasUniqueValue"] is True


def test_a_grown_list_of_options_keeps_the_old_ones_because_hubspot_replaces_the_whole() -> None:
    grown = all_options(PHASE, row(options=options("inquiry", "own")))
    assert [option["value"] for option in grown] == ["inquiry", "own", "mql"]
    assert grown[0]["label"] == "Inquiry"
