"""How the intake stands: what was heard last, how much, and what was not taken, by why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.store import Store
from crmsync.store.hints import HINTED


@dataclass(frozen=True, slots=True)
class IntakeState:
    """One connection's. `heard_at` is when a record was last hinted at (None: never), `hinted` how many hints there were since
    the store was made, `waiting` how many records are still to be read; `not_taken` counts the rest by reason, refused
    deliveries up to 15 s late."""

    connection: str
    heard_at: datetime | None = None
    hinted: int = 0
    waiting: int = 0
    not_taken: Mapping[str, int] = field(default_factory=dict)


def intake_state(store: Store, connection: str) -> IntakeState:
    """The state of a connection's intake, whether or not anything listens at the moment."""
    tallies = {tally.outcome: tally for tally in store.hints.tallies(connection)}
    hinted = tallies.pop(HINTED, None)
    return IntakeState(
        connection,
        hinted.last_at if hinted else None,
        hinted.count if hinted else 0,
        store.hints.count_waiting(connection),
        {outcome: tally.count for outcome, tally in tallies.items()},
    )
