"""A vendor's record → the entities it shows. Data never raises: what does not fit is `Rejected`, with code, field and value."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crmsync.mapping.codecs import Reading, Unfit, decode
from crmsync.mapping.conditions import holds, is_past, lookup_in, word
from crmsync.mapping.times import instant
from crmsync.mapping.values import Condition, EntityMapping, ObjectMapping
from crmsync.model.entities import (
    Approach,
    CampaignSeen,
    CompanySeen,
    Entity,
    FieldChange,
    OpportunityPerson,
    OpportunitySeen,
    PersonSeen,
    PipelineStageSeen,
    Rejected,
    TaskSeen,
    Touch,
    UserSeen,
)
from crmsync.model.records import RawRecord, RecordRef

# The word a mapping file uses → the entity it makes.
KINDS: Mapping[str, type[Any]] = {
    "person": PersonSeen,
    "company": CompanySeen,
    "opportunity": OpportunitySeen,
    "opportunity_person": OpportunityPerson,
    "touch": Touch,
    "approach": Approach,
    "task": TaskSeen,
    "user": UserSeen,
    "field_change": FieldChange,
    "campaign": CampaignSeen,
    "pipeline_stage": PipelineStageSeen,
}
# Filled from the record itself, whatever the mapping says.
_GIVEN = frozenset({"ref", "learnt_at", "is_deleted"})
MERGED: frozenset[str] = frozenset({"links", "people"})
_FIELDS = {kind: frozenset(f.name for f in dataclasses.fields(made)) for kind, made in KINDS.items()}
_BARE = {
    kind: frozenset(f.name for f in dataclasses.fields(made) if f.default is dataclasses.MISSING) - _GIVEN
    for kind, made in KINDS.items()
}
_NULLABLE = {
    kind: frozenset(name for name, hint in typing.get_type_hints(made).items() if type(None) in typing.get_args(hint))
    for kind, made in KINDS.items()
}
_REQUIRED = {kind: names - _NULLABLE[kind] for kind, names in _BARE.items()}


def mappable(kind: str) -> frozenset[str]:
    """The fields of an entity that a mapping may fill."""
    return _FIELDS[kind] - _GIVEN


def required(kind: str) -> frozenset[str]:
    """The fields that an entity cannot be without. `modified_at` comes with the record where the mapping does not name it."""
    return _REQUIRED[kind]


def normalise(
    mapping: ObjectMapping,
    record: RawRecord,
    connection: str,
    learnt_at: datetime,
    *,
    peers: Mapping[str, str] | None = None,
) -> tuple[Entity | Rejected, ...]:
    """Everything this version of the record shows, in the order of the file; nothing where no `when` holds.

    `learnt_at` is the instant that `past` compares with. `peers` names the connection of each other CRM ("salesforce" → "sf");
    without it, refs into other CRMs carry ANY_CONNECTION. A deleted record that came without its fields shows nothing: what
    was known of it is marked by whoever keeps it. Entities that an earlier version showed and this one does not are no more.
    """
    if record.is_deleted and not record.fields:
        return ()
    reading = Reading(lookup_in(record.fields), connection, mapping.crm, peers or {})
    found: list[Entity | Rejected] = []
    for entity in mapping.entities:
        if holds(entity.when, reading.find, learnt_at):
            found.extend(_entity(entity, record, reading, learnt_at))
    return tuple(found)


def again_at(mapping: ObjectMapping, record: RawRecord, learnt_at: datetime) -> datetime | None:
    """When the same version of this record will first show something else because time has passed: a meeting that was ahead.
    None where time changes nothing."""
    find = lookup_in(record.fields)
    ahead = [
        moment
        for entity in mapping.entities
        for condition in (entity.when, *(read.when for read in entity.fields))
        for moment in _ahead(condition, find, learnt_at)
    ]
    return min(ahead, default=None)


def _ahead(condition: Condition, find: Any, now: datetime) -> Iterator[datetime]:
    for question in condition.questions:
        if question.check == "past" and not is_past(find(question.field), now):
            moment = instant(find(question.field))
            if moment is not None:
                yield moment


def _entity(entity: EntityMapping, record: RawRecord, reading: Reading, learnt_at: datetime) -> list[Entity | Rejected]:
    ref = RecordRef(reading.connection, record.object, record.id)
    values, problems = _values(entity, ref, reading, learnt_at)
    if problems:
        return list(problems)
    _complete(entity.kind, values, record, ref, learnt_at)
    missing = sorted(name for name in _REQUIRED[entity.kind] if values.get(name) is None)
    if missing and record.is_deleted:
        return []
    if missing:
        return [Rejected(ref, "mapping.required_missing", name) for name in missing]
    made: Entity = KINDS[entity.kind](**(dict.fromkeys(_BARE[entity.kind]) | values))
    return [made]


def _values(entity: EntityMapping, ref: RecordRef, reading: Reading, now: datetime) -> tuple[dict[str, Any], tuple[Rejected, ...]]:
    values: dict[str, Any] = {}
    problems: list[Rejected] = []
    for read in entity.fields:
        if values.get(read.target) is not None and read.target not in MERGED:
            continue
        if read.when.questions and not holds(read.when, reading.find, now):
            continue
        try:
            value = decode(read, reading)
        except Unfit as unfit:
            problems.append(Rejected(ref, unfit.code, ", ".join(read.sources), word(unfit.value)[:200]))
            continue
        if value is not None:
            values[read.target] = _merged(values.get(read.target), value) if read.target in MERGED else value
    return values, tuple(problems)


def _merged(before: tuple[RecordRef, ...] | None, value: Any) -> tuple[RecordRef, ...]:
    return tuple(dict.fromkeys((before or ()) + (value if isinstance(value, tuple) else (value,))))


def _complete(kind: str, values: dict[str, Any], record: RawRecord, ref: RecordRef, learnt_at: datetime) -> None:
    """Put in what the record itself says: who it is, when it changed, whether it is gone, and who took its place."""
    values["ref"], values["learnt_at"] = ref, learnt_at
    if "is_deleted" in _FIELDS[kind]:
        values["is_deleted"] = record.is_deleted
    if "is_active" in _FIELDS[kind] and record.is_deleted:
        values["is_active"] = False
    if "modified_at" in _FIELDS[kind] and values.get("modified_at") is None:
        values["modified_at"] = record.modified_at
    if "links" in _FIELDS[kind]:
        winner = (RecordRef(ref.connection, ref.object, record.replaced_by),) if record.replaced_by else ()
        links = _merged(values.get("links"), winner)
        values["links"] = tuple(link for link in links if link != ref)
