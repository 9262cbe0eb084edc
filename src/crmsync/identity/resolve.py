"""Which records are one person. The rules, in order:

    vendor link       the CRM says so itself: converted lead, merge winner, the id fields of a CRM-to-CRM sync
    corporate number  the same complete folded name at companies of one corporate number (法人番号)
    company domain    the same complete folded name at companies, or with addresses, of one domain that is no mail service
    e-mail            the same normalised address, unless it is shared by clearly different people
    new               otherwise the record is a person of its own

The strongest reason there is for a link is the one it shows. What does not link goes to the review queue, and the record stands
as a person of its own meanwhile: an address shared by clearly different people or one that fits several persons; namesakes at
one company of whom two have mailboxes there, or who fit several; one complete name with one phone or one postal code. An edited
address never makes a second person, a company or a name that a record no longer shows takes no link back, and a revoked link is
never made again.

Only what the changed records touch is looked at: records with one of their addresses, with their name at their company, with
their name and their phone or postal code, records named by them or naming them, and the other records of these persons, until
nothing is added. Within that the persons are worked out from nothing, in the one order (created_at, key), so that the order of
arrival cannot matter; existing ids are then given to the groups they belong to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from crmsync.identity.grouping import Groups, overlapping
from crmsync.identity.known import Known
from crmsync.identity.lone import lone
from crmsync.identity.records import ANY_CONNECTION, Evidence, Link, RecordKeys, Rule, merged_same_as, person_id_from, suffix

# Why a record's person may not be clear, what weighs most first. Of several questions about one record that one is asked.
WHYS = (
    *("address_of_another", "link_to_several", "shared_email", "several_candidates"),
    *("namesakes", "same_phone", "same_postal_code"),
)
_BY_COMPANY: Mapping[str, Rule] = {"number:": "corporate_number", "domain:": "company_domain"}


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A record whose person is not clear. `why` is a word of the message catalogue, one of `WHYS`."""

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


def resolve(changed: Iterable[RecordKeys], known: Known, merged: Iterable[tuple[str, str]] = ()) -> Resolution:
    """Work out the persons of the changed records. `merged` are (loser, winner) record keys of merges in a CRM. The result does
    not depend on the order of `changed`, nor on how records are spread over calls."""
    batch = _with_merges(changed, known, merged)
    alone = lone(batch, known)
    found = _Work({key: record for key, record in batch.items() if key not in alone}, known).resolution()
    return replace(
        found,
        links=tuple(sorted([*found.links, *alone.values()], key=lambda link: link.record)),
        new_persons=tuple(sorted([*found.new_persons, *(link.person_id for link in alone.values())])),
        examined=found.examined | alone.keys(),
    )


def _with_merges(changed: Iterable[RecordKeys], known: Known, merged: Iterable[tuple[str, str]]) -> dict[str, RecordKeys]:
    batch = {record.key: record for record in changed}
    for loser, winner in merged:
        record = batch.get(loser) or known.records.get(loser)
        if record is not None:
            batch[loser] = replace(record, same_as=tuple(dict.fromkeys([*record.same_as, winner])))
    return batch


