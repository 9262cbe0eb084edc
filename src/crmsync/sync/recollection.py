"""What is known, kept in memory from one moment to a later one: only of those is it gathered anew of whom something was learnt.

Whoever brings the store forward need not be the one who remembers: what is new is a value (`Renewal`) that can be handed on.
"""

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
_PLACES = ("person_id", "company_id", "account_owner")


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is known anew: all `facts` of the persons `whom` (None: of everyone); and person_id, account_owner of those others whose
    company is now known by somebody else."""

    whom: frozenset[str] | None
    facts: Facts
    account_owners: pl.DataFrame

    def over(self, facts: Facts | None) -> Facts:
        """The facts known before, brought up to now."""
        if self.whom is None or facts is None:
            return self.facts
        others = ~pl.col("person_id").is_in(self.whom)
        before = replace(facts, persons=_known_by(facts.persons, self.account_owners))
        frames = {name: _renewed(getattr(before, name), getattr(self.facts, name), others, by) for name, by in _ORDER.items()}
        return replace(self.facts, **frames)


@dataclass
class Recollection:
    """What is new in a workspace whose store is brought forward; owners set by hand are as they were when somebody was last
    gathered. Nobody else may decide on this store: who was linked anew is forgotten here. `places` are all persons in any
    order, with their company and who knows it, `answering` the states of those for whom inside sales answers."""

    workspace: Workspace
    places: pl.DataFrame | None = None
    answering: pl.DataFrame | None = None
    through: dict[str, int] = field(default_factory=dict)

    def renewal(self, now: datetime) -> Renewal:
        """What has become known since the last time; over that, it is as `gather` of everyone."""
        whom = None if self.places is None else self._learnt_of()
        facts, answering = gather(self.workspace, now, whom), self.workspace.store.decided.answering("inside_sales")
        places = facts.persons.select(_PLACES)
        owners = places.select("person_id", "account_owner").clear()
        if self.places is not None and whom is not None:
            before = self.places.filter(~pl.col("person_id").is_in(whom))
            places = pl.concat([before, places])
            if not self._is_answered_as_before(answering, whom):
                places = with_account_owners(self.workspace, replace(facts, persons=places)).persons
                owners = _changed(before, places)
        self.places, self.answering = places, answering
        self._settle()
        return Renewal(None if whom is None else frozenset(whom), facts, owners)

    def _is_answered_as_before(self, answering: pl.DataFrame, whom: set[str]) -> bool:
        """Whether the same reps answer for the same persons, and none of these is at another company: who knows a company rests on
        nothing else."""
        return self.answering is not None and self.answering.equals(answering) and whom.isdisjoint(answering["person_id"])

    def forget(self) -> None:
        """Something happened of which no record tells: all is gathered anew next time."""
        self.places = None

    def _settle(self) -> None:
        store = self.workspace.store
        self.through = {connection.name: store.staging.newest(connection.name) for connection in self.workspace.connections}
        with store.transaction() as db:
            store.concern.calm(db)

    def _learnt_of(self) -> set[str] | None:
        """Those of whom something was learnt since; None: whoever it may be."""
        learnt, stirred = news(self.workspace, self.through), set(self.workspace.store.concern.stirred())
        if learnt is None or learnt.is_of_users or EVERYONE in stirred:
            return None
        return stirred | persons_behind(self.workspace, learnt.refs)


def _changed(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """person_id, account_owner of those whose company somebody else knows now."""
    both = now.join(before, on="person_id", suffix="#before").filter(
        pl.col("account_owner").ne_missing(pl.col("account_owner#before"))
    )
    return both.select("person_id", "account_owner")


def _known_by(persons: pl.DataFrame, account_owners: pl.DataFrame) -> pl.DataFrame:
    """The persons with these account owners in place of theirs."""
    if account_owners.is_empty():
        return persons
    told = account_owners.with_columns(pl.lit(value=True).alias("#told"))
    joined = persons.join(told, on="person_id", how="left", maintain_order="left", suffix="#now")
    owner = pl.when("#told").then("account_owner#now").otherwise("account_owner").alias("account_owner")
    return joined.with_columns(owner).select(persons.columns)


def _renewed(before: pl.DataFrame, some: pl.DataFrame, others: pl.Expr, by: tuple[str, ...]) -> pl.DataFrame:
    """The rows with `some` in place of those of the same persons."""
    return pl.concat([before.filter(others), some]).sort(by)
