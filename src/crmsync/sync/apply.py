"""apply → record: send the plan's changes from the outbox, and record what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

import structlog
from sqlalchemy import Connection as Database

from crmsync.connect.contract import PushBatch
from crmsync.errors import CrmsyncError
from crmsync.model.changes import Change, Receipt
from crmsync.model.records import RawRecord, RecordRef
from crmsync.sync.pull import Failure
from crmsync.sync.workspace import Connection, Progress, Workspace

_log = structlog.get_logger("crmsync.sync.apply")

# One transaction of receipts: small enough that a crash repeats little, large enough that commits do not rule.
_RECORD_EVERY = 200


@dataclass(frozen=True, slots=True)
class Applied:
    """How the changes ended, by outcome, and which connections stopped."""

    outcomes: dict[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    @property
    def written(self) -> int:
        return self.outcomes.get("written", 0)


def apply(workspace: Workspace, run_id: str, now: datetime, progress: Progress, skip: frozenset[str]) -> Applied:
    """Send what the run's outbox holds, connection by connection; `skip` names those that already stopped."""
    failures: list[Failure] = []
    changes = workspace.store.outbox.open_changes(run_id)
    for name, mine in groupby(changes, key=lambda c: c.connection):
        if name in skip:
            continue
        connection = workspace.connection(name)
        try:
            for batch in _batches(mine):
                _push(workspace, connection, run_id, batch, now, progress)
        except CrmsyncError as error:
            failures.append(Failure.of(name, error))
            _log.warning("connection_stopped", connection=name, code=error.code)
    return Applied(workspace.store.outbox.outcomes(run_id), tuple(failures))


def _batches(changes: Iterable[Change]) -> Iterator[PushBatch]:
    """One object and one operation each; how many go into one call is the connector's affair."""
    for (_, object_), mine in groupby(changes, key=lambda c: (c.operation, c.object)):
        yield PushBatch(object_, tuple(mine))


def _push(workspace: Workspace, connection: Connection, run_id: str, batch: PushBatch, now: datetime, progress: Progress) -> None:
    by_key = {change.key: change for change in batch.changes}
    workspace.store.outbox.mark_sending(run_id, by_key, now)
    progress.started("apply", connection.name, batch.object, len(by_key))
    waiting: list[Receipt] = []
    try:
        for receipt in connection.connector.push(batch):
            waiting.append(receipt)
            if len(waiting) >= _RECORD_EVERY:
                _keep(workspace, connection, run_id, by_key, waiting, now, progress)
                waiting = []
    finally:
        # What the CRM has answered is recorded even where the connection stops in the middle of a batch.
        _keep(workspace, connection, run_id, by_key, waiting, now, progress)
    progress.finished("apply", connection.name, batch.object)


def _keep(
    workspace: Workspace,
    connection: Connection,
    run_id: str,
    by_key: dict[str, Change],
    receipts: Sequence[Receipt],
    now: datetime,
    progress: Progress,
) -> None:
    if receipts:
        _record(workspace, run_id, by_key, receipts, now)
        progress.advanced("apply", connection.name, by_key[receipts[0].key].object, len(receipts))


def _record(workspace: Workspace, run_id: str, by_key: dict[str, Change], receipts: Sequence[Receipt], now: datetime) -> None:
    """Confirm receipts and remember what the CRM now holds, in one transaction."""
    settled = [(by_key[r.key], r) for r in receipts if r.outcome in ("written", "unchanged")]
    known = _known_versions(workspace, settled)
    with workspace.store.transaction() as db:
        workspace.store.outbox.confirm(db, run_id, receipts, now)
        workspace.store.outbox.save_bases(db, _shared_values(workspace, settled), now)
        _remember_tasks(workspace, db, settled, now)
        for connection, versions in known.items():
            workspace.store.staging.stage_own_writes(db, connection, versions, now)


def _ref(change: Change, receipt: Receipt) -> RecordRef:
    return RecordRef(change.connection, change.object, receipt.record_id or change.record_id or "")


def _shared_values(workspace: Workspace, settled: Iterable[tuple[Change, Receipt]]) -> dict[tuple[RecordRef, str], object]:
    """What we wrote to fields that people write too: the base of the next comparison."""
    values: dict[tuple[RecordRef, str], object] = {}
    for change, receipt in settled:
        policies = workspace.connection(change.connection).mappings[change.object].policies()
        shared = {name: value for name, value in change.values().items() if policies.get(name) == "newest_wins"}
        values.update({(_ref(change, receipt), name): value for name, value in shared.items()})
    return values


def _remember_tasks(workspace: Workspace, db: Database, settled: Iterable[tuple[Change, Receipt]], now: datetime) -> None:
    """Where each task stands now, and with which values."""
    ours = {change.key_value: (change, receipt) for change, receipt in settled if change.key_value is not None}
    placed = workspace.store.outbox.placed_tasks(ours)
    for clock_id, (change, receipt) in ours.items():
        body = {**placed[clock_id]["body"], **change.values()}
        workspace.store.outbox.place_task(db, clock_id, _ref(change, receipt), placed[clock_id]["person_ref"], body, now)


def _known_versions(workspace: Workspace, settled: Iterable[tuple[Change, Receipt]]) -> dict[str, list[RawRecord]]:
    """connection → the versions that our writes made: what was known of each record, with the written values in it."""
    wanted: dict[tuple[str, str], dict[str, tuple[Change, Receipt]]] = {}
    for change, receipt in settled:
        ref = _ref(change, receipt)
        wanted.setdefault((ref.connection, ref.object), {})[ref.id] = (change, receipt)
    made: dict[str, list[RawRecord]] = {}
    for (connection, object_), mine in wanted.items():
        for id_, known in workspace.store.staging.latest(connection, object_, mine).items():
            change, receipt = mine[id_]
            fields = {**known.fields, **change.values()}
            made.setdefault(connection, []).append(replace(known, fields=fields, modified_at=receipt.modified_at))
    return made
