"""What was promised, as values: which clock runs in which phase, when it is due, what stops it, what happens when it runs over.

    mql         first_approach → verdict        (a lapsed verdict is a recycle: the person went silent)
    sql         first_meeting  → next_activity ⟲
    closed_won  kick_off       → customer_care ⟲   (before a contract ends renewal takes its turn, once per contract)

So everyone in these phases has exactly one running clock: the next action with its due date (DOMAIN.md §8).
"""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.decisions.calendar import DueUnit
from crmsync.decisions.conditions import Condition, windows_of
from crmsync.decisions.windows import Window

APPROACHES = ("call", "email", "meeting")
ACKNOWLEDGED = "acknowledged"
LEAVING = "leaving"

DEPARTMENTS = {"mql": "inside_sales", "sql": "field_sales", "closed_won": "customer_success"}
"""Who answers in the phases where somebody must (DOMAIN.md §2)."""
MARKETING = ("inquiry", "closed_lost", "recycled")
"""The phases in which marketing answers, and no rep by name."""


@dataclass(frozen=True, slots=True)
class Due:
    """How long a clock runs. None = any temperature, any department of the owner."""

    amount: float
    unit: DueUnit
    temperature: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """Percentages of the time to the due instant; None = never. The breach is always at 100. `in_business_time`: the share is
    of business time (nobody is reminded at midnight), else of clock time."""

    remind: int | None = 50
    notice: int | None = 80
    reassign: int | None = None
    in_business_time: bool = True


@dataclass(frozen=True, slots=True)
class ClockRule:
    """One kind of clock. `is_first` starts with the phase, the others when their forerunner is met. `met_by` holds kinds of
    approach, "acknowledged" (CS took the baton) and "leaving" (a person moved the lead on). `by` counts only approaches by
    reps of that department. `due` is tried in order. `lapse`: at the breach the person is recycled for this reason.
    A clock with `before_contract_end` takes the place of the running clock `instead_of` once that would be due later than so many
    days before the contract ends; it is due on that day, or after `due` where the day is nearer."""

    kind: str
    phase: str
    met_by: tuple[str, ...]
    due: tuple[Due, ...]
    is_first: bool = False
    by: str | None = None
    next: str | None = None
    lapse: str | None = None
    escalation: Escalation = Escalation()
    priority: str = "normal"
    before_contract_end: int | None = None
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class HoldRule:
    """While this is so, the clocks of `kinds` (empty: all) stand still. `condition` None is always; `until` names a column that
    holds the end (it is over where that is not in the future); `away`: while the owner is absent, to the end of the last day."""

    reason: str
    condition: Condition | None = None
    until: str | None = None
    away: bool = False
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sla:
    """Every clock, in the order of the phases. `version` stands in the agreement that is rendered from this."""

    clocks: tuple[ClockRule, ...]
    version: int = 1
    holds: tuple[HoldRule, ...] = ()

    @property
    def windows(self) -> frozenset[Window]:
        """What the conditions of holds count."""
        return windows_of(hold.condition for hold in self.holds if hold.condition is not None)

    def rule(self, kind: str) -> ClockRule | None:
        """The rule of this kind; None for a kind that the document no longer has."""
        return next((rule for rule in self.clocks if rule.kind == kind), None)

    def first(self, phase: str) -> ClockRule | None:
        """The clock that starts with this phase."""
        return next((rule for rule in self.clocks if rule.phase == phase and rule.is_first), None)
