"""Campaigns as nurture lists, over real HTTP: joining, leaving without losing an answer, what people did, and making them."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_place import Place, place

from crmsync.connect.contract import Enrolling, Need
from crmsync.model.changes import Change, FieldDiff
from crmsync.model.memberships import MEMBER, MEMBERSHIPS, Membership
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync_salesforce.memberships import LEFT

WARM = Need("Campaign", "Nurture - warm", "list", "Nurture - warm")


def campaign(crm: Place, *, ready: bool = True) -> str:
    made: str = crm.org.insert("Campaign", {"Name": WARM.field})
    if ready:
        assert [step.state for step in crm.connector.provision([WARM], apply=True)] == ["created"]
    return made


def of(list_id: str, id_: str, *, wanted: bool = True, object: str = "Lead") -> Change:
    one = Membership(list_id, object, id_).id
    return Change(f"{one} {wanted}", "sf", MEMBERSHIPS, "update", (FieldDiff(MEMBER, None, None, wanted),), "p", record_id=one)


def push(crm: Place, *changes: Change) -> list[tuple[str, str]]:
    receipts = crm.push(*changes)
    assert {receipt.record_id for receipt in receipts.values()} == {change.record_id for change in changes}
    return [(receipts[change.key].outcome, receipts[change.key].code) for change in changes]


def members(crm: Place, list_id: str) -> list[tuple[str, str]]:
    return sorted(member for page in crm.connector.members(list_id) for member in page)


def rows(crm: Place) -> list[dict[str, Any]]:
    return [dict(row) for row in crm.org.rows("CampaignMember")]


def test_the_connector_keeps_lists() -> None:
    with place() as crm:
        assert isinstance(crm.connector, Enrolling)
        assert crm.connector.capabilities.list_object == "Campaign"


def test_leads_and_contacts_join_and_leave_and_come_back() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        contact = crm.org.insert("Contact", {"LastName": "Sato"})
        assert push(crm, of(warm, lead), of(warm, contact, object="Contact")) == [("written", "")] * 2
        assert members(crm, warm) == sorted([("Contact", contact), ("Lead", lead)])
        assert push(crm, of(warm, lead, wanted=False)) == [("written", "")]
        assert members(crm, warm) == [("Contact", contact)]
        assert push(crm, of(warm, lead)) == [("written", "")]
        assert members(crm, warm) == sorted([("Contact", contact), ("Lead", lead)])
        assert len(rows(crm)) == 2, "who comes back is the same member"
        assert {row["Status"] for row in rows(crm)} == {"Sent"}


def test_a_second_time_nothing_is_written() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        push(crm, of(warm, lead))
        assert push(crm, of(warm, lead)) == [("unchanged", "")]
        push(crm, of(warm, lead, wanted=False))
        before = rows(crm)
        assert push(crm, of(warm, lead, wanted=False)) == [("unchanged", "")]
        assert rows(crm) == before


def test_who_answered_has_answered_still_after_leaving_and_coming_back() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        push(crm, of(warm, lead))
        (member,) = rows(crm)
        crm.org.update("CampaignMember", member["Id"], {"Status": "Responded"})
        push(crm, of(warm, lead, wanted=False))
        (left,) = rows(crm)
        assert (left["Status"], left["HasResponded"]) == (LEFT[True], True)
        push(crm, of(warm, lead))
        (back,) = rows(crm)
        assert (back["Status"], back["HasResponded"]) == ("Responded", True)


def test_nobody_is_ever_deleted() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        push(crm, of(warm, lead))
        push(crm, of(warm, lead, wanted=False))
        assert crm.asked("", "DELETE") == []
        assert [row["IsDeleted"] for row in rows(crm)] == [False]


def test_whom_people_made_a_member_is_told_from_whom_we_did() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        crm.org.insert("CampaignMember", {"CampaignId": warm, "LeadId": lead})
        assert push(crm, of(warm, lead)) == [("unchanged", "")]


def test_a_campaign_without_the_status_for_leaving_says_what_is_missing() -> None:
    with place() as crm:
        warm, lead = campaign(crm, ready=False), crm.lead()
        push(crm, of(warm, lead))
        assert push(crm, of(warm, lead, wanted=False)) == [("rejected", "NO_LEFT_STATUS")]
        assert crm.connector.capabilities.causes["NO_LEFT_STATUS"] == "not_an_option"


def test_a_lost_answer_is_unknown_and_the_campaign_tells() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        crm.faults.add(Fault(FaultKind.LOST_ANSWER, "composite/sobjects", method="POST", calls=(1,)))
        assert [outcome for outcome, _ in push(crm, of(warm, lead))] == ["unknown"]
        assert members(crm, warm) == [("Lead", lead)]
        assert len(rows(crm)) == 1


def test_the_member_of_a_converted_lead_is_the_contact() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        push(crm, of(warm, lead))
        crm.org.convert_lead(lead)
        ((object_, _),) = members(crm, warm)
        assert object_ == "Contact"


def test_one_bad_record_costs_the_others_nothing() -> None:
    with place() as crm:
        warm, lead, gone = campaign(crm), crm.lead(), crm.lead("Kato")
        crm.org.delete("Lead", gone)
        told = push(crm, of(warm, lead), of(warm, gone))
        assert told[0] == ("written", "")
        assert told[1] == ("conflict", "ENTITY_IS_DELETED")
        assert members(crm, warm) == [("Lead", lead)]


def test_many_go_in_collections_of_200() -> None:
    with place() as crm:
        warm = campaign(crm)
        leads = [crm.lead(f"n{n}") for n in range(430)]
        assert set(push(crm, *(of(warm, lead) for lead in leads))) == {("written", "")}
        assert len(crm.asked("composite/sobjects", "POST")) == 3
        assert len(members(crm, warm)) == 430


def test_a_campaign_is_made_once_with_the_statuses_for_leaving_and_shown_before() -> None:
    with place() as crm:

        def states(*, apply: bool) -> list[str]:
            return [step.state for step in crm.connector.provision([WARM], apply=apply)]

        assert states(apply=False) == ["missing"]
        assert [row["Name"] for row in crm.org.rows("Campaign")] == []
        assert (states(apply=True), states(apply=True)) == (["created"], ["present"])
        assert [row["Name"] for row in crm.org.rows("Campaign")] == [WARM.field]
        labels = {row["Label"]: row["HasResponded"] for row in crm.org.rows("CampaignMemberStatus")}
        assert labels == {"Sent": False, "Responded": True, "Left": False, "Left after responding": True}


def test_of_a_campaign_that_is_there_only_the_missing_statuses_are_made() -> None:
    with place() as crm:
        made = campaign(crm, ready=False)
        (step,) = crm.connector.provision([WARM], apply=False)
        assert (step.state, step.message) == ("missing", "Left, Left after responding")
        assert [step.state for step in crm.connector.provision([WARM], apply=True)] == ["created"]
        assert [row["Id"] for row in crm.org.rows("Campaign")] == [made]


@pytest.mark.parametrize("size", [100, 2000])
def test_a_large_campaign_is_read_to_its_end(size: int) -> None:
    with place(OrgConfig(largest_page=size)) as crm:
        warm = campaign(crm)
        for n in range(230):
            crm.org.insert("CampaignMember", {"CampaignId": warm, "LeadId": crm.lead(f"n{n}")})
        assert len(members(crm, warm)) == 230


def test_where_statuses_may_not_be_seen_members_join_and_leave_all_the_same() -> None:
    with place() as crm:
        warm, lead = campaign(crm), crm.lead()
        hidden = b'[{"errorCode": "INVALID_TYPE", "message": "sObject type is not supported."}]'
        crm.faults.add(Fault(FaultKind.ANSWER, "query", calls=(1,), status=400, body=hidden))
        assert push(crm, of(warm, lead)) == [("written", "")]
        crm.faults.add(Fault(FaultKind.ANSWER, "query", calls=(1,), status=400, body=hidden))
        assert push(crm, of(warm, lead, wanted=False)) == [("written", "")]
        assert members(crm, warm) == []
