"""reconcile: read the records of which we do not know what they hold, before anything is planned for them again. A write whose
answer was lost is never simply repeated, and a record that moved under our hands is not waited for until an index shows it."""

from __future__ import annotations

from datetime import datetime

import structlog

from crmsync.errors import CrmsyncError
from crmsync.sync.hinted import read_present
from crmsync.sync.pull import Failure
from crmsync.sync.workspace import Workspace

_log = structlog.get_logger("crmsync.sync.reconcile")


def reconcile(workspace: Workspace, now: datetime, skip: frozenset[str]) -> tuple[Failure, ...]:
    """Stage what these records hold now. `skip` names connections that stopped already; gives those that stop here."""
    failures = []
    for connection in workspace.connections:
        if connection.name in skip:
            continue
        try:
            for object_, ids in workspace.store.outbox.uncertain_records(connection.name).items():
                found = list(read_present(workspace, connection, object_, ids))
                workspace.store.staging.stage_read(connection.name, found, now)
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
            _log.warning("connection_stopped", connection=connection.name, code=error.code)
    return tuple(failures)
