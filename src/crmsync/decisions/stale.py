"""When a definition goes stale: nobody touched it, and what sales makes of its leads has drifted (the guide's "we delivered leads
per the definition": where collapse begins).

A verdict is what became of a hand-over: accepted, or given back. The share accepted in the first weeks of a version is its promise;
the share of the last weeks is what it gives now. A drift counts where it is larger than agreed *and* than chance would make it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from crmsync.decisions.qualification import Definition
from crmsync.model.verdicts import ACCEPTED, GIVEN_BACK


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How many hand-overs had a verdict, and how many of them were accepted."""

    verdicts: int
    accepted: int

    @property
    def share(self) -> float | None:
        """None over nothing."""
        return self.accepted / self.verdicts if self.verdicts else None


@dataclass(frozen=True, slots=True)
class Stale:
    """Both heads must look at this version: it stands `since`, promised `then` and gives `now`."""

    version: str
    since: datetime
    then: Acceptance
    now: Acceptance

    @property
    def drift(self) -> float:
        """Share of acceptance gained (or lost, below nothing) since the first weeks."""
        return (self.now.share or 0.0) - (self.then.share or 0.0)


def find(moves: pl.DataFrame, definition: Definition, now: datetime) -> Stale | None:
    """Whether the definition has gone stale, from every move ever (MOVES). Steps of the valve within the version are no change of
    it. None too where it is too young, or too few verdicts are in."""
    watch = definition.watch
    version = f"{definition.name}@{definition.version}"
    mine = moves.filter(pl.col("definition").str.starts_with(f"{version}.") & (pl.col("at") <= now))
    since = mine["at"].min()
    if not isinstance(since, datetime) or now - since < timedelta(weeks=2 * watch.weeks):
        return None
    window = timedelta(weeks=watch.weeks)
    verdicts = mine.filter((pl.col("source") == "mql") & pl.col("because").is_in([*ACCEPTED, *GIVEN_BACK]))
    first = _counted(verdicts.filter(pl.col("at") < since + window))
    last = _counted(verdicts.filter(pl.col("at") > now - window))
    if min(first.verdicts, last.verdicts) < watch.verdicts:
        return None
    found = Stale(version, since, first, last)
    is_certain = abs(found.drift) > watch.sureness * _standard_error(first, last)
    return found if abs(found.drift) > watch.tolerance and is_certain else None


def _counted(verdicts: pl.DataFrame) -> Acceptance:
    return Acceptance(verdicts.height, verdicts.filter(pl.col("because").is_in(ACCEPTED)).height)


def _standard_error(first: Acceptance, last: Acceptance) -> float:
    """Of the difference of two shares, as if both were one."""
    verdicts = first.verdicts + last.verdicts
    share = (first.accepted + last.accepted) / verdicts
    return math.sqrt(share * (1 - share) * (1 / first.verdicts + 1 / last.verdicts))
