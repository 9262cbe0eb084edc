"""Answers searches from the index: narrows to candidates, tests what is left, and keeps the answer for the next page."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from crmsync.sandbox.hubspot.definitions import Definition, Definitions
from crmsync.sandbox.hubspot.errors import PortalError, invalid
from crmsync.sandbox.hubspot.index import SearchIndex, Values
from crmsync.sandbox.hubspot.query import Filter, Query
from crmsync.sandbox.hubspot.times import instant, iso
from crmsync.sandbox.hubspot.types import ObjectType

Test = Callable[[Values], bool]
Associated = Callable[[str, Iterable[str]], set[int]]
"""Given a type's word and ids of it: the ids (of the searched type) associated with any of them."""
_EPOCH = "1970-01-01T00:00:00.000Z"
_DEFAULT_TEXT = (
    "email",
    "firstname",
    "lastname",
    "company",
    "phone",
    "name",
    "domain",
    "dealname",
    "hs_task_subject",
    "hs_call_title",
)
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """One page: ids in order, how many match in all, and whether more can be reached."""

    ids: list[int]
    total: int
    more: bool


def run(query: Query, kind: ObjectType, definitions: Definitions, index: SearchIndex, associated: Associated) -> Found:
    """The page of `query`. Raises PortalError 400 for what cannot be asked, 500 where the vendor breaks too."""
    _break_at_epoch(query, kind)
    groups, floor = _without_floor(query)
    ids = index.answer((groups, query.text))
    if ids is None:
        ids = _matching(groups, query.text, definitions, index, kind, associated)
        if not any(condition.property.startswith("associations.") for group in groups for condition in group):
            index.keep_answer((groups, query.text), ids)
    start = bisect_right(ids, floor)
    if query.sort == "hs_object_id" and not query.descending:
        total = len(ids) - start
        page = ids[start + query.after : start + query.after + query.limit]
    else:
        ordered = _sorted(ids[start:], query, definitions, index)
        total, page = len(ordered), ordered[query.after : query.after + query.limit]
    return Found(page, total, query.after + len(page) < total)


def _break_at_epoch(query: Query, kind: ObjectType) -> None:
    """The vendor answers 500 to `modified >= 0` (seen by other connectors)."""
    for condition in (condition for group in query.groups for condition in group):
        at = instant(condition.value) if condition.property == kind.modified and condition.operator in ("GT", "GTE") else None
        if at is not None and iso(at) <= _EPOCH:
            raise PortalError(500, "INTERNAL_ERROR", "internal error")


def _without_floor(query: Query) -> tuple[tuple[tuple[Filter, ...], ...], int]:
    """Take `hs_object_id GT n` out of a single group: pages of one keyset walk then share one answer."""
    if len(query.groups) != 1:
        return query.groups, -1
    rest, floor = [], -1
    for condition in query.groups[0]:
        if condition.property == "hs_object_id" and condition.operator in ("GT", "GTE") and condition.value.isdecimal():
            floor = max(floor, int(condition.value) - (condition.operator == "GTE"))
        else:
            rest.append(condition)
    return (tuple(rest),), floor


def _matching(
    groups: tuple[tuple[Filter, ...], ...],
    text: str,
    definitions: Definitions,
    index: SearchIndex,
    kind: ObjectType,
    associated: Associated,
) -> list[int]:
    found: list[list[int]] = []
    for group in groups or ((),):
        tests = [_test(condition, definitions, associated) for condition in group]
        candidates = _candidates(group, index, kind)
        rows = index.rows
        found.append([number for number in candidates if (row := rows.get(number)) is not None and _passes(row, tests)])
    ids = found[0] if len(found) == 1 else sorted(set().union(*found))
    words = text.lower().split()
    return [number for number in ids if _mentions(index.rows[number], words)] if words else ids


def _passes(row: Values, tests: Iterable[Test]) -> bool:
    for test in tests:  # noqa: SIM110 - runs half a million times per search of a large portal; `all` is twice as slow
        if not test(row):
            return False
    return True


def _mentions(row: Values, words: list[str]) -> bool:
    told = " ".join(row.get(name, "") for name in _DEFAULT_TEXT).lower()
    return all(word in told for word in words)


def _candidates(group: tuple[Filter, ...], index: SearchIndex, kind: ObjectType) -> list[int]:
    """A superset of the group's matches, as small as an index can make it."""
    for condition in group:
        if condition.operator in ("EQ", "IN"):
            wanted = condition.values if condition.operator == "IN" else (condition.value,)
            if condition.property == "hs_object_id":
                return sorted({int(value) for value in wanted if value.isdecimal()})
            held = index.holding(condition.property, wanted)
            if held is not None:
                return held
    low, high = "", "￿"
    for condition in group:
        if condition.property == kind.modified:
            low, high = _window(condition, low, high)
    return index.all_ids() if (low, high) == ("", "￿") else index.modified_between(low, high)


