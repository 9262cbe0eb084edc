"""What of a plan may be written at all: the policy of each connection and the staged roll-out. Both can only remove changes.

    policy        what is left of a plan
    observe       nothing: everything is shown, nothing is written
    create-only   what makes new records (tasks); no record that is there is touched
    no-clear      everything but emptying a field that holds something
    full          everything

A change that loses its only reasons to a policy is withheld whole: what merely goes along is no reason to write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from crmsync.model.changes import Change, FieldDiff, Withheld, WritingPolicy
from crmsync.planning.guard import Limits, is_clear
from crmsync.planning.plan import change_key

ROLLOUT = "rollout"
_BUCKETS = 10_000  # a hundredth of a percent


@dataclass(frozen=True, slots=True)
class Rollout:
    """Who is written for so far: `percent` of all persons, and before them whoever is named in `first` (a person id, an address
    in lower case, or a record as connection/object/id)."""

    percent: float = 100.0
    first: frozenset[str] = frozenset()

    def includes(self, person_id: str, names: Collection[str] = ()) -> bool:
        """Whether this person, also known by these `names`, takes part. A larger percentage has everyone of a smaller one."""
        return bucket(person_id) < self.percent * _BUCKETS / 100 or not self.first.isdisjoint((person_id, *names))


@dataclass(frozen=True, slots=True)
class Writing:
    """How far crmsync goes in one connection."""

    policy: WritingPolicy = "full"
    rollout: Rollout = field(default_factory=Rollout)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What of some changes may be written, and what is withheld."""

    changes: tuple[Change, ...]
    withheld: tuple[Withheld, ...]


def bucket(person_id: str) -> int:
    """Where a person stands in the order in which people join: by their id alone, so it is the same in every connection, on every
    machine and tomorrow."""
    return int.from_bytes(hashlib.blake2b(person_id.encode(), digest_size=8).digest()) % _BUCKETS


def sift(changes: Iterable[Change], writing: Mapping[str, Writing], names_of: Callable[[str], Collection[str]]) -> Sifted:
    """The changes under the policy and the roll-out of each connection; `names_of` gives what a person is called besides its
    id."""
    kept: list[Change] = []
    withheld: list[Withheld] = []
    for change in changes:
        rules = writing[change.connection]
        allowed, rest = under_policy(change, rules.policy)
        withheld += [Withheld(part, rules.policy) for part in rest]
        if allowed and rules.rollout.includes(change.person_id, names_of(change.person_id)):
            kept.append(allowed)
        elif allowed:
            withheld.append(Withheld(allowed, ROLLOUT))
    return Sifted(tuple(kept), tuple(withheld))


def under_policy(change: Change, policy: WritingPolicy) -> tuple[Change | None, tuple[Change, ...]]:
    """What a policy leaves of a change, and what it takes away."""
    is_new = change.operation != "update"
    if policy == "full" or (is_new and policy != "observe"):
        return change, ()
    if policy != "no-clear":
        return None, (change,)
    clears = tuple(diff for diff in change.fields if is_clear(diff))
    others = tuple(diff for diff in change.fields if not is_clear(diff))
    if not clears:
        return change, ()
    if not any(diff.alone for diff in others):
        return None, (change,)
    return _part(change, others), (_part(change, clears),)


def _part(change: Change, fields: tuple[FieldDiff, ...]) -> Change:
    """The change with these fields alone, under the key of this smaller wish."""
    values = {diff.field: diff.desired for diff in fields}
    key = change_key(change.connection, change.object, change.key_value or change.record_id or "", values)
    return replace(change, fields=fields, key=key)
