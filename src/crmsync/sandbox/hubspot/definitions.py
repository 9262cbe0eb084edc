"""Property definitions of the portal: what each holds, who may write it; making, changing and archiving them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crmsync.sandbox.hubspot.errors import PortalError, invalid, not_found
from crmsync.sandbox.hubspot.types import ObjectType

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_MAX_UNIQUE = 10
"""Unique properties that a portal takes per object type (vendor's properties guide)."""
FIELD_TYPES = {
    "string": ("text", "textarea", "html", "file", "phonenumber"),
    "number": ("number",),
    "date": ("date",),
    "datetime": ("date",),
    "bool": ("booleancheckbox",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "phone_number": ("phonenumber",),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One value of an enumeration, in display order."""

    value: str
    label: str
    hidden: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """One property of one object type."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: tuple[Option, ...] = ()
    description: str = ""
    calculated: bool = False
    read_only: bool = False
    external_options: bool = False
    unique: bool = False
    stock: bool = True
    hidden: bool = False
    form_field: bool = False
    archived: bool = False
    created_at: str = "2019-08-06T02:41:08.029Z"
    updated_at: str = "2019-08-06T02:41:08.029Z"
    values: frozenset[str] = field(default=frozenset())

    @property
    def writable(self) -> bool:
        return not (self.read_only or self.calculated)


def with_options(definition: Definition, options: Iterable[Option]) -> Definition:
    """The same property with other options; the old list is gone, as with the vendor."""
    chosen = tuple(options)
    return replace(definition, options=chosen, values=frozenset(option.value for option in chosen))


def _options(rows: Iterable[Mapping[str, Any]]) -> tuple[Option, ...]:
    ordered = sorted(rows, key=lambda row: row.get("displayOrder", 0) if row.get("displayOrder", 0) >= 0 else 1_000_000)
    if any(not isinstance(row.get(name), str) for row in ordered for name in ("value", "label")):
        raise invalid("Property options need a `value` and a `label`")
    found = tuple(
        Option(str(r["value"]), str(r["label"]), bool(r.get("hidden", False)), str(r.get("description", ""))) for r in ordered
    )
    if len({option.value for option in found}) != len(found):
        raise invalid("Property option values must be unique")
    return found


@dataclass(slots=True)
class Group:
    """A named drawer for properties."""

    name: str
    label: str
    display_order: int = -1


class Definitions:
    """All properties and groups of one object type."""

    def __init__(
        self, kind: ObjectType, stock: Iterable[Definition], groups: Iterable[Group], *, allows_unique: bool = True
    ) -> None:
        self._kind = kind
        self._allows_unique = allows_unique
        self._live = {definition.name: definition for definition in stock}
        self._archived: dict[str, Definition] = {}
        self.groups = {group.name: group for group in groups}

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._live.values())

    def get(self, name: str) -> Definition | None:
        return self._live.get(name)

    def archived(self) -> tuple[Definition, ...]:
        return tuple(self._archived.values())

    def the(self, name: str, *, archived: bool = False) -> Definition:
        """The definition called `name`. Raises PortalError 404."""
        found = (self._archived if archived else self._live).get(name)
        if found is None:
            raise not_found(f"Property {name} does not exist on object type {self._kind.singular.upper()}")
        return found

    def unique(self) -> tuple[str, ...]:
        """Names of the properties whose values are unique; a contact's e-mail always is."""
        return tuple(definition.name for definition in self._live.values() if definition.unique)

    def create(self, body: Mapping[str, Any], now: str) -> Definition:
        """Create a custom property from the vendor's request body. Raises PortalError 400, 409."""
        name = str(body.get("name", "")).lower()
        if not _NAME.fullmatch(name):
            raise invalid(
                f"Property name {name!r} must start with a letter and hold only lower-case letters, digits and underscores"
            )
        if name in self._live:
            raise PortalError(
                409,
                "OBJECT_ALREADY_EXISTS",
                f"A property named '{name}' already exists.",
                sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
            )
        restored = self._archived.pop(name, None)
        created = replace(restored, archived=False, updated_at=now) if restored else self._checked(name, body, now)
        self._live[name] = created
        return created

    def _checked(self, name: str, body: Mapping[str, Any], now: str) -> Definition:
        kind, field_type, group = str(body.get("type", "")), str(body.get("fieldType", "")), str(body.get("groupName", ""))
        if field_type not in FIELD_TYPES.get(kind, ()):
            raise invalid(f"Property type {kind!r} and field type {field_type!r} do not go together")
        if group not in self.groups:
            raise invalid(f"Property group {group!r} does not exist")
        unique = bool(body.get("hasUniqueValue", False))
        if unique and (not self._allows_unique or len(self.unique()) >= _MAX_UNIQUE):
            raise invalid("No further unique properties can be made for this object type")
        made = Definition(
            name=name,
            label=str(body.get("label") or name),
            type=kind,
            field_type=field_type,
            group=group,
            description=str(body.get("description", "")),
            unique=unique,
            stock=False,
            hidden=bool(body.get("hidden", False)),
            form_field=bool(body.get("formField", False)),
            external_options=bool(body.get("externalOptions", False)),
            created_at=now,
            updated_at=now,
        )
        options = _options(body.get("options") or ())
        if kind == "enumeration" and not options and field_type != "booleancheckbox":
            raise invalid(f"Property {name} needs options")
        return with_options(made, options)

    def change(self, name: str, body: Mapping[str, Any], now: str) -> Definition:
        """Change label, description, group, visibility or options; `options` replaces the whole list. Raises PortalError."""
        old = self.the(name)
        group = str(body.get("groupName", old.group))
        if group not in self.groups:
            raise invalid(f"Property group {group!r} does not exist")
        changed = replace(
            old,
            label=str(body.get("label", old.label)),
            description=str(body.get("description", old.description)),
            group=group,
            hidden=bool(body.get("hidden", old.hidden)),
            form_field=bool(body.get("formField", old.form_field)),
            updated_at=now,
        )
        if "options" in body:
            changed = with_options(changed, _options(body["options"]))
        self._live[name] = changed
        return changed

    def archive(self, name: str, now: str) -> None:
        """Put a custom property away. Raises PortalError 404, or 400 for the vendor's own."""
        old = self.the(name)
        if old.stock:
            raise invalid(f"Property {name} is defined by HubSpot and cannot be archived")
        del self._live[name]
        self._archived[name] = replace(old, archived=True, updated_at=now)

    def put(self, definition: Definition) -> None:
        """Set a definition as the vendor itself would; nothing is checked."""
        self._live[definition.name] = definition


def as_json(definition: Definition) -> dict[str, Any]:
    """The definition as the properties API shows it."""
    return {
        "updatedAt": definition.updated_at,
        "createdAt": definition.created_at,
        "name": definition.name,
        "label": definition.label,
        "type": definition.type,
        "fieldType": definition.field_type,
        "description": definition.description,
        "groupName": definition.group,
        "options": [
            {"label": o.label, "value": o.value, "displayOrder": order, "hidden": o.hidden, "description": o.description}
            for order, o in enumerate(definition.options)
        ],
        "displayOrder": -1,
        "calculated": definition.calculated,
        "externalOptions": definition.external_options,
        "archived": definition.archived,
        "hasUniqueValue": definition.unique,
        "hidden": definition.hidden,
        "hubspotDefined": definition.stock,
        "formField": definition.form_field,
        "dataSensitivity": "non_sensitive",
        **({"referencedObjectType": "OWNER"} if definition.name == "hubspot_owner_id" else {}),
        "modificationMetadata": {
            "archivable": not definition.stock,
            "readOnlyDefinition": definition.stock,
            "readOnlyOptions": definition.stock and not definition.options,
            "readOnlyValue": definition.read_only,
        },
    }
