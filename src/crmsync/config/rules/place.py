"""From an offset in a YAML value to the line and column where that character stands in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmsync.config.document import Document, Path_
from crmsync.decisions.catalogue import Catalogue
from crmsync.decisions.conditions import Condition, Where, parse
from crmsync.errors import FixConfig, Problem

_BETWEEN = " \t\r\n'\"\\"
"""What YAML may put between two characters of a value: folds, indents, quotes, backslashes."""


class Problems:
    """What is wrong with one document, gathered so that all of it is reported at once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[Problem] = []

    def add(self, path: Path_, code: str, /, **params: Any) -> None:
        """Note a problem at the value of this path."""
        line, column = self.document.values.get(path) or self.document.position(*path)
        self.found.append(Problem(self.document.file, line, column, code, params))

    def condition(self, path: Path_, text: str, catalogue: Catalogue) -> Condition:
        """The condition at this path; an empty one, with its problems noted, where it cannot be used."""
        try:
            return parse(text, catalogue, where=inside(self.document, path, text))
        except FixConfig as wrong:
            self.found.extend(wrong.problems)
            return Condition(text, ())

    def unique(self, names: Mapping[Path_, str]) -> None:
        """Note every name that an earlier path already has."""
        seen: set[str] = set()
        for path, name in names.items():
            if name in seen:
                self.add(path, "rules.duplicate", name=name)
            seen.add(name)

    def check(self) -> None:
        """Raise FixConfig when anything was noted."""
        if self.found:
            raise FixConfig(self.found)


def inside(document: Document, path: Path_, text: str) -> Where:
    """Problems inside the value at `path`, whose parsed text is `text`."""

    def where(offset: int, code: str, params: Mapping[str, Any]) -> Problem:
        line, column = _place(document, path, text, offset)
        return Problem(document.file, line, column, code, params)

    return where


def _place(document: Document, path: Path_, text: str, offset: int) -> tuple[int, int]:
    """Quotes, folds and indents of YAML lie between the characters of the value: both are walked side by side, skipping in the
    file what the value does not have. Escapes such as `\\u8ab2` cannot be followed: then the value's first character."""
    start = document.values.get(path) or document.position(*path)
    lines = document.text.split("\n")
    if not document.text or start[0] > len(lines):
        return start
    at = sum(len(line) + 1 for line in lines[: start[0] - 1]) + start[1] - 1
    if document.text[at : at + 1] in ("|", ">"):
        at = document.text.find("\n", at) + 1
    for character in text[: offset + 1].rstrip():
        if not character.isspace():
            found = document.text.find(character, at)
            if found < 0 or document.text[at:found].strip(_BETWEEN):
                return start
            at = found + 1
    before = document.text[: max(at - 1, 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
