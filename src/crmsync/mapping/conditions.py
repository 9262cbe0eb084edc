"""Whether a condition holds for a record, or for a wish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crmsync.mapping.times import instant
from crmsync.mapping.values import Condition, Question

Lookup = Callable[[str], Any]
Test = Callable[[Any, datetime | None], bool]
"""Whether the answer to one question is yes for a value. The instant is what `past` compares with; without it nothing is past."""


def lookup_in(fields: Mapping[str, Any]) -> Lookup:
    """Reads a field by name, or along a relationship path ("Campaign.Type") where the vendor nests; None where there is none."""

    def find(name: str) -> Any:
        if name in fields or "." not in name:
            return fields.get(name)
        node: Any = fields
        for part in name.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    return find


def word(value: Any) -> str:
    """A value as conditions and value tables compare it: true, 5 and "5" look the same from every CRM; empty is "". A NUL is no
    part of a text: forms let it through, and PostgreSQL stores none."""
    if value.__class__ is str:
        return str.strip(value if "\0" not in value else value.replace("\0", ""))  # nearly all there is, and asked first
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def glob(pattern: str) -> re.Pattern[str]:
    """`*` stands for anything; width and case do not matter. For whole-text matches."""
    parts = unicodedata.normalize("NFKC", pattern).split("*")
    return re.compile(".*".join(map(re.escape, parts)), re.IGNORECASE | re.DOTALL)


def is_blank(value: Any) -> bool:
    if value.__class__ is str:
        return not value or bool(value.isspace())
    return value is None or value == []


def holds(condition: Condition, find: Lookup, now: datetime | None) -> bool:
    """Whether every answer is yes. `now` is what `past` compares with; without it nothing is past."""
    return all_hold(tests_of(condition), find, now)


def tests_of(condition: Condition) -> tuple[tuple[str, Test], ...]:
    """The questions of a condition, made ready to be asked of many records: each field with its test."""
    return tuple((question.field, _test(question)) for question in condition.questions)


def all_hold(tests: Iterable[tuple[str, Test]], find: Lookup, now: datetime | None) -> bool:
    """As `holds`."""
    for field, test in tests:  # noqa: SIM110 - asked of every record: `all` over a generator takes twice as long
        if not test(find(field), now):
            return False
    return True


def _test(question: Question) -> Test:
    words, wanted, patterns = question.words, question.wanted, question.patterns
    match question.check:
        case "in":
            return lambda value, _now: word(value) in words
        case "not_in":
            return lambda value, _now: word(value) not in words
        case "present":
            return lambda value, _now: (value is None or is_blank(value)) is not wanted
        case "past":
            return lambda value, now: is_past(value, now) is wanted
        case "like":
            of_nothing = _is_like(None, patterns)
            return lambda value, _now: of_nothing if value is None else _is_like(value, patterns)


def _is_like(value: Any, patterns: Sequence[re.Pattern[str]]) -> bool:
    text = unicodedata.normalize("NFKC", word(value))
    return any(pattern.fullmatch(text) for pattern in patterns)


def is_past(value: Any, now: datetime | None) -> bool:
    moment = instant(value)
    return moment is not None and now is not None and moment <= now
