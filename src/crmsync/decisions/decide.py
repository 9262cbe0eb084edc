"""The whole decision as one story: facts, what was decided before, definitions and the instant in; everything decided out.

What ends comes before what begins: clocks are met and leads go back before the valve looks at the load, so that the same
decision made twice at one instant says nothing new the second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from crmsync.decisions import clocks as clock
from crmsync.decisions import (
    conditions,
    desired,
    escalation,
    evidence,
    gaps,
    handover,
    nurture,
    owners,
    phase,
    renewals,
    returns,
    scoring,
    temperature,
    waking,
)
from crmsync.decisions.acts import Acts, number
from crmsync.decisions.aligned import beside, divided, in_order, until
from crmsync.decisions.clocks import Desk
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import (
    CLOCKS,
    MOVES,
    STATE,
    Because,
    Before,
    Decisions,
    Facts,
    Others,
    ValvePosition,
    conform,
    empty,
    instant,
)
from crmsync.decisions.holding import Waiting, hold
from crmsync.decisions.owners import Staff
from crmsync.decisions.sla import DEPARTMENTS


def decide(
    facts: Facts,
    before: Before,
    definitions: Definitions,
    now: datetime,
    *,
    faded_at: datetime | None = None,
    others: Others | None = None,
) -> Decisions:
    """Decide about every person in `facts` as of `now` (aware). Persons and clocks that only `before` knows stay as they are.

    What fades has done so as of `faded_at`, not after `now`; None: now. With `others` the decision is about some persons only, and
    says of them what it would among everyone, where those who bear on the valve (the open leads of inside sales, the month's
    opportunities, the head of the queue) are among them."""
    weighed = weigh(facts, [definitions], now, faded_at)
    case = _case(weighed, before, definitions, others or Others.nobody())
    known, scores, desk, rules = weighed.facts, weighed.scores, case.desk, definitions.recycle
    moved = _moved(case)
    state, clocks, draws = _handed_over(case, moved)
    programmes = nurture.Rules(rules, definitions.nurture)
    state = nurture.enrol(state, clocks, scores, known, programmes, weighed.now, weighed.faded)
    wakings = waking.wakings(facts, state, clocks, desk)
    return Decisions(
        state=_everyone(state, before),
        clocks=clocks,
        moves=moved.moves,
        scores=scores,
        because=weighed.because,
        qualification=moved.verdicts,
        gaps=gaps.find(state, clocks, known.persons, known.reps, definitions.routing),
        desired=desired.desired(state, clocks, scores, known, rules),
        tasks=desired.tasks(clocks, known.reps, definitions.routing, definitions.sla),
        draws=draws,
        valve=moved.valve,
        wakes_at=waking.wakes_at(wakings, desk, definitions.begins_at),
        wakings=wakings,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What a decision leaves to the next one, and why: MOVES, SCORES, and QUALIFICATION."""

    before: Before
    moves: pl.DataFrame
    scores: pl.DataFrame
    qualification: pl.DataFrame


def step(weighed: Weighed, before: Before, definitions: Definitions) -> Step:
    """The decision of the moment that was weighed, for whoever plays many in a row: nothing is said of what the CRMs shall show,
    nobody is enrolled in nurture programmes, and no gaps are looked for. None of it bears on whom later decisions hand over."""
    case = _case(weighed, before, definitions, Others.nobody())
    moved = _moved(case)
    state, clocks, draws = _handed_over(case, moved)
    after = Before(_everyone(state, before), clocks, draws, moved.valve)
    return Step(after, moved.moves, weighed.scores, moved.verdicts)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What speaks for everyone at an instant, whatever was decided before: the facts known by `now` (UTC), their touches counted
    off, the columns that conditions name, the scores and their reasons, and what was done for whom. What fades has done so as of
    `faded`."""

    now: datetime
    faded: datetime
    facts: Facts
    touched: Acts
    prepared: pl.DataFrame
    scores: pl.DataFrame
    because: Because
    acts: pl.DataFrame


def weigh(facts: Facts, several: Sequence[Definitions], now: datetime, faded_at: datetime | None = None) -> Weighed:
    """What speaks for everyone under these definitions, which score alike."""
    now = now.astimezone(UTC)
    known, faded = _known(facts, now), faded_at or now
    touched = number(known.persons["person_id"], known.touches, now)
    windows = frozenset().union(*(one.qualification.windows | one.sla.windows for one in several))
    prepared = conditions.prepare(known, windows, now, touched, faded)
    scores, because = scoring.score(prepared, touched, several[0].scoring, faded)
    return Weighed(now, faded, known, touched, prepared, scores, because, clock.acts_of(known, now))


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the steps of one decision are made from."""

    weighed: Weighed
    before: Before
    definitions: Definitions
    others: Others
    keenness: pl.DataFrame
    desk: Desk


