"""`rules/recycle.yaml`: what each reason of a loss or a rejection leads to, and the guards around coming back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.calendars import is_zone
from crmsync.config.rules.common import Name, Temperature
from crmsync.config.rules.place import Problems
from crmsync.decisions.recycle import Delay, Policy, Recycle

Days = int


class WaitFile(FileModel):
    """How long: days after the event, or before the next fiscal year, or before the end of the contract."""

    days: Days | None = Field(default=None, ge=0, le=3660)
    before_fiscal_year: Days | None = Field(default=None, ge=0, le=366)
    before_contract_end: Days | None = Field(default=None, ge=0, le=3660)
    otherwise: Days = Field(default=180, ge=0, le=3660)

    def given(self) -> int:
        return sum(v is not None for v in (self.days, self.before_fiscal_year, self.before_contract_end))

    def value(self) -> Delay:
        if self.before_fiscal_year is not None:
            return Delay(self.before_fiscal_year, "fiscal_year")
        if self.before_contract_end is not None:
            return Delay(self.before_contract_end, "contract_end", self.otherwise)
        return Delay(self.days or 0)


class PolicyFile(FileModel):
    goes: Literal["recycled", "disqualified"] = "recycled"
    wait: WaitFile = WaitFile(days=0)
    list: str | None = None

    def value(self) -> Policy:
        return Policy(self.goes, self.wait.value(), self.list)


class UnreachedFile(PolicyFile):
    attempts: int = Field(ge=1)


class SilentFile(PolicyFile):
    sql_days: int = Field(ge=1)


class StalledFile(FileModel):
    """Marketing's own, who did nothing for `days` and are on no list: the regular mailing keeps them in touch."""

    days: int = Field(ge=1, le=3660)
    list: str = Field(min_length=1)


class FiscalYearFile(FileModel):
    starts: str = Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$")
    time_zone: str


class GuardsFile(FileModel):
    cool_down_days: int = Field(ge=0)
    most_per_year: int = Field(ge=1)
    overrides: list[str] = Field(default_factory=list)


class RecycleFile(FileModel):
    lost: dict[Name, PolicyFile]
    rejected: dict[Name, PolicyFile]
    unreached: UnreachedFile
    silent: SilentFile
    dormant: PolicyFile
    guards: GuardsFile
    fiscal_year: FiscalYearFile
    lists: dict[Temperature, str] = Field(default_factory=dict)
    upsell_list: str | None = None
    stalled: StalledFile | None = None


def load_recycle(document: Document) -> Recycle:
    """The recycle document as a value. Raises FixConfig with every problem."""
    file = validate(document, RecycleFile)
    problems = Problems(document)
    for kind, policies in (("lost", file.lost), ("rejected", file.rejected)):
        if "unknown" not in policies:
            problems.add((kind,), "rules.no_unknown_reason", kind=kind)
        for name, policy in policies.items():
            if policy.wait.given() > 1:
                problems.add((kind, name, "wait"), "rules.one_wait")
            if kind == "lost" and policy.goes == "disqualified":
                problems.add((kind, name, "goes"), "rules.lost_comes_back")
    if not is_zone(file.fiscal_year.time_zone):
        problems.add(("fiscal_year", "time_zone"), "rules.unknown_zone", zone=file.fiscal_year.time_zone)
    problems.check()
    month, day = (int(part) for part in file.fiscal_year.starts.split("-"))
    return Recycle(
        policies=_policies(file),
        attempts=file.unreached.attempts,
        sql_silent_days=file.silent.sql_days,
        overrides=tuple(file.guards.overrides),
        cool_down_days=file.guards.cool_down_days,
        most_per_year=file.guards.most_per_year,
        fiscal_year_starts=(month, day),
        time_zone=file.fiscal_year.time_zone,
        lists=dict(file.lists),
        upsell_list=file.upsell_list,
        stalled_days=file.stalled.days if file.stalled else None,
        stalled_list=file.stalled.list if file.stalled else None,
    )


def _policies(file: RecycleFile) -> Mapping[str, Policy]:
    return {
        **{f"lost_{name}": policy.value() for name, policy in file.lost.items()},
        **{f"rejected_{name}": policy.value() for name, policy in file.rejected.items()},
        "unreached": file.unreached.value(),
        "silent": file.silent.value(),
        "dormant": file.dormant.value(),
    }
