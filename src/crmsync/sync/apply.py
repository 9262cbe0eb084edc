"""apply → record: send the plan's changes from the outbox, and record what became of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
    for receipt in connection.connector.push(batch):
        waiting.append(receipt)
        if len(waiting) >= _RECORD_EVERY:
            _record(workspace, run_id, by_key, waiting, now)
            progress.advanced("apply", connection.name, batch.object, len(waiting))
            waiting = []
    _record(workspace, run_id, by_key, waiting, now)
    progress.advanced("apply", connection.name, batch.object, len(waiting))
    progress.finished("apply", connection.name, batch.object)


def _record(workspace: Workspace, run_id: str, by_key: dict[str, Change], receipts: Sequence[Receipt], now: datetime) -> None:
    with workspace.store.transaction() as db:
        workspace.store.outbox.confirm(db, run_id, receipts, now)
        for receipt in receipts:
            if receipt.outcome in ("written", "unchanged"):
                _remember(workspace, db, by_key[receipt.key], receipt, now)


def _remember(workspace: Workspace, db: Database, change: Change, receipt: Receipt, now: datetime) -> None:
    """Keep what the CRM now holds: the version we made, the bases of shared fields, the place of a task."""
    record_id = receipt.record_id or change.record_id or ""
    ref = RecordRef(change.connection, change.object, record_id)
    store = workspace.store
    mapping = workspace.connection(change.connection).mappings[change.object]
    shared = {(ref, f): v for f, v in change.values().items() if mapping.policies().get(f) == "newest_wins"}
    store.outbox.save_bases(db, shared, now)
    if change.key_value is not None:
        placed = store.outbox.placed_tasks([change.key_value])[change.key_value]
        store.outbox.place_task(db, change.key_value, ref, placed["person_ref"], placed["body"] | change.values(), now)
    known = store.staging.latest(ref.connection, ref.object, [ref.id]).get(ref.id)
    if known is not None:
        merged = {**known.fields, **change.values()}
        store.staging.stage_own_write(db, ref.connection, _own_version(known, merged, receipt), now)


def _own_version(known: RawRecord, fields: dict[str, object], receipt: Receipt) -> RawRecord:
    return dataclasses.replace(known, fields=fields, modified_at=receipt.modified_at)
