"""What describe says of an object, in our words. Paths over one relationship (`Owner.Type`, `Campaign.Name`) count as fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmsync.model.records import FieldInfo, ObjectSchema
from crmsync_salesforce.facts import CAPABILITIES, CURSOR_FIELDS, HISTORY, SYSTEM_FIELDS

# Owner, Who and What point to several objects: only what these share can be selected. (soql: polymorphic relationships)
_SHARED = ("Id", "Name", "Type")


@dataclass(frozen=True, slots=True)
class Shape:
    """An object as these credentials see it. `relationships` maps a relationship's name to the objects it may point to;
    `calculated` are formulas and roll-ups, which change without moving a stamp; `keyless` are fields that are no
    external id, by which nothing can be upserted."""

    object: str
    fields: Mapping[str, FieldInfo] = field(default_factory=dict)
    relationships: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    why_not: str = ""
    calculated: frozenset[str] = frozenset()
    keyless: frozenset[str] = frozenset()

    @property
    def readable(self) -> bool:
        return not self.why_not

    @property
    def types(self) -> dict[str, str]:
        """Describe's type of each field."""
        return {name: info.type for name, info in self.fields.items()}

    @property
    def stamp(self) -> str:
        """The field that orders changes."""
        if self.object in HISTORY:
            return "CreatedDate"
        return next((name for name in CURSOR_FIELDS if name in self.fields), "CreatedDate")

    @property
    def always(self) -> tuple[str, ...]:
        """The fields that every query of this object selects."""
        return ("Id", self.stamp)

    def chosen(self, wanted: Iterable[str], without: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """The wanted fields that exist here, after those that every record needs; `without` are known not to."""
        system = [name for name in SYSTEM_FIELDS if name in self.fields]
        asked = [name for name in wanted if name in self.fields or self._is_path(name)]
        return tuple(name for name in dict.fromkeys([*self.always, *system, *asked]) if name not in without)

    def _is_path(self, name: str) -> bool:
        relationship, _, rest = name.partition(".")
        return bool(rest) and relationship in self.relationships


def read_describe(described: Mapping[str, Any]) -> Shape:
    """The shape in a describe answer."""
    is_made = described["name"] == CAPABILITIES.task_object  # tasks alone are created, so what is set only then counts there
    fields = {str(item["name"]): _field(item, is_made=is_made) for item in described.get("fields", ())}
    relationships = {
        str(item["relationshipName"]): tuple(item.get("referenceTo") or ())
        for item in described.get("fields", ())
        if item.get("relationshipName")
    }
    why_not = "" if described.get("queryable", True) else "not queryable"
    calculated = frozenset(str(item["name"]) for item in described.get("fields", ()) if item.get("calculated"))
    keyless = frozenset(str(item["name"]) for item in described.get("fields", ()) if item.get("externalId") is False)
    return Shape(str(described["name"]), fields, relationships, why_not, calculated, keyless)


def public(shape: Shape, others: Mapping[str, Shape]) -> ObjectSchema:
    """The contract's form, with paths over relationships to objects that were described too."""
    paths = {
        f"{name}.{inner.name}": FieldInfo(f"{name}.{inner.name}", inner.type, inner.label, writable=False)
        for name, targets in shape.relationships.items()
        for inner in _reachable(targets, others)
    }
    return ObjectSchema(shape.object, {**paths, **shape.fields}, shape.readable, shape.why_not)


def _reachable(targets: tuple[str, ...], others: Mapping[str, Shape]) -> Iterable[FieldInfo]:
    if len(targets) == 1 and targets[0] in others:
        return others[targets[0]].fields.values()
    return [FieldInfo(name, "string") for name in _SHARED]


def _field(item: Mapping[str, Any], *, is_made: bool) -> FieldInfo:
    options = tuple(str(option["value"]) for option in item.get("picklistValues") or () if option.get("active", True))
    return FieldInfo(
        name=str(item["name"]),
        type=str(item.get("type", "")),
        label=str(item.get("label", "")),
        writable=bool(item.get("updateable", item.get("createable")) or (is_made and item.get("createable"))),
        required=bool(item.get("createable") and not item.get("nillable", True) and not item.get("defaultedOnCreate")),
        options=options if item.get("restrictedPicklist") else None,
        unique=bool(item.get("unique")),
        max_length=int(item["length"]) if item.get("length") else None,
    )
