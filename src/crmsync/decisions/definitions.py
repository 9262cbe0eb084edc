"""Everything that people agreed on, as one value: what a decision is made by, beside the facts and the instant."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.decisions.bant import BantGate
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.nurture import Nurture
from crmsync.decisions.qualification import Definition
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.routing import Routing
from crmsync.decisions.scoring import Scoring
from crmsync.decisions.sla import Sla
from crmsync.decisions.temperature import TemperatureRules
from crmsync.decisions.valve import Targets, Valve


@dataclass(frozen=True, slots=True)
class Definitions:
    """The rules in force, each as its document says it."""

    scoring: Scoring
    temperature: TemperatureRules
    qualification: Definition
    valve: Valve
    targets: Targets
    bant: BantGate
    routing: Routing
    sla: Sla
    recycle: Recycle
    nurture: Nurture
    calendars: Calendars
