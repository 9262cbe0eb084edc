"""Every table. Append-only: raw_version, move, decision, settlement, valve_log, outbox, release, run, journal, decided_frame.
The others hold the present."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Index, LargeBinary, Text, TypeDecorator
from sqlmodel import Field, SQLModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware datetime as whole microseconds since 1970, UTC. SQLite would drop the zone of a DateTime column."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def to_micros(value: datetime) -> int:
    """Microseconds since 1970 of an aware datetime. Raises ValueError for a naive one: its zone would be a guess."""
    if value.tzinfo is None:
        raise ValueError("a naive datetime reached the store")
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(**kwargs: Any) -> Any:
    return Field(default=None, sa_type=Instant, **kwargs)


def required_instant(**kwargs: Any) -> Any:
    return Field(sa_type=Instant, **kwargs)


def text(**kwargs: Any) -> Any:
    return Field(default=None, sa_type=Text, **kwargs)


# ------------------------------------------------------------------------------------------------------------ pull, stage


class CursorRow(SQLModel, table=True):
    __tablename__ = "cursor"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    body: str = Field(sa_type=Text)
    moved_at: datetime = required_instant()


class RawVersion(SQLModel, table=True):
    """One version of one remote record as pulled. Never changed: a normalising bug is cured by replay."""

    __tablename__ = "raw_version"
    __table_args__ = (Index("raw_version_order", "connection", "seq"),)
    seq: int = Field(primary_key=True)
    connection: str
    object: str
    record_id: str
    modified_at: datetime | None = instant()
    learnt_at: datetime = required_instant()
    is_deleted: bool = False
    replaced_by: str | None = None
    is_ours: bool = False
    payload: bytes = Field(sa_type=LargeBinary)


class RawLatest(SQLModel, table=True):
    __tablename__ = "raw_latest"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    seq: int
    content_hash: str
    modified_at: datetime | None = instant()
    is_deleted: bool = False


class Watermark(SQLModel, table=True):
    """How far a connection's raw versions have been normalised, and under which mappings."""

    __tablename__ = "watermark"
    connection: str = Field(primary_key=True)
    seq: int
    mapping_digest: str


class Again(SQLModel, table=True):
    """A version that will mean something else once `at` has passed, though the record does not change."""

    __tablename__ = "again"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    seq: int
    at: datetime = required_instant(index=True)


class HintRow(SQLModel, table=True):
    """A record that its CRM said to have changed: it is to be read. `number` rises with every hint of the connection."""

    __tablename__ = "hint"
    __table_args__ = (Index("hint_order", "connection", "number"),)
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)
    at: datetime = required_instant()


class HeardRow(SQLModel, table=True):
    """How much a CRM said on its own, by what became of it."""

    __tablename__ = "heard"
    connection: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    count: int = Field(default=0, sa_type=BigInteger)
    last_at: datetime | None = instant()


class PositionRow(SQLModel, table=True):
    """How far a channel of a CRM's events has been heard."""

    __tablename__ = "event_position"
    connection: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    position: str
    at: datetime = required_instant()


class Quarantine(SQLModel, table=True):
    __tablename__ = "quarantine"
    ref: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    value: str = ""
    since: datetime = required_instant()


# ----------------------------------------------------------------------------------------------------- entities, as seen


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
    created_at: datetime = required_instant()
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
    person: str
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
    at: datetime = required_instant()
    people: str = "[]"
    opportunity: str | None = None
    by: str | None = None
    connected: bool | None = None
    is_deleted: bool = False


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
    is_deleted: bool = False


class PipelineStageRow(SQLModel, table=True):
    __tablename__ = "pipeline_stage"
    ref: str = Field(primary_key=True)
    learnt_at: datetime = required_instant()
    label: str
    status: str
    is_deleted: bool = False


# ----------------------------------------------------------------------------------------------------------------- identity


