"""What was pulled: raw versions, cursors, marks of what is to be read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from crmsync.store.tables.kinds import instant, required_instant


class CursorRow(SQLModel, table=True):
    __tablename__ = "cursor"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    body: str = Field(sa_type=Text)
    moved_at: datetime = required_instant()


class RawVersion(SQLModel, table=True):
    """One version of one remote record as pulled. Never changed: a normalising bug is cured by replay. Fields without a
    value are left out. One that our own write made (`is_ours`) says only what we wrote since the whole version that it
    `differs_from`: there, what we cleared is null."""

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
    differs_from: int | None = None
    payload: bytes = Field(sa_type=LargeBinary)


class RawLatest(SQLModel, table=True):
    """The newest version of each record. `content_hash` tells whether another says the same; empty until that is asked of a version
    that our own write made."""

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


class ErasedThereRow(SQLModel, table=True):
    """A record that its CRM said to have erased at the person's own wish: they are to be forgotten here as well."""

    __tablename__ = "erased_there"
    connection: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
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
