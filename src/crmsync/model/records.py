"""Remote records as the CRMs hold them, before any meaning is read into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class RecordRef:
    """One remote record. `object` is the vendor's own name ("Lead", "contacts"); `id` is normalised by the connector
    (Salesforce: 18 characters; HubSpot: a string of digits)."""

    connection: str
    object: str
    id: str

    def __str__(self) -> str:
        return f"{self.connection}/{self.object}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> RecordRef:
        """Read what `str()` wrote. Raises ValueError when it is not three parts."""
        connection, object_, id_ = text.split("/", 2)
        return cls(connection, object_, id_)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One version of one remote record, as pulled. `fields` holds vendor names and JSON values, untouched: what the vendor
    calls null is None, times stay the vendor's text. Associations that the vendor keeps apart are put in by the connector
    under `associations.<object>` as a list of ids.

    `modified_at` is the vendor's own change stamp; `replaced_by` is the id of the winner where a merge took this record."""

    object: str
    id: str
    fields: Mapping[str, Any]
    modified_at: datetime | None
    is_deleted: bool = False
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What a CRM says of one field. `options` is set where only these values are accepted; `max_length` is in characters."""

    name: str
    type: str
    label: str = ""
    writable: bool = True
    required: bool = False
    options: tuple[str, ...] | None = None
    unique: bool = False
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """The live shape of one remote object, with what we may not use and why."""

    object: str
    fields: Mapping[str, FieldInfo] = field(default_factory=dict)
    readable: bool = True
    why_not: str = ""
