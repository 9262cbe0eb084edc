"""What one more percentage point of a rate would bring in wins, and how sure that is.

One more point of a step's rate lets a hundredth of those before it through, and of these as many win as win now of those after it.
Who stands before the step is counted and therefore certain; the share that wins afterwards is a sample, so the limits are
Wilson's.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import polars as pl

from crmsync.figures.chain import rate
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


def wins_back(counts: Mapping[str, int], earlier: Mapping[str, int]) -> dict[str, Interval | None]:
    """Step → wins gained were its rate what it was in the `earlier` days (counts of the same steps), with the limits of what a
    point brings. None where the rate is no lower now, or not known of both."""
    points = wins_of_points(counts)
    names = list(counts)
    gained: dict[str, Interval | None] = {}
    for before, name in pairwise(names):
        now, then = rate(counts[name], counts[before]), rate(earlier.get(name), earlier.get(before))
        point = points[name]
        no_worse = now is None or then is None or then <= now
        gained[name] = None if point is None or no_worse else point.times(((then or 0.0) - (now or 0.0)) / POINT)
    return gained


POINTS = (
    Column("step", "word", "step"),
    Column("before"),
    Column("count"),
    Column("per_point", "number"),
    Column("at_least", "number"),
    Column("at_most", "number"),
    Column("rate", "share"),
    Column("rate_before", "share"),
    Column("wins_back", "number"),
    Column("back_at_least", "number", header="at_least"),
    Column("back_at_most", "number", header="at_most"),
)


def points_sheet(counts: Mapping[str, int], earlier: Mapping[str, int]) -> Sheet:
    """What a point of each step would bring, and what its rate of the `earlier` days would, as a sheet."""
    back, names = wins_back(counts, earlier), list(counts)
    rows = [
        (
            *(step, counts[before], counts[step], *_limits(points)),
            *(rate(counts[step], counts[before]), rate(earlier.get(step), earlier.get(before)), *_limits(back[step])),
        )
        for (before, step), points in zip(pairwise(names), wins_of_points(counts).values(), strict=True)
    ]
    schema = {column.name: pl.Int64 if column.kind == "count" else pl.Float64 for column in POINTS} | {"step": pl.String}
    return Sheet.of("points", POINTS, pl.DataFrame(rows, schema=schema, orient="row"))


def _limits(gained: Interval | None) -> tuple[float | None, float | None, float | None]:
    return (gained.value, gained.low, gained.high) if gained else (None, None, None)
