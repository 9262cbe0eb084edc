"""What a mapping file may say beyond its shape: entities and fields that exist, specs that are complete, wishes we have."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo

from crmsync.config.document import Document, Path_
from crmsync.errors import Problem
from crmsync.mapping.codecs import WHOLE
from crmsync.mapping.normalise import KINDS, mappable, required
from crmsync.mapping.sync_rules import WORDS, is_one_sided, write_policy

# The names under which decisions hand over their wishes (DOMAIN.md §2 to §7; `decisions/frames.py` DESIRED and TASKS).
PERSON_WISHES = frozenset(
    {
        "phase",
        "temperature",
        "score",
        "fit",
        "interest",
        "reason_ja",
        "reason_en",
        "owner",
        "sales_status",
        "sla_due_at",
        "sla_state",
    }
    | {"cycle", "recycle_due_at", "recycle_reason", "nurture_list", "definition", "has_opportunity"}
)
TASK_WISHES = frozenset({"key", "subject", "body", "due_at", "due_date", "owner", "is_open", "priority", "person", "kind"})
_NEEDS_REF = frozenset({"ref", "refs"})


class Checker:
    """Looks through one file of a CRM. `data` is the validated file as plain data, under the names that the YAML uses."""

    def __init__(self, document: Document, data: Mapping[str, Any], crm: str) -> None:
        self._document = document
        self._data = data
        self._crm = crm

    def problems(self) -> Iterator[Problem]:
        for index, entity in enumerate(self._data["entities"]):
            yield from self._entity(("entities", index), entity)
        for name, write in self._data["writes"].items():
            yield from self._write(("writes", name), write)
        yield from self._tasks()

    def _problem(self, path: Path_, code: str, /, **params: Any) -> Problem:
        return self._document.problem(path, code, **params)

    def _entity(self, path: Path_, entity: Mapping[str, Any]) -> Iterator[Problem]:
        kind = entity["entity"]
        if kind not in KINDS:
            yield self._unknown((*path, "entity"), "mapping.unknown_entity", kind, KINDS)
            return
        for target, specs in entity["fields"].items():
            here = (*path, "fields", target)
            if target not in mappable(kind):
                yield self._unknown(here, "mapping.unknown_field", target, mappable(kind), entity=kind)
                continue
            for spec in specs:
                yield from self._read(here, kind, target, spec)
        for name in sorted(required(kind) - {"modified_at"} - set(entity["fields"])):
            yield self._problem(path, "mapping.field_not_mapped", entity=kind, field=name)

    def _read(self, path: Path_, kind: str, target: str, spec: Mapping[str, Any]) -> Iterator[Problem]:
        codec = spec["as"] or ("constant" if spec["constant"] is not None else "text")
        if codec == "constant" and spec["constant"] is None:
            yield self._problem(path, "mapping.spec_incomplete", field=target, codec=codec, key="constant")
        if codec != "constant" and not spec["from"]:
            yield self._problem(path, "mapping.spec_incomplete", field=target, codec=codec, key="from")
        for key, codecs in (("to", _NEEDS_REF), ("values", {"choice"}), ("patterns", {"pattern"}), ("part", WHOLE)):
            if codec in codecs and not spec[key]:
                yield self._problem(path, "mapping.spec_incomplete", field=target, codec=codec, key=key)
        if codec in WHOLE and len(spec["from"]) != 2:
            yield self._problem(path, "mapping.name_needs_two", field=target)
        yield from self._allowed(path, kind, target, spec)
        yield from self._zone(path, spec)

    def _allowed(self, path: Path_, kind: str, target: str, spec: Mapping[str, Any]) -> Iterator[Problem]:
        allowed = words_of(kind, target)
        if allowed is None:
            return
        given = [*spec["values"].values(), *spec["patterns"].values()] + (
            [spec["constant"]] if spec["constant"] is not None else []
        )
        for value in given:
            if value not in allowed:
                yield self._problem(
                    path, "mapping.word_not_allowed", field=target, value=value, allowed=", ".join(map(str, sorted(allowed)))
                )

    def _zone(self, path: Path_, spec: Mapping[str, Any]) -> Iterator[Problem]:
        try:
            ZoneInfo(spec["zone"] or "UTC")
        except (KeyError, ValueError):  # KeyError: no such zone; ValueError: no name of a zone at all
            yield self._problem(path, "mapping.unknown_zone", zone=spec["zone"])

    def _write(self, path: Path_, write: Mapping[str, Any]) -> Iterator[Problem]:
        wishes = TASK_WISHES if self._data["tasks"] else PERSON_WISHES
        if write["constant"] is None and not write["from"]:
            yield self._problem(path, "mapping.spec_incomplete", field=path[-1], codec=write["as"], key="from")
        elif write["from"] and write["from"] not in wishes:
            yield self._unknown((*path, "from"), "mapping.unknown_wish", write["from"], wishes)
        yield from self._policy(path, write)
        for index, case in enumerate(write["cases"]):
            for name in sorted(set(case["when"]) - wishes):
                yield self._unknown((*path, "cases", index, "when", name), "mapping.unknown_wish", name, wishes)

    def _policy(self, path: Path_, write: Mapping[str, Any]) -> Iterator[Problem]:
        """A policy by one of its words. HubSpot's connector takes the owner two-way only; under a rule of one side two people
        would answer for one person."""
        here, given = (*path, "policy"), write["policy"]
        if write_policy(given, self._crm) is None:
            yield self._unknown(here, "mapping.unknown_policy", given, WORDS)
        elif write["from"] == "owner" and is_one_sided(given):
            yield self._problem(here, "mapping.owner_two_way", name=given)

    def _tasks(self) -> Iterator[Problem]:
        tasks = self._data["tasks"]
        if not tasks:
            return
        for key in ("upsert_by", "person_field"):
            if tasks[key] and tasks[key] not in self._data["writes"]:
                yield self._problem(("tasks", key), "mapping.task_field_not_written", field=tasks[key])
        if not tasks["person_field"] and not tasks["person_associations"]:
            yield self._problem(("tasks",), "mapping.task_without_person")

    def _unknown(self, path: Path_, code: str, name: str, known: Iterable[str], **params: Any) -> Problem:
        nearest = difflib.get_close_matches(name, list(known), n=1)
        return self._problem(path, code, name=name, nearest=nearest[0] if nearest else ", ".join(sorted(known)), **params)


def words_of(kind: str, target: str) -> frozenset[Any] | None:
    """The words that a field of an entity may hold, None where it may hold anything."""
    hint = typing.get_type_hints(KINDS[kind])[target]
    arms = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    words = [word for arm in arms if typing.get_origin(arm) is Literal for word in typing.get_args(arm)]
    return frozenset(words) or None
