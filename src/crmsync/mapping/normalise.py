"""Vendors' records → the entities they show, by columns. Data never raises: what does not fit is `Rejected`, with code, field and
value."""

from __future__ import annotations

import dataclasses
import typing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crmsync.mapping.codecs import Decode, Reading, Unfit, decoder
from crmsync.mapping.columns import Column, Columns, each, is_empty
from crmsync.mapping.conditions import Test, lookup_in, tests_of, word
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
    VisitsSeen,
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
    "visits": VisitsSeen,
    "pipeline_stage": PipelineStageSeen,
}
# What a version of a record is known by: its own affair, and no column of what it shows.
_KNOWN_BY = frozenset({"ref", "learnt_at"})
# Filled from the record itself, whatever the mapping says.
_GIVEN = _KNOWN_BY | {"is_deleted"}
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
class _Line:
    """One line of a mapping, ready to be used on many records. `when` are the tests that it is asked under. `is_shared` says that
    several lines are for this target: the first that gives a value is taken, or, where it `is_merged`, all of them."""

    target: str
    decode: Decode
    when: tuple[tuple[str, Test], ...]
    is_shared: bool
    is_merged: bool
    sources: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One entity of a mapping, ready to be used on many records. `when` are the tests that it is shown under, `blank` its fields
    with what they are without a value, and `of_record` those that a record itself fills."""

    when: tuple[tuple[str, Test], ...]
    lines: tuple[_Line, ...]
    kind: type[Any]
    blank: Mapping[str, Any]
    of_record: frozenset[str]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the records of a page show of one kind of entity: `places` are those of the records that show one, and `columns` its
    fields, but for `ref` and `learnt_at`, in the order of the places. Whose values do not fit stand in `rejected`, by place."""

    kind: type[Any]
    places: Sequence[int]
    columns: dict[str, Column]
    rejected: Mapping[int, Sequence[Rejected]] = field(default_factory=dict)


class Reader:
    """One object's mapping on one connection, made ready once for many pages.

    `peers` names the connection of each other CRM ("salesforce" → "sf"); without it, refs into other CRMs carry ANY_CONNECTION.
    """

    def __init__(self, mapping: ObjectMapping, connection: str, peers: Mapping[str, str] | None = None) -> None:
        self._reading = Reading(connection, mapping.crm, peers or {})
        self._parts = tuple(_part(entity) for entity in mapping.entities)
        self._times = tuple(
            question.field
            for entity in mapping.entities
            for condition in (entity.when, *(read.when for read in entity.fields))
            for question in condition.questions
            if question.check == "past"
        )

    def read(self, record: RawRecord, learnt_at: datetime) -> tuple[Entity | Rejected, ...]:
        """As `seen` for one record, made entities."""
        known_by = {"ref": RecordRef(self._reading.connection, record.object, record.id), "learnt_at": learnt_at}
        found: list[Entity | Rejected] = []
        for seen in self.seen([record], [learnt_at]):
            found.extend(rejected for each_of in seen.rejected.values() for rejected in each_of)
            if seen.places:
                found.append(seen.kind(**known_by, **{name: column[0] for name, column in seen.columns.items()}))
        return tuple(found)

    def seen(self, records: Sequence[RawRecord], learnt_at: Sequence[datetime]) -> Iterator[Seen]:
        """Everything these versions of records show, in the order of the file; of a record nothing where no `when` holds.

        `learnt_at` are the instants that `past` compares with. A deleted record that came without its fields shows nothing: what
        was known of it is marked by whoever keeps it. Entities that an earlier version showed and this one does not are no more.
        """
        told = [place for place, record in enumerate(records) if record.fields or not record.is_deleted]
        page = Columns([record.fields for record in records], learnt_at).only(told)
        for part in self._parts:
            shown = _where(part.when, page)
            if shown:
                places = [told[place] for place in shown]
                yield _Filling(part, self._reading, page.only(shown), [records[place] for place in places]).seen(places)

    @property
    def is_timed(self) -> bool:
        """Whether the same version of a record may come to show something else."""
        return bool(self._times)

    def again_at(self, record: RawRecord, learnt_at: datetime) -> datetime | None:
        """When the same version of this record will first show something else because time has passed: a meeting that was
        ahead. None where time changes nothing."""
        if not self._times:
            return None
        find = lookup_in(record.fields)
        moments = (instant(find(name)) for name in self._times)
        return min((moment for moment in moments if moment is not None and moment > learnt_at), default=None)


def _part(entity: EntityMapping) -> _Part:
    made = KINDS[entity.kind]
    targets = Counter(read.target for read in entity.fields)
    blank = {f.name: None if f.default is dataclasses.MISSING else f.default for f in dataclasses.fields(made)}
    return _Part(
        when=tests_of(entity.when),
        lines=tuple(_line(read, is_shared=targets[read.target] > 1) for read in entity.fields),
        kind=made,
        blank={name: value for name, value in blank.items() if name not in _KNOWN_BY},
        of_record=_FIELDS[entity.kind] & _OF_RECORD,
        required=tuple(sorted(_REQUIRED[entity.kind])),
    )


def _line(read: ReadField, *, is_shared: bool) -> _Line:
    is_merged = read.target in MERGED
    return _Line(read.target, decoder(read), tests_of(read.when), is_shared, is_merged, ", ".join(read.sources))


