"""Dead letters: what the CRMs refused, gathered by cause, with how old each is and how often it was tried."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from crmsync.model.changes import Cause

# What differs from record to record in a vendor's message: ids, numbers, whatever stands in quotes.
_PARTICULARS = re.compile(r"\"[^\"]*\"|'[^']*'|「[^」]*」|\b[\w-]*\d[\w-]*\b")


@dataclass(frozen=True, slots=True)
class Letter:
    """One refused change. `first_at` is when this target was first refused in the row of refusals that goes on; `tries` how often
    it was sent since then."""

    key: str
    connection: str
    object: str
    target: str
    person_id: str
    cause: Cause
    code: str
    message: str
    fields: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class Letters:
    """Letters of one cause at one object. `message` is the newest one's, as the CRM said it."""

    connection: str
    object: str
    cause: Cause
    code: str
    message: str
    fields: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    letters: tuple[Letter, ...]


def gather_letters(letters: Iterable[Letter]) -> tuple[Letters, ...]:
    """By connection, object, cause, code and what the message says in general; the most first, then the oldest."""
    groups: dict[tuple[str, ...], list[Letter]] = {}
    for letter in letters:
        same = (letter.connection, letter.object, letter.cause, letter.code, in_general(letter.message))
        groups.setdefault(same, []).append(letter)
    found = [_group(sorted(group, key=lambda one: (one.last_at, one.key))) for group in groups.values()]
    return tuple(sorted(found, key=lambda group: (-len(group.letters), group.first_at, group.connection, group.object, group.code)))


def in_general(message: str) -> str:
    """A message without what is particular to one record."""
    return _PARTICULARS.sub("…", message)


def age(tries: Sequence[tuple[str, str, datetime]], code: str) -> tuple[datetime, int]:
    """Of the answered attempts (state, code, when) at one target, oldest first: since when it has been refused for this cause
    without a success in between, and how many of the attempts since then were."""
    refused: list[datetime] = []
    for state, said, at in reversed(tries):
        if state in ("written", "unchanged"):
            break
        if state == "rejected" and said == code:
            refused.append(at)
    return min(refused), len(refused)


def _group(letters: Sequence[Letter]) -> Letters:
    newest = letters[-1]
    return Letters(
        newest.connection,
        newest.object,
        newest.cause,
        newest.code,
        newest.message,
        tuple(sorted({name for letter in letters for name in letter.fields})),
        min(letter.first_at for letter in letters),
        newest.last_at,
        tuple(letters),
    )
