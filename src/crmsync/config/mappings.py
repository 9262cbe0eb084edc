"""Mapping files: one per CRM object, YAML that an admin can read, compiled into the values of `crmsync.mapping`.

    object: Lead
    entities:
      - entity: person
        when: {IsConverted: false}
        fields:
          family_name: LastName                               # the vendor field alone: text
          email: {from: Email, as: email}
          phone: {from: [Phone, MobilePhone], as: phone}      # the first that holds something
          sales_status: {from: Status, as: choice, values: {Open - Not Contacted: new}, unfit: empty}
    writes:
      crmsync_phase__c: {from: phase, policy: crmsync_owns}

A `when` asks vendor fields: a value, a list of values, or {not: …}, {present: true}, {past: true}, {like: "*/pricing*"}; all
must hold. A list of several specs for one field means: the first that gives a value. Every problem of every file is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from crmsync.config.document import Document, FileModel, read_document, validate
from crmsync.config.mapping_check import Checker
from crmsync.errors import FixConfig, Problem
from crmsync.mapping.codecs import LENIENT
from crmsync.mapping.conditions import glob, word
from crmsync.mapping.sync_rules import write_policy
from crmsync.mapping.values import (
    ALWAYS,
    Case,
    Condition,
    CustomField,
    EntityMapping,
    ObjectMapping,
    Question,
    ReadField,
    RefTarget,
    TaskMapping,
    WriteField,
)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _specs(value: Any) -> Any:
    """A field's specs: one or several, each in full or just the name of a vendor field."""
    return [{"from": spec} if isinstance(spec, str) else spec for spec in _listed(value)]


def _worded(value: Any) -> Any:
    """Keys as canonical words: YAML reads `true:` as a boolean and `5:` as a number."""
    return {word(key): entry for key, entry in value.items()} if isinstance(value, dict) else value


Scalar = str | int | float | bool
Words = Annotated[list[Scalar], BeforeValidator(_listed)]
Texts = Annotated[list[str], BeforeValidator(_listed)]
Table = Annotated[dict[str, Scalar], BeforeValidator(_worded)]


class QuestionFile(FileModel):
    is_: Words | None = Field(None, alias="is")
    not_: Words | None = Field(None, alias="not")
    present: bool | None = None
    past: bool | None = None
    like: Texts | None = None


def _question(value: Any) -> Any:
    return value if isinstance(value, dict) else {"is": value}


When = dict[str, Annotated[QuestionFile, BeforeValidator(_question)]]


class ReadFile(FileModel):
    from_: Texts = Field(default_factory=list, alias="from")
    as_: Literal[
        "text", "email", "phone", "number", "integer", "boolean", "present", "instant", "date", "day", "day_instant",
        "choice", "pattern", "mark", "name", "ref", "refs", "joined", "constant",
    ] | None = Field(None, alias="as")  # fmt: skip
    when: When = Field(default_factory=dict)
    values: Table = Field(default_factory=dict)
    patterns: Table = Field(default_factory=dict)
    unfit: Literal["quarantine", "empty"] | None = None
    constant: Scalar | None = None
    to: str | dict[str, str] | None = None
    crm: str = ""
    region: str | None = None
    zone: str | None = None
    near: Texts = Field(default_factory=list)
    separator: str | None = None
    part: Literal["family", "given"] | None = None


class EntityFile(FileModel):
    entity: str
    when: When = Field(default_factory=dict)
    fields: dict[str, Annotated[list[ReadFile], BeforeValidator(_specs)]]


class CaseFile(FileModel):
    when: When
    value: Scalar


class WriteFile(FileModel):
    from_: str = Field("", alias="from")
    as_: Literal["text", "number", "integer", "boolean", "instant", "date", "user", "ref"] = Field("text", alias="as")
    policy: str
    values: Table = Field(default_factory=dict)
    cases: list[CaseFile] = Field(default_factory=list)
    none: Literal["clear", "leave"] | None = None
    constant: Scalar | None = None
    prefixes: Texts = Field(default_factory=list)
    decimals: int | None = Field(None, ge=0, le=6)
    tolerance: float = Field(0.0, ge=0)
    override_days: int | None = Field(None, ge=1)
    alone: bool = True


class TasksFile(FileModel):
    upsert_by: str
    person_field: str = ""
    person_associations: Texts = Field(default_factory=list)
    key_in: str = ""


class CustomFieldFile(FileModel):
    field: str
    object: str = ""
    type: Literal["text", "long_text", "number", "choice", "datetime", "date"]
    label: str
    options: Texts = Field(default_factory=list)
    unique: bool = False


class MappingFile(FileModel):
    """One mapping file."""

    object: str
    text_values: bool = False
    entities: list[EntityFile] = Field(default_factory=list)
    writes: dict[str, WriteFile] = Field(default_factory=dict)
    tasks: TasksFile | None = None
    custom_fields: list[CustomFieldFile] = Field(default_factory=list)
    reads_also: Texts = Field(default_factory=list)


