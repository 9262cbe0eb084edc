"""The words and shapes of the agreement: chapters of lines, and how numbers, days and names are written in either language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from crmsync.messages import Language, name_of, say


@dataclass(frozen=True, slots=True)
class Line:
    """One block of a chapter: a sentence, a list of conditions, or a table (`head` and `rows`)."""

    text: str = ""
    conditions: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A numbered part of the agreement."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Everything the agreement says, in one language."""

    language: Language

    def __call__(self, code: str, **params: Any) -> str:
        return say(f"agreement.{code}", self.language, **params)

    def head(self, *codes: str) -> tuple[str, ...]:
        """The head of a table."""
        return tuple(self(f"head.{code}") for code in codes)

    def day(self, day: date | None) -> str:
        """2026年5月7日 or 2026-05-07; a dash where there is none."""
        if day is None:
            return "—"
        return f"{day.year}年{day.month}月{day.day}日" if self.language == "ja" else day.isoformat()

    def number(self, number: float | None) -> str:
        """Without needless zeros; a dash where there is none."""
        return "—" if number is None else f"{number:g}"

    def percent(self, share: float) -> str:
        return f"{share * 100:g}%"

    def yes(self, so: bool) -> str:
        return self("yes") if so else "—"

    def department(self, name: str) -> str:
        return name_of("department", name, self.language)

    def temperature(self, name: str) -> str:
        return name_of("temperature", name, self.language)

    def named(self, group: str, word: str | None) -> str:
        """The name of a word of the domain."""
        return name_of(f"agreement.{group}", word, self.language)

    def touch(self, kind: str) -> str:
        return name_of("touch", kind, self.language)

    def clock(self, kind: str | None) -> str:
        return name_of("clock", kind, self.language)

    def hold(self, reason: str) -> str:
        return name_of("hold", reason, self.language)

    def all(self, words: list[str]) -> str:
        """Words beside each other; a dash where there are none."""
        return self("separator").join(words) if words else "—"
