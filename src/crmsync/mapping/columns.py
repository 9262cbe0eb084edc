"""The records of a page, field by field: each field is looked up in all of them at once, and what is met twice is read once.

Most fields hold few different values, and many hold none at all: so a page costs what is different in it. No rule of reading
stands here; `codecs` has those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crmsync.mapping.conditions import lookup_in

# Values of one of these classes that are equal mean the same. Of several classes they need not: 1 is True, to Python.
_SCALARS = frozenset({str, bool, int, float})
_NOTHING = type(None)

Column = Sequence[Any]
"""What each record of a page holds in one field, or what that means, in the order of the records."""


class Columns:
    """The fields of the records of a page. `learnt_at` says when each came, where anything depends on that."""

    def __init__(self, records: Sequence[Mapping[str, Any]], learnt_at: Sequence[datetime] = ()) -> None:
        self.learnt_at = learnt_at
        self._records = records
        self._held: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._records)

    def held(self, name: str) -> Column:
        """What the records hold under a name, or at the end of a relationship path; None where there is nothing."""
        column = self._held.get(name)
        if column is None:
            if "." in name:
                column = [lookup_in(record)(name) for record in self._records]
            else:
                column = [record.get(name) for record in self._records]
            self._held[name] = column
        return column

    def only(self, places: Sequence[int]) -> Columns:
        """The records at these places."""
        if len(places) == len(self):
            return self
        return Columns([self._records[place] for place in places], [self.learnt_at[place] for place in places])


def is_empty(column: Column) -> bool:
    """Whether no record holds anything."""
    return column.count(None) == len(column)


def each(column: Column, read: Callable[[Any], Any]) -> list[Any]:
    """What `read` makes of each value, None included; of equal ones once, where they are sure to mean the same."""
    if not is_uniform(column):
        return [read(value) for value in column]
    return _once(column, read)


def each_together(columns: Sequence[Column], read: Callable[[tuple[Any, ...]], Any]) -> list[Any]:
    """The same for the values that each record holds in several fields."""
    rows = list(zip(*columns, strict=True))
    return _once(rows, read) if all(map(is_uniform, columns)) else [read(row) for row in rows]


def is_uniform(column: Column) -> bool:
    """Whether equal values of a column mean the same."""
    kinds = set(map(type, column)) - {_NOTHING}
    return len(kinds) <= 1 and kinds <= _SCALARS


def _once(values: Sequence[Any], read: Callable[[Any], Any]) -> list[Any]:
    known = {value: read(value) for value in set(values)}
    return [known[value] for value in values]
