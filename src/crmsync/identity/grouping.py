"""Grouping records into persons: what is tied stays together, what is apart never comes together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crmsync.identity.records import RecordKeys, clearly_different

# Nobody chooses among more than that; a name that thousands have ("Test Test") must not ask of each about all the others.
MOST_CANDIDATES = 20


class Groups:
    """Disjoint groups of records. `parted` are the persons that a record is not; `persons` the person each record has now;
    `emails` and `numbers` the addresses and the corporate numbers by which each is known. `unclear` says of a record which other
    groups it may belong to, and why."""

    def __init__(
        self,
        records: Mapping[str, RecordKeys],
        parted: Mapping[str, frozenset[str]],
        persons: Mapping[str, str | None],
        emails: Mapping[str, Iterable[str]],
        numbers: Mapping[str, Iterable[str]],
    ) -> None:
        self._records = records
        self._group_of = {key: key for key in records}
        self._members = {key: [key] for key in records}
        self._names = {key: {(record.family, record.given)} for key, record in records.items()}
        self._parted = {key: set(parted[key]) for key in records}
        self._persons = {key: {p} if (p := persons[key]) else set() for key in records}
        self._mail_domains = {key: {email.rpartition("@")[2] for email in emails[key]} for key in records}
        self._numbers = {key: set(numbers[key]) for key in records}
        self.unclear: list[tuple[str, tuple[str, ...], str]] = []

    def tie(self, one: str, other: str) -> None:
        """The CRM says these two are one. Only somebody who said that they are not can hinder it."""
        if not self._is_parted(self._group_of[one], self._group_of[other]):
            self._unite(self._group_of[one], self._group_of[other])

    def share(self, holders: Iterable[str]) -> None:
        """These records have one address. They are one person, unless some are clearly different people: then each joins those
        it cannot be told from, if that is one person only, and stands alone otherwise.

        Records with a full name come first: a nameless one must not decide who is who."""
        found: list[str] = []
        alone: list[str] = []
        for group in self._in_order(holders):
            fitting = [other for other in found if not self._is_apart(group, other)]
            if len(fitting) == 1:
                found[found.index(fitting[0])] = self._unite(fitting[0], group)
            elif fitting:
                alone.append(group)
                self.unclear.append((self.first(group), tuple(fitting), "several_candidates"))
            else:
                if found:
                    self.unclear.append((self.first(group), tuple(found), "shared_email"))
                found.append(group)

    def namesakes(self, holders: Iterable[str]) -> None:
        """These records have one complete name at one company. They are one person if all of them can be: no two have mailboxes
        of one mail service, which colleagues of one name would have, or are known by other corporate numbers. Else nobody is
        joined: a record that fits two people is neither for sure. Comes after `share`: one mailbox is one group by then."""
        found = self._in_order(holders)
        if self._can_all_be_one(found):
            for group in found[1:]:
                self._unite(self._group_of[found[0]], group)
        else:
            self.ask(holders, "namesakes")

    def ask(self, holders: Iterable[str], why: str) -> None:
        """People shall say of each of these groups but the first whether it is one of those before it."""
        found = self._in_order(holders)
        asked = (
            (self.first(group), tuple(found[: min(place, MOST_CANDIDATES)]), why) for place, group in enumerate(found) if place
        )
        self.unclear.extend(asked)

    def are_parted(self, one: str, other: str) -> bool:
        """Whether somebody said that the persons of these two records are not one."""
        return self._is_parted(self._group_of[one], self._group_of[other])

    def members(self) -> list[list[str]]:
        """The groups, oldest record first in each, sorted by it."""
        groups = [sorted(keys, key=lambda k: self._records[k].order) for keys in self._members.values()]
        return sorted(groups, key=lambda keys: self._records[keys[0]].order)

    def first(self, key: str) -> str:
        """The oldest record of the group of this record."""
        return min(self._members[self._group_of[key]], key=lambda k: self._records[k].order)

    def _in_order(self, holders: Iterable[str]) -> list[str]:
        return sorted({self._group_of[key] for key in holders}, key=self._rank)

    def _can_all_be_one(self, groups: Sequence[str]) -> bool:
        """Each group is held against all before it together: however many there are, each is looked at once."""
        names: set[tuple[str, str]] = set()
        parted: set[str] = set()
        persons: set[str] = set()
        domains: set[str] = set()
        numbers: set[str] = set()
        for group in groups:
            if domains & self._mail_domains[group] or parted & self._persons[group] or self._parted[group] & persons:
                return False
            if any(clearly_different(a, b) for a in names for b in self._names[group]):
                return False
            numbers = numbers & self._numbers[group] if numbers and self._numbers[group] else numbers | self._numbers[group]
            if self._numbers[group] and not numbers:
                return False
            names |= self._names[group]
            parted |= self._parted[group]
            persons |= self._persons[group]
            domains |= self._mail_domains[group]
        return True

    def _rank(self, group: str) -> tuple[object, ...]:
        is_nameless = not any(all(name) for name in self._names[group])
        return (is_nameless, *self._records[self.first(group)].order)

    def _is_apart(self, one: str, other: str) -> bool:
        if self._is_parted(one, other):
            return True
        return any(clearly_different(a, b) for a in self._names[one] for b in self._names[other])

    def _is_parted(self, one: str, other: str) -> bool:
        return bool(self._parted[one] & self._persons[other] or self._parted[other] & self._persons[one])

    def _unite(self, one: str, other: str) -> str:
        if one == other:
            return one
        kept, taken = sorted((one, other), key=lambda g: (-len(self._members[g]), g))
        for key in self._members[taken]:
            self._group_of[key] = kept
        self._members[kept].extend(self._members.pop(taken))
        self._names[kept] |= self._names.pop(taken)
        self._parted[kept] |= self._parted.pop(taken)
        self._persons[kept] |= self._persons.pop(taken)
        self._mail_domains[kept] |= self._mail_domains.pop(taken)
        self._numbers[kept] |= self._numbers.pop(taken)
        return kept


def overlapping(sets: Iterable[Iterable[str]]) -> list[list[str]]:
    """The unions of sets that have members in common, each sorted, in order."""
    above: dict[str, str] = {}

    def top(member: str) -> str:
        while above.setdefault(member, member) != member:
            above[member] = above[above[member]]
            member = above[member]
        return member

    for members in sets:
        first, *others = members
        for other in others:
            above[top(other)] = top(first)
    found: dict[str, list[str]] = {}
    for member in sorted(above):
        found.setdefault(top(member), []).append(member)
    return sorted(found.values())
