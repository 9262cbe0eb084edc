"""Small stories against CRMs that crmsync's authors did not write its connectors for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from salesforce_fake import Org
from stage import Stage, fine, settles
from wire import Answer, Served

from crmsync.bootstrap import open_workspace
from crmsync.sync.provision import provision

Play = Callable[..., Stage]
IS = ("sato@ours.example", "kato@ours.example")
ACCEPTED = {
    "crmsync_budget__c": "partial",
    "crmsync_authority__c": "yes",
    "crmsync_need__c": "yes",
    "crmsync_talk_summary__c": "by autumn",
}


def lead(org: Org, name: str = "山田", title: str = "部長", **more: Any) -> str:
    address = f"{name.encode().hex()}@{name.encode().hex()}.example"
    values = {
        "LastName": name,
        "FirstName": "太郎",
        "Company": f"{name}商事",
        "Email": address,
        "Title": title,
        "LeadSource": "Web",
    }
    return org.insert("Lead", values | more)


def answers(org: Org, person: str, type: str = "Webinar", object: str = "LeadId") -> None:
    campaign = org.insert("Campaign", {"Name": "spring", "Type": type})
    member = {"CampaignId": campaign, object: person, "Status": "Responded", "HasResponded": True}
    org.insert("CampaignMember", member | {"FirstRespondedDate": org.now.strftime("%Y-%m-%d")})


def calls(org: Org, person: str, by: str, **more: Any) -> None:
    done = {"Subject": "Call", "TaskSubtype": "Call", "Status": "Completed", "CallDisposition": "Connected"}
    org.insert("Task", {**done, "WhoId": person, "OwnerId": by, **more}, by=by)


def ours(stage: Stage, *, is_open: bool = True) -> list[dict[str, Any]]:
    """The tasks that crmsync keeps in Salesforce."""
    assert stage.org
    return [t for t in stage.org.rows("Task") if t.get("crmsync_key__c") and t["IsClosed"] != is_open]


def at_work(stage: Stage, *emails: str) -> set[str]:
    return {stage.users[email] for email in emails}


# ---- Salesforce alone


def test_nurture_campaigns_are_made_joined_and_left_where_nobody_shows_us_their_statuses(play: Play) -> None:
    stage = play(salesforce={})
    org = stage.org
    assert org
    rules = stage.directory / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "nurture.yaml").write_text("lists: {warm: Nurture - warm}\n", encoding="utf-8")
    one = lead(org, "佐々木", "担当", LeadSource=None)
    answers(org, one)
    workspace = open_workspace(stage.directory)
    for _ in range(3):  # a connection that ends under a create: it is not sent twice, and whoever asks again finds it made
        made = provision(workspace, apply=True)
    assert [step.state for _, step in made.steps if step.need.type == "list"] == ["present"]
    workspace.close()
    (warm,) = [row["Id"] for row in org.rows("Campaign") if row["Name"] == "Nurture - warm"]
    stage.cycle()
    (member,) = org.rows("CampaignMember", CampaignId=warm)
    assert member["LeadId"] == one
    settles(stage)
    org.update("Lead", one, {"Title": "部長"})
    stage.cycle()
    (member,) = org.rows("CampaignMember", CampaignId=warm)
    assert member["Status"].startswith("Left")
    settles(stage)


def test_all_pages_of_a_backfill_arrive_and_only_the_qualified_one_is_handed_over_once(play: Play) -> None:
    stage = play(salesforce={})
    people = [lead(stage.org, f"人{i:02}", "主任", LeadSource="Cold Call") for i in range(14)]
    winner = people[9]
    stage.org.update("Lead", winner, {"Title": "営業部長"})
    answers(stage.org, winner)
    stage.later(minutes=10)
    cycle = fine(stage)
    assert next(s.records for s in cycle.pulled.streams if s.object == "Lead") == 14
    assert [r["Id"] for r in stage.org.rows("Lead", crmsync_phase__c="mql")] == [winner]
    row, (task,) = stage.org.row("Lead", winner), ours(stage)
    assert row["OwnerId"] in at_work(stage, *IS)
    assert row["Status"] == "Open - Not Contacted"
    assert "課長以上 +5" in row["crmsync_reason_ja__c"]
    assert "Attended a seminar +10" in row["crmsync_reason_en__c"]
    assert (task["WhoId"], task["OwnerId"], task["IsClosed"]) == (winner, row["OwnerId"], False)
    assert task["crmsync_due_at__c"] == row["crmsync_sla_due__c"]
    stage.writes()
    fine(stage)
    stage.restart()
    fine(stage)
    assert stage.writes() == []


@pytest.fixture
def handed_over(play: Play) -> tuple[Stage, str]:
    """A lead that was handed over in a Salesforce of its own."""
    stage = play(salesforce={})
    person = lead(stage.org)
    answers(stage.org, person)
    stage.later(minutes=10)
    fine(stage)
    assert stage.org.row("Lead", person)["crmsync_phase__c"] == "mql"
    return stage, person


def test_a_lead_that_a_rep_accepts_goes_to_field_sales(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    rep = stage.org.row("Lead", person)["OwnerId"]
    stage.later(hours=1)
    calls(stage.org, person, rep)
    stage.org.update("Lead", person, {"Status": "Working - Contacted", **ACCEPTED}, by=rep)
    fine(stage)
    row = stage.org.row("Lead", person)
    assert (row["crmsync_phase__c"], row["OwnerId"]) == ("sql", stage.users["ueda@ours.example"])
    assert [(t["OwnerId"], "first_meeting" in t["crmsync_key__c"]) for t in ours(stage)] == [(row["OwnerId"], True)]
    settles(stage)


def test_a_lead_that_a_rep_rejects_is_recycled_with_the_reason(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    rep = stage.org.row("Lead", person)["OwnerId"]
    stage.later(hours=1)
    stage.org.update("Lead", person, {"Status": "Closed - Not Converted", "crmsync_rejection_reason__c": "timing"}, by=rep)
    fine(stage)
    row = stage.org.row("Lead", person)
    assert row["crmsync_phase__c"] == "recycled"
    assert row["crmsync_recycle_due__c"] > stage.now + timedelta(days=50)
    assert row["crmsync_nurture__c"] == "recycle_timing"
    assert ours(stage) == []
    settles(stage)
    assert stage.org.row("Lead", person)["Status"] == "Closed - Not Converted"


def test_a_converted_lead_carries_on_with_its_contact_until_it_is_won(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    rep = stage.org.row("Lead", person)["OwnerId"]
    stage.later(hours=1)
    calls(stage.org, person, rep)
    _, contact, deal = stage.org.convert(person, by=rep, opportunity="big one")
    fine(stage)
    row = stage.org.row("Contact", contact)
    assert (row["crmsync_phase__c"], row["OwnerId"]) == ("sql", stage.users["ueda@ours.example"])
    assert {t["WhoId"] for t in ours(stage)} == {contact}
    assert len(ours(stage)) == 1
    settles(stage)
    won = {"StageName": "Closed Won", "CloseDate": stage.now.strftime("%Y-%m-%d")}
    stage.org.update("Opportunity", deal, won, by=row["OwnerId"])
    fine(stage)
    row = stage.org.row("Contact", contact)
    assert (row["crmsync_phase__c"], row["OwnerId"]) == ("closed_won", stage.users["cho@ours.example"])
    assert [(t["OwnerId"], "kick_off" in t["crmsync_key__c"]) for t in ours(stage)] == [(row["OwnerId"], True)]
    settles(stage)


def test_a_merged_lead_lives_on_in_the_winner_with_one_task(play: Play) -> None:
    stage = play(salesforce={})
    kept, lost = lead(stage.org, "高橋"), lead(stage.org, "髙橋", Company="高橋商事")
    answers(stage.org, lost)
    stage.later(minutes=10)
    fine(stage)
    assert stage.org.row("Lead", lost)["crmsync_phase__c"] == "mql"
    stage.org.merge("Lead", kept, lost)
    fine(stage)
    assert stage.org.row("Lead", kept)["crmsync_phase__c"] == "mql"
    assert [t["WhoId"] for t in ours(stage)] == [kept]
    settles(stage)


def test_a_deleted_lead_is_left_alone(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    stage.org.delete("Lead", person)
    stage.writes()
    fine(stage)
    assert [w for w in stage.writes() if w[0] == "Lead"] == []
    settles(stage)


def test_a_stock_org_is_served_with_what_it_has_and_its_owner_hears_what_is_missing(play: Play) -> None:
    stage = play(salesforce={"stock": True})
    person = lead(stage.org)
    answers(stage.org, person)
    stage.later(minutes=10)
    told = stage.says("run")
    assert "salesforce has no Lead field crmsync_cycle__c" in told
    assert stage.org.row("Lead", person)["OwnerId"] in at_work(stage, *IS)
    settles(stage)
    assert len(stage.org.rows("Task")) <= 1


def test_a_field_that_is_hidden_while_crmsync_runs_stops_nothing(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    for field in ("Industry", "crmsync_temperature__c"):
        del stage.org.fields["Lead"][field]
    stage.later(hours=1)
    rep = stage.org.row("Lead", person)["OwnerId"]
    stage.org.update("Lead", person, {"Status": "Closed - Not Converted", "crmsync_rejection_reason__c": "budget"}, by=rep)
    fine(stage)
    assert stage.org.row("Lead", person)["crmsync_phase__c"] == "recycled"


def test_a_field_that_an_admin_adds_while_crmsync_runs_is_used(play: Play) -> None:
    stage = play(salesforce={"hidden": ("Lead.crmsync_phase__c",)})
    person = lead(stage.org)
    answers(stage.org, person)
    stage.later(minutes=10)
    fine(stage)
    assert "crmsync_phase__c" not in stage.org.row("Lead", person)
    stage.org.fields = Org(stage.now).fields
    fine(stage)
    assert (stage.org.row("Lead", person).get("crmsync_phase__c"), len(ours(stage))) == ("mql", 1)
    settles(stage)


def test_sessions_that_end_early_and_hidden_fields_cost_nothing_else(play: Play) -> None:
    hidden = ("Lead.Industry", "Lead.crmsync_temperature__c", "Lead.NumberOfEmployees", "CampaignMember.FirstRespondedDate")
    stage = play(salesforce={"calls_per_token": 6, "hidden": hidden})
    person = lead(stage.org)
    answers(stage.org, person)
    stage.later(minutes=10)
    fine(stage)
    assert len(ours(stage)) == 1
    settles(stage, 1)


def test_assignment_rules_and_duplicate_alerts_do_not_undo_the_hand_over(play: Play) -> None:
    stage = play(salesforce={})
    stage.org.assignment_owner = stage.org.add_user("Nobody", "nobody@ours.example")
    person = lead(stage.org, Email="twin@twin.example")
    stage.org.duplicates.add(person)
    answers(stage.org, person)
    stage.later(minutes=10)
    fine(stage)
    assert stage.org.row("Lead", person)["OwnerId"] in at_work(stage, *IS)


def test_a_locked_row_is_tried_again(play: Play) -> None:
    stage = play(salesforce={})
    people = [lead(stage.org, f"人{i}") for i in range(3)]
    for person in people:
        answers(stage.org, person)
    stage.org.locked[people[1]] = 1
    stage.later(minutes=10)
    stage.cycle()
    stage.cycle()
    assert {stage.org.row("Lead", p)["crmsync_phase__c"] for p in people} == {"mql"}
    assert len(ours(stage)) == 3


def test_an_answer_lost_after_the_commit_makes_nothing_twice(play: Play) -> None:
    stage = play(salesforce={})
    person = lead(stage.org)
    answers(stage.org, person)
    stage.org.cut_after_commit = 2
    stage.later(minutes=10)
    for _ in range(3):
        stage.cycle()
    assert len(stage.org.rows("Task")) == 1
    assert stage.org.row("Lead", person)["crmsync_phase__c"] == "mql"
    settles(stage)


def test_rows_of_one_stamp_and_rows_committed_late_all_arrive(play: Play) -> None:
    stage = play(salesforce={"page": 3})
    for i in range(8):
        lead(stage.org, f"人{i}")
    stage.later(minutes=10)
    fine(stage)
    stamp = stage.now + timedelta(seconds=30)
    late = [lead_late(stage.org, f"遅{i}", stamp, stage.now + timedelta(minutes=4)) for i in range(5)]
    stage.later(minutes=1)
    seen = [lead(stage.org, f"早{i}") for i in range(5)]
    fine(stage, seconds=30)
    fine(stage, minutes=6)
    fine(stage)
    assert {stage.org.row("Lead", p).get("crmsync_phase__c") for p in late + seen} == {"inquiry"}


@pytest.mark.parametrize("days", [-200, 200])
def test_answers_that_are_dated_by_another_clock_than_the_rows_lose_nothing(play: Play, days: int) -> None:
    stage = play(salesforce={"page": 3})
    stage.org.dated_off = timedelta(days=days)
    people = [lead(stage.org, "初")]
    fine(stage)
    for n in range(3):
        people += [lead(stage.org, f"後{n}{i}") for i in range(4)]
        stage.later(minutes=30)
        fine(stage)
    assert {stage.org.row("Lead", person).get("crmsync_phase__c") for person in people} == {"inquiry"}


def lead_late(org: Org, name: str, stamp: Any, seen: Any) -> str:
    values = {"LastName": name, "Company": f"{name}商事", "Email": f"{name.encode().hex()}@late.example"}
    return org.insert("Lead", values, stamp=stamp, seen=seen)


def test_a_rep_who_left_the_org_gets_nothing_and_crmsync_says_so(play: Play) -> None:
    stage = play(salesforce={})
    stage.team.append({"email": "ghost@ours.example", "name": "ghost", "department": "inside_sales"})
    stage.save()
    stage.org.update("User", stage.users["sato@ours.example"], {"IsActive": False})
    people = [lead(stage.org, f"人{i}") for i in range(2)]
    for person in people:
        answers(stage.org, person)
    stage.later(minutes=10)
    fine(stage)
    assert {stage.org.row("Lead", p)["OwnerId"] for p in people} == at_work(stage, "kato@ours.example")
    stage.later(minutes=10)
    assert "no active user of the connected CRMs: ghost@ours.example, sato@ours.example." in stage.says("plan")


MISHAPS = {
    "/composite": (503, [{"message": "busy", "errorCode": "SERVER_UNAVAILABLE"}]),
    "/query/": (400, [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]),
    "/queryAll": (403, [{"message": "ConcurrentPerOrgLongTxn Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]),
}


def test_passing_mishaps_are_waited_out(play: Play) -> None:
    stage = play(salesforce={})
    for i in range(6):
        lead(stage.org, f"人{i}")
    for part, told in MISHAPS.items():
        stage.org.faults.append(lambda request, part=part, told=told: Answer(*told) if part in request.path else None)
    stage.later(minutes=10)
    fine(stage)
    assert stage.org.faults == []
    assert {r["crmsync_phase__c"] for r in stage.org.rows("Lead")} == {"inquiry"}


@pytest.mark.parametrize(
    ("status", "code", "text", "spent"),
    [
        (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", 6),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 6),
    ],
)
def test_what_does_not_pass_stops_the_connection_and_hammers_nobody(
    play: Play, status: int, code: str, text: str, spent: int
) -> None:
    stage = play(salesforce={})
    no = Answer(status, [{"message": text, "errorCode": code}])
    stage.org.faults += [lambda request: no if "/services/data/v" in request.path else None] * 50
    cycle = stage.cycle()
    assert [(f.connection, f.params["vendor_code"]) for f in cycle.pulled.failures] == [("salesforce", code)]
    assert len(stage.org.calls) <= spent
    assert len([path for _, path in stage.org.calls if path.endswith("/token")]) <= 2


def test_an_org_that_moves_is_followed_at_the_next_login(handed_over: tuple[Stage, str]) -> None:
    stage, person = handed_over
    new = Served(stage.org)
    stage.servers.append(new)
    stage.org.instance_url = new.url
    stage.org.tokens.clear()
    fine(stage)
    settles(stage)
    assert stage.org.row("Lead", person)["crmsync_phase__c"] == "mql"
