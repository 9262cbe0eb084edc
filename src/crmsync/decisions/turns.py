"""Whose turn it is in a weighted round robin, found without looking at everybody each time: a decision may hand on a thousand
leads among as many reps.

In a fair draw counts per weight are never more than one turn apart. Whoever is further behind was away, or is new, and starts at
the pool's level rather than with a flood. Each draw is the turn of whoever is behind most, so that a pool that is even stays even:
it is evened out where it is new, and where another pool has drawn since, which may share reps with it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass
class Drawn:
    """How often each rep of a department was drawn, and by how many draws just now."""

    counts: dict[str, int]
    draws: int = 0


class Turns:
    """The reps of one pool in the order of their turns: the least count per weight, then the least open work, then the id.

    `weights`: of each rep in the pool. `busy`: open work by rep, which may grow between two draws; who is not free any more will
    not be again."""

    def __init__(self, weights: Mapping[str, int], drawn: Drawn, busy: Mapping[str, int], is_free: Callable[[str], bool]) -> None:
        self._weights, self._drawn, self._busy, self._is_free = weights, drawn, busy, is_free
        self._even_after: int | None = None
        self._heap = [self._place(rep) for rep in weights]
        heapq.heapify(self._heap)

    def draw(self, avoid: str | None = None) -> str | None:
        """Whose turn it is, other than `avoid`; their count goes up. None where nobody is free."""
        if self._even_after != self._drawn.draws:
            self._even_out(avoid)
        rep = self._first(avoid)
        if rep is not None:
            was_even = self._even_after == self._drawn.draws
            self._drawn.counts[rep] += 1
            self._drawn.draws += 1
            self._even_after = self._drawn.draws if was_even and self._keeps_up(avoid, rep) else None
        return rep

    def _keeps_up(self, avoid: str | None, rep: str) -> bool:
        """Whether who is avoided is even with who was drawn in their place."""
        if avoid is None or avoid not in self._weights:
            return True
        return self._drawn.counts.get(avoid, 0) >= self._levels([avoid, rep])[avoid]

    def _place(self, rep: str) -> tuple[float, int, str]:
        return self._drawn.counts.get(rep, 0) / self._weights[rep], self._busy.get(rep, 0), rep

    def _first(self, avoid: str | None) -> str | None:
        """The first of those who are free. Places only ever move back: one that is out of date is put right when it comes up."""
        avoided = None
        while self._heap:
            rep = self._heap[0][-1]
            place = self._place(rep)
            if not self._is_free(rep):
                heapq.heappop(self._heap)
            elif place != self._heap[0]:
                heapq.heapreplace(self._heap, place)
            elif rep == avoid:
                avoided = heapq.heappop(self._heap)
            else:
                break
        first = self._heap[0][-1] if self._heap else None
        if avoided is not None:
            heapq.heappush(self._heap, avoided)
        return first

    def _even_out(self, avoid: str | None) -> None:
        """Bring those who are free up to their level, but for who is avoided: who may not be even with them then."""
        free = [rep for rep in self._weights if self._is_free(rep)]
        asked = [rep for rep in free if rep != avoid]
        counts, levels = self._drawn.counts, self._levels(asked)
        counts.update((rep, max(counts.get(rep, 0), levels[rep])) for rep in asked)
        levels = self._levels(free)
        if all(rep in counts and counts[rep] >= levels[rep] for rep in free):
            self._even_after = self._drawn.draws

    def _levels(self, reps: Iterable[str]) -> dict[str, int]:
        """Of each the count that is one turn behind whoever is ahead, rounded up: in whole numbers, for a float holds no third."""
        counts, weights = self._drawn.counts, self._weights
        ahead = max(reps, key=lambda rep: counts.get(rep, 0) / weights[rep], default=None)
        if ahead is None:
            return {}
        count, weight = counts.get(ahead, 0), weights[ahead]
        return {rep: -((weight - count) * weights[rep] // weight) for rep in reps}
