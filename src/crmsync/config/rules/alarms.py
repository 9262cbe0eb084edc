"""`rules/alarms.yaml`: at which figures an alarm is raised, and who is the target persona."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.common import Share
from crmsync.config.rules.place import Problems
from crmsync.decisions import catalogue
from crmsync.decisions.conditions import Condition
from crmsync.figures.alarms import Alarms, JunkLimits, PersonaLimits, SaturationLimits, TemperatureLimits, TriageLimits


@dataclass(frozen=True, slots=True)
class Watch:
    """What the figures watch for: the limits, and the condition of the target persona (of nothing: nobody knows who that is)."""

    alarms: Alarms = field(default_factory=Alarms)
    persona: Condition = field(default_factory=lambda: Condition("", ()))


class PersonaFile(FileModel):
    grades: dict[str, Share] = Field(default_factory=lambda: dict(PersonaLimits().grades))
    least_leads: int = Field(default=10, ge=1)


class JunkFile(FileModel):
    recent_days: int = Field(default=28, ge=1, le=366)
    baseline_days: int = Field(default=84, ge=1, le=1100)
    outcome_days: int = Field(default=21, ge=1, le=366)
    chance: float = Field(default=0.01, gt=0, lt=1)
    least_leads: int = Field(default=20, ge=1)


class HotFile(FileModel):
    too_many_hot: Share = 0.3
    too_few_hot: Share = 0.1
    weeks: int = Field(default=4, ge=1, le=52)
    acquired_days: int = Field(default=90, ge=1, le=3660)
    least_leads: int = Field(default=30, ge=1)


class TriageFile(FileModel):
    leads_per_visitor: Share = 0.01
    appointments_per_lead: Share = 0.1
    opportunities_per_appointment: Share = 0.3
    wins_per_opportunity: Share = 0.15
    renewals_per_due: Share = 0.7


class SaturationFile(FileModel):
    marginal_cpa: float | None = Field(default=None, gt=0)
    methods: dict[str, float] = Field(default_factory=dict)
    known_companies: Share | None = None


class AlarmLimitsFile(FileModel):
    target_persona: str
    persona: PersonaFile = PersonaFile()
    junk: JunkFile = JunkFile()
    temperature: HotFile = HotFile()
    triage: TriageFile = TriageFile()
    saturation: SaturationFile = SaturationFile()
    vetting_days: int = Field(default=14, ge=1)
    unfollowed_days: int = Field(default=90, ge=1)
    renewal_grace_days: int = Field(default=30, ge=0)
    consumption_months: int = Field(default=3, ge=1, le=36)
    least_runway_months: float = Field(default=3.0, ge=0)
    newcomer_days: int = Field(default=90, ge=0)


def load_alarms(document: Document, ladder: Mapping[str, int]) -> Watch:
    """The alarms document as a value; `ladder` is rung name → rank. Raises FixConfig with every problem."""
    file = validate(document, AlarmLimitsFile)
    problems = Problems(document)
    persona = problems.condition(("target_persona",), file.target_persona, catalogue.attributes(ladder))
    if file.temperature.too_few_hot > file.temperature.too_many_hot:
        path = ("temperature", "too_few_hot")
        problems.add(path, "rules.not_above", key="too_few_hot", other="too_many_hot")
    problems.check()
    return Watch(_alarms(file), persona)


def _alarms(file: AlarmLimitsFile) -> Alarms:
    return Alarms(
        junk=JunkLimits(**file.junk.model_dump()),
        temperature=TemperatureLimits(**file.temperature.model_dump()),
        persona=PersonaLimits(file.persona.grades, file.persona.least_leads),
        triage=TriageLimits(**file.triage.model_dump()),
        saturation=SaturationLimits(**file.saturation.model_dump()),
        vetting_days=file.vetting_days,
        unfollowed_days=file.unfollowed_days,
        renewal_grace_days=file.renewal_grace_days,
        consumption_months=file.consumption_months,
        least_runway_months=file.least_runway_months,
        newcomer_days=file.newcomer_days,
    )
