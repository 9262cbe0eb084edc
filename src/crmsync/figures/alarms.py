"""The limits at which figures raise an alarm, as `rules/alarms.yaml` says them. Every number is somebody's choice; none is a
constant of the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JunkLimits:
    """When a source is called junk: leads of the last `recent_days` against those of the `baseline_days` before, each judged by
    whether they became an opportunity within `outcome_days`. `chance` is the level of the tests over all sources together; a
    source is judged from `least_leads` recent ones on."""

    recent_days: int = 28
    baseline_days: int = 84
    outcome_days: int = 21
    chance: float = 0.01
    least_leads: int = 20


@dataclass(frozen=True, slots=True)
class TemperatureLimits:
    """The share of hot leads above which a definition is too loose, and below which, for `weeks` weeks together, it is too strict:
    of the leads acquired in the last `acquired_days`. Older ones are cold in every pool, and say nothing of a definition."""

    too_many_hot: float = 0.3
    too_few_hot: float = 0.1
    weeks: int = 4
    acquired_days: int = 90
    least_leads: int = 30


@dataclass(frozen=True, slots=True)
class PersonaLimits:
    """The least share of the target persona in a source's leads for each grade, the best first; below the last it is "D"."""

    grades: Mapping[str, float] = field(default_factory=lambda: {"A": 0.5, "B": 0.3, "C": 0.15})
    least_leads: int = 10


@dataclass(frozen=True, slots=True)
class TriageLimits:
    """The least rate of each link that was agreed: below it for certain, the link is weak."""

    leads_per_visitor: float = 0.01
    appointments_per_lead: float = 0.1
    opportunities_per_appointment: float = 0.3
    wins_per_opportunity: float = 0.15
    renewals_per_due: float = 0.7


@dataclass(frozen=True, slots=True)
class SaturationLimits:
    """When a method is saturated: one more lead costs more than `marginal_cpa` (`methods`: than its own limit), in the currency of
    the spend; or more than this share of its leads are of companies known before. None: never."""

    marginal_cpa: float | None = None
    methods: Mapping[str, float] = field(default_factory=dict)
    known_companies: float | None = None


@dataclass(frozen=True, slots=True)
class Alarms:
    """All of them. `vetting_days`: how long an inquiry may wait before somebody looks at it. `unfollowed_days`: a customer without
    an act of ours for longer is un-followed. `renewal_grace_days`: how long after its end a contract may still be renewed.
    `consumption_months`: over how many months the hand-overs of a month are averaged. `least_runway_months`: a pool that lasts
    less is short. `newcomer_days`: how long a rep is new."""

    junk: JunkLimits = JunkLimits()
    temperature: TemperatureLimits = TemperatureLimits()
    persona: PersonaLimits = field(default_factory=PersonaLimits)
    triage: TriageLimits = TriageLimits()
    saturation: SaturationLimits = field(default_factory=SaturationLimits)
    vetting_days: int = 14
    unfollowed_days: int = 90
    renewal_grace_days: int = 30
    consumption_months: int = 3
    least_runway_months: float = 3.0
    newcomer_days: int = 90
