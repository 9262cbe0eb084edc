"""Every decision about some persons held against the one about everyone, as long as a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from unittest.mock import patch

import polars as pl

from crmsync.sync import decide as deciding
from crmsync.sync import pipeline
from crmsync.sync.decide import Decided
from crmsync.sync.workspace import Workspace


@dataclass
class Held:
    """How many persons each cycle decided (None: everyone)."""

    sizes: list[int | None] = field(default_factory=list)

    @property
    def narrow(self) -> int:
        return sum(size is not None for size in self.sizes)


@contextmanager
def held_against_everyone() -> Iterator[Held]:
    """While this is open, each cycle that decides some persons also decides everyone, and both must come to the same."""
    held = Held()

    def both(workspace: Workspace, now: datetime, whom: frozenset[str] | None = None) -> Decided:
        made = deciding.decide(workspace, now, whom)
        held.sizes.append(None if made.whom is None else len(made.whom))
        if made.whom is not None:
            _check_same(workspace, deciding.decide(workspace, now), made)
        return made

    with patch.object(pipeline, "decide", both):
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
    assert wide.log == narrow.log
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