def _where(tests: Iterable[tuple[str, Test]], page: Columns) -> Sequence[int]:
    """The places of the records for which all tests hold."""
    places: Sequence[int] = range(len(page))
    for name, test in tests:
        answers = _answers(test, page.held(name), page.learnt_at)
        places = [place for place in places if answers[place]]
    return places


def _answers(test: Test, held: Column, learnt_at: Sequence[datetime]) -> list[bool]:
    """The test's answer for each record. What was learnt at one instant is asked once for each value."""
    instants = set(learnt_at)
    if len(instants) > 1:
        return [test(value, now) for value, now in zip(held, learnt_at, strict=True)]
    now = next(iter(instants), None)
    return each(held, lambda value: test(value, now))


class _Filling:
    """One entity of a mapping being read from those records of a page that show it: `columns` by target, None where there is no
    value yet, and what does not fit by place."""

    def __init__(self, part: _Part, reading: Reading, page: Columns, records: Sequence[RawRecord]) -> None:
        self._part = part
        self._reading = reading
        self._page = page
        self._records = records
        self._given: dict[str, list[Any]] = {}
        self._rejected: dict[int, list[Rejected]] = {}

    def seen(self, places: Sequence[int]) -> Seen:
        """What they show; `places` are theirs on the whole page."""
        for line in self._part.lines:
            self._read(line)
        columns = self._completed({name: self._or_blank(name, blank) for name, blank in self._part.blank.items()})
        left = self._fitting(columns)
        if len(left) < len(places):
            columns = {name: [column[place] for place in left] for name, column in columns.items()}
        rejected = {places[place]: found for place, found in self._rejected.items()}
        return Seen(self._part.kind, [places[place] for place in left], columns, rejected)

    def _read(self, line: _Line) -> None:
        """Put in what one line gives, where it is asked at all."""
        places, held = _where(line.when, self._page), self._given.get(line.target)
        if held is not None and not line.is_merged:
            places = [place for place in places if held[place] is None]
        found = self._found(line, places) if places else []
        if is_empty(found):
            return
        if held is None and len(places) == len(self._records) and not line.is_merged:
            self._given[line.target] = list(found)
            return
        column = self._given.setdefault(line.target, [None] * len(self._records))
        for place, value in zip(places, found, strict=True):
            if value is not None:
                column[place] = _merged(column[place], value) if line.is_merged else value

    def _found(self, line: _Line, places: Sequence[int]) -> Column:
        """What a line gives for the records at these places. Where one does not fit, each is read by itself: that is rare."""
        page = self._page.only(places)
        try:
            return line.decode(page, self._reading)
        except Unfit:
            return [self._found_alone(line, page.only([index]), place) for index, place in enumerate(places)]

    def _found_alone(self, line: _Line, page: Columns, place: int) -> Any:
        try:
            return line.decode(page, self._reading)[0]
        except Unfit as unfit:
            told = Rejected(self._ref(place), unfit.code, line.sources, word(unfit.value)[:200])
            self._rejected.setdefault(place, []).append(told)
            return None

    def _ref(self, place: int) -> RecordRef:
        record = self._records[place]
        return RecordRef(self._reading.connection, record.object, record.id)

    def _or_blank(self, name: str, blank: Any) -> Column:
        column = self._given.get(name)
        if column is None:
            return [blank] * len(self._records)
        return column if blank is None else [blank if value is None else value for value in column]

    def _completed(self, columns: dict[str, Column]) -> dict[str, Column]:
        """With what the records themselves say: when they changed, whether they are gone, and who took their place."""
        records, own = self._records, self._part.of_record
        for name, if_gone in (("is_deleted", True), ("is_active", False)):
            if name in own and any(record.is_deleted for record in records):
                columns[name] = [if_gone if r.is_deleted else held for r, held in zip(records, columns[name], strict=True)]
        if "modified_at" in own:
            stamps = zip(records, columns["modified_at"], strict=True)
            columns["modified_at"] = [record.modified_at if stamp is None else stamp for record, stamp in stamps]
        if "links" in own and ("links" in self._given or any(record.replaced_by for record in records)):
            columns["links"] = [self._links(place, links) for place, links in enumerate(columns["links"])]
        return columns

    def _links(self, place: int, links: tuple[RecordRef, ...]) -> tuple[RecordRef, ...]:
        ref, winner = self._ref(place), self._records[place].replaced_by
        others = _merged(links, RecordRef(ref.connection, ref.object, winner)) if winner else links
        return tuple(link for link in others if link != ref)

    def _fitting(self, columns: Mapping[str, Column]) -> list[int]:
        """The places of the records that show a whole entity. Of one that is gone nothing more is asked."""
        missing = {place for name in self._part.required for place, value in enumerate(columns[name]) if value is None}
        for place in sorted(missing - set(self._rejected)):
            if not self._records[place].is_deleted:
                names = [name for name in self._part.required if columns[name][place] is None]
                self._rejected[place] = [Rejected(self._ref(place), "mapping.required_missing", name) for name in names]
        return [place for place in range(len(self._records)) if place not in missing and place not in self._rejected]


def _merged(before: tuple[RecordRef, ...] | None, value: Any) -> tuple[RecordRef, ...]:
    more = value if isinstance(value, tuple) else (value,)
    return tuple(dict.fromkeys(before + more)) if before else more
