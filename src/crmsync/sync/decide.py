"""decide: facts out of the store, the pure core, the reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crmsync.decisions.decide import decide as decide_purely
from crmsync.decisions.frames import Before, Decisions, Facts
from crmsync.identity.claims import Settlement
from crmsync.sync.claims import NO_WORDS, Words
from crmsync.sync.facts import gather_judged
from crmsync.sync.reasons import with_reasons
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with what it was made from. `desired` is the decisions' frame with the reasons in words; `words` are what people
    said by hand."""

    facts: Facts
    before: Before
    decisions: Decisions
    desired: pl.DataFrame
    words: Words = NO_WORDS

    def followed(self) -> list[Settlement]:
        """Those that the decision went by: of owners the ones taken over (who has no place in the phase is not), all others."""
        owners = dict(self.decisions.state.select("person_id", "owner").iter_rows())
        return [s for s in self.words.settlements if s.claim.source != "owner" or owners.get(s.claim.person_id) == s.claim.value]

    def outvoted(self) -> frozenset[str]:
        """Refs of records whose hand-made owner lost to another one, made by hand as well: what stands there is settled."""
        return self.words.lost | {claim.record for s in self.followed() if s.claim.source == "owner" for claim in s.over}


def decide(workspace: Workspace, now: datetime) -> Decided:
    """Decide everyone, in memory."""
    facts, words = gather_judged(workspace, now)
    before = workspace.store.decided.before()
    decisions = decide_purely(facts, before, workspace.definitions, now)
    return Decided(facts, before, decisions, with_reasons(decisions, workspace.definitions), words)
