"""normalise: read meaning into what was staged. A record that does not fit is quarantined with its reason; none is lost,
because the raw version stays and a changed mapping replays them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from crmsync.identity.persons import says_the_same
from crmsync.mapping import again_at
from crmsync.mapping import normalise as read_meaning
from crmsync.model.entities import Entity, PersonSeen, Rejected
from crmsync.model.records import RecordRef
from crmsync.store.entities import entity_row
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
    peers = _peers(workspace, connection)
    read = _Reading(known)
    for version in versions:
        mapping = connection.mappings.get(version.record.object)
        if mapping is not None:
            read.add(version, read_meaning(mapping, version.record, connection.name, version.learnt_at, peers=peers))
            read.later[version.ref] = (version.seq, again_at(mapping, version.record, version.learnt_at))
    learnt_at = versions[-1].learnt_at
    with store.transaction() as db:
        store.entities.forget_events(db, read.fitted)
        store.entities.save(db, (entity for shown in read.entities.values() for entity in shown.values()))
        store.entities.mark_deleted(db, read.deleted, learnt_at)
        store.entities.quarantine(db, read.later, (r for found in read.rejected.values() for r in found), learnt_at)
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
    """One page being read, versions in the order in which they were learnt; later ones replace earlier ones."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self.before: dict[str, Mapping[str, Any]] = dict(known)
        self.entities: dict[RecordRef, dict[tuple[type, str], Entity]] = {}
        self.rejected: dict[RecordRef, list[Rejected]] = {}
        self.deleted: set[RecordRef] = set()
        self.fitted: set[RecordRef] = set()
        self.later: dict[RecordRef, tuple[int, datetime | None]] = {}

    def add(self, version: StagedRecord, results: Sequence[Entity | Rejected]) -> None:
        """What this version shows stands for the record from now on. Where part of it does not fit, what an earlier version
        showed in that place stays."""
        ref = version.ref
        self.rejected.pop(ref, None)
        if version.record.is_deleted:
            self.deleted.add(ref)
            return
        self.deleted.discard(ref)
        bad = [r for r in results if isinstance(r, Rejected)]
        if bad:
            self.rejected[ref] = bad
            self.fitted.discard(ref)
        else:
            self.fitted.add(ref)
            self.entities[ref] = {}
        shown = self.entities.setdefault(ref, {})
        for entity in results:
            if not isinstance(entity, Rejected):
                dated = self._dated(entity) if isinstance(entity, PersonSeen) else entity
                shown[(type(dated), str(getattr(dated, "kind", "")))] = dated

    def _dated(self, person: PersonSeen) -> PersonSeen:
        """Since when the record says what it says, and since when it shows this sales status. A version that says the same as
        the one before (our own write made it, or something that means nothing here) is no fresher."""
        before = self.before.get(str(person.ref), {})
        row = entity_row(person)
        status_at = before.get("sales_status_at") if before.get("sales_status") == person.sales_status else None
        fresh_at = before.get("fresh_at") if before and says_the_same(before, row) else None
        dated = replace(
            person,
            sales_status_at=(status_at or person.modified_at) if person.sales_status else None,
            fresh_at=fresh_at or person.modified_at,
        )
        self.before[str(person.ref)] = entity_row(dated)
        return dated
