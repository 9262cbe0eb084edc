"""A YAML file with the position of every key and value, and its validation against a pydantic model.

YAML 1.2 through ruamel: `no` and `on` stay text, duplicate keys are errors. Unknown keys name their nearest neighbour.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from crmsync.config.wrong_values import wants
from crmsync.errors import FixConfig, Problem

Path_ = tuple[str | int, ...]
Model = TypeVar("Model", bound="FileModel")


class FileModel(BaseModel):
    """Base of every shape that a YAML file can have: strict about keys, frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Document:
    """One file as plain data. `positions` maps the path of a key to its 1-based (line, column), `values` the path of a key's
    value; `text` is the file as written, for who must point inside a value."""

    file: str
    data: Any
    positions: Mapping[Path_, tuple[int, int]]
    values: Mapping[Path_, tuple[int, int]] = field(default_factory=dict)
    text: str = ""

    def position(self, *path: str | int) -> tuple[int, int]:
        """Where this path stands, or its nearest parent that is in the file."""
        for end in range(len(path), 0, -1):
            found = self.positions.get(path[:end])
            if found is not None:
                return found
        return (1, 1)

    def problem(self, path: Path_, code: str, /, **params: Any) -> Problem:
        """A problem at this path of this file."""
        line, column = self.position(*path)
        return Problem(self.file, line, column, code, params)


def read_document(path: Path, *, shown_as: str | None = None) -> Document:
    """Read one YAML file. Raises FixConfig for a file that is absent, not UTF-8, or not YAML."""
    file = shown_as or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FixConfig([Problem(file, 1, 1, "config.file_missing")]) from None
    except UnicodeDecodeError as error:
        raise FixConfig([Problem(file, 1, 1, "config.not_utf8", {"at": error.start})]) from error
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text. Raises FixConfig where it is no YAML 1.2."""
    try:
        loaded = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise FixConfig(
            [Problem(file, line, column, "config.yaml_syntax", {"detail": error.problem or error.context or ""})]
        ) from error
    positions: dict[Path_, tuple[int, int]] = {}
    values: dict[Path_, tuple[int, int]] = {}
    return Document(file, _plain(loaded, (), positions, values), positions, values, text)


def validate(document: Document, model: type[Model]) -> Model:
    """The document as a value of `model`. Raises FixConfig with every problem found."""
    try:
        return model.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        raise FixConfig([_problem(document, model, found) for found in error.errors()]) from error


def _plain(node: Any, path: Path_, positions: dict[Path_, tuple[int, int]], values: dict[Path_, tuple[int, int]]) -> Any:
    if isinstance(node, CommentedMap):
        for key in node:
            line, column = node.lc.key(key)
            positions[(*path, key)] = (line + 1, column + 1)
            line, column = node.lc.value(key)
            values[(*path, key)] = (line + 1, column + 1)
        return {key: _plain(value, (*path, key), positions, values) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            line, column = node.lc.item(index)
            positions[(*path, index)] = values[(*path, index)] = (line + 1, column + 1)
        return [_plain(value, (*path, index), positions, values) for index, value in enumerate(node)]
    if isinstance(node, str):
        return str(node)
    if isinstance(node, bool):
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    return node


def _problem(document: Document, model: type[BaseModel], found: Any) -> Problem:
    path: Path_ = tuple(found["loc"])
    kind = found["type"]
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        nearest = difflib.get_close_matches(name, _sibling_keys(model, path), n=1)
        return document.problem(path, "config.unknown_key", key=name, nearest=nearest[0] if nearest else "")
    if kind == "missing":
        return document.problem(path[:-1] or path, "config.missing_key", key=name)
    shown = ".".join(str(part) for part in path)
    return document.problem(path, "config.wrong_value", key=shown, detail=wants(found), value=repr(found.get("input"))[:80])


def _sibling_keys(model: type[BaseModel], path: Path_) -> list[str]:
    """The keys allowed beside the one at `path`, as far as the model says them."""
    current: Any = model
    for part in path[:-1]:
        current = _step(current, part)
    fields = getattr(current, "model_fields", None)
    return [info.alias or key for key, info in fields.items()] if fields else []


def _step(model: Any, part: str | int) -> Any:
    fields = getattr(model, "model_fields", None)
    if fields is not None:
        for key, info in fields.items():
            if part in (key, info.alias):
                return _inner(info.annotation)
    return _inner(model)


def _inner(annotation: Any) -> Any:
    """The model inside `list[Model]`, `dict[str, Model]`, `Model | None`; the annotation itself where there is none."""
    arguments = [a for a in getattr(annotation, "__args__", ()) if a is not type(None)]
    for argument in reversed(arguments):
        inner = _inner(argument)
        if hasattr(inner, "model_fields"):
            return inner
    return annotation
