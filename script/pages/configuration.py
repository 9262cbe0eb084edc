"""docs/configuration.md: every key of every file, from the models that read them; what a key means is in meanings.toml."""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic.fields import FieldInfo

from crmsync.config import figures, mappings, settings_file, vocabulary
from crmsync.config.document import FileModel
from crmsync.config.mapping_check import PERSON_WISHES, TASK_WISHES
from crmsync.config.rules import (
    alarms,
    bant,
    calendars,
    joints,
    nurture,
    qualification,
    recycle,
    routing,
    scoring,
    sla,
    targets,
    team,
    temperature,
    valve,
)
from crmsync.mapping.normalise import KINDS, mappable, required
from pages.markdown import code, table

FILES: Mapping[str, type[FileModel]] = {
    "crmsync.yaml": settings_file.SettingsFile,
    "team.yaml": team.TeamFile,
    "rules/scoring.yaml": scoring.ScoringFile,
    "rules/temperature.yaml": temperature.TemperatureFile,
    "rules/qualification.yaml": qualification.QualificationFile,
    "rules/valve.yaml": valve.ValveFile,
    "rules/targets.yaml": targets.TargetsFile,
    "rules/bant.yaml": bant.BantFile,
    "rules/routing.yaml": routing.RoutingFile,
    "rules/sla.yaml": sla.SlaFile,
    "rules/recycle.yaml": recycle.RecycleFile,
    "rules/nurture.yaml": nurture.NurtureFile,
    "rules/calendars.yaml": calendars.CalendarsFile,
    "rules/joints.yaml": joints.JointsFile,
    "figures.yaml": figures.FiguresFile,
    "visits.csv": figures.VisitsFile,
    "spend.csv": figures.SpendFile,
    "headcounts.csv": figures.HeadcountsFile,
    "rules/alarms.yaml": alarms.AlarmLimitsFile,
    "mappings/<crm>/<object>.yaml": mappings.MappingFile,
    "mappings/vocabulary/titles.yaml": vocabulary.TitlesFile,
    "mappings/vocabulary/free_mail.yaml": vocabulary.DomainsFile,
    "mappings/vocabulary/legal_forms.yaml": vocabulary.FormsFile,
}
_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}
_CHOICES = {"^(hot|warm|cold)$": "`hot`, `warm`, `cold`"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: where it stands ("connections[].name"), its shape, and the model that has it."""

    path: str
    info: FieldInfo
    owner: type[FileModel]
    name: str

    @property
    def meaning(self) -> str:
        """What the key means. Raises KeyError where nobody has said it."""
        for model in self.owner.__mro__:
            if self.name in meanings().get(model.__name__, {}):
                return str(meanings()[model.__name__][self.name])
        raise KeyError(f"{self.owner.__name__}.{self.name} has no meaning in script/pages/meanings.toml")


@cache
def meanings() -> dict[str, Any]:
    """Model → key → meaning; and the words before each file's table, under "files"."""
    return tomllib.loads((Path(__file__).parent / "meanings.toml").read_text(encoding="utf-8"))


def page() -> str:
    files = [f"## {name}\n\n{meanings()['files'][name].strip()}\n\n{_keys(model)}" for name, model in FILES.items()]
    return "\n\n".join([meanings()["files"]["head"].strip(), *files, _entities(), _wishes()])


def keys(
    model: type[FileModel], prefix: str = "", seen: dict[type[FileModel], str] | None = None
) -> Iterator[Key | tuple[str, str]]:
    """Every key below a model, deepest where it first occurs; a shape met again is (path, path where it is told)."""
    told = {model: prefix} if seen is None else seen
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        yield Key(path, info, model, info.alias or name)
        for inner, step in _inside(info.annotation):
            if inner in told:
                yield f"{path}{step}", told[inner].rstrip(".")
            else:
                told[inner] = f"{path}{step}."
                yield from keys(inner, f"{path}{step}.", told)


def _keys(model: type[FileModel]) -> str:
    rows = []
    for key in keys(model):
        if isinstance(key, tuple):
            rows.append([code(f"{key[0]}.…"), "", "", f"as {code(key[1] + '.…')}"])
        else:
            rows.append([code(key.path), _type(key.info.annotation, key.info), _default(key.info), key.meaning])
    return table(["key", "type", "default", "meaning"], rows)


def _inside(annotation: Any) -> Iterator[tuple[type[FileModel], str]]:
    """The shapes inside a type, with the step that leads there: "" for itself, "[]" for a list of them, ".<name>" for a table."""
    if isinstance(annotation, type) and issubclass(annotation, FileModel):
        yield annotation, ""
        return
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return
    step = "[]" if origin in (list, tuple) else ".<name>" if origin is dict else ""
    for argument in arguments[-1:] if origin is dict else arguments:
        for model, further in _inside(argument):
            yield model, step + further


def _type(annotation: Any, info: FieldInfo | None = None) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    bounds = _bounds(info) if info else ""
    if origin is typing.Annotated:
        return _annotated(arguments)
    if origin is Literal:
        return ", ".join(map(code, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(a) for a in arguments if a is not type(None))) + bounds
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table of {_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, FileModel):
        return "keys below"
    return _WORDS.get(annotation, "day" if getattr(annotation, "__name__", "") == "date" else "text") + bounds


def _annotated(arguments: tuple[Any, ...]) -> str:
    for mark in arguments[1:]:
        found = getattr(mark, "metadata", None) or [mark]
        for each in found:
            if getattr(each, "pattern", None) in _CHOICES:
                return _CHOICES[each.pattern]
    return _type(arguments[0])


def _bounds(info: FieldInfo) -> str:
    signs = {"gt": "> ", "ge": "≥ ", "lt": "< ", "le": "≤ "}
    said = [f"{sign}{getattr(mark, name):g}" for mark in info.metadata for name, sign in signs.items() if hasattr(mark, name)]
    return f", {', '.join(said)}" if said else ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    if default is None or default in ([], (), {}, "") or isinstance(default, FileModel):
        return "—"
    if isinstance(default, bool):
        return code(str(default).lower())
    return code(", ".join(map(str, default)) if isinstance(default, list | tuple) else default)


def _entities() -> str:
    rows = [
        [
            code(kind),
            " ".join(code(n) for n in sorted(required(kind))),
            " ".join(code(n) for n in sorted(mappable(kind) - required(kind))),
        ]
        for kind in KINDS
    ]
    said = meanings()["files"]["entities"].strip()
    return f"## What a mapping can fill\n\n{said}\n\n" + table(["entity", "must have", "may have"], rows)


def _wishes() -> str:
    said = meanings()["files"]["wishes"].strip()
    rows = [[kind, " ".join(map(code, sorted(wishes)))] for kind, wishes in (("people", PERSON_WISHES), ("tasks", TASK_WISHES))]
    return f"## What a mapping can write\n\n{said}\n\n" + table(["for", "wishes"], rows)
