"""Where an object's rows lie, and the indexes that keep a narrow query narrow among half a million rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.schema import Field, SObject

_PEOPLE = ("OwnerId", "CreatedById", "LastModifiedById", "MasterRecordId")
"""References that are not indexed: a handful of users would own lists of every row."""


@dataclass(slots=True)
class TimeIndex:
    """Ids in the order of their stamps, ties in the order of ids: just as a keyset walks them.

    A row that moves is entered again; its old place is skipped, and swept in time.
    """

    column: str
    stamps: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def add(self, stamp: str, id: str) -> None:
        place = bisect_right(self.stamps, stamp)
        if place and self.stamps[place - 1] == stamp and self.ids[place - 1] > id:
            place = bisect_left(self.ids, id, bisect_left(self.stamps, stamp), place)
        self.stamps.insert(place, stamp)
        self.ids.insert(place, id)

    def between(self, rows: dict[str, Row], low: str | None, high: str | None, first_id: str | None = None) -> Iterator[str]:
        """Ids stamped from `low` to `high`, both included, in order; of those stamped `low` only from `first_id` on."""
        first, last = self._window(low, high)
        if low is not None and first_id is not None:
            first = bisect_left(self.ids, first_id, first, bisect_right(self.stamps, low))
        for place in range(first, last):
            row = rows.get(self.ids[place])
            if row is not None and row[self.column] == self.stamps[place]:
                yield self.ids[place]

    def width(self, low: str | None, high: str | None) -> int:
        """How many entries, stale ones included, lie in the window."""
        first, last = self._window(low, high)
        return last - first

    def _window(self, low: str | None, high: str | None) -> tuple[int, int]:
        first = 0 if low is None else bisect_left(self.stamps, low)
        return first, len(self.stamps) if high is None else bisect_right(self.stamps, high)

    def sweep(self, rows: dict[str, Row]) -> None:
        """Drop stale entries once they outnumber the rows."""
        if len(self.ids) > 2 * len(rows) + 1_000:
            kept = list(self.between(rows, None, None))
            self.stamps = [rows[row_id][self.column] for row_id in kept]
            self.ids = kept


@dataclass(frozen=True, slots=True)
class Unseen:
    """What integrations still see of a row whose newest version is not committed: the version before, if there was one."""

    visible_at: datetime
    before: Row | None


def fold(field: Field, value: str) -> str:
    """The form under which equal texts are equal: ids and case-sensitive keys as they are, all else without case."""
    return value if field.case_sensitive or field.type in ("reference", "id") else value.lower()


class Table:
    """The rows of one object. A row is never changed in place, so an older version stays what it was."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.rows: dict[str, Row] = {}
        self.ids: list[str] = []
        self.unseen: dict[str, Unseen] = {}
        self.by_time = TimeIndex("SystemModstamp" if "SystemModstamp" in sobject.fields else "CreatedDate")
        self._indexed = tuple(field for field in sobject.fields.values() if _is_indexed(field))
        self._lookups: dict[str, dict[str, list[str]]] = {field.name: {} for field in self._indexed}
        self._bin: deque[tuple[datetime, str]] = deque()
        self.journal: Journal | None = None

    def reshape(self, sobject: SObject) -> None:
        """Take the object's new fields; those that are indexed are so from now on."""
        self.sobject = sobject
        self._indexed = tuple(field for field in sobject.fields.values() if _is_indexed(field))
        self._lookups |= {field.name: {} for field in self._indexed if field.name not in self._lookups}

    def add(self, row: Row) -> None:
        row_id = row["Id"]
        self._note(row_id, None)
        self.rows[row_id] = row
        if self.ids and row_id < self.ids[-1]:
            self.ids.insert(bisect_left(self.ids, row_id), row_id)
        else:
            self.ids.append(row_id)
        self.by_time.add(row[self.by_time.column], row_id)
        for column in self._indexed:
            self._enter(column, row.get(column.name), row_id)

    def replace(self, row: Row) -> None:
        """Put a newer version of a row in the place of the present one."""
        row_id = row["Id"]
        before = self.rows[row_id]
        self._note(row_id, before)
        self.rows[row_id] = row
        if row[self.by_time.column] != before[self.by_time.column]:
            self.by_time.add(row[self.by_time.column], row_id)
            self.by_time.sweep(self.rows)
        self._reindex(before, row)

    def restore(self, row: Row) -> None:
        """Put an older version back, as if what came after had never been."""
        row_id, column = row["Id"], self.by_time.column
        after = self.rows[row_id]
        self.rows[row_id] = row
        self._reindex(after, row)
        if row_id not in self.by_time.between(self.rows, row[column], row[column]):
            self.by_time.add(row[column], row_id)

    def _reindex(self, before: Row, row: Row) -> None:
        for column in self._indexed:
            old, new = before.get(column.name), row.get(column.name)
            if old != new:
                self._leave(column, old, row["Id"])
                self._enter(column, new, row["Id"])

    def _note(self, row_id: str, before: Row | None) -> None:
        if self.journal is not None:
            self.journal.append((self, row_id, before))

    def forget(self, id: str) -> None:
        """Take a row away for good."""
        row = self.rows.pop(id)
        del self.ids[bisect_left(self.ids, id)]
        self.unseen.pop(id, None)
        for column in self._indexed:
            self._leave(column, row.get(column.name), id)

    def bin(self, id: str, at: datetime) -> None:
        """Note that the row was put into the recycle bin at this instant."""
        self._bin.append((at, id))

    def purge(self, before: datetime) -> None:
        """Empty the bin of what was put there before this instant and not taken out since."""
        while self._bin and self._bin[0][0] < before:
            _, row_id = self._bin.popleft()
            if self.rows.get(row_id, {}).get("IsDeleted"):
                self.forget(row_id)

    def hide(self, id: str, before: Row | None, visible_at: datetime) -> None:
        """Show integrations the version before, until then. The first unseen version stays what they see."""
        earlier = self.unseen.get(id)
        if earlier is None:
            self.unseen[id] = Unseen(visible_at, before)
        else:
            self.unseen[id] = Unseen(max(visible_at, earlier.visible_at), earlier.before)

    def settle(self, now: datetime) -> None:
        """Commit what has become visible by now."""
        if self.unseen:
            for row_id in [key for key, unseen in self.unseen.items() if unseen.visible_at <= now]:
                del self.unseen[row_id]

    def seen(self, id: str) -> Row | None:
        """The version of a row that integrations see. Call `settle` first."""
        unseen = self.unseen.get(id)
        return unseen.before if unseen is not None else self.rows.get(id)

    def lookup(self, column: str, value: str) -> list[str] | None:
        """Ids of the rows with this value; None when the column has no index."""
        index = self._lookups.get(column)
        if index is None:
            return None
        return index.get(fold(self.sobject.fields[column], value), [])

    def is_indexed(self, column: str) -> bool:
        return column in self._lookups

    def ids_from(self, low: str | None, *, above: bool) -> Iterable[str]:
        """Ids in order, from `low` (or the first above it) on."""
        if low is None:
            return self.ids
        start = bisect_right(self.ids, low) if above else bisect_left(self.ids, low)
        return (self.ids[place] for place in range(start, len(self.ids)))

    def _enter(self, column: Field, value: str | None, id: str) -> None:
        if value is not None:
            self._lookups[column.name].setdefault(fold(column, value), []).append(id)

    def _leave(self, column: Field, value: str | None, id: str) -> None:
        if value is not None:
            index, key = self._lookups[column.name], fold(column, value)
            index[key].remove(id)
            if not index[key]:
                del index[key]


def _is_indexed(field: Field) -> bool:
    if field.type == "reference":
        return field.name not in _PEOPLE
    return field.external_id or (field.id_lookup and field.type != "id") or field.name == "Name"


Journal = list[tuple[Table, str, Row | None]]
"""What a transaction can take back: table, id, and the version before the write, None for a new row."""
