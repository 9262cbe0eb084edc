"""`rules/sla.yaml`: which clock runs in which phase, when it is due, what stops it, what happens when it runs over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, Path_, validate
from crmsync.config.rules.common import Name, Temperature
from crmsync.config.rules.place import Problems
from crmsync.decisions import catalogue
from crmsync.decisions.calendar import DueUnit
from crmsync.decisions.sla import APPROACHES, DEPARTMENTS, ClockRule, Due, Escalation, HoldRule, Sla

Kind = Literal["first_approach", "verdict", "first_meeting", "next_activity", "kick_off", "customer_care", "renewal"]
Department = Literal["marketing", "inside_sales", "field_sales", "customer_success"]
UNITS: tuple[DueUnit, ...] = ("clock_hours", "clock_days", "business_hours", "business_days")


class DueFile(FileModel):
    """One of the four units says how long; without temperature or department the row is for all."""

    temperature: Temperature | None = None
    department: Department | None = None
    clock_hours: float | None = Field(None, gt=0, le=24 * 3660)
    clock_days: float | None = Field(None, gt=0, le=3660)
    business_hours: float | None = Field(None, gt=0, le=24 * 1000)
    business_days: int | None = Field(None, gt=0, le=1000)

    def units(self) -> list[DueUnit]:
        return [unit for unit in UNITS if getattr(self, unit) is not None]

    def value(self) -> Due:
        (unit,) = self.units()
        return Due(float(getattr(self, unit)), unit, self.temperature, self.department)


class EscalationFile(FileModel):
    """Percentages of the time to the due instant; leave a step out for never."""

    remind: int | None = Field(None, gt=0, le=1000)
    notice: int | None = Field(None, gt=0, le=1000)
    reassign: int | None = Field(None, ge=100, le=1000)
    time: Literal["business", "clock"] = "business"

    def value(self) -> Escalation:
        return Escalation(self.remind, self.notice, self.reassign, self.time == "business")


class ClockFile(FileModel):
    phase: Literal["mql", "sql", "closed_won"]
    starts: Literal["phase", "after"] = "after"
    met_by: list[Literal["approach", "call", "email", "meeting", "acknowledged", "leaving"]] = Field(min_length=1)
    by: Department | None = None
    due: list[DueFile] = Field(min_length=1)
    then: Kind | None = None
    lapse: Literal["silent", "unreached"] | None = None
    escalation: EscalationFile | None = None
    priority: Literal["high", "normal"] = "normal"
    before_contract_end: int | None = Field(None, ge=1, le=3660)
    instead_of: Kind | None = None


class HoldFile(FileModel):
    """While this is so, clocks stand still: a condition, a date to wait for, the owner's absence, or several of them at once."""

    reason: Name
    condition: str | None = Field(None, alias="if", min_length=1)
    until: Literal["call_after"] | None = None
    owner_away: bool = False
    clocks: list[Kind] = Field(default_factory=list)


class SlaFile(FileModel):
    version: int = Field(1, ge=1)
    escalation: EscalationFile
    clocks: dict[Kind, ClockFile]
    holds: list[HoldFile] = Field(default_factory=list)


def load_sla(document: Document, ladder: Mapping[str, int] | None = None, touch_kinds: frozenset[str] | None = None) -> Sla:
    """The SLA document as a value; `ladder` and `touch_kinds` are what conditions of holds may name. Raises FixConfig with every
    problem."""
    file = validate(document, SlaFile)
    problems = Problems(document)
    holds = tuple(_hold(problems, index, hold, ladder or {}, touch_kinds) for index, hold in enumerate(file.holds))
    for index, hold in enumerate(file.holds):
        for place, kind in enumerate(hold.clocks):
            if kind not in file.clocks:
                problems.add(("holds", index, "clocks", place), "rules.no_such_clock", name=kind, known=", ".join(file.clocks))
    for kind, clock in file.clocks.items():
        _check_due(problems, ("clocks", kind, "due"), clock.due)
        if clock.then is not None and (clock.then not in file.clocks or file.clocks[clock.then].phase != clock.phase):
            problems.add(("clocks", kind, "then"), "rules.clock_follows", name=clock.then, phase=clock.phase)
        _check_renewal(problems, file, kind, clock)
        if clock.then is None and "leaving" not in clock.met_by:
            problems.add(("clocks", kind), "rules.clock_ends", name=kind)
    _check_phases(problems, file)
    problems.check()
    return Sla(tuple(_rule(kind, clock, file.escalation) for kind, clock in file.clocks.items()), file.version, holds)


def _hold(
    problems: Problems, index: int, file: HoldFile, ladder: Mapping[str, int], touch_kinds: frozenset[str] | None
) -> HoldRule:
    if file.condition is None and file.until is None and not file.owner_away:
        problems.add(("holds", index), "rules.hold_always", name=file.reason)
    columns = catalogue.everything(ladder, touch_kinds)
    condition = problems.condition(("holds", index, "if"), file.condition, columns) if file.condition is not None else None
    return HoldRule(file.reason, condition, file.until, file.owner_away, tuple(file.clocks))


def _check_due(problems: Problems, path: Path_, rows: list[DueFile]) -> None:
    """Each row has one unit; the last one is for everyone, the others are not."""
    for index, row in enumerate(rows):
        units = row.units()
        if len(units) != 1:
            problems.add((*path, index), "rules.one_unit", units=", ".join(UNITS))
        is_for_all = row.temperature is None and row.department is None
        if is_for_all != (index == len(rows) - 1):
            problems.add((*path, index), "rules.due_for_all")


def _check_renewal(problems: Problems, file: SlaFile, kind: Kind, clock: ClockFile) -> None:
    """What is due before a contract ends takes the place of a clock of customers."""
    other = file.clocks.get(clock.instead_of) if clock.instead_of else None
    if (clock.before_contract_end is None) != (clock.instead_of is None):
        problems.add(("clocks", kind), "rules.renewal_pair")
    elif clock.instead_of and (
        other is None or other.phase != "closed_won" or clock.phase != "closed_won" or clock.starts == "phase"
    ):
        problems.add(("clocks", kind, "instead_of"), "rules.clock_follows", name=clock.instead_of, phase="closed_won")


def _check_phases(problems: Problems, file: SlaFile) -> None:
    """In each phase where somebody must answer, exactly one clock starts."""
    for phase in DEPARTMENTS:
        first = [kind for kind, clock in file.clocks.items() if clock.phase == phase and clock.starts == "phase"]
        if len(first) != 1:
            problems.add(("clocks",), "rules.clock_starts", phase=phase, count=len(first))


def _rule(kind: str, file: ClockFile, default: EscalationFile) -> ClockRule:
    acts = [act for word in file.met_by for act in (APPROACHES if word == "approach" else (word,))]
    return ClockRule(
        kind=kind,
        phase=file.phase,
        met_by=tuple(dict.fromkeys(acts)),
        due=tuple(row.value() for row in file.due),
        is_first=file.starts == "phase",
        by=file.by,
        next=file.then,
        lapse=file.lapse,
        escalation=(file.escalation or default).value(),
        priority=file.priority,
        before_contract_end=file.before_contract_end,
        instead_of=file.instead_of,
    )
