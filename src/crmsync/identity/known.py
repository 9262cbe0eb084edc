"""What earlier resolutions left, as indexes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from crmsync.identity.records import Evidence, Link, RecordKeys, suffix


@dataclass(slots=True)
class Known:
    """What earlier resolutions left, as indexes. Build it once with `of`; `learn` keeps it current. `former` are person ids
    that are aliases now and not to be used again; `disputed` what companies are known by that does not stand for one of them
    (`CompanyKeys.disputed`)."""

    records: dict[str, RecordKeys] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    records_of: dict[str, set[str]] = field(default_factory=dict)
    by_email: dict[str, set[str]] = field(default_factory=dict)
    by_suffix: dict[str, set[str]] = field(default_factory=dict)
    naming: dict[str, set[str]] = field(default_factory=dict)
    by_named: dict[str, set[str]] = field(default_factory=dict)
    by_alike: dict[str, set[str]] = field(default_factory=dict)
    former: set[str] = field(default_factory=set)
    disputed: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, records: Iterable[RecordKeys], links: Iterable[Link], former: Iterable[str] = (), disputed: Iterable[str] = ()
    ) -> Known:
        """From all records of people and all links, revoked ones too."""
        known = cls(former=set(former), disputed=frozenset(disputed))
        by_record = {link.record: link for link in links}
        for record in records:
            known.see(record)
            if record.key in by_record:
                known.link(by_record[record.key])
        return known

    def learn(self, changed: Iterable[RecordKeys], links: Iterable[Link], former: Iterable[str]) -> None:
        """Take in a batch, and of what became of it the links and the ids that are aliases now."""
        for record in changed:
            self.see(record)
        for link in links:
            self.link(link)
        self.former |= set(former)

    def see(self, record: RecordKeys) -> None:
        """Take in what a record shows now."""
        if record.key in self.records:
            for term in self.records[record.key].alike:
                self.by_alike[term].discard(record.key)
        self.records[record.key] = record
        for term in record.alike:
            self.by_alike.setdefault(term, set()).add(record.key)
        self.by_suffix.setdefault(suffix(record.key), set()).add(record.key)
        for name in record.same_as:
            self.naming.setdefault(suffix(name), set()).add(record.key)

    def link(self, link: Link) -> None:
        """Take in the link of a record, instead of the one before."""
        before = self.person_of(link.record)
        if before:
            self.records_of[before].discard(link.record)
        self.links[link.record] = link
        if not link.is_revoked:
            self.records_of.setdefault(link.person_id, set()).add(link.record)
        for email in link.evidence.emails:
            self.by_email.setdefault(email, set()).add(link.record)
        for term in link.evidence.named:
            self.by_named.setdefault(term, set()).add(link.record)
        for name in link.evidence.same_as:
            self.naming.setdefault(suffix(name), set()).add(link.record)

    def person_of(self, record: str) -> str | None:
        """The person a record is linked to now."""
        link = self.links.get(record)
        return link.person_id if link and not link.is_revoked else None

    def evidence_of(self, record: str) -> Evidence:
        """What its link rests on, with the person of a revoked link among those it is not."""
        link = self.links.get(record)
        if link is None:
            return Evidence()
        parted = (link.person_id,) if link.is_revoked else ()
        return replace(link.evidence, parted=tuple(dict.fromkeys(link.evidence.parted + parted)))
