"""Why somebody is not handed over: what is not so, and the fewest steps after which everything would be so.

Nothing is guessed: every step is tried out on the person's own facts with the rules in force (decay, caps, groups, windows and
temperature included), all of them side by side as if they were as many persons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations_with_replacement
from typing import Literal

import polars as pl

from crmsync.decisions import conditions, scoring, temperature
from crmsync.decisions.aligned import beside
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import APPROACHES, INSTANT, STATE, TOUCHES, Facts, conform
from crmsync.decisions.qualification import checks_of
from crmsync.decisions.scoring import FitRule
from crmsync.decisions.windows import ANY, NOW
from crmsync.messages import Language, name_of, say

MOST_STEPS = 3
"""Further away than three acts nobody is "nearly" there, and the number of combinations grows with each."""
MOST_WAYS = 8


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One thing that would be different: a touch of kind `name` now, or a fit rule of this name that holds ("fit"), or holds no
    more ("unfit", for rules that take points)."""

    kind: Literal["touch", "fit", "unfit"]
    name: str


@dataclass(frozen=True, slots=True)
class Unmet:
    """A part of the definition that is not so, in its words, with what is known of each column in it (None = unknown).
    `by_steps`: steps can make it so; else only a change of the facts themselves does."""

    text: str
    values: tuple[tuple[str, str | None], ...]
    by_steps: bool


@dataclass(frozen=True, slots=True)
class WhyNot:
    """`unmet` is the smallest set that would have to change: the parts of a definition hold together or not at all. `ways` are
    the fewest steps (a step may occur twice) that make all of it so which steps can."""

    person_id: str
    qualifies: bool
    score: float
    least: float
    unmet: tuple[Unmet, ...]
    ways: tuple[tuple[Step, ...], ...]

    @property
    def shortfall(self) -> float:
        """Points that are missing; 0 where there are enough."""
        return max(round(self.least - self.score, 2), 0.0)


def why_not(person_id: str, facts: Facts, state: pl.DataFrame, definitions: Definitions, position: float, now: datetime) -> WhyNot:
    """What keeps one person of `facts` from qualifying at this valve position; `state` has what was decided of them before.
    Raises KeyError for a person that is not in the facts."""
    trial = _Trial(person_id, facts, state, definitions, position, now)
    (base,) = trial.failed([()])
    tried = trial.combinations() if base else []
    found = [frozenset(failed) for failed in trial.failed(tried)] if tried else []
    # score and temperature are what acts are for: where no way reaches them, there is none
    stubborn = frozenset(base).intersection(*found) - trial.by_nature
    enough = [steps for steps, failed in zip(tried, found, strict=True) if failed == stubborn != frozenset(base)]
    ways = [steps for steps in enough if len(steps) == len(enough[0])]
    unmet = tuple(Unmet(trial.texts[n], trial.values(n), n not in stubborn) for n in base)
    least = definitions.qualification.minimum_score(position)
    return WhyNot(person_id, not base, trial.score, least, unmet, tuple(ways[:MOST_WAYS]))


def tell(why: WhyNot, definitions: Definitions, language: Language) -> list[str]:
    """The same as sentences."""
    if why.qualifies:
        return [say("whynot.qualifies", language)]
    told = [say("whynot.unmet", language, text=part.text, known=_known(part, language)) for part in why.unmet]
    if why.shortfall:
        told.append(say("whynot.shortfall", language, missing=f"{why.shortfall:g}", least=f"{why.least:g}", has=f"{why.score:g}"))
    told += [say("whynot.way", language, steps=_steps(way, definitions, language)) for way in why.ways]
    if not why.ways and any(part.by_steps for part in why.unmet):
        told.append(say("whynot.far", language, most=MOST_STEPS))
    if why.ways and not all(part.by_steps for part in why.unmet):
        rest = say("whynot.and", language).join(part.text for part in why.unmet if not part.by_steps)
        told.append(say("whynot.besides", language, rest=rest))
    return told


def _known(part: Unmet, language: Language) -> str:
    unknown = say("whynot.unknown", language)
    return ", ".join(f"{name} = {unknown if value is None else value}" for name, value in part.values)


def _steps(way: Sequence[Step], definitions: Definitions, language: Language) -> str:
    titles = {rule.name: getattr(rule.title, language) for rule in definitions.scoring.fit}
    told = []
    for step in dict.fromkeys(way):
        times = way.count(step)
        if step.kind == "touch":
            name = name_of("touch", step.name, language)
            told.append(say("whynot.touch", language, touch=name) if times == 1 else _often(name, times, language))
        else:
            told.append(say("whynot.fit" if step.kind == "fit" else "whynot.unfit", language, rule=titles[step.name]))
    return say("whynot.and", language).join(told)


def _often(name: str, times: int, language: Language) -> str:
    return say("whynot.touches", language, touch=name, times=times)


