"""Who is behind records: the persons on whose facts they bear."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from crmsync.model.entities import Approach, FieldChange, OpportunityPerson, OpportunitySeen, PersonSeen, Touch
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.sync.workspace import Workspace


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
