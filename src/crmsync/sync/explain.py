"""Explain one person: everything that was known, decided and written, as one value. Reads the store, contacts no CRM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from crmsync.decisions.choice import Choice
from crmsync.decisions.frames import STATE, Facts, conform
from crmsync.decisions.owners import Staff, way
from crmsync.decisions.shadow import BEFORE_HAND_OVER
from crmsync.decisions.whynot import WhyNot, why_not
from crmsync.model.entities import PersonSeen
from crmsync.sync.facts import gather
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Explanation:
    """One person's story. Every list is in the order of time. `why_not`: what keeps somebody who is not handed over from it, with
    the fewest steps that would do; `choice`: the way by which their owner would be found now. None where the phase asks for
    neither."""

    person: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]
    state: Mapping[str, Any]
    decision: Mapping[str, Any]
    moves: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]
    opportunities: tuple[Mapping[str, Any], ...]
    clocks: tuple[Mapping[str, Any], ...]
    writes: tuple[Mapping[str, Any], ...]
    gaps: tuple[Mapping[str, Any], ...]
    settlements: tuple[Mapping[str, Any], ...]
    why_not: WhyNot | None
    choice: Choice | None


def find_person(workspace: Workspace, text: str) -> str | None:
    """The person id behind a person id, an e-mail address, a record ref, or a record's bare id. None where nobody is."""
    store = workspace.store
    with_address = store.entities.frame_of(PersonSeen, "email", [text.strip().lower()], ["ref"])
    bare = (
        f"{connection.name}/{object_}/{text}"
        for connection in workspace.connections
        for object_ in connection.connector.capabilities.person_objects
    )
    found = pl.concat(
        [
            store.identity.links_of("person_id", [store.identity.aliases().get(text, text)]),
            store.identity.links_of("record", [text, *with_address["ref"], *bare]),
        ]
    ).sort("linked_at", "record")
    return None if found.is_empty() else str(found["person_id"][0])


def explain(workspace: Workspace, person_id: str, now: datetime) -> Explanation:
    """The story of a person that `find_person` gave, up to `now`."""
    store, facts = workspace.store, gather(workspace, now, [person_id])
    state = conform(store.decided.states([person_id]), STATE)
    mine = pl.col("person_id") == person_id
    earlier = mine & (pl.col("at") <= now)
    touches = facts.touches.filter(earlier).select("at", "kind", "detail", pl.lit("touch").alias("side"))
    approaches = facts.approaches.filter(earlier).select(
        "at", "kind", pl.col("rep_id").alias("detail"), pl.lit("approach").alias("side")
    )
    return Explanation(
        # an owner set by hand is one until the next decision takes account of it: its moves tell of it
        person=_one(facts.persons.filter(mine).drop("owner_edit", "owner_edit_at")),
        records=_rows(store.identity.links_of("person_id", [person_id]).sort("linked_at", "record")),
        state=_one(state),
        decision=store.decided.last_decision(person_id) or {},
        moves=_rows(store.decided.moves(person_id).filter(pl.col("at") <= now).drop("id")),
        events=_rows(pl.concat([touches, approaches]).sort("at", "side", "kind")),
        opportunities=_rows(facts.opportunities.filter(mine)),
        clocks=_rows(store.decided.clocks([person_id]).sort("started_at", "clock_id")),
        writes=_writes(workspace, person_id),
        gaps=_rows(store.decided.gaps(person_id).drop("closed_at")),
        settlements=tuple(settlement for settlement in store.settlements.of(person_id) if settlement["seen_at"] <= now),
        why_not=_why_not(workspace, person_id, facts, state, now),
        choice=_choice(workspace, facts, state, now),
    )


def _why_not(workspace: Workspace, person_id: str, facts: Facts, state: pl.DataFrame, now: datetime) -> WhyNot | None:
    """At the position where the valve stands."""
    phase = state["phase"].item() if state.height else "unidentified"
    if phase not in BEFORE_HAND_OVER or facts.persons.is_empty():
        return None
    valve = workspace.store.decided.valve()
    position = workspace.definitions.valve.start if valve is None else valve.position
    return why_not(person_id, facts, state, workspace.definitions, position, now)


def _choice(workspace: Workspace, facts: Facts, state: pl.DataFrame, now: datetime) -> Choice | None:
    decided, definitions = workspace.store.decided, workspace.definitions
    nobody = pl.DataFrame(schema={"person_id": pl.String, "rank": pl.Int64})
    staff = Staff(facts, definitions.routing, nobody, definitions.calendars.named(None).time_zone, now)
    return way(state, decided.loads(), decided.draws(), staff)


def _writes(workspace: Workspace, person_id: str) -> tuple[Mapping[str, Any], ...]:
    """Every field that was to be written, what stood there before, and how it ended."""
    return tuple(
        {
            "at": outcome["finished_at"] or outcome["planned_at"],
            "record": f"{change.connection}/{change.object}/{change.record_id or change.key_value}",
            "field": diff.field,
            "current": diff.current,
            "desired": diff.desired,
            "state": outcome["state"],
            "message": outcome["message"],
        }
        for change, outcome in workspace.store.outbox.history(person_id)
        for diff in change.fields
    )


def _rows(frame: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    return tuple(frame.to_dicts())


def _one(frame: pl.DataFrame) -> Mapping[str, Any]:
    return frame.to_dicts()[0] if frame.height else {}
