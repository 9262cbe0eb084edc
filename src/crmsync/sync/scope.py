"""Whom a plan looks at: everyone for whom something moved on either side since they were last planned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from crmsync.model.changes import Change
from crmsync.model.entities import UserSeen
from crmsync.model.memberships import MEMBERSHIPS, Membership
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.store.outbox import Refusal
from crmsync.sync.decide import Decided
from crmsync.sync.memberships import read_lists
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
    """The persons to look at, those of them with a record that the CRM changed, how each connection is seen, what was refused so
    far (by key), and the keys of those refusals whose cause may be gone."""

    persons: tuple[str, ...]
    learnt: frozenset[str]
    looks: Mapping[str, Look]
    refusals: Mapping[str, Refusal]
    eased: frozenset[str] = frozenset()

    def is_worth_another_try(self, change: Change) -> bool:
        """Whether a wish that was refused may be granted now: its record has changed, its CRM is mapped or made otherwise, or its
        cause may be gone. For a record that was not created, the person's records stand."""
        refusal = self.refusals[change.key]
        if self.looks[change.connection].is_other or refusal.has_moved or change.key in self.eased:
            return True
        return refusal.refused_at is None and change.person_id in self.learnt


def find_scope(workspace: Workspace, decided: Decided, connections: Iterable[Connection], more: Iterable[str]) -> Scope:
    """Persons of whom something else is wanted, whose records or tasks changed, who have a change that did not arrive or that was
    refused for a record or a cause that has changed since, at whose connection the mappings or fields are others than before, and
    `more`."""
    store = workspace.store
    refusals = store.outbox.refusals()
    eased = _eased(workspace, refusals)
    looks: dict[str, Look] = {}
    learnt: set[str] = set()
    compared_anew: set[str] = set()
    for connection in connections:
        after = int(store.runs.meta(f"planned_through:{connection.name}") or 0)
        refs, newest = store.staging.learnt_since(connection.name, after)
        learnt |= _persons_behind(store, decided, connection, refs)
        look = Look(newest, _shape(workspace, connection), is_seen_otherwise(workspace, connection))
        looks[connection.name] = look
        compared_anew |= store.identity.persons_in(connection.name) if look.is_other else set()
    persons = {
        *store.decided.changed(decided.desired, is_few=decided.whom is not None),
        *store.decided.unplanned(),
        *store.outbox.unfinished_persons(sorted(looks)),
        *(refusal.person_id for key, refusal in refusals.items() if refusal.has_moved or key in eased),
        *learnt,
        *compared_anew,
        *more,
    }
    return Scope(tuple(sorted(persons)), frozenset(learnt), looks, refusals, eased)


def is_seen_otherwise(workspace: Workspace, connection: Connection) -> bool:
    """Whether the last plan saw this connection with other mappings or fields: then everyone there is compared anew."""
    return workspace.store.runs.meta(f"planned_with:{connection.name}") != _shape(workspace, connection)


def _eased(workspace: Workspace, refusals: Mapping[str, Refusal]) -> frozenset[str]:
    """Refusals made under other definitions than those in force, or of a user whom their CRM has changed since: somebody may have
    made an inactive owner active again."""
    if not refusals:
        return frozenset()
    users = {
        (ref.connection, ref.id): learnt_at
        for ref, learnt_at in (
            (RecordRef.parse(row[0]), row[1])
            for row in workspace.store.entities.frame(UserSeen, columns=["ref", "learnt_at"]).iter_rows()
        )
    }

    def is_eased(refusal: Refusal) -> bool:
        seen = (users.get((refusal.connection, value)) for value in refusal.values)
        has_moved = refusal.answered_at is not None and any(at is not None and at > refusal.answered_at for at in seen)
        return has_moved or refusal.definitions != workspace.definitions_digest

    return frozenset(key for key, refusal in refusals.items() if is_eased(refusal))


def _persons_behind(store: Store, decided: Decided, connection: Connection, refs: Sequence[RecordRef]) -> set[str]:
    """Whose records, or tasks of ours, these are."""
    able = connection.connector.capabilities
    lists = (Membership.parse(ref.id).person_ref(ref.connection) for ref in refs if ref.object == MEMBERSHIPS)
    people = (str(ref) for ref in (*refs, *lists) if ref.object in able.person_objects)
    tasks = store.entities.keys_of_tasks(str(ref) for ref in refs if ref.object == able.task_object)
    clocks = dict(decided.decisions.clocks.select("clock_id", "person_id").iter_rows())
    return {*store.identity.persons_of(people).values(), *(clocks[key] for key in tasks if key in clocks)}


def _shape(workspace: Workspace, connection: Connection) -> str:
    """A digest of how the connection is mapped, of what its objects look like, as far as writing goes, and of the lists that it has
    for us."""
    fields = {
        object_: sorted(
            (info.name, info.type, info.writable, list(info.options or ()), info.max_length) for info in schema.fields.values()
        )
        for object_, schema in sorted(connection.schemas.items())
        if connection.mappings[object_].writes
    }
    lists = read_lists(workspace, connection)
    content = connection.mapping_digest.encode() + orjson.dumps(fields) + (orjson.dumps(lists) if lists else b"")
    return hashlib.blake2b(content, digest_size=12).hexdigest()
