"""Whether a condition holds for a record, or for a wish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from crmsync.mapping.times import instant
from crmsync.mapping.values import Condition, Question

Lookup = Callable[[str], Any]


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
    """A value as conditions and value tables compare it: true, 5 and "5" look the same from every CRM; empty is ""."""
    if isinstance(value, str):
        return value.strip()
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
    for question in condition.questions:  # noqa: SIM110 - asked of every record: `all` over a generator takes twice as long
        if not _answer(question, find(question.field), now):
            return False
    return True


def _answer(question: Question, value: Any, now: datetime | None) -> bool:
    match question.check:
        case "in":
            return word(value) in question.words
        case "not_in":
            return word(value) not in question.words
        case "present":
            return is_blank(value) is not question.wanted
        case "past":
            return is_past(value, now) is question.wanted
        case "like":
            text = unicodedata.normalize("NFKC", word(value))
            return any(pattern.fullmatch(text) for pattern in question.patterns)


def is_past(value: Any, now: datetime | None) -> bool:
    moment = instant(value)
    return moment is not None and now is not None and moment <= now
