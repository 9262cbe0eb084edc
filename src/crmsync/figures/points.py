"""What one more percentage point of a rate would bring in wins, and how sure that is.

One more point of a step's rate lets a hundredth of those before it through, and of these as many win as win now of those after it.
Who stands before the step is counted and therefore certain; the share that wins afterwards is a sample, so the limits are
Wilson's.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import polars as pl

from crmsync.figures.chance import Interval, share
from crmsync.figures.sheet import Column, Sheet

POINT = 0.01


def wins_of_points(counts: Mapping[str, int]) -> dict[str, Interval | None]:
    """Step → wins gained by one more point of its rate, with limits at 95 %. `counts` are the steps of a chain in order, of which
    the last is the wins; the first has no rate. None where nobody came out of the step, or where more win than came out (the wins
    are of an earlier time). Of the last step itself it is certain."""
    names = list(counts)
    wins = counts[names[-1]]
    gained: dict[str, Interval | None] = {}
    for before, name in pairwise(names):
        winning = Interval(1.0, 1.0, 1.0) if name == names[-1] else share(wins, counts[name])
        gained[name] = None if winning is None else winning.times(counts[before] * POINT)
    return gained


POINTS = (
    Column("step", "word", "step"),
    Column("before"),
    Column("count"),
    Column("per_point", "number"),
    Column("at_least", "number"),
    Column("at_most", "number"),
)


def points_sheet(counts: Mapping[str, int]) -> Sheet:
    """What a point of each step would bring, as a sheet."""
    before = dict(zip(list(counts)[1:], counts.values(), strict=False))
    rows = [
        (step, before[step], counts[step], *((gained.value, gained.low, gained.high) if gained else (None, None, None)))
        for step, gained in wins_of_points(counts).items()
    ]
    schema = {"step": pl.String, "before": pl.Int64, "count": pl.Int64}
    figures = dict.fromkeys(("per_point", "at_least", "at_most"), pl.Float64)
    return Sheet.of("points", POINTS, pl.DataFrame(rows, schema={**schema, **figures}, orient="row"))
