"""hinted: read the records that a CRM said to have changed, before polling would come to them. What was said is not believed, it
only says where to look; a record stays marked until what was read of it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Enrolling
from crmsync.connect.hints import Looking
from crmsync.errors import CrmsyncError
from crmsync.model.memberships import MEMBERSHIPS, Membership
from crmsync.model.records import RawRecord
from crmsync.store import Store
from crmsync.sync.follower import Follower
from crmsync.sync.gate import Gate
from crmsync.sync.workspace import Connection, Workspace

_log = structlog.get_logger("crmsync.sync.hinted")

# Ten calls of 100 ids: a round that was to be quick stays quick, and what is over comes with the next one or by polling.
MOST_AT_ONCE = 1_000


def read_hinted(workspace: Workspace, connection: Connection, now: datetime, follower: Follower) -> None:
    """Stage what the marked records hold now, and take the marks off in the same transaction. Raises nothing that concerns the
    CRM: marks that could not be read stay, those that it will not read are dropped, and polling brings both."""
    store = workspace.store
    for object_, marks in store.hints.waiting(connection.name, MOST_AT_ONCE).items():
        try:
            found = list(_look(workspace, connection, object_, tuple(marks)))
        except CallRejected as error:
            _log.warning("hints_dropped", connection=connection.name, object=object_, hints=len(marks), code=error.code)
            found = []
        except CrmsyncError as error:
            _log.warning("hints_not_read", connection=connection.name, object=object_, hints=len(marks), code=error.code)
            continue
        _keep(store, connection, object_, marks, found, now, follower)
    follower.end(connection)


def read_present(workspace: Workspace, connection: Connection, object_: str, ids: Sequence[str]) -> Iterator[RawRecord]:
    """What the CRM shows of them, over what a pull brought that a read does not show. One that is gone is left to the pull."""
    mapping = connection.mappings.get(object_)
    if object_ == MEMBERSHIPS:
        yield from _on_lists(connection, ids)
    if mapping is None:
        return
    known = workspace.store.staging.latest(connection.name, object_, ids)
    read = connection.connector.read(object_, ids, mapping.fields_needed())
    for record in Gate.of(workspace).admit(connection, read.values()):
        before = known[record.id].fields if record.id in known else {}
        yield replace(record, fields={**before, **record.fields})


def _on_lists(connection: Connection, ids: Iterable[str]) -> Iterator[RawRecord]:
    """Memberships as the CRM shows them now: their lists are read whole. Of a list that it does not show, nothing is known."""
    connector: object = connection.connector
    asked: dict[str, list[Membership]] = {}
    for membership in map(Membership.parse, ids):
        asked.setdefault(membership.list_id, []).append(membership)
    if not isinstance(connector, Enrolling):
        return
    for list_id, mine in asked.items():
        try:
            there = {member for page in connector.members(list_id) for member in page}
        except CallRejected as error:
            _log.warning("list_not_read", connection=connection.name, list=list_id, code=error.code)
            continue
        yield from (one.shown(is_member=(one.object, one.record_id) in there) for one in mine)


def _look(workspace: Workspace, connection: Connection, object_: str, ids: Sequence[str]) -> Iterable[RawRecord]:
    """The present versions of marked records. An id that we never saw and that is not there says nothing."""
    if object_ not in connection.objects or object_ not in connection.mappings:
        return ()
    if not isinstance(connection.connector, Looking):
        return read_present(workspace, connection, object_, ids)
    records = connection.connector.look(object_, ids, connection.mappings[object_].fields_needed())
    known = workspace.store.staging.latest(connection.name, object_, [r.id for r in records if r.is_deleted])
    told = [r for r in records if not r.is_deleted or r.replaced_by is not None or r.id in known]
    return Gate.of(workspace).admit(connection, told)


def _keep(
    store: Store,
    connection: Connection,
    object_: str,
    marks: Mapping[str, int],
    found: Sequence[RawRecord],
    now: datetime,
    follower: Follower,
) -> None:
    with store.transaction() as db:
        staged = store.staging.stage_read_in(db, connection.name, found, now)
        store.hints.forget(db, connection.name, object_, marks)
    follower.staged(connection, staged.versions)
    news = {"new": staged.new, "changed": staged.changed}
    _log.info("hints_read", connection=connection.name, object=object_, hints=len(marks), **news)