class _Trial:
    """One person many times over, each with other steps taken."""

    def __init__(
        self, person_id: str, facts: Facts, state: pl.DataFrame, definitions: Definitions, position: float, now: datetime
    ) -> None:
        mine = pl.col("person_id") == person_id
        self.person = facts.persons.filter(mine)
        if self.person.is_empty():
            raise KeyError(person_id)
        self.facts = replace(facts, touches=facts.touches.filter(mine), approaches=facts.approaches.filter(mine))
        self.state = conform(state, STATE).filter(mine)
        self.definitions, self.now = definitions, now.astimezone(UTC)
        self.checks = checks_of(definitions.qualification, position)
        self.texts = [text for text, _ in self.checks]
        self.by_nature = frozenset(
            n for n, (_, holds) in enumerate(self.checks) if holds.meta.root_names() in (["score"], ["temperature"])
        )
        self.base = self._frame([()])
        self.score = float(self.base["score"].item())
        self.steps = sorted({*self._touches(), *self._fits()})

    def combinations(self) -> list[tuple[Step, ...]]:
        """Every choice of up to MOST_STEPS steps, the shortest first."""
        return [
            steps for size in range(1, MOST_STEPS + 1) for steps in combinations_with_replacement(self.steps, size) if _real(steps)
        ]

    def values(self, check: int) -> tuple[tuple[str, str | None], ...]:
        """What is known of the columns of a check."""
        names = [name for name in dict.fromkeys(self.checks[check][1].meta.root_names()) if name != NOW]
        row = self.base.select(pl.col(name).cast(pl.String) for name in names).row(0) if names else ()
        return tuple(zip(names, row, strict=True))

    def failed(self, trials: Sequence[tuple[Step, ...]]) -> list[list[int]]:
        """Of each trial the numbers of the checks that do not hold."""
        frame = self._frame(trials)
        holds = frame.select(expression.alias(str(n)) for n, (_, expression) in enumerate(self.checks))
        return [[n for n, so in enumerate(row) if not so] for row in holds.iter_rows()]

    def _touches(self) -> Iterable[Step]:
        windows = (w.kind for w in self.definitions.qualification.windows if w.acts == "touches" and w.kind != ANY)
        kinds = {rule.touch for rule in self.definitions.scoring.interest if rule.points > 0} | set(windows)
        return (Step("touch", kind) for kind in kinds)

    def _fits(self) -> Iterable[Step]:
        for rule in self.definitions.scoring.fit:
            holds = bool(self.base.select(rule.when.expression()).item())
            if holds and rule.points < 0:
                yield Step("unfit", rule.name)
            elif not holds and rule.points > 0:
                yield Step("fit", rule.name)

    def _frame(self, trials: Sequence[tuple[Step, ...]]) -> pl.DataFrame:
        """All that the checks look at, one row per trial, in order."""
        ids = pl.DataFrame({"person_id": [f"{n:06}" for n in range(len(trials))]})
        facts = self._facts(ids, trials)
        windows = self.definitions.qualification.windows
        prepared = conditions.prepare(facts, windows, self.now)
        scores, _ = scoring.score(prepared, facts.touches, self.definitions.scoring, self.now)
        bonus = pl.Series("bonus", [sum(self._points(step) for step in steps) for steps in trials], dtype=pl.Float64)
        better = scores.hstack([bonus]).with_columns((pl.col(c) + pl.col("bonus")).round(2) for c in ("fit", "score"))
        state = _times(self.state, ids) if self.state.height else self.state
        keenness = temperature.temperature(better, state, self.definitions.temperature, self.now)
        decided = beside(ids, state).drop("temperature")
        return beside(beside(beside(decided, keenness.drop("because")), better.drop("bonus")), prepared)

    def _facts(self, ids: pl.DataFrame, trials: Sequence[tuple[Step, ...]]) -> Facts:
        taken = [
            {"person_id": ids["person_id"][n], "at": self.now, "kind": step.name, "touch_id": f"~{place}"}
            for n, steps in enumerate(trials)
            for place, step in enumerate(steps)
            if step.kind == "touch"
        ]
        added = pl.DataFrame(taken, schema={"person_id": pl.String, "at": INSTANT, "kind": pl.String, "touch_id": pl.String})
        touches = pl.concat([conform(_times(self.facts.touches, ids), TOUCHES), conform(added, TOUCHES)])
        approaches = conform(_times(self.facts.approaches, ids), APPROACHES)
        return replace(self.facts, persons=_times(self.person, ids), touches=touches, approaches=approaches)

    def _points(self, step: Step) -> float:
        rule = next((r for r in self.definitions.scoring.fit if step.kind != "touch" and r.name == step.name), None)
        return 0.0 if rule is None else abs(_points_of(rule))


def _real(steps: tuple[Step, ...]) -> bool:
    """A touch may happen again; an attribute is what it is once."""
    return all(step.kind == "touch" or steps.count(step) == 1 for step in steps)


def _points_of(rule: FitRule) -> float:
    return round(rule.points, 2)


def _times(frame: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """The rows once for each id, under that id."""
    return ids.join(frame.drop("person_id"), how="cross").select(frame.columns)
