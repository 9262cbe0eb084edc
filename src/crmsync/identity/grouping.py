"""Grouping records into persons: what is tied stays together, what is apart never comes together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crmsync.identity.records import RecordKeys, clearly_different


class Groups:
    """Disjoint groups of records. `parted` are the persons that a record is not; `persons` the person each record has now."""

    def __init__(
        self, records: Mapping[str, RecordKeys], parted: Mapping[str, frozenset[str]], persons: Mapping[str, str | None]
    ) -> None:
        self._records = records
        self._group_of = {key: key for key in records}
        self._members = {key: [key] for key in records}
        self._names = {key: {(record.family, record.given)} for key, record in records.items()}
        self._parted = {key: set(parted[key]) for key in records}
        self._persons = {key: {p} if (p := persons[key]) else set() for key in records}
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
        for group in sorted({self._group_of[key] for key in holders}, key=self._rank):
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

    def members(self) -> list[list[str]]:
        """The groups, oldest record first in each, sorted by it."""
        groups = [sorted(keys, key=lambda k: self._records[k].order) for keys in self._members.values()]
        return sorted(groups, key=lambda keys: self._records[keys[0]].order)

    def first(self, key: str) -> str:
        """The oldest record of the group of this record."""
        return min(self._members[self._group_of[key]], key=lambda k: self._records[k].order)

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
        return kept
