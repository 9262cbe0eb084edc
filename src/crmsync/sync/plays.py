"""Two definitions at play on the same mornings, in memory: nothing here reads a store, so that it may run in a process of its own.

Each goes on from where its own last morning left it. People's acts are the same for both. Whoever stays as they are until something
is learnt of them (`decisions/still.py`), under both, is set aside till then: most people of a large store, on most mornings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.decisions.aligned import divided
from crmsync.decisions.decide import Step, Weighed, step, weigh
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import STATE, Before, Facts, empty
from crmsync.decisions.handover import business_day
from crmsync.decisions.still import still
from crmsync.figures.whatif import HandOver
from crmsync.sync.history import with_owner_edits
from crmsync.sync.recollection import Renewal


@dataclass(frozen=True, slots=True)
class Morning:
    """One morning: what has become known since the last one, which owners had been set by hand by then (None: nobody's), and under
    which ids people go who were known by others (former id → present one). `before` is where things stood, on the first one."""

    day: date
    at: datetime
    renewal: Renewal
    owner_edits: pl.DataFrame | None
    aliases: Mapping[str, str]
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """Somebody whom only one of the two definitions hands over: on which day, and the first condition of the other that did not
    hold then, or why they waited."""

    person_id: str
    change: str  # "gained" | "lost"
    day: date
    why: str


@dataclass(frozen=True, slots=True)
class Played:
    """What both definitions come to: the first hand-over of each person under the present and under the other ones, and who flips,
    sorted by day, then person."""

    present: tuple[HandOver, ...]
    other: tuple[HandOver, ...]
    flips: tuple[Flip, ...]


@dataclass
class _Branch:
    """One definition at play."""

    definitions: Definitions
    before: Before = field(default_factory=Before.nothing)
    hand_overs: dict[str, HandOver] = field(default_factory=dict)
    verdicts: dict[tuple[date, str], str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    qualification: pl.DataFrame = field(default_factory=pl.DataFrame)
    aside: pl.DataFrame = field(default_factory=lambda: empty(STATE))

    def morning(self, weighed: Weighed, morning: Morning, back: list[int]) -> Step:
        """Decide. `back` are rows of those who were set aside and come back, because something has become known of them."""
        before = self.before if morning.before is None else morning.before
        if back:
            before = replace(before, state=pl.concat([before.state, self.aside[back]]).sort("person_id"))
        made = step(weighed, before.under(morning.aliases), self.definitions)
        self.before, self.qualification = made.before, made.qualification
        self.fresh = []
        zone = ZoneInfo(self.definitions.targets.time_zone)
        for person, score, due_at in _handed_over(made, morning.at).iter_rows():
            if person not in self.hand_overs:
                due = due_at.astimezone(zone).date() if due_at else None
                self.hand_overs[person] = HandOver(person, morning.day, score or 0.0, due)
                self.fresh.append(person)
        return made

    def set_aside(self, whom: pl.Series) -> pl.Series:
        """These persons stay as they are until something becomes known of them; gives their ids as they now stand in `aside`."""
        gone, rest = _divided(self.before.state, whom)
        self.aside, self.before = pl.concat([self.aside, gone]), replace(self.before, state=rest)
        return gone["person_id"]

    def judge(self, day: date, other: _Branch) -> None:
        """Remember why those were not let through here whom the other definition handed over on this day."""
        if not other.fresh:
            return
        mine = self.qualification.filter(pl.col("person_id").is_in(other.fresh) & ~pl.col("released"))
        for row in mine.iter_rows(named=True):
            self.verdicts[day, row["person_id"]] = (row["failed"] or [row["waiting_because"] or "phase"])[0]


class Plays:
    """Both definitions, from where things stood when the first day began."""

    def __init__(self, present: Definitions, other: Definitions) -> None:
        self._present, self._other = _Branch(present), _Branch(other)
        alone, both = ((self._present,), (self._other,)), ((self._present, self._other),)
        self._scoring_alike: tuple[tuple[_Branch, ...], ...] = both if present.scoring == other.scoring else alone
        self._facts: Facts | None = None
        self._aside: dict[str, int] = {}
        self._rows = count()

    def morning(self, morning: Morning) -> None:
        """Decide under both on the next morning."""
        known = morning.renewal.over(self._facts)
        facts = with_owner_edits(known, morning.owner_edits)
        back = self._back(morning.renewal.whom)
        quiet = [one for branches in self._scoring_alike for one in _decided(branches, facts, morning, back)]
        self._present.judge(morning.day, self._other)
        self._other.judge(morning.day, self._present)
        self._facts = self._set_aside(known, quiet[0].filter(quiet[0].is_in(quiet[1].implode())), morning.at)

    def _back(self, whom: Iterable[str] | None) -> list[int]:
        """The rows of those of `whom` (None: everyone) who were set aside, under both definitions; they are aside no longer."""
        return [self._aside.pop(person) for person in (list(self._aside) if whom is None else whom) if person in self._aside]

    def _set_aside(self, facts: Facts, whom: pl.Series, at: datetime) -> Facts:
        """The facts without these persons and their touches, which come back once something is learnt of them. Of their approaches
        those of the day stay: they are work done, whomever they reached."""
        gone = [branch.set_aside(whom) for branch in (self._present, self._other)]
        # both name the same persons in the same order, so that one number finds them in either
        self._aside.update(zip(gone[0], self._rows, strict=False))
        persons = _divided(facts.persons, whom)[1]
        today = min(_day_of(branch.definitions, at) for branch in (self._present, self._other))
        counts = (facts.approaches["at"] >= today) | facts.approaches["person_id"].is_in(persons["person_id"].implode())
        approaches = divided(facts.approaches, counts)[0]
        return replace(facts, persons=persons, touches=_divided(facts.touches, whom)[1], approaches=approaches)

    def played(self) -> Played:
        """What the mornings so far have come to."""
        sides = [tuple(branch.hand_overs.values()) for branch in (self._present, self._other)]
        return Played(sides[0], sides[1], tuple(sorted(self._flips(), key=lambda flip: (flip.day, flip.person_id))))

    def _flips(self) -> Iterator[Flip]:
        sides = (("lost", self._present, self._other), ("gained", self._other, self._present))
        for change, having, without in sides:
            for person, one in having.hand_overs.items():
                if person not in without.hand_overs:
                    yield Flip(person, change, one.day, without.verdicts.get((one.day, person), "phase"))


def _day_of(definitions: Definitions, at: datetime) -> datetime:
    """When the business day of this moment began: what was done before is done with."""
    return business_day(definitions.calendars.named(None), at).starts_at


def _decided(branches: Sequence[_Branch], facts: Facts, morning: Morning, back: list[int]) -> Iterator[pl.Series]:
    """Decide under definitions that score alike; gives for each who stays as they are now."""
    weighed = weigh(facts, [branch.definitions for branch in branches], morning.at)
    for branch in branches:
        yield still(facts, weighed, branch.morning(weighed, morning, back), branch.definitions)


def _divided(frame: pl.DataFrame, whom: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of these persons, and those of all others."""
    return divided(frame, frame["person_id"].is_in(whom.implode()))


def _handed_over(made: Step, at: datetime) -> pl.DataFrame:
    """person_id, score, due_at of everyone handed over in this step."""
    released = made.moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync"))
    if released.is_empty():
        return pl.DataFrame()
    due = made.before.clocks.filter(pl.col("started_at") == at).group_by("person_id").agg(pl.col("due_at").min())
    scored = released.join(made.scores.select("person_id", "score"), on="person_id", how="left", maintain_order="left")
    return scored.join(due, on="person_id", how="left", maintain_order="left").select("person_id", "score", "due_at")
