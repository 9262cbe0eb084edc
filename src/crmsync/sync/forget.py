"""forget: take a person out of everything that is stored here. Asks no CRM and writes to none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl

from crmsync.errors import StopConnector
from crmsync.identity.erasure import addresses_in, names_in_use, tombstone, without_mentions
from crmsync.identity.keys import email_key
from crmsync.mapping import ObjectMapping
from crmsync.mapping.mentions import EVENTS, address_fields, kinds_of, named_in, sources_of, without_named
from crmsync.model.entities import (
    Approach,
    CompanySeen,
    FieldChange,
    OpportunityPerson,
    OpportunitySeen,
    PersonSeen,
    TaskSeen,
    Touch,
)
from crmsync.store.erasing import Erasure
from crmsync.sync.explain import find_person
from crmsync.sync.facts import gather
from crmsync.sync.lease import done_alone
from crmsync.sync.workspace import Workspace

# What an anonymous record keeps: when and how they came. Everything else could tell who it was.
_KEPT = ("created_at", "source_kind", "source_method", "campaign")


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What is to be forgotten, in numbers; and the erasure itself."""

    person_id: str
    records: int
    events: int
    mentions: int
    addresses: int
    erasure: Erasure
    emails: frozenset[str]


def prepare_forgetting(workspace: Workspace, text: str, now: datetime) -> Forgetting:
    """Find the person and all that is known of them, by person id, address or record. Raises StopConnector for nobody."""
    person = find_person(workspace, text)
    if person is None:
        raise StopConnector("forget.nobody")
    return _Search(workspace, person).forgetting(now)


@done_alone("forget")
def forget(workspace: Workspace, text: str, now: datetime) -> Forgetting:
    """Take them out, and keep them out, in one transaction. Raises as `prepare_forgetting` does, and RetryLater during a cycle."""
    found = prepare_forgetting(workspace, text, now)
    erasing = workspace.store.erasing
    with workspace.store.transaction() as db:
        key = erasing.key(db)
        digests = [tombstone(key, "record", ref) for ref in found.erasure.refs]
        digests += [tombstone(key, "email", email) for email in sorted(found.emails)]
        anonymous = erasing.erase(db, found.erasure, now)
        erasing.keep_out(db, digests, anonymous, now)
        workspace.store.journal.note(db, "forgotten", now, {})
    return found


@done_alone("forget")
def readmit(workspace: Workspace, text: str) -> int:
    """Let somebody in again who was forgotten and has come back: by address, or by connection/object/id. Their CRM's records are
    stored again from the next change on. Gives how many tombstones are gone."""
    store = workspace.store
    email = email_key(text)
    with store.transaction() as db:
        key = store.erasing.key(db)
        return store.erasing.let_in(db, tombstone(key, "email", email) if email else tombstone(key, "record", text))