class LinkRow(SQLModel, table=True):
    """Which person a record belongs to, and why. Rows are never deleted: a link taken back is revoked."""

    __tablename__ = "link"
    record: str = Field(primary_key=True)
    person_id: str = Field(index=True)
    rule: str
    evidence: str = ""
    linked_at: datetime = required_instant()
    revoked_at: datetime | None = instant()


class AliasRow(SQLModel, table=True):
    """A person that turned out to be another: the id it goes by now."""

    __tablename__ = "alias"
    person_id: str = Field(primary_key=True)
    current_id: str
    since: datetime = required_instant()


class ReviewRow(SQLModel, table=True):
    """An identity that a person must settle: the record, and who it might be."""

    __tablename__ = "review"
    record: str = Field(primary_key=True)
    candidates: str
    why: str
    since: datetime = required_instant()


class AnswerRow(SQLModel, table=True):
    """What somebody answered in the review: whether a record, and the person `person_id` that it belonged to, are the person
    `candidate`. `before` (JSON) is what linking them changed, so that it can be taken back."""

    __tablename__ = "answer"
    id: int | None = Field(default=None, primary_key=True)
    record: str = Field(index=True)
    person_id: str
    candidate: str
    said: str
    why: str
    by: str
    at: datetime = required_instant()
    taken_back_at: datetime | None = instant()
    taken_back_by: str | None = None
    before: str = Field(default="{}", sa_type=Text)


# ---------------------------------------------------------------------------------------------------------------- decisions


class StateRow(SQLModel, table=True):
    __tablename__ = "person_state"
    person_id: str = Field(primary_key=True)
    phase: str
    phase_at: datetime | None = instant()
    temperature: str | None = None
    temperature_at: datetime | None = instant()
    cycle: int = 0
    owner: str | None = None
    department: str | None = None
    owner_at: datetime | None = instant()
    owner_because: str | None = None
    handed_over_at: datetime | None = instant()
    recycled_at: datetime | None = instant()
    recycle_reason: str | None = None
    not_before: datetime | None = instant()
    lost_reason: str | None = None
    opportunity_id: str | None = None
    qualified_since: datetime | None = instant()
    definition: str | None = None


class ClockRow(SQLModel, table=True):
    __tablename__ = "clock"
    clock_id: str = Field(primary_key=True)
    person_id: str = Field(index=True)
    kind: str
    attempt: int = 1
    owner: str | None = None
    started_at: datetime | None = instant()
    due_at: datetime | None = instant()
    arithmetic: str | None = text()
    reminded_at: datetime | None = instant()
    noticed_at: datetime | None = instant()
    breached_at: datetime | None = instant()
    reassigned_at: datetime | None = instant()
    met_at: datetime | None = instant()
    met_by: str | None = None
    cancelled_at: datetime | None = instant()
    cancelled_because: str | None = None


class DrawRow(SQLModel, table=True):
    __tablename__ = "draw"
    pool: str = Field(primary_key=True)
    rep_id: str = Field(primary_key=True)
    count: int


class ValveRow(SQLModel, table=True):
    __tablename__ = "valve_log"
    run_id: str = Field(primary_key=True)
    at: datetime = required_instant()
    position: float
    version: str
    moved_on: str
    cause: str
    load: float
    attainment: float | None = None


class MoveRow(SQLModel, table=True):
    """One move of a phase. `sequence` orders the moves of one run; persons who turn out to be one keep the moves of both, so it
    is no key."""

    __tablename__ = "move"
    id: int | None = Field(default=None, primary_key=True)
    run_id: str
    person_id: str = Field(index=True)
    at: datetime = required_instant()
    sequence: int
    source: str
    target: str
    because: str
    evidence: str | None = None
    actor: str
    is_jump: bool = False
    definition: str | None = None


