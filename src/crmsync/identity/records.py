"""What identity looks at: the keys of one record, and its link to a person with the reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from crmsync.identity.folding import fold, script
from crmsync.identity.keys import email_key, phone_key, postal_key

# The connection part of a ref into another CRM (see `crmsync.mapping.codecs`): any connection but the record's own.
ANY_CONNECTION = "*"
_LISTS = ("emails", "same_as", "parted", "named")
_SAID = ("via", *_LISTS)
_TEXT = json.JSONEncoder(ensure_ascii=False).encode  # made once: `json.dumps` makes one for each text

Rule = Literal["new", "vendor_link", "corporate_number", "company_domain", "email", "manual"]
"""Why a record is a person's; in words `link.*` of the message catalogue."""


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """One record of a person as identity sees it. `key` is "connection/object/id"; `same_as` are the keys of records that the
    CRM itself says are the same person, with "*" for a connection that it cannot know; `companies` is what its company is known
    by ("number:7010705000725", "domain:acme.example"), and `company` the ref of that company's record, where this one names it."""

    key: str
    created_at: datetime
    email: str | None = None
    family: str = ""
    given: str = ""
    same_as: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    phone: str | None = None
    postal_code: str | None = None
    company: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any], companies: Iterable[str] = ()) -> RecordKeys:
        """From a stored person row, or any mapping with PersonSeen's field names: `ref` as text, `links` as texts or as the JSON
        text of a list of them. `companies` are those of `CompanyKeys.of_person`."""
        links = row.get("links") or ()
        names = json.loads(links) if isinstance(links, str) else [str(link) for link in links]
        return cls(
            key=str(row["ref"]),
            created_at=row["created_at"],
            email=email_key(row.get("email")),
            family=fold(row.get("family_name") or ""),
            given=fold(row.get("given_name") or ""),
            same_as=tuple(dict.fromkeys(names)),
            companies=tuple(companies),
            phone=phone_key(row.get("phone")),
            postal_code=postal_key(row.get("postal_code")),
            company=row.get("company") or None,
        )

    @property
    def order(self) -> tuple[datetime, str]:
        """Which record was there first: the one order of identity, whatever came in when."""
        return (self.created_at, self.key)

    @property
    def named(self) -> tuple[str, ...]:
        """Company and complete name, as one text for each thing that the company is known by. Folded names hold no blanks."""
        return tuple(self._with_name(company) for company in self.companies if self.family and self.given)

    @property
    def alike(self) -> tuple[str, ...]:
        """Complete name with phone and with postal code: too little to link by, enough to ask."""
        known = (("phone", self.phone), ("postal", self.postal_code))
        return tuple(self._with_name(f"{kind}:{value}") for kind, value in known if value and self.family and self.given)

    def _with_name(self, what: str) -> str:
        return f"{what} {self.family} {self.given}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a link stands, and what keeps it standing: `via` is the address or the record that led to the person; `emails` every
    address under which the record was known while it was theirs; `same_as` the records that its CRM named; `parted` the persons
    that somebody said it is not; `named` every company and name under which it was known (`RecordKeys.named`)."""

    via: str = ""
    emails: tuple[str, ...] = ()
    same_as: tuple[str, ...] = ()
    parted: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def text(self) -> str:
        """As stored; equal evidence is equal text."""
        return _TEXT({name: said for name in _SAID if (said := getattr(self, name))})

    @classmethod
    def parse(cls, text: str) -> Evidence:
        """What `text` wrote; anything else is taken as a `via`."""
        if not text.startswith("{"):
            return cls(via=text)
        said = json.loads(text)
        return cls(said.get("via", ""), *(tuple(said.get(name, ())) for name in _LISTS))


@dataclass(frozen=True, slots=True)
class Link:
    """One record is one person's. `rule` is "new" (the record that the person was first known by), "vendor_link",
    "corporate_number", "company_domain", "email" or "manual" (somebody said so; never undone here). A revoked link is never made
    again by itself."""

    record: str
    person_id: str
    rule: Rule
    evidence: Evidence = field(default_factory=Evidence)
    is_revoked: bool = False

    def row(self) -> tuple[str, str, str, str]:
        """(record, person_id, rule, evidence), as the store keeps it."""
        return (self.record, self.person_id, self.rule, self.evidence.text())

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Link:
        """From a stored link row."""
        evidence = Evidence.parse(row.get("evidence") or "")
        return cls(row["record"], row["person_id"], row["rule"], evidence, row.get("revoked_at") is not None)


@lru_cache(maxsize=65_536)
def _told_by(name: tuple[str, str]) -> tuple[str, frozenset[str], str]:
    """What a complete name is told apart by: its script, its parts, and its letters in order."""
    return (script("".join(name)), frozenset(name), "".join(sorted("".join(name))))


def clearly_different(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two (family, given) names, folded, are of two people. Both must be complete and in one script, and differ in both
    parts, also when written the other way round: 田中 may marry, and Tanaka may be 田中."""
    if not (one[0] and one[1] and other[0] and other[1]):
        return False
    (script_one, parts_one, letters_one), (script_other, parts_other, letters_other) = _told_by(one), _told_by(other)
    return script_one == script_other and parts_one.isdisjoint(parts_other) and letters_one != letters_other


def person_id_from(record: str, attempt: int = 0) -> str:
    """The id of a person first known by this record."""
    text = f"{record}#{attempt}" if attempt else record
    return "p" + hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def suffix(key: str) -> str:
    """A record's key without its connection."""
    return key.partition("/")[2]


def merged_same_as(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """What the record's CRM named, over time. A field that no longer shows anything (also one that we may no longer see) takes
    nothing back; one that names another record of the same kind is a correction and does."""
    corrected = {name.rpartition("/")[0] for name in now}
    kept = [name for name in before if name.rpartition("/")[0] not in corrected]
    return tuple(dict.fromkeys([*now, *kept]))
