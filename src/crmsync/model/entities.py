"""What a record means: the canonical entities of DOMAIN.md §1, each as one source record showed it.

An entity here is *as seen*: one per remote record, never merged. Which of them are one human being is said by links
(`identity/`), kept apart and reversible. Every entity carries `learnt_at` (when we pulled it) beside what it says happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from crmsync.model.records import RecordRef

BantState = Literal["unknown", "no", "partial", "yes"]
SalesStatus = Literal["new", "working", "accepted", "rejected"]
OpportunityStatus = Literal["open", "won", "lost"]
OpportunityKind = Literal["new_business", "renewal", "upsell"]
ApproachKind = Literal["call", "email", "meeting"]


@dataclass(frozen=True, slots=True)
class PersonSeen:
    """A Salesforce Lead or Contact, a HubSpot contact. `owner` is the vendor's user id, as a ref of its users;
    `company` is the company's record, `corporate_number` (法人番号) what this record itself says of it;
    `links` are ids of other records that the CRM itself says are the same person (converted contact, sync id fields,
    merge winner). `sales_status_at` is when the record first showed this status in an unbroken run, at the best evidence;
    `on_hold` is why nobody is to act now, `call_after` until when they asked to be left alone.
    `fresh_at` since when it has said what it says: our own writes make no record fresher. Both come from its history."""

    ref: RecordRef
    learnt_at: datetime
    created_at: datetime
    modified_at: datetime
    email: str | None = None
    phone: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    company_name: str | None = None
    company: RecordRef | None = None
    corporate_number: str | None = None
    postal_code: str | None = None
    title: str | None = None
    industry: str | None = None
    employees: int | None = None
    territory: str | None = None
    language: str | None = None
    owner: RecordRef | None = None
    sales_status: SalesStatus | None = None
    sales_status_at: datetime | None = None
    rejection_reason: str | None = None
    source_kind: str | None = None
    source_method: str | None = None
    campaign: str | None = None
    opted_out: bool | None = None
    bounced: bool | None = None
    consent_basis: str | None = None
    budget: BantState = "unknown"
    authority: BantState = "unknown"
    need: BantState = "unknown"
    timeframe: BantState = "unknown"
    summary: str | None = None
    acknowledged_at: datetime | None = None
    disqualification: str | None = None
    on_hold: str | None = None
    call_after: datetime | None = None
    links: tuple[RecordRef, ...] = ()
    is_deleted: bool = False
    is_read_only: bool = False
    fresh_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CompanySeen:
    """A Salesforce Account, a HubSpot company."""

    ref: RecordRef
    learnt_at: datetime
    created_at: datetime
    modified_at: datetime
    name: str | None = None
    domain: str | None = None
    corporate_number: str | None = None
    industry: str | None = None
    employees: int | None = None
    territory: str | None = None
    phone: str | None = None
    owner: RecordRef | None = None
    links: tuple[RecordRef, ...] = ()
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class OpportunitySeen:
    """A Salesforce Opportunity, a HubSpot deal (商談). `close_date` is a day in the zone of its CRM; `closed_at` the instant
    it was seen or recorded to close, None while open."""

    ref: RecordRef
    learnt_at: datetime
    created_at: datetime
    modified_at: datetime
    name: str | None = None
    status: OpportunityStatus = "open"
    stage: str | None = None
    kind: OpportunityKind = "new_business"
    amount: float | None = None
    currency: str | None = None
    close_date: date | None = None
    closed_at: datetime | None = None
    lost_reason: str | None = None
    contract_end: date | None = None
    promised: str | None = None
    owner: RecordRef | None = None
    company: RecordRef | None = None
    people: tuple[RecordRef, ...] = ()
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class OpportunityPerson:
    """A Salesforce OpportunityContactRole: a link that is a record of its own."""

    ref: RecordRef
    learnt_at: datetime
    opportunity: RecordRef
    person: RecordRef
    is_primary: bool = False
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Touch:
    """One act of a Person with a time. `person` names the record that did it; where the CRM gives only an address
    (form submissions), `email` does. `kind` is a word of the mapping ("pricing_page", "seminar", "document_request")."""

    ref: RecordRef
    learnt_at: datetime
    kind: str
    at: datetime
    person: RecordRef | None = None
    email: str | None = None
    detail: str | None = None
    campaign: str | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Approach:
    """One act of ours towards people: a call made, a one-to-one e-mail sent, a meeting held, at the time it happened."""

    ref: RecordRef
    learnt_at: datetime
    kind: ApproachKind
    at: datetime
    people: tuple[RecordRef, ...] = ()
    opportunity: RecordRef | None = None
    by: RecordRef | None = None
    connected: bool | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task that crmsync itself keeps in a CRM (it carries our key). Other people's tasks are not pulled into this shape."""

    ref: RecordRef
    learnt_at: datetime
    key: str
    modified_at: datetime
    is_closed: bool = False
    owner: RecordRef | None = None
    due_at: datetime | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class UserSeen:
    """A user, owner or queue of a CRM. Reps are matched across CRMs by `email`."""

    ref: RecordRef
    learnt_at: datetime
    name: str
    email: str | None = None
    is_active: bool = True
    is_queue: bool = False
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Certain evidence of when a field of a record changed (Salesforce *History objects). Values are the vendor's."""

    ref: RecordRef
    learnt_at: datetime
    record: RecordRef
    field: str
    old: str | None
    new: str | None
    at: datetime
    by: RecordRef | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class CampaignSeen:
    """A campaign, list or form of a CRM: the names that touches and sources point to. `cost` is what it has cost so far, between
    `starts_on` and `ends_on` (days in the zone of its CRM)."""

    ref: RecordRef
    learnt_at: datetime
    name: str
    kind: str | None = None
    cost: float | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class VisitsSeen:
    """How many came to the site on one day, from one source, as the CRM's analytics count them; `day` is one of its zone. `source`
    and `method` are the words that people are acquired by."""

    ref: RecordRef
    learnt_at: datetime
    day: date
    visitors: float
    source: str | None = None
    method: str | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class PipelineStageSeen:
    """A stage of an opportunity pipeline, where the CRM keeps them as records (HubSpot): what a deal's stage id means."""

    ref: RecordRef
    learnt_at: datetime
    label: str
    status: OpportunityStatus
    is_deleted: bool = False


Entity = (
    PersonSeen
    | CompanySeen
    | OpportunitySeen
    | OpportunityPerson
    | Touch
    | Approach
    | TaskSeen
    | UserSeen
    | FieldChange
    | CampaignSeen
    | VisitsSeen
    | PipelineStageSeen
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that does not fit its mapping, with why: a message code and what it was about. It is quarantined, not lost."""

    ref: RecordRef
    code: str
    field: str = ""
    value: str = ""
