"""The search index of one object type: what a search sees, some seconds behind the writes."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping

Values = Mapping[str, str]
_KEPT_ANSWERS = 8
_MOST_PENDING = 5_000


_Pending = tuple[float, int, int, int, Values | None]
"""When visible, running number (so that nothing further is compared), record id, its version, its values."""


class SearchIndex:
    """Snapshots by id, ordered by id and by modified time. Removed and outdated entries stay until the lists are rebuilt."""

    def __init__(self, modified: str, unique: Iterable[str]) -> None:
        self._modified_name = modified
        self._unique_names = tuple(unique)
        self._pending: list[_Pending] = []
        self._sequence = 0
        self._versions: dict[int, int] = {}
        self._ids: list[int] = []
        self._ids_outdated = False
        self._by_modified: list[tuple[str, int]] = []
        self._by_value: dict[str, dict[str, set[int]]] = {name: {} for name in self._unique_names}
        self._answers: dict[object, list[int]] = {}
        self.rows: dict[int, Values] = {}

    def offer(self, now: float, visible_at: float, number: int, version: int, values: Values | None) -> None:
        """Announce a record's state (None: gone); searches see it from `visible_at` on (epoch seconds, as `now`)."""
        self._sequence += 1
        if len(self._pending) > _MOST_PENDING:
            self.catch_up(now)  # a first search after a mass of writes must not pay for all of them
        heapq.heappush(self._pending, (visible_at, self._sequence, number, version, values))

    def catch_up(self, now: float) -> None:
        """Let everything become visible that is due at `now`."""
        changed = False
        while self._pending and self._pending[0][0] <= now:
            changed = self._apply(heapq.heappop(self._pending)) or changed
        if changed:
            self._answers.clear()
            self._compact()

    def _apply(self, due: _Pending) -> bool:
        _, _, number, version, values = due
        if version <= self._versions.get(number, -1):
            return False
        self._versions[number] = version
        former = self.rows.pop(number, None)
        self._forget_values(number, former)
        if values is not None:
            self._show(number, former, values)
        elif former is not None:
            self._ids_outdated = True
        return True

    def _show(self, number: int, former: Values | None, values: Values) -> None:
        self.rows[number] = values
        if former is None:
            _place(self._ids, number)
        modified = values.get(self._modified_name, "")
        if former is None or former.get(self._modified_name, "") != modified:
            entry = (modified, number)
            if not self._by_modified or self._by_modified[-1] < entry:
                self._by_modified.append(entry)
            else:
                insort(self._by_modified, entry)
        for name in self._unique_names:
            if value := values.get(name):
                self._by_value[name].setdefault(value.lower(), set()).add(number)

    def _forget_values(self, number: int, former: Values | None) -> None:
        for name in self._unique_names if former is not None else ():
            if former is not None and (value := former.get(name)):
                self._by_value[name].get(value.lower(), set()).discard(number)

    def _compact(self) -> None:
        if len(self._by_modified) > 2 * len(self.rows) + 1_000:
            self._by_modified = [entry for entry in self._by_modified if self._is_current(entry)]

    def _is_current(self, entry: tuple[str, int]) -> bool:
        row = self.rows.get(entry[1])
        return row is not None and row.get(self._modified_name, "") == entry[0]

    def all_ids(self) -> list[int]:
        """Visible ids, rising."""
        if self._ids_outdated:
            self._ids, self._ids_outdated = sorted(self.rows), False
        return self._ids

    def modified_between(self, low: str, high: str) -> list[int]:
        """Visible ids whose modified time lies in [low, high], rising; a wide window gives all ids, which is cheaper."""
        start = bisect_left(self._by_modified, (low, -1))
        end = bisect_right(self._by_modified, (high, 1 << 62))
        if (end - start) * 2 > len(self.rows):
            return self.all_ids()
        return sorted({entry[1] for entry in self._by_modified[start:end] if self._is_current(entry)})

    def holding(self, name: str, values: Iterable[str]) -> list[int] | None:
        """Visible ids that hold one of `values` in the unique property `name`; None when that property has no index."""
        held = self._by_value.get(name)
        if held is None:
            return None
        return sorted({number for value in values for number in held.get(value.lower(), ())})

    def index_property(self, name: str) -> None:
        """Start to index a property that was made unique after the first records."""
        if name not in self._by_value:
            self._unique_names += (name,)
            self._by_value[name] = {}
            for number, row in self.rows.items():
                if value := row.get(name):
                    self._by_value[name].setdefault(value.lower(), set()).add(number)

    def answer(self, key: object) -> list[int] | None:
        """The ids that answered this very query before, if nothing has changed since."""
        return self._answers.get(key)

    def keep_answer(self, key: object, ids: list[int]) -> None:
        if len(self._answers) >= _KEPT_ANSWERS:
            self._answers.pop(next(iter(self._answers)))
        self._answers[key] = ids


def _place(ids: list[int], number: int) -> None:
    if not ids or ids[-1] < number:
        ids.append(number)
        return
    at = bisect_left(ids, number)
    if at == len(ids) or ids[at] != number:
        ids.insert(at, number)
