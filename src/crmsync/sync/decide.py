"""decide: facts out of the store, the pure core, the reasons in words; about everyone or about some."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crmsync.decisions.decide import decide as decide_purely
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Before, Decisions, Facts, Others
from crmsync.decisions.sla import DEPARTMENTS
from crmsync.decisions.waking import faded_at
from crmsync.identity.claims import Settlement
from crmsync.sync.claims import NO_WORDS, Words
from crmsync.sync.facts import gather_judged
from crmsync.sync.reasons import with_reasons
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with what it was made from. `desired` is the decisions' frame with the reasons in words; `words` are what people
    said by hand; `whom` it is about (None: everyone); `through` is the number of the newest version that was known."""

    facts: Facts
    before: Before
    decisions: Decisions
    desired: pl.DataFrame
    words: Words = NO_WORDS
    whom: frozenset[str] | None = None
    through: int = 0

    def followed(self) -> list[Settlement]:
        """Those that the decision went by: of owners the ones taken over (who has no place in the phase is not), all others."""
        claimed = pl.col("person_id").is_in([s.claim.person_id for s in self.words.settlements])
        owners = dict(self.decisions.state.filter(claimed).select("person_id", "owner").iter_rows())
        return [s for s in self.words.settlements if s.claim.source != "owner" or owners.get(s.claim.person_id) == s.claim.value]

    def outvoted(self) -> frozenset[str]:
        """Refs of records whose hand-made owner lost to another one, made by hand as well: what stands there is settled."""
        return self.words.lost | {claim.record for s in self.followed() if s.claim.source == "owner" for claim in s.over}


def decide(workspace: Workspace, now: datetime, whom: frozenset[str] | None = None) -> Decided:
    """Decide everyone, or the persons `whom` whom `concerned` gave, in memory. Where the valve moves for these, it does for all:
    then everyone is decided."""
    store = workspace.store
    through = max((store.staging.newest(connection.name) for connection in workspace.connections), default=0)
    facts, words = gather_judged(workspace, now, whom)
    before = store.decided.before(whom)
    others = Others.nobody() if whom is None else _others(workspace, before, whom)
    decisions = decide_as_of(facts, before, workspace.definitions, now, others)
    if whom is not None and (before.valve is None or before.valve.version != decisions.valve.version):
        return decide(workspace, now)
    return Decided(facts, before, decisions, with_reasons(decisions, workspace.definitions), words, whom, through)


def decide_as_of(facts: Facts, before: Before, definitions: Definitions, now: datetime, others: Others | None = None) -> Decisions:
    """The decision of a cycle at this instant: what fades has done so by the hour."""
    return decide_purely(facts, before, definitions, now, faded_at=faded_at(now), others=others)


def _others(workspace: Workspace, before: Before, whom: frozenset[str]) -> Others:
    """What earlier decisions left of all but `whom`."""
    store = workspace.store
    owned = before.state.filter(pl.col("phase").is_in(list(DEPARTMENTS)) & pl.col("owner").is_not_null())
    mine = dict(owned.group_by("owner").len().iter_rows())
    loads = Counter(store.decided.loads()) - Counter(mine)
    return Others(store.concern.waiting().filter(~pl.col("person_id").is_in(whom)), loads)
