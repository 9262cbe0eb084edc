"""History: a store of its own, brought forward moment by moment to what was known and decided then. The workspace's own store is
only read, and no CRM is asked.

What was learnt is read and resolved anew from the raw versions, in the steps in which it was; what was decided is taken over from
what each run kept. So any moment can be reached without deciding everything before it again, and each decision can be made again
from exactly what it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import polars as pl

from crmsync.decisions.frames import Facts
from crmsync.errors import StopConnector
from crmsync.store import Store
from crmsync.store.journal import Entry
from crmsync.sync.facts import gather
from crmsync.sync.normalise import normalise
from crmsync.sync.resolve import resolve
from crmsync.sync.reviews import different, reopen, same
from crmsync.sync.vetoes import veto_of
from crmsync.sync.workspace import Workspace


@dataclass
class History:
    """`there` is the workspace of today, `here` the same over the store of its own."""

    there: Workspace
    here: Workspace
    through: int = 0
    is_whole: bool = False

    def follow(self, entry: Entry) -> None:
        """Bring the store from before this entry to after it."""
        getattr(self, _FOLLOWING[entry.act])(entry)

    def facts(self, entry: Entry) -> Facts:
        """What a decision was given: what was known, and which owners had been set by hand until then."""
        return with_owner_edits(gather(self.here, entry.at), self.there.store.journal.frame(entry.run_id, OWNER_EDITS))

    def learnt(self, entry: Entry) -> None:
        self.read(entry)
        resolve(self.here, entry.at)

    def read(self, entry: Entry) -> None:
        """What was learnt, without saying whose it is."""
        through = int(entry.body["through"])
        self.here.store.take_versions(self.there.store, self.through, through)
        self.through = max(self.through, through)
        normalise(self.here, entry.at)

    def decided(self, entry: Entry) -> None:
        """Raises StopConnector where the first decision that was kept rested on others that were not."""
        if entry.body["from_nothing"]:
            self.is_whole = True
        if not self.is_whole:
            raise StopConnector("replay.not_whole", at=entry.at.isoformat())
        self.take_over(entry.run_id)

    def take_over(self, run_id: str) -> None:
        """What a decision left is what stands here."""
        kept = self.there.store.past.run(run_id)
        with self.here.store.transaction() as db:
            self.here.store.past.put_run(db, kept)

    def answered(self, entry: Entry) -> None:
        """An answer of the review. One that is about somebody who was forgotten since cannot be given again."""
        body = entry.body
        try:
            if entry.act == "same":
                same(self.here, body["record"], body["candidate"], body["by"], entry.at)
            elif entry.act == "different":
                different(self.here, body["record"], body["candidate"], body["by"], entry.at)
            else:
                reopen(self.here, body["record"], body["by"], entry.at)
        except StopConnector:
            return

    def parted(self, entry: Entry) -> None:
        """Two who were taken for one have since then what is each one's own."""
        with self.here.store.transaction() as db:
            self.here.store.parting.put(db, entry.body["persons"], entry.body["share"], entry.at)
            self.here.store.parting.hand_over(db, entry.body["persons"][1], ())

    def vetoed(self, entry: Entry) -> None:
        with self.here.store.transaction() as db:
            self.here.store.vetoes.note(db, veto_of(entry.body), entry.at)

    def lifted(self, entry: Entry) -> None:
        with self.here.store.transaction() as db:
            self.here.store.vetoes.lift(db, entry.body["by"], entry.body["because"], entry.at)

    def forgotten(self, entry: Entry) -> None:
        """Nothing: what was forgotten is in no version, and so was never known here."""


class Standings(History):
    """Knows where decisions left everyone, and not what they said of it: facts and later decisions rest on nothing else, but for
    owners set by hand, which are kept with each decision (`OWNER_EDITS`)."""

    def begin(self, at: datetime) -> None:
        """Nobody will look at this history before this instant."""

    def take_over(self, run_id: str) -> None:
        kept = self.there.store.past.standing(run_id)
        with self.here.store.transaction() as db:
            self.here.store.past.put_standing(db, kept)


H = TypeVar("H", bound=History)
OWNER_EDITS = "owner_edits"
# What an act of the journal is followed by: the name of a method.
_FOLLOWING: Mapping[str, str] = {
    "learnt": "learnt",
    "decided": "decided",
    "same": "answered",
    "different": "answered",
    "taken_back": "answered",
    "parted": "parted",
    "vetoed": "vetoed",
    "lifted": "lifted",
    "forgotten": "forgotten",
}


def owner_edits(facts: Facts) -> pl.DataFrame:
    """person_id, owner_edit, owner_edit_at: of everyone whose owner somebody had set by hand."""
    return facts.persons.select("person_id", "owner_edit", "owner_edit_at").drop_nulls("owner_edit")


def with_owner_edits(facts: Facts, edits: pl.DataFrame | None) -> Facts:
    """The facts with these owners set by hand, and no others."""
    plain = facts.persons.with_columns(
        pl.lit(None, facts.persons.schema[name]).alias(name) for name in ("owner_edit", "owner_edit_at")
    )
    if edits is None:
        return replace(facts, persons=plain)
    bare = plain.drop("owner_edit", "owner_edit_at")
    joined = bare.join(edits, on="person_id", how="left", maintain_order="left")
    return replace(facts, persons=joined.select(facts.persons.columns))


def history(workspace: Workspace) -> AbstractContextManager[History]:
    """A history of this workspace, before anything happened. Its store is gone afterwards."""
    return history_as(History, workspace)


@contextmanager
def history_as(make: Callable[[Workspace, Workspace], H], workspace: Workspace) -> Iterator[H]:
    """The same of another kind: `make` is given the workspace, and the same over a store of its own."""
    with TemporaryDirectory(prefix="crmsync-history-") as directory:
        store = Store.passing(Path(directory) / "history.db")
        try:
            yield make(workspace, replace(workspace, store=store))
        finally:
            store.close()


@contextmanager
def as_of(workspace: Workspace, at: datetime) -> Iterator[Workspace]:
    """The workspace as it was at an instant: what was known, decided and written by then. Raises StopConnector for an instant
    before the first that was kept."""
    with history(workspace) as past:
        entries = list(takewhile(lambda entry: entry.at <= at, workspace.store.journal.entries()))
        if not entries:
            raise StopConnector("replay.nothing_then", at=at.isoformat())
        for entry in entries:
            past.follow(entry)
        mine, theirs = past.here.store.past, workspace.store.past
        mine.put_gaps(theirs.gaps_at(at))
        mine.put_outbox(theirs.outbox_at(at))
        yield past.here
