"""The connector against the sandbox's Salesforce, over real HTTP: nothing lost, nothing twice, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from salesforce_place import START, place, task, update

from crmsync.connect.contract import Need
from crmsync.errors import StopConnector
from crmsync.model.records import RawRecord
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.mishaps import lock_row, refuse, short_page
from crmsync_salesforce.facts import CAPABILITIES


def test_a_backfill_of_many_pages_brings_every_record_once() -> None:
    with place(OrgConfig(largest_page=100)) as crm:
        made = {crm.lead(f"n{n}") for n in range(350)}
        seen = crm.pull()
        assert sorted(record.id for record in seen) == sorted(made)
        assert {record.fields["Owner.Type"] for record in seen} == {"User"}
        assert crm.client.usage.by_lane["burst"] < 10


def test_only_what_changed_comes_again() -> None:
    with place(lag_seconds=0, overlap_seconds=0) as crm:
        ids = [crm.lead(f"n{n}") for n in range(5)]
        crm.later(minutes=10)
        crm.pull()
        crm.later(minutes=10)
        crm.org.update("Lead", ids[3], {"Rating": "Hot"})
        crm.later(minutes=10)
        assert [(record.id, record.fields["Rating"]) for record in crm.pull()] == [(ids[3], "Hot")]
        crm.later(minutes=10)
        assert crm.pull() == []


def test_five_thousand_rows_of_one_second_survive_a_crash_after_any_page() -> None:
    with place(OrgConfig(largest_page=400), lag_seconds=0, overlap_seconds=0) as crm:
        made = {crm.lead(f"n{n}") for n in range(5000)}
        crm.later(minutes=1)
        seen: list[RawRecord] = []
        for _ in range(4):
            seen += crm.pull(pages=3)
        seen += crm.pull()
        assert sorted(record.id for record in seen) == sorted(made)


def test_pages_made_short_by_the_server_are_not_taken_for_the_end() -> None:
    with place(OrgConfig(largest_page=50)) as crm:
        made = {crm.lead(f"n{n}") for n in range(220)}
        crm.faults.add(short_page())
        assert {record.id for record in crm.pull()} == made


def test_a_row_that_commits_late_is_not_lost() -> None:
    with place(OrgConfig(commit_skew=timedelta(minutes=4), commit_skew_share=0.5, seed=3)) as crm:
        for _ in range(40):
            crm.lead(f"n{crm.org.clock.now().timestamp()}")
            crm.later(seconds=45)
            crm.pull()
        crm.later(minutes=10)
        crm.pull()
        assert set(crm.stored["Lead"]) == {row["Id"] for row in crm.org.rows("Lead")}


def test_deleted_and_merged_records_come_with_what_became_of_them() -> None:
    with place(lag_seconds=0) as crm:
        kept, lost, gone = (crm.lead(name) for name in "abc")
        crm.pull()
        crm.later(minutes=10)
        crm.org.merge("Lead", kept, [lost])
        crm.org.delete("Lead", gone)
        crm.later(minutes=10)
        crm.pull()
        stored = crm.stored["Lead"]
        assert (stored[lost].is_deleted, stored[lost].replaced_by) == (True, kept)
        assert (stored[gone].is_deleted, stored[gone].replaced_by) == (True, None)
        assert not stored[kept].is_deleted


def test_a_converted_lead_names_its_contact_and_refuses_writes_as_a_conflict() -> None:
    with place() as crm:
        lead = crm.lead()
        conversion = crm.org.convert_lead(lead, opportunity_name="Deal")
        crm.pull()
        assert crm.stored["Lead"][lead].fields["ConvertedContactId"] == conversion.contact_id
        receipt = crm.push(update(lead, Rating="Hot"))[f"update {lead}"]
        assert (receipt.outcome, receipt.code) == ("conflict", "CANNOT_UPDATE_CONVERTED_LEAD")


def test_a_field_taken_away_in_mid_walk_costs_that_field_only() -> None:
    with place(OrgConfig(largest_page=100)) as crm:
        made = {crm.lead(f"n{n}", Email=f"n{n}@example.com") for n in range(300)}
        crm.pull(pages=1)
        crm.org.hide_field("Lead", "Email")
        crm.pull()
        assert set(crm.stored["Lead"]) == made
        assert sum("Email" in record.fields for record in crm.stored["Lead"].values()) == 100


def test_a_hidden_object_degrades_itself_only() -> None:
    with place() as crm:
        crm.faults.add(refuse("NOT_FOUND", "The requested resource does not exist", status=404, route="/sobjects/Event/describe"))
        schemas = crm.connector.describe(["Lead", "Event"])
        assert (schemas["Lead"].readable, schemas["Event"].readable) == (True, False)


def test_every_stream_is_read() -> None:
    with place(lag_seconds=0) as crm:
        user = crm.org.add_user("Sato Ken", "sato@example.com")
        queue = crm.org.add_queue("Inside sales", ["Lead", "Task"])
        lead = crm.lead(Email="a@example.com")
        conversion = crm.org.convert_lead(lead, opportunity_name="Deal")
        assert conversion.opportunity_id is not None
        crm.later(minutes=1)
        crm.org.update("Opportunity", conversion.opportunity_id, {"StageName": "Closed Won"})
        other = crm.lead("Suzuki")
        crm.later(minutes=1)
        crm.org.update("Lead", other, {"Status": "Working - Contacted"})
        campaign = crm.org.insert("Campaign", {"Name": "Seminar", "Type": "Webinar"})
        crm.org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": other})
        crm.org.insert("Task", {"Subject": "Call", "WhoId": other})
        at = "2024-04-02T01:00:00.000+0000"
        crm.org.insert("Event", {"Subject": "Visit", "WhoId": other, "StartDateTime": at, "DurationInMinutes": 30})
        crm.later(minutes=1)
        for stream in CAPABILITIES.streams:
            assert crm.pull(stream.object, ("Name", "Subject", "Field", "NewValue", "StageName", "Campaign.Type")), stream.object
        assert queue in crm.stored["Group"]
        assert user in crm.stored["User"]
        members = crm.stored["CampaignMember"].values()
        assert [record.fields["Campaign.Type"] for record in members] == ["Webinar"]
        assert "Working - Contacted" in {record.fields["NewValue"] for record in crm.stored["LeadHistory"].values()}


@pytest.mark.parametrize("detail", ["", "not_for_rest"])
def test_an_expired_token_is_renewed_and_an_incurable_one_stops(detail: str) -> None:
    with place() as crm:
        crm.lead()
        crm.pull()
        crm.faults.add(Fault(FaultKind.EXPIRED_TOKEN, "/queryAll", calls=(1,), detail=detail))
        if detail:
            with pytest.raises(StopConnector):
                crm.pull()
        else:
            crm.pull()


def test_a_session_that_ran_out_on_the_orgs_clock_is_renewed() -> None:
    with place() as crm:
        crm.pull()
        crm.later(hours=9)
        crm.lead()
        crm.later(minutes=10)
        assert len(crm.pull()) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.HTML_502, "/queryAll", calls=(1,)),
        Fault(FaultKind.TRUNCATED, "/queryAll", calls=(1,)),
        Fault(FaultKind.CUT_BEFORE, "/queryAll", calls=(1,)),
        Fault(FaultKind.LOST_ANSWER, "/queryAll", calls=(1,)),
        Fault(FaultKind.LIMIT, "/queryAll", calls=(1,), detail="concurrent"),
        refuse("QUERY_TIMEOUT", "Your query request was running for too long.", route="/queryAll", calls=(1,)),
        refuse("INVALID_QUERY_LOCATOR", "invalid query locator", route="/query/", calls=(2,)),
        refuse("SERVER_UNAVAILABLE", "busy", status=503, route="/query", calls=(1, 3)),
    ],
    ids=lambda fault: f"{fault.kind} {fault.body[:60]!r}",
)
def test_trouble_on_the_way_loses_no_record(fault: Fault) -> None:
    with place(OrgConfig(largest_page=50)) as crm:
        made = {crm.lead(f"n{n}") for n in range(200)}
        crm.connector.describe(["Lead"])
        crm.faults.add(fault)
        assert sorted(record.id for record in crm.pull()) == sorted(made)
        assert crm.faults.strikes


def test_a_write_reaches_the_org_and_keeps_the_owner_that_it_sets() -> None:
    chosen: list[str] = []
    config = OrgConfig(assignment_rule=lambda _object, _row: chosen[0] if chosen else None)
    with place(config) as crm:
        chosen.append(crm.org.add_user("Rule Taro", "rule@example.com"))
        wanted = crm.org.add_user("Sato Ken", "sato@example.com")
        lead = crm.lead(OwnerId=wanted)
        receipt = crm.push(update(lead, OwnerId=wanted, Rating="Hot", Company="B"))[f"update {lead}"]
        row = crm.org.get("Lead", lead) or {}
        assert (row["OwnerId"], row["Rating"], row["Company"]) == (wanted, "Hot", "B")
        assert (receipt.outcome, receipt.modified_at) == ("written", START)


def test_null_clears_and_instants_and_numbers_are_kept() -> None:
    with place() as crm:
        lead = crm.lead(Rating="Hot")
        wanted: Any = {
            "Rating": None,
            "crmsync_score__c": 12.5,
            "crmsync_sla_due__c": "2024-04-02T09:30:00Z",
            "crmsync_phase__c": "mql",
        }
        assert crm.push(update(lead, **wanted))[f"update {lead}"].outcome == "written"
        crm.later(minutes=1)
        assert crm.push(update(lead, **wanted))[f"update {lead}"].outcome == "unchanged"
        row = crm.org.get("Lead", lead) or {}
        assert (row["Rating"], row["crmsync_score__c"]) == (None, 12.5)


def test_an_edit_by_a_person_in_between_is_a_conflict() -> None:
    with place() as crm:
        lead = crm.lead()
        decided_on = crm.connector.read("Lead", [lead], ["Rating"])[lead].modified_at
        crm.later(seconds=30)
        crm.org.update("Lead", lead, {"Rating": "Cold"})
        receipt = crm.push(update(lead, expected=decided_on, Rating="Hot"))[f"update {lead}"]
        assert receipt.outcome == "conflict"
        assert (crm.org.get("Lead", lead) or {})["Rating"] == "Cold"


def test_one_bad_record_never_costs_the_others_theirs() -> None:
    with place() as crm:
        ids = [crm.lead(f"n{n}") for n in range(250)]
        gone = ids[7]
        crm.org.delete("Lead", gone)
        changes = [update(lead, crmsync_phase__c="nonsense" if n == 3 else "mql") for n, lead in enumerate(ids)]
        receipts = crm.push(*changes)
        assert receipts.pop(f"update {gone}").code == "ENTITY_IS_DELETED"
        bad = receipts.pop(f"update {ids[3]}")
        assert (bad.outcome, bad.code) == ("rejected", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}


def test_a_locked_row_goes_again_within_the_run() -> None:
    with place() as crm:
        ids = [crm.lead(f"n{n}") for n in range(3)]
        crm.faults.add(lock_row(1, calls=(1,)))
        assert {receipt.outcome for receipt in crm.push(*(update(lead, Rating="Hot") for lead in ids)).values()} == {"written"}
        assert {row["Rating"] for row in crm.org.rows("Lead")} == {"Hot"}
        assert crm.faults.strikes


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.TRUNCATED, FaultKind.CUT_BEFORE, FaultKind.HTML_502])
def test_a_task_whose_answer_was_lost_exists_once(kind: FaultKind) -> None:
    with place() as crm:
        lead = crm.lead()
        crm.faults.add(Fault(kind, "/composite", calls=(1,)))
        receipt = crm.push(task("k1", WhoId=lead))["task k1"]
        assert crm.faults.strikes
        assert receipt.outcome == "written"
        assert [row["Id"] for row in crm.org.rows("Task")] == [receipt.record_id]
        crm.push(task("k1", WhoId=lead, Status="Completed"))
        assert [row["Status"] for row in crm.org.rows("Task")] == ["Completed"]


def test_tasks_come_back_by_key_with_their_record_id() -> None:
    with place() as crm:
        lead = crm.lead()
        receipts = crm.push(*(task(f"k{n}", WhoId=lead, Subject=f"s{n}") for n in range(220)))
        rows = {row["crmsync_key__c"]: row["Id"] for row in crm.org.rows("Task")}
        assert {key.removeprefix("task "): receipt.record_id for key, receipt in receipts.items()} == rows


def test_fields_wanted_and_present_are_told_apart() -> None:
    with place(OrgConfig(provisioned=False)) as crm:
        needs = (Need("Lead", "Rating", "choice", "Rating"), Need("Lead", "crmsync_phase__c", "choice", "Phase", ("mql",)))
        assert [step.state for step in crm.connector.provision(needs, apply=False)] == ["present", "missing"]


def test_a_field_of_activities_is_looked_for_on_tasks() -> None:
    with place() as crm:
        (step,) = crm.connector.provision([Need("Activity", "crmsync_key__c", "text", "Key", is_unique=True)], apply=True)
        assert step.state == "present"


def test_the_day_of_calls_is_known_from_the_start() -> None:
    with place(OrgConfig(daily_api_requests=1000, shows_api_bursts=True)) as crm:
        crm.pull()
        assert 900 < crm.client.usage.left["daily"] < 1000


def test_an_unknown_api_version_is_told_before_any_work() -> None:
    with place(api_version="99.0") as crm, pytest.raises(StopConnector, match="version_missing"):
        crm.pull()


def test_a_request_that_was_refused_for_its_session_is_sent_again_with_all_its_headers() -> None:
    """A retry that lost `Sforce-Auto-Assign` would let the assignment rule take the owner."""
    chosen: list[str] = []
    with place(OrgConfig(assignment_rule=lambda _object, _row: chosen[0] if chosen else None, duplicate_rule="alert")) as crm:
        wanted = crm.org.add_user("Sato Ken", "sato@example.com")
        lead, twin = crm.lead(), crm.lead(Email="same@example.com")
        chosen.append(crm.org.add_user("Rule Taro", "rule@example.com"))
        for route in ("/composite$", "/composite/sobjects"):
            crm.faults.add(Fault(FaultKind.EXPIRED_TOKEN, route, calls=(1,)))
        for text in ("plain", "@{by itself}"):
            changes = (update(lead, OwnerId=wanted, Company=text, Email="same@example.com"), update(twin, Company=text))
            assert {receipt.outcome for receipt in crm.push(*changes).values()} == {"written"}
            assert (crm.org.get("Lead", lead) or {})["OwnerId"] == wanted
        assert len(crm.faults.strikes) == 2


def test_an_empty_window_ends_by_the_orgs_clock_and_never_by_ours() -> None:
    """The org lives years before us here: a bookmark of our clock would lose everything that it will ever do."""
    with place(lag_seconds=0, overlap_seconds=0) as crm:
        for _ in range(3):
            crm.later(hours=1)
            assert crm.pull() == []
            assert crm.cursors["Lead"]["since"] <= crm.org.clock.now().isoformat()
        lead = crm.lead()
        crm.later(minutes=1)
        assert [record.id for record in crm.pull()] == [lead]


@pytest.mark.parametrize("bulk", [0, 1])
def test_an_object_too_wide_for_a_url_is_read_whole(bulk: int) -> None:
    names = [f"Wide_{'x' * 30}_{n}__c" for n in range(500)]
    config = OrgConfig(largest_page=10, extra_fields=tuple(("Lead", f"{name} string(20) rw") for name in names))
    with place(config, bulk_query_from=bulk) as crm:
        made = [crm.lead(f"n{n}", **{names[0]: f"a{n}", names[-1]: f"z{n}"}) for n in range(25)]
        crm.pull(fields=names)
        stored = crm.stored["Lead"]
        assert [(stored[lead].fields[names[0]], stored[lead].fields[names[-1]]) for lead in made] == [
            (f"a{n}", f"z{n}") for n in range(25)
        ]
        assert set(names) <= set(stored[made[0]].fields)
        assert crm.push(update(made[0], **dict.fromkeys(names, "v")))[f"update {made[0]}"].outcome == "written"
        assert crm.connector.read("Lead", made, names)[made[0]].fields[names[250]] == "v"
