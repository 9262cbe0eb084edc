"""Everything that people agreed on, as one value: what a decision is made by, beside the facts and the instant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from crmsync.decisions.bant import BantGate
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.joints import Joints
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
    joints: Joints = field(default_factory=Joints)

    @property
    def begins_at(self) -> datetime | None:
        """The instant before which nobody is handed over under these: the midnight that begins the day from which they are
        effective, in the zone of the targets. None where they always were."""
        day = self.qualification.effective_from
        return None if day is None else datetime.combine(day, time(), ZoneInfo(self.targets.time_zone)).astimezone(UTC)

    def as_if_in_force(self) -> Definitions:
        """The same without a first day: for plays of days on which they were not in force."""
        return replace(self, qualification=replace(self.qualification, effective_from=None))
