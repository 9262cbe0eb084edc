"""A vendor's record → the entities it shows. Data never raises: what does not fit is `Rejected`, with code, field and value."""

from __future__ import annotations

import dataclasses
import typing
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crmsync.mapping.codecs import REMEMBERED, Decode, OfValue, Reading, Unfit, decoder
from crmsync.mapping.conditions import Test, all_hold, lookup_in, tests_of, word
from crmsync.mapping.times import instant
from crmsync.mapping.values import EntityMapping, ObjectMapping, ReadField
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
# Filled from the record where the entity has them.
_OF_RECORD = frozenset({"is_deleted", "is_active", "modified_at", "links"})
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
    """Everything one version of a record shows: see `Reader`, which is made once for many records."""
    return Reader(mapping, connection, peers).read(record, learnt_at)


def again_at(mapping: ObjectMapping, record: RawRecord, learnt_at: datetime) -> datetime | None:
    """When the same version of this record will first show something else: see `Reader.again_at`."""
    return Reader(mapping, "", None).again_at(record, learnt_at)


@dataclass(frozen=True, slots=True)
class _Read:
    """One line of a mapping, ready to be used on many records. `when` are the tests that it is asked under. `is_shared` says that
    several lines are for this target: the first that gives a value is taken, or, where it `is_merged`, all of them."""

    target: str
    decode: Decode
    when: tuple[tuple[str, Test], ...]
    is_shared: bool
    is_merged: bool
    sources: str

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the record's own value decides what the target is."""
        return not (self.when or self.is_shared or self.is_merged)


_Line = tuple[str | None, Mapping[Any, Any], OfValue | None, bool, _Read]
"""A line; before it the one vendor field without which it gives nothing, where there is such a one; what values of that field are
known to mean, and how another is read, where nothing else decides; and whether nothing else does. Most lines of most records end
here, with one call at most."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One entity of a mapping, ready to be used on many records. `when` are the tests that it is shown under, `blank` its fields
    without values, and `of_record` those that a record itself fills."""

    when: tuple[tuple[str, Test], ...]
    lines: tuple[_Line, ...]
    kind: type[Any]
    blank: Mapping[str, Any]
    of_record: frozenset[str]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """An entity before it is made one: its kind and the values of all its fields. Who keeps many as rows needs no more."""

    kind: type[Any]
    values: dict[str, Any]

    def entity(self) -> Entity:
        made: Entity = self.kind(**self.values)
        return made


class Reader:
    """One object's mapping on one connection, made ready once for the many records of a page.

    `peers` names the connection of each other CRM ("salesforce" → "sf"); without it, refs into other CRMs carry ANY_CONNECTION.
    """

    def __init__(self, mapping: ObjectMapping, connection: str, peers: Mapping[str, str] | None = None) -> None:
        self._crm = mapping.crm
        self._connection = connection
        self._peers = peers or {}
        self._parts = tuple(_part(entity) for entity in mapping.entities)
        self._is_flat = not any(_is_path(name) for name in mapping.fields_needed())
        self._times = tuple(
            question.field
            for entity in mapping.entities
            for condition in (entity.when, *(read.when for read in entity.fields))
            for question in condition.questions
            if question.check == "past"
        )

    def read(self, record: RawRecord, learnt_at: datetime) -> tuple[Entity | Rejected, ...]:
        """As `seen`, made entities."""
        return tuple(one.entity() if isinstance(one, Seen) else one for one in self.seen(record, learnt_at))

    def seen(self, record: RawRecord, learnt_at: datetime) -> list[Seen | Rejected]:
        """Everything this version of the record shows, in the order of the file; nothing where no `when` holds.

        `learnt_at` is the instant that `past` compares with. A deleted record that came without its fields shows nothing: what
        was known of it is marked by whoever keeps it. Entities that an earlier version showed and this one does not are no more.
        """
        if record.is_deleted and not record.fields:
            return []
        find = record.fields.get if self._is_flat else lookup_in(record.fields)
        reading = Reading(find, self._connection, self._crm, self._peers)
        found: list[Seen | Rejected] = []
        for part in self._parts:
            if not part.when or all_hold(part.when, find, learnt_at):
                found.extend(_entity(part, record, reading, learnt_at))
        return found

    def again_at(self, record: RawRecord, learnt_at: datetime) -> datetime | None:
        """When the same version of this record will first show something else because time has passed: a meeting that was
        ahead. None where time changes nothing."""
        if not self._times:
            return None
        find = lookup_in(record.fields)
        moments = (instant(find(name)) for name in self._times)
        return min((moment for moment in moments if moment is not None and moment > learnt_at), default=None)


