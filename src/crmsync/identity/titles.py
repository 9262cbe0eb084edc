"""Job titles → ranks. The ladder is configuration, because what a 課長 is differs from company to company."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

UNKNOWN = 0


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: its English name ("manager"), rank, and the titles that stand on it, in any language."""

    name: str
    rank: int
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The ladder with the words around titles that change them (folded, see `fold`).

    `lowering` before or after a title take one rank off (副部長, 部長補佐, deputy head); `former` before it say that it is not
    theirs (元部長, assistant to the CEO); `places` after it make it a place or somebody else (部長室, 社長秘書)."""

    rungs: tuple[Rung, ...]
    lowering_before: tuple[str, ...] = ()
    lowering_after: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    def ranks(self) -> dict[str, int]:
        """Every name that a condition may use, the rungs' own and the titles on them, → rank."""
        named = {fold(title): rung.rank for rung in self.rungs for title in rung.titles}
        return named | {rung.name: rung.rank for rung in self.rungs}

    def rank_of(self, name: str) -> int:
        """The rank of a rung or a title by name ("manager", "課長"). Raises KeyError for a name that is not on the ladder."""
        ranks = self.ranks()
        return ranks[name] if name in ranks else ranks[fold(name)]


def fold(text: str) -> str:
    """Width and case folded, blanks collapsed; dots of abbreviations (C.E.O.) dropped."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"\s+", " ", re.sub(r"(?<=\b[a-z])\.", "", plain)).strip()


def title_rank(text: str | None, ladder: Ladder) -> int:
    """The highest rank that the title names; UNKNOWN where it names none.

    At each place the longest title of the ladder counts, so that 事業部長 is no 部長 and Vice President no President."""
    if not text or not text.strip():
        return UNKNOWN
    folded = fold(text)
    return max(_ranks(folded, ladder), default=UNKNOWN)


def _ranks(text: str, ladder: Ladder) -> Iterable[int]:
    terms, pattern = _terms(ladder)
    place = 0
    while found := pattern.search(text, place):
        before, after = text[: found.start()], text[found.end() :]
        if _follows(after, ladder.places):
            place = found.start() + 1
            continue
        place = found.end()
        if not _precedes(before, ladder.former):
            lowered = _precedes(before, ladder.lowering_before) or _follows(after, ladder.lowering_after)
            yield max(terms[found[0]] - lowered, 1)


@lru_cache(maxsize=8)
def _terms(ladder: Ladder) -> tuple[Mapping[str, int], re.Pattern[str]]:
    terms = {fold(title): rung.rank for rung in ladder.rungs for title in rung.titles}
    longest_first = sorted(terms, key=lambda term: (-len(term), term))
    return terms, re.compile("|".join(map(_bounded, longest_first)))


def _bounded(term: str) -> str:
    """Latin titles are words of their own; Japanese ones are written on."""
    return rf"(?<![a-z0-9]){re.escape(term)}(?![a-z0-9])" if term.isascii() else re.escape(term)


def _precedes(before: str, words: tuple[str, ...]) -> bool:
    """Latin words as words of their own (a Service Manager is no vice manager)."""
    return any(re.search(rf"(?<![a-z0-9]){re.escape(w)}[ -]*$", before) if w.isascii() else before.endswith(w) for w in words)


def _follows(after: str, words: tuple[str, ...]) -> bool:
    return any(re.match(rf"[ -]*{re.escape(w)}(?![a-z0-9])", after) if w.isascii() else after.startswith(w) for w in words)
