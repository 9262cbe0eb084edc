"""The mappings we ship, on records as the vendors give them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.config.mappings import load_mappings
from crmsync.mapping import again_at, normalise, render
from crmsync.model.entities import (
    Approach,
    CampaignSeen,
    CompanySeen,
    Entity,
    FieldChange,
    OpportunityPerson,
    OpportunitySeen,
    PersonSeen,
    PipelineStageSeen,
    Rejected,
    TaskSeen,
    Touch,
    UserSeen,
    VisitsSeen,
)
from crmsync.model.records import FieldInfo, ObjectSchema, RawRecord, RecordRef

ROOT = Path(__file__).parents[2] / "mappings"
MAPPINGS = {crm: load_mappings([ROOT], crm) for crm in ("salesforce", "hubspot")}
NOW = datetime(2026, 5, 7, 8, 0, tzinfo=UTC)
AT = "2026-05-07T03:00:00.000+0000"
NOON = datetime(2026, 5, 7, 3, 0, tzinfo=UTC)
LEAD, CONTACT, USER, QUEUE = "00Q000000000001AAA", "003000000000001AAA", "005000000000001AAA", "00G000000000001AAA"


def shown(crm: str, object_: str, fields: dict[str, Any], **about: Any) -> tuple[Entity | Rejected, ...]:
    """What one record shows."""
    id_ = about.pop("id", "1")
    record = RawRecord(object_, id_, fields, about.pop("modified_at", NOON), **about)
    return normalise(MAPPINGS[crm][object_], record, "here", NOW)


def the_one(crm: str, object_: str, fields: dict[str, Any], **about: Any) -> Any:
    found = shown(crm, object_, fields, **about)
    assert len(found) == 1, found
    return found[0]


def ref(object_: str, id_: str, connection: str = "here") -> RecordRef:
    return RecordRef(connection, object_, id_)


SF_LEAD = {
    "attributes": {"type": "Lead"}, "Id": LEAD, "CreatedDate": AT, "LastName": "田中", "FirstName": "太郎",
    "Company": "株式会社エー", "Email": "Taro@Aoba.example", "Phone": "０３－１２３４－５６７８",
    "Title": "課長", "Industry": "Technology",
    "NumberOfEmployees": 120, "State": "東京都", "OwnerId": QUEUE, "Status": "Open - Not Contacted", "LeadSource": "Trade Show",
    "HasOptedOutOfEmail": False, "IsConverted": False, "crmsync_need__c": "yes", "crmsync_hubspot_id__c": "501",
}  # fmt: skip


def test_a_salesforce_lead_is_a_person() -> None:
    person = the_one("salesforce", "Lead", SF_LEAD, id=LEAD)
    assert isinstance(person, PersonSeen)
    assert (person.family_name, person.given_name, person.email, person.phone) == (
        "田中",
        "太郎",
        "taro@aoba.example",
        "+81312345678",
    )
    assert (person.sales_status, person.need, person.budget) == ("new", "yes", "unknown")
    assert (person.source_kind, person.source_method) == ("outbound", "trade_show")
    assert person.owner == ref("Group", QUEUE)
    assert person.links == (ref("contacts", "501", "*"),)
    assert (person.created_at, person.modified_at, person.learnt_at) == (NOON, NOON, NOW)
    assert person.is_read_only is False


def test_a_converted_lead_is_read_only_and_names_its_contact() -> None:
    fields = SF_LEAD | {"IsConverted": True, "ConvertedContactId": CONTACT, "Status": "Closed - Converted"}
    person = the_one("salesforce", "Lead", fields, id=LEAD)
    assert (person.is_read_only, person.sales_status) == (True, "accepted")
    assert ref("Contact", CONTACT) in person.links


def test_a_lead_of_a_stock_org_lacks_our_fields_and_is_read_all_the_same() -> None:
    stock = {name: value for name, value in SF_LEAD.items() if not name.startswith("crmsync_")}
    assert isinstance(the_one("salesforce", "Lead", stock), PersonSeen)


def test_a_status_that_an_org_made_itself_says_nothing() -> None:
    assert the_one("salesforce", "Lead", SF_LEAD | {"Status": "商談中"}).sales_status is None


def test_an_unreadable_value_sets_the_record_aside_and_says_which() -> None:
    found = the_one("salesforce", "Lead", SF_LEAD | {"crmsync_need__c": "maybe"})
    assert found == Rejected(ref("Lead", "1"), "mapping.unknown_choice", "crmsync_need__c", "maybe")


def test_a_record_without_what_an_entity_needs_is_set_aside() -> None:
    assert the_one("salesforce", "Lead", SF_LEAD | {"CreatedDate": None}).code == "mapping.required_missing"


def test_a_merged_record_names_its_winner() -> None:
    person = the_one("salesforce", "Lead", SF_LEAD, id=LEAD, is_deleted=True, replaced_by="00Q000000000002AAA")
    assert person.is_deleted
    assert ref("Lead", "00Q000000000002AAA") in person.links


def test_a_tombstone_shows_nothing() -> None:
    assert shown("hubspot", "contacts", {}, is_deleted=True, replaced_by="9") == ()
    assert shown("hubspot", "contacts", {"email": None}, is_deleted=True) == ()


def test_a_hubspot_campaign_costs_what_its_spend_items_add_up_to_between_its_days() -> None:
    fields = {"hs_name": "Spring fair", "hs_spend_items_sum_amount": "280000.5", "hs_start_date": "2026-04-01", "hs_end_date": None}
    found = the_one("hubspot", "campaigns", fields | {"hs_currency_code": "JPY"})
    assert (found.name, found.kind, found.cost) == ("Spring fair", "marketing_campaign", 280_000.5)
    assert (found.starts_on, found.ends_on) == (date(2026, 4, 1), None)


def test_a_hubspot_campaign_that_nobody_entered_any_spend_for_has_no_cost() -> None:
    found = the_one("hubspot", "campaigns", {"hs_name": "Spring fair", "hs_spend_items_sum_amount": None})
    assert (found.cost, found.starts_on, found.ends_on) == (None, None, None)


@pytest.mark.parametrize(
    ("breakdown", "source", "method"),
    [("organic", "inbound", "seo"), ("paid-social", "inbound", "web_ad"), ("direct", "inbound", "web"), ("a new one", None, None)],
)
def test_visitors_of_a_source_are_told_in_the_words_that_leads_are_acquired_by(breakdown: str, source: Any, method: Any) -> None:
    found = the_one("hubspot", "visits", {"day": "2026-05-01", "breakdown": breakdown, "visitors": 12, "visits": 15})
    assert found == VisitsSeen(ref("visits", "1"), NOW, date(2026, 5, 1), 12.0, source, method)


def test_offline_sources_bring_no_visitors() -> None:
    assert shown("hubspot", "visits", {"day": "2026-05-01", "breakdown": "offline", "visitors": 0}) == ()


def test_a_salesforce_contact_has_no_status_but_what_a_rep_left() -> None:
    fields = {
        "CreatedDate": AT,
        "LastName": "田中",
        "Account": {"Name": "青葉"},
        "AccountId": "001000000000001AAA",
        "OwnerId": USER,
    }
    contact = the_one("salesforce", "Contact", fields)
    assert (contact.sales_status, contact.company_name, contact.company) == (None, "青葉", ref("Account", "001000000000001AAA"))
    assert the_one("salesforce", "Contact", fields | {"crmsync_rejection_reason__c": "timing"}).sales_status == "rejected"


def test_an_account_is_a_company() -> None:
    fields = {"CreatedDate": AT, "Name": "青葉", "Website": "https://aoba.example", "NumberOfEmployees": 5, "OwnerId": USER}
    company = the_one("salesforce", "Account", fields)
    assert isinstance(company, CompanySeen)
    assert (company.name, company.employees, company.owner) == ("青葉", 5, ref("User", USER))


@pytest.mark.parametrize(
    ("state", "status", "closed_at"),
    [
        ({"IsClosed": False, "IsWon": False}, "open", None),
        ({"IsClosed": True, "IsWon": True, "LastStageChangeDate": AT}, "won", NOON),
        ({"IsClosed": True, "IsWon": False, "LastStageChangeDate": AT}, "lost", NOON),
        ({"IsClosed": True, "IsWon": False, "LastModifiedDate": AT}, "lost", NOON),
    ],
)
def test_an_opportunity_is_open_won_or_lost(state: dict[str, Any], status: str, closed_at: datetime | None) -> None:
    fields = {
        "CreatedDate": AT,
        "Name": "x",
        "CloseDate": "2026-05-07",
        "Amount": 100.0,
        "crmsync_lost_reason__c": "timing",
        **state,
    }
    case = the_one("salesforce", "Opportunity", fields)
    assert isinstance(case, OpportunitySeen)
    assert (case.status, case.closed_at, case.close_date) == (status, closed_at, date(2026, 5, 7))
    assert case.lost_reason == ("timing" if status == "lost" else None)


def test_a_contact_role_ties_a_person_to_an_opportunity() -> None:
    role = the_one("salesforce", "OpportunityContactRole", {"OpportunityId": "006000000000001AAA", "ContactId": CONTACT})
    assert isinstance(role, OpportunityPerson)


SF_TASK = {
    "CreatedDate": "2026-05-01T00:00:00.000+0000", "CompletedDateTime": AT, "WhoId": LEAD, "OwnerId": USER, "TaskSubtype": "Call",
    "IsClosed": True, "CallDisposition": "Connected",
}  # fmt: skip


def test_a_completed_call_is_an_approach_at_its_own_time() -> None:
    call = the_one("salesforce", "Task", SF_TASK)
    assert isinstance(call, Approach)
    assert (call.kind, call.at, call.people, call.by, call.connected) == (
        "call",
        NOON,
        (ref("Lead", LEAD),),
        ref("User", USER),
        True,
    )


def test_a_completed_call_without_its_time_happened_when_it_was_made() -> None:
    assert the_one("salesforce", "Task", SF_TASK | {"CompletedDateTime": None}).at == datetime(2026, 5, 1, tzinfo=UTC)


def test_an_open_call_or_an_ordinary_task_is_nothing() -> None:
    assert shown("salesforce", "Task", SF_TASK | {"IsClosed": False}) == ()
    assert shown("salesforce", "Task", SF_TASK | {"TaskSubtype": "Task"}) == ()


def test_a_call_that_came_in_is_a_touch() -> None:
    touch = the_one("salesforce", "Task", SF_TASK | {"CallType": "Inbound"})
    assert isinstance(touch, Touch)
    assert (touch.kind, touch.person) == ("inbound_call", ref("Lead", LEAD))


def test_our_own_task_is_known_by_its_key_and_is_no_approach() -> None:
    fields = SF_TASK | {"TaskSubtype": "Task", "crmsync_key__c": "p1:first_approach:0:1", "crmsync_due_at__c": AT}
    task = the_one("salesforce", "Task", fields)
    assert isinstance(task, TaskSeen)
    assert (task.key, task.is_closed, task.due_at) == ("p1:first_approach:0:1", True, NOON)


def test_a_meeting_is_an_approach_once_it_is_over() -> None:
    fields = {"StartDateTime": AT, "EndDateTime": "2026-05-07T04:00:00.000+0000", "WhoId": CONTACT, "OwnerId": USER}
    assert the_one("salesforce", "Event", fields).at == NOON
    ahead = fields | {"EndDateTime": "2026-05-08T04:00:00.000+0000"}
    assert shown("salesforce", "Event", ahead) == ()
    record = RawRecord("Event", "1", ahead, NOON)
    assert again_at(MAPPINGS["salesforce"]["Event"], record, NOW) == NOON + timedelta(days=1, hours=1)
    assert again_at(MAPPINGS["salesforce"]["Event"], RawRecord("Event", "1", fields, NOON), NOW) is None


@pytest.mark.parametrize(
    ("campaign", "kind"),
    [
        ({"Type": "Conference", "Name": "営業DXセミナー"}, "seminar"),
        ({"Type": "Trade Show", "Name": "EXPO"}, "card_exchange"),
        ({"Type": "Other", "Name": "資料ダウンロード"}, "document_request"),
        ({"Type": None, "Name": "spring"}, "campaign_response"),
    ],
)
def test_an_answer_to_a_campaign_is_a_touch_by_its_type(campaign: dict[str, Any], kind: str) -> None:
    fields = {"HasResponded": True, "FirstRespondedDate": "2026-05-07", "CreatedDate": AT, "LeadId": LEAD, "Campaign": campaign}
    touch = the_one("salesforce", "CampaignMember", fields)
    assert (touch.kind, touch.at, touch.person, touch.campaign) == (kind, NOON, ref("Lead", LEAD), campaign["Name"])
    assert shown("salesforce", "CampaignMember", fields | {"HasResponded": False}) == ()


def test_users_queues_campaigns_and_histories_are_known() -> None:
    user = the_one(
        "salesforce", "User", {"Name": "佐藤", "Email": "Sato@Our.example", "IsActive": False, "TimeZoneSidKey": "Asia/Tokyo"}
    )
    assert isinstance(user, UserSeen)
    assert (user.email, user.is_active, user.is_queue) == ("sato@our.example", False, False)
    assert the_one("salesforce", "Group", {"Name": "IS", "Type": "Queue"}).is_queue
    assert shown("salesforce", "Group", {"Name": "Role", "Type": "Role"}) == ()
    assert isinstance(the_one("salesforce", "Campaign", {"Name": "x", "ActualCost": 1.0}), CampaignSeen)
    change = the_one(
        "salesforce", "LeadHistory", {"LeadId": LEAD, "Field": "Status", "OldValue": "a", "NewValue": "b", "CreatedDate": AT}
    )
    assert isinstance(change, FieldChange)
    assert (change.record, change.old, change.new, change.at) == (ref("Lead", LEAD), "a", "b", NOON)
    owner = the_one("salesforce", "LeadHistory", {"LeadId": LEAD, "Field": "Owner", "NewValue": "005x", "CreatedDate": AT})
    assert (change.field, owner.field) == ("Status", "OwnerId")  # as the record calls them
    stage = the_one(
        "salesforce", "OpportunityHistory", {"OpportunityId": "006000000000001AAA", "StageName": "x", "CreatedDate": AT}
    )
    assert (stage.field, stage.old, stage.new) == ("StageName", None, "x")


HS_CONTACT = {
    "createdate": "2026-05-07T03:00:00Z", "email": "taro@aoba.example", "lastname": "田中\u3000太郎",
    "firstname": None, "company": "エー",
    "jobtitle": "課長", "hubspot_owner_id": "77", "hs_lead_status": "ATTEMPTED_TO_CONTACT", "numemployees": "100-500",
    "associations.companies": ["900", "901"], "salesforceleadid": "00Q5g00000ABCde", "hs_merged_object_ids": "3;4;1",
    "hs_email_optout": "true", "crmsync_need": "partial", "hs_email_hard_bounce_reason_enum": "UNKNOWN_USER",
}  # fmt: skip


def test_a_hubspot_contact_is_a_person() -> None:
    person = the_one("hubspot", "contacts", HS_CONTACT)
    assert (person.family_name, person.given_name, person.employees) == ("田中", "太郎", 100)
    assert (person.sales_status, person.need, person.opted_out, person.bounced) == ("working", "partial", True, True)
    assert (person.owner, person.company) == (ref("owners", "77"), ref("companies", "900"))
    assert person.links == (ref("contacts", "3"), ref("contacts", "4"), ref("Lead", "00Q5g00000ABCdeEAH", "*"))


def test_a_hubspot_deal_is_won_in_any_pipeline() -> None:
    fields = {
        "createdate": AT,
        "dealstage": "98765",
        "closedate": "2026-05-06T16:00:00Z",
        "amount": "1200000",
        "associations.contacts": ["1"],
    }
    deal = the_one("hubspot", "deals", fields | {"hs_is_closed_won": "true"})
    assert (deal.status, deal.amount, deal.close_date) == ("won", 1_200_000.0, date(2026, 5, 7))
    assert deal.closed_at == datetime(2026, 5, 6, 16, tzinfo=UTC)
    assert the_one("hubspot", "deals", fields | {"hs_is_closed_won": "false"}).status == "open"
    lost = the_one("hubspot", "deals", fields | {"dealstage": "closedlost", "closed_lost_reason": "予算がつかなかった"})
    assert (lost.status, lost.lost_reason, lost.people) == ("lost", "budget", (ref("contacts", "1"),))


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED"}, "call"),
        ({"hs_call_direction": "OUTBOUND", "hs_call_status": "NO_ANSWER"}, None),
        ({"hs_call_direction": "INBOUND", "hs_call_status": "COMPLETED"}, "inbound_call"),
    ],
)
def test_a_hubspot_call_is_ours_or_theirs(fields: dict[str, Any], kind: str | None) -> None:
    found = shown("hubspot", "calls", fields | {"hs_timestamp": AT, "associations.contacts": ["1"]})
    assert [entity.kind for entity in found if isinstance(entity, Approach | Touch)] == ([kind] if kind else [])


def test_the_outcome_of_a_call_says_whether_we_reached_somebody() -> None:
    fields = {"hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED", "hs_timestamp": AT}
    outcomes = {
        "f240bbac-87c9-4f6e-bf70-924b57d47db7": True,
        "73a0d17f-1163-4015-bdd5-ec830791da20": False,
        "custom": None,
        None: None,
    }
    for outcome, connected in outcomes.items():
        assert the_one("hubspot", "calls", fields | {"hs_call_disposition": outcome}).connected is connected


def test_an_email_sent_is_an_approach_and_one_received_a_reply() -> None:
    sent = {"hs_email_direction": "EMAIL", "hs_email_status": "SENT", "hs_timestamp": AT, "associations.contacts": ["1", "2"]}
    approach = the_one("hubspot", "emails", sent)
    assert (approach.kind, len(approach.people)) == ("email", 2)
    assert shown("hubspot", "emails", sent | {"hs_email_status": "BOUNCED"}) == ()
    assert the_one("hubspot", "emails", sent | {"hs_email_direction": "INCOMING_EMAIL"}).kind == "reply"


@pytest.mark.parametrize(
    ("start", "outcome", "counts"),
    [
        ("2026-05-07T03:00:00Z", "COMPLETED", True),
        ("2026-05-07T03:00:00Z", None, True),
        ("2026-05-07T03:00:00Z", "NO_SHOW", False),
        ("2026-05-07T03:00:00Z", "CANCELED", False),
        ("2026-05-09T03:00:00Z", "SCHEDULED", False),
    ],
)
def test_a_meeting_counts_when_it_took_place(start: str, outcome: str | None, counts: bool) -> None:
    found = shown(
        "hubspot", "meetings", {"hs_meeting_start_time": start, "hs_meeting_outcome": outcome, "associations.contacts": ["1"]}
    )
    assert bool(found) is counts


def test_a_hubspot_task_is_ours_by_its_key() -> None:
    fields = {
        "crmsync_key": "k",
        "hs_task_status": "COMPLETED",
        "hs_timestamp": AT,
        "hs_task_type": "CALL",
        "hubspot_owner_id": "77",
    }
    task = the_one("hubspot", "tasks", fields)
    assert isinstance(task, TaskSeen)
    assert (task.is_closed, task.due_at) == (True, NOON)
    assert the_one("hubspot", "tasks", fields | {"hs_task_status": "WAITING"}).is_closed is False
    done = the_one("hubspot", "tasks", fields | {"crmsync_key": None, "hs_task_completion_date": AT})
    assert isinstance(done, Approach)


@pytest.mark.parametrize(
    ("form", "kind"),
    [("資料請求", "document_request"), ("見積依頼", "quote_request"), ("セミナー申込", "seminar"),
     ("お問い合わせ", "quote_request"),
     ("アンケート", "form_submission"), (None, "form_submission")],
)  # fmt: skip
def test_a_form_means_what_its_name_says(form: str | None, kind: str) -> None:
    values = {"email": "Taro@Aoba.example", "company": "エー"}
    fields = {"form_guid": "g", "form_name": form, "submittedAt": 1778122800000, "pageUrl": "https://x.example/", "values": values}
    touch = the_one("hubspot", "form_submissions", fields)
    assert (touch.kind, touch.email, touch.at, touch.person) == (kind, "taro@aoba.example", NOON, None)


def test_a_form_without_an_address_is_nobody_s() -> None:
    assert shown("hubspot", "form_submissions", {"form_name": "x", "submittedAt": 1778122800000, "values": {}}) == ()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/pricing/", "pricing_page"), ("/pricing/enterprise/", "pricing_page"), ("/case/retail/", "case_page"),
     ("/cases", "case_page"),
     ("/", "page_view"), ("/blog/", "page_view")],
)  # fmt: skip
def test_a_page_means_what_its_address_says(path: str, kind: str) -> None:
    fields = {"eventType": "e_visited_page", "occurredAt": AT, "hs_url": f"https://x.example{path}", "associations.contacts": ["1"]}
    touch = the_one("hubspot", "page_views", fields)
    assert (touch.kind, touch.person) == (kind, ref("contacts", "1"))


def test_owners_stages_forms_and_lists_are_known() -> None:
    owner = the_one(
        "hubspot", "owners", {"email": "S@Our.example", "lastName": "佐藤", "firstName": "花子", "archived": True, "type": "PERSON"}
    )
    assert (owner.name, owner.email, owner.is_active, owner.is_queue) == ("佐藤 花子", "s@our.example", False, False)
    stage = {"object": "deals", "stage_label": "受注", "stage_id": "closedwon", "probability": "1.0", "isClosed": "true"}
    won = the_one("hubspot", "pipelines", stage)
    assert isinstance(won, PipelineStageSeen)
    assert (won.label, won.status) == ("受注", "won")
    assert the_one("hubspot", "pipelines", stage | {"probability": "0.0"}).status == "lost"
    assert the_one("hubspot", "pipelines", stage | {"probability": "0.4", "isClosed": "false"}).status == "open"
    assert the_one("hubspot", "forms", {"name": "資料請求"}).kind == "form"
    assert the_one("hubspot", "lists", {"name": "nurture"}).kind == "list"


DESIRED = {
    "phase": "sql", "temperature": "hot", "score": 14.94, "fit": 5.0, "interest": 9.94,
    "reason_ja": "課長", "reason_en": "manager",
    "owner": "rep@our.example", "sales_status": None, "sla_due_at": NOON, "sla_state": "running", "cycle": 0,
    "recycle_due_at": None, "recycle_reason": None, "nurture_list": None, "definition": "standard@1.0", "has_opportunity": False,
}  # fmt: skip


def everything(crm: str, object_: str) -> ObjectSchema:
    return ObjectSchema(object_, {w.field: FieldInfo(w.field, "string") for w in MAPPINGS[crm][object_].writes})


def test_the_wishes_for_a_person_in_hubspot_are_text() -> None:
    values, refused = render(
        MAPPINGS["hubspot"]["contacts"], DESIRED, user_ids={"rep@our.example": "77"}, schema=everything("hubspot", "contacts")
    )
    assert refused == ()
    assert all(isinstance(value, str) for value in values.values())
    assert values["lifecyclestage"] == "salesqualifiedlead"
    assert (values["crmsync_score"], values["crmsync_cycle"], values["crmsync_nurture"]) == ("15", "0", "")
    assert "hs_lead_status" not in values


@pytest.mark.parametrize(
    ("wish", "stage"),
    [
        ({"phase": "inquiry"}, "lead"),
        ({"phase": "mql"}, "marketingqualifiedlead"),
        ({"phase": "sql", "has_opportunity": True}, "opportunity"),
        ({"phase": "closed_won", "has_opportunity": True}, "customer"),
        ({"phase": "closed_lost"}, "lead"),
        ({"phase": "recycled"}, "lead"),
        ({"phase": "disqualified"}, "other"),
        ({"phase": "unidentified"}, None),
        ({"phase": None}, None),
    ],
)
def test_the_lifecycle_stage_follows_the_phase(wish: dict[str, Any], stage: str | None) -> None:
    values, _ = render(MAPPINGS["hubspot"]["contacts"], DESIRED | wish, user_ids={}, schema=everything("hubspot", "contacts"))
    assert values.get("lifecyclestage") == stage


def test_the_wishes_for_a_lead_in_salesforce_keep_their_types() -> None:
    mapping = MAPPINGS["salesforce"]["Lead"]
    users = {"rep@our.example": USER}
    values, refused = render(mapping, DESIRED | {"sales_status": "new"}, user_ids=users, schema=everything("salesforce", "Lead"))
    assert refused == ()
    assert (values["Status"], values["OwnerId"]) == ("Open - Not Contacted", USER)
    assert (values["crmsync_score__c"], values["crmsync_sla_due__c"], values["crmsync_nurture__c"]) == (
        15.0,
        "2026-05-07T03:00:00.000Z",
        None,
    )


def test_in_a_stock_org_our_fields_rest_alone() -> None:
    schema = ObjectSchema("Lead", {"Status": FieldInfo("Status", "picklist"), "OwnerId": FieldInfo("OwnerId", "reference")})
    values, refused = render(
        MAPPINGS["salesforce"]["Lead"], DESIRED | {"sales_status": "new"}, user_ids={"rep@our.example": USER}, schema=schema
    )
    assert set(values) == {"Status", "OwnerId"}
    assert {why for _, why in refused} == {"field_missing"}


@pytest.mark.parametrize(("crm", "object_"), [("salesforce", "Task"), ("hubspot", "tasks")])
def test_a_task_is_written_whole_and_a_rep_s_open_status_is_left_alone(crm: str, object_: str) -> None:
    mapping = MAPPINGS[crm][object_]
    assert mapping.tasks is not None
    wish = {
        "key": "k", "subject": "架電", "body": "…", "due_at": NOON, "due_date": date(2026, 5, 7), "owner": "rep@our.example",
        "is_open": True, "priority": "high", "person": ref("Lead", LEAD), "kind": "first_approach",
    }  # fmt: skip
    status = {"Task": "Status", "tasks": "hs_task_status"}[object_]
    values, refused = render(mapping, wish, user_ids={"rep@our.example": USER}, schema=everything(crm, object_))
    assert refused == ()
    assert set(values) == {write.field for write in mapping.writes} - {status}
    closed, _ = render(mapping, wish | {"is_open": False}, user_ids={}, schema=everything(crm, object_))
    assert closed[status] in ("Completed", "COMPLETED")


def test_everything_read_or_written_is_asked_for() -> None:
    needed = MAPPINGS["salesforce"]["CampaignMember"].fields_needed()
    assert {"Campaign.Type", "HasResponded", "FirstRespondedDate", "LeadId"} <= set(needed)
    assert {"crmsync_phase__c", "Status", "OwnerId", "ConvertedContactId"} <= set(MAPPINGS["salesforce"]["Lead"].fields_needed())
    assert "associations.companies" in MAPPINGS["hubspot"]["contacts"].fields_needed()


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_every_custom_field_that_is_used_can_be_provisioned(crm: str) -> None:
    for mapping in MAPPINGS[crm].values():
        declared = {field.field for field in mapping.custom_fields}
        assert {name for name in mapping.fields_needed() if name.startswith("crmsync_")} == declared, mapping.object


@pytest.mark.parametrize(
    ("crm", "object_", "fields"),
    [
        ("salesforce", "Lead", SF_LEAD | {"LeadSource": "Skywriting"}),
        ("hubspot", "contacts", HS_CONTACT | {"hs_analytics_source": "SKYWRITING"}),
    ],
)
def test_a45_a_source_that_nobody_mapped_is_unknown_and_never_some_other(crm: str, object_: str, fields: dict[str, Any]) -> None:
    person = next(one for one in shown(crm, object_, fields) if isinstance(one, PersonSeen))
    assert (person.source_kind, person.source_method) == (None, None)
