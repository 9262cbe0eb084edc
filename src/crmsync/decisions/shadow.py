"""Rules that run silently beside those in force: what they would decide from the same facts, and where the two disagree.

The shadow has a memory of its own: phases, clocks, draws and a valve that go on from its own last decision, as they would if its
rules were in force. People act on the live side alone, and the same acts are evidence on both. So two things differ from a live
decision, because nobody answers a hand-over that did not happen:

- Whom the shadow alone has handed over waits there: they count as work until the first approach would have been due, then they are
  put aside as approached in time. No clock of theirs is breached, nobody is passed on, and silence does not send them back.
- As soon as the live side hands them over too, or people take them further, the shadow goes on from where the live side stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from crmsync.decisions import conditions, scoring, temperature
from crmsync.decisions.acts import number
from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import CLOCKS, INSTANT, QUALIFICATION, STATE, Before, Decisions, Facts, Schema, conform
from crmsync.decisions.waking import faded_at

KINDS = ("mql_in", "mql_out", "phase", "temperature", "owner")
"""mql_in: only the shadow has handed them over; mql_out: only the live rules have. phase: any other phase than the live one. owner:
somebody else answers, in the same phase."""

BEFORE_HAND_OVER = ("unidentified", "inquiry", "recycled")

DISAGREEMENTS: Schema = {"person_id": pl.String, "kind": pl.String, "live": pl.String, "shadow": pl.String}
MOST_RULES = 4


@dataclass(frozen=True, slots=True)
class Beside:
    """One step of a shadow: what it decided, from where it goes on, and until when that stands."""

    decisions: Decisions
    before: Before

    @property
    def wakes_at(self) -> datetime:
        return self.decisions.wakes_at


def step(facts: Facts, kept: Before, alone: Iterable[str], live: Decisions, definitions: Definitions, now: datetime) -> Beside:
    """Decide what live rules have just decided, under these definitions. `kept` is what the shadow's last step left, or where it
    begins; `alone` are those whom only the shadow had handed over by then (`handed_over_alone` of the last step)."""
    definitions, now = definitions.as_if_in_force(), now.astimezone(UTC)
    before = _met_again(kept, pl.Series(list(alone), dtype=pl.String), live)
    waiting = _waiting(before, live, now)
    present = replace(facts, persons=_without(facts.persons, waiting))
    left = replace(before, state=_without(before.state, waiting), clocks=_without(before.clocks, waiting))
    made = decide(present, left, definitions, now, faded_at=faded_at(now))
    aside = before.state.filter(pl.col("person_id").is_in(waiting.implode()))
    aside = _as_keen_as_now(aside, replace(facts, persons=_only(facts.persons, waiting)), definitions, now)
    state = in_order(pl.concat([conform(made.state, STATE), conform(aside, STATE)]))
    clocks = pl.concat([conform(made.clocks, CLOCKS), conform(_only(before.clocks, waiting), CLOCKS)]).sort("clock_id")
    return Beside(replace(made, state=state, clocks=clocks), Before(state, clocks, made.draws, made.valve))


def handed_over_alone(live: pl.DataFrame, shadow: pl.DataFrame) -> pl.Series:
    """The ids of those whom only the shadow has handed over. STATE of both sides."""
    return disagreements(live, shadow).filter(pl.col("kind") == "mql_in")["person_id"]


def disagreements(live: pl.DataFrame, shadow: pl.DataFrame) -> pl.DataFrame:
    """DISAGREEMENTS between the STATE of both sides, of those whom both know, sorted by person and kind."""
    both = live.join(shadow, on="person_id", suffix=_SHADOW)
    return pl.concat([_phases(both), _differing(both, "temperature"), _owners(both)]).sort("person_id", "kind")


def reasons(side: Decisions, persons: pl.Series) -> pl.DataFrame:
    """Why this side says what it says of these persons: person_id, score, interest, `rules` (the weightiest, each with its points),
    `failed` (what of the definition does not hold), `waits`, `move` (why they last moved, in this decision), `owner`."""
    rows = pl.DataFrame({"person_id": persons.unique().sort()})
    told = side.reasons_of(rows["person_id"]).filter(pl.col("points").round(0) != 0)
    rules = (
        told.sort(pl.col("points").abs(), "rule", descending=[True, False])
        .group_by("person_id", maintain_order=True)
        .head(MOST_RULES)
        .group_by("person_id", maintain_order=True)
        .agg(pl.struct("rule", pl.col("points").round(1)).alias("rules"))
    )
    verdicts = conform(side.qualification, QUALIFICATION).select("person_id", "failed", pl.col("waiting_because").alias("waits"))
    moved = side.moves.group_by("person_id").agg(pl.col("because").last().alias("move"))
    owners = side.state.select("person_id", pl.col("owner_because").alias("owner"))
    scores = side.scores.select("person_id", pl.col("score").round(1), pl.col("interest").round(1))
    for frame in (scores, rules, verdicts, moved, owners):
        rows = rows.join(frame, on="person_id", how="left", maintain_order="left")
    return rows


_SHADOW = ":shadow"


def _met_again(kept: Before, alone: pl.Series, live: Decisions) -> Before:
    """Those whom only the shadow had handed over, and who have come further on the live side, stand where they stand there."""
    further = live.state.filter(~pl.col("phase").is_in(BEFORE_HAND_OVER))
    joined = pl.Series(further.filter(pl.col("person_id").is_in(alone.implode()))["person_id"])
    if joined.is_empty():
        return kept
    state = pl.concat([_without(conform(kept.state, STATE), joined), conform(_only(live.state, joined), STATE)])
    clocks = pl.concat([_without(conform(kept.clocks, CLOCKS), joined), conform(_only(live.clocks, joined), CLOCKS)])
    return replace(kept, state=in_order(state), clocks=clocks.sort("clock_id"))


def _waiting(before: Before, live: Decisions, now: datetime) -> pl.Series:
    """The ids of those handed over by the shadow alone whose first approach would be due by now."""
    alone = handed_over_alone(live.state, before.state)
    due = before.clocks.filter(RUNNING & (pl.col("due_at") <= now))["person_id"]
    return alone.filter(alone.is_in(due.implode()))


def _as_keen_as_now(state: pl.DataFrame, facts: Facts, definitions: Definitions, now: datetime) -> pl.DataFrame:
    """The state of those put aside with the temperature of now: keenness does not wait."""
    if state.is_empty() or facts.persons.is_empty():
        return state
    touched = number(facts.persons["person_id"], facts.touches, now)
    faded = faded_at(now)
    prepared = conditions.prepare(facts, definitions.qualification.windows, now, touched, faded)
    scores, _ = scoring.score(prepared, touched, definitions.scoring, faded)
    keenness = temperature.temperature(scores, state, definitions.temperature, now, faded)
    found = beside(state, keenness.select("person_id", pl.col("temperature").alias("#now")))
    changed = pl.col("#now").is_not_null() & pl.col("temperature").ne_missing(pl.col("#now"))
    return found.with_columns(
        pl.when(changed).then(pl.lit(now, dtype=INSTANT)).otherwise("temperature_at").alias("temperature_at"),
        pl.coalesce("#now", "temperature").alias("temperature"),
    ).drop("#now")


def _phases(both: pl.DataFrame) -> pl.DataFrame:
    live_at, shadow_at = pl.col("handed_over_at"), pl.col(f"handed_over_at{_SHADOW}")
    live, shadow = pl.col("phase"), pl.col(f"phase{_SHADOW}")
    only_shadow = (shadow == "mql") & live.is_in(BEFORE_HAND_OVER) & (live_at.is_null() | (shadow_at > live_at))
    only_live = (live == "mql") & shadow.is_in(BEFORE_HAND_OVER) & (shadow_at.is_null() | (live_at > shadow_at))
    kind = pl.when(only_shadow).then(pl.lit("mql_in")).when(only_live).then(pl.lit("mql_out")).otherwise(pl.lit("phase"))
    return (
        both.filter(live.ne_missing(shadow))
        .select("person_id", kind.alias("kind"), live, shadow.alias("shadow"))
        .pipe(_named, "phase")
    )


def _owners(both: pl.DataFrame) -> pl.DataFrame:
    return _differing(both.filter(pl.col("phase").eq_missing(pl.col(f"phase{_SHADOW}"))), "owner")


def _differing(both: pl.DataFrame, name: str) -> pl.DataFrame:
    other = pl.col(f"{name}{_SHADOW}")
    found = both.filter(pl.col(name).ne_missing(other))
    return found.select("person_id", pl.lit(name).alias("kind"), pl.col(name), other.alias("shadow")).pipe(_named, name)


def _named(found: pl.DataFrame, name: str) -> pl.DataFrame:
    return conform(found.rename({name: "live"}), DISAGREEMENTS)


def _only(frame: pl.DataFrame, persons: pl.Series) -> pl.DataFrame:
    return frame.filter(pl.col("person_id").is_in(persons.implode()))


def _without(frame: pl.DataFrame, persons: pl.Series) -> pl.DataFrame:
    return frame if persons.is_empty() else frame.filter(~pl.col("person_id").is_in(persons.implode()))
