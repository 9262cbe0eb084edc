"""Static lists over real HTTP: who is on them, who joins and leaves, what HubSpot's answer tells, and making them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from crmsync.connect.contract import Enrolling, Need
from crmsync.messages import say
from crmsync.model.changes import Change, FieldDiff
from crmsync.model.memberships import MEMBER, MEMBERSHIPS, Membership
from crmsync.sandbox.faults import FaultKind
from crmsync.sandbox.hubspot.config import Credentials, Limits, PortalConfig

Make = Callable[..., Any]
WARM = Need("lists", "Nurture - warm", "list", "Nurture - warm")


def contacts(rig: Any, count: int = 1) -> list[str]:
    return [str(rig.portal.create("contacts", {"email": f"c{n}@example.com"})) for n in range(count)]


def of(list_id: int, contact: str, *, wanted: bool = True, before: str | None = None) -> Change:
    id_ = Membership(str(list_id), "contacts", contact).id
    return Change(f"{id_} {wanted}", "hub", MEMBERSHIPS, "update", (FieldDiff(MEMBER, before, None, wanted),), "p1", record_id=id_)


def members(rig: Any, list_id: int) -> list[str]:
    found = [member for page in rig.hub.members(str(list_id)) for member in page]
    assert {object_ for object_, _ in found} <= {"contacts"}
    return [id_ for _, id_ in found]


def outcomes(receipts: list[Any]) -> list[tuple[str, str]]:
    return [(receipt.outcome, receipt.code) for receipt in receipts]


def test_the_connector_keeps_lists(rig: Any) -> None:
    assert isinstance(rig.hub, Enrolling)
    assert rig.hub.capabilities.list_object == "lists"


def test_people_join_and_leave_in_one_call_for_each_list(rig: Any) -> None:
    one, two, three = contacts(rig, 3)
    warm, later = rig.portal.add_list("warm", processing="MANUAL"), rig.portal.add_list("later", processing="MANUAL")
    rig.push(of(warm, three))
    rig.forget()
    receipts = rig.push(of(warm, one), of(warm, two), of(later, one), of(warm, three, wanted=False))
    assert outcomes(receipts) == [("written", "")] * 4
    assert [orjson.loads(call.content) for call in rig.requests] == [
        {"recordIdsToAdd": [one, two], "recordIdsToRemove": [three]},
        {"recordIdsToAdd": [one], "recordIdsToRemove": []},
    ]
    assert (members(rig, warm), members(rig, later)) == (sorted([one, two], key=int), [one])


def test_a_second_time_everybody_was_there_already(rig: Any) -> None:
    (one,) = contacts(rig)
    warm = rig.portal.add_list("warm", processing="MANUAL")
    rig.push(of(warm, one))
    assert outcomes(rig.push(of(warm, one))) == [("unchanged", "")]
    rig.push(of(warm, one, wanted=False))
    assert outcomes(rig.push(of(warm, one, wanted=False))) == [("unchanged", "")]


def test_a_list_of_many_is_read_in_pages_of_250(rig: Any) -> None:
    people = contacts(rig, 601)
    warm = rig.portal.add_list("warm", processing="MANUAL")
    assert {r.outcome for r in rig.push(*(of(warm, id_) for id_ in people))} == {"written"}
    assert len(rig.calls("PUT", "add-and-remove")) == 2
    rig.forget()
    assert sorted(members(rig, warm), key=int) == people
    assert len(rig.requests) == 3


def test_a_contact_that_is_gone_costs_the_others_nothing(rig: Any) -> None:
    one, gone = contacts(rig, 2)
    rig.portal.archive("contacts", gone)
    warm = rig.portal.add_list("warm", processing="MANUAL")
    assert outcomes(rig.push(of(warm, one), of(warm, gone))) == [("written", ""), ("rejected", "OBJECT_NOT_FOUND")]
    assert members(rig, warm) == [one]


def test_a_list_that_its_filters_keep_refuses_in_hubspots_words(rig: Any) -> None:
    """One call and a look at the list, however many are to join: it is not narrowed down to each of them."""
    people = contacts(rig, 7)
    active = rig.portal.add_list("active", processing="DYNAMIC")
    receipts = rig.push(*(of(active, one) for one in people))
    assert {(receipt.outcome, "dynamic" in receipt.message) for receipt in receipts} == {("rejected", True)}
    assert {rig.hub.capabilities.causes[receipt.code] for receipt in receipts} == {"list_not_static"}
    assert len(rig.calls("PUT", "add-and-remove")) == 1


def test_a_list_that_is_gone_is_refused(rig: Any) -> None:
    (receipt,) = rig.push(of(999, *contacts(rig)))
    assert (receipt.outcome, rig.hub.capabilities.causes[receipt.code]) == ("rejected", "list_gone")


def test_a_list_that_was_deleted_is_told_as_gone_and_one_that_took_its_name_as_there(rig: Any) -> None:
    old = str(rig.portal.add_list("warm", processing="MANUAL"))
    assert rig.pull("lists").ids == [old]
    del rig.portal.activity.lists[int(old)]
    new = str(rig.portal.add_list("warm", processing="MANUAL"))
    told = rig.pull("lists", known=[old, "7"]).records
    assert [(one.id, one.is_deleted) for one in told] == [(new, False), (old, True), ("7", True)]


def test_a_portal_with_more_lists_than_their_search_reaches_loses_none(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmsync_hubspot.pull_reference.LISTS_REACH", 2)
    there = [rig.portal.add_list(name, processing="MANUAL") for name in ("a", "b")]
    assert [one.is_deleted for one in rig.pull("lists", known=["999"]).records] == [False] * len(there)


def test_a_lost_answer_is_unknown_and_not_repeated(rig: Any) -> None:
    (one,) = contacts(rig)
    warm = rig.portal.add_list("warm", processing="MANUAL")
    rig.fault(FaultKind.LOST_ANSWER, "add-and-remove", calls=(1,))
    assert [r.outcome for r in rig.push(of(warm, one))] == ["unknown"]
    assert len(rig.calls("PUT", "add-and-remove")) == 1
    assert members(rig, warm) == [one]


@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_every_version_of_the_api_takes_it(rig_of: Make, version: str) -> None:
    rig = rig_of(options={"api_version": version}, is_dated=version == "2026-03")
    (one,) = contacts(rig)
    warm = rig.portal.add_list("warm", processing="MANUAL")
    assert outcomes(rig.push(of(warm, one))) == [("written", "")]
    assert members(rig, warm) == [one]


def test_a_list_is_made_once_and_shown_before(rig: Any) -> None:
    def states(*, apply: bool) -> list[str]:
        return [step.state for step in rig.hub.provision([WARM], apply=apply)]

    assert states(apply=False) == ["missing"]
    assert [one for one in rig.requests if one.method == "POST" and not one.url.path.endswith("/search")] == []
    assert (states(apply=True), states(apply=True)) == (["created"], ["present"])
    (made,) = rig.portal.activity.lists.values()
    assert (made.name, made.processing, made.kind.name) == (WARM.field, "MANUAL", "contacts")


@pytest.mark.parametrize(("kind", "processing"), [("0-1", "DYNAMIC"), ("0-2", "MANUAL")])
def test_a_list_of_that_name_that_takes_no_contacts_by_hand_is_asked_about(rig: Any, kind: str, processing: str) -> None:
    rig.portal.add_list(WARM.field.upper(), type=kind, processing=processing)
    (step,) = rig.hub.provision([WARM], apply=True)
    assert step.state == "refused"
    assert "static list" in say(step.asks[0].code, "en", **step.asks[0].params)


def test_without_the_scope_the_scope_is_asked_for(rig_of: Make) -> None:
    scopes = tuple(scope for scope in Credentials().scopes if scope != "crm.lists.write")
    rig = rig_of(config=PortalConfig(limits=Limits(enforced=False), credentials=Credentials(scopes=scopes)))
    (step,) = rig.hub.provision([WARM], apply=True)
    assert (step.state, [ask.code for ask in step.asks]) == ("refused", ["connect.ask_scopes", "connect.ask_list"])
