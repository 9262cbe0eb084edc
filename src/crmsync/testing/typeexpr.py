"""Reads the type expressions of the contract (`Optional[List[Paging]]`, `Literal['a', 'b']`) and tests JSON values against them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

Finding = list[str]
"""What is wrong with a value, one sentence each; empty means nothing."""
_LISTS = frozenset({"List", "Iterable", "SequenceNotStr", "Sequence"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object type."""

    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """An object type: its fields, or (`alias`) another expression that it stands for."""

    fields: Mapping[str, Field]
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly values are held: requests must know every key, replies may carry more, and null for blank texts."""

    unknown_keys_are_wrong: bool
    null_texts: bool


REQUEST = Rules(unknown_keys_are_wrong=True, null_texts=False)
REPLY = Rules(unknown_keys_are_wrong=False, null_texts=True)
Resolve = Callable[[str], Shape | None]


@cache
def _parsed(expression: str) -> ast.expr | None:
    """The expression as a tree; None for one that was cut short when the contract was extracted."""
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError:
        return None


def findings(expression: str, value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    """What is wrong with `value` at `where`. Expressions that cannot be read accept anything."""
    tree = _parsed(expression.strip("'\""))
    return [] if tree is None else _against(tree, value, where, rules, resolve)


def _against(tree: ast.expr, value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    match tree:
        case ast.Name(id=name):
            return _named(name, value, where, rules, resolve)
        case ast.Constant(value=str(name)):
            return findings(name, value, where, rules, resolve)
        case ast.Constant(value=None):
            return [] if value is None else [f"{where}: null expected"]
        case ast.Subscript(value=ast.Name(id=outer), slice=inner):
            return _generic(outer, inner, value, where, rules, resolve)
        case _:
            return []


def _generic(outer: str, inner: ast.expr, value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if outer == "Optional":
        return [] if value is None else _against(parts[0], value, where, rules, resolve)
    if outer == "Annotated":
        return _against(parts[0], value, where, rules, resolve)
    if outer == "Literal":
        allowed = [part.value for part in parts if isinstance(part, ast.Constant)]
        return [] if value in allowed else [f"{where}: {value!r} is none of {allowed}"]
    if outer == "Union":
        tried = [_against(part, value, where, rules, resolve) for part in parts]
        return [] if not all(tried) else min(tried, key=len)
    if outer in _LISTS:
        return _list(parts[0], value, where, rules, resolve)
    if outer == "Dict":
        return _dict(parts[1], value, where, rules, resolve)
    return []


def _list(item: ast.expr, value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [f"{where}: a list expected, got {_kind(value)}"]
    return [found for place, row in enumerate(value) for found in _against(item, row, f"{where}[{place}]", rules, resolve)]


def _dict(item: ast.expr, value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    if not isinstance(value, Mapping):
        return [f"{where}: an object expected, got {_kind(value)}"]
    rows = {key: row for key, row in value.items() if not (row is None and rules.null_texts)}
    return [found for key, row in rows.items() for found in _against(item, row, f"{where}.{key}", rules, resolve)]


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _is_instant(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_PLAIN: Mapping[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "datetime": _is_instant,
    "object": lambda _: True,
    "Any": lambda _: True,
}


def _named(name: str, value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    if name in _PLAIN:
        return [] if _PLAIN[name](value) else [f"{where}: {name} expected, got {_kind(value)}"]
    shape = resolve(name)
    if shape is None:
        return []
    if shape.alias:
        return findings(shape.alias, value, where, rules, resolve)
    return against_fields(shape.fields, value, where, rules, resolve)


def against_fields(fields: Mapping[str, Field], value: Any, where: str, rules: Rules, resolve: Resolve) -> Finding:
    """What is wrong with an object: missing, unknown and ill-typed fields."""
    if not isinstance(value, Mapping):
        return [f"{where}: an object expected, got {_kind(value)}"]
    found = [f"{where}: required `{name}` is missing" for name, field in fields.items() if field.required and name not in value]
    for name, row in value.items():
        field = fields.get(name)
        if field is not None:
            found += findings(field.type, row, f"{where}.{name}", rules, resolve)
        elif rules.unknown_keys_are_wrong:
            found.append(f"{where}: unknown key `{name}`")
    return found
