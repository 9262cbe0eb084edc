"""The live records of one object type, with the indexes that keep half a million of them usable."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """Who wrote: a person in the portal, a program, or the portal itself."""

    type: str
    id: str | None = None
    label: str | None = None
    user_id: int | None = None


SYSTEM = Source("CALCULATED")


@dataclass(frozen=True, slots=True)
class Write:
    """One write: when (portal's ISO form), by whom, and the values it set."""

    at: str
    source: Source
    values: dict[str, str]


@dataclass(slots=True)
class Record:
    """One record. `values` is replaced, never changed in place: index and history hold on to former ones."""

    id: int
    values: dict[str, str]
    log: list[Write] = field(default_factory=list)
    archived_at: str | None = None
    version: int = 0

    def write(self, write: Write) -> None:
        """Apply a write and keep it in the history."""
        self.values = {**self.values, **write.values} if self.values else write.values
        self.log.append(write)
        self.version += 1

    def history(self, name: str) -> Iterator[Write]:
        """The writes that set `name`, newest first."""
        return (write for write in reversed(self.log) if name in write.values)


class Records:
    """All records of one type: live, archived, and the aliases that merges leave behind."""

    def __init__(self) -> None:
        self._by_id: dict[int, Record] = {}
        self._ids: list[int] = []
        self._archived_ids: list[int] = []
        self._gone = 0
        self._unique: dict[str, dict[str, int]] = {}
        self.alias: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._by_id) - len(self._archived_ids)

    def live(self) -> Iterator[Record]:
        """Live records by rising id."""
        for number in list(self._ids):
            record = self._by_id.get(number)
            if record is not None and record.archived_at is None:
                yield record

    def add(self, record: Record) -> None:
        self._by_id[record.id] = record
        if self._ids and record.id < self._ids[-1]:
            insort(self._ids, record.id)
        else:
            self._ids.append(record.id)

    def find(self, number: int, *, follow_merges: bool) -> Record | None:
        """The live record with this id, or (if asked) the one it was merged into."""
        record = self._by_id.get(self.current(number) if follow_merges else number)
        return record if record is not None and record.archived_at is None else None

    def find_archived(self, number: int) -> Record | None:
        record = self._by_id.get(number)
        return record if record is not None and record.archived_at is not None else None

    def current(self, number: int) -> int:
        """The id that `number` has become through merges."""
        while number in self.alias:
            number = self.alias[number]
        return number

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], bool]:
        """Up to `limit` records with ids above `after`, and whether more follow."""
        ids = self._archived_ids if archived else self._ids
        found: list[Record] = []
        for position in range(bisect_right(ids, after), len(ids)):
            record = self._by_id.get(ids[position])
            if record is None or (record.archived_at is not None) != archived:
                continue
            if len(found) == limit:
                return found, True
            found.append(record)
        return found, False

    def archive(self, record: Record, at: str) -> None:
        record.archived_at = at
        record.version += 1
        insort(self._archived_ids, record.id)
        self._gone += 1
        self._compact()

    def restore(self, record: Record) -> None:
        """Bring an archived record back to the live ones."""
        record.archived_at = None
        record.version += 1
        self._archived_ids.remove(record.id)
        position = bisect_right(self._ids, record.id)
        if position and self._ids[position - 1] == record.id:
            self._gone -= 1
        else:
            self._ids.insert(position, record.id)

    def purge(self, record: Record) -> None:
        """Forget the record for good, archived or not."""
        del self._by_id[record.id]
        if record.archived_at is not None:
            self._archived_ids.remove(record.id)
        else:
            self._gone += 1
        self._compact()

    def _compact(self) -> None:
        if self._gone * 2 > len(self._ids):
            self._ids = [number for number in self._ids if (r := self._by_id.get(number)) is not None and r.archived_at is None]
            self._gone = 0

    def holder(self, name: str, value: str) -> int | None:
        """The id that holds `value` in the unique property `name`; text compares without case."""
        return self._unique.get(name, {}).get(value.lower())

    def claim(self, name: str, value: str, number: int) -> None:
        self._unique.setdefault(name, {})[value.lower()] = number

    def release(self, name: str, value: str, number: int) -> None:
        held = self._unique.get(name, {})
        if held.get(value.lower()) == number:
            del held[value.lower()]
