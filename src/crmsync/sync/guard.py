"""guard: what the pure guards need from the store, and the release of what they halted by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

import polars as pl
import structlog
from sqlalchemy import Connection as Database

from crmsync.errors import StopConnector
from crmsync.model.changes import Alarm, Change, Plan
from crmsync.model.entities import UserSeen
from crmsync.model.records import RecordRef
from crmsync.planning import guard
from crmsync.store.guards import Halt
from crmsync.sync.workspace import Connection, Workspace

_log = structlog.get_logger("crmsync.sync.guard")

# A release outlives the cycles that fail before they have written, and not the day on which somebody looked at the plan.
RELEASE_HOLDS_FOR = timedelta(hours=24)
# Objects that show these are the stock of a source; what happened (touches, calls) comes and goes.
_STOCK = frozenset({"person", "company", "opportunity"})


def guarded(workspace: Workspace, plan: Plan, now: datetime) -> Plan:
    """The plan with the alarms of every guard that it trips."""
    by_connection = {name: tuple(mine) for name, mine in groupby(plan.changes, key=lambda c: c.connection)}
    queues = _queues(workspace) if plan.changes else {}
    alarms = [
        alarm
        for connection in workspace.connections
        for alarm in (
            *_losses(workspace, connection),
            *_excesses(workspace, connection, by_connection.get(connection.name, ()), queues.get(connection.name, ()), now),
        )
    ]
    for alarm in alarms:
        counts = {"counted": alarm.counted, "population": alarm.population}
        _log.warning("guard_tripped", connection=alarm.connection, guard=alarm.guard, plan=plan.digest, **counts)
    return replace(plan, alarms=tuple(alarms))


def note_halts(workspace: Workspace, plan: Plan, seqs: Mapping[str, int], now: datetime) -> None:
    """Remember what is halted of a plan that was shown, so that it can be released. `seqs` says up to which staged version each
    connection was seen."""
    with workspace.store.transaction() as db:
        workspace.store.guards.note_halts(db, _halts(workspace, plan, seqs), now)


def _halts(workspace: Workspace, plan: Plan, seqs: Mapping[str, int]) -> tuple[Halt, ...]:
    return tuple(
        Halt(
            plan.digest,
            name,
            tuple(alarm for alarm in plan.alarms if alarm.connection == name),
            frozenset(guard.wish(c, _meaning(workspace.connection(name))) for c in plan.changes if c.connection == name),
            seqs[name],
        )
        for name in sorted(plan.halted)
    )


@dataclass(frozen=True, slots=True)
class Approval:
    """Who lets a halted plan go, and why."""

    by: str
    because: str


def release(workspace: Workspace, digest: str, approval: Approval, now: datetime) -> tuple[Halt, ...]:
    """Let go what guards halted of the plan with this digest: just its changes, for a day. What has gone from a source is taken
    as gone. Raises StopConnector where nothing is known to be halted of such a plan."""
    found = workspace.store.guards.halts(digest)
    if not found:
        raise StopConnector("guard.nothing_halted", digest=digest)
    with workspace.store.transaction() as db:
        workspace.store.guards.release(db, found, by=approval.by, because=approval.because, now=now)
        for halt in found:
            workspace.store.runs.set_meta_in(db, _judged_key(halt.connection), str(halt.seq))
    for halt in found:
        _log.warning("guard_released", connection=halt.connection, plan=digest, changes=len(halt.wishes))
    return found


def note(workspace: Workspace, db: Database, plan: Plan, seqs: Mapping[str, int], now: datetime) -> None:
    """Remember what is halted of this plan, and how far the losses of the other connections have been judged."""
    workspace.store.guards.note_halts(db, _halts(workspace, plan, seqs), now)
    lost = {alarm.connection for alarm in plan.alarms if alarm.guard == "source"}
    for name in sorted(set(seqs) - lost):
        workspace.store.runs.set_meta_in(db, _judged_key(name), str(seqs[name]))


def _judged_key(connection: str) -> str:
    return f"judged_through:{connection}"


def _losses(workspace: Workspace, connection: Connection) -> Sequence[Alarm]:
    """What has suddenly gone from a connection."""
    store = workspace.store
    since = store.runs.meta(_judged_key(connection.name))
    if since is None:  # the first pull shows what was thrown away long ago
        return ()
    objects = [name for name, mapping in connection.mappings.items() if {e.kind for e in mapping.entities} & _STOCK]
    gone = store.guards.gone_since(connection.name, objects, int(since))
    losses = [guard.Loss(name, store.guards.live(connection.name, name) + count, count) for name, count in gone.items()]
    return guard.judge_losses(connection.name, losses, connection.writing.limits)


def _excesses(
    workspace: Workspace, connection: Connection, changes: Sequence[Change], queues: Sequence[str], now: datetime
) -> Sequence[Alarm]:
    """What a plan would do too much of in a connection."""
    limits, meaning = connection.writing.limits, _meaning(connection, queues)
    counted = guard.tally(changes, meaning)
    if not guard.needs_census(counted, limits):
        return ()
    released = workspace.store.guards.released(connection.name, now - RELEASE_HOLDS_FOR)
    counted = guard.tally(changes, meaning, released) if released else counted
    return guard.judge(connection.name, counted, _census(workspace, connection, counted), limits)


def _census(workspace: Workspace, connection: Connection, counted: guard.Tally) -> guard.Census:
    kept, people = workspace.store.guards, connection.connector.capabilities.person_objects
    books = kept.books(connection.name)
    touched: frozenset[RecordRef] = counted.records
    enrolled = workspace.store.memberships.ours(connection.name) if counted.leaving else 0
    written = kept.written(connection.name, people)
    return guard.Census(kept.written_of(touched), written, sum(books.values()), books, enrolled)


def _meaning(connection: Connection, queues: Sequence[str] = ()) -> guard.Meaning:
    """Which of a connection's fields hold owners and phases, by its mappings."""
    people = connection.connector.capabilities.person_objects
    writes = [(name, write) for name in people if name in connection.mappings for write in connection.mappings[name].writes]
    return guard.Meaning(
        owners=frozenset((name, write.field) for name, write in writes if write.codec == "user"),
        phases=frozenset((name, write.field) for name, write in writes if write.source == "phase"),
        people=frozenset(people),
        queues=frozenset(queues),
    )


def _queues(workspace: Workspace) -> dict[str, list[str]]:
    """connection → ids of its queues."""
    users = workspace.store.entities.frame(UserSeen, columns=["ref", "is_queue"]).filter(pl.col("is_queue"))
    found: dict[str, list[str]] = {}
    for text in users["ref"]:
        ref = RecordRef.parse(text)
        found.setdefault(ref.connection, []).append(ref.id)
    return found
