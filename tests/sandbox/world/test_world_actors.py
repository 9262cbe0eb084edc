"""Who does what after day zero, and only on what they can see in their CRM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from crmsync.sandbox.world import Actors, RepTempers, TrueAct, TruePerson, WorldConfig
from crmsync.sandbox.world.control import Sandbox, build_sandbox
from crmsync.sandbox.world.worktime import is_working

OURS = [
    "phase",
    "temperature",
    "score",
    "fit",
    "interest",
    "cycle",
    "reason_ja",
    "reason_en",
    "sla_due",
    "recycle_due",
    "sla_state",
    "recycle_reason",
    "nurture",
    "definition",
]
EAGER = RepTempers(
    untouched=0, lazy_share=0, closes_without_call=0, connect_5_minutes=1, connect_1_hour=1, connect_24_hours=1, connect_72_hours=1,
    accept=1, hot_accept=1, converts=1, wins=1, wins_enterprise=1, field_late=0, acknowledges=1, cs_late=0,
)  # fmt: skip
REPS_ONLY = replace(Actors.none(), inside_sales=True, field_sales=True, customer_success=True)


class Office:
    """A sandbox in which only reps move, and tasks written as crmsync would write them."""

    def __init__(self, tempers: RepTempers = EAGER, **changes: Any) -> None:
        self.sandbox = build_sandbox(WorldConfig(population=120, actors=REPS_ONLY, tempers=tempers, **changes))
        self.users = {row["Email"]: row["Id"] for row in self.sandbox.org.rows("User")}
        self.owners = {o.email: str(o.id) for o in self.sandbox.portal.objects.owners.listed(archived=False)}

    def somebody(self, system: str, *stories: str) -> TruePerson:
        """An ordinary person of one of these stories with a record in `system`; without Salesforce when it is HubSpot."""
        for person in self.sandbox.truth.people.values():
            systems = {record.system for record in self.sandbox.truth.records(person)}
            fits = systems == {"hubspot"} if system == "hubspot" else system in systems
            blank = not person.missing and person.kind == "ordinary" and not self.sandbox.truth.opted_out(person)
            if fits and blank and person.story in stories:
                return person
        raise AssertionError("nobody of that story")

    def task(self, person: TruePerson, department: str, key: str = "sla/1") -> str:
        """Give the first rep of a department an open task about the person, and the record. Gives the rep."""
        rep = next(rep.rep_id for rep in self.sandbox.world.reps if rep.department == department and rep.is_active)
        record = self.sandbox.truth.records(person)[-1]
        if record.system == "salesforce":
            self.sandbox.org.update(record.object, record.id, {"OwnerId": self.users[rep]})
            fields = {"Subject": "call", "OwnerId": self.users[rep], "WhoId": record.id, "crmsync_key__c": key}
            self.sandbox.org.insert("Task", fields)
        else:
            self.sandbox.portal.update("contacts", record.id, {"hubspot_owner_id": self.owners[rep]})
            now = self.sandbox.clock.now().isoformat()
            values = {"hs_task_subject": "call", "hs_timestamp": now, "hubspot_owner_id": self.owners[rep], "crmsync_key": key}
            self.sandbox.portal.create("tasks", values, associations=[("contacts", record.id)])
        return rep

    def wait(self, days: float) -> None:
        self.sandbox.advance_to(self.sandbox.clock.now() + timedelta(days=days))

    def since_zero(self, person: TruePerson, *kinds: str) -> list[TrueAct]:
        return [act for act in self.sandbox.truth.acts(person, *kinds) if act.at >= self.sandbox.config.day_zero]


def new_approaches(sandbox: Sandbox) -> list[Any]:
    return [approach for approach in sandbox.truth.all_approaches if approach.at > sandbox.config.day_zero]


# -------------------------------------------------------------------------------------------------- without tasks, nothing


def test_without_a_task_of_ours_no_lead_is_called_accepted_or_rejected(played: Sandbox) -> None:
    zero = played.config.day_zero
    acts = Counter(act.kind for act in played.truth.all_acts if act.at > zero)
    assert not acts["accepted"]
    assert not acts["rejected"]
    assert not acts["acknowledged"]
    assert all(played.truth.people[a.person].story == "active" for a in new_approaches(played))
    changed = [row for row in played.org.rows("LeadHistory") if datetime.fromisoformat(row["CreatedDate"]) > zero]
    assert not [row for row in changed if row["Field"] == "Status"]


def test_no_actor_ever_writes_a_field_that_crmsync_owns(played: Sandbox) -> None:
    for name in ("Lead", "Contact"):
        for row in played.org.rows(name):
            assert all(row[f"crmsync_{field}__c"] is None for field in OURS)
    for values in played.portal.rows("contacts"):
        assert not [field for field in OURS if f"crmsync_{field}" in values]
    assert not [row for row in played.org.rows("Task") if row["crmsync_key__c"]]


# ------------------------------------------------------------------------------------------------------------ with a task


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_a_rep_who_finds_a_task_calls_within_working_hours_and_the_truth_has_it(system: str) -> None:
    office = Office()
    person = office.somebody(system, "fresh", "nurtured")
    rep = office.task(person, "inside_sales")
    office.wait(10)
    calls = [a for a in office.sandbox.truth.approaches(person) if a.at > office.sandbox.config.day_zero]
    assert calls[0].kind == "call"
    assert calls[0].rep == rep
    assert calls[0].system == system
    assert all(is_working(call.at) for call in calls)
    if system == "salesforce":
        row = office.sandbox.org.get("Task", calls[0].record_id)
        assert row is not None
        assert (row["TaskSubtype"], row["Status"], row["OwnerId"]) == ("Call", "Completed", office.users[rep])
    else:
        values = office.sandbox.portal.get("calls", calls[0].record_id)
        assert values is not None
        assert (values["hs_call_direction"], values["hs_call_status"]) == ("OUTBOUND", "COMPLETED")
    assert {a.person for a in new_approaches(office.sandbox)} <= {person.key, *_active(office.sandbox)}


def _active(sandbox: Sandbox) -> set[str]:
    return {key for key, person in sandbox.truth.people.items() if person.story == "active"}


def test_who_is_accepted_in_hubspot_gets_status_bant_and_a_deal() -> None:
    office = Office()
    person = office.somebody("hubspot", "fresh", "nurtured")
    office.task(person, "inside_sales")
    office.wait(14)
    contact = office.sandbox.portal.get("contacts", office.sandbox.truth.records(person)[0].id)
    assert contact is not None
    assert contact["hs_lead_status"] == "CONNECTED"
    assert contact["crmsync_need"] == "yes"
    assert sum(contact[f"crmsync_{letter}"] in ("partial", "yes") for letter in ("budget", "authority", "timeframe")) >= 2
    assert contact["crmsync_talk_summary"]
    assert office.since_zero(person, "accepted")
    assert [o.system for o in office.sandbox.truth.opportunities(person)] == ["hubspot"]


def test_who_is_accepted_and_converted_in_salesforce_lives_on_as_a_contact() -> None:
    office = Office()
    person = office.somebody("salesforce", "fresh", "nurtured")
    lead = next(r for r in office.sandbox.truth.records(person) if r.object == "Lead")
    office.task(person, "inside_sales")
    office.wait(14)
    row = office.sandbox.org.get("Lead", lead.id)
    assert row is not None
    assert row["IsConverted"]
    contact = office.sandbox.org.get("Contact", row["ConvertedContactId"])
    assert contact is not None
    assert contact["crmsync_need__c"] == "yes"
    assert office.sandbox.truth.person_of("salesforce", "Contact", contact["Id"]) == office.sandbox.truth.people[person.key]
    assert lead.id not in {record.id for record in office.sandbox.truth.records(person)}


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_who_is_rejected_carries_the_reason(system: str) -> None:
    office = Office(replace(EAGER, accept=0, hot_accept=0))
    person = office.somebody(system, "fresh", "nurtured")
    office.task(person, "inside_sales")
    office.wait(10)
    (act,) = office.since_zero(person, "rejected")
    record = office.sandbox.truth.records(person)[-1]
    if system == "salesforce":
        row = office.sandbox.org.get(record.object, record.id)
        assert row is not None
        assert (row["Status"], row["crmsync_rejection_reason__c"]) == ("Closed - Not Converted", act.detail)
    else:
        values = office.sandbox.portal.get("contacts", record.id)
        assert values is not None
        assert (values["hs_lead_status"], values["crmsync_rejection_reason"]) == ("UNQUALIFIED", act.detail)


@pytest.mark.parametrize("tempers", [replace(EAGER, untouched=1), replace(EAGER, closes_without_call=1)])
def test_some_never_call(tempers: RepTempers) -> None:
    office = Office(tempers)
    person = office.somebody("salesforce", "fresh", "nurtured")
    office.task(person, "inside_sales")
    office.wait(20)
    assert not [a for a in office.sandbox.truth.approaches(person) if a.at > office.sandbox.config.day_zero]
    closed = [row for row in office.sandbox.org.rows("Task") if row["crmsync_key__c"] and row["IsClosed"]]
    assert bool(closed) == bool(office.since_zero(person, "closed_task")) == (tempers.closes_without_call == 1)
    assert bool(office.since_zero(person, "ignored")) == (tempers.untouched == 1)


def _close(office: Office) -> None:
    (task,) = [row for row in office.sandbox.org.rows("Task") if row["crmsync_key__c"]]
    office.sandbox.org.update("Task", task["Id"], {"Status": "Completed"})


def _hand_over(office: Office) -> None:
    (task,) = [row for row in office.sandbox.org.rows("Task") if row["crmsync_key__c"]]
    other = next(rep.rep_id for rep in office.sandbox.world.reps if rep.department == "marketing")
    office.sandbox.org.update("Task", task["Id"], {"OwnerId": office.users[other]})


@pytest.mark.parametrize("lost", [_close, _hand_over])
def test_a_task_that_is_closed_or_taken_away_is_not_worked(lost: Callable[[Office], None]) -> None:
    office = Office()
    person = office.somebody("salesforce", "fresh", "nurtured")
    office.task(person, "inside_sales")
    office.wait(0.03)
    lost(office)
    office.wait(20)
    assert not [a for a in office.sandbox.truth.approaches(person) if a.at > office.sandbox.config.day_zero]


def test_a_rep_tries_again_and_gives_up_in_the_end() -> None:
    deaf = replace(
        EAGER, connect_5_minutes=0, connect_1_hour=0, connect_24_hours=0, connect_72_hours=0, attempts=3, gives_up_silently=0
    )
    office = Office(deaf)
    person = office.somebody("salesforce", "fresh", "nurtured")
    office.task(person, "inside_sales")
    office.wait(40)
    calls = [a for a in office.sandbox.truth.approaches(person) if a.at > office.sandbox.config.day_zero and a.kind == "call"]
    assert [call.connected for call in calls] == [False] * 3
    assert [act.detail for act in office.since_zero(person, "rejected")] == ["unreachable"]


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_field_sales_meets_and_wins_and_customer_success_acknowledges(system: str) -> None:
    office = Office()
    person = office.somebody(system, "fresh", "nurtured")
    office.task(person, "inside_sales", "sla/is")
    office.wait(12)
    seller = office.task(person, "field_sales", "sla/fs")
    office.wait(60)
    (case,) = office.sandbox.truth.opportunities(person)
    assert (case.status, case.rep, case.system) == ("won", seller, system)
    assert "meeting" in {a.kind for a in office.sandbox.truth.approaches(person) if a.rep == seller}
    if system == "salesforce":
        row = office.sandbox.org.get("Opportunity", case.id)
        assert row is not None
        assert row["IsWon"]
        assert row["crmsync_promised__c"]
    else:
        values = office.sandbox.portal.get("deals", case.id)
        assert values is not None
        assert values["dealstage"] == "closedwon"
        assert values["crmsync_contract_end"] == str(case.contract_end)
    keeper = office.task(person, "customer_success", "sla/cs")
    office.wait(10)
    assert [act.by for act in office.since_zero(person, "acknowledged")] == [keeper]


# --------------------------------------------------------------------------------------------------------- those outside


def test_the_crms_hold_exactly_the_touches_of_the_truth(played: Sandbox) -> None:
    truth, activity = played.truth, played.portal.activity
    told = Counter((touch.object, touch.kind) for touch in truth.all_touches)
    views = sum(
        len(activity.events.between(int(record.id), "", ""))
        for key in truth.people
        for record in truth.records(key)
        if record.system == "hubspot"
    )
    assert sum(count for (where, _), count in told.items() if where == "page_views") == views
    for form in activity.forms.values():
        kind = {"資料請求": "document_request", "見積依頼": "quote_request", "セミナー申込": "seminar"}[form.name]
        assert told["form_submissions", kind] == len(form.submissions)
    members = list(played.org.rows("CampaignMember"))
    assert told["CampaignMember", "seminar"] + told["CampaignMember", "card_exchange"] == len(members)
    calls_in = [row for row in played.org.rows("Task") if row["CallType"] == "Inbound"]
    assert told["Task", "inbound_call"] == len(calls_in)
    opened = sum(int(row.get("hs_email_open", "0")) for row in played.portal.rows("contacts"))
    assert told["contacts", "email_open"] == opened


def test_every_approach_of_the_truth_is_in_its_crm_at_its_time(played: Sandbox) -> None:
    for approach in played.truth.all_approaches:
        if approach.system == "hubspot":
            values = played.portal.get(approach.object, approach.record_id)
            assert values is not None
            assert datetime.fromisoformat(values["hs_timestamp"]) == approach.at.replace(microsecond=0)
        else:
            row = played.org.get(approach.object, approach.record_id)
            assert row is not None
            assert datetime.fromisoformat(row["CreatedDate"]) == approach.at.replace(microsecond=0)


def test_newcomers_by_the_web_are_in_salesforce_within_a_quarter_of_an_hour_mostly(played: Sandbox) -> None:
    truth = played.truth
    delays = []
    for person in truth.people.values():
        records = truth.records(person, live=False)
        if person.story == "new" and records and records[0].system == "hubspot":
            leads = [record.since - person.appeared_at for record in records if record.object == "Lead"]
            delays.append(leads[0] if leads else None)
    copied = [delay for delay in delays if delay is not None]
    assert len(copied) / len(delays) > 0.75
    assert sum(delay <= timedelta(minutes=15) for delay in copied) / len(copied) > 0.9


def test_a_trade_show_is_a_burst_of_cards_in_one_afternoon(played: Sandbox) -> None:
    day = played.config.day_zero + timedelta(days=played.config.trade_show_days[0])
    cards = [t for t in played.truth.all_touches if t.kind == "card_exchange" and abs(t.at - day) < timedelta(days=1)]
    assert len(cards) >= 10
    assert max(t.at for t in cards) - min(t.at for t in cards) < timedelta(hours=5)


def test_some_of_those_who_were_lost_or_rejected_come_back_with_a_request() -> None:
    sandbox = build_sandbox(WorldConfig.lively(population=300))
    zero = sandbox.config.day_zero
    sandbox.advance_to(zero + timedelta(days=60))
    back = [act for act in sandbox.truth.all_acts if act.kind == "came_back"]
    assert len(back) >= 10
    for act in back:
        ends = [a.at for a in sandbox.truth.acts(act.person, "rejected")]
        ends += [o.closed_at for o in sandbox.truth.opportunities(act.person) if o.closed_at]
        assert min(ends) < act.at
        fresh = [t for t in sandbox.truth.touches(act.person) if act.at <= t.at <= act.at + timedelta(minutes=60)]
        assert {"document_request", "quote_request"} & {t.kind for t in fresh}


# -------------------------------------------------------------------------------------------------------------- the office


def test_a_rep_leaves_on_the_given_day_in_both_crms() -> None:
    sandbox = build_sandbox(WorldConfig(population=60, rep_leaves_on_day=3))
    before = sum(not row["IsActive"] for row in sandbox.org.rows("User"))
    sandbox.advance_to(sandbox.config.day_zero + timedelta(days=2, hours=23))
    assert sum(not row["IsActive"] for row in sandbox.org.rows("User")) == before
    sandbox.advance_to(sandbox.config.day_zero + timedelta(days=3))
    assert sum(not row["IsActive"] for row in sandbox.org.rows("User")) == before + 1
    assert len(list(sandbox.portal.objects.owners.listed(archived=True))) == before + 1


def test_edits_by_hand_and_new_jobs_are_in_the_crm_and_in_the_truth() -> None:
    office = replace(Actors.none(), office=True)
    sandbox = build_sandbox(WorldConfig(population=200, actors=office, edits_per_day=0.2, changes_job_per_year=1.5))
    sandbox.advance_to(sandbox.config.day_zero + timedelta(days=30))
    kinds = Counter(act.kind for act in sandbox.truth.all_acts if act.at > sandbox.config.day_zero)
    assert min(kinds[kind] for kind in ("edited", "owner_changed", "changed_job")) >= 3
    for act in sandbox.truth.all_acts:
        if act.kind == "changed_job" and act.system == "salesforce":
            person = sandbox.truth.people[act.person]
            record = next(r for r in sandbox.truth.records(person) if r.system == "salesforce")
            row = sandbox.org.get(record.object, record.id)
            assert row is not None
            assert row["Email"] == person.email != person.emails[0]


def test_a_new_owner_is_of_the_same_department() -> None:
    office = replace(Actors.none(), office=True)
    sandbox = build_sandbox(WorldConfig(population=200, actors=office, edits_per_day=0.1))
    sandbox.advance_to(sandbox.config.day_zero + timedelta(days=30))
    departments = {rep.rep_id: rep.department for rep in sandbox.world.reps}
    moved = [act for act in sandbox.truth.all_acts if act.kind == "owner_changed" and act.at > sandbox.config.day_zero]
    assert moved
    assert all(departments[act.detail] == departments[act.by] for act in moved)


def test_merged_duplicates_leave_one_record_that_the_truth_knows() -> None:
    office = replace(Actors.none(), office=True)
    sandbox = build_sandbox(WorldConfig(population=400, actors=office, merges_per_week=20))
    sandbox.advance_to(sandbox.config.day_zero + timedelta(days=60))
    merged = [act for act in sandbox.truth.all_acts if act.kind == "merged"]
    assert {act.system for act in merged} == {"salesforce", "hubspot"}
    for act in merged:
        records = [record for record in sandbox.truth.records(act.person) if record.system == act.system]
        assert act.detail not in {record.id for record in records}
        read = sandbox.org.get if act.system == "salesforce" else sandbox.portal.get
        assert [bool(read(record.object, record.id)) for record in records] == [True]


def test_a_conversion_is_told_to_the_linked_hubspot_contact(populated: Sandbox) -> None:
    linked = [row for row in populated.portal.rows("contacts") if row.get("salesforcecontactid")]
    assert linked
    for row in linked:
        lead = populated.org.get("Lead", row["salesforceleadid"])
        assert lead is not None
        assert lead["ConvertedContactId"] == row["salesforcecontactid"]


def test_sixty_days_with_a_task_for_everybody_every_day_go_by_without_a_refusal() -> None:
    office = Office(RepTempers(attempts=2, accept=0.8, reply_hours=2))
    sandbox = office.sandbox = build_sandbox(WorldConfig.lively(population=120, seed=5, edits_per_day=0.05, merges_per_week=5))
    office.users = {row["Email"]: row["Id"] for row in sandbox.org.rows("User")}
    office.owners = {o.email: str(o.id) for o in sandbox.portal.objects.owners.listed(archived=False)}
    departments = ("inside_sales", "field_sales", "customer_success")
    for day in range(60):
        for person in list(sandbox.truth.people.values())[day % 3 :: 3]:
            office.task(person, departments[(day // 3) % 3], f"{person.key}/{day}")
        office.wait(1)
    done = Counter(act.kind for act in sandbox.truth.all_acts if act.at > sandbox.config.day_zero)
    assert all(done[kind] for kind in ("accepted", "rejected", "acknowledged", "converted", "ignored", "closed_task", "came_back"))
