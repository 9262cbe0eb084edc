"""normalise: read meaning into what was staged. A record that does not fit is quarantined with its reason; none is lost,
because the raw version stays and a changed mapping replays them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database

from crmsync.identity.persons import SAID, says_the_same
from crmsync.mapping import Reader
from crmsync.mapping.columns import Column
from crmsync.model.entities import PersonSeen, Rejected
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.store.identity import lose_track
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
        if digest not in ("", connection.mapping_digest):
            with workspace.store.transaction() as db:
                lose_track(db)
        with collector_at_rest() as sweep:
            for versions in staging.versions(connection.name, start):
                rejected += _page(workspace, connection, readers, versions, versions[-1].seq)
                sweep()
        again = [replace(version, learnt_at=now) for version in staging.due_again(connection.name, now)]
        if again:
            rejected += _page(workspace, connection, readers, again, staging.watermark(connection.name)[0])
    return rejected


def timed_objects(workspace: Workspace) -> list[tuple[str, str]]:
    """(connection, object) of records whose meaning time alone may change."""
    return [
        (connection.name, object_)
        for connection in workspace.connections
        for object_, reader in _readers(workspace, connection).items()
        if reader.is_timed
    ]


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
    store, unfit = workspace.store, set[str]()
    with store.transaction() as db:
        for object_, run in _runs(versions):
            if object_ in readers:
                unfit.difference_update(run)
                unfit.update(_read(store, db, readers[object_], run, versions[-1].learnt_at))
        store.staging.move_watermark(db, connection.name, through, connection.mapping_digest)
    return len(unfit)


Run = Mapping[str, StagedRecord]
"""Versions of records of one object by the texts of their refs: one of each."""


def _runs(versions: Sequence[StagedRecord]) -> Iterator[tuple[str, Run]]:
    """The versions by object, in runs in which each record stands once; those of one record in the order in which they were
    learnt: later ones replace earlier ones."""
    for object_ in dict.fromkeys(version.record.object for version in versions):
        rest = [version for version in versions if version.record.object == object_]
        while rest:
            run: dict[str, StagedRecord] = {}
            rest = [version for version in rest if run.setdefault(version.key, version) is not version]
            yield object_, run


def _read(store: Store, db: Database, reader: Reader, run: Run, learnt_at: datetime) -> Set[str]:
    """Keep what these versions show: it stands for their records from now on. Where part of one does not fit, what an earlier
    version showed in that place stays. Gives the records that do not fit."""
    again = {key for key, version in run.items() if not version.is_first}  # of what is new nothing has been read before
    there = {key: version for key, version in run.items() if not version.record.is_deleted}
    keys = list(there)
    rejected: dict[str, list[Rejected]] = {}
    shown = list(reader.seen([v.record for v in there.values()], [v.learnt_at for v in there.values()]))
    for seen in shown:
        for place, found in seen.rejected.items():
            rejected.setdefault(keys[place], []).extend(found)
    store.entities.forget_events(db, again & there.keys() - rejected.keys())
    for seen in shown:
        refs = [keys[place] for place in seen.places]
        _save(store, db, seen.kind, {**seen.columns, "ref": refs, "learnt_at": [there[ref].learnt_at for ref in refs]}, again)
    store.entities.mark_deleted(db, run.keys() - there.keys(), learnt_at)
    store.entities.quarantine(db, again, (one for found in rejected.values() for one in found), learnt_at)
    store.staging.remember_again(db, _later(reader, run))
    return rejected.keys()


def _later(reader: Reader, run: Run) -> dict[RecordRef, tuple[int, datetime | None]]:
    """When each version will mean something else; None where time changes nothing of one that may have been due before."""
    moments = ((version, reader.again_at(version.record, version.learnt_at)) for version in run.values())
    return {version.ref: (version.seq, at) for version, at in moments if at is not None or not version.is_first}


_BEFORE = (*SAID, "sales_status_at", "fresh_at")
"""What is asked of earlier versions of people's records."""
_STATUS = SAID.index("sales_status")


def _save(store: Store, db: Database, kind: type, columns: Mapping[str, Column], again: set[str]) -> None:
    if kind is PersonSeen:
        before = store.entities.said_in(db, again.intersection(columns["ref"]), _BEFORE)
        columns = {**columns, **_since(columns, before)}
    store.entities.save_columns(db, kind, columns)


def _since(columns: Mapping[str, Column], before: Mapping[str, Sequence[Any]]) -> Mapping[str, Column]:
    """Since when each person's record says what it says, and since when it shows this sales status. A version that says the same
    as the one before (our own write made it, or something that means nothing here) is no fresher."""
    statuses, stamps = columns["sales_status"], columns["modified_at"]
    status_at = [stamp if status else None for status, stamp in zip(statuses, stamps, strict=True)]
    fresh_at = list(stamps)
    nothing = [None] * len(stamps)
    for place, (ref, *said) in enumerate(zip(columns["ref"], *(columns.get(name, nothing) for name in SAID), strict=True)):
        if ref not in before:
            continue
        *known, known_status_at, known_fresh_at = before[ref]
        if statuses[place] and known[_STATUS] == statuses[place]:
            status_at[place] = known_status_at or status_at[place]
        if says_the_same(known, said):
            fresh_at[place] = known_fresh_at or fresh_at[place]
    return {"sales_status_at": status_at, "fresh_at": fresh_at}


def _peers(workspace: Workspace, connection: Connection) -> dict[str, str]:
    """CRM → the one other connection to it. Where there are several, an id alone does not say which is meant."""
    others: dict[str, list[str]] = {}
    for other in workspace.connections:
        if other.name != connection.name:
            others.setdefault(other.crm, []).append(other.name)
    return {crm: names[0] for crm, names in others.items() if len(names) == 1}
