"""`rules/scoring.yaml`: fit rules, interest rules, groups of interest rules with a common cap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, Path_, validate
from crmsync.config.rules.common import Name, TitleFile
from crmsync.config.rules.place import Problems
from crmsync.decisions import catalogue
from crmsync.decisions.scoring import FitRule, Group, InterestRule, Scoring

Points = Annotated[float, Field(ge=-1000, le=1000)]


class FitFile(FileModel):
    name: Name
    title: TitleFile
    when: str = Field(alias="if")
    points: Points


class InterestFile(FileModel):
    name: Name
    title: TitleFile
    touch: str
    points: Points
    half_life_days: float | None = Field(None, gt=0, le=3660)
    window_days: int | None = Field(None, ge=1, le=3660)
    cap: float | None = Field(None, gt=0, le=1000)
    count: Literal["each", "once"] = "each"
    explicit: bool = False

    def value(self) -> InterestRule:
        return InterestRule(
            self.name,
            self.title.value(),
            self.touch,
            self.points,
            self.half_life_days,
            self.window_days,
            self.cap,
            self.count,
            self.explicit,
        )


class GroupFile(FileModel):
    name: Name
    rules: list[Name] = Field(min_length=2)
    cap: float = Field(gt=0, le=1000)


class ScoringFile(FileModel):
    version: int = Field(ge=1)
    fit: tuple[FitFile, ...] = ()
    interest: tuple[InterestFile, ...] = ()
    groups: tuple[GroupFile, ...] = ()


def load_scoring(document: Document, ladder: Mapping[str, int], touch_kinds: frozenset[str] | None = None) -> Scoring:
    """The scoring document as a value. `ladder` is rung name → rank; `touch_kinds`, where given, the words of the mappings in
    use. Raises FixConfig with every problem."""
    file = validate(document, ScoringFile)
    problems = Problems(document)
    problems.unique(_names(file))
    attributes = catalogue.attributes(ladder)
    fit = tuple(
        FitRule(rule.name, rule.title.value(), problems.condition(("fit", i, "if"), rule.when, attributes), rule.points)
        for i, rule in enumerate(file.fit)
    )
    _check_kinds(problems, file, touch_kinds)
    _check_groups(problems, file)
    problems.check()
    groups = tuple(Group(group.name, tuple(group.rules), group.cap) for group in file.groups)
    return Scoring(file.version, fit, tuple(rule.value() for rule in file.interest), groups)


def _names(file: ScoringFile) -> dict[Path_, str]:
    fit: dict[Path_, str] = {("fit", i, "name"): rule.name for i, rule in enumerate(file.fit)}
    return {**fit, **{("interest", i, "name"): rule.name for i, rule in enumerate(file.interest)}}


def _check_kinds(problems: Problems, file: ScoringFile, touch_kinds: frozenset[str] | None) -> None:
    for i, rule in enumerate(file.interest):
        if touch_kinds is not None and rule.touch not in touch_kinds:
            known = ", ".join(sorted(touch_kinds))
            nearest = catalogue.nearest(rule.touch, touch_kinds)
            problems.add(("interest", i, "touch"), "condition.unknown_value", value=rule.touch, nearest=nearest, known=known)


def _check_groups(problems: Problems, file: ScoringFile) -> None:
    """A group takes interest rules with points above nothing, each rule in one group at most."""
    points = {rule.name: rule.points for rule in file.interest}
    taken: set[str] = set()
    for i, group in enumerate(file.groups):
        for j, name in enumerate(group.rules):
            if name not in points:
                problems.add(("groups", i, "rules", j), "rules.unknown_rule", name=name, nearest=catalogue.nearest(name, points))
            elif points[name] < 0:
                problems.add(("groups", i, "rules", j), "rules.negative_in_group", name=name)
            elif name in taken:
                problems.add(("groups", i, "rules", j), "rules.duplicate", name=name)
            taken.add(name)
