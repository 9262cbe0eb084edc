"""Entities as the CRMs show them."""

from __future__ import annotations

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from crmsync.store.tables.kinds import instant, required_instant, text


class PersonRow(SQLModel, table=True):
    __tablename__ = "person"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    created_at: datetime = required_instant()
    modified_at: datetime = required_instant()
    email: str | None = Field(default=None, index=True)
    phone: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    company_name: str | None = None
    company: str | None = None
    corporate_number: str | None = None
    postal_code: str | None = None
    title: str | None = None
    industry: str | None = None
    employees: int | None = None
    territory: str | None = None
    language: str | None = None
    owner: str | None = None
    sales_status: str | None = None
    sales_status_at: datetime | None = instant()
    rejection_reason: str | None = None
    source_kind: str | None = None
    source_method: str | None = None
    campaign: str | None = None
    opted_out: bool | None = None
    bounced: bool | None = None
    consent_basis: str | None = None
    budget: str = "unknown"
    authority: str = "unknown"
    need: str = "unknown"
    timeframe: str = "unknown"
    summary: str | None = text()
    acknowledged_at: datetime | None = instant()
    disqualification: str | None = None
    on_hold: str | None = None
    call_after: datetime | None = instant()
    links: str = "[]"
    is_deleted: bool = False
    is_read_only: bool = False
    fresh_at: datetime | None = instant()


class CompanyRow(SQLModel, table=True):
    __tablename__ = "company"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    created_at: datetime = required_instant()
    modified_at: datetime = required_instant()
    name: str | None = None
    domain: str | None = None
    corporate_number: str | None = None
    industry: str | None = None
    employees: int | None = None
    territory: str | None = None
    phone: str | None = None
    owner: str | None = None
    links: str = "[]"
    is_deleted: bool = False


class OpportunityRow(SQLModel, table=True):
    __tablename__ = "opportunity"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    created_at: datetime = required_instant(index=True)
    modified_at: datetime = required_instant()
    name: str | None = None
    status: str = "open"
    stage: str | None = None
    kind: str = "new_business"
    amount: float | None = None
    currency: str | None = None
    close_date: date | None = None
    closed_at: datetime | None = instant()
    lost_reason: str | None = None
    contract_end: date | None = None
    promised: str | None = text()
    owner: str | None = None
    company: str | None = None
    people: str = "[]"
    is_deleted: bool = False


class OpportunityPersonRow(SQLModel, table=True):
    __tablename__ = "opportunity_person"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    opportunity: str = Field(index=True)
    person: str = Field(index=True)
    is_primary: bool = False
    is_deleted: bool = False


class TouchRow(SQLModel, table=True):
    __tablename__ = "touch"
    ref: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    at: datetime = required_instant()
    person: str | None = Field(default=None, index=True)
    email: str | None = Field(default=None, index=True)
    detail: str | None = text()
    campaign: str | None = None
    is_deleted: bool = False


class ApproachRow(SQLModel, table=True):
    __tablename__ = "approach"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    kind: str
    at: datetime = required_instant(index=True)
    people: str = "[]"
    opportunity: str | None = Field(default=None, index=True)
    by: str | None = None
    connected: bool | None = None
    is_deleted: bool = False


class MentionRow(SQLModel, table=True):
    """What a touch, an approach, an opportunity or a role in one (`ref`) names, or once did: a person's record, an address, or the
    opportunity of an approach that names nobody. It leads from people to these and back; what they name now stands in their own
    rows. Of touches and roles, whose rows have an index, only what they no longer name is here."""

    __tablename__ = "mention"
    named: str = Field(primary_key=True)
    ref: str = Field(primary_key=True, index=True)


class TaskRow(SQLModel, table=True):
    __tablename__ = "task"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    key: str = Field(index=True)
    modified_at: datetime = required_instant()
    is_closed: bool = False
    owner: str | None = None
    due_at: datetime | None = instant()
    is_deleted: bool = False


class UserRow(SQLModel, table=True):
    __tablename__ = "user_seen"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    name: str
    email: str | None = None
    is_active: bool = True
    is_queue: bool = False
    time_zone: str | None = None


class FieldChangeRow(SQLModel, table=True):
    __tablename__ = "field_change"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    record: str = Field(index=True)
    field: str
    old: str | None = text()
    new: str | None = text()
    at: datetime = required_instant()
    by: str | None = None
    is_deleted: bool = False


class CampaignRow(SQLModel, table=True):
    __tablename__ = "campaign"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    name: str
    kind: str | None = None
    cost: float | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    is_deleted: bool = False


class VisitsRow(SQLModel, table=True):
    __tablename__ = "visits"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    day: date
    visitors: float
    source: str | None = None
    method: str | None = None
    is_deleted: bool = False


class PipelineStageRow(SQLModel, table=True):
    __tablename__ = "pipeline_stage"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    label: str
    status: str
    is_deleted: bool = False