class _Search:
    """All that is stored of one person."""

    def __init__(self, workspace: Workspace, person: str) -> None:
        self.workspace = workspace
        store = workspace.store
        former = {old for old, current in store.identity.aliases().items() if current == person}
        self.person = person
        self.persons = frozenset({person, *former})
        self.records = frozenset(store.identity.records_of(sorted(self.persons)))
        self.rows = store.entities.people(self.records)
        self.emails = self._addresses()
        self.events: set[str] = set()
        self.mentioned_in: set[str] = set()

    def forgetting(self, now: datetime) -> Forgetting:
        clocks = self._clocks()
        self._entities(clocks)
        self._raw()
        erasure = Erasure(
            self.persons,
            self.records,
            frozenset(self.events),
            clocks,
            self._shape(now),
            self._opportunities(),
            self._scrub(self._texts()),
            self._scrub(()),
            frozenset(self.mentioned_in - self.events - self.records),
        )
        return Forgetting(
            self.person, len(self.records), len(self.events), len(erasure.mentioned_in), len(self.emails), erasure, self.emails
        )

    def _addresses(self) -> frozenset[str]:
        """Their addresses, also former ones, but for those that somebody else is known by."""
        mine: set[str] = set()
        for _, connection, object_, id_, fields in self.workspace.store.erasing.versions():
            if f"{connection}/{object_}/{id_}" in self.records and (mapping := self._mapping(connection, object_)):
                mine.update(addresses_in({name: fields.get(name) for name in address_fields(mapping)}))
        frame = self.workspace.store.entities.frame(PersonSeen, columns=["ref", "email"])
        others = frame.filter(~pl.col("ref").is_in(sorted(self.records)))["email"].drop_nulls()
        mine.update(key for row in self.rows.values() if (key := email_key(row["email"])))
        return frozenset(mine - {key for email in others if (key := email_key(email))})

    def _clocks(self) -> frozenset[str]:
        clocks = self.workspace.store.decided.clocks()
        return frozenset(clocks.filter(pl.col("person_id").is_in(sorted(self.persons)))["clock_id"])

    def _entities(self, clocks: Iterable[str]) -> None:
        """Records that speak of them, by what was read from them."""
        store, mine = self.workspace.store, sorted(self.records)
        touches = store.entities.frame(Touch)
        theirs = pl.col("person").is_in(mine) | pl.col("email").is_in(sorted(self.emails))
        self.events.update(touches.filter(theirs)["ref"])
        self.events.update(store.entities.frame(TaskSeen).filter(pl.col("key").is_in(sorted(clocks)))["ref"])
        self.events.update(self._placed(clocks))
        self.events.update(store.entities.frame(FieldChange).filter(pl.col("record").is_in(mine))["ref"])
        roles = store.entities.frame(OpportunityPerson).filter(pl.col("person").is_in(mine))
        self.events.update(roles["ref"])
        self.mentioned_in.update(roles["opportunity"])
        for ref, people in store.entities.frame(Approach).select("ref", "people").iter_rows():
            named = set(orjson.loads(people))
            if named & self.records:
                (self.mentioned_in if named - self.records else self.events).add(ref)
        for kind, column in ((OpportunitySeen, "people"), (CompanySeen, "links"), (PersonSeen, "links")):
            for ref, held in store.entities.frame(kind).select("ref", column).iter_rows():
                if self.records & set(orjson.loads(held)):
                    self.mentioned_in.add(ref)

    def _placed(self, clocks: Iterable[str]) -> Iterator[str]:
        """Our own tasks about them, those too that we have not read back yet."""
        for task in self.workspace.store.placed_tasks.of(clocks).values():
            if task["record_id"] is not None:
                yield f"{task['connection']}/{task['object']}/{task['record_id']}"

    def _raw(self) -> None:
        """Records that speak of them, by what their CRM sent: also such as mean nothing to us."""
        for _, connection, object_, id_, fields in self.workspace.store.erasing.versions():
            ref, mapping = f"{connection}/{object_}/{id_}", self._mapping(connection, object_)
            if ref in self.records or ref in self.events or ref in self.mentioned_in:
                continue
            named = named_in(mapping, connection, fields) if mapping else frozenset()
            if not (named & self.records or any(address in self.emails for address in addresses_in(fields))):
                continue
            kinds = kinds_of(mapping) if mapping else frozenset()
            if "user" in kinds:
                continue
            is_alone = kinds <= EVENTS and not self._others(named)
            (self.events if is_alone else self.mentioned_in).add(ref)

    def _others(self, named: Iterable[str]) -> set[str]:
        """Other people among the records named."""
        people = {c.name: c.connector.capabilities.person_objects for c in self.workspace.connections}
        return {ref for ref in named if ref not in self.records and ref.split("/")[1] in people.get(ref.split("/")[0], ())}

    def _mapping(self, connection: str, object_: str) -> ObjectMapping | None:
        found = next((c for c in self.workspace.connections if c.name == connection), None)
        return found.mappings.get(object_) if found else None

    def _texts(self) -> tuple[str, ...]:
        """Names and numbers in the forms in which their CRMs have them."""
        found: set[str] = set()
        for row in self.rows.values():
            found.update(names_in_use(row["family_name"], row["given_name"]))
            found.update([row["phone"]] if row["phone"] else [])
        for _, connection, object_, id_, fields in self.workspace.store.erasing.versions():
            mapping = self._mapping(connection, object_)
            if mapping and f"{connection}/{object_}/{id_}" in self.records:
                found.update(str(fields[name]) for name in sources_of(mapping, "phone") if fields.get(name))
        return tuple(sorted(found, key=lambda text: (-len(text), text)))

    def _scrub(self, texts: tuple[str, ...]) -> Callable[[str, str, Any], Any]:
        def scrub(connection: str, object_: str, value: Any) -> Any:
            mapping = self._mapping(connection, object_)
            if mapping is not None and isinstance(value, Mapping):
                value = without_named(mapping, connection, value, lambda ref: ref in self.records)
            return without_mentions(value, lambda address: address in self.emails, texts)

        return scrub

    def _opportunities(self) -> tuple[str, ...]:
        own = self.workspace.store.entities.frame(OpportunitySeen).select("ref", "people").iter_rows()
        roles = self.workspace.store.entities.frame(OpportunityPerson).filter(~pl.col("is_deleted"))
        mine = roles.filter(pl.col("person").is_in(sorted(self.records)))["opportunity"].to_list()
        return tuple(sorted({*mine, *(ref for ref, people in own if self.records & set(orjson.loads(people)))}))

    def _shape(self, now: datetime) -> dict[str, Any]:
        """The anonymous record that figures go on counting: identified where the person was, by words that say nothing."""
        known = gather(self.workspace, now).persons.filter(pl.col("person_id") == self.person).to_dicts()
        person = known[0] if known else {"created_at": now}
        blank = dict.fromkeys(("family_name", "company_name", "phone"), "—") if person.get("identified") else {}
        return {**{name: person.get(name) for name in _KEPT}, **blank}
