"""`mappings/vocabulary/`: the title ladder, the domains that stand for nobody's company, the legal forms of companies.

titles.yaml        rungs with rank and titles, and the words that lower, end or displace a title
free_mail.yaml     domains
legal_forms.yaml   forms
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from crmsync.config.document import Document, FileModel, read_document, validate
from crmsync.errors import FixConfig, Problem
from crmsync.identity.titles import Ladder, Rung, fold
from crmsync.identity.vocabulary import Vocabulary


class RungFile(FileModel):
    rank: int = Field(ge=1, le=99)
    titles: list[str] = Field(min_length=1)


class TitlesFile(FileModel):
    """The ladder: rung name → rank and titles."""

    rungs: dict[str, RungFile]
    lowering_before: list[str] = Field(default_factory=list)
    lowering_after: list[str] = Field(default_factory=list)
    former: list[str] = Field(default_factory=list)
    places: list[str] = Field(default_factory=list)


class DomainsFile(FileModel):
    domains: list[str]


class FormsFile(FileModel):
    forms: list[str]


Model = TypeVar("Model", bound=FileModel)


def load_vocabulary(directories: Sequence[Path]) -> Vocabulary:
    """The vocabulary. A file in a later directory (itself, or its folder `vocabulary`) replaces an earlier one of its name.
    Raises FixConfig with every problem of every file, a missing file included."""
    problems: list[Problem] = []
    titles = _read(directories, "titles.yaml", TitlesFile, problems)
    domains = _read(directories, "free_mail.yaml", DomainsFile, problems)
    forms = _read(directories, "legal_forms.yaml", FormsFile, problems)
    if titles is not None:
        problems.extend(_twice(*titles))
    if problems or titles is None or domains is None or forms is None:
        raise FixConfig(problems)
    return Vocabulary(
        ladder=_ladder(titles[1]),
        shared_domains=frozenset(domain.strip().lower() for domain in domains[1].domains),
        legal_forms=tuple(forms[1].forms),
    )


def _read(directories: Sequence[Path], name: str, model: type[Model], problems: list[Problem]) -> tuple[Document, Model] | None:
    places = [place for directory in directories for place in (directory / name, directory / "vocabulary" / name)]
    path = next((place for place in reversed(places) if place.is_file()), places[-1])
    try:
        document = read_document(path)
        return document, validate(document, model)
    except FixConfig as error:
        problems.extend(error.problems)
        return None


def _twice(document: Document, file: TitlesFile) -> list[Problem]:
    """A title can stand on one rung only."""
    seen: dict[str, str] = {}
    found = []
    for name, rung in file.rungs.items():
        for index, title in enumerate(rung.titles):
            other = seen.setdefault(fold(title), name)
            if other != name:
                found.append(document.problem(("rungs", name, "titles", index), "identity.title_twice", title=title, rung=other))
    return found


def _ladder(file: TitlesFile) -> Ladder:
    return Ladder(
        rungs=tuple(Rung(name, rung.rank, tuple(rung.titles)) for name, rung in file.rungs.items()),
        lowering_before=tuple(map(fold, file.lowering_before)),
        lowering_after=tuple(map(fold, file.lowering_after)),
        former=tuple(map(fold, file.former)),
        places=tuple(map(fold, file.places)),
    )
