"""normalise: read meaning into what was staged. A record that does not fit is quarantined with its reason; none is lost,
because the raw version stays and a changed mapping replays them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from crmsync.mapping import again_at
from crmsync.mapping import normalise as read_meaning
from crmsync.model.entities import Entity, PersonSeen, Rejected
from crmsync.model.records import RecordRef
from crmsync.store.staging import StagedRecord
from crmsync.sync.workspace import Connection, Workspace


def normalise(workspace: Workspace, now: datetime) -> int:
    """Normalise every version that has not been yet; all of them where a connection's mappings have changed. Records whose
    meaning time alone has changed (a meeting that was ahead) are read again. Gives how many records did not fit."""
    rejected = 0
    staging = workspace.store.staging
    for connection in workspace.connections:
        seq, digest = staging.watermark(connection.name)
        start = seq if digest == connection.mapping_digest else 0
        for versions in staging.versions(connection.name, start):
            rejected += _page(workspace, connection, versions, versions[-1].seq)
        again = [replace(version, learnt_at=now) for version in staging.due_again(connection.name, now)]
        if again:
            rejected += _page(workspace, connection, again, staging.watermark(connection.name)[0])
    return rejected


def _page(workspace: Workspace, connection: Connection, versions: Sequence[StagedRecord], through: int) -> int:
    """Read these versions and keep what they mean, together with how far the reading has come."""
    store = workspace.store
    people = connection.connector.capabilities.person_objects
    known = store.entities.people(str(v.ref) for v in versions if v.record.object in people)
    read = _Reading(known)
    for version in versions:
        mapping = connection.mappings.get(version.record.object)
        if mapping is not None:
            results = read_meaning(mapping, version.record, connection.name, version.learnt_at)
            read.add(version, results)
            read.later[version.ref] = (version.seq, again_at(mapping, version.record, version.learnt_at))
    with store.transaction() as db:
        store.entities.save(db, read.entities.values())
        store.entities.mark_deleted(db, read.deleted, versions[-1].learnt_at)
        store.entities.release_from_quarantine(db, read.fitted)
        store.entities.quarantine(db, read.rejected.values(), versions[-1].learnt_at)
        store.staging.remember_again(db, read.later)
        store.staging.move_watermark(db, connection.name, through, connection.mapping_digest)
    return len(read.rejected)


class _Reading:
    """One page being read, versions in the order in which they were learnt; later ones replace earlier ones."""

    def __init__(self, known: Mapping[str, dict[str, Any]]) -> None:
        self.status: dict[str, tuple[str | None, datetime | None]] = {
            ref: (row["sales_status"], row["sales_status_at"]) for ref, row in known.items()
        }
        self.entities: dict[tuple[type, str, str], Entity] = {}
        self.rejected: dict[tuple[str, str], Rejected] = {}
        self.deleted: set[RecordRef] = set()
        self.fitted: set[RecordRef] = set()
        self.later: dict[RecordRef, tuple[int, datetime | None]] = {}

    def add(self, version: StagedRecord, results: Sequence[Entity | Rejected]) -> None:
        ref, record = version.ref, version.record
        if record.is_deleted:
            self.deleted.add(ref)
            return
        self.deleted.discard(ref)
        bad = [r for r in results if isinstance(r, Rejected)]
        for rejection in bad:
            self.rejected[(str(rejection.ref), rejection.field)] = rejection
        if not bad:
            self.fitted.add(ref)
        for entity in results:
            if not isinstance(entity, Rejected):
                self._keep(entity)

    def _keep(self, entity: Entity) -> None:
        if isinstance(entity, PersonSeen):
            entity = self._dated(entity)
        self.entities[(type(entity), str(entity.ref), str(getattr(entity, "kind", "")))] = entity

    def _dated(self, person: PersonSeen) -> PersonSeen:
        """Date the sales status: unchanged since an earlier version, it keeps that version's time."""
        before, since = self.status.get(str(person.ref), (None, None))
        at = since if before == person.sales_status and since is not None else person.modified_at
        self.status[str(person.ref)] = (person.sales_status, at)
        return replace(person, sales_status_at=at if person.sales_status else None)
