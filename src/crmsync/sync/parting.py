"""Parting: two persons who were taken for one, decided again as if they never had been. `unlink` takes any link back, whichever
rule made it; `take_back` an answer of the review.

The past is played in a store of its own, in which the records that go were never linked to those that stay. Up to the moment at
which both sides were known, what was decided is taken over; from then on the two of them, and nobody else, are decided anew in
every run, from what was known then and under the definitions of now, beside everybody else as they were.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import count

import polars as pl

from crmsync.errors import StopConnector
from crmsync.identity.records import Link, person_id_from
from crmsync.store.answers import Answer
from crmsync.store.journal import Entry
from crmsync.store.parting import Share
from crmsync.store.past import KeptRun
from crmsync.sync.decide import decide_as_of
from crmsync.sync.facts import gather
from crmsync.sync.history import OWNER_EDITS, History, history_as, with_owner_edits
from crmsync.sync.lease import done_alone
from crmsync.sync.reasons import with_reasons
from crmsync.sync.reviews import ask_again, last_answer, reopen
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Sides:
    """Who parts: the person who `stays` with the records that do, and the one who `goes`. `links` are those under which the
    records of both shall stand from the first day on; none where what joined them was the `answer` (its record) that is taken
    back. `since` is when they became one; None for from the moment at which both were known."""

    stays: str
    goes: str
    staying: frozenset[str]
    going: frozenset[str]
    links: tuple[Link, ...] = ()
    answer: str | None = None
    since: datetime | None = None

    @classmethod
    def after(cls, answer: Answer) -> Sides:
        """Of two whom this answer joined, the record's person goes."""
        none: frozenset[str] = frozenset()
        return cls(answer.candidate, answer.person_id, none, none, answer=answer.record, since=answer.at)

    @property
    def persons(self) -> tuple[str, str]:
        return (self.stays, self.goes)


@done_alone("review")
def unlink(workspace: Workspace, record: str, by: str, now: datetime) -> None:
    """Somebody says that a record is not the person that it is linked to. It leaves them for good, and both have from now on what
    they would have if it had never been theirs. Raises StopConnector for a record that is linked to no other."""
    sides = sides_of(workspace, record)
    if sides is None:
        raise StopConnector("review.not_asked", record=record)
    _part(workspace, record, sides, by, now)


@done_alone("review")
def take_back(workspace: Workspace, record: str, by: str, now: datetime) -> None:
    """Take the last answer about a record back; the question is asked again. After "same" both have what they would have if it
    had never been given. Raises StopConnector where there is no answer."""
    answer = last_answer(workspace, record)
    if answer.said == "same":
        _part(workspace, record, Sides.after(answer), by, now, answer)
    else:
        reopen(workspace, record, by, now)


def _part(workspace: Workspace, record: str, sides: Sides, by: str, now: datetime, answer: Answer | None = None) -> None:
    """Give each side what is its own, in one transaction: because somebody says so, or takes the answer back that joined them."""
    store, share = workspace.store, played(workspace, sides)
    going = [row["record"] for row in share["link"] if row["person_id"] == sides.goes]
    with store.transaction() as db:
        store.parting.put(db, sides.persons, share, now)
        store.parting.hand_over(db, sides.goes, going)
        store.decided.replan(db, sides.persons)
        if answer is None:
            store.answers.say(db, record, (sides.goes, sides.stays), "different", "parted", by, now)
        else:
            ask_again(workspace, db, answer, by, now)
        store.journal.note(db, "parted", now, {"record": record, "by": by, "persons": sides.persons, "share": share})


def sides_of(workspace: Workspace, record: str) -> Sides | None:
    """How a record would leave its person: alone, or, where the person is named after it, by the others leaving it. None for one
    that nothing is linked to."""
    identity = workspace.store.identity
    person = identity.persons_of([record]).get(record)
    if person is None:
        return None
    records = frozenset(identity.records_of([person]))
    others = records - {record}
    if not others:
        return None
    going = others if person_id_from(record) == person else frozenset({record})
    links = [Link.of(row) for row in identity.links_of("record", sorted(records)).to_dicts()]
    order = {ref: row["created_at"] for ref, row in workspace.store.entities.people(going).items()}
    first = min(going, key=lambda ref: (order[ref], ref))
    goes, since = _id_of(workspace, first, person)
    apart = (_parted(link, goes, is_first=link.record == first) if link.record in going else link for link in links)
    return Sides(person, goes, records - going, going, tuple(apart), since=since)


