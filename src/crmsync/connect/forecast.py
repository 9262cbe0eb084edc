"""How many calls our cycles need a day, against what the account lets us have: arithmetic over what a connector says of its costs.

    a day = cycles × what a cycle costs although nothing changed
          + changed records × (to read one + to write one)
          + records ÷ days between two whole readings × (to read one in a listing)
          + what comes apart from all this

Records are those that are stored. How many of them change is assumed (CHANGED_A_DAY), and that we answer each change of an object
that we write with one write. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crmsync.connect.contract import BudgetRule, Cost
from crmsync.connect.reserve import Allowance

# Share of an object's records that change in a day. A guess on the safe side: mailings touch more, most days far less.
CHANGED_A_DAY = 0.05
_MINUTES_A_DAY = 24 * 60
_SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class ObjectForecast:
    """One object: its stored records; calls of a quiet cycle, those of a day besides, and those of a first load."""

    object: str
    records: int
    a_quiet_cycle: float
    besides_a_day: float
    first_load: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """One connection, at one cycle every `every_minutes`."""

    objects: tuple[ObjectForecast, ...]
    every_minutes: int

    @property
    def cycles_a_day(self) -> float:
        return _MINUTES_A_DAY / self.every_minutes

    @property
    def a_quiet_cycle(self) -> float:
        return sum(one.a_quiet_cycle for one in self.objects)

    @property
    def besides_a_day(self) -> float:
        return sum(one.besides_a_day for one in self.objects)

    @property
    def a_day(self) -> int:
        """Calls of an ordinary day, rounded up."""
        return math.ceil(self.cycles_a_day * self.a_quiet_cycle + self.besides_a_day)

    @property
    def first_load(self) -> int:
        """Calls of reading everything once."""
        return math.ceil(sum(one.first_load for one in self.objects))

    def fewest_minutes(self, allowed: int) -> int | None:
        """The shortest schedule whose day stays within `allowed` calls; None where no schedule does."""
        left = allowed - self.besides_a_day
        return math.ceil(_MINUTES_A_DAY * self.a_quiet_cycle / left) if left > 0 else None


def forecast(
    costs: Sequence[Cost], records: Mapping[str, int], every_minutes: int, changed_a_day: float = CHANGED_A_DAY
) -> Forecast:
    """The forecast of one connection. `records` are counts of stored records by object; what is not in it has none yet."""
    return Forecast(tuple(_of(cost, records, changed_a_day) for cost in costs), every_minutes)


def _of(cost: Cost, records: Mapping[str, int], changed_a_day: float) -> ObjectForecast:
    mine = records.get(cost.object, 0)
    changes = mine * changed_a_day * (cost.per_changed + cost.per_written)
    whole = mine * cost.per_record / cost.whole_every_days if cost.whole_every_days else 0.0
    return ObjectForecast(
        object=cost.object,
        records=mine,
        a_quiet_cycle=cost.each_cycle + (records.get(cost.for_each, 0) if cost.for_each else 0),
        besides_a_day=changes + whole + cost.each_day,
        first_load=cost.each_cycle + mine * cost.per_record,
    )


def allowed_calls(day: Allowance | None, reserve_share: float, rules: Sequence[BudgetRule]) -> int | None:
    """Calls a day that we may make: the account's day without the reserve, and no more than our own budget of a day where it has
    one (lanes add up). None where neither is known."""
    ours = [rule.calls * _SECONDS_A_DAY / rule.seconds for rule in rules if rule.seconds >= _SECONDS_A_DAY]
    theirs = [day.limit * (1 - reserve_share)] if day else []
    known = [*([sum(ours)] if ours else []), *theirs]
    return int(min(known)) if known else None
