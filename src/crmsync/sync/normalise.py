"""normalise: read meaning into what was staged. A record that does not fit is quarantined with its reason; none is lost,
because the raw version stays and a changed mapping replays them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from crmsync.identity.persons import says_the_same
from crmsync.mapping import Reader, Seen
from crmsync.model.entities import PersonSeen, Rejected
from crmsync.model.records import RecordRef
from crmsync.store.entities import Row, Shown, row_of
from crmsync.store.versions import StagedRecord
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.workspace import Connection, Workspace

# Pages of some CRMs are small: this many versions are read together.
_AT_LEAST = 1_000


def normalise(workspace: Workspace, now: datetime) -> int:
    """Normalise every version that has not been yet; all of them where a connection's mappings have changed. Records whose
    meaning time alone has changed (a meeting that was ahead) are read again. Gives how many records did not fit."""
    rejected = 0
    staging = workspace.store.staging
    for connection in workspace.connections:
        readers = _readers(workspace, connection)
        seq, digest = staging.watermark(connection.name)
        start = seq if digest == connection.mapping_digest else 0
        with collector_at_rest() as sweep:
            for versions in staging.versions(connection.name, start):
                rejected += _page(workspace, connection, readers, versions, versions[-1].seq)
                sweep()
        again = [replace(version, learnt_at=now) for version in staging.due_again(connection.name, now)]
        if again:
            rejected += _page(workspace, connection, readers, again, staging.watermark(connection.name)[0])
    return rejected


class Following:
    """Reads meaning into what is staged while it is still in hand, so that a backfill need not read it back from the store. It
    reads only what follows on what has been read before; everything else is left to `normalise`, which must come after it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._waiting: dict[str, list[StagedRecord]] = {}
        self._readers: dict[str, Mapping[str, Reader]] = {}
        self.rejected = 0

    def staged(self, connection: Connection, versions: Sequence[StagedRecord]) -> None:
        """These versions of one stream's page are stored."""
        waiting = self._waiting.setdefault(connection.name, [])
        waiting.extend(versions)
        if len(waiting) >= _AT_LEAST:
            self.end(connection)

    def end(self, connection: Connection) -> None:
        """The stream has ended: read what is waiting."""
        versions = self._waiting.pop(connection.name, [])
        if versions and self._follows(connection, versions[0].seq):
            if connection.name not in self._readers:
                self._readers[connection.name] = _readers(self._workspace, connection)
            readers = self._readers[connection.name]
            self.rejected += _page(self._workspace, connection, readers, versions, versions[-1].seq)

    def _follows(self, connection: Connection, first: int) -> bool:
        """Whether everything staged before has been read, by the mappings in force."""
        staging = self._workspace.store.staging
        seq, digest = staging.watermark(connection.name)
        return digest in (connection.mapping_digest, "") and staging.newest_before(connection.name, first) == seq


def _readers(workspace: Workspace, connection: Connection) -> dict[str, Reader]:
    """Each object's mapping, made ready for many records."""
    peers = _peers(workspace, connection)
    return {object_: Reader(mapping, connection.name, peers) for object_, mapping in connection.mappings.items()}


def _page(
    workspace: Workspace, connection: Connection, readers: Mapping[str, Reader], versions: Sequence[StagedRecord], through: int
) -> int:
    """Read these versions and keep what they mean, together with how far the reading has come."""
    store = workspace.store
    people = connection.connector.capabilities.person_objects
    # of what is new nothing has been read before: there is nothing to look for, nor to take back
    known = store.entities.people([v.key for v in versions if v.record.object in people and not v.is_first])
    read = _Reading(known)
    for version in versions:
        reader = readers.get(version.record.object)
        if reader is not None:
            read.add(version, reader)
    learnt_at = versions[-1].learnt_at
    with store.transaction() as db:
        store.entities.forget_events(db, read.fitted & read.again)
        store.entities.save(db, read.shown())
        store.entities.mark_deleted(db, read.deleted, learnt_at)
        store.entities.quarantine(db, read.again, (r for found in read.rejected.values() for r in found), learnt_at)
        store.staging.remember_again(db, read.later)
        store.staging.move_watermark(db, connection.name, through, connection.mapping_digest)
    return len(read.rejected)


def _peers(workspace: Workspace, connection: Connection) -> dict[str, str]:
    """CRM → the one other connection to it. Where there are several, an id alone does not say which is meant."""
    others: dict[str, list[str]] = {}
    for other in workspace.connections:
        if other.name != connection.name:
            others.setdefault(other.crm, []).append(other.name)
    return {crm: names[0] for crm, names in others.items() if len(names) == 1}


class _Reading:
    """One page being read, versions in the order in which they were learnt; later ones replace earlier ones. Everything is kept
    by the text of a record's ref; `again` are those that were read before."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self.before: dict[str, Mapping[str, Any]] = dict(known)
        self.again: set[str] = set()
        self.rows: dict[str, dict[tuple[type, str], Row]] = {}
        self.rejected: dict[str, list[Rejected]] = {}
        self.deleted: set[str] = set()
        self.fitted: set[str] = set()
        self.later: dict[RecordRef, tuple[int, datetime | None]] = {}

    def add(self, version: StagedRecord, reader: Reader) -> None:
        """What this version shows stands for the record from now on. Where part of it does not fit, what an earlier version
        showed in that place stays."""
        key = version.key
        later = reader.again_at(version.record, version.learnt_at)
        if later is not None or not version.is_first:
            self.later[version.ref] = (version.seq, later)
        if not version.is_first:
            self.again.add(key)
        self.rejected.pop(key, None)
        if version.record.is_deleted:
            self.deleted.add(key)
            return
        self.deleted.discard(key)
        results = reader.seen(version.record, version.learnt_at)
        bad = [r for r in results if isinstance(r, Rejected)]
        if bad:
            self.rejected[key] = bad
            self.fitted.discard(key)
        else:
            self.fitted.add(key)
            self.rows[key] = {}
        shown = self.rows.setdefault(key, {})
        for seen in results:
            if isinstance(seen, Seen):
                row = row_of(seen.kind, seen.values)
                shown[(seen.kind, str(row.get("kind", "")))] = self._dated(row) if seen.kind is PersonSeen else row

    def shown(self) -> Iterator[Shown]:
        """Every row with the kind of its entity, in the order in which they were learnt."""
        return ((kind, row) for rows in self.rows.values() for (kind, _), row in rows.items())

    def _dated(self, row: Row) -> Row:
        """Since when the record says what it says, and since when it shows this sales status. A version that says the same as
        the one before (our own write made it, or something that means nothing here) is no fresher."""
        before, modified_at, status = self.before.get(row["ref"], {}), row["modified_at"], row["sales_status"]
        status_at = before.get("sales_status_at") if before.get("sales_status") == status else None
        fresh_at = before.get("fresh_at") if before and says_the_same(before, row) else None
        row["sales_status_at"] = (status_at or modified_at) if status else None
        row["fresh_at"] = fresh_at or modified_at
        self.before[row["ref"]] = row
        return row