class DesiredRow(SQLModel, table=True):
    """What the CRMs shall show of a person. `is_planned` turns false with every change, and true once it is in a plan."""

    __tablename__ = "desired"
    person_id: str = Field(primary_key=True)
    phase: str | None = None
    temperature: str | None = None
    score: float | None = None
    fit: float | None = None
    interest: float | None = None
    owner: str | None = None
    sales_status: str | None = None
    sla_due_at: datetime | None = instant()
    sla_state: str | None = None
    cycle: int | None = None
    recycle_due_at: datetime | None = instant()
    recycle_reason: str | None = None
    nurture_list: str | None = None
    definition: str | None = None
    has_opportunity: bool | None = None
    reason_ja: str | None = text()
    reason_en: str | None = text()
    is_planned: bool = Field(default=False, index=True)


class DecisionRow(SQLModel, table=True):
    """What was decided of a person, whenever it differs from the last: the score with its reasons, the verdict, what the CRMs
    shall show. Append-only; the newest row is the present."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_person", "person_id", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    run_id: str
    person_id: str
    at: datetime = required_instant()
    body: bytes = Field(sa_type=LargeBinary)


class GapRow(SQLModel, table=True):
    __tablename__ = "gap"
    gap: str = Field(primary_key=True)
    person_id: str = Field(primary_key=True)
    opened_at: datetime = required_instant(primary_key=True)
    department: str
    detail: str = ""
    closed_at: datetime | None = instant()


# ------------------------------------------------------------------------------------------------------ plan, apply, record


class BaseRow(SQLModel, table=True):
    """What we last wrote to, or saw and took into account of, a field that people share with us."""

    __tablename__ = "base"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)
    at: datetime = required_instant()


class OutboxRow(SQLModel, table=True):
    """One intended change: recorded before it is sent, confirmed by its receipt. planned → sending → written | unchanged |
    conflict | rejected | retry | unknown; superseded when a later plan looked at its person while it was open.

    `target` is what the change is for: our key where it has one, else the record's id. `is_settled`: nothing is left to do about
    it, because it arrived, or because a later plan looked at its person again. `seen_at` is the CRM's stamp in the answer."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_unsettled", "is_settled", "state"), Index("outbox_run_key", "run_id", "key"))
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)
    run_id: str
    connection: str
    object: str
    target: str
    record_id: str | None = None
    person_id: str = Field(index=True)
    state: str
    is_settled: bool = False
    body: bytes = Field(sa_type=LargeBinary)
    planned_at: datetime = required_instant()
    sent_at: datetime | None = instant()
    finished_at: datetime | None = instant()
    seen_at: datetime | None = instant()
    code: str = ""
    message: str | None = text()


class WrittenRecord(SQLModel, table=True):
    """A record that we have written to: those of which a guard asks how many a plan would write again."""

    __tablename__ = "written_record"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)


class HaltRow(SQLModel, table=True):
    """A plan to which a guard said no in one connection: the alarms, the wishes of its changes (16 hexadecimal digits each, one
    after the other), and up to which staged version was looked. Only the newest few of a connection are kept: who releases one
    has just seen it."""

    __tablename__ = "halt"
    digest: str = Field(primary_key=True)
    connection: str = Field(primary_key=True)
    at: datetime = required_instant()
    alarms: str = Field(sa_type=Text)
    wishes: str = Field(sa_type=Text)
    seq: int


class ReleaseRow(SQLModel, table=True):
    """Who let a halted plan go, in which connection, when and why. Append-only."""

    __tablename__ = "release"
    id: int | None = Field(default=None, primary_key=True)
    digest: str
    connection: str = Field(index=True)
    by: str
    because: str = Field(sa_type=Text)
    at: datetime = required_instant()
    alarms: str = Field(sa_type=Text)
    wishes: str = Field(sa_type=Text)


