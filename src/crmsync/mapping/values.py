"""What a mapping file says, as frozen values. Which codecs exist is the table in `codecs`; how they are applied, `normalise`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as filled
from re import Pattern
from typing import Any, Literal

from crmsync.model.changes import Policy

FieldKind = Literal["text", "long_text", "number", "choice", "datetime", "date"]
Check = Literal["in", "not_in", "present", "past", "like"]
WhenUnfit = Literal["quarantine", "empty"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one field. `check` says which: `words` are the accepted or refused values as canonical words,
    `wanted` the answer to `present` and `past`, `patterns` what `like` accepts (any of them)."""

    field: str
    check: Check
    words: frozenset[str] = frozenset()
    wanted: bool = True
    patterns: tuple[Pattern[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """All answers must be yes; no question at all always holds."""

    questions: tuple[Question, ...] = ()

    def fields(self) -> Iterator[str]:
        return (question.field for question in self.questions)


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class RefTarget:
    """Which object an id belongs to. `object` fixed, or `by_prefix`: the first three characters of a Salesforce id decide.
    `crm` is set where the id is one of another CRM: the ref then names no connection (see `ANY_CONNECTION`)."""

    object: str = ""
    by_prefix: Mapping[str, str] = filled(default_factory=dict)
    crm: str = ""


@dataclass(frozen=True, slots=True)
class ReadField:
    """How one field of an entity is read. `sources` are vendor fields, the first that holds something is taken; `codec` a name
    in `codecs.CODECS`. `unfit` says what a value that the codec cannot read does: quarantine the record, or count as empty.

    `values` serves `choice` (vendor value → ours), `patterns` serves `pattern` (first match wins), `options` what else a
    codec takes (`region`, `zone`, `separator`, `part`, `near`, `digits`)."""

    target: str
    codec: str = "text"
    sources: tuple[str, ...] = ()
    when: Condition = ALWAYS
    unfit: WhenUnfit = "quarantine"
    constant: Any = None
    values: Mapping[str, Any] = filled(default_factory=dict)
    patterns: tuple[tuple[Pattern[str], Any], ...] = ()
    ref: RefTarget | None = None
    options: Mapping[str, Any] = filled(default_factory=dict)

    def fields(self) -> Iterator[str]:
        yield from self.sources
        yield from self.when.fields()
        yield from self.options.get("near", ())


@dataclass(frozen=True, slots=True)
class EntityMapping:
    """One entity that a record gives when `when` holds. `fields` are in the order of the file; of several for one target the
    first that gives a value is taken, and for a target that holds several refs all of them are."""

    kind: str
    fields: tuple[ReadField, ...]
    when: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class Case:
    """A value that is written instead of the translated one when the wish fulfils `when`."""

    when: Condition
    value: Any


@dataclass(frozen=True, slots=True)
class WriteField:
    """How one wish is written. `source` is the name of the wish ("phase"), `field` the vendor's field.

    `values` translates (ours as a canonical word → vendor value); a wish without a translation is left alone. `when_none` says
    whether a wish of None clears the field or leaves it. `prefixes` are the id prefixes this field accepts (a contact's owner is
    a user, never a queue). `decimals` rounds numbers, so that a score does not become a write at every tick. A `constant` is
    written when the wish it hangs on is there, or always where it hangs on none. What a person sets after us stands for
    `override_days` days from when it was seen; None: for good."""

    field: str
    source: str
    codec: str = "text"
    policy: Policy = "crmsync_owns"
    values: Mapping[str, Any] = filled(default_factory=dict)
    cases: tuple[Case, ...] = ()
    when_none: Literal["clear", "leave"] = "clear"
    constant: Any = None
    prefixes: tuple[str, ...] = ()
    decimals: int | None = None
    tolerance: float = 0.0
    alone: bool = True
    override_days: int | None = None


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that the mapping wants in the CRM beyond the stock ones: what provisioning creates or asks an admin for."""

    object: str
    field: str
    type: FieldKind
    label: str
    options: tuple[str, ...] = ()
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class TaskMapping:
    """How this object serves as our task: the unique field by which it is upserted, and what ties it to the person, either a
    field of its own or associations with these objects. Where the CRM has no such field, the key stands at the end of the text
    field `key_in`, and the task is created plainly."""

    upsert_by: str
    person_field: str = ""
    person_associations: tuple[str, ...] = ()
    key_in: str = ""


@dataclass(frozen=True, slots=True)
class ObjectMapping:
    """Everything crmsync knows of one CRM object. `text_values` says that the vendor takes every value as text and clears with
    the empty text. `reads_also` are fields to pull that no entity uses (for the eyes of people and of later mappings)."""

    crm: str
    object: str
    entities: tuple[EntityMapping, ...] = ()
    writes: tuple[WriteField, ...] = ()
    tasks: TaskMapping | None = None
    custom_fields: tuple[CustomField, ...] = ()
    text_values: bool = False
    reads_also: tuple[str, ...] = ()
    file: str = ""

    def fields_needed(self) -> tuple[str, ...]:
        """Every vendor field to pull, sorted: those read, those asked by conditions, and those written (a diff needs their
        present value). Relationship paths ("Campaign.Type") and associations ("associations.contacts") are among them."""
        names = {name for entity in self.entities for name in entity.when.fields()}
        names |= {name for entity in self.entities for read in entity.fields for name in read.fields()}
        names |= {write.field for write in self.writes} | set(self.reads_also)
        return tuple(sorted(names))

    def write_of(self, field_name: str) -> WriteField | None:
        """The write mapping of a vendor field, None where the mapping does not write it."""
        return next((write for write in self.writes if write.field == field_name), None)

    def policies(self) -> dict[str, Policy]:
        """Vendor field → policy, of every field that is written."""
        return {write.field: write.policy for write in self.writes}

    def source_of(self, target: str) -> str | None:
        """The vendor field that a person's `target` is read from first, None where this object shows no such thing."""
        reads = (read for entity in self.entities if entity.kind == "person" for read in entity.fields)
        return next((read.sources[0] for read in reads if read.target == target and read.sources), None)

    def touch_kinds(self) -> frozenset[str]:
        """Every word that this mapping can give to a touch."""
        reads = [read for entity in self.entities if entity.kind == "touch" for read in entity.fields if read.target == "kind"]
        words = [value for read in reads for value in (read.constant, *read.values.values(), *(w for _, w in read.patterns))]
        return frozenset(str(word) for word in words if word is not None)
