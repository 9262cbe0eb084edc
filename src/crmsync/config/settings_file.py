"""The shape of `crmsync.yaml`, key by key, as people write it: what is allowed and what holds where nothing is said.

What it means to the rest of the program stands in `settings.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crmsync.config.document import FileModel
from crmsync.messages import Language
from crmsync.model.changes import WritingPolicy
from crmsync.planning.guard import Limits
from crmsync.planning.writing import Rollout, Writing

Role = Literal["ma", "sfa", "both"]


class SecretRef(FileModel):
    """Where a secret is found: exactly one of an environment variable and a file."""

    env: str | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretRef:
        if (self.env is None) == (self.file is None):
            raise PydanticCustomError("one_secret", "give exactly one of 'env' and 'file'")
        return self


class ScheduleFile(FileModel):
    every_minutes: int = Field(default=15, ge=1, le=24 * 60)
    jitter_seconds: int = Field(default=30, ge=0, le=3600)


class BudgetFile(FileModel):
    lane: str
    calls: int = Field(ge=1)
    seconds: float = Field(gt=0)


class WebhooksFile(FileModel):
    public_url: str
    account: str = Field(min_length=1)
    wake_seconds: int = Field(default=60, ge=0, le=24 * 3600)


class ChangeEventsFile(FileModel):
    objects: list[str] = Field(min_length=1, max_length=20)
    wake_seconds: int = Field(default=60, ge=0, le=24 * 3600)


class IntakeFile(FileModel):
    host: str = "127.0.0.1"
    port: int = Field(default=8813, ge=0, le=65_535)
    most_kib: int = Field(default=1024, ge=1, le=64 * 1024)


class LimitFile(FileModel):
    share: float | None = Field(default=None, ge=0, le=1)
    at_least: int | None = Field(default=None, ge=1)


class LimitsFile(FileModel):
    records: LimitFile = LimitFile()
    phases: LimitFile = LimitFile()
    owners: LimitFile = LimitFile()
    reassigned: LimitFile = LimitFile()
    clears: LimitFile = LimitFile()
    source: LimitFile = LimitFile()
    memberships: LimitFile = LimitFile()


class RolloutFile(FileModel):
    percent: float = Field(default=100, ge=0, le=100)
    first: list[str] = Field(default_factory=list)


class WritingFile(FileModel):
    policy: WritingPolicy = "full"
    rollout: RolloutFile = RolloutFile()
    guards: LimitsFile = LimitsFile()

    def value(self) -> Writing:
        """What it means; a limit says nothing of what stays as it is."""
        usual, said = Limits(), self.guards.model_dump(exclude_none=True)
        limits = {name: replace(getattr(usual, name), **said[name]) for name in LimitsFile.model_fields}
        first = frozenset(name.strip().lower() if "@" in name else name.strip() for name in self.rollout.first)
        return Writing(self.policy, Rollout(self.rollout.percent, first), replace(usual, **limits))


class ConnectionFile(FileModel):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    connector: str
    role: Role
    base_urls: dict[str, str] = Field(default_factory=dict)
    auth: dict[str, SecretRef] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    objects: list[str] | None = None
    budget: list[BudgetFile] | None = None
    reserve_share: float = Field(default=0.2, ge=0, le=1)
    schedule: ScheduleFile = ScheduleFile()
    webhooks: WebhooksFile | None = None
    change_events: ChangeEventsFile | None = None
    writing: WritingFile = WritingFile()
    country: str = Field(default="JP", pattern="^[A-Z]{2}$")


class StoreFile(FileModel):
    url: str = "sqlite:///crmsync.db"


class NetworkFile(FileModel):
    ca_file: str | None = None
    proxy: str | None = None


class DefinitionsFile(FileModel):
    require_approval: bool = False


class SettingsFile(FileModel):
    language: Language = "ja"
    store: StoreFile = StoreFile()
    network: NetworkFile = NetworkFile()
    intake: IntakeFile = IntakeFile()
    connections: list[ConnectionFile] = Field(min_length=1)
    team: str = "team.yaml"
    rules: str = "rules"
    successor: str | None = None
    shadow: str | None = None
    definitions: DefinitionsFile = DefinitionsFile()
    mappings: str = "mappings"
    figures: str = "figures.yaml"