def _case(weighed: Weighed, before: Before, definitions: Definitions, others: Others) -> _Case:
    now = weighed.now
    keenness = temperature.temperature(weighed.scores, before.state, definitions.temperature, now, weighed.faded)
    desk = Desk(definitions.sla, definitions.calendars, weighed.facts.reps, weighed.acts, keenness, now)
    return _Case(weighed, before, definitions, others, keenness, desk)


@dataclass(frozen=True, slots=True)
class _Moved:
    """Where everyone stands after the phase moved: their frame and clocks, MOVES (those by the valve apart as well), the valve's
    verdicts and position, and what conditions may name."""

    frame: pl.DataFrame
    clocks: pl.DataFrame
    moves: pl.DataFrame
    verdicts: pl.DataFrame
    valve: ValvePosition
    by_valve: pl.DataFrame
    facts_now: pl.DataFrame


def _moved(case: _Case) -> _Moved:
    """The steps that move the phase: what people did, what time brings, whom the valve lets through."""
    weighed, before, definitions, now = case.weighed, case.before, case.definitions, case.weighed.now
    facts, rules, sla = weighed.facts, definitions.recycle, definitions.sla

    # what people did
    frame = evidence.gather(facts, weighed.scores, before, definitions.bant, rules, now)
    frame = phase.refresh(_with_temperature(frame, case.keenness, now), rules)
    frame, by_people = phase.settle(frame, phase.evidence_guards(now), rules, now)
    clocks = _met_or_left(conform(before.clocks, CLOCKS), by_people, facts, frame, case.desk)

    # what time brings
    frame = returns.watch(frame, clocks, facts.approaches, sla, now)
    frame, by_time = phase.settle(frame, returns.guards(rules, now, weighed.faded), rules, now)
    clocks = clock.close(clocks, _leavers(by_time), sla)

    # where the valve stands, and whom it lets through
    valve = handover.open_valve(_everyone(frame, before), clocks, facts, before, definitions, now)
    facts_now = _facts_now(weighed, frame)
    verdicts = handover.release(frame, facts_now, weighed.touched, definitions, valve, now, case.others.waiting)
    frame = handover.waiting_since(frame, verdicts, now)
    frame, by_valve = phase.settle(frame, handover.guards(now), rules, now)
    moves = _told([by_people, by_time, by_valve], valve[0].version)
    return _Moved(frame, clocks, moves, verdicts, valve[0], by_valve, facts_now)


def _handed_over(case: _Case, moved: _Moved) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """STATE with an owner for everyone who needs one, CLOCKS of the phases they are in and what is over due, and the draws made."""
    facts, before, definitions, now, desk = case.weighed.facts, case.before, case.definitions, case.weighed.now, case.desk

    # an owner for everyone who needs one
    state = phase.state_of(_under_definition(moved.frame, moved.by_valve, moved.valve.version))
    order, zone = moved.verdicts.select("person_id", "rank"), definitions.calendars.named(None).time_zone
    staff = Staff(facts, definitions.routing, order, zone, now, case.others.loads)
    state, draws = owners.assign(state, moved.clocks, before.draws, staff)
    clocks = clock.follow_owners(moved.clocks, state)

    # the clocks of the phases they are in, and what is over due
    waiting = Waiting(definitions.sla.holds, moved.facts_now, facts.reps, definitions.calendars, now)
    clocks = clock.start(clocks, _to_be_clocked(state, clocks, moved.moves, facts, now), desk)
    clocks = renewals.renew(clocks, before.clocks, renewals.contracts_of(facts, now), desk)
    clocks, late = escalation.escalate(hold(clocks, waiting), desk)
    state, handed_on, draws = owners.hand_on(state, late, clocks, draws, staff)
    return state, hold(escalation.reassign(clocks, late, handed_on, desk), waiting), draws


