"""COUNT, MIN, MAX, SUM and AVG, with GROUP BY."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.soql.columns import Column
from crmsync.sandbox.salesforce.soql.syntax import Item, Query

_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
    "SUM": lambda values: sum(values) if values else None,
    "AVG": lambda values: sum(values) / len(values) if values else None,
}


def aggregate(query: Query, items: list[tuple[Item, Column]], groups: list[Column], rows: Iterable[Row]) -> list[Row]:
    """One result row for each group, in the order of the groups' first rows; without groups, one over everything."""
    by_group: dict[tuple[Any, ...], list[Row]] = {} if groups else {(): []}
    for row in rows:
        by_group.setdefault(tuple(group.read(row) for group in groups), []).append(row)
    names = {group.field.name for group in groups}
    for item, column in items:
        if item.function is None and column.field.name not in names:
            raise OrgError("MALFORMED_QUERY", f"Field must be grouped or aggregated: {column.field.name}")
    results = [_result(items, members) for members in by_group.values()]
    return results[query.offset : None if query.limit is None else query.offset + query.limit]


def _result(items: list[tuple[Item, Column]], members: list[Row]) -> Row:
    result: Row = {"attributes": {"type": "AggregateResult"}}
    number = 0
    for item, column in items:
        if item.function is None:
            result[item.alias or column.field.name] = column.read(members[0])
            continue
        values = [value for row in members if (value := column.read(row)) is not None]
        result[item.alias or f"expr{number}"] = _FUNCTIONS[item.function](values)
        number += item.alias is None
    return result