def played(workspace: Workspace, sides: Sides) -> Share:
    """What the two would have now. Raises StopConnector where the beginning of the history was not kept."""
    entries = list(workspace.store.journal.entries())
    apart = {row["record"]: row for entry in entries if entry.act == "parted" for row in entry.body["share"]["link"]}
    rows = [Link.of(row).row() for row in apart.values()] + [link.row() for link in sides.links]
    with history_as(partial(_Apart, sides=sides), workspace) as past:
        if entries:
            with past.here.store.transaction() as db:
                past.here.store.identity.save_links(db, rows, entries[0].at)
        for entry in entries:
            past.follow(entry)
        return past.here.store.parting.share(sides.persons)


@dataclass
class _Apart(History):
    """The past in which the two sides never were one."""

    sides: Sides = field(kw_only=True)
    has_begun: bool = False

    def decided(self, entry: Entry) -> None:
        self.has_begun = self.has_begun or self._begins(entry)
        if not self.has_begun:
            super().decided(entry)
            return
        store = self.here.store
        before, definitions = store.decided.before(), self.here.at(entry.at).definitions
        facts = with_owner_edits(gather(self.here, entry.at, self.sides.persons), self._edits(entry))
        decisions = decide_as_of(facts, before, definitions, entry.at)
        alone = replace(decisions, draws=before.draws, valve=before.valve or decisions.valve)
        with store.transaction() as db:
            store.past.put_run(db, _without(self.there.store.past.run(entry.run_id), self.sides.persons))
            store.decided.save(db, entry.run_id, entry.at, before, alone, with_reasons(alone, definitions))

    def answered(self, entry: Entry) -> None:
        if entry.act != "same" or (entry.body["record"], entry.at) != (self.sides.answer, self.sides.since):
            super().answered(entry)

    def parted(self, entry: Entry) -> None:
        """An earlier parting: links were like that from the first day on, and of our two it decided with both in one."""
        others = sorted(set(entry.body["persons"]) - set(self.sides.persons))
        share = {name: [row for row in rows if row["person_id"] in others] for name, rows in entry.body["share"].items()}
        with self.here.store.transaction() as db:
            self.here.store.parting.put(db, others, share, entry.at)

    def _begins(self, entry: Entry) -> bool:
        if self.sides.since is not None:
            return entry.at >= self.sides.since
        people = self.here.store.entities.people
        return bool(people(self.sides.going)) and bool(people(self.sides.staying))

    def _edits(self, entry: Entry) -> pl.DataFrame | None:
        """Owners set by hand, each of the side on whose record it was set."""
        kept = self.there.store.journal.frame(entry.run_id, OWNER_EDITS)
        if kept is None:
            return None
        edits = kept.filter(pl.col("person_id").is_in(list(self.sides.persons))).to_dicts()
        settled = (row for person in self.sides.persons for row in self.there.store.settlements.of(person))
        said = {(row["value"], row["set_at"]): row["record"] for row in settled if row["source"] == "owner"}
        records = [said.get((row["owner_edit"], row["owner_edit_at"]), "") for row in edits]
        persons = self.here.store.identity.persons_of(records)
        mine = [{**row, "person_id": persons.get(ref, row["person_id"])} for row, ref in zip(edits, records, strict=True)]
        return pl.DataFrame(mine, schema=kept.schema).unique("person_id", keep="first", maintain_order=True)


def _without(kept: KeptRun, persons: Collection[str]) -> KeptRun:
    """What a run left, but for these persons."""
    gone = list(persons)
    frames = {
        name: frame.filter(~pl.col("person_id").is_in(gone)) if "person_id" in frame.columns else frame
        for name, frame in kept.frames.items()
    }
    return replace(
        kept,
        frames=frames,
        decisions=[row for row in kept.decisions if row["person_id"] not in persons],
        outbox=[row for row in kept.outbox if row["person_id"] not in persons],
    )


def _id_of(workspace: Workspace, first: str, person: str) -> tuple[str, datetime | None]:
    """The id of a person whose oldest record is `first`, and since when it has been another name of `person`."""
    aliases = workspace.store.identity.aliases_since()
    own = person_id_from(first)
    if aliases.get(own, ("", None))[0] == person:
        return own, aliases[own][1]
    ids = (person_id_from(first, attempt) for attempt in count())
    return next(found for found in ids if found != person and found not in aliases), None


def _parted(link: Link, goes: str, *, is_first: bool) -> Link:
    """The link of a record that goes, under the id of its own person."""
    parted = tuple(dict.fromkeys([*link.evidence.parted, link.person_id]))
    return replace(link, person_id=goes, rule="new" if is_first else link.rule, evidence=replace(link.evidence, parted=parted))
