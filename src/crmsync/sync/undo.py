"""undo: take back what a run wrote. Read first, compare, then the same way as every other change: plan, outbox, receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from crmsync.errors import CrmsyncError, StopConnector
from crmsync.mapping import render
from crmsync.model.changes import Plan, Refused
from crmsync.model.memberships import MEMBER, MEMBERSHIPS
from crmsync.model.records import ObjectSchema, RawRecord, RecordRef
from crmsync.planning.plan import make_plan
from crmsync.planning.undo import TakenBack, Written, take_back
from crmsync.store.holds import Hold
from crmsync.store.outbox import Sent
from crmsync.sync.apply import Applied, apply
from crmsync.sync.hinted import read_present
from crmsync.sync.lease import alone
from crmsync.sync.pull import Failure, describe
from crmsync.sync.targets import same_in, user_ids
from crmsync.sync.workspace import Connection, Moment, Progress, Silent, Workspace

_log = structlog.get_logger("crmsync.sync.undo")


@dataclass(frozen=True, slots=True)
class Undoing:
    """A run's writes about to be taken back. `read` are its records as the CRMs show them now, by connection; `holds` what is not
    written again. `is_redo`: the run was an undo itself, so what it held is let go. `failures` are connections that did not
    answer: nothing of theirs is taken back."""

    undone_run: str
    plan: Plan
    holds: tuple[Hold, ...] = ()
    read: Mapping[str, Sequence[RawRecord]] = field(default_factory=dict)
    is_redo: bool = False
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of an undo: the run it was, and how its changes ended."""

    run_id: str
    undoing: Undoing
    applied: Applied


def prepare_undo(workspace: Workspace, undone_run: str, now: datetime) -> Undoing:
    """Read every record that the run wrote, and plan what takes it back. Writes nothing. Raises StopConnector for a run that
    never was."""
    if undone_run not in set(workspace.store.runs.frame()["run_id"]):
        raise StopConnector("undo.no_run", run=undone_run)
    sent = workspace.store.outbox.sent(undone_run)
    taken: list[tuple[RecordRef, TakenBack]] = []
    read: dict[str, list[RawRecord]] = {}
    failures: list[Failure] = []
    for connection in workspace.connections:
        mine = [one for one in sent if one.change.connection == connection.name]
        try:
            for written in _written(workspace, connection, undone_run, mine) if mine else ():
                same = same_in(connection.schemas.get(written.ref.object, ObjectSchema(written.ref.object)))
                taken.append((written.ref, take_back(written, undone_run, same)))
                read.setdefault(connection.name, []).extend([written.now] if written.now else [])
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
            _log.warning("connection_stopped", connection=connection.name, code=error.code)
    changes = [found.change for _, found in taken if found.change]
    refused = [*_unplaced(workspace, sent), *(left for _, found in taken for left in found.refused)]
    return Undoing(
        undone_run,
        make_plan(changes, refused, now),
        tuple(Hold(ref, name, wish) for ref, found in taken for name, wish in found.undone.items()),
        read,
        is_redo=any(one.change.undoes for one in sent),
        failures=tuple(failures),
    )


def send_undo(workspace: Workspace, undoing: Undoing, moment: Moment, progress: Progress | None = None) -> Undone:
    """Keep the undo in one transaction, then apply it. Killed in between, a repetition takes back what is left. Raises RetryLater
    while a cycle is at work."""
    with alone(workspace, "undo"):
        run_id = _keep(workspace, undoing, moment)
        stopped = frozenset(f.connection for f in undoing.failures)
        applied = apply(workspace, run_id, undoing.plan.changes, moment.now, progress or Silent(), stopped)
        is_complete = not (undoing.failures or applied.failures)
        workspace.store.runs.end(run_id, "done" if is_complete else "incomplete", applied.outcomes)
    return Undone(run_id, undoing, applied)


def _keep(workspace: Workspace, undoing: Undoing, moment: Moment) -> str:
    store = workspace.store
    for connection, records in undoing.read.items():
        store.staging.stage_read(connection, records, moment.now)
    with store.transaction(is_awaited=True) as db:
        run_id = store.runs.begin(
            db, "undo", moment.now, is_rehearsal=moment.is_rehearsal, definitions=workspace.definitions_digest
        )
        if undoing.is_redo:
            store.holds.release_by(db, undoing.undone_run)
        else:
            store.holds.place(db, undoing.holds, run_id, undoing.undone_run, moment.now)
        store.outbox.plan(db, run_id, undoing.plan.changes, moment.now)
    return run_id


def release(workspace: Workspace, undone_run: str) -> int:
    """Let the next cycle write again what the undo of this run put back. Gives how many fields were held."""
    store = workspace.store
    refs = store.holds.records_held(undone_run)
    persons = store.identity.persons_of(str(ref) for ref in refs)
    with store.transaction() as db:
        store.decided.replan(db, sorted(set(persons.values())))
        return store.holds.release(db, undone_run)


def _unplaced(workspace: Workspace, sent: Sequence[Sent]) -> Iterator[Refused]:
    """What cannot be looked for: it went to a CRM that is not connected any more, or its record was never named."""
    connected = {connection.name for connection in workspace.connections}
    for one in sent:
        change = one.change
        if change.connection not in connected or one.record_id is None:
            why = "no_connection" if change.connection not in connected else "record_gone"
            yield Refused(RecordRef(change.connection, change.object, one.record_id or ""), "", None, None, why)


def _written(workspace: Workspace, connection: Connection, undone_run: str, sent: Sequence[Sent]) -> Iterator[Written]:
    describe(connection)
    placed = [one for one in sent if one.record_id]
    ids: dict[str, list[str]] = {}
    for one in placed:
        ids.setdefault(one.change.object, []).append(str(one.record_id))
    found = {
        (object_, record.id): record
        for object_, mine in ids.items()
        for record in read_present(workspace, connection, object_, mine)
    }
    later = _later(workspace, connection, undone_run, [str(one.record_id) for one in placed])
    for one in placed:
        object_, id_ = one.change.object, str(one.record_id)
        yield Written(
            one.change,
            RecordRef(connection.name, object_, id_),
            found.get((object_, id_)),
            later.get((object_, id_), {}),
            _writable(connection, object_),
            _closing(workspace, connection, object_) if one.change.operation != "update" else {},
        )


def _later(
    workspace: Workspace, connection: Connection, undone_run: str, ids: Sequence[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """(object, record id) → what we last wrote there after the run, by field."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in workspace.store.outbox.sent_after(undone_run, ids):
        if one.change.connection == connection.name:
            found.setdefault((one.change.object, str(one.record_id)), {}).update(one.change.values())
    return found


def _writable(connection: Connection, object_: str) -> frozenset[str]:
    """The fields that the mapping declares ours and the CRM lets us write, today."""
    mapping, schema = connection.mappings.get(object_), connection.schemas.get(object_)
    if object_ == MEMBERSHIPS:
        return frozenset({MEMBER})
    if mapping is None or schema is None:
        return frozenset()
    return frozenset(w.field for w in mapping.writes if w.field in schema.fields and schema.fields[w.field].writable)


def _closing(workspace: Workspace, connection: Connection, object_: str) -> dict[str, Any]:
    """The values that close a task of ours."""
    mapping, schema = connection.mappings.get(object_), connection.schemas.get(object_)
    if mapping is None or mapping.tasks is None or schema is None:
        return {}
    users = user_ids(workspace)[connection.name]
    values, _ = render(mapping, {"is_open": False}, user_ids=users, schema=schema)
    return values
