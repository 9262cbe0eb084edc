"""What both heads sign: a digest of everything that was agreed, and whether a definition bears their names under it.

The digest is of the values, not of the files: a comment, a space or a value written out that is the default anyway change nothing,
and a key that a later version adds does not either while it is left at its default. It covers every document under `rules/` and
what the team can take; the signatures themselves are not in it, nor who is away this week.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from crmsync.decisions.conditions import Condition
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import Definition
from crmsync.decisions.team import Team

HEADS = ("marketing", "inside_sales")
"""The departments whose heads both sign."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A set of definitions with the digest that is signed."""

    definitions: Definitions
    digest: str

    @classmethod
    def of(cls, definitions: Definitions, team: Team) -> Rules:
        return cls(definitions, digest_of(definitions, team))

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """The heads whose dated signature under this digest is missing; nobody's is for signed rules."""
        return lacks(self.definitions.qualification, self.digest)

    def in_force(self, successor: Rules | None, now: datetime) -> Rules:
        """These, or from the instant at which they become effective those that succeed them."""
        begins_at = None if successor is None else successor.definitions.begins_at
        return self if successor is None or begins_at is None or now < begins_at else successor


@dataclass(frozen=True, slots=True)
class Lack:
    """A head who has not signed: not at all, or something else than this (`signed` is what). `place` is the number of their
    signature in the document, None where it has none of theirs."""

    department: str
    why: Literal["unsigned", "signed_other"]
    signed: str = ""
    place: int | None = None


def digest_of(definitions: Definitions, team: Team) -> str:
    """The digest that is signed, that stands on the agreement and that every run records: twelve bytes in hexadecimal."""
    agreed = replace(definitions.qualification, signed_by=(), is_draft=False)
    standing = tuple(replace(rep, name="", absences=(), joined=None) for rep in sorted(team.reps, key=lambda rep: rep.rep_id))
    plain = _plain((replace(definitions, qualification=agreed), standing))
    content = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()


def lacks(definition: Definition, digest: str) -> tuple[Lack, ...]:
    """The heads whose dated signature under this digest is missing; nobody's is for a signed definition."""
    return tuple(lack for department in HEADS if (lack := _lack(definition, department, digest)) is not None)


def reviewed_on(definition: Definition) -> date | None:
    """The day of the last joint review: the later of both heads' signatures; None before both have signed anything."""
    days = [
        max((s.signed_on for s in definition.signed_by if s.department == head and s.signed_on), default=None) for head in HEADS
    ]
    known = [day for day in days if day is not None]
    return max(known) if len(known) == len(HEADS) else None


def _lack(definition: Definition, department: str, digest: str) -> Lack | None:
    mine = [(place, one) for place, one in enumerate(definition.signed_by) if one.department == department]
    dated = [(place, one) for place, one in mine if one.signed_on is not None]
    if any(one.digest == digest for _, one in dated):
        return None
    if other := [(place, one.digest) for place, one in dated if one.digest]:
        return Lack(department, "signed_other", other[-1][1], other[-1][0])
    return Lack(department, "unsigned", place=mine[-1][0] if mine else None)


def _plain(value: Any) -> Any:
    """The value as JSON has it. Raises TypeError for what has no one way to be written."""
    if isinstance(value, Condition):
        return value.text
    if is_dataclass(value) and not isinstance(value, type):
        said = {field.name: getattr(value, field.name) for field in fields(value)}
        return {field.name: _plain(said[field.name]) for field in fields(value) if said[field.name] != _usual(field)}
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=repr)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 5 and 5.0 are one agreement
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no one way to be written")


def _usual(field: Field[Any]) -> Any:
    """What the field holds where nothing is said; something that equals nothing where it always is."""
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else MISSING
