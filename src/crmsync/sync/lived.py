"""History that begins later than at the first day, and in which who was who is taken over and not worked out again.

It comes to what reading and resolving from the beginning comes to, as long as the store has kept every link that was replaced, and
all versions were read by the mappings in force (`Identity.is_tracked`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import TypeVar

from crmsync.store.identity import KeptLink, Merge
from crmsync.store.journal import Entry
from crmsync.sync.history import Standings, history_as
from crmsync.sync.normalise import normalise, timed_objects
from crmsync.sync.uniting import unite
from crmsync.sync.workspace import Workspace

T = TypeVar("T")


def standings(workspace: Workspace) -> AbstractContextManager[Standings]:
    """A history that knows where decisions left everyone, brought forward the shortest way that this store allows."""
    store = workspace.store
    return history_as(Lived if store.can_be_begun_with() and store.identity.is_tracked() else Standings, workspace)


@dataclass
class Lived(Standings):
    """`steps` are those in which something was learnt before the moment that this history begins with: what became known in them is
    there already. `links` and `merges` are still to come, in order."""

    steps: int = 0
    links: list[KeptLink] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)

    def begin(self, at: datetime) -> None:
        journal, identity = self.there.store.journal, self.there.store.identity
        learnt = [entry for entry in takewhile(lambda entry: entry.at <= at, journal.entries()) if entry.act == "learnt"]
        last = learnt[-1] if learnt else None
        if last is not None:
            self.steps, self.through = len(learnt), int(last.body["through"])
            self.here.store.begin_with(self.there.store, self.through, last.at, timed_objects(self.here))
            normalise(self.here, last.at)
        self.links = identity.links_since(None if last is None else last.at)
        self.merges = identity.merges()

    def learnt(self, entry: Entry) -> None:
        if self.steps:
            self.steps -= 1
        else:
            self.read(entry)
        self._take_over(entry.at)

    def answered(self, entry: Entry) -> None:
        self._take_over(entry.at)

    def _take_over(self, at: datetime) -> None:
        """Who was who after this step: the links that were made in it, and who turned out to be one."""
        links, self.links = _until(self.links, lambda link: link.linked_at <= at)
        merges, self.merges = _until(self.merges, lambda merge: merge.since <= at)
        if not links and not merges:
            return
        identity = self.here.store.identity
        were = identity.links_of("record", (link.record for link in links), ("person_id",))["person_id"]
        last = {link.record: link for link in links}.values()
        with self.here.store.transaction() as db:
            self.here.store.concern.stir(db, [*were, *(link.person_id for link in last)])
            identity.put_links(db, [link.row() for link in last], at)
            unite(self.here.store, db, {merge.former: merge.current for merge in merges}, at)


def _until(waiting: list[T], is_due: Callable[[T], bool]) -> tuple[list[T], list[T]]:
    """Those at the head that are due, and the rest."""
    due = list(takewhile(is_due, waiting))
    return due, waiting[len(due) :]
