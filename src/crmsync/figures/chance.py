"""How far a count says something, and how far it is chance: intervals of shares, and exact tests of one count against another.

Exact throughout: figures of a small company are small, and approximations fail there first. No test is made of what was not asked
beforehand; who looks at several sources divides the level by their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its limits."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """Of something that is so many times as much; `factor` is not negative."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


def wilson(hits: int, cases: int, z: float = Z_95) -> tuple[float, float]:
    """The limits of Wilson's interval for a share, by default at 95 %. `cases` must not be 0."""
    share, square = hits / cases, z * z
    middle = share + square / (2 * cases)
    spread = z * math.sqrt(share * (1 - share) / cases + square / (4 * cases * cases))
    low, high = (middle - spread) / (1 + square / cases), (middle + spread) / (1 + square / cases)
    # of none and of all they are exact, and rounding must not have it otherwise
    return max(0.0, low) if hits else 0.0, min(1.0, high) if hits < cases else 1.0


def share(hits: int, cases: int) -> Interval | None:
    """A share with Wilson's limits; None over nothing, and where hits are more than cases: then it is no share."""
    return None if not cases or hits > cases else Interval(hits / cases, *wilson(hits, cases))


def with_share(counted: pl.DataFrame, part: str, whole: str, name: str) -> pl.DataFrame:
    """The frame with `name` (part ÷ whole) and Wilson's limits `low` and `high`; null over nothing."""
    limits = [wilson(*row) if row[1] else (None, None) for row in counted.select(part, whole).iter_rows()]
    return counted.with_columns(
        pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole)).alias(name),
        pl.Series("low", [low for low, _ in limits], dtype=pl.Float64),
        pl.Series("high", [high for _, high in limits], dtype=pl.Float64),
    )


def more_often(count: int, length: float, other: int, other_length: float) -> float:
    """The chance to see `count` or more in `length` where things happen as often as in `other_length`, in which `other` were seen:
    the conditional test of two Poisson counts, exact, one-sided. Lengths are in the same unit, above 0."""
    return binomial_tail(count, count + other, length / (length + other_length))


def more_rarely(hits: int, cases: int, other_hits: int, other_cases: int) -> float:
    """The chance to see `hits` or fewer of `cases` where both shares are the same: Fisher's exact test, one-sided."""
    all_cases, all_hits = cases + other_cases, hits + other_hits
    least = max(0, all_hits - other_cases)
    total = _choices(all_cases, all_hits)
    ways = [_choices(cases, k) + _choices(other_cases, all_hits - k) - total for k in range(least, hits + 1)]
    return min(1.0, math.fsum(math.exp(way) for way in ways))


def binomial_tail(count: int, trials: int, probability: float) -> float:
    """The chance of `count` or more in `trials`."""
    if count <= 0:
        return 1.0
    yes, no = math.log(probability), math.log1p(-probability)
    return min(1.0, math.fsum(math.exp(_choices(trials, k) + k * yes + (trials - k) * no) for k in range(count, trials + 1)))


def _choices(cases: int, taken: int) -> float:
    """The logarithm of the number of ways to take so many out of so many."""
    return math.lgamma(cases + 1) - math.lgamma(taken + 1) - math.lgamma(cases - taken + 1)
