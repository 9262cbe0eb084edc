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
from crmsync.decisions.qualification import Definition, End, Signature


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


class QualificationFile(FileModel):
    name: Name
    version: int = Field(ge=1)
    title: TitleFile
    effective_from: date | None = None
    signed_by: tuple[SignatureFile, ...] = ()
    all: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    loose: EndFile
    strict: StrictFile


def load_qualification(document: Document, ladder: Mapping[str, int], touch_kinds: frozenset[str] | None = None) -> Definition:
    """The qualification document as a value. `ladder` is rung name → rank; `touch_kinds`, where given, the words of the mappings
    in use. Raises FixConfig with every problem."""
    file = validate(document, QualificationFile)
    problems = Problems(document)
    columns = catalogue.everything(ladder, touch_kinds)
    required = _conditions(problems, "all", file.all, columns)
    excluded = _conditions(problems, "exclude", file.exclude, columns)
    _check_ends(problems, file)
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
        signed_by=tuple(Signature(s.department, s.role) for s in file.signed_by),
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
