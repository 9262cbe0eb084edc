"""Guards: how much of a CRM one plan may change before a person has said that it is meant.

    guard        of                                               counts
    records      records that we have written before              those to be written again, tasks apart
    phases       records that we have written before              those whose phase would change
    owners       live records of people                           those with an owner who would get another, or none
    reassigned   live records of one owner (the worst of them)    those that would be taken away from that owner
    clears       live records of people                           those with a field that would be emptied
    source       live records of one object as last known         those that have gone since
    memberships  people whom we have put on lists                 those to be taken off

A guard trips when its population is at least `at_least` and more than `share` of it is counted. `records` and `phases` count only
what we have written before: the first fill of an installation writes everyone, and is governed by the roll-out. Taking people's
owners or emptying their fields belongs to no first fill, so those three look at all records.

What a person has released does not count again: see `wish`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from crmsync.model.changes import Alarm, Change, FieldDiff
from crmsync.model.memberships import MEMBER, MEMBERSHIPS
from crmsync.model.records import RecordRef


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest share (0 to 1) that may be concerned, of a population of at least so many. A share of 1 never trips."""

    share: float
    at_least: int

    def is_exceeded(self, counted: int, population: int) -> bool:
        return population >= self.at_least and counted > self.share * population

    def can_be_exceeded(self, counted: int) -> bool:
        """Whether any population would make so many too many: where not, nobody needs to be counted."""
        return counted > self.share * self.at_least


@dataclass(frozen=True, slots=True)
class Limits:
    """The guards of one connection, as they stand where nothing is said."""

    records: Limit = field(default_factory=lambda: Limit(0.5, 200))
    phases: Limit = field(default_factory=lambda: Limit(0.25, 100))
    owners: Limit = field(default_factory=lambda: Limit(0.1, 100))
    reassigned: Limit = field(default_factory=lambda: Limit(0.5, 30))
    clears: Limit = field(default_factory=lambda: Limit(0.1, 100))
    source: Limit = field(default_factory=lambda: Limit(0.2, 50))
    memberships: Limit = field(default_factory=lambda: Limit(0.5, 100))


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which vendor fields (object, field) hold an owner or a phase, which objects hold people, and which users are queues: taking
    a record out of a queue takes it from nobody."""

    owners: Collection[tuple[str, str]] = frozenset()
    phases: Collection[tuple[str, str]] = frozenset()
    people: Collection[str] = frozenset()
    queues: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a plan would do to the records of people in one connection."""

    records: frozenset[RecordRef] = frozenset()
    phases: frozenset[RecordRef] = frozenset()
    owners: frozenset[RecordRef] = frozenset()
    clears: frozenset[RecordRef] = frozenset()
    taken: Mapping[str, int] = field(default_factory=dict)
    leaving: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """Of one object: how many live records there were, and how many of them have gone."""

    object: str
    before: int
    gone: int


@dataclass(frozen=True, slots=True)
class Census:
    """What a tally is compared with. `known` are those of its records that we have written before, `written` how many there are;
    `live` are all live records of people, `books` those of each owner; `enrolled` how many we have put on lists."""

    known: frozenset[RecordRef] = frozenset()
    written: int = 0
    live: int = 0
    books: Mapping[str, int] = field(default_factory=dict)
    enrolled: int = 0


def tally(changes: Iterable[Change], meaning: Meaning, released: Collection[str] = ()) -> Tally:
    """Count one connection's changes, but for those whose wish has been released."""
    records, phases, owners, clears = set(), set(), set(), set()
    taken: Counter[str] = Counter()
    leaving = 0
    for change in changes:
        ref = change.ref
        if change.object == MEMBERSHIPS and not change.values()[MEMBER] and wish(change, meaning) not in released:
            leaving += 1
        if ref is None or ref.object not in meaning.people or (released and wish(change, meaning) in released):
            continue
        records.add(ref)
        for diff in change.fields:
            if (ref.object, diff.field) in meaning.phases and not _is_blank(diff.current):
                phases.add(ref)
            elif (ref.object, diff.field) in meaning.owners and _is_somebody(diff.current, meaning):
                owners.add(ref)
                taken[str(diff.current)] += 1
            elif is_clear(diff):
                clears.add(ref)
    return Tally(frozenset(records), frozenset(phases), frozenset(owners), frozenset(clears), dict(taken), leaving)


def needs_census(counted: Tally, limits: Limits) -> bool:
    """Whether anything here could trip a guard."""
    most_taken = max(counted.taken.values(), default=0)
    pairs = (
        (limits.records, len(counted.records)),
        (limits.phases, len(counted.phases)),
        (limits.owners, len(counted.owners)),
        (limits.clears, len(counted.clears)),
        (limits.reassigned, most_taken),
        (limits.memberships, counted.leaving),
    )
    return any(limit.can_be_exceeded(count) for limit, count in pairs)


def judge(connection: str, counted: Tally, census: Census, limits: Limits) -> tuple[Alarm, ...]:
    """The guards that this plan trips in one connection."""
    return (
        *_alarm(connection, "records", limits.records, len(counted.records & census.known), census.written),
        *_alarm(connection, "phases", limits.phases, len(counted.phases & census.known), census.written),
        *_alarm(connection, "owners", limits.owners, len(counted.owners), census.live),
        *_worst(
            alarm
            for owner, count in sorted(counted.taken.items())
            for alarm in _alarm(connection, "reassigned", limits.reassigned, count, census.books.get(owner, 0), owner)
        ),
        *_alarm(connection, "clears", limits.clears, len(counted.clears), census.live),
        *_alarm(connection, "memberships", limits.memberships, counted.leaving, census.enrolled),
    )


def judge_losses(connection: str, losses: Iterable[Loss], limits: Limits) -> tuple[Alarm, ...]:
    """The objects of a connection of which too much has gone at once: a CRM that was emptied, a permission that was lost."""
    return tuple(
        alarm for loss in losses for alarm in _alarm(connection, "source", limits.source, loss.gone, loss.before, loss.object)
    )


def wish(change: Change, meaning: Meaning) -> str:
    """What a person releases of a change: the record, whom it goes to, which phase it takes, and what is emptied. Scores and
    the like go on decaying between a release and the cycle that writes: they are none of a guard's business."""
    told = [
        (diff.field, diff.desired)
        for diff in change.fields
        if (change.object, diff.field) in meaning.owners
        or (change.object, diff.field) in meaning.phases
        or change.object == MEMBERSHIPS
        or is_clear(diff)
    ]
    content = [change.connection, change.object, change.operation, change.key_value or change.record_id, sorted(told, key=str)]
    text = json.dumps(content, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def is_clear(diff: FieldDiff) -> bool:
    """Whether a field that holds something would be emptied."""
    return _is_blank(diff.desired) and not _is_blank(diff.current)


def _alarm(connection: str, guard: str, limit: Limit, counted: int, population: int, about: str = "") -> Iterator[Alarm]:
    if limit.is_exceeded(counted, population):
        yield Alarm(connection, guard, population, counted, limit.share, about)


def _worst(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    found = sorted(alarms, key=lambda a: (-a.counted / a.population, a.about))
    return tuple(found[:1])


def _is_somebody(value: object, meaning: Meaning) -> bool:
    return not _is_blank(value) and value not in meaning.queues


def _is_blank(value: object) -> bool:
    return value is None or value == ""
