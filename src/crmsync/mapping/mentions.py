"""Which records a raw record names: the ids in the fields that its mapping reads as refs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from crmsync.mapping.values import ObjectMapping, ReadField, RefTarget

# What speaks of people alone. Companies and opportunities are there without them; users are those who work here.
EVENTS = frozenset({"touch", "approach", "task", "field_change", "opportunity_person"})


def kinds_of(mapping: ObjectMapping) -> frozenset[str]:
    """The kinds of entity that a record of this object can give."""
    return frozenset(entity.kind for entity in mapping.entities)


def named_in(mapping: ObjectMapping, connection: str, fields: Mapping[str, Any]) -> frozenset[str]:
    """The refs ("connection/object/id") of records of this connection that a raw record names."""
    found: set[str] = set()
    for read in _ref_fields(mapping):
        for source in read.sources:
            found.update(f"{connection}/{name}" for id_ in _ids(fields.get(source), read) if (name := _named(read.ref, id_)))
    return frozenset(found)


def without_named(
    mapping: ObjectMapping, connection: str, fields: Mapping[str, Any], is_theirs: Callable[[str], bool]
) -> dict[str, Any]:
    """A raw record's fields without the ids of records for which `is_theirs` says yes."""
    clean = dict(fields)
    for read in _ref_fields(mapping):
        for source in read.sources:
            held = clean.get(source)
            ids = _ids(held, read)
            left = [id_ for id_ in ids if not is_theirs(f"{connection}/{_named(read.ref, id_)}")]
            if len(left) != len(ids):
                clean[source] = left if isinstance(held, list) else (read.options.get("separator", ";").join(left) or None)
    return clean


def address_fields(mapping: ObjectMapping) -> frozenset[str]:
    """The fields that hold a person's own addresses."""
    people = (entity for entity in mapping.entities if entity.kind == "person")
    return frozenset(source for entity in people for read in entity.fields if read.target == "email" for source in read.sources)


def sources_of(mapping: ObjectMapping, *targets: str) -> frozenset[str]:
    """The fields that a person's attributes are read from."""
    people = (entity for entity in mapping.entities if entity.kind == "person")
    return frozenset(source for entity in people for read in entity.fields if read.target in targets for source in read.sources)


def _ref_fields(mapping: ObjectMapping) -> Iterator[ReadField]:
    for entity in mapping.entities:
        yield from (read for read in entity.fields if read.ref is not None and not read.ref.crm)


def _ids(value: Any, read: ReadField) -> list[str]:
    if value is None or isinstance(value, bool | Mapping):
        return []
    if isinstance(value, list):
        return [str(one.get("id") if isinstance(one, Mapping) else one) for one in value]
    separator = read.options.get("separator")
    return [part.strip() for part in str(value).split(separator)] if separator else [str(value)]


def _named(target: RefTarget | None, id_: str) -> str:
    """object/id; empty where the id says no object."""
    if target is None or not id_:
        return ""
    object_ = target.object or target.by_prefix.get(id_[:3], "")
    return f"{object_}/{id_}" if object_ else ""
