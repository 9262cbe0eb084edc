"""Whom a plan looks at: everyone for whom something moved on either side since they were last planned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from crmsync.model.changes import Change
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.store.outbox import Refusal
from crmsync.sync.decide import Decided
from crmsync.sync.workspace import Connection, Workspace


@dataclass(frozen=True, slots=True)
class Look:
    """How a plan saw a connection: up to which staged version, and with which mappings and fields (`shape`). `is_other`: the
    last plan saw another shape, so everyone there is compared anew."""

    seq: int
    shape: str
    is_other: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """The persons to look at, those of them with a record that the CRM changed, how each connection is seen, and what was refused
    so far (by key)."""

    persons: tuple[str, ...]
    learnt: frozenset[str]
    looks: Mapping[str, Look]
    refusals: Mapping[str, Refusal]

    def is_worth_another_try(self, change: Change) -> bool:
        """Whether a wish that was refused may be granted now: its record has changed, or its CRM is mapped or made otherwise. For
        a record that was not created, the person's records stand."""
        refusal = self.refusals[change.key]
        if self.looks[change.connection].is_other or refusal.has_moved:
            return True
        return refusal.refused_at is None and change.person_id in self.learnt


def find_scope(workspace: Workspace, decided: Decided, connections: Iterable[Connection], more: Iterable[str]) -> Scope:
    """Persons of whom something else is wanted, whose records or tasks changed, who have a change that did not arrive or that was
    refused for a record that has changed since, at whose connection the mappings or fields are others than before, and `more`."""
    store = workspace.store
    refusals = store.outbox.refusals()
    looks: dict[str, Look] = {}
    learnt: set[str] = set()
    compared_anew: set[str] = set()
    for connection in connections:
        after = int(store.runs.meta(f"planned_through:{connection.name}") or 0)
        refs, newest = store.staging.learnt_since(connection.name, after)
        learnt |= _persons_behind(store, decided, connection, refs)
        shape = _shape(connection)
        look = Look(newest, shape, store.runs.meta(f"planned_with:{connection.name}") != shape)
        looks[connection.name] = look
        compared_anew |= store.identity.persons_in(connection.name) if look.is_other else set()
    persons = {
        *store.decided.changed(decided.desired),
        *store.decided.unplanned(),
        *store.outbox.unfinished_persons(sorted(looks)),
        *(refusal.person_id for refusal in refusals.values() if refusal.has_moved),
        *learnt,
        *compared_anew,
        *more,
    }
    return Scope(tuple(sorted(persons)), frozenset(learnt), looks, refusals)


def _persons_behind(store: Store, decided: Decided, connection: Connection, refs: Sequence[RecordRef]) -> set[str]:
    """Whose records, or tasks of ours, these are."""
    able = connection.connector.capabilities
    people = (str(ref) for ref in refs if ref.object in able.person_objects)
    tasks = store.entities.keys_of_tasks(str(ref) for ref in refs if ref.object == able.task_object)
    clocks = dict(decided.decisions.clocks.select("clock_id", "person_id").iter_rows())
    return {*store.identity.persons_of(people).values(), *(clocks[key] for key in tasks if key in clocks)}


def _shape(connection: Connection) -> str:
    """A digest of how the connection is mapped and of what its objects look like, as far as writing goes."""
    fields = {
        object_: sorted(
            (info.name, info.type, info.writable, list(info.options or ()), info.max_length) for info in schema.fields.values()
        )
        for object_, schema in sorted(connection.schemas.items())
        if connection.mappings[object_].writes
    }
    content = connection.mapping_digest.encode() + orjson.dumps(fields)
    return hashlib.blake2b(content, digest_size=12).hexdigest()
