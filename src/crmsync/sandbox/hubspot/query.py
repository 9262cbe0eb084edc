"""Reads a search request: shape and ceilings, with the vendor's refusals. Nothing is looked up here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmsync.sandbox.hubspot.errors import PortalError, invalid

MAX_PAGE = 200
_MAX_GROUPS, _MAX_PER_GROUP, _MAX_FILTERS = 5, 6, 18
_MAX_TEXT = 3_000
_WITHOUT_VALUE = frozenset({"HAS_PROPERTY", "NOT_HAS_PROPERTY"})
_WITH_VALUES = frozenset({"IN", "NOT_IN"})
_WITH_VALUE = frozenset({"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"})
OPERATORS = _WITHOUT_VALUE | _WITH_VALUES | _WITH_VALUE


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; `value` is the single (or lower) bound, `values` the set of IN and NOT_IN."""

    property: str
    operator: str
    value: str = ""
    high: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One search: any group, all filters of it; one sort; a window of results."""

    groups: tuple[tuple[Filter, ...], ...]
    text: str
    sort: str
    descending: bool
    properties: tuple[str, ...]
    limit: int
    after: int


def read_query(body: Mapping[str, Any], cap: int) -> Query:
    """The query in `body`. `cap` is the last result that can be reached. Raises PortalError 400."""
    groups = tuple(tuple(map(_filter, _rows(group, "filters"))) for group in _rows(body, "filterGroups"))
    if len(groups) > _MAX_GROUPS or any(len(group) > _MAX_PER_GROUP for group in groups) or sum(map(len, groups)) > _MAX_FILTERS:
        raise invalid(
            f"A search takes at most {_MAX_GROUPS} filter groups of {_MAX_PER_GROUP} filters each, {_MAX_FILTERS} filters in all."
        )
    text = str(body.get("query") or "")
    if len(text) > _MAX_TEXT:
        raise invalid(f"The query is longer than {_MAX_TEXT} characters.")
    sort, descending = _sort(_list(body, "sorts"))
    limit, after = _whole(body.get("limit"), 10, "limit"), _whole(body.get("after"), 0, "after")
    if not 0 <= limit <= MAX_PAGE:
        raise invalid(f"The limit must be between 0 and {MAX_PAGE}.")
    if after + limit > cap:
        raise invalid(f"The maximum number of results that a search can reach is {cap}. Narrow the filters.")
    return Query(groups, text, sort, descending, tuple(map(str, _list(body, "properties"))), limit, after)


def _rows(body: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    rows = body.get(key) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PortalError(400, "VALIDATION_ERROR", f"Invalid input JSON: {key} must be a list of objects")
    return rows


def _list(body: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = body.get(key) or []
    if not isinstance(found, list):
        raise invalid(f"Invalid input JSON: {key} must be a list")
    return found


def _filter(row: Mapping[str, Any]) -> Filter:
    operator, name = str(row.get("operator", "")), str(row.get("propertyName", ""))
    if operator not in OPERATORS or not name:
        raise invalid(f"Invalid filter: property {name!r} with operator {operator!r}")
    values = tuple(map(_plain, _list(row, "values")))
    if operator in _WITH_VALUES and not values:
        raise invalid(f"Operator {operator} needs `values`")
    if operator in _WITH_VALUE and row.get("value") is None:
        raise invalid(f"Operator {operator} needs `value`")
    if operator == "BETWEEN" and row.get("highValue") is None:
        raise invalid("Operator BETWEEN needs `highValue`")
    return Filter(name, operator, _plain(row.get("value")), _plain(row.get("highValue")), values)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _sort(sorts: Sequence[Any]) -> tuple[str, bool]:
    """The sorts as (property, descending): a bare name, `-name`, or an object. One only."""
    if len(sorts) > 1:
        raise invalid("A search takes one sort only.")
    for sort in sorts:
        if isinstance(sort, Mapping):
            return str(sort.get("propertyName", "")), str(sort.get("direction", "ASCENDING")).upper() == "DESCENDING"
        name = str(sort)
        return name.lstrip("-"), name.startswith("-")
    return "hs_object_id", False


def _whole(raw: Any, default: int, name: str) -> int:
    if raw is None or raw == "":
        return default
    try:
        return int(str(raw))
    except ValueError:
        raise invalid(f"{name} must be a whole number") from None
