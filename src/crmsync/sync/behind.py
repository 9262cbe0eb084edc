"""Who is behind records: the persons on whose facts they bear."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson

from crmsync.mapping.mentions import kinds_of
from crmsync.model.entities import Approach, FieldChange, OpportunityPerson, OpportunitySeen, PersonSeen, Touch
from crmsync.model.memberships import MEMBERSHIPS, Membership
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.sync.workspace import Workspace

_OF_PERSONS = frozenset({"person", "touch", "approach", "opportunity", "opportunity_person", "field_change", "task"})
_OF_NO_DECISION = frozenset({"campaign"})


def news(workspace: Workspace, after: Mapping[str, int]) -> list[RecordRef] | None:
    """Records with a version numbered above that of their connection; None where one of them bears on persons whom it does not name
    (a company, a user). Of a place on a list it is the record that stands there."""
    found = []
    for connection in workspace.connections:
        kinds = {object_: kinds_of(mapping) for object_, mapping in connection.mappings.items()}
        for ref in workspace.store.staging.seen_since(connection.name, after.get(connection.name, 0)):
            if ref.object == MEMBERSHIPS:
                found.append(Membership.parse(ref.id).person_ref(ref.connection))
            mine = kinds.get(ref.object, frozenset()) - _OF_NO_DECISION
            if mine - _OF_PERSONS:
                return None
            found.extend([ref] if mine else [])
    return found


def persons_behind(workspace: Workspace, refs: Collection[RecordRef]) -> set[str]:
    """The persons of these records: of people, of what people did or was done, of cases, of histories and of our own tasks. Also
    those that they named before, and all who have an address of theirs: whose an act is that bears an address alone depends on
    it."""
    store = workspace.store
    texts = [str(ref) for ref in refs]
    named = _named(store, texts)
    named |= _named_by_cases(store, {*named, *texts})
    tasks = store.decided.persons_of_clocks(store.entities.keys_of_tasks(texts))
    return _persons(store, {*texts, *named}) | tasks


def _named(store: Store, refs: list[str]) -> set[str]:
    """Refs and addresses that these records name, or once did."""
    entities = store.entities
    columns = (
        (Touch, "person"),
        (Touch, "email"),
        (FieldChange, "record"),
        (Approach, "opportunity"),
        (OpportunityPerson, "person"),
    )
    found = set(entities.named_in(refs))
    for kind, column in columns:
        found.update(entities.frame_of(kind, "ref", refs, [column])[column].drop_nulls())
    return found


def _named_by_cases(store: Store, refs: set[str]) -> set[str]:
    """The people of those of these that are opportunities."""
    cases = store.entities.frame_of(OpportunitySeen, "ref", refs, ["ref", "people"])
    roles = store.entities.frame_of(OpportunityPerson, "opportunity", cases["ref"], ["person"])
    return {*roles["person"], *(ref for people in cases["people"] for ref in orjson.loads(people))}


def _persons(store: Store, named: set[str]) -> set[str]:
    """Who has one of these records or addresses, or an address in common with one of the records."""
    links = store.identity.links_of("record", named)
    known = (address for text in links["evidence"] if text.startswith("{") for address in orjson.loads(text).get("emails", ()))
    own = store.entities.frame_of(PersonSeen, "ref", named, ["email"])["email"].drop_nulls()
    addresses = {*known, *own, *(one for one in named if "@" in one)}
    sharing = store.entities.frame_of(PersonSeen, "email", addresses, ["ref"])["ref"]
    others = store.identity.links_of("record", sharing)
    return {*links["person_id"], *others["person_id"]}
