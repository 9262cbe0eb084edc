"""What another definition would have changed: two plays of the same days side by side, and what happened.

Both ways of being wrong have their price, and both stand beside each other: a definition that is too strict leaves capacity unused
and gives up wins, one that is too loose makes approaches late and leaves work undone.

SLA kept is predicted alike for both plays: a day holds as many first approaches as the reps on duty can make, the earliest due go
first, and one made on a later day than it was due is late. Expected wins are hand-overs times the share that was won of earlier
hand-overs with a score of the same band, with the limits of Wilson's interval at 95 %. A band with fewer than `LEAST_CASES` earlier
hand-overs says nothing, and its hand-overs are counted as `without_rate`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import heappop, heappush

import polars as pl

from crmsync.figures.chance import wilson

LEAST_CASES = 20
BAND = 20.0
"""Points that one band of scores is wide; the last takes all from 100."""
_LAST_BAND = 5


@dataclass(frozen=True, slots=True)
class HandOver:
    """One hand-over to inside sales: on which day, with which score, and the day on which the first approach is due."""

    person_id: str
    day: date
    score: float
    due: date | None


@dataclass(frozen=True, slots=True)
class Wins:
    """Expected wins with their limits; None where no hand-over is in a band that says something."""

    expected: float | None
    low: float | None
    high: float | None
    without_rate: int


@dataclass(frozen=True, slots=True)
class Play:
    """What one definition makes of the days: hand-overs by day, the work in them ÷ capacity, SLA kept, expected wins. `idle_hours`
    of capacity nobody needed; `late` first approaches were made late, or are due and not made; `undone_hours` are still to be done
    when the days are over."""

    by_day: Mapping[date, int]
    total: int
    work_hours: float
    load: float | None
    sla_kept: float | None
    wins: Wins
    idle_hours: float
    late: int
    undone_hours: float


@dataclass(frozen=True, slots=True)
class Actual:
    """What happened in the days: hand-overs, the work in them ÷ capacity, the share of their first approaches that was made in time
    (None: none is over), and how many of them have been won by now."""

    total: int
    work_hours: float
    load: float | None
    sla_kept: float | None
    won: int


@dataclass(frozen=True, slots=True)
class Case:
    """An earlier hand-over and whether it was won."""

    score: float
    won: bool


def band(score: float) -> int:
    return max(0, min(_LAST_BAND, int(score // BAND)))


def expected_wins(hand_overs: Sequence[HandOver], cases: Sequence[Case]) -> Wins:
    """What these hand-overs would bring, by what earlier ones of their band brought. The limits of the bands are added up: wider
    than the interval of the sum, never narrower."""
    sums, unknown, is_known = [0.0, 0.0, 0.0], 0, False
    for number in range(_LAST_BAND + 1):
        mine = sum(band(one.score) == number for one in hand_overs)
        earlier = [case.won for case in cases if band(case.score) == number]
        if mine and len(earlier) < LEAST_CASES:
            unknown += mine
        elif mine:
            is_known = True
            rates = (sum(earlier) / len(earlier), *wilson(sum(earlier), len(earlier)))
            sums = [total + mine * rate for total, rate in zip(sums, rates, strict=True)]
    expected, low, high = sums if is_known else (None, None, None)
    return Wins(expected, low, high, unknown)


@dataclass(frozen=True, slots=True)
class Worked:
    """What becomes of first approaches when each day makes as many as it can hold. `judged` are those made, and those due within
    the days; `late` of them; `undone` are left when the days are over; `idle` is what days could have held besides."""

    judged: int
    late: int
    undone: int
    idle: int

    @property
    def kept(self) -> float | None:
        """The share made by the day it was due; None where none is due within the days."""
        return (self.judged - self.late) / self.judged if self.judged else None


def worked(hand_overs: Iterable[HandOver], capacity: Mapping[date, int]) -> Worked:
    """The days of `capacity` (first approaches that each can hold) with these hand-overs: the earliest due goes first."""
    coming = sorted(hand_overs, key=lambda one: one.day, reverse=True)
    waiting: list[tuple[date, str]] = []
    made = late = idle = 0
    for day in sorted(capacity):
        while coming and coming[-1].day <= day:
            one = coming.pop()
            heappush(waiting, (one.due or date.max, one.person_id))
        room = capacity[day]
        while room and waiting:
            late += heappop(waiting)[0] < day
            made, room = made + 1, room - 1
        idle += room
    due = sum(due <= max(capacity) for due, _ in waiting) if capacity else 0
    return Worked(made + due, late + due, len(waiting) + len(coming), idle)


def actual(handed: pl.DataFrame, clocks: pl.DataFrame, won: Collection[str], capacity: Mapping[date, int], minutes: int) -> Actual:
    """What happened: `handed` has a row (person_id) for each hand-over of the days, `clocks` (CLOCKS) are those of their first
    approaches, `won` the persons who have been won."""
    breached = pl.col("breached_at").is_not_null()
    over = clocks.filter(breached | pl.col("met_at").is_not_null())
    in_time = over.filter(~breached).height
    room = sum(capacity.values())
    return Actual(
        total=handed.height,
        work_hours=handed.height * minutes / 60,
        load=handed.height / room if room else None,
        sla_kept=in_time / over.height if over.height else None,
        won=handed.filter(pl.col("person_id").is_in(list(won)))["person_id"].n_unique(),
    )


def play(
    hand_overs: Sequence[HandOver], days: Sequence[date], capacity: Mapping[date, int], cases: Sequence[Case], minutes: int
) -> Play:
    """One definition's days. `capacity` is first approaches that a day can hold, `minutes` what one takes."""
    counts, room, done = Counter(one.day for one in hand_overs), sum(capacity.values()), worked(hand_overs, capacity)
    return Play(
        by_day={day: counts[day] for day in days},
        total=len(hand_overs),
        work_hours=len(hand_overs) * minutes / 60,
        load=len(hand_overs) / room if room else None,
        sla_kept=done.kept,
        wins=expected_wins(hand_overs, cases),
        idle_hours=done.idle * minutes / 60,
        late=done.late,
        undone_hours=done.undone * minutes / 60,
    )
