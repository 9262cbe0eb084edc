"""The gate: nothing of somebody who was forgotten is stored again, whatever a CRM sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crmsync.identity.erasure import addresses_in, tombstone, without_mentions
from crmsync.mapping import ObjectMapping
from crmsync.mapping.mentions import EVENTS, address_fields, kinds_of, named_in, without_named
from crmsync.model.records import RawRecord, RecordRef
from crmsync.sync.workspace import Connection, Workspace


@dataclass(frozen=True, slots=True)
class Gate:
    """The tombstones as they stood when the pull began."""

    key: str
    tombstones: frozenset[str]

    @classmethod
    def of(cls, workspace: Workspace) -> Gate:
        return cls(*workspace.store.erasing.tombstones())

    def admit(self, connection: Connection, records: Iterable[RawRecord]) -> tuple[RawRecord, ...]:
        """The records that may be stored, without what they say of the forgotten. Where nobody was, all of them as they are."""
        if not self.tombstones:
            return tuple(records)
        admitted = (self._admitted(connection, record) for record in records)
        return tuple(record for record in admitted if record is not None)

    def admits(self, ref: RecordRef) -> bool:
        """Whether something may be stored that is told of this record."""
        return not (self.tombstones and self._is_forgotten(str(ref)))

    def _admitted(self, connection: Connection, record: RawRecord) -> RawRecord | None:
        """People's own records and what speaks of them alone stay out; of what speaks of others too, the rest comes in."""
        if self._is_forgotten(f"{connection.name}/{record.object}/{record.id}"):
            return None
        mapping = connection.mappings.get(record.object)
        if mapping is None or record.is_deleted:
            return record
        kinds = kinds_of(mapping)
        if "person" in kinds and any(map(self._is_address, addresses_in(_own(mapping, record.fields)))):
            return None
        if not self._speaks(mapping, connection.name, record.fields) or "user" in kinds:
            return record
        named = named_in(mapping, connection.name, record.fields)
        people = {ref for ref in named if ref.split("/")[1] in connection.connector.capabilities.person_objects}
        is_of_others = not kinds <= EVENTS or any(not self._is_forgotten(ref) for ref in people)
        return replace(record, fields=self._clean(mapping, connection.name, record.fields)) if is_of_others else None

    def _speaks(self, mapping: ObjectMapping, connection: str, fields: Mapping[str, Any]) -> bool:
        named = any(map(self._is_forgotten, named_in(mapping, connection, fields)))
        return named or any(map(self._is_address, addresses_in(fields)))

    def _clean(self, mapping: ObjectMapping, connection: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        clean: dict[str, Any] = without_mentions(without_named(mapping, connection, fields, self._is_forgotten), self._is_address)
        return clean

    def _is_forgotten(self, ref: str) -> bool:
        return tombstone(self.key, "record", ref) in self.tombstones

    def _is_address(self, address: str) -> bool:
        return tombstone(self.key, "email", address) in self.tombstones


def _own(mapping: ObjectMapping, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields.get(name) for name in address_fields(mapping)}
