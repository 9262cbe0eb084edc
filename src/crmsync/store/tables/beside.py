"""Of rules that run silently beside the live ones: what they go on from, and where they disagree."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from crmsync.store.tables.kinds import instant, required_instant, text


class ShadowFrameRow(SQLModel, table=True):
    """What the shadow's last decision left: its states, clocks and draws, each as one packed frame."""

    __tablename__ = "shadow_frame"
    name: str = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class DisagreementRow(SQLModel, table=True):
    """Where the shadow says something else than the live rules, since when, and why on either side. `outcome` is the live phase in
    which it ended."""

    __tablename__ = "disagreement"
    person_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    since: datetime = required_instant(primary_key=True)
    live: str | None = None
    shadow: str | None = None
    live_because: str | None = text()
    shadow_because: str | None = text()
    ended_at: datetime | None = instant()
    outcome: str | None = None
