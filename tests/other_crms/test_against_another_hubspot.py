"""Small stories against a HubSpot that crmsync's authors did not write its connector for, alone and beside a Salesforce."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hubspot_fake import Portal
from stage import Stage, fine, settles
from wire import Answer

from crmsync.bootstrap import open_workspace
from crmsync.sync.provision import provision

Play = Callable[..., Stage]
IS = ("sato@ours.example", "kato@ours.example")
ACCEPTED = {"crmsync_budget": "partial", "crmsync_authority": "yes", "crmsync_need": "yes", "crmsync_talk_summary": "by autumn"}


def contact(portal: Portal, name: str = "山田", title: str = "部長", **more: Any) -> str:
    address = f"{name.encode().hex()}@{name.encode().hex()}.example"
    values = {"lastname": name, "firstname": "太郎", "company": f"{name}商事", "email": address, "jobtitle": title}
    return portal.create("contacts", values | more)


def asks(portal: Portal, id: str, form: str = "料金のお見積り依頼") -> None:
    """The contact sends a form; HubSpot keeps the address as it was typed."""
    guid = next((f["id"] for f in portal.forms if f["name"] == form), None) or portal.add_form(form)
    portal.submit(guid, portal.get("contacts", id)["email"])


def calls(portal: Portal, id: str, by: str) -> None:
    told = {
        "hs_call_direction": "OUTBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    }
    portal.create("calls", told | {"hs_timestamp": portal.exact(portal.now), "hubspot_owner_id": by}, to=(("contacts", id),))


def ours(stage: Stage) -> list[dict[str, Any]]:
    """The open tasks that crmsync keeps in HubSpot."""
    return [t for t in stage.portal.rows("tasks") if t.get("crmsync_key") and t.get("hs_task_status") != "COMPLETED"]


def people_of(portal: Portal, task: dict[str, Any]) -> set[str]:
    return {p[3] for p in portal.pairs if p[:3] == ("tasks", task["hs_object_id"], "contacts")}


def handed_over_in(stage: Stage) -> str:
    portal = stage.portal
    portal.add_form("blog", "blog_comment")
    person = contact(portal)
    asks(portal, person)
    stage.later(minutes=10)
    fine(stage)
    assert portal.get("contacts", person)["crmsync_phase"] == "mql"
    return person


@pytest.fixture
def handed_over(play: Play) -> tuple[Stage, str]:
    """A contact that was handed over in a HubSpot of its own."""
    stage = play(hubspot={})
    return stage, handed_over_in(stage)


@pytest.mark.parametrize("version", ["v3"])
def test_all_pages_of_a_backfill_arrive_and_only_the_qualified_one_is_handed_over_once(play: Play, version: str) -> None:
    stage = play(hubspot={})
    stage.settings["connections"][0]["options"] = {"api_version": version}
    stage.save()
    people = [contact(stage.portal, f"人{i:02}", "主任") for i in range(14)]
    person = handed_over_in(stage)
    row, (task,) = stage.portal.get("contacts", person), ours(stage)
    assert [r["email"] for r in stage.portal.rows("contacts") if r["crmsync_phase"] != "inquiry"] == [row["email"]]
    assert len(people) == 14
    assert row["hubspot_owner_id"] in {stage.owners[email] for email in IS}
    assert (row["lifecyclestage"], row["hs_lead_status"]) == ("marketingqualifiedlead", "NEW")
    assert "課長以上 +5" in row["crmsync_reason_ja"]
    assert people_of(stage.portal, task) == {person}
    assert (task["hubspot_owner_id"], task["hs_task_status"]) == (row["hubspot_owner_id"], "NOT_STARTED")
    stage.writes()
    fine(stage)
    stage.restart()
    fine(stage)
    assert stage.writes() == []


def test_a_contact_that_a_rep_accepts_goes_to_field_sales_and_is_won(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    portal = stage.portal
    stage.later(hours=1)
    calls(portal, person, portal.get("contacts", person)["hubspot_owner_id"])
    portal.update("contacts", person, {"hs_lead_status": "IN_PROGRESS", **ACCEPTED})
    fine(stage)
    row = portal.get("contacts", person)
    assert (row["crmsync_phase"], row["lifecyclestage"]) == ("sql", "salesqualifiedlead")
    assert row["hubspot_owner_id"] == stage.owners["ueda@ours.example"]
    assert [t["hubspot_owner_id"] for t in ours(stage)] == [row["hubspot_owner_id"]]
    stage.later(hours=1)
    values = {"dealname": "big", "dealstage": "appointmentscheduled", "hubspot_owner_id": row["hubspot_owner_id"]}
    deal = portal.create("deals", values, to=(("contacts", person),))
    fine(stage)
    assert portal.get("contacts", person)["lifecyclestage"] == "opportunity"
    stage.later(hours=1)
    portal.update("deals", deal, {"dealstage": "closedwon", "closedate": portal.exact(portal.now)})
    fine(stage)
    row = portal.get("contacts", person)
    assert (row["crmsync_phase"], row["lifecyclestage"]) == ("closed_won", "customer")
    assert row["hubspot_owner_id"] == stage.owners["cho@ours.example"]
    assert [("kick_off" in t["crmsync_key"], t["hubspot_owner_id"]) for t in ours(stage)] == [(True, row["hubspot_owner_id"])]
    settles(stage)


def test_a_contact_that_a_rep_rejects_goes_back_a_stage_and_comes_again_on_fresh_evidence(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    portal = stage.portal
    stage.later(hours=1)
    portal.update("contacts", person, {"hs_lead_status": "BAD_TIMING"})
    fine(stage)
    row = portal.get("contacts", person)
    assert (row["crmsync_phase"], row["lifecyclestage"], row["crmsync_recycle_reason"]) == ("recycled", "lead", "rejected_timing")
    assert ours(stage) == []
    settles(stage)
    stage.later(days=70)
    asks(portal, person)
    fine(stage)
    row = portal.get("contacts", person)
    assert (row["crmsync_phase"], row["lifecyclestage"], row["hs_lead_status"]) == ("mql", "marketingqualifiedlead", "NEW")
    assert len(ours(stage)) == 1
    settles(stage)


def test_a_merged_contact_lives_on_under_its_new_id(play: Play) -> None:
    stage = play(hubspot={})
    stage.settings["connections"][0]["options"] = {"api_version": "2026-09"}
    stage.save()
    person = handed_over_in(stage)
    twin = contact(stage.portal, "山田", email="yamada@elsewhere.example")
    fine(stage)
    new = stage.portal.merge("contacts", twin, person)
    fine(stage)
    fine(stage)
    row = stage.portal.get("contacts", new)
    assert row["crmsync_phase"] == "mql"
    assert len(ours(stage)) == 1
    assert people_of(stage.portal, ours(stage)[0]) == {new}
    settles(stage)


def test_a_task_for_a_contact_that_was_merged_a_moment_ago_is_tied_to_whom_it_became(play: Play) -> None:
    stage = play(hubspot={})
    person, twin = contact(stage.portal), contact(stage.portal, "山田", email="yamada@elsewhere.example")
    fine(stage)
    asks(stage.portal, person)
    stage.later(minutes=10)
    new = stage.portal.merge("contacts", person, twin)
    stage.cycle(seconds=1)  # the index does not show the merge yet: the task is taken, its tie to the former id is not
    assert [people_of(stage.portal, task) for task in ours(stage)] == [set()]
    fine(stage)
    assert [people_of(stage.portal, task) for task in ours(stage)] == [{new}]
    settles(stage)


def test_an_archived_contact_is_left_alone(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    stage.portal.archive("contacts", person)
    stage.writes()
    fine(stage)
    assert [w for w in stage.writes() if w[0] == "contacts"] == []
    settles(stage)


def test_an_owner_that_somebody_took_away_is_given_again(play: Play) -> None:
    stage = play(hubspot={})
    stage.portal.blank = ""
    person = handed_over_in(stage)
    stage.later(hours=1)
    stage.portal.update("contacts", person, {"hubspot_owner_id": "", "hs_lead_status": ""})
    fine(stage)
    assert stage.portal.get("contacts", person)["hubspot_owner_id"] in {stage.owners[email] for email in IS}
    settles(stage)


def test_what_the_index_shows_late_is_not_lost(play: Play) -> None:
    stage = play(hubspot={"lag": 0})
    contact(stage.portal, "人")
    fine(stage)
    stage.portal.lag = timedelta(minutes=4)
    slow = contact(stage.portal, "遅い人")
    fine(stage, minutes=1)
    quick = contact(stage.portal, "次の人")
    for _ in range(3):
        fine(stage)
    assert [stage.portal.get("contacts", p).get("crmsync_phase") for p in (slow, quick)] == ["inquiry", "inquiry"]


@pytest.mark.parametrize("days", [-200, 200])
def test_answers_that_are_dated_by_another_clock_than_the_records_lose_nothing(play: Play, days: int) -> None:
    stage = play(hubspot={"lag": 0})
    stage.portal.dated_off = timedelta(days=days)
    people = [contact(stage.portal, "初")]
    fine(stage)
    people += [contact(stage.portal, f"多{n}") for n in range(210)]  # more than a search gives at once
    stage.later(minutes=30)
    fine(stage)
    people.append(contact(stage.portal, "後"))
    stage.later(minutes=30)
    fine(stage)
    assert {stage.portal.get("contacts", person).get("crmsync_phase") for person in people} == {"inquiry"}


def test_searches_that_give_less_than_they_were_asked_for_are_read_to_the_end(play: Play) -> None:
    stage = play(hubspot={"lag": 0})
    fine(stage)
    stage.portal.search_page = 3
    people = [contact(stage.portal, f"人{n}") for n in range(8)]
    fine(stage)
    assert {stage.portal.get("contacts", person).get("crmsync_phase") for person in people} == {"inquiry"}


def test_one_bad_row_costs_the_others_nothing(play: Play) -> None:
    stage = play(hubspot={})
    people = [contact(stage.portal, f"人{i}") for i in range(5)]
    real = stage.portal._check

    def check(type: str, values: Any) -> None:
        if type == "contacts" and values.get("crmsync_phase") == "mql":
            values = {**values, "crmsync_fit": "not a number"}
        real(type, values)

    stage.portal._check = check  # type: ignore[method-assign] # a validation rule of this portal
    asks(stage.portal, people[2])
    stage.later(minutes=10)
    cycle = stage.cycle()
    assert cycle.applied.outcomes.get("rejected") == 1
    phases = [stage.portal.get("contacts", p).get("crmsync_phase") for p in people]
    assert phases == ["inquiry", "inquiry", None, "inquiry", "inquiry"]
    stage.portal._check = real  # type: ignore[method-assign] # and away again
    stage.portal.update("contacts", people[2], {"jobtitle": "本部長"})
    stage.cycle()
    assert stage.portal.get("contacts", people[2]).get("crmsync_phase") == "mql"


def test_passing_mishaps_are_waited_out(play: Play) -> None:
    stage = play(hubspot={})
    limit = Answer(429, {"status": "error", "message": "You have reached your secondly limit.", "policyName": "SECONDLY"})
    cloud = Answer(502, "<html>cloudflare</html>", content_type="text/html")
    stage.portal.faults += [
        lambda request: limit if request.path.endswith("contacts/search") else None,
        lambda request: cloud if request.path.endswith("/batch/update") else None,
    ]
    handed_over_in(stage)
    assert stage.portal.faults == []


def test_a_rep_who_passes_a_lead_to_a_colleague_is_followed_in_both(play: Play) -> None:
    stage = play(salesforce={}, hubspot={})
    org, portal = stage.org, stage.portal
    person = contact(portal)
    lead = org.insert(
        "Lead", {"LastName": "山田", "Company": "山田商事", "Title": "部長", "Email": portal.get("contacts", person)["email"]}
    )
    asks(portal, person)
    stage.later(minutes=10)
    fine(stage)
    rep = org.row("Lead", lead)["OwnerId"]
    (other,) = (email for email in IS if stage.users[email] != rep)
    stage.later(hours=1)
    org.update("Lead", lead, {"OwnerId": stage.users[other]}, by=rep)
    fine(stage)
    assert org.row("Lead", lead)["OwnerId"] == stage.users[other]
    assert [t["OwnerId"] for t in org.rows("Task")] == [stage.users[other]]
    assert portal.get("contacts", person)["hubspot_owner_id"] == stage.owners[other]
    settles(stage)


def test_an_answer_lost_after_the_commit_makes_nothing_twice(play: Play) -> None:
    stage = play(hubspot={})
    person = contact(stage.portal)
    asks(stage.portal, person)
    stage.portal.cut_after_commit = 2
    stage.later(minutes=10)
    for _ in range(3):
        stage.cycle()
    assert len(stage.portal.rows("tasks")) == 1
    assert people_of(stage.portal, ours(stage)[0]) == {person}
    settles(stage)


def test_a_stock_portal_is_served_with_what_it_has(play: Play) -> None:
    stage = play(hubspot={"stock": True})
    person = contact(stage.portal)
    asks(stage.portal, person)
    stage.later(minutes=10)
    fine(stage)
    row = stage.portal.get("contacts", person)
    assert (row["lifecyclestage"], row["hs_lead_status"]) == ("marketingqualifiedlead", "NEW")
    settles(stage)


def test_an_owner_who_was_archived_gets_nothing(play: Play) -> None:
    stage = play(hubspot={})
    gone = next(o for o in stage.portal.owners if o["id"] == stage.owners["sato@ours.example"])
    gone.update(archived=True, userId=None)
    people = [contact(stage.portal, f"人{i}", hubspot_owner_id=gone["id"]) for i in range(2)]
    for person in people:
        asks(stage.portal, person)
    stage.later(minutes=10)
    fine(stage)
    assert {stage.portal.get("contacts", p)["hubspot_owner_id"] for p in people} == {stage.owners["kato@ours.example"]}


@pytest.mark.parametrize("enterprise", [True, False])
def test_looks_at_the_pricing_page_count_with_and_without_events(play: Play, enterprise: bool) -> None:
    stage = play(hubspot={"enterprise": enterprise})
    person = contact(stage.portal)
    stage.later(minutes=10)
    fine(stage)
    stage.portal.view(person, "https://www.ours.example/pricing")
    fine(stage)
    row = stage.portal.get("contacts", person)
    assert (row["crmsync_phase"], row["crmsync_score"]) == ("mql", "15")


def test_a_missing_scope_costs_its_own_part_only(play: Play) -> None:
    stage = play(hubspot={})
    stage.portal.denied = {"/deals": "crm.objects.deals.read", "/0-3": "crm.objects.deals.read", "/lists": "crm.lists.read"}
    handed_over_in(stage)
    stage.later(minutes=10)
    told = stage.says("run")
    assert "opportunities (deals) cannot be read (deals: MISSING_SCOPES: crm.objects.deals.read)" in told
    assert "lists cannot be read (lists: MISSING_SCOPES: crm.lists.read)" in told
    assert "contacts" not in told


# ---- HubSpot as MA beside Salesforce as SFA


def test_one_person_in_both_has_one_phase_one_owner_and_one_task(play: Play) -> None:
    stage = play(salesforce={}, hubspot={})
    org, portal = stage.org, stage.portal
    values = {"LastName": "山田", "FirstName": "太郎", "Company": "山田商事", "Title": "部長", "LeadSource": "Web"}
    lead = org.insert("Lead", values | {"Email": "Taro@Yamada.example"})
    person = contact(portal, salesforceleadid=lead[:15], email="private@other.example")
    other = contact(portal, "別人", "主任")
    asks(portal, person)
    stage.later(minutes=10)
    fine(stage)
    theirs, row = portal.get("contacts", person), org.row("Lead", lead)
    assert (theirs["crmsync_phase"], row["crmsync_phase__c"]) == ("mql", "mql")
    assert portal.get("contacts", other)["crmsync_phase"] == "inquiry"
    (owner,) = {email for email in IS if stage.users[email] == row["OwnerId"]}
    assert theirs["hubspot_owner_id"] == stage.owners[owner]
    assert [t["WhoId"] for t in org.rows("Task")] == [lead]
    assert portal.rows("tasks") == []
    settles(stage)
    stage.later(hours=1)
    org.update("Lead", lead, {"Status": "Closed - Not Converted", "crmsync_rejection_reason__c": "competitor"}, by=row["OwnerId"])
    fine(stage)
    theirs, row = portal.get("contacts", person), org.row("Lead", lead)
    assert (theirs["crmsync_phase"], theirs["lifecyclestage"], row["crmsync_phase__c"]) == ("disqualified", "other", "disqualified")
    settles(stage)


def test_nurture_lists_are_made_joined_and_left_and_what_people_did_there_stands(play: Play) -> None:
    stage = play(hubspot={})
    portal = stage.portal
    rules = stage.directory / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "nurture.yaml").write_text("lists: {warm: Nurture - warm, recycle_timing: Nurture - later}\n", encoding="utf-8")
    one, by_hand = (contact(portal, name, "担当") for name in ("佐々木", "石井"))
    for id_ in (one, by_hand):
        asks(portal, id_, "資料請求")
    workspace = open_workspace(stage.directory)
    assert provision(workspace, apply=True).is_complete
    workspace.close()
    warm = next(row["listId"] for row in portal.lists if row["name"] == "Nurture - warm")
    portal.members[warm][by_hand] = portal.exact(portal.now)
    stage.cycle()
    assert set(portal.members[warm]) == {one, by_hand}
    settles(stage)
    for id_ in (one, by_hand):
        asks(portal, id_)  # now they want a quote, and are sales'
        portal.update("contacts", id_, {"jobtitle": "部長"})
    stage.cycle()
    assert set(portal.members[warm]) == {by_hand}
    settles(stage)
    assert len(portal.lists) == 2
