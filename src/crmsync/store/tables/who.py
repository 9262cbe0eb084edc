"""Which record is whose."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from crmsync.store.tables.kinds import instant, required_instant


class LinkRow(SQLModel, table=True):
    """Which person a record belongs to, and why. Rows are never deleted: a link taken back is revoked."""

    __tablename__ = "link"
    record: str = Field(primary_key=True)
    person_id: str = Field(index=True)
    rule: str
    evidence: str = ""
    linked_at: datetime = required_instant()
    revoked_at: datetime | None = instant()


class FiledRow(SQLModel, table=True):
    """A text under which a person's record (`ref`) is filed: what leads from it to others that may be the same person, now or
    once."""

    __tablename__ = "filed"
    term: str = Field(primary_key=True)
    ref: str = Field(primary_key=True, index=True)


class AliasRow(SQLModel, table=True):
    """A person that turned out to be another: the id it goes by now."""

    __tablename__ = "alias"
    person_id: str = Field(primary_key=True)
    current_id: str
    since: datetime = required_instant()


class LinkBeforeRow(SQLModel, table=True):
    """A link as it stood until it was replaced by another one of the same record."""

    __tablename__ = "link_before"
    record: str = Field(primary_key=True)
    until: datetime = required_instant(primary_key=True)
    person_id: str
    rule: str
    evidence: str = ""
    linked_at: datetime = required_instant()


class AliasBeforeRow(SQLModel, table=True):
    """An alias as it stood until its person turned out to be somebody else again."""

    __tablename__ = "alias_before"
    person_id: str = Field(primary_key=True)
    until: datetime = required_instant(primary_key=True)
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
    `candidate`."""

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