def _met_or_left(clocks: pl.DataFrame, moves: pl.DataFrame, facts: Facts, frame: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """CLOCKS met by what people did, and ended where `moves` left their phase or nobody is to be called any more."""
    left = _leavers(moves)
    clocks = clock.close(clock.meet(clocks, left, desk), left, desk.sla)
    clocks = clock.close(clocks, _let_go(facts, frame, desk.now), desk.sla)
    return clock.close(clocks, clock.out_of_phase(clocks, frame, desk.sla, desk.now), desk.sla)


def _known(facts: Facts, now: datetime) -> Facts:
    """Only what had happened by `now`, and the persons in order."""
    return replace(
        facts,
        persons=in_order(facts.persons),
        touches=until(facts.touches, "at", now),
        approaches=until(facts.approaches, "at", now),
        opportunities=until(facts.opportunities, "created_at", now),
    )


def _with_temperature(frame: pl.DataFrame, keenness: pl.DataFrame, now: datetime) -> pl.DataFrame:
    joined = beside(frame, keenness.select("person_id", pl.col("temperature").alias("#now")))
    changed = pl.col("temperature").ne_missing(pl.col("#now"))
    return joined.with_columns(
        pl.when(changed).then(instant(now)).otherwise("temperature_at").alias("temperature_at"),
        pl.col("#now").alias("temperature"),
    ).drop("#now")


def _leavers(moves: pl.DataFrame) -> pl.DataFrame:
    """The first move of everyone who left a phase in which clocks run."""
    if moves.is_empty():
        return empty(clock.LEAVERS)
    first = moves.filter(pl.col("source").is_in(list(DEPARTMENTS))).unique("person_id", keep="first", maintain_order=True)
    return first.select("person_id", pl.col("at").alias("left_at"), "because", "actor")


def _let_go(facts: Facts, frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Whose clocks end though no phase did: the deleted, and customers who want no contact."""
    deleted = divided(facts.persons, facts.persons["is_deleted"])[0]
    alone = divided(frame, (frame["phase"] == "closed_won") & frame["opted_out"])[0]
    if deleted.is_empty() and alone.is_empty():
        return empty(clock.LEAVERS)
    gone = [clock.leaving(deleted, "deleted", now), clock.leaving(alone, "opted_out", now)]
    return pl.concat(gone).unique("person_id", keep="first", maintain_order=True)


def _everyone(state: pl.DataFrame, before: Before) -> pl.DataFrame:
    """STATE of those decided about, and of those only `before` knows."""
    former, present = conform(before.state, STATE), conform(state, STATE)
    if former["person_id"].equals(present["person_id"]):
        return present
    others = former.join(present, on="person_id", how="anti")
    return in_order(pl.concat([present, others]))


def _facts_now(weighed: Weighed, frame: pl.DataFrame) -> pl.DataFrame:
    """All that a definition's conditions may name, of the living."""
    return beside(beside(frame[list(STATE)], weighed.scores), weighed.prepared)


def _told(moves: list[pl.DataFrame], version: str) -> pl.DataFrame:
    """Every move in order, numbered per person, under the definition in force."""
    made = pl.concat(moves)
    if made.is_empty():
        return made
    return (
        made.with_columns(
            (pl.int_range(pl.len(), dtype=pl.Int64).over("person_id") + 1).alias("sequence"), pl.lit(version).alias("definition")
        )
        .select(MOVES.keys())
        .sort("person_id", "sequence")
    )


def _under_definition(frame: pl.DataFrame, released: pl.DataFrame, version: str) -> pl.DataFrame:
    if released.is_empty():
        return frame
    is_released = pl.col("person_id").is_in(released["person_id"].implode())
    return frame.with_columns(pl.when(is_released).then(pl.lit(version)).otherwise("definition").alias("definition"))


def _to_be_clocked(state: pl.DataFrame, clocks: pl.DataFrame, moves: pl.DataFrame, facts: Facts, now: datetime) -> pl.DataFrame:
    """person_id, phase, phase_at, start_at, cycle, owner of everyone in a phase with clocks who has no running one. A clock starts
    with the phase; where the phase was found on (an import, a jump) or nothing moved, it starts now: no one is late for what they
    could not know."""
    in_phase = state.filter(pl.col("phase").is_in(list(DEPARTMENTS)))[["person_id", "phase", "phase_at", "cycle", "owner"]]
    clocked = in_phase.join(clocks.filter(clock.RUNNING), on="person_id", how="anti")
    alone = divided(facts.persons, facts.persons["opted_out"])[0].select("person_id")
    exempt = clocked.filter(pl.col("phase") == "closed_won").join(alone, on="person_id", how="semi")
    moved = moves.group_by("person_id").agg(pl.col("at").last(), pl.col("is_jump").any())
    by_arrow = pl.col("is_jump").not_()
    return (
        clocked.join(exempt, on="person_id", how="anti")
        .join(moved, on="person_id", how="left")
        .with_columns(pl.when(by_arrow).then("at").otherwise(instant(now)).alias("start_at"))
        .select("person_id", "phase", "phase_at", "start_at", "cycle", "owner")
        .sort("person_id")
    )
