"""reconcile: read the records of which we do not know what they hold, before anything is planned for them again. A write whose
answer was lost is never simply repeated, and a record that moved under our hands is not waited for until an index shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from crmsync.errors import CrmsyncError
from crmsync.model.records import RawRecord
from crmsync.sync.gate import Gate
from crmsync.sync.pull import Failure
from crmsync.sync.workspace import Connection, Workspace

_log = structlog.get_logger("crmsync.sync.reconcile")


def reconcile(workspace: Workspace, now: datetime, skip: frozenset[str]) -> tuple[Failure, ...]:
    """Stage what these records hold now. `skip` names connections that stopped already; gives those that stop here."""
    failures = []
    for connection in workspace.connections:
        if connection.name in skip:
            continue
        try:
            for object_, ids in workspace.store.outbox.uncertain_records(connection.name).items():
                found = list(read_again(workspace, connection, object_, ids))
                workspace.store.staging.stage_read(connection.name, found, now)
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
            _log.warning("connection_stopped", connection=connection.name, code=error.code)
    return tuple(failures)


def read_again(workspace: Workspace, connection: Connection, object_: str, ids: list[str]) -> Iterable[RawRecord]:
    """What the CRM shows of them, over what a pull brought that a read does not show. One that is gone is left to the pull."""
    mapping = connection.mappings.get(object_)
    if mapping is None:
        return
    known = workspace.store.staging.latest(connection.name, object_, ids)
    read = connection.connector.read(object_, ids, mapping.fields_needed())
    for record in Gate.of(workspace).admit(connection, read.values()):
        id_ = record.id
        before = known[id_].fields if id_ in known else {}
        yield replace(record, fields={**before, **record.fields})
