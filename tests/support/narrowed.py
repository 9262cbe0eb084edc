"""Every decision about some persons, and every look around some records, held against the one about all, as long as a test runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from unittest.mock import patch

import polars as pl

from crmsync.identity.companies import CompanyKeys
from crmsync.identity.known import Known
from crmsync.identity.records import RecordKeys
from crmsync.identity.resolve import Resolution
from crmsync.identity.resolve import resolve as resolve_purely
from crmsync.model.entities import PersonSeen
from crmsync.sync import decide as deciding
from crmsync.sync import pipeline
from crmsync.sync import resolve as resolving
from crmsync.sync.around import KEY_COLUMNS, known_around
from crmsync.sync.decide import Decided
from crmsync.sync.workspace import Workspace


@dataclass
class Held:
    """How many persons each cycle decided (None: everyone), and how often it was enough to look around some records."""

    sizes: list[int | None] = field(default_factory=list)
    around: int = 0

    @property
    def narrow(self) -> int:
        return sum(size is not None for size in self.sizes)


@contextmanager
def held_against_everyone() -> Iterator[Held]:
    """While this is open, each cycle that decides some persons also decides everyone, each that resolves by what is known around
    a few records does so by all that is known, and both must come to the same."""
    held = Held()

    def both(workspace: Workspace, now: datetime, whom: frozenset[str] | None = None) -> Decided:
        made = deciding.decide(workspace, now, whom)
        held.sizes.append(None if made.whom is None else len(made.whom))
        if made.whom is not None:
            _check_same(workspace, deciding.decide(workspace, now), made)
        return made

    def around(workspace: Workspace, seeds: Iterable[str], companies: CompanyKeys) -> Known:
        rows = workspace.store.entities.frame(PersonSeen, columns=KEY_COLUMNS).to_dicts()
        everything.append(resolving._known(workspace, rows, companies))
        held.around += 1
        return known_around(workspace, seeds, companies)

    def resolved(batch: Sequence[RecordKeys], known: Known, merged: Iterable[tuple[str, str]]) -> Resolution:
        found = resolve_purely(batch, known, merged)
        if everything:
            assert found == resolve_purely(batch, everything.pop(), merged)
        return found

    everything: list[Known] = []
    patched = {"known_around": around, "resolve_purely": resolved}
    with patch.object(pipeline, "decide", both), patch.multiple(resolving, **patched):
        yield held


def _check_same(workspace: Workspace, everyone: Decided, some: Decided) -> None:
    """What both would store is the same to the last byte; and what a plan looks at."""
    store = workspace.store
    wide = store.decided.written(everyone.before, everyone.decisions, everyone.desired)
    narrow = store.decided.written(some.before, some.decisions, some.desired)
    others = set(everyone.decisions.state["person_id"]) - set(some.whom or ())
    for name, frame in wide.frames.items():
        assert frame.equals(narrow.frames[name], null_equal=True), (name, frame, narrow.frames[name], some.whom)
    assert wide.desired.equals(narrow.desired, null_equal=True), (wide.desired, narrow.desired)
    assert wide.entries.by_person() == narrow.entries.by_person()
    assert wide.valve == narrow.valve
    theirs = pl.col("person_id").is_in(others)
    mine = pl.col("person_id").is_in(some.whom or ())
    kept = store.decided.gaps().select(everyone.decisions.gaps.columns).filter(theirs, pl.col("gap") != "clock_without_task")
    gaps = pl.concat([kept, some.decisions.gaps]).sort("gap", "person_id")
    assert everyone.decisions.gaps.equals(gaps, null_equal=True), (everyone.decisions.gaps, gaps)
    waiting = pl.concat([store.concern.waiting().filter(theirs), some.decisions.waiting]).sort("person_id")
    assert everyone.decisions.waiting.sort("person_id").equals(waiting, null_equal=True)
    assert everyone.decisions.tasks.filter(mine).equals(some.decisions.tasks, null_equal=True)
    words = {s for s in everyone.words.settlements if s.claim.person_id in (some.whom or ())}
    assert words == set(some.words.settlements)