class PlacedTask(SQLModel, table=True):
    """Where the task of a clock stands: the CRM chosen for it and, once created, its record. `body` is what we last wrote;
    `unanswered_since` when a plain create was sent whose answer has not come: it may stand in the CRM or not."""

    __tablename__ = "placed_task"
    clock_id: str = Field(primary_key=True)
    connection: str
    object: str
    person_ref: str
    record_id: str | None = None
    body: str = Field(sa_type=Text)
    at: datetime = required_instant()
    unanswered_since: datetime | None = instant()


class HoldRow(SQLModel, table=True):
    """A field that an undo gave its former value back: `wish` (JSON) is not written there again. `run_id` is the undo,
    `undone_run` the run that it took back."""

    __tablename__ = "hold"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    wish: str = Field(sa_type=Text)
    run_id: str
    undone_run: str = Field(index=True)
    since: datetime = required_instant()


class OverrideRow(SQLModel, table=True):
    """What a person set in a field after us. `source` is the wish that the field shows, `cause` what our value rested on, `by` the
    ref of the user where the CRM says it. `ours` and `theirs` are JSON."""

    __tablename__ = "override"
    __table_args__ = (Index("override_place", "connection", "object", "record_id", "field"),)
    id: int | None = Field(default=None, primary_key=True)
    connection: str
    object: str
    record_id: str
    field: str
    person_id: str = Field(index=True)
    source: str
    ours: str = Field(sa_type=Text)
    theirs: str = Field(sa_type=Text)
    cause: str = ""
    definition: str = ""
    by: str | None = None
    seen_at: datetime = required_instant()


class SettlementRow(SQLModel, table=True):
    """Whose word stood where people said something by hand of a person: `value` of `record`, set at `set_at`; its field's history
    proves that (`is_certain`), or its record's stamp allows it. `over` is JSON: the claims that it was preferred to."""

    __tablename__ = "settlement"
    id: int | None = Field(default=None, primary_key=True)
    person_id: str = Field(index=True)
    source: str
    value: str
    record: str
    set_at: datetime = required_instant()
    is_certain: bool
    over: str = Field(default="[]", sa_type=Text)
    seen_at: datetime = required_instant()


class JournalRow(SQLModel, table=True):
    """What changed what is known or decided, in the order in which it did: `act` says what, `body` (JSON) the rest. Append-only."""

    __tablename__ = "journal"
    id: int | None = Field(default=None, primary_key=True)
    act: str
    at: datetime = required_instant()
    run_id: str = ""
    body: str = Field(default="{}", sa_type=Text)


class DecidedFrameRow(SQLModel, table=True):
    """What a decision was given or left, by name, as far as it differs from before: a packed frame. Append-only."""

    __tablename__ = "decided_frame"
    run_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class Tombstone(SQLModel, table=True):
    """Something forgotten that must not come back: a keyed digest of a record's ref, a vendor's id or an address. `erasure` ties
    together what was forgotten with one person."""

    __tablename__ = "tombstone"
    digest: str = Field(primary_key=True)
    erasure: str = Field(index=True)
    since: datetime = required_instant()


class LeaseRow(SQLModel, table=True):
    """Who works on a connection, for what and since when, and until when the lease holds: None where nobody does. `fence` only
    rises."""

    __tablename__ = "lease"
    connection: str = Field(primary_key=True)
    fence: int = 0
    holder: str = ""
    verb: str = ""
    since: datetime | None = instant()
    expires_at: datetime | None = instant()


class RunRow(SQLModel, table=True):
    """One cycle. `is_rehearsal`: it ran on a virtual clock (`--now`). `state`: running, done, incomplete (a connection stopped),
    interrupted (it never came to its end: the process was killed)."""

    __tablename__ = "run"
    run_id: str = Field(primary_key=True)
    verb: str
    now: datetime = required_instant()
    is_rehearsal: bool = False
    state: str = "running"
    definitions: str = ""
    summary: str = Field(default="{}", sa_type=Text)


class Meta(SQLModel, table=True):
    __tablename__ = "meta"
    name: str = Field(primary_key=True)
    value: str
