"""What the mappings want and a stock portal lacks: shown, made, made once; and said to an admin where we may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from crmsync.connect.contract import Need
from crmsync.messages import say
from crmsync.sandbox.hubspot.config import Limits, PortalConfig

Make = Callable[..., Any]
STOCK = PortalConfig(provisioned=False, limits=Limits(enforced=False))
PHASE = Need("contacts", "crmsync_phase", "choice", "Phase", ("inquiry", "mql"))
NEEDS = (
    PHASE,
    Need("contacts", "crmsync_score", "number", "Score"),
    Need("contacts", "crmsync_sla_due", "datetime", "SLA due"),
    Need("tasks", "crmsync_key", "text", "Key", is_unique=True),
)


def states(rig: Any, *needs: Need, apply: bool = False) -> list[str]:
    return [step.state for step in rig.hub.provision(needs, apply=apply)]


def asks(rig: Any, *needs: Need, apply: bool = False) -> list[str]:
    return [say(ask.code, "en", **ask.params) for step in rig.hub.provision(needs, apply=apply) for ask in step.asks]


def test_a_stock_portal_is_shown_what_it_lacks_and_given_it_once(rig_of: Make) -> None:
    rig = rig_of(config=STOCK)
    assert states(rig, *NEEDS) == ["missing"] * 4
    assert [one for one in rig.requests if one.method != "GET"] == [], "a plan writes nothing"
    assert states(rig, *NEEDS, apply=True) == ["created"] * 4
    rig.forget()
    assert states(rig, *NEEDS, apply=True) == ["present"] * 4
    assert [one.method for one in rig.requests] == ["GET", "GET"], "a second time costs one look at each object"


def test_the_properties_stand_in_a_group_of_their_own(rig_of: Make) -> None:
    rig = rig_of(config=STOCK)
    states(rig, *NEEDS, apply=True)
    made = [orjson.loads(one.content) for one in rig.calls("POST", "/contacts") if not one.url.path.endswith("/groups")]
    assert {one["groupName"] for one in made} == {"crmsync"}
    assert len(rig.calls("GET", "/contacts/groups")) == len(rig.calls("POST", "/contacts/groups")) == 1


def test_what_was_made_is_used_at_once(rig_of: Make) -> None:
    rig = rig_of(config=STOCK)
    contact = rig.portal.create("contacts", {"email": "a@example.com"})
    assert rig.push(rig.change(contact, {"crmsync_phase": "mql"}))[0].code == "PROPERTY_DOESNT_EXIST"
    states(rig, *NEEDS, apply=True)
    (written,) = rig.push(rig.change(contact, {"crmsync_phase": "mql"}))
    (made,) = rig.push(rig.task("k1", contact))
    assert (written.outcome, made.outcome, made.details.get("new")) == ("written", "written", True)
    rig.advance(minutes=5)
    assert rig.pull("contacts").by_id()[contact].fields["crmsync_phase"] == "mql"


def test_options_that_an_admin_added_stay_when_ours_are_added(rig_of: Make) -> None:
    rig = rig_of(config=STOCK)
    states(rig, replace(PHASE, options=("the admin's", "inquiry")), apply=True)
    assert asks(rig, PHASE) == ["Add these values to contacts.crmsync_phase: mql."]
    assert states(rig, PHASE, apply=True) == ["created"]
    assert rig.hub.describe(["contacts"])["contacts"].fields["crmsync_phase"].options == ("the admin's", "inquiry", "mql")


def test_a_property_that_comes_back_from_the_recycle_bin_is_completed(rig_of: Make) -> None:
    rig = rig_of(config=STOCK)
    states(rig, replace(PHASE, options=("inquiry",)), apply=True)
    rig.portal.archive_property("contacts", "crmsync_phase")
    assert states(rig, PHASE, apply=True) == ["created"]
    assert rig.hub.describe(["contacts"])["contacts"].fields["crmsync_phase"].options == ("inquiry", "mql")


def test_a_property_that_comes_back_as_another_type_is_left_and_named(rig_of: Make) -> None:
    rig = rig_of(config=STOCK)
    states(rig, replace(PHASE, type="text", options=()), apply=True)
    rig.portal.archive_property("contacts", "crmsync_phase")
    assert states(rig, PHASE, apply=True) == ["refused"]
    (ask,) = asks(rig, PHASE)
    assert ask.startswith("contacts.crmsync_phase is type string, but must be dropdown select (inquiry, mql).")


def test_an_admin_is_told_exactly_what_to_make_where_we_have_no_right_to(rig_of: Make) -> None:
    scopes = tuple(one for one in STOCK.credentials.scopes if not one.startswith("crm.schemas.contacts.write"))
    rig = rig_of(config=replace(STOCK, credentials=replace(STOCK.credentials, scopes=scopes)))
    told = asks(rig, *NEEDS[:2], apply=True)
    assert told[0].startswith(
        "Give the key or app of this connection the scopes to read and write the property definitions of contacts (MISSING_SCOPES"
    )
    assert told[1] == (
        "In HubSpot, Settings → Properties → contacts, create a property: internal name crmsync_phase, label “Phase”, "
        "field type dropdown select (inquiry, mql)."
    )
    deal = Need("deals", "crmsync_contract_end", "date", "Contract end")
    assert states(rig, *NEEDS[:2], deal, apply=True) == ["refused", "refused", "created"], "the other objects get theirs"


def test_a_portal_without_unique_properties_on_tasks_says_so_and_the_rest_is_made(rig_of: Make) -> None:
    rig = rig_of(config=replace(STOCK, unique_properties_on_tasks=False))
    steps = rig.hub.provision(NEEDS, apply=True)
    assert [step.state for step in steps] == ["created", "created", "created", "refused"]
    assert "require unique values" in say(steps[-1].asks[-1].code, "en", **steps[-1].asks[-1].params)


@pytest.mark.parametrize("apply", [False, True])
def test_nothing_is_ever_deleted_or_renamed(rig_of: Make, apply: bool) -> None:
    rig = rig_of()
    rig.hub.provision(NEEDS, apply=apply)
    assert {one.method for one in rig.requests} <= {"GET", "POST", "PATCH"}
    assert all(set(orjson.loads(one.content)) == {"options"} for one in rig.requests if one.method == "PATCH")
