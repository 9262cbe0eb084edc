"""What is known, kept in memory from one moment to a later one: only of those is it gathered anew of whom something was learnt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from crmsync.decisions.frames import Facts
from crmsync.store.concern import EVERYONE
from crmsync.sync.behind import news, persons_behind
from crmsync.sync.facts import gather, with_account_owners
from crmsync.sync.workspace import Workspace

_ORDER = {
    "persons": ("person_id",),
    "touches": ("person_id", "at", "kind", "touch_id"),
    "approaches": ("person_id", "at", "approach_id"),
    "opportunities": ("person_id", "created_at", "opportunity_id"),
}


@dataclass
class Recollection:
    """The facts of a workspace whose store is brought forward; owners set by hand are as they were when somebody was last gathered.
    Nobody else may decide on this store: who was linked anew is forgotten here."""

    workspace: Workspace
    facts: Facts | None = None
    through: dict[str, int] = field(default_factory=dict)

    def at(self, now: datetime) -> Facts:
        """As `gather` of everyone."""
        whom = self._learnt_of()
        if self.facts is None or whom is None:
            self.facts = gather(self.workspace, now)
        else:
            self.facts = with_account_owners(self.workspace, _renewed(self.facts, gather(self.workspace, now, whom), whom))
        store = self.workspace.store
        self.through = {connection.name: store.staging.newest(connection.name) for connection in self.workspace.connections}
        with store.transaction() as db:
            store.concern.calm(db)
        return self.facts

    def forget(self) -> None:
        """Something happened of which no record tells: all is gathered anew next time."""
        self.facts = None

    def _learnt_of(self) -> set[str] | None:
        """Those of whom something was learnt since; None: whoever it may be."""
        refs, stirred = news(self.workspace, self.through), set(self.workspace.store.concern.stirred())
        if refs is None or EVERYONE in stirred:
            return None
        return stirred | persons_behind(self.workspace, refs)


def _renewed(facts: Facts, some: Facts, whom: set[str]) -> Facts:
    """The facts with those of `whom` in place of what was known of them before."""
    others = ~pl.col("person_id").is_in(whom)
    frames = {
        name: pl.concat([getattr(facts, name).filter(others), getattr(some, name)]).sort(order) for name, order in _ORDER.items()
    }
    return replace(some, **frames)
