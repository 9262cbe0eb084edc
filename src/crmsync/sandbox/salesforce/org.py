"""The org: its objects, its rows, its users, and what they do in its pages."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.salesforce import custom_fields, editions, lifecycle, setup, writing
from crmsync.sandbox.salesforce.access import ACCESS
from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.capture import Capture
from crmsync.sandbox.salesforce.config import OrgConfig, Row
from crmsync.sandbox.salesforce.errors import OrgError, not_found, not_supported
from crmsync.sandbox.salesforce.ids import new_id, normal_id
from crmsync.sandbox.salesforce.lifecycle import Conversion
from crmsync.sandbox.salesforce.schema import Field, SObject
from crmsync.sandbox.salesforce.tables import Table
from crmsync.sandbox.salesforce.times import stamp
from crmsync.sandbox.salesforce.transactions import Transaction

__all__ = ["Conversion", "Org", "OrgConfig", "OrgError"]

Right = Literal["read", "create", "edit"]

_SHARED_PREFIX = "017"
"""Every history object has this key prefix, so it names no object."""


class Org:
    """One org in memory. Methods with `by` act as that user in the pages, at `clock.now()`, with every rule of the org.

    Rows are given as plain dicts: ids in their long form, instants as REST shows them, null as None. Refusals are `OrgError`.
    Safe to use from several threads: a call is one transaction under `lock`.
    """

    def __init__(self, clock: VirtualClock, config: OrgConfig | None = None) -> None:
        self.clock = clock
        self.config = config or OrgConfig()
        self.lock = threading.RLock()
        self.hidden_fields: set[tuple[str, str]] = set(self.config.hidden_fields)
        self.created_fields: set[tuple[str, str]] = set()
        self.grants: dict[tuple[str, str], bool] = {}
        self.denied: set[tuple[str, Right]] = set()
        self.locked_fields: set[tuple[str, str]] = set()
        self.may_read_limits = True
        self.schema_changed_at = clock.now()
        objects = [*editions.objects_of(self.config), *ACCESS]
        self.formulas = {(formula.object, formula.name): formula.value for formula in self.config.formulas}
        self.objects: dict[str, SObject] = {sobject.name: sobject for sobject in objects}
        self.tables: dict[str, Table] = {sobject.name: Table(sobject) for sobject in objects}
        self._spelling = {name.lower(): name for name in self.objects}
        self._by_prefix = {sobject.prefix: sobject.name for sobject in objects if sobject.prefix != _SHARED_PREFIX}
        self._blank = {name: _blank(sobject) for name, sobject in self.objects.items()}
        self.capture = Capture(self.config.captured)
        self._counters: dict[str, int] = {}
        found = setup.found(self)
        self.id, self.admin_id, self.integration_id = found.org_id, found.admin_id, found.integration_id
        custom_fields.found(self)

    def insert(self, object: str, fields: Mapping[str, Any], *, by: str | None = None) -> str:
        """Create a record and give its id."""
        with self.lock:
            return writing.insert(self, self.sobject(object), fields, self.person(by))

    def update(self, object: str, id: str, fields: Mapping[str, Any], *, by: str | None = None) -> None:
        """Change fields of a live record."""
        with self.lock:
            writing.update(self, self.sobject(object), id, fields, self.person(by))

    def delete(self, object: str, id: str) -> None:
        """Put a record, and what cannot be without it, into the recycle bin."""
        with self.lock:
            lifecycle.delete(self, self.sobject(object), id, self.person(None))

    def undelete(self, object: str, id: str) -> None:
        """Take a record out of the recycle bin."""
        with self.lock:
            lifecycle.undelete(self, self.sobject(object), id, self.person(None))

    def merge(self, object: str, winner: str, losers: list[str], *, by: str | None = None) -> None:
        """Merge one or two records into another: they go to the bin with its id, their children go over to it."""
        with self.lock:
            lifecycle.merge(self, self.sobject(object), winner, losers, self.person(by))

    def convert_lead(self, lead_id: str, *, by: str | None = None, opportunity_name: str | None = None) -> Conversion:
        """Make an account, a contact and, when named, an opportunity of a lead, which is read-only from then on."""
        with self.lock:
            return lifecycle.convert_lead(self, lead_id, self.person(by), opportunity_name)

    def get(self, object: str, id: str) -> Row | None:
        """A live record with all its fields, or None."""
        with self.lock:
            row = self.tables[self.sobject(object).name].rows.get(normal_id(id) or "")
            return None if row is None or row.get("IsDeleted") else self.whole(object, row)

    def rows(self, object: str) -> Iterator[Row]:
        """Every live record with all its fields, oldest id first, as of the moment of asking."""
        with self.lock:
            table = self.tables[self.sobject(object).name]
            versions = [table.rows[row_id] for row_id in table.ids]
        return (self.whole(object, row) for row in versions if not row.get("IsDeleted"))

    def add_user(self, name: str, email: str, *, active: bool = True, time_zone: str = "Asia/Tokyo") -> str:
        """Add a user who logs in with the e-mail address; the last word of the name is the family name."""
        with self.lock:
            return setup.add_user(self, name, email, active=active, time_zone=time_zone)

    def add_queue(self, name: str, objects: list[str]) -> str:
        """Add a queue that may own records of these objects."""
        with self.lock:
            return setup.add_queue(self, name, objects)

    def add_person(self, fields: Mapping[str, Any]) -> str:
        """Add a person account, with fields named as on Contact, and give the id of its contact."""
        with self.lock:
            return editions.add_person(self, fields)

    def hide_field(self, object: str, field: str) -> None:
        """Take a field away from the integration user by field-level security."""
        with self.lock:
            self.hidden_fields.add((object, field))
            self.schema_changed_at = self.clock.now()

    def show_field(self, object: str, field: str) -> None:
        """Give a hidden field back to the integration user."""
        with self.lock:
            self.hidden_fields.discard((object, field))
            self.schema_changed_at = self.clock.now()

    def add_field(self, object: str, field: Field) -> None:
        """Give an object a field, or a field another shape."""
        with self.lock:
            self.objects[object] = self.objects[object].with_fields({field.name: field})
            self.tables[object].reshape(self.objects[object])
            self._blank[object] = _blank(self.objects[object])
            self.schema_changed_at = self.clock.now()

    def deny(self, object: str, *rights: Right) -> None:
        """Take rights on an object away from the integration user. Without "read" it is not there at all."""
        with self.lock:
            self.denied |= {(object, right) for right in rights}
            self.schema_changed_at = self.clock.now()

    def lock_field(self, object: str, field: str) -> None:
        """Leave the integration user a field to read, and no more."""
        with self.lock:
            self.locked_fields.add((object, field))
            self.schema_changed_at = self.clock.now()

    def sobject(self, name: str) -> SObject:
        """An object by its name in any spelling, or `INVALID_TYPE`."""
        spelt = self._spelling.get(name.lower())
        if spelt is None:
            raise not_supported(name)
        return self.objects[spelt]

    def readable(self, name: str) -> SObject:
        """The object as the integration user sees it: without the fields that field-level security hides, with those that it may
        only read as such, and with its own rights. `INVALID_TYPE` where it may not be read."""
        sobject = self.sobject(name)
        denied = {right for owner, right in self.denied if owner == sobject.name}
        if "read" in denied:
            raise not_supported(name)
        made = {field for owner, field in self.created_fields if owner == sobject.name}
        hidden = {field for owner, field in self.hidden_fields if owner == sobject.name}
        hidden |= {field for field in made if (sobject.name, field) not in self.grants}
        locked = {field for field in made - hidden if not self.grants[(sobject.name, field)]}
        locked |= {field for owner, field in self.locked_fields if owner == sobject.name}
        seen = sobject.without_fields(frozenset(hidden)) if hidden else sobject
        if not denied and not locked:
            return seen
        return seen.with_rights(create="create" not in denied, edit="edit" not in denied, locked=frozenset(locked))

    def object_of(self, id: str) -> str | None:
        """The object whose key prefix an id bears."""
        return self._by_prefix.get(id[:3])

    def row_of(self, id: str | None) -> Row | None:
        """The newest version of the row behind a long id, deleted or not."""
        name = None if id is None else self._by_prefix.get(id[:3])
        return None if name is None or id is None else self.tables[name].rows.get(id)

    def live(self, sobject: SObject, id: str) -> Row:
        """A record to be changed: `NOT_FOUND` or `ENTITY_IS_DELETED` when there is none."""
        whole = normal_id(id)
        row = None if whole is None else self.tables[sobject.name].rows.get(whole)
        if row is None:
            raise not_found("Provided external ID field does not exist or is not accessible: Id" if whole is None else _GONE)
        if row.get("IsDeleted"):
            raise OrgError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def whole(self, object: str, row: Row) -> Row:
        """A copy of a stored row with every field in it."""
        return {**self._blank[object if object in self._blank else self.sobject(object).name], **row}

    def person(self, by: str | None) -> Acting:
        """Somebody at the pages: the given user, or the administrator."""
        return Acting(self.admin_id if by is None else normal_id(by) or by)

    def next_id(self, sobject: SObject) -> str:
        number = self._counters.get(sobject.prefix, 0) + 1
        self._counters[sobject.prefix] = number
        return new_id(sobject.prefix, number)

    def now_stamp(self) -> str:
        return stamp(self.clock.now())

    def transaction(self) -> Transaction:
        """A span of writes that can be taken back as one. Does not nest."""
        return Transaction(self.tables.values())

    def settle(self) -> None:
        """Commit what has become visible and empty the bin of what is too old, as of now."""
        now = self.clock.now()
        for table in self.tables.values():
            table.settle(now)
            table.purge(now - self.config.recycle_bin)

    def commit_late(self, table: Table, id: str, before: Row | None, acting: Acting) -> None:
        """With the configured chance, let integrations see a person's write only later than its stamp says."""
        if acting.through_api or not self.config.commit_skew:
            return
        chance = random.Random(f"{self.config.seed}/{id}/{self.now_stamp()}")
        if chance.random() < self.config.commit_skew_share:
            late = timedelta(seconds=chance.uniform(0, self.config.commit_skew.total_seconds()))
            table.hide(id, before, self.clock.now() + late)


_GONE = "The requested resource does not exist"


def _blank(sobject: SObject) -> Row:
    return {name: (False if field.type == "boolean" else None) for name, field in sobject.fields.items()}
