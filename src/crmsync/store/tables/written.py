"""What was planned, written and answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy import text as sql_text
from sqlmodel import Field, SQLModel

from crmsync.store.tables.kinds import instant, required_instant, text


class BaseRow(SQLModel, table=True):
    """What we last wrote to, or saw and took into account of, a field that people share with us."""

    __tablename__ = "base"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True, index=True)
    field: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)
    at: datetime = required_instant()


class OutboxRow(SQLModel, table=True):
    """One intended change: recorded before it is sent, confirmed by its receipt. planned → sending → written | unchanged |
    conflict | rejected | retry | unknown; superseded when a later plan looked at its person while it was open. What the change
    says stands apart (`OutboxBody`): this row is written three times, and is kept small.

    `target` is what the change is for: our key where it has one, else the record's id. `is_settled`: nothing is left to do about
    it, because it arrived, or because a later plan looked at its person again. `seen_at` is the CRM's stamp in an answer that did
    not take the change."""

    __tablename__ = "outbox"
    __table_args__ = (
        # Of all that was ever written little is unsettled: nothing else is in this index.
        Index("outbox_unsettled", "id", sqlite_where=sql_text("is_settled IS 0"), postgresql_where=sql_text("is_settled IS false")),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str
    run_id: str = Field(index=True)
    connection: str
    object: str
    target: str
    record_id: str | None = None
    person_id: str = Field(index=True)
    state: str
    is_settled: bool = False
    planned_at: datetime = required_instant()
    sent_at: datetime | None = instant()
    finished_at: datetime | None = instant()
    seen_at: datetime | None = instant()
    code: str = ""
    message: str | None = text()


class OutboxBody(SQLModel, table=True):
    """What the change of an outbox row says (JSON), under the number of that row. Written once."""

    __tablename__ = "outbox_body"
    id: int = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


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


class MembershipRow(SQLModel, table=True):
    """What we did about a membership: joining, joined, leaving, left, or removed where a person took off whom we had put there.
    `record_id` is "list/object/id", `member` its last two parts."""

    __tablename__ = "membership"
    connection: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    member: str = Field(index=True)
    standing: str
    since: datetime = required_instant()


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
    failed (a baton was lost by us), interrupted (it never came to its end: the process was killed)."""

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
