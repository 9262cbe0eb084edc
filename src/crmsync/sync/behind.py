"""Who is behind records: the persons on whose facts they bear."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import orjson

from crmsync.identity.terms import at_company, company_keys, known_by
from crmsync.mapping.mentions import kinds_of
from crmsync.model.entities import Approach, FieldChange, OpportunityPerson, OpportunitySeen, PersonSeen
from crmsync.model.memberships import MEMBERSHIPS, Membership
from crmsync.model.records import RecordRef
from crmsync.store import Store
from crmsync.sync.workspace import Workspace

_OF_PERSONS = frozenset({"person", "touch", "approach", "opportunity", "opportunity_person", "field_change", "task"})
_OF_COMPANIES = frozenset({"company"})
_OF_NO_DECISION = frozenset({"campaign", "visits"})


@dataclass(frozen=True, slots=True)
class News:
    """Records that bear on the persons behind them. `is_of_users`: what a CRM says of its users has changed, who are no persons."""

    refs: tuple[RecordRef, ...]
    is_of_users: bool


def news(workspace: Workspace, after: Mapping[str, int]) -> News | None:
    """Records with a version numbered above that of their connection, and all of people at the companies among them; None where one
    bears on persons in no way that is known. Of a place on a list it is the record that stands there."""
    found, companies, kinds_seen = list[RecordRef](), list[str](), set[str]()
    for connection in workspace.connections:
        kinds = {object_: kinds_of(mapping) - _OF_NO_DECISION for object_, mapping in connection.mappings.items()}
        for ref in workspace.store.staging.seen_since(connection.name, after.get(connection.name, 0)):
            if ref.object == MEMBERSHIPS:
                found.append(Membership.parse(ref.id).person_ref(ref.connection))
            mine = kinds.get(ref.object, frozenset())
            kinds_seen |= mine
            found.extend([ref] if mine & _OF_PERSONS else [])
            companies.extend([str(ref)] if mine & _OF_COMPANIES else [])
    if kinds_seen - _OF_PERSONS - _OF_COMPANIES - {"user"}:
        return None
    found.extend(map(RecordRef.parse, sorted(staff_of(workspace.store, companies))))
    return News(tuple(found), "user" in kinds_seen)


def staff_of(store: Store, companies: Iterable[str], keys: Iterable[str] = ()) -> set[str]:
    """The records of people at the companies of these records, or known by these keys, now or once. A company is told from others
    by all records that share a number or a domain with it, so it is they as well, and whoever shares with those."""
    refs, known = set(companies), set(keys)
    waiting, fresh = set(refs), set(known)
    while waiting or fresh:
        fresh |= company_keys(store.identity.terms_of(waiting)) - known
        known |= fresh
        waiting = store.identity.filed_under(map(known_by, fresh)) - refs
        refs |= waiting
        fresh = set()
    return store.identity.filed_under(map(at_company, refs | known))


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
    found = set(entities.named_in(refs))
    for kind, column in ((FieldChange, "record"), (Approach, "opportunity")):
        found.update(entities.frame_of(kind, "ref", refs, [column])[column].drop_nulls())
    return found


def _named_by_cases(store: Store, refs: set[str]) -> set[str]:
    """The people of those of these that are opportunities."""
    cases = store.entities.frame_of(OpportunitySeen, "ref", refs, ["ref", "people"])
    roles = store.entities.frame_of(OpportunityPerson, "opportunity", cases["ref"], ["person"])
    return {*roles["person"], *(ref for people in cases["people"] for ref in orjson.loads(people))}


def _persons(store: Store, named: set[str]) -> set[str]:
    """Who has one of these records or addresses, or an address in common with one of the records."""
    links = store.identity.links_of("record", named, ("person_id", "evidence"))
    known = (address for text in links["evidence"] if text.startswith("{") for address in orjson.loads(text).get("emails", ()))
    own = store.entities.frame_of(PersonSeen, "ref", named, ["email"])["email"].drop_nulls()
    addresses = {*known, *own, *(one for one in named if "@" in one)}
    sharing = set(store.entities.frame_of(PersonSeen, "email", addresses, ["ref"])["ref"])
    others = store.identity.links_of("record", sharing - named, ("person_id",))
    return {*links["person_id"], *others["person_id"]}
