"""memberships: which lists the nurture programmes are kept on in each CRM, and who is on them, read back whole from time to time.

What stands on a list is read when it is first met and once in so many hours. Between two readings our own changes are known, and
the CRM's answer to a change says who was there already. Where such an answer was lost, `reconcile` reads the list at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

import polars as pl
import structlog

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Enrolling, unread
from crmsync.errors import CrmsyncError
from crmsync.model.entities import CampaignSeen
from crmsync.model.memberships import MEMBERSHIPS, Membership
from crmsync.model.records import RecordRef
from crmsync.sync.gate import Gate
from crmsync.sync.notices import Told, keep
from crmsync.sync.pull import Failure, Pulled
from crmsync.sync.workspace import Connection, Workspace

_log = structlog.get_logger("crmsync.sync.memberships")

# A list that is read just after we changed it may not show that yet: as with tasks, a margin over the slowest index.
SHOWS_AFTER = timedelta(minutes=15)
_AT_ONCE = 2_000


def enrolling(workspace: Workspace, connection: Connection) -> Enrolling | None:
    """The side of a connector that keeps lists, where this connection keeps ours: an MA, and a configuration that names lists."""
    able = connection.connector.capabilities.list_object is not None and connection.role != "sfa"
    connector: object = connection.connector
    return connector if able and workspace.definitions.nurture.lists and isinstance(connector, Enrolling) else None


def lists_of(workspace: Workspace, connection: Connection) -> dict[str, str]:
    """Programme → the id of its list in this CRM, where it has one of that name (in any case). Of several the one with the smallest
    id."""
    if enrolling(workspace, connection) is None:
        return {}
    seen = workspace.store.entities.frame(CampaignSeen, columns=["ref", "name", "is_deleted"])
    ids: dict[str, str] = {}
    for text, name in sorted(seen.filter(~pl.col("is_deleted")).select("ref", "name").iter_rows()):
        ref = RecordRef.parse(text)
        if (ref.connection, ref.object) == (connection.name, connection.connector.capabilities.list_object):
            ids.setdefault(name.strip().lower(), ref.id)
    wanted = workspace.definitions.nurture.lists
    return {programme: ids[name.lower()] for programme, name in sorted(wanted.items()) if name.lower() in ids}


def read_lists(workspace: Workspace, connection: Connection) -> dict[str, str]:
    """As `lists_of`, those whose members were read: before that nobody is put there or taken off."""
    read = _read_at(workspace, connection)
    return {programme: list_id for programme, list_id in lists_of(workspace, connection).items() if list_id in read}


def read_back(workspace: Workspace, now: datetime, pulled: Pulled) -> Pulled:
    """Stage who is on the lists that are due to be read, of every connection that has not stopped."""
    failures: list[Failure] = []
    told: list[Told] = []
    for connection in workspace.connections:
        connector = enrolling(workspace, connection)
        if connector is None or connection.name in pulled.failed:
            continue
        try:
            told.extend(_read_due(workspace, connection, connector, now))
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
            _log.warning("connection_stopped", connection=connection.name, code=error.code)
    return pulled.with_more(tuple(failures), tuple(told))


def _read_due(workspace: Workspace, connection: Connection, connector: Enrolling, now: datetime) -> Iterator[Told]:
    """Read the lists that are due. What the CRM will not show us is told, and rests."""
    notices = []
    due = _due(workspace, connection, now)
    for list_id in due:
        try:
            _read(workspace, connection, connector, list_id, now)
        except CallRejected as error:
            notices.append(unread(MEMBERSHIPS, f"{error.vendor_code}: {error.message}"))
        connection.client.check_reserve("reading")
    if due:
        yield from keep(workspace.store, connection, MEMBERSHIPS, notices, is_whole=True)


def _due(workspace: Workspace, connection: Connection, now: datetime) -> list[str]:
    read = _read_at(workspace, connection)
    before = now - timedelta(hours=workspace.definitions.nurture.read_back_hours)
    ids = sorted(set(lists_of(workspace, connection).values()))
    return [id_ for id_ in ids if id_ not in read or not before < read[id_] <= now]


def _read(workspace: Workspace, connection: Connection, connector: Enrolling, list_id: str, now: datetime) -> None:
    """Stage everybody on one list, and whoever is there no more."""
    store, gate = workspace.store, Gate.of(workspace)
    named = (Membership(list_id, *member) for page in connector.members(list_id) for member in page)
    there = {one.id for one in named if gate.admits(one.person_ref(connection.name))}
    known = store.memberships.on_lists(connection.name, [list_id])[list_id]
    gone = known - there - store.memberships.fresh(connection.name, now - SHOWS_AFTER)
    records = (Membership.parse(id_).shown(is_member=id_ in there) for id_ in sorted(there | gone))
    cursor = {name: at.isoformat() for name, at in _read_at(workspace, connection).items()}
    while part := tuple(islice(records, _AT_ONCE)):
        store.staging.stage(connection.name, MEMBERSHIPS, part, cursor, now)
    store.staging.stage(connection.name, MEMBERSHIPS, (), {**cursor, list_id: now.isoformat()}, now)


def _read_at(workspace: Workspace, connection: Connection) -> Mapping[str, datetime]:
    """List → when it was last read whole."""
    cursor = workspace.store.staging.cursor(connection.name, MEMBERSHIPS) or {}
    return {list_id: datetime.fromisoformat(at) for list_id, at in cursor.items()}
