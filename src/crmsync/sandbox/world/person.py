"""One person as the world knows them while it plays: who they are, where their records are, and in what mood."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from crmsync.sandbox.world.people import Human


@dataclass(slots=True)
class Case:
    """An opportunity (Salesforce) or deal (HubSpot) that is, or was, theirs."""

    system: str
    id: str
    amount: int
    stage: int = 0
    is_open: bool = True
    is_pursued: bool = False


@dataclass(slots=True)
class Person:
    """Mutable on purpose: the world's own memory of one human. Ids are the CRMs'; the first of `leads` and of `hubspot` is
    the main record, the others are duplicates."""

    human: Human
    interest: str
    email: str | None
    leads: list[str] = field(default_factory=list)
    contact: str | None = None
    account: str | None = None
    hubspot: list[str] = field(default_factory=list)
    case: Case | None = None
    accepted: bool = False
    is_customer: bool = False
    acknowledged: bool = False
    opted_out: bool = False
    hot_until: datetime | None = None
    last_touch_at: datetime | None = None
    tasks_seen: int = 0
    acts: int = 0

    @property
    def key(self) -> str:
        return self.human.key

    @property
    def in_salesforce(self) -> bool:
        return bool(self.leads or self.contact)

    @property
    def salesforce_record(self) -> tuple[str, str]:
        """The object and id where their Salesforce work goes on: the contact once there is one."""
        return ("Contact", self.contact) if self.contact else ("Lead", self.leads[0])

    def next_act(self) -> int:
        """A number that makes each draw about this person a new one."""
        self.acts += 1
        return self.acts