def _is_path(name: str) -> bool:
    """Whether a name may lead through a nested record. Associations stand flat under their whole name."""
    return "." in name and not name.startswith("associations.")


def _part(entity: EntityMapping) -> _Part:
    made = KINDS[entity.kind]
    targets = Counter(read.target for read in entity.fields)
    return _Part(
        when=tests_of(entity.when),
        lines=tuple(_line(read, is_shared=targets[read.target] > 1) for read in entity.fields),
        kind=made,
        blank={f.name: None if f.default is dataclasses.MISSING else f.default for f in dataclasses.fields(made)},
        of_record=_FIELDS[entity.kind] & _OF_RECORD,
        required=tuple(sorted(_REQUIRED[entity.kind])),
    )


def _line(field: ReadField, *, is_shared: bool) -> _Line:
    found = decoder(field)
    read = _Read(
        target=field.target,
        decode=found.decode,
        when=tests_of(field.when),
        is_shared=is_shared,
        is_merged=field.target in MERGED,
        sources=", ".join(field.sources),
    )
    if not read.is_plain:
        return found.source, {}, None, False, read
    return found.source, found.meanings or {}, found.of_value, True, read


def _entity(part: _Part, record: RawRecord, reading: Reading, learnt_at: datetime) -> list[Seen | Rejected]:
    ref = RecordRef(reading.connection, record.object, record.id)
    values = {**part.blank, "ref": ref, "learnt_at": learnt_at}
    problems = _fill(values, part, ref, reading, learnt_at)
    if problems:
        return problems
    _complete(values, part.of_record, record, ref)
    for name in part.required:
        if values[name] is None:
            missing = [Rejected(ref, "mapping.required_missing", each) for each in part.required if values[each] is None]
            return [] if record.is_deleted else [*missing]
    return [Seen(part.kind, values)]


def _fill(values: dict[str, Any], part: _Part, ref: RecordRef, reading: Reading, now: datetime) -> list[Seen | Rejected]:
    """Put in what the lines of the mapping give; gives what does not fit."""
    problems: list[Seen | Rejected] = []
    given: set[str] = set()
    find = reading.find
    for source, meanings, of_value, is_plain, read in part.lines:
        held = None
        if source is not None:
            held = find(source)
            if held is None:
                continue
            if held.__class__ in REMEMBERED and held in meanings:
                if (meaning := meanings[held]) is not None:
                    values[read.target] = meaning
                continue
        try:
            if not is_plain:
                _put(values, read, given, reading, now)
                continue
            value = read.decode(reading) if of_value is None else of_value(held, reading)
            if value is not None:
                values[read.target] = value
        except Unfit as unfit:
            problems.append(Rejected(ref, unfit.code, read.sources, word(unfit.value)[:200]))
    return problems


def _put(values: dict[str, Any], read: _Read, given: set[str], reading: Reading, now: datetime) -> None:
    """Put in what one line gives, where it is asked at all; `given` are the shared targets that have a value."""
    target = read.target
    if target in given and not read.is_merged:
        return
    if read.when and not all_hold(read.when, reading.find, now):
        return
    value = read.decode(reading)
    if value is None:
        return
    values[target] = _merged(values[target], value) if read.is_merged else value
    if read.is_shared:
        given.add(target)


def _merged(before: tuple[RecordRef, ...] | None, value: Any) -> tuple[RecordRef, ...]:
    return tuple(dict.fromkeys((before or ()) + (value if isinstance(value, tuple) else (value,))))


def _complete(values: dict[str, Any], fields: frozenset[str], record: RawRecord, ref: RecordRef) -> None:
    """Put in what the record itself says: when it changed, whether it is gone, and who took its place."""
    if record.is_deleted:
        gone = {"is_deleted": True, "is_active": False}
        values.update({name: value for name, value in gone.items() if name in fields})
    if "modified_at" in fields and values["modified_at"] is None:
        values["modified_at"] = record.modified_at
    if "links" in fields and (values["links"] or record.replaced_by):
        winner = (RecordRef(ref.connection, ref.object, record.replaced_by),) if record.replaced_by else ()
        values["links"] = tuple(link for link in _merged(values["links"], winner) if link != ref)
