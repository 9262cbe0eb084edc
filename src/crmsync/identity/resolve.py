"""Which records are one person. The rules, in order:

    vendor link    the CRM says so itself: converted lead, merge winner, the id fields of a CRM-to-CRM sync
    e-mail         the same normalised address, unless it is shared by clearly different people
    new            otherwise the record is a person of its own

An address shared by clearly different people, or one that fits several persons, goes to the review queue; the record stands as
a person of its own meanwhile. An edited address never makes a second person. A revoked link is never made again.

Only what the changed records touch is looked at: records with one of their addresses, records named by them or naming them,
and the other records of these persons, until nothing is added. Within that the persons are worked out from nothing, in the one
order (created_at, key), so that the order of arrival cannot matter; existing ids are then given to the groups they belong to.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from crmsync.identity.grouping import Groups
from crmsync.identity.records import ANY_CONNECTION, Evidence, Link, RecordKeys, merged_same_as, suffix


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A record whose person is not clear. `why` is a word of the message catalogue: "shared_email", "several_candidates",
    "address_of_another", "link_to_several"."""

    record: str
    candidates: tuple[str, ...]
    why: str

    def row(self) -> tuple[str, tuple[str, ...], str]:
        """(record, candidates, why), as the store keeps it."""
        return (self.record, self.candidates, self.why)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What changed. `links` are those that are new or other than before; `aliases` former person id → the id it goes by now;
    `examined` every record looked at: a review of one of them that is not among `ambiguous` is settled."""

    links: tuple[Link, ...] = ()
    new_persons: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    ambiguous: tuple[Ambiguous, ...] = ()
    examined: frozenset[str] = frozenset()


@dataclass(slots=True)
class Known:
    """What earlier resolutions left, as indexes. Build it once with `of`, or fill the dicts with just the neighbourhood of a
    batch; `learn` keeps it current. `former` are person ids that are aliases now and not to be used again."""

    records: dict[str, RecordKeys] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    records_of: dict[str, set[str]] = field(default_factory=dict)
    by_email: dict[str, set[str]] = field(default_factory=dict)
    by_suffix: dict[str, set[str]] = field(default_factory=dict)
    naming: dict[str, set[str]] = field(default_factory=dict)
    former: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, records: Iterable[RecordKeys], links: Iterable[Link], former: Iterable[str] = ()) -> Known:
        """From all records of people and all links, revoked ones too."""
        known = cls(former=set(former))
        by_record = {link.record: link for link in links}
        for record in records:
            known._see(record)
            if record.key in by_record:
                known._link(by_record[record.key])
        return known

    def learn(self, changed: Sequence[RecordKeys], resolution: Resolution) -> None:
        """Take in a batch and what became of it."""
        for record in changed:
            self._see(record)
        for link in resolution.links:
            self._link(link)
        self.former |= set(resolution.aliases)

    def _see(self, record: RecordKeys) -> None:
        self.records[record.key] = record
        self.by_suffix.setdefault(suffix(record.key), set()).add(record.key)
        for name in record.same_as:
            self.naming.setdefault(suffix(name), set()).add(record.key)

    def _link(self, link: Link) -> None:
        before = self.person_of(link.record)
        if before:
            self.records_of[before].discard(link.record)
        self.links[link.record] = link
        if not link.is_revoked:
            self.records_of.setdefault(link.person_id, set()).add(link.record)
        for email in link.evidence.emails:
            self.by_email.setdefault(email, set()).add(link.record)
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


def resolve(changed: Iterable[RecordKeys], known: Known, merged: Iterable[tuple[str, str]] = ()) -> Resolution:
    """Work out the persons of the changed records. `merged` are (loser, winner) record keys of merges in a CRM. The result does
    not depend on the order of `changed`, nor on how records are spread over calls."""
    return _Work(_with_merges(changed, known, merged), known).resolution()


def person_id_from(record: str, attempt: int = 0) -> str:
    """The id of a person first known by this record."""
    text = f"{record}#{attempt}" if attempt else record
    return "p" + hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _with_merges(changed: Iterable[RecordKeys], known: Known, merged: Iterable[tuple[str, str]]) -> dict[str, RecordKeys]:
    batch = {record.key: record for record in changed}
    for loser, winner in merged:
        record = batch.get(loser) or known.records.get(loser)
        if record is not None:
            batch[loser] = replace(record, same_as=tuple(dict.fromkeys([*record.same_as, winner])))
    return batch


class _Work:
    """One resolution on its way. `records`, `emails` and `same_as` cover the neighbourhood of the batch and nothing else."""

    def __init__(self, batch: Mapping[str, RecordKeys], known: Known) -> None:
        self.batch = batch
        self.known = known
        self.suffixes = _index(batch, lambda record: [suffix(record.key)])
        self.same_as = {key: merged_same_as(known.evidence_of(key).same_as, record.same_as) for key, record in batch.items()}
        self.namers = _index(batch, lambda record: map(suffix, self.same_as[record.key]))
        self.ambiguous: list[Ambiguous] = []
        self.emails = self._addresses()
        self.addressed = _index(batch, lambda record: self.emails[record.key])
        self.records = self._neighbourhood()

    def resolution(self) -> Resolution:
        groups = self._groups()
        members = groups.members()
        ids, new = self._ids(members)
        self._review(groups, ids)
        links = [
            link for group in members for link in self._links(group, ids[group[0]]) if link != self.known.links.get(link.record)
        ]
        return Resolution(
            links=tuple(sorted(links, key=lambda link: link.record)),
            new_persons=tuple(sorted(new)),
            aliases=self._aliases(members, ids),
            ambiguous=tuple(sorted(set(self.ambiguous), key=lambda a: (a.record, a.why))),
            examined=frozenset(self.records),
        )

    # ------------------------------------------------------------------------------------------------ what to look at

    def _addresses(self) -> dict[str, tuple[str, ...]]:
        """The addresses under which each record of the batch is known. An address that came by an edit is taken over unless
        another person is known by it already."""
        found: dict[str, tuple[str, ...]] = {}
        taken: dict[str, str | None] = {}
        for key in sorted(self.batch, key=lambda k: self.batch[k].order):
            email, held = self.batch[key].email, self.known.evidence_of(key).emails
            if email is None or email in held:
                found[key] = held
            elif not held or self._is_free(email, key, taken):
                found[key] = (*held, email)
            else:
                found[key] = held
                others = {self.known.person_of(other) for other in self.known.by_email.get(email, ())} | {taken.get(email)}
                self.ambiguous.append(Ambiguous(key, _ids_of(others), "address_of_another"))
        return found

    def _is_free(self, email: str, key: str, taken: dict[str, str | None]) -> bool:
        own = self.known.person_of(key)
        holders = {self.known.person_of(other) for other in self.known.by_email.get(email, ())} - {own}
        if holders or taken.get(email, own) != own:
            return False
        taken[email] = own
        return True

    def _neighbourhood(self) -> dict[str, RecordKeys]:
        """Everything that the batch touches. Each address, name and person is followed once, however many records share it."""
        found: dict[str, RecordKeys] = {}
        waiting = list(self.batch)
        followed: set[tuple[str, str]] = set()
        while waiting:
            key = waiting.pop()
            record = self.batch.get(key) or self.known.records.get(key)
            if key in found or record is None:
                continue
            found[key] = record
            self._take_in(key)
            for term in self._terms(key):
                if term not in followed:
                    followed.add(term)
                    waiting.extend(self._behind(*term))
            waiting.extend(target for name in self.same_as[key] for target in self._named(key, name))
        return found

    def _take_in(self, key: str) -> None:
        evidence = self.known.evidence_of(key)
        self.emails.setdefault(key, evidence.emails)
        if key not in self.same_as:
            self.same_as[key] = merged_same_as(evidence.same_as, self.known.records[key].same_as)

    def _terms(self, key: str) -> Iterable[tuple[str, str]]:
        """What leads from a record to others: its addresses, its person, and its id where others name it."""
        yield from (("email", email) for email in self.emails[key])
        yield ("named", suffix(key))
        person = self.known.person_of(key)
        if person:
            yield ("person", person)

    def _behind(self, kind: str, term: str) -> Iterable[str]:
        if kind == "email":
            return self.known.by_email.get(term, set()) | self.addressed.get(term, set())
        if kind == "named":
            return self.known.naming.get(term, set()) | self.namers.get(term, set())
        return self.known.records_of[term]

    def _named(self, key: str, name: str) -> list[str]:
        """The records that a name may mean: it itself, or where the connection is open, that id in any other connection."""
        tail, connection = suffix(name), name.partition("/")[0]
        having = self.known.by_suffix.get(tail, set()) | self.suffixes.get(tail, set())
        if connection != ANY_CONNECTION:
            return [name] if name in having else []
        own = key.partition("/")[0]
        return sorted(other for other in having if other.partition("/")[0] != own)

    # ------------------------------------------------------------------------------------------------ who belongs together

    def _groups(self) -> Groups:
        parted = {key: frozenset(self.known.evidence_of(key).parted) for key in self.records}
        groups = Groups(self.records, parted, {key: self.known.person_of(key) for key in self.records})
        for key in sorted(self.records, key=lambda k: self.records[k].order):
            for name in sorted(self.same_as[key]):
                self._tie(groups, key, name)
        for person in sorted({p for key in self.records if (p := self.known.person_of(key))}):
            mine = sorted(key for key in self.known.records_of[person] if key in self.records)
            if any(self.known.links[key].rule == "manual" for key in mine):
                for one, other in pairwise(mine):
                    groups.tie(one, other)
        holders: dict[str, set[str]] = {}
        for key in self.records:
            for email in self.emails[key]:
                holders.setdefault(email, set()).add(key)
        for email in sorted(holders):
            groups.share(holders[email])
        return groups

    def _tie(self, groups: Groups, key: str, name: str) -> None:
        targets = [target for target in self._named(key, name) if target in self.records and target != key]
        if len(targets) > 1:
            persons = {self.known.person_of(target) for target in targets}
            self.ambiguous.append(Ambiguous(key, _ids_of(persons), "link_to_several"))
        elif targets:
            groups.tie(key, targets[0])

    # ------------------------------------------------------------------------------------------------ which id each has

    def _ids(self, members: Sequence[Sequence[str]]) -> tuple[dict[str, str], set[str]]:
        """First record of a group → person id, and which of the ids are new. Of several former persons the one whose oldest
        record is the oldest gives the id; a person whose records fall apart goes with the record it was made from, else with
        its oldest."""
        home = {key: group[0] for group in members for key in group}
        former = {p for key in home if (p := self.known.person_of(key))}
        claims: dict[str, list[tuple[object, str]]] = {}
        for person in former:
            mine = sorted((key for key in self.known.records_of[person] if key in home), key=lambda k: self.records[k].order)
            founder = next((key for key in mine if person_id_from(key) == person), mine[0])
            claims.setdefault(home[founder], []).append((self.records[mine[0]].order, person))
        ids = {group: min(claimed)[1] for group, claimed in claims.items()}
        new = {group[0]: self._new_id(group, set(ids.values())) for group in members if group[0] not in ids}
        return ids | new, set(new.values())

    def _new_id(self, group: Sequence[str], used: set[str]) -> str:
        attempt = 0
        while True:
            person = person_id_from(group[0], attempt)
            if person not in used and not self.known.records_of.get(person) and person not in self.known.former:
                return person
            attempt += 1

    def _aliases(self, members: Sequence[Sequence[str]], ids: Mapping[str, str]) -> dict[str, str]:
        now = {key: ids[group[0]] for group in members for key in group}
        gone: dict[str, str] = {}
        for person in sorted({p for key in now if (p := self.known.person_of(key))} - set(ids.values())):
            mine = min((key for key in self.known.records_of[person] if key in now), key=lambda k: self.records[k].order)
            gone[person] = now[mine]
        return gone

    def _links(self, group: Sequence[str], person: str) -> Iterable[Link]:
        """A link for each record of the group, with the strongest reason there is for it."""
        founder = next((key for key in group if person_id_from(key) == person), group[0])
        tied = self._tied(group)
        shared = Counter(email for key in group for email in self.emails[key])
        for key in group:
            before, evidence = self.known.links.get(key), self.known.evidence_of(key)
            if before and before.rule == "manual" and not before.is_revoked:
                rule, via = "manual", evidence.via
            elif key == founder:
                rule, via = "new", ""
            elif key in tied:
                rule, via = "vendor_link", tied[key]
            else:
                rule, via = "email", next((email for email in self.emails[key] if shared[email] > 1), "")
            parted = tuple(other for other in evidence.parted if other != person)
            yield Link(key, person, rule, Evidence(via, self.emails[key], self.same_as[key], parted))

    def _tied(self, group: Sequence[str]) -> dict[str, str]:
        """Record → the first record of the group that it names or that names it."""
        found: dict[str, set[str]] = {}
        inside = set(group)
        for key in group:
            for other in (target for name in self.same_as[key] for target in self._named(key, name)):
                if other in inside and other != key:
                    found.setdefault(key, set()).add(other)
                    found.setdefault(other, set()).add(key)
        return {key: min(others) for key, others in found.items()}

    def _review(self, groups: Groups, ids: Mapping[str, str]) -> None:
        for record, others, why in groups.unclear:
            persons = _ids_of({ids[groups.first(other)] for other in others} - {ids[groups.first(record)]})
            if persons:
                self.ambiguous.append(Ambiguous(record, persons, why))


def _ids_of(persons: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted(person for person in persons if person))


def _index(batch: Mapping[str, RecordKeys], terms: Callable[[RecordKeys], Iterable[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, record in batch.items():
        for term in terms(record):
            found.setdefault(term, set()).add(key)
    return found
