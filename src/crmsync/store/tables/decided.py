"""What was decided."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy import text as sql_text
from sqlmodel import Field, SQLModel

from crmsync.store.tables.kinds import hundredths, instant, required_hundredths, required_instant, text


class StateRow(SQLModel, table=True):
    __tablename__ = "person_state"
    __table_args__ = (
        # Narrow cycles ask for those of one department, and of one rep.
        Index(
            "person_state_answering",
            "department",
            "owner",
            sqlite_where=sql_text("department IS NOT NULL"),
            postgresql_where=sql_text("department IS NOT NULL"),
        ),
    )
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
    nurture_list: str | None = None
    enrolments: str | None = text()


class ClockRow(SQLModel, table=True):
    __tablename__ = "clock"
    __table_args__ = (Index("clock_owner", "owner", "due_at"),)
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
    promised_at: datetime | None = instant()
    holds: str | None = text()


class StirredRow(SQLModel, table=True):
    """Somebody of whom the last decision, its plan or a new link left something to be decided: the next decision is about them."""

    __tablename__ = "stirred"
    person_id: str = Field(primary_key=True)


class WakingRow(SQLModel, table=True):
    """When time alone may next decide something about somebody."""

    __tablename__ = "waking"
    person_id: str = Field(primary_key=True)
    at: datetime = required_instant(index=True)


class WaitingRow(SQLModel, table=True):
    """The valve's queue, with what its order goes by."""

    __tablename__ = "waiting"
    person_id: str = Field(primary_key=True)
    score: float = required_hundredths()
    last_touch_at: datetime | None = instant()


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


class VetoRow(SQLModel, table=True):
    """A head's word against a move of the valve, with who took it back, if anybody did."""

    __tablename__ = "veto"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = required_instant()
    department: str
    by: str
    because: str = Field(sa_type=Text)
    version: str
    position: float
    until: date
    lifted_at: datetime | None = instant()
    lifted_by: str | None = None
    lifted_because: str | None = text()


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
    __table_args__ = (
        Index(
            "desired_unplanned",
            "person_id",
            sqlite_where=sql_text("is_planned IS 0"),
            postgresql_where=sql_text("is_planned IS false"),
        ),
    )
    person_id: str = Field(primary_key=True)
    phase: str | None = None
    temperature: str | None = None
    score: float | None = hundredths()
    fit: float | None = hundredths()
    interest: float | None = hundredths()
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
    is_planned: bool = False


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
    person_id: str = Field(primary_key=True, index=True)
    opened_at: datetime = required_instant(primary_key=True)
    department: str
    detail: str = ""
    closed_at: datetime | None = instant()
