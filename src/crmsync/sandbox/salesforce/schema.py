"""What an object and a field are, and how the tables of `standard` and `provisioned` are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Field:
    """One field, with what describe says of it. `values` are a picklist's values, `default` the preset one."""

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = False
    updateable: bool = False
    nillable: bool = False
    defaulted: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    calculated: bool = False
    restricted: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def label(self) -> str:
        words = re.sub(r"__c$", "", self.name).replace("_", " ")
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)
        return re.sub(r" Id$", " ID", words)

    @property
    def polymorphic(self) -> bool:
        return len(self.refers_to) > 1

    @property
    def filterable(self) -> bool:
        return not (self.type == "textarea" and self.length > 255)

    @property
    def sortable(self) -> bool:
        return self.filterable and self.type not in ("multipicklist", "address")

    @property
    def required(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"


@dataclass(frozen=True, slots=True)
class SObject:
    """One object. Field names are case-insensitive at the edge: `find` takes any spelling."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    mergeable: bool = False
    undeletable: bool = True

    def find(self, name: str) -> Field | None:
        return self.fields.get(name) or next((field for key, field in self.fields.items() if key.lower() == name.lower()), None)

    def by_relationship(self, name: str) -> Field | None:
        """The reference field behind `Owner`, `Account`, `X__r`."""
        wanted = name.lower()
        return next((f for f in self.fields.values() if f.relationship is not None and f.relationship.lower() == wanted), None)

    def with_fields(self, more: Mapping[str, Field]) -> SObject:
        return replace(self, fields={**self.fields, **more})

    def with_rights(self, *, create: bool, edit: bool, locked: frozenset[str]) -> SObject:
        """As somebody sees it who may create or edit it, or not, and may only read the locked fields."""
        fields = {key: replace(f, createable=False, updateable=False) if key in locked else f for key, f in self.fields.items()}
        return replace(self, createable=self.createable and create, updateable=self.updateable and edit, fields=fields)

    def without_fields(self, names: frozenset[str]) -> SObject:
        return replace(self, fields={key: field for key, field in self.fields.items() if key not in names})


_LINE = re.compile(
    r"(?P<name>\w+)\s+(?P<type>\w+)(?:\((?P<size>[\d,]+)\))?(?P<flags>(?:\s+[\w]+)*)"
    r"(?:\s+->\s*(?P<refers>[\w|]+)(?:\s+as\s+(?P<relation>\w+))?)?(?:\s+@\s*(?P<compound>\w+))?(?:\s+=\s*(?P<values>.+))?"
)
_FLAGS = frozenset(
    (
        "create",
        "update",
        "nillable",
        "defaulted",
        "external",
        "unique",
        "case_sensitive",
        "lookup",
        "calculated",
        "restricted",
    )
)
_SIZES = {"id": 18, "reference": 18, "int": 0, "phone": 40, "url": 255, "email": 80}
_CREATED = "CreatedDate datetime defaulted\nCreatedById reference defaulted -> User as CreatedBy\n"
AUDIT = (
    _CREATED
    + "LastModifiedDate datetime defaulted\nLastModifiedById reference defaulted -> User as LastModifiedBy\n"
    + "SystemModstamp datetime defaulted\n"
)


def read_fields(table: str) -> dict[str, Field]:
    """Read a table of fields, one to a line: name, type(size), flags, -> objects as Relationship, @ Compound, = values.

    `rw` is short for `create update nillable`; a picklist's values are separated by `|` and its default is starred.
    """
    return {field.name: field for field in map(_read_line, filter(None, map(str.strip, table.splitlines())))}


def _read_line(line: str) -> Field:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"not a line of a field table: {line}")
    flags = set(found["flags"].replace("rw", "create update nillable").split())
    if flags - _FLAGS:
        raise ValueError(f"unknown flags {flags - _FLAGS} in {line}")
    values = [value.strip() for value in (found["values"] or "").split("|") if value.strip()]
    default = next((value[1:] for value in values if value.startswith("*")), None)
    length, precision, scale = _sizes(found["type"], found["size"])
    return Field(
        name=found["name"],
        type=found["type"],
        length=length,
        precision=precision,
        scale=scale,
        createable="create" in flags,
        updateable="update" in flags,
        nillable="nillable" in flags,
        defaulted="defaulted" in flags or default is not None,
        external_id="external" in flags,
        unique="unique" in flags,
        case_sensitive="case_sensitive" in flags,
        id_lookup="lookup" in flags or "external" in flags,
        calculated="calculated" in flags,
        restricted="restricted" in flags,
        values=tuple(value.removeprefix("*") for value in values),
        default=default,
        refers_to=tuple((found["refers"] or "").split("|")) if found["refers"] else (),
        relationship=found["relation"],
        compound=found["compound"],
    )


def _sizes(type: str, size: str | None) -> tuple[int, int, int]:
    """Length for text, precision and scale for numbers."""
    if size is None:
        return _SIZES.get(type, 0), 0, 0
    first, _, second = size.partition(",")
    return (0, int(first), int(second)) if second else (int(first), 0, 0)
