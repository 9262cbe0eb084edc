"""decide: facts out of the store, the pure core, the reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crmsync.decisions.decide import decide as decide_purely
from crmsync.decisions.frames import Before, Decisions, Facts
from crmsync.sync.facts import gather
from crmsync.sync.reasons import with_reasons
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with what it was made from. `desired` is the decisions' frame with the reasons in words."""

    facts: Facts
    before: Before
    decisions: Decisions
    desired: pl.DataFrame


def decide(workspace: Workspace, now: datetime) -> Decided:
    """Decide everyone, in memory."""
    facts = gather(workspace, now)
    before = workspace.store.decided.before()
    decisions = decide_purely(facts, before, workspace.definitions, now)
    return Decided(facts, before, decisions, with_reasons(decisions, workspace.definitions))
