"""SOQL text. Every value passes `quoted` or `soql_instant`; names come from describe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from crmsync_salesforce.times import soql_instant
from crmsync_salesforce.window import Position, Window

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})


@dataclass(frozen=True, slots=True)
class Query:
    """One object's rows in the order of (stamp, Id). `limit` None leaves the page size to the server."""

    object: str
    fields: tuple[str, ...]
    stamp: str
    where: str = ""
    limit: int | None = None

    def within(self, window: Window) -> str:
        """The rows of a window after its position."""
        return self._text(_begin(self.stamp, window))

    def up_to(self, window: Window, last: Position) -> str:
        """The rows of a window after its position, up to and with `last`."""
        stamp = soql_instant(last.stamp)
        end = f"({self.stamp} < {stamp} OR ({self.stamp} = {stamp} AND Id <= {quoted(last.id)}))"
        return self._text(_begin(self.stamp, window), end)

    def by_ids(self, ids: Iterable[str]) -> str:
        """The rows with these ids."""
        return self.among("Id", ids)

    def among(self, field: str, values: Iterable[str]) -> str:
        """The rows in which a text field has one of these values."""
        return f"{select(self.object, self.fields)} WHERE {field} IN ({', '.join(map(quoted, values))})"

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields over a relationship."""
        return tuple(name for name in self.fields if "." in name)

    def unordered(self, window: Window) -> str:
        """The rows of a window after its position, in no order: what Bulk can split among its workers."""
        return self._found(_begin(self.stamp, window))

    def _text(self, *conditions: str) -> str:
        limit = f"LIMIT {self.limit}" if self.limit else ""
        return " ".join(filter(None, (self._found(*conditions), f"ORDER BY {self.stamp}, Id", limit)))

    def _found(self, *conditions: str) -> str:
        where = " AND ".join(filter(None, (self.where, *conditions)))
        return select(self.object, self.fields) + (f" WHERE {where}" if where else "")


def select(object: str, fields: Iterable[str]) -> str:
    """All rows of an object."""
    return " ".join(("SELECT", ", ".join(fields), "FROM", object))


def having(object: str, fields: Iterable[str], **equal: str) -> str:
    """The rows whose text fields have just these values."""
    return f"{select(object, fields)} WHERE " + " AND ".join(f"{name} = {quoted(value)}" for name, value in equal.items())


def quoted(text: str) -> str:
    """A string literal."""
    if text.isalnum():  # as ids are: nothing to escape, and to look for it costs four times as much
        return f"'{text}'"
    return f"'{text.translate(_ESCAPES)}'"


def chunked(fields: Sequence[str], always: Sequence[str], most_bytes: int) -> tuple[tuple[str, ...], ...]:
    """Split a field list so that each part, with the `always` fields in front, is at most `most_bytes` in a URL. There is
    at least one part, and a part holds at least one field more than `always`."""
    rest = [field for field in dict.fromkeys(fields) if field not in always]
    return tuple((*always, *part) for part in _parts(rest, most_bytes - _size(always))) or (tuple(always),)


def _parts(fields: Iterable[str], most_bytes: int) -> Iterator[list[str]]:
    part: list[str] = []
    for field in fields:
        if part and _size([*part, field]) > most_bytes:
            yield part
            part = []
        part.append(field)
    if part:
        yield part


def _size(fields: Sequence[str]) -> int:
    return len(quote(", ".join(fields)))


def _begin(stamp: str, window: Window) -> str:
    if window.after is not None:
        at = soql_instant(window.after.stamp)
        return f"(({stamp} = {at} AND Id > {quoted(window.after.id)}) OR {stamp} > {at})"
    return f"{stamp} >= {soql_instant(window.since)}" if window.since else ""
