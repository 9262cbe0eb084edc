"""Colleagues at work in the sandbox's Salesforce: leads, contacts, activities, campaigns, opportunities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.salesforce.org import Org
from crmsync.sandbox.salesforce.times import stamp as org_stamp
from crmsync.sandbox.world.desk import Bant, Desk, DeskTask, stamp
from crmsync.sandbox.world.people import Human
from crmsync.sandbox.world.person import Case, Person
from crmsync.sandbox.world.roster import QUEUE_NAME, Rep
from crmsync.sandbox.world.truth import Truth
from crmsync.sandbox.world.worktime import day_of

OPEN_STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review")
LEAD_SOURCES = {
    "seo": "Web", "web_ad": "Advertisement", "white_paper": "Web", "seminar": "Seminar", "sns": "Web", "trade_show": "Trade Show",
    "cold_call": "Purchased List", "direct_mail": "Direct Mail",
}  # fmt: skip
_MEETING = timedelta(hours=1)
_FIELDS = {"phone": "Phone", "title": "Title", "company": "Company", "email": "Email"}


class SalesforceDesk(Desk):
    """Acts as the reps' own users; what nobody in particular does, the org's administrator does."""

    system = "salesforce"

    def __init__(self, org: Org, clock: VirtualClock, truth: Truth, *, is_stock: bool = False) -> None:
        super().__init__(clock, truth, is_stock=is_stock)
        self._org = org
        self._rep_of: dict[str, str] = {}
        self._members: set[tuple[str, str]] = set()
        self._looked_at = ""
        self.queue = ""

    # ------------------------------------------------------------------------------------------------------ setting up

    def open_office(self, reps: Iterable[Rep]) -> None:
        """Users, and the queue of inside sales."""
        for rep in reps:
            self.reps[rep.rep_id] = self._org.add_user(rep.full_name, rep.rep_id)
        self._rep_of = {user: rep_id for rep_id, user in self.reps.items()}
        self.queue = self._org.add_queue(QUEUE_NAME, ["Lead", "Task"])

    def open_campaign(self, name: str, kind: str, cost: int, by: Rep) -> str:
        """A campaign that starts today; `kind` is one of Salesforce's campaign types. Gives its id."""
        day = day_of(self._clock.now()).isoformat()
        fields = {"Name": name, "Type": kind, "Status": "In Progress", "IsActive": True, "ActualCost": cost, "StartDate": day}
        return self._org.insert("Campaign", fields, by=self.reps[by.rep_id])

    # ----------------------------------------------------------------------------------------------------- new records

    def add_lead(self, person: Person, owner: Rep | None, *, email: str | None, hubspot_id: str | None = None) -> str:
        """A Lead of the person, owned by a rep or by the queue. Gives its id."""
        fields = {
            **_attributes(person.human),
            "Email": email,
            "LeadSource": LEAD_SOURCES[person.human.source_method],
            "Status": "Open - Not Contacted",
            "OwnerId": self.reps[owner.rep_id] if owner else self.queue,
            "crmsync_hubspot_id__c": hubspot_id,
        }
        known = {name: value for name, value in self.fillable(fields).items() if value is not None}
        lead = self._org.insert("Lead", known)
        person.leads.append(lead)
        self.owns(person, "Lead", lead)
        return lead

    def respond(self, person: Person, campaign: str, kind: str) -> None:
        """The person answers a campaign: came to the seminar, left a card. Answering one campaign twice is no news."""
        column, record = person.salesforce_record
        if (campaign, person.key) in self._members:  # a converted lead's membership is the contact's too
            return
        self._members.add((campaign, person.key))
        member = self._org.insert("CampaignMember", {"CampaignId": campaign, f"{column}Id": record, "Status": "Responded"})
        self.touched(person, kind, "CampaignMember", member, campaign)

    # ------------------------------------------------------------------------------------------------- theirs towards us

    def call_in(self, person: Person, rep: Rep) -> None:
        more = {"TaskSubtype": "Call", "CallType": "Inbound", "CallDurationInSeconds": 240, "CallDisposition": "Connected"}
        self.touched(person, "inbound_call", "Task", self._done(person, rep, "お問い合わせの電話", more))

    # ------------------------------------------------------------------------------------------------------- the tasks

    def open_tasks(self) -> Iterator[DeskTask]:
        """Those that changed since the last look: whoever has seen a task once does not read the whole list again."""
        table = self._org.tables["Task"]
        with self._org.lock:
            changed = [table.rows[task] for task in table.by_time.between(table.rows, self._looked_at, None)]
        self._looked_at = org_stamp(self._clock.now())
        for row in sorted(changed, key=lambda row: str(row["Id"])):
            open_ours = row.get("crmsync_key__c") and not row.get("IsClosed") and not row.get("IsDeleted")
            person = self._person_behind(row.get("WhoId")) if open_ours and row["OwnerId"] in self._rep_of else None
            if person:
                yield DeskTask(self.system, row["Id"], self._rep_of[row["OwnerId"]], person)

    def _person_behind(self, who: str | None) -> str | None:
        if not who:
            return None
        person = self.truth.person_of(self.system, "Contact" if who.startswith("003") else "Lead", who)
        return person.key if person else None

    def is_open(self, task: DeskTask) -> bool:
        row = self._org.get("Task", task.id)
        return row is not None and not row["IsClosed"] and self._rep_of.get(row["OwnerId"]) == task.rep_id

    def close_task(self, task: DeskTask, rep: Rep) -> None:
        self._org.update("Task", task.id, {"Status": "Completed"}, by=self.reps[rep.rep_id])

    # ------------------------------------------------------------------------------------------------- edits by hand

    def owner_of(self, person: Person) -> str | None:
        row = self._org.get(*person.salesforce_record)
        return self._rep_of.get(row["OwnerId"]) if row else None

    def give_to(self, person: Person, owner: Rep, by: Rep) -> None:
        self._change(person, by, {"OwnerId": self.reps[owner.rep_id]})
        self.note(person, "owner_changed", by.rep_id, owner.rep_id)

    def edit(self, person: Person, by: Rep, **changes: str | None) -> None:
        fields = {_FIELDS[name]: value for name, value in changes.items() if not (person.contact and name == "company")}
        self._change(person, by, fields)

    def remark(self, person: Person, by: Rep, text: str) -> None:
        self._change(person, by, {"Description": text})

    def opt_out(self, person: Person) -> None:
        self._change(person, None, {"HasOptedOutOfEmail": True})

    def bounce(self, person: Person) -> None:
        at = stamp(self._clock.now())
        self._change(person, None, {"EmailBouncedReason": "550 5.1.1 user unknown", "EmailBouncedDate": at})

    def merge_twin(self, person: Person, by: Rep) -> None:
        """The duplicate Lead goes into the main one, if both are still leads."""
        if person.contact or len(person.leads) < 2:
            return
        winner, loser = person.leads[0], person.leads.pop()
        self._org.merge("Lead", winner, [loser], by=self.reps[by.rep_id])
        self.truth.end_record(self.system, "Lead", loser, self._clock.now())
        self.note(person, "merged", by.rep_id, loser)

    def deactivate(self, rep: Rep) -> None:
        self._org.update("User", self.reps[rep.rep_id], {"IsActive": False})

    # ----------------------------------------------------------------------------------------------------- our deeds

    def _log_call(self, person: Person, rep: Rep, connected: bool, talk: str) -> tuple[str, str]:
        more = {
            "TaskSubtype": "Call",
            "CallType": "Outbound",
            "CallDisposition": "Connected" if connected else "No answer",
            "CallDurationInSeconds": 420 if connected else 20,
            "Description": talk or None,
        }
        return "Task", self._done(person, rep, "架電", {name: value for name, value in more.items() if value is not None})

    def _log_email(self, person: Person, rep: Rep, subject: str) -> tuple[str, str]:
        return "Task", self._done(person, rep, f"Email: {subject}", {"TaskSubtype": "Email"})

    def _log_meeting(self, person: Person, rep: Rep, title: str) -> tuple[str, str]:
        now = self._clock.now()
        fields = {
            "Subject": title,
            "StartDateTime": stamp(now - _MEETING),
            "EndDateTime": stamp(now),
            "OwnerId": self.reps[rep.rep_id],
            **self._about(person),
        }
        return "Event", self._org.insert("Event", fields, by=self.reps[rep.rep_id])

    def _done(self, person: Person, rep: Rep, subject: str, more: Mapping[str, Any]) -> str:
        """A task of the rep's own, completed now."""
        fields = {
            "Subject": subject,
            "Status": "Completed",
            "Priority": "Normal",
            "ActivityDate": day_of(self._clock.now()).isoformat(),
            "OwnerId": self.reps[rep.rep_id],
            **self._about(person),
            **more,
        }
        return self._org.insert("Task", fields, by=self.reps[rep.rep_id])

    def _about(self, person: Person) -> dict[str, str]:
        """Who, and the opportunity where there is one (a Lead's activity can have none)."""
        about = {"WhoId": person.salesforce_record[1]}
        if person.contact and person.case and person.case.system == self.system:
            about["WhatId"] = person.case.id
        return about

    def _set_accepted(self, person: Person, rep: Rep, bant: Bant, talk: str) -> None:
        fields: dict[str, Any] = {f"crmsync_{letter}__c": state for letter, state in bant.items()}
        fields |= {"crmsync_talk_summary__c": talk, "crmsync_rejection_reason__c": None}
        self._change(person, rep, fields | self._status(person, "Working - Contacted"))

    def _set_rejected(self, person: Person, rep: Rep, reason: str) -> None:
        fields = {"crmsync_rejection_reason__c": reason}
        self._change(person, rep, fields | self._status(person, "Closed - Not Converted"))

    def _set_acknowledged(self, person: Person, rep: Rep) -> None:
        self._change(person, rep, {"crmsync_acknowledged_at__c": stamp(self._clock.now())})

    @staticmethod
    def _status(person: Person, status: str) -> dict[str, str]:
        """A contact has no status: what the rep thinks of them is in the other fields."""
        return {} if person.contact else {"Status": status}

    def _change(self, person: Person, by: Rep | None, fields: Mapping[str, Any]) -> None:
        self._org.update(*person.salesforce_record, self.fillable(fields), by=self.reps[by.rep_id] if by else None)

    # --------------------------------------------------------------------------------------------------- opportunities

    def _open_case(self, person: Person, rep: Rep, amount: int) -> tuple[str, str]:
        user = self.reps[rep.rep_id]
        name = f"{person.human.written_company} 新規導入"[:120]
        close = (day_of(self._clock.now()) + timedelta(days=45)).isoformat()
        fields = {"Amount": amount, "CloseDate": close, "StageName": OPEN_STAGES[0]}
        if not person.contact:
            made = self._convert(person, rep, name)
            self._org.update("Opportunity", made, {**fields, "OwnerId": user, "Type": "New Customer"}, by=user)
            return "Opportunity", made
        fields |= {"Name": name, "OwnerId": user, "Type": "New Customer", "AccountId": person.account}
        made = self._org.insert("Opportunity", fields, by=user)
        self._org.insert("OpportunityContactRole", {"OpportunityId": made, "ContactId": person.contact, "IsPrimary": True}, by=user)
        return "Opportunity", made

    def _convert(self, person: Person, rep: Rep, name: str) -> str:
        """The lead becomes contact, account and opportunity, and is read-only from then on. Gives the opportunity."""
        lead, user = person.leads[0], self.reps[rep.rep_id]
        self._org.update("Lead", lead, {"OwnerId": user}, by=user)  # whoever converts takes over, from a queue or a leaver too
        made = self._org.convert_lead(lead, by=user, opportunity_name=name)
        person.contact, person.account = made.contact_id, made.account_id
        company = person.human.company
        if company:
            about = {
                "Website": f"https://www.{company.domain}",
                "Industry": company.industry,
                "NumberOfEmployees": company.employees,
            }
            about |= {"BillingState": company.prefecture, "crmsync_corporate_number__c": company.corporate_number}
            self._org.update("Account", made.account_id, self.fillable(about), by=user)
        self.truth.end_record(self.system, "Lead", lead, self._clock.now())
        self.owns(person, "Contact", made.contact_id)
        self.note(person, "converted", rep.rep_id, made.contact_id)
        assert made.opportunity_id is not None, "a conversion with a name makes an opportunity"  # noqa: S101
        return made.opportunity_id

    def _own_case(self, case: Case, rep: Rep) -> None:
        user = self.reps[rep.rep_id]
        self._org.update("Opportunity", case.id, {"OwnerId": user}, by=user)

    def _stage_case(self, case: Case, rep: Rep) -> None:
        stage = OPEN_STAGES[min(case.stage, len(OPEN_STAGES) - 1)]
        self._org.update("Opportunity", case.id, {"StageName": stage}, by=self.reps[rep.rep_id])

    def _win_case(self, case: Case, rep: Rep, contract_end: date, promised: str) -> None:
        fields = {
            "StageName": "Closed Won",
            "CloseDate": day_of(self._clock.now()).isoformat(),
            "crmsync_contract_end__c": contract_end.isoformat(),
            "crmsync_promised__c": promised,
        }
        self._org.update("Opportunity", case.id, self.fillable(fields), by=self.reps[rep.rep_id])

    def _lose_case(self, case: Case, rep: Rep, reason: str) -> None:
        day = day_of(self._clock.now()).isoformat()
        fields = {"StageName": "Closed Lost", "CloseDate": day, "crmsync_lost_reason__c": reason}
        self._org.update("Opportunity", case.id, self.fillable(fields), by=self.reps[rep.rep_id])


def _attributes(human: Human) -> dict[str, Any]:
    company = human.company
    return {
        "LastName": human.name.family.written,
        "FirstName": human.name.given.written,
        "Title": human.title,
        "Phone": human.phone,
        "Company": human.written_company,
        "Country": "Japan",
        "Industry": company.industry if company else None,
        "NumberOfEmployees": company.employees if company else None,
        "State": company.prefecture if company else None,
    }