def load_mappings(directories: Sequence[Path], crm: str, *, country: str = "JP") -> Mapping[str, ObjectMapping]:
    """The mappings of one CRM by object. Each directory holds files of this CRM, itself or in a folder of the CRM's name; a
    file in a later directory replaces an earlier one for the same object. `country` is that of telephone numbers which name
    none. Raises FixConfig with every problem of every file."""
    found: dict[str, ObjectMapping] = {}
    problems: list[Problem] = []
    for path in _files(directories, crm):
        try:
            mapping = read_mapping(read_document(path), crm, country=country)
        except FixConfig as error:
            problems.extend(error.problems)
            continue
        found[mapping.object] = mapping
    if problems:
        raise FixConfig(problems)
    return dict(sorted(found.items()))


def read_mapping(document: Document, crm: str, *, country: str = "JP") -> ObjectMapping:
    """One file as a mapping. Raises FixConfig with everything that is wrong with it."""
    file = validate(document, MappingFile)
    problems = list(Checker(document, file.model_dump(by_alias=True), crm).problems())
    if problems:
        raise FixConfig(problems)
    return ObjectMapping(
        crm=crm,
        object=file.object,
        entities=tuple(_entity(entity, country) for entity in file.entities),
        writes=tuple(_write(name, write, crm) for name, write in file.writes.items()),
        tasks=TaskMapping(file.tasks.upsert_by, file.tasks.person_field, tuple(file.tasks.person_associations), file.tasks.key_in)
        if file.tasks
        else None,
        custom_fields=tuple(
            CustomField(each.object or file.object, each.field, each.type, each.label, tuple(each.options), each.unique)
            for each in file.custom_fields
        ),
        text_values=file.text_values,
        reads_also=tuple(file.reads_also),
        file=document.file,
    )


def _files(directories: Sequence[Path], crm: str) -> Iterator[Path]:
    for directory in directories:
        own = directory / crm
        yield from sorted((own if own.is_dir() else directory).glob("*.yaml"))


def _entity(entity: EntityFile, country: str) -> EntityMapping:
    fields = (_read(target, spec, country) for target, specs in entity.fields.items() for spec in specs)
    return EntityMapping(entity.entity, tuple(fields), _condition(entity.when))


def _read(target: str, spec: ReadFile, country: str) -> ReadField:
    codec = spec.as_ or ("constant" if spec.constant is not None else "text")
    options = {
        "region": spec.region or country,
        "zone": spec.zone,
        "near": tuple(spec.near),
        "separator": spec.separator,
        "part": spec.part,
    }
    return ReadField(
        target=target,
        codec=codec,
        sources=tuple(spec.from_),
        when=_condition(spec.when),
        unfit=spec.unfit or ("empty" if codec in LENIENT else "quarantine"),
        constant=spec.constant,
        values=dict(spec.values),
        patterns=tuple((glob(pattern), result) for pattern, result in spec.patterns.items()),
        ref=_target(spec) if spec.to else None,
        options={name: value for name, value in options.items() if value},
    )


def _target(spec: ReadFile) -> RefTarget:
    if isinstance(spec.to, dict):
        return RefTarget(by_prefix=dict(spec.to), crm=spec.crm)
    return RefTarget(object=spec.to or "", crm=spec.crm)


def _condition(when: When) -> Condition:
    questions = tuple(question for field, asked in when.items() for question in _questions(field, asked))
    return Condition(questions) if questions else ALWAYS


def _questions(field: str, asked: QuestionFile) -> Iterator[Question]:
    if asked.is_ is not None:
        yield Question(field, "in", frozenset(map(word, asked.is_)))
    if asked.not_ is not None:
        yield Question(field, "not_in", frozenset(map(word, asked.not_)))
    if asked.present is not None:
        yield Question(field, "present", wanted=asked.present)
    if asked.past is not None:
        yield Question(field, "past", wanted=asked.past)
    if asked.like is not None:
        yield Question(field, "like", patterns=tuple(map(glob, asked.like)))


def _write(name: str, spec: WriteFile, crm: str) -> WriteField:
    meant = write_policy(spec.policy, crm)
    if meant is None:
        raise ValueError(f"a policy that the check let through: {spec.policy}")
    return WriteField(
        field=name,
        source=spec.from_,
        codec=spec.as_,
        policy=meant.policy,
        values=dict(spec.values),
        cases=tuple(Case(_condition(case.when), case.value) for case in spec.cases),
        when_none=spec.none or meant.when_none,
        constant=spec.constant,
        prefixes=tuple(spec.prefixes),
        decimals=spec.decimals,
        tolerance=spec.tolerance,
        override_days=spec.override_days,
        alone=spec.alone,
    )
