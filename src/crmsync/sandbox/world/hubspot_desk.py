"""Colleagues at work in the sandbox's HubSpot, and what visitors leave there: contacts, pages, forms, activities, deals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.records import Source
from crmsync.sandbox.hubspot.types import object_type
from crmsync.sandbox.world.companies import Company
from crmsync.sandbox.world.desk import Bant, Desk, DeskTask, stamp
from crmsync.sandbox.world.person import Case, Person
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.truth import Truth

SITE = "https://www.ourcompany.example"
PAGES = {
    "pricing_page": ("/pricing/", "/pricing/enterprise/"),
    "case_page": ("/case/manufacturing/", "/case/logistics/", "/case/retail/"),
    "page_view": ("/", "/product/", "/blog/sales-and-marketing/", "/company/"),
}
FORMS = {"document_request": "資料請求", "quote_request": "見積依頼", "seminar": "セミナー申込"}
FORM_PAGES = {"document_request": "/download/", "quote_request": "/quote/", "seminar": "/seminar/"}
OPEN_STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent")
CONNECTED, NO_ANSWER = "f240bbac-87c9-4f6e-bf70-924b57d47db7", "73a0d17f-1163-4015-bdd5-ec830791da20"
_INDUSTRIES = {
    "Manufacturing": "MACHINERY", "Electronics": "ELECTRICAL_ELECTRONIC_MANUFACTURING", "Technology": "COMPUTER_SOFTWARE",
    "Transportation": "LOGISTICS_AND_SUPPLY_CHAIN", "Retail": "RETAIL", "Food & Beverage": "FOOD_BEVERAGES",
    "Construction": "CONSTRUCTION", "Finance": "REAL_ESTATE", "Healthcare": "HOSPITAL_HEALTH_CARE",
    "Consulting": "MANAGEMENT_CONSULTING", "Education": "EDUCATION_MANAGEMENT", "Media": "MARKETING_AND_ADVERTISING",
}  # fmt: skip
_FIELDS = {"phone": "phone", "title": "jobtitle", "company": "company", "email": "email"}
_MEETING = timedelta(hours=1)


class HubSpotDesk(Desk):
    """Acts as the reps' own owners. Companies are made once per domain, as the portal itself would."""

    system = "hubspot"

    def __init__(self, portal: Portal, clock: VirtualClock, truth: Truth, *, is_stock: bool = False) -> None:
        super().__init__(clock, truth, is_stock=is_stock)
        self._portal = portal
        self._rep_of: dict[str, str] = {}
        self._companies: dict[int, str] = {}
        self._forms: dict[str, str] = {}

    # ------------------------------------------------------------------------------------------------------ setting up

    def open_office(self, reps: Iterable[Rep]) -> None:
        """Owners, and the forms of the web site."""
        for rep in reps:
            self.reps[rep.rep_id] = self._portal.add_owner(rep.rep_id, rep.name.given.written, rep.name.family.written)
        self._rep_of = {owner: rep_id for rep_id, owner in self.reps.items()}
        self._forms = {kind: self._portal.add_form(name) for kind, name in FORMS.items()}

    # ----------------------------------------------------------------------------------------------------- new records

    def add_contact(self, person: Person, *, email: str | None, phone: str | None) -> str:
        """A contact typed in or imported. Gives its id."""
        values = self._attributes(person) | {"email": email or "", "phone": phone or "", "lifecyclestage": "lead"}
        near = [("companies", self._company(person.human.company))] if person.human.company else []
        contact = self._portal.create("contacts", {name: value for name, value in values.items() if value}, associations=near)
        self._keep(person, contact)
        return contact

    def submit(self, person: Person, kind: str) -> None:
        """The person sends one of the site's forms; the first one makes their contact."""
        values = self._attributes(person) | {"email": person.email or "", "phone": person.human.phone or ""}
        given = {name: value for name, value in values.items() if value}
        contact = self._portal.submit_form(self._forms[kind], given, page_url=SITE + FORM_PAGES[kind])
        if contact not in person.hubspot:
            self._keep(person, contact)
        self.touched(person, kind, "form_submissions", person.hubspot[0], self._forms[kind])

    def view(self, person: Person, kind: str, page: str) -> None:
        """The person looks at a page of the site."""
        self._portal.view_page(person.hubspot[0], SITE + page)
        self.touched(person, kind, "page_views", person.hubspot[0], page)

    def link(self, person: Person, **ids: str) -> None:
        """The native sync writes where the person is in Salesforce."""
        self._portal.update("contacts", person.hubspot[0], ids)

    def _keep(self, person: Person, contact: str) -> None:
        person.hubspot.append(contact)
        self.owns(person, "contacts", contact)

    def _company(self, company: Company) -> str:
        if company.index not in self._companies:
            values = {
                "name": company.name,
                "domain": company.domain,
                "industry": _INDUSTRIES[company.industry],
                "numberofemployees": str(company.employees),
                "state": company.prefecture,
                "crmsync_corporate_number": company.corporate_number or "",
            }
            self._companies[company.index] = self._portal.create(
                "companies", {name: value for name, value in self.fillable(values).items() if value}
            )
        return self._companies[company.index]

    @staticmethod
    def _attributes(person: Person) -> dict[str, str]:
        human = person.human
        names = {} if "name" in human.missing else {"lastname": human.name.family.written, "firstname": human.name.given.written}
        return names | {
            "company": human.written_company or "",
            "jobtitle": human.title or "",
            "state": human.company.prefecture if human.company else "",
            "industry": human.company.industry if human.company else "",
        }

    # ------------------------------------------------------------------------------------------------- theirs towards us

    def call_in(self, person: Person, rep: Rep) -> None:
        self.touched(person, "inbound_call", "calls", self._log(person, rep, "calls", _call("INBOUND", CONNECTED, "お問い合わせ")))

    def mailed(self, person: Person, kind: str) -> None:
        """The person opens (`open`), clicks in (`click`) or answers (`reply`) one of our mailings."""
        self._portal.email_activity(person.hubspot[0], kind, name="メールマガジン")
        touch = kind if kind == "reply" else f"email_{kind}"
        self.touched(person, touch, "contacts", person.hubspot[0])

    # ------------------------------------------------------------------------------------------------------- the tasks

    def open_tasks(self) -> Iterator[DeskTask]:
        for row in self._portal.rows("tasks"):
            owner = self._rep_of.get(row.get("hubspot_owner_id") or "")
            if row.get("crmsync_key") and row.get("hs_task_status") != "COMPLETED" and owner:
                person = self._person_behind(str(row["hs_object_id"]))
                if person:
                    yield DeskTask(self.system, str(row["hs_object_id"]), owner, person)

    def _person_behind(self, task: str) -> str | None:
        for contact in self._portal.associated("tasks", task, "contacts"):
            person = self.truth.person_of(self.system, "contacts", contact)
            if person:
                return person.key
        return None

    def is_open(self, task: DeskTask) -> bool:
        row = self._portal.get("tasks", task.id)
        if row is None or row.get("hs_task_status") == "COMPLETED":
            return False
        return self._rep_of.get(row.get("hubspot_owner_id") or "") == task.rep_id

    def close_task(self, task: DeskTask, rep: Rep) -> None:
        self._portal.update("tasks", task.id, {"hs_task_status": "COMPLETED"}, by=self.reps[rep.rep_id])

    # ------------------------------------------------------------------------------------------------- edits by hand

    def owner_of(self, person: Person) -> str | None:
        row = self._portal.get("contacts", person.hubspot[0])
        return self._rep_of.get(row.get("hubspot_owner_id") or "") if row else None

    def give_to(self, person: Person, owner: Rep, by: Rep) -> None:
        self._change(person, by, {"hubspot_owner_id": self.reps[owner.rep_id]})
        self.note(person, "owner_changed", by.rep_id, owner.rep_id)

    def edit(self, person: Person, by: Rep, **changes: str | None) -> None:
        self._change(person, by, {_FIELDS[name]: value or "" for name, value in changes.items()})

    def remark(self, person: Person, by: Rep, text: str) -> None:
        self._log(person, by, "notes", {"hs_note_body": text})

    def opt_out(self, person: Person) -> None:
        self._portal.opt_out(person.hubspot[0])

    def bounce(self, person: Person) -> None:
        kind, objects = object_type("contacts"), self._portal.objects
        with self._portal.lock:
            contact = objects.the(kind, person.hubspot[0])
            seen = {"hs_email_bounce": "1", "hs_email_hard_bounce_reason_enum": "UNKNOWN_USER"}
            objects.refresh(kind, contact, seen, touches=True, source=Source("EMAIL"))

    def merge_twin(self, person: Person, by: Rep) -> None:
        """The duplicate contact goes into the main one; the portal gives the result a new id."""
        if len(person.hubspot) < 2:
            return
        merged = self._portal.merge("contacts", *person.hubspot[:2])
        for former in person.hubspot[:2]:
            if former != merged:
                self.truth.end_record(self.system, "contacts", former, self._clock.now())
        if merged not in person.hubspot:
            self.owns(person, "contacts", merged)
        self.note(person, "merged", by.rep_id, person.hubspot[1])
        person.hubspot = [merged, *person.hubspot[2:]]

    def deactivate(self, rep: Rep) -> None:
        self._portal.set_owner_active(self.reps[rep.rep_id], active=False)

    # ----------------------------------------------------------------------------------------------------- our deeds

    def _log_call(self, person: Person, rep: Rep, connected: bool, talk: str) -> tuple[str, str]:
        values = _call("OUTBOUND", CONNECTED if connected else NO_ANSWER, talk)
        call = self._log(person, rep, "calls", values)
        if not connected and not person.in_salesforce:
            self._change(person, rep, {"hs_lead_status": "ATTEMPTED_TO_CONTACT"})
        return "calls", call

    def _log_email(self, person: Person, rep: Rep, subject: str) -> tuple[str, str]:
        values = {"hs_email_direction": "EMAIL", "hs_email_status": "SENT", "hs_email_subject": subject}
        return "emails", self._log(person, rep, "emails", values)

    def _log_meeting(self, person: Person, rep: Rep, title: str) -> tuple[str, str]:
        now = self._clock.now()
        values = {
            "hs_meeting_title": title,
            "hs_meeting_start_time": stamp(now - _MEETING),
            "hs_meeting_end_time": stamp(now),
            "hs_meeting_outcome": "COMPLETED",
        }
        return "meetings", self._log(person, rep, "meetings", values)

    def _log(self, person: Person, rep: Rep, type: str, values: Mapping[str, str]) -> str:
        """An activity of now, with the person and, where there is one, the deal."""
        near = [("contacts", person.hubspot[0])]
        if person.case and person.case.system == self.system:
            near.append(("deals", person.case.id))
        owner = self.reps[rep.rep_id]
        full = {"hs_timestamp": stamp(self._clock.now()), "hubspot_owner_id": owner, **values}
        return self._portal.create(type, full, by=owner, associations=near)

    def _set_accepted(self, person: Person, rep: Rep, bant: Bant, talk: str) -> None:
        values = {f"crmsync_{letter}": state for letter, state in bant.items()}
        more = {"hs_lead_status": "CONNECTED", "crmsync_talk_summary": talk, "crmsync_rejection_reason": ""}
        self._change(person, rep, values | more)

    def _set_rejected(self, person: Person, rep: Rep, reason: str) -> None:
        self._change(person, rep, {"hs_lead_status": "UNQUALIFIED", "crmsync_rejection_reason": reason})

    def _set_acknowledged(self, person: Person, rep: Rep) -> None:
        self._change(person, rep, {"crmsync_acknowledged_at": stamp(self._clock.now())})

    def _change(self, person: Person, by: Rep, values: Mapping[str, str]) -> None:
        self._portal.update("contacts", person.hubspot[0], self.fillable(values), by=self.reps[by.rep_id])

    # --------------------------------------------------------------------------------------------------- opportunities

    def _open_case(self, person: Person, rep: Rep, amount: int) -> tuple[str, str]:
        owner = self.reps[rep.rep_id]
        values = {
            "dealname": f"{person.human.written_company or person.human.full_name} 新規導入",
            "amount": str(amount),
            "deal_currency_code": "JPY",
            "pipeline": "default",
            "dealstage": OPEN_STAGES[0],
            "dealtype": "newbusiness",
            "closedate": stamp(self._clock.now() + timedelta(days=45)),
            "hubspot_owner_id": owner,
        }
        near = [("contacts", person.hubspot[0])]
        if person.human.company:
            near.append(("companies", self._company(person.human.company)))
        return "deals", self._portal.create("deals", values, by=owner, associations=near)

    def _own_case(self, case: Case, rep: Rep) -> None:
        self._deal(case, rep, {"hubspot_owner_id": self.reps[rep.rep_id]})

    def _stage_case(self, case: Case, rep: Rep) -> None:
        self._deal(case, rep, {"dealstage": OPEN_STAGES[min(case.stage, len(OPEN_STAGES) - 1)]})

    def _win_case(self, case: Case, rep: Rep, contract_end: date, promised: str) -> None:
        more = {"crmsync_contract_end": contract_end.isoformat(), "crmsync_promised": promised}
        self._deal(case, rep, {"dealstage": "closedwon", "closedate": stamp(self._clock.now()), **more})

    def _lose_case(self, case: Case, rep: Rep, reason: str) -> None:
        self._deal(case, rep, {"dealstage": "closedlost", "closedate": stamp(self._clock.now()), "closed_lost_reason": reason})

    def _deal(self, case: Case, rep: Rep, values: Mapping[str, str]) -> None:
        self._portal.update("deals", case.id, self.fillable(values), by=self.reps[rep.rep_id])


def _call(direction: str, disposition: str, talk: str) -> dict[str, str]:
    length = "420000" if disposition == CONNECTED else "20000"  # milliseconds
    values = {"hs_call_direction": direction, "hs_call_status": "COMPLETED", "hs_call_disposition": disposition}
    return values | {"hs_call_title": "架電", "hs_call_duration": length} | ({"hs_call_body": talk} if talk else {})