class _Work:
    """One resolution on its way. `records`, `emails`, `named` and `same_as` cover the neighbourhood of the batch, nothing else."""

    def __init__(self, batch: Mapping[str, RecordKeys], known: Known) -> None:
        self.batch = batch
        self.known = known
        self.suffixes = _index(batch, lambda record: [suffix(record.key)])
        self.same_as = {key: merged_same_as(known.evidence_of(key).same_as, record.same_as) for key, record in batch.items()}
        self.namers = _index(batch, lambda record: map(suffix, self.same_as[record.key]))
        self.ambiguous: list[Ambiguous] = []
        self.emails = self._addresses()
        self.addressed = _index(batch, lambda record: self.emails[record.key])
        self.named = {key: tuple(sorted({*known.evidence_of(key).named, *record.named})) for key, record in batch.items()}
        self.calling = _index(batch, lambda record: self.named[record.key])
        self.resembling = _index(batch, lambda record: record.alike)
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
            ambiguous=_one_each(self.ambiguous),
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
        self.named.setdefault(key, evidence.named)
        if key not in self.same_as:
            self.same_as[key] = merged_same_as(evidence.same_as, self.known.records[key].same_as)

    def _terms(self, key: str) -> Iterable[tuple[str, str]]:
        """What leads from a record to others: its addresses, its name at its company, its phone and postal code, its person, and
        its id where others name it."""
        yield from (("email", email) for email in self.emails[key])
        yield from (("company", term) for term in self._standing(key))
        yield from (("alike", term) for term in (self.batch.get(key) or self.known.records[key]).alike)
        yield ("named", suffix(key))
        person = self.known.person_of(key)
        if person:
            yield ("person", person)

    def _behind(self, kind: str, term: str) -> Iterable[str]:
        if kind == "email":
            return self.known.by_email.get(term, set()) | self.addressed.get(term, set())
        if kind == "company":
            return self.known.by_named.get(term, set()) | self.calling.get(term, set())
        if kind == "alike":
            kept = (key for key in self.known.by_alike.get(term, ()) if key not in self.batch)
            return {*kept, *self.resembling.get(term, ())}
        if kind == "named":
            return self.known.naming.get(term, set()) | self.namers.get(term, set())
        return self.known.records_of[term]

    def _standing(self, key: str) -> list[str]:
        """Every company and name under which the record is known, without companies that are known by the same as another."""
        return [term for term in self.named[key] if _company(term) not in self.known.disputed]

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
        persons = {key: self.known.person_of(key) for key in self.records}
        groups = Groups(self.records, parted, persons, self.emails, {key: self._numbers(key) for key in self.records})
        self._tie_all(groups)
        for _, holders in self._sharing(lambda key: self.emails[key]):
            groups.share(holders)
        for namesakes in overlapping(holders for _, holders in self._sharing(self._standing)):
            groups.namesakes(namesakes)
        for term, holders in self._sharing(lambda key: self.records[key].alike):
            groups.ask(holders, "same_phone" if term.startswith("phone:") else "same_postal_code")
        return groups

    def _tie_all(self, groups: Groups) -> None:
        """What the CRMs say, and what people said."""
        for key in sorted(self.records, key=lambda k: self.records[k].order):
            for name in sorted(self.same_as[key]):
                self._tie(groups, key, name)
        for person in sorted({p for key in self.records if (p := self.known.person_of(key))}):
            mine = sorted(key for key in self.known.records_of[person] if key in self.records)
            if any(self.known.links[key].rule == "manual" for key in mine):
                for one, other in pairwise(mine):
                    groups.tie(one, other)

    def _sharing(self, terms: Callable[[str], Iterable[str]]) -> list[tuple[str, set[str]]]:
        """Every term of the neighbourhood with the records that have it, in order."""
        holders: dict[str, set[str]] = {}
        for key in self.records:
            for term in terms(key):
                holders.setdefault(term, set()).add(key)
        return sorted(holders.items())

    def _numbers(self, key: str) -> set[str]:
        return {company for term in self._standing(key) if (company := _company(term)).startswith("number:")}

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
        shared = Counter(term for key in group for term in (*self.emails[key], *self._standing(key)))
        for key in group:
            before, evidence = self.known.links.get(key), self.known.evidence_of(key)
            reason: tuple[Rule, str]
            if before and before.rule == "manual" and not before.is_revoked:
                reason = ("manual", evidence.via)
            elif key == founder:
                reason = ("new", "")
            elif key in tied:
                reason = ("vendor_link", tied[key])
            else:
                reason = self._shared_by(key, shared)
            parted = tuple(other for other in evidence.parted if other != person)
            yield Link(key, person, reason[0], Evidence(reason[1], self.emails[key], self.same_as[key], parted, self.named[key]))

    def _shared_by(self, key: str, shared: Mapping[str, int]) -> tuple[Rule, str]:
        """What the record has in common with others of its person: their name at a company, else an address."""
        companies = {_company(term) for term in self._standing(key) if shared[term] > 1}
        for kind, rule in _BY_COMPANY.items():
            for company in sorted(companies):
                if company.startswith(kind):
                    return rule, company.removeprefix(kind)
        return "email", next((email for email in self.emails[key] if shared[email] > 1), "")

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
        """Ask what is unclear now that everybody is grouped; never again what somebody has answered with no."""
        for record, others, why in groups.unclear:
            open_ = {ids[groups.first(other)] for other in others if not groups.are_parted(record, other)}
            persons = _ids_of(open_ - {ids[groups.first(record)]})
            if persons:
                self.ambiguous.append(Ambiguous(record, persons, why))


def _one_each(questions: Iterable[Ambiguous]) -> tuple[Ambiguous, ...]:
    """One question about each record: the weightiest, with all that the record may be."""
    found: dict[str, list[Ambiguous]] = {}
    for question in questions:
        found.setdefault(question.record, []).append(question)
    return tuple(
        Ambiguous(
            record,
            tuple(sorted({person for question in asked for person in question.candidates})),
            min((question.why for question in asked), key=WHYS.index),
        )
        for record, asked in sorted(found.items())
    )


def _company(term: str) -> str:
    """What the company of a `RecordKeys.named` is known by."""
    return term.partition(" ")[0]


def _ids_of(persons: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted(person for person in persons if person))


def _index(batch: Mapping[str, RecordKeys], terms: Callable[[RecordKeys], Iterable[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, record in batch.items():
        for term in terms(record):
            found.setdefault(term, set()).add(key)
    return found
