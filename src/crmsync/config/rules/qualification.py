"""`rules/qualification.yaml`: the definition of an MQL that marketing and sales sign."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, Path_, validate
from crmsync.config.rules.common import Name, Share, Temperature, TitleFile
from crmsync.config.rules.place import Problems
from crmsync.decisions import catalogue
from crmsync.decisions.conditions import Condition
from crmsync.decisions.qualification import Definition, End, Signature, Watch


class EndFile(FileModel):
    minimum_score: float
    temperatures: list[Temperature] = Field(min_length=1)

    def value(self) -> End:
        return End(self.minimum_score, tuple(self.temperatures))


class StrictFile(EndFile):
    from_position: Share = 1.0


class SignatureFile(FileModel):
    department: Literal["marketing", "inside_sales", "field_sales", "customer_success"]
    role: str = Field(min_length=1)
    signed_on: date | None = Field(None, alias="on")
    digest: str = Field("", pattern="^([0-9a-f]{24})?$")


class WatchFile(FileModel):
    """When the definition counts as stale: so many first and last weeks compared, a drift of so much of the share accepted."""

    weeks: int = Field(default=6, ge=1, le=52)
    tolerance: Share = 0.1
    verdicts: int = Field(default=20, ge=1)

    def value(self) -> Watch:
        return Watch(self.weeks, self.tolerance, self.verdicts)


class QualificationFile(FileModel):
    name: Name
    version: int = Field(ge=1)
    title: TitleFile
    effective_from: date | None = None
    review_by: date | None = None
    status: Literal["draft", "approved"] | None = None
    signed_by: tuple[SignatureFile, ...] = ()
    all: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    loose: EndFile
    strict: StrictFile
    stale: WatchFile = WatchFile()


def load_qualification(document: Document, ladder: Mapping[str, int], touch_kinds: frozenset[str] | None = None) -> Definition:
    """The qualification document as a value. `ladder` is rung name → rank; `touch_kinds`, where given, the words of the mappings
    in use. Raises FixConfig with every problem."""
    file = validate(document, QualificationFile)
    problems = Problems(document)
    columns = catalogue.everything(ladder, touch_kinds)
    required = _conditions(problems, "all", file.all, columns)
    excluded = _conditions(problems, "exclude", file.exclude, columns)
    _check_ends(problems, file)
    _check_life(problems, file)
    problems.check()
    return Definition(
        name=file.name,
        version=file.version,
        title=file.title.value(),
        required=required,
        excluded=excluded,
        loose=file.loose.value(),
        strict=file.strict.value(),
        strict_from=file.strict.from_position,
        effective_from=file.effective_from,
        signed_by=tuple(Signature(s.department, s.role, s.signed_on, s.digest) for s in file.signed_by),
        is_draft=file.status == "draft",
        review_by=file.review_by,
        watch=file.stale.value(),
    )


def _conditions(problems: Problems, key: str, texts: tuple[str, ...], columns: catalogue.Catalogue) -> tuple[Condition, ...]:
    return tuple(problems.condition((key, i), text, columns) for i, text in enumerate(texts))


def _check_ends(problems: Problems, file: QualificationFile) -> None:
    """The strict end lets through no more than the loose one."""
    if file.strict.minimum_score < file.loose.minimum_score:
        problems.add(("strict", "minimum_score"), "rules.not_below", key="strict.minimum_score", other="loose.minimum_score")
    for i, name in enumerate(file.strict.temperatures):
        if name not in file.loose.temperatures:
            path: Path_ = ("strict", "temperatures", i)
            problems.add(path, "rules.strict_is_looser", temperature=name)


def _check_life(problems: Problems, file: QualificationFile) -> None:
    """What calls itself approved bears the dates of both heads; it is signed before it is in force, and reviewed after."""
    if file.status == "approved":
        signed = {s.department for s in file.signed_by if s.signed_on is not None}
        for department in sorted({"marketing", "inside_sales"} - signed):
            problems.add(("status",), "rules.not_signed", department=department)
        if file.effective_from is None:
            problems.add(("status",), "rules.no_effective_date")
    for index, signature in enumerate(file.signed_by):
        if signature.signed_on and file.effective_from and signature.signed_on > file.effective_from:
            problems.add(("signed_by", index, "on"), "rules.not_above", key="signed_by.on", other="effective_from")
    if file.review_by and file.effective_from and file.review_by <= file.effective_from:
        problems.add(("review_by",), "rules.not_above", key="effective_from", other="review_by")
