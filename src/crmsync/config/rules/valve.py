"""`rules/valve.yaml`: bounds, bands and the largest step of the valve, and an override by hand."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.common import Share
from crmsync.config.rules.place import Problems
from crmsync.decisions.valve import Band, Override, Valve


class AboveFile(FileModel):
    """Begins above the one number, ends below the other."""

    above: float = Field(ge=0)
    until_below: float = Field(ge=0)


class BelowFile(FileModel):
    """Begins below the one number, ends above the other."""

    below: float = Field(ge=0)
    until_above: float = Field(ge=0)


class LoadFile(FileModel):
    busy: AboveFile
    idle: BelowFile


class AttainmentFile(FileModel):
    behind: BelowFile
    ahead_above: float = Field(ge=0)


class OverrideFile(FileModel):
    position: Share
    until: date
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class ValveFile(FileModel):
    loosest: Share = 0.0
    strictest: Share = 1.0
    start: Share
    largest_step: float = Field(gt=0, le=1)
    load: LoadFile
    attainment: AttainmentFile
    override: OverrideFile | None = None
    longest_veto_days: int = Field(default=14, ge=1, le=92)


def load_valve(document: Document) -> Valve:
    """The valve document as a value. Raises FixConfig with every problem."""
    file = validate(document, ValveFile)
    problems = Problems(document)
    _check(problems, file)
    problems.check()
    busy, idle, behind = file.load.busy, file.load.idle, file.attainment.behind
    override = file.override
    return Valve(
        loosest=file.loosest,
        strictest=file.strictest,
        start=file.start,
        largest_step=file.largest_step,
        busy=Band(busy.above, busy.until_below),
        idle=Band(idle.below, idle.until_above),
        behind=Band(behind.below, behind.until_above),
        ahead_above=file.attainment.ahead_above,
        override=Override(override.position, override.until, override.by, override.reason) if override else None,
        longest_veto_days=file.longest_veto_days,
    )


def _check(problems: Problems, file: ValveFile) -> None:
    """Bands must not overlap: a load is never busy and idle at once."""
    busy, idle, behind = file.load.busy, file.load.idle, file.attainment.behind
    not_above = [
        (("loosest",), "loosest", file.loosest, "strictest", file.strictest),
        (("load", "busy", "until_below"), "load.busy.until_below", busy.until_below, "load.busy.above", busy.above),
        (("load", "idle", "below"), "load.idle.below", idle.below, "load.idle.until_above", idle.until_above),
        (("load", "idle", "until_above"), "load.idle.until_above", idle.until_above, "load.busy.until_below", busy.until_below),
        (("attainment", "behind", "below"), "behind.below", behind.below, "behind.until_above", behind.until_above),
        (("attainment", "ahead_above"), "behind.until_above", behind.until_above, "ahead_above", file.attainment.ahead_above),
        (("start",), "loosest", file.loosest, "start", file.start),
        (("start",), "start", file.start, "strictest", file.strictest),
    ]
    for path, key, lower, other, upper in not_above:
        if lower > upper:
            problems.add(path, "rules.not_above", key=key, other=other)
