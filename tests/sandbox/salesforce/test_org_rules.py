"""What the org allows its users, and what follows from what they do. No HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.salesforce.config import ValidationRule
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.ids import long_id, normal_id
from crmsync.sandbox.salesforce.org import Org, OrgConfig


def lead(org: Org, **fields: Any) -> str:
    return org.insert("Lead", {"LastName": "Abe", "Company": "エー", **fields})


def code(work: Callable[[], object]) -> str:
    with pytest.raises(OrgError) as refused:
        work()
    return refused.value.code


def test_ids_bear_their_object_and_a_checksum(org: Org) -> None:
    assert long_id("001D000000IRt53") == "001D000000IRt53IAD"
    made = lead(org)
    assert (len(made), made[:3], normal_id(made[:15])) == (18, "00Q", made)
    assert normal_id(made[:17] + ("B" if made[17] == "A" else "A")) is None


def test_a_new_lead_has_its_defaults_and_its_owner(org: Org) -> None:
    user = org.add_user("Sato Hanako", "hanako@example.jp")
    row = org.get("Lead", org.insert("Lead", {"FirstName": "Taro", "LastName": "Abe", "Company": "C"}, by=user)) or {}
    assert (row["Name"], row["Status"], row["OwnerId"], row["CreatedById"]) == ("Taro Abe", "Open - Not Contacted", user, user)
    assert row["SystemModstamp"] == row["CreatedDate"] == "2026-04-01T00:00:00.000+0000"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Company": None}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG"),
        ({"Email": "not an address"}, "INVALID_EMAIL_ADDRESS"),
        ({"crmsync_need__c": "perhaps"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"NumberOfEmployees": "many"}, "JSON_PARSER_ERROR"),
        ({"crmsync_sla_due__c": "2026-04-01 09:00"}, "JSON_PARSER_ERROR"),
        ({"HasOptedOutOfEmail": "perhaps"}, "JSON_PARSER_ERROR"),
        ({"AnnualRevenue": 10**18}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Nickname": "x"}, "INVALID_FIELD"),
        ({"SystemModstamp": "2026-04-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"OwnerId": "0015g0000000001"}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"OwnerId": "0055g000000zzzz"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"OwnerId": "nobody"}, "MALFORMED_ID"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(org: Org, fields: dict[str, Any], expected: str) -> None:
    assert code(lambda: lead(org, **fields)) == expected
    assert list(org.rows("Lead")) == []


def test_an_open_picklist_takes_any_value_and_spelling_follows_the_list(org: Org) -> None:
    row = org.get("Lead", lead(org, Status="Nurturing", crmsync_need__c="YES")) or {}
    assert (row["Status"], row["crmsync_need__c"]) == ("Nurturing", "yes")


def test_every_write_moves_the_stamp_even_when_nothing_differs(org: Org) -> None:
    made = lead(org)
    org.clock.advance(timedelta(seconds=61, milliseconds=700))
    org.update("Lead", made, {"Company": "エー"})
    assert (org.get("Lead", made) or {})["SystemModstamp"] == "2026-04-01T00:01:01.000+0000"


def test_nobody_gives_a_record_to_someone_who_left(org: Org) -> None:
    user = org.add_user("Sato Hanako", "hanako@example.jp")
    made = lead(org, OwnerId=user)
    org.update("User", user, {"IsActive": False})
    org.update("Lead", made, {"City": "Osaka"})
    assert (org.get("Lead", made) or {})["OwnerId"] == user
    other = lead(org)
    assert code(lambda: org.update("Lead", other, {"OwnerId": user})) == "INACTIVE_OWNER_OR_USER"


def test_a_queue_owns_only_what_it_serves(org: Org) -> None:
    queue = org.add_queue("IS", ["Lead"])
    lead(org, OwnerId=queue)
    assert code(lambda: org.insert("Task", {"Subject": "Call", "OwnerId": queue})) == "FIELD_INTEGRITY_EXCEPTION"
    assert code(lambda: org.insert("Contact", {"LastName": "A", "OwnerId": queue})) == "FIELD_INTEGRITY_EXCEPTION"


def test_an_activity_key_is_unique_over_tasks_and_events_and_knows_case(org: Org) -> None:
    org.insert("Task", {"Subject": "Call", "crmsync_key__c": "k"})
    event = {"Subject": "Meeting", "StartDateTime": "2026-04-01T01:00:00Z", "EndDateTime": "2026-04-01T02:00:00Z"}
    assert code(lambda: org.insert("Event", {**event, "crmsync_key__c": "k"})) == "DUPLICATE_VALUE"
    row = org.get("Event", org.insert("Event", {**event, "crmsync_key__c": "K"})) or {}
    assert (row["DurationInMinutes"], row["ActivityDate"]) == (60, "2026-04-01")


def test_a_deleted_record_frees_its_key(org: Org) -> None:
    task = org.insert("Task", {"Subject": "Call", "crmsync_key__c": "k"})
    org.delete("Task", task)
    again = org.insert("Task", {"Subject": "Call", "crmsync_key__c": "k"})
    assert [row["Id"] for row in org.rows("Task") if row["crmsync_key__c"] == "k"] == [again]


def test_a_task_about_a_lead_has_no_case(org: Org) -> None:
    case = org.insert("Opportunity", {"Name": "O", "StageName": "Prospecting", "CloseDate": "2026-06-30"})
    fields = {"Subject": "Call", "WhoId": lead(org), "WhatId": case}
    assert code(lambda: org.insert("Task", fields)) == "FIELD_INTEGRITY_EXCEPTION"


def test_closing_a_task_dates_it_and_its_person(org: Org) -> None:
    person = lead(org)
    task = org.insert("Task", {"Subject": "Call", "WhoId": person, "TaskSubtype": "Call"})
    org.clock.advance(timedelta(hours=1))
    org.update("Task", task, {"Status": "Completed"})
    row, stamped = org.get("Task", task) or {}, org.get("Lead", person) or {}
    assert (row["IsClosed"], row["CompletedDateTime"]) == (True, "2026-04-01T01:00:00.000+0000")
    assert stamped["LastActivityDate"] == "2026-04-01"
    assert stamped["SystemModstamp"] == "2026-04-01T00:00:00.000+0000"
    org.update("Task", task, {"Status": "In Progress"})
    assert (org.get("Task", task) or {})["CompletedDateTime"] is None
    assert code(lambda: org.update("Task", task, {"TaskSubtype": "Email"})) == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_case_follows_its_stage_and_remembers_it(org: Org) -> None:
    case = org.insert(
        "Opportunity", {"Name": "O", "StageName": "Value Proposition", "CloseDate": "2027-02-28", "Amount": 1_000_000}
    )
    first = org.get("Opportunity", case) or {}
    assert (first["Probability"], first["ExpectedRevenue"], first["IsClosed"], first["FiscalYear"]) == (
        50.0,
        500_000.0,
        False,
        2026,
    )
    org.clock.advance(timedelta(days=1))
    org.update("Opportunity", case, {"StageName": "Closed Won"})
    won = org.get("Opportunity", case) or {}
    assert (won["IsWon"], won["IsClosed"], won["Probability"], won["ForecastCategory"]) == (True, True, 100.0, "Closed")
    history = list(org.rows("OpportunityHistory"))
    assert [(row["StageName"], row["Amount"], row["CloseDate"]) for row in history] == [
        ("Value Proposition", 1_000_000.0, "2027-02-28"),
        ("Closed Won", 1_000_000.0, "2027-02-28"),
    ]
    org.update("Opportunity", case, {"NextStep": "kick-off"})
    assert len(list(org.rows("OpportunityHistory"))) == 2
    changes = [(row["Field"], row["OldValue"], row["NewValue"]) for row in org.rows("OpportunityFieldHistory")]
    assert changes == [("created", None, None), ("StageName", "Value Proposition", "Closed Won")]


def test_a_leads_history_tells_status_and_owner(org: Org) -> None:
    user, made = org.add_user("Sato Hanako", "hanako@example.jp"), lead(org)
    org.update("Lead", made, {"Status": "Working - Contacted", "OwnerId": user, "City": "Osaka"}, by=user)
    rows = list(org.rows("LeadHistory"))
    assert [(row["Field"], row["NewValue"]) for row in rows] == [
        ("created", None),
        ("Status", "Working - Contacted"),
        ("Owner", "Sato Hanako"),
        ("Owner", user),
    ]
    assert {row["CreatedById"] for row in rows[1:]} == {user}


def test_conversion_hands_everything_over_and_closes_the_lead(org: Org) -> None:
    user = org.add_user("Sato Hanako", "hanako@example.jp")
    made = lead(org, Email="abe@example.jp", crmsync_need__c="yes", OwnerId=org.add_queue("IS", ["Lead"]))
    task = org.insert("Task", {"Subject": "Call", "WhoId": made})
    campaign = org.insert("Campaign", {"Name": "Seminar"})
    member = org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": made, "Status": "Responded"})
    done = org.convert_lead(made, by=user, opportunity_name="エー 導入")
    row, contact = org.get("Lead", made) or {}, org.get("Contact", done.contact_id) or {}
    assert (row["IsConverted"], row["ConvertedDate"], row["Status"]) == (True, "2026-04-01", "Closed - Converted")
    assert (row["ConvertedContactId"], row["ConvertedOpportunityId"]) == (done.contact_id, done.opportunity_id)
    assert (contact["Email"], contact["crmsync_need__c"], contact["OwnerId"]) == ("abe@example.jp", "yes", user)
    assert (org.get("Task", task) or {})["WhoId"] == done.contact_id
    assert (org.get("CampaignMember", member) or {})["ContactId"] == done.contact_id
    [role] = org.rows("OpportunityContactRole")
    assert (role["ContactId"], role["IsPrimary"]) == (done.contact_id, True)
    again = org.convert_lead(lead(org), by=user)
    assert (again.account_id, again.opportunity_id) == (done.account_id, None)


def test_a_converted_lead_is_read_only(org: Org) -> None:
    made = lead(org)
    org.convert_lead(made)
    assert code(lambda: org.update("Lead", made, {"City": "Osaka"})) == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert code(lambda: org.insert("Task", {"Subject": "Call", "WhoId": made})) == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert code(lambda: org.convert_lead(made)) == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_a_merge_buries_the_losers_and_hands_over_their_children_in_silence(org: Org) -> None:
    kept, lost = lead(org), lead(org)
    task = org.insert("Task", {"Subject": "Call", "WhoId": lost})
    campaign = org.insert("Campaign", {"Name": "Seminar"})
    for person in (kept, lost):
        org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": person})
    before = (org.get("Task", task) or {})["SystemModstamp"]
    org.clock.advance(timedelta(hours=1))
    org.merge("Lead", kept, [lost])
    assert org.get("Lead", lost) is None
    assert org.tables["Lead"].rows[lost]["MasterRecordId"] == kept
    moved = org.get("Task", task) or {}
    assert (moved["WhoId"], moved["SystemModstamp"]) == (kept, before)
    assert (org.get("Lead", kept) or {})["SystemModstamp"] == "2026-04-01T01:00:00.000+0000"
    assert len(list(org.rows("CampaignMember"))) == 1
    assert code(lambda: org.update("Lead", lost, {"City": "Osaka"})) == "ENTITY_IS_DELETED"


def test_what_goes_to_the_bin_takes_its_children_and_can_come_back(org: Org) -> None:
    account = org.insert("Account", {"Name": "A"})
    org.insert("Contact", {"LastName": "A", "AccountId": account})
    org.delete("Account", account)
    assert list(org.rows("Contact")) == []
    org.clock.advance(timedelta(days=1))
    org.undelete("Account", account)
    assert (org.get("Account", account) or {})["SystemModstamp"] == "2026-04-02T00:00:00.000+0000"


def test_a_person_is_a_member_of_a_campaign_once(org: Org) -> None:
    person, campaign = lead(org), org.insert("Campaign", {"Name": "Seminar"})
    member = org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": person, "Status": "Sent"})
    assert (org.get("CampaignMember", member) or {})["HasResponded"] is False
    org.update("CampaignMember", member, {"Status": "Responded"})
    row = org.get("CampaignMember", member) or {}
    assert (row["HasResponded"], row["FirstRespondedDate"]) == (True, "2026-04-01")
    assert code(lambda: org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": person})) == "DUPLICATE_VALUE"
    assert code(lambda: org.insert("CampaignMember", {"CampaignId": campaign})) == "REQUIRED_FIELD_MISSING"


def test_an_admins_validation_rule_is_asked_with_the_former_row(clock: VirtualClock) -> None:
    rule = ValidationRule(
        "Lead", "no way back", lambda row, before: before is not None and row["Status"] < before["Status"], "Status"
    )
    org = Org(clock, OrgConfig(validation_rules=(rule,)))
    made = lead(org, Status="Working - Contacted")
    with pytest.raises(OrgError, match="FIELD_CUSTOM_VALIDATION_EXCEPTION") as refused:
        org.update("Lead", made, {"Status": "Open - Not Contacted"})
    assert (refused.value.message, refused.value.fields) == ("no way back", ("Status",))


def test_personal_values_stay_out_of_the_exceptions_text(org: Org) -> None:
    with pytest.raises(OrgError) as refused:
        lead(org, Email="secret person@example")
    assert "secret" not in str(refused.value)
    assert "secret" in refused.value.message


def test_a_fresh_org_has_its_tables_of_statuses(org: Org) -> None:
    assert [row["ApiName"] for row in org.rows("LeadStatus") if row["IsConverted"]] == ["Closed - Converted"]
    assert [row["ApiName"] for row in org.rows("TaskStatus") if row["IsClosed"]] == ["Completed"]
    assert len(list(org.rows("OpportunityStage"))) == 10
    [self] = org.rows("Organization")
    assert (self["Id"], self["TimeZoneSidKey"]) == (org.id, "Asia/Tokyo")