def _window(condition: Filter, low: str, high: str) -> tuple[str, str]:
    at, top = instant(condition.value), instant(condition.high)
    if at is None:
        return low, high
    match condition.operator:
        case "GT" | "GTE":
            return max(low, iso(at)), high
        case "LT" | "LTE":
            return low, min(high, iso(at))
        case "EQ":
            return max(low, iso(at)), min(high, iso(at))
        case "BETWEEN" if top is not None:
            return max(low, iso(at)), min(high, iso(top))
        case _:
            return low, high


def _test(condition: Filter, definitions: Definitions, associated: Associated) -> Test:
    if condition.property.startswith("associations."):
        wanted = condition.values if condition.operator == "IN" else (condition.value,)
        linked = associated(condition.property.removeprefix("associations."), wanted)
        return lambda row: int(row["hs_object_id"]) in linked
    definition = definitions.get(condition.property)
    if definition is None:
        raise invalid(f"There was a problem with the request: property {condition.property} does not exist")
    name = definition.name
    match condition.operator:
        case "HAS_PROPERTY":
            return lambda row: bool(row.get(name))
        case "NOT_HAS_PROPERTY":
            return lambda row: not row.get(name)
        case "CONTAINS_TOKEN":
            pattern = _token_pattern(condition.value)
            return lambda row: _has_token(row.get(name, ""), pattern)
        case "NOT_CONTAINS_TOKEN":
            pattern = _token_pattern(condition.value)
            return lambda row: not _has_token(row.get(name, ""), pattern)
        case "IN" | "NOT_IN":
            return _membership(definition, condition)
        case _:
            return _comparison(definition, condition)


def _token_pattern(value: str) -> re.Pattern[str]:
    words = re.findall(r"[\w*]+", value.lower())
    return re.compile(r"\s+".join(word.replace("*", r"\w*") for word in words) or r"(?!)")


def _has_token(text: str, pattern: re.Pattern[str]) -> bool:
    words = " ".join(_WORDS.findall(text.lower()))
    return re.search(rf"(?:^| )(?:{pattern.pattern})(?: |$)", words) is not None


def _membership(definition: Definition, condition: Filter) -> Test:
    """IN and NOT_IN. Text is kept lower-cased in the index, the asked values are taken as they are: capitals never match."""
    name, negated = definition.name, condition.operator == "NOT_IN"
    wanted = frozenset(condition.values)
    if definition.type in ("string", "phone_number"):
        return lambda row: (row.get(name, "").lower() in wanted) != negated
    if definition.type == "enumeration":
        return lambda row: (not wanted.isdisjoint(row.get(name, "").split(";"))) != negated
    keys = {_key(definition, value) for value in wanted}
    return lambda row: (_key(definition, row.get(name, "")) in keys) != negated


def _comparison(definition: Definition, condition: Filter) -> Test:
    name, operator = definition.name, condition.operator
    low, high = _asked(definition, condition.value), _asked(definition, condition.high) if operator == "BETWEEN" else None

    def test(row: Values) -> bool:
        value = row.get(name)
        if not value:
            return operator == "NEQ"
        key = _kept_key(definition, value)
        return key is not None and _compare(operator, key, low, high)

    return test


Key = str | Decimal


def _compare(operator: str, key: Key, low: Key, high: Key | None) -> bool:
    """Both sides come from the same property, hence of one kind: text (times included) or numbers."""
    match operator:
        case "EQ":
            return key == low
        case "NEQ":
            return key != low
        case "GT":
            return key > low  # type: ignore[operator]  # one kind, see above
        case "GTE":
            return key >= low  # type: ignore[operator]
        case "LT":
            return key < low  # type: ignore[operator]
        case "LTE":
            return key <= low  # type: ignore[operator]
        case _:
            return high is not None and low <= key <= high  # type: ignore[operator]


def _asked(definition: Definition, value: str) -> Key:
    key = _key(definition, value)
    if key is None:
        raise invalid(f"There was a problem with the request: {value!r} cannot be compared with property {definition.name}")
    return key


def _key(definition: Definition, value: str) -> Key | None:
    """What a value is compared by: numbers as numbers, times in the portal's form, text without case."""
    match definition.type:
        case "number":
            try:
                number = Decimal(value)
            except InvalidOperation:
                return None
            return number if number.is_finite() else None
        case "datetime":
            at = instant(value)
            return None if at is None else iso(at)
        case "date":
            at = instant(value)
            return None if at is None else at.date().isoformat()
        case "enumeration":
            return value
        case _:
            return value.lower()


def _kept_key(definition: Definition, value: str) -> Key | None:
    """The same for a value from the index: times and dates are already kept in the form that compares."""
    return value if definition.type in ("datetime", "date") else _key(definition, value)


def _sorted(ids: list[int], query: Query, definitions: Definitions, index: SearchIndex) -> list[int]:
    definition = definitions.get(query.sort)
    if definition is None:
        raise invalid(f"There was a problem with the request: property {query.sort} does not exist")
    with_value, without = [], []
    for number in ids:
        key = _kept_key(definition, index.rows[number].get(query.sort, ""))
        if key is None or key == "":
            without.append(number)
        else:
            with_value.append((key, number))
    with_value.sort(reverse=query.descending)
    return [number for _, number in with_value] + without
