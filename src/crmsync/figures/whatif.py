"""What another definition would have changed: two plays of the same days side by side, and what happened.

SLA kept is predicted alike for both plays: a day holds as many first approaches as the reps on duty can make, the earliest due go
first, and one made on a later day than it was due is late. Expected wins are hand-overs times the share that was won of earlier
hand-overs with a score of the same band, with the limits of Wilson's interval at 95 %. A band with fewer than `LEAST_CASES` earlier
hand-overs says nothing, and its hand-overs are counted as `without_rate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

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
    """What one definition makes of the days: hand-overs by day, the work in them ÷ capacity, SLA kept, expected wins."""

    by_day: Mapping[date, int]
    total: int
    work_hours: float
    load: float | None
    sla_kept: float | None
    wins: Wins


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


def kept_share(hand_overs: Sequence[HandOver], capacity: Mapping[date, int]) -> float | None:
    """The share of first approaches that would be made by the day they are due; None where none is due within the days. What is
    due after the last day is not judged."""
    if not capacity:
        return None
    waiting, late, made = sorted(hand_overs, key=lambda one: (one.due or date.max, one.person_id)), 0, 0
    for day in sorted(capacity):
        ready = [one for one in waiting if one.day <= day][: capacity[day]]
        made += len(ready)
        late += sum(one.due is not None and one.due < day for one in ready)
        waiting = [one for one in waiting if one not in ready]
    late_still = sum(one.due is not None and one.due <= max(capacity) for one in waiting)
    judged = made + late_still
    return None if not judged else (made - late) / judged


def play(
    hand_overs: Sequence[HandOver], days: Sequence[date], capacity: Mapping[date, int], cases: Sequence[Case], minutes: int
) -> Play:
    """One definition's days. `capacity` is first approaches that a day can hold, `minutes` what one takes."""
    by_day = {day: sum(one.day == day for one in hand_overs) for day in days}
    room = sum(capacity.values())
    return Play(
        by_day=by_day,
        total=len(hand_overs),
        work_hours=len(hand_overs) * minutes / 60,
        load=len(hand_overs) / room if room else None,
        sla_kept=kept_share(hand_overs, capacity),
        wins=expected_wins(hand_overs, cases),
    )
