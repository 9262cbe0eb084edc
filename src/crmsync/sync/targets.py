"""Where a person and a task stand in the CRMs: the remote records to compare with what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from crmsync.decisions.routing import QUEUE
from crmsync.mapping import same
from crmsync.model.entities import UserSeen
from crmsync.model.records import ObjectSchema, RecordRef
from crmsync.sync.facts import queue_addresses
from crmsync.sync.workspace import Connection, Workspace


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """One live record of a person. Read-only ones (a converted lead) are never written."""

    ref: RecordRef
    person_id: str
    is_read_only: bool


def person_records(workspace: Workspace, persons: Sequence[str]) -> list[PersonRecord]:
    """The live records of these persons, sorted by ref."""
    owners = workspace.store.identity.records_of(persons)
    rows = workspace.store.entities.people(owners)
    return [
        PersonRecord(RecordRef.parse(ref), person, rows[ref]["is_read_only"])
        for ref, person in owners.items()
        if ref in rows and not rows[ref]["is_deleted"]
    ]


def user_ids(workspace: Workspace) -> dict[str, dict[str, str]]:
    """connection → rep_id → the id to write: active users before inactive ones, then the smallest id. A queue goes by the address
    that the rules call it by, else by "queue:<its name>"."""
    addresses = queue_addresses(workspace)
    users = workspace.store.entities.frame(UserSeen).sort(["is_active", "ref"], descending=[False, True])
    found: dict[str, dict[str, str]] = {connection.name: {} for connection in workspace.connections}
    for user in users.iter_rows(named=True):
        ref = RecordRef.parse(user["ref"])
        rep = (user["email"] or "").strip().lower()
        if user["is_queue"] and rep not in addresses:
            rep = QUEUE + (user["name"] or "").strip().lower()
        if rep and ref.connection in found:
            found[ref.connection][rep] = ref.id
    return found


def departed(workspace: Workspace) -> dict[str, frozenset[str]]:
    """connection → ids of its users who are not active any more: their name in an owner's field is nobody's."""
    users = workspace.store.entities.frame(UserSeen, columns=["ref", "is_active"]).filter(~pl.col("is_active"))
    gone = [RecordRef.parse(ref) for ref in users["ref"]]
    return {c.name: frozenset(ref.id for ref in gone if ref.connection == c.name) for c in workspace.connections}


def task_connection(
    workspace: Workspace, records: Iterable[PersonRecord], owner: str, users: Mapping[str, Mapping[str, str]]
) -> tuple[Connection, PersonRecord] | None:
    """The CRM where the owner works and the person has a record to hang the task on: an SFA before an MA, a contact before a
    lead. None where there is no such place."""
    places = []
    for record in records:
        connection = workspace.connection(record.ref.connection)
        mapping = connection.mappings.get(connection.connector.capabilities.task_object or "")
        if record.is_read_only or mapping is None or mapping.tasks is None or owner not in users[connection.name]:
            continue
        order = connection.connector.capabilities.person_objects.index(record.ref.object)
        places.append(((connection.role == "ma", connection.name, -order, record.ref), connection, record))
    if not places:
        return None
    _, connection, record = min(places, key=lambda place: place[0])
    return connection, record


def same_in(schema: ObjectSchema) -> Callable[[str, Any, Any], bool]:
    """Canonical equality of two values of a field of this object."""

    def equal(name: str, a: Any, b: Any) -> bool:
        info = schema.fields.get(name)
        return same(info.type if info else "string", a, b)

    return equal
