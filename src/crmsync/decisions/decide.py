"""The whole decision as one story: facts, what was decided before, definitions and the instant in; everything decided out.

What ends comes before what begins: clocks are met and leads go back before the valve looks at the load, so that the same
decision made twice at one instant says nothing new the second time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from crmsync.decisions import clocks as clock
from crmsync.decisions import (
    conditions,
    desired,
    evidence,
    gaps,
    handover,
    nurture,
    owners,
    phase,
    returns,
    scoring,
    temperature,
    waking,
)
from crmsync.decisions.acts import Acts, number
from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.clocks import Desk
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import CLOCKS, INSTANT, MOVES, STATE, Before, Decisions, Facts, Others, conform
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
    now = now.astimezone(UTC)
    faded, others = faded_at or now, others or Others.nobody()
    ahead, facts = facts, _known(facts, now)
    rules, sla = definitions.recycle, definitions.sla

    # 1, 2: how much speaks for them, and how keen they are
    weighed = _weigh(facts, before, definitions, now, faded)
    scores, touched = weighed.scores, weighed.touched
    desk = Desk(sla, definitions.calendars, facts.reps, clock.acts_of(facts, now), weighed.keenness, now)

    # 3: what people did moves the phase
    frame = evidence.gather(facts, scores, before, definitions.bant, rules, now)
    frame = phase.refresh(_with_temperature(frame, weighed.keenness, now), rules)
    frame, by_people = phase.settle(frame, phase.evidence_guards(now), rules, now)

    # 4: clocks are met by what was done, and end where the phase was left
    clocks = _met_or_left(conform(before.clocks, CLOCKS), by_people, facts, frame, desk)

    # 5: what time brings
    frame = returns.watch(frame, clocks, facts.approaches, sla, now)
    frame, by_time = phase.settle(frame, returns.guards(rules, now, faded), rules, now)
    clocks = clock.close(clocks, _leavers(by_time), sla)

    # 6, 7: where the valve stands, and whom it lets through
    valve_now = handover.open_valve(_everyone(frame, before), clocks, facts, before.valve, definitions, now)
    facts_now = _facts_now(weighed, frame)
    verdicts = handover.release(frame, facts_now, touched, definitions, valve_now, now, others.waiting)
    frame = handover.waiting_since(frame, verdicts, now)
    frame, by_valve = phase.settle(frame, handover.guards(now), rules, now)
    moves = _told([by_people, by_time, by_valve], valve_now[0].version)

    # 8: the hand-over: an owner for everyone who needs one
    state = phase.state_of(_under_definition(frame, by_valve, valve_now[0].version))
    order, zone = verdicts.select("person_id", "rank"), definitions.calendars.named(None).time_zone
    staff = Staff(facts, definitions.routing, order, zone, now, others.loads)
    state, draws = owners.assign(state, clocks, before.draws, staff)
    clocks = clock.follow_owners(clocks, state)

    # 9: the clocks of the phases they are in, and what is over due
    waiting = Waiting(sla.holds, facts_now, facts.reps, definitions.calendars, now)
    clocks = clock.start(clocks, _to_be_clocked(state, moves, facts, now), desk)
    clocks = clock.meet(clocks, _leavers(moves.clear()), desk)
    clocks = clock.renew(clocks, before.clocks, clock.contracts_of(facts, now), desk)
    clocks, late = clock.escalate(hold(clocks, waiting), desk)
    state, handed_on, draws = owners.hand_on(state, late, clocks, draws, staff)
    clocks = hold(clock.reassign(clocks, late, handed_on, desk), waiting)

    # 10: who is nurtured meanwhile
    state = nurture.enrol(state, clocks, scores, facts, nurture.Rules(rules, definitions.nurture), now, faded)
    wakings = waking.wakings(ahead, state, clocks, desk)

    # 11, 12: what lies on the ground, and what the CRMs shall show
    return Decisions(
        state=_everyone(state, before),
        clocks=clocks,
        moves=moves,
        scores=scores,
        because=weighed.because,
        qualification=verdicts,
        gaps=gaps.find(state, clocks, facts.persons, facts.reps, definitions.routing),
        desired=desired.desired(state, clocks, scores, facts, rules),
        tasks=desired.tasks(clocks, facts.reps, definitions.routing, sla),
        draws=draws,
        valve=valve_now[0],
        wakes_at=waking.wakes_at(wakings, desk, definitions.begins_at),
        wakings=wakings,
    )


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What speaks for everyone: their touches counted off, the columns that conditions name, the scores and their reasons, and the
    temperature."""

    touched: Acts
    prepared: pl.DataFrame
    scores: pl.DataFrame
    because: pl.DataFrame
    keenness: pl.DataFrame


def _weigh(facts: Facts, before: Before, definitions: Definitions, now: datetime, faded: datetime) -> _Weighed:
    touched = number(facts.persons["person_id"], facts.touches, now)
    prepared = conditions.prepare(facts, definitions.qualification.windows | definitions.sla.windows, now, touched, faded)
    scores, because = scoring.score(prepared, touched, definitions.scoring, faded)
    keenness = temperature.temperature(scores, before.state, definitions.temperature, now, faded)
    return _Weighed(touched, prepared, scores, because, keenness)


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
        touches=_until(facts.touches, "at", now),
        approaches=_until(facts.approaches, "at", now),
        opportunities=_until(facts.opportunities, "created_at", now),
    )


def _until(frame: pl.DataFrame, instant: str, now: datetime) -> pl.DataFrame:
    """The rows up to `now`; usually all of them, and then none is copied."""
    is_known = frame[instant] <= now
    return frame if is_known.all(ignore_nulls=False) else frame.filter(is_known)


def _with_temperature(frame: pl.DataFrame, keenness: pl.DataFrame, now: datetime) -> pl.DataFrame:
    joined = beside(frame, keenness.select("person_id", pl.col("temperature").alias("#now")))
    changed = pl.col("temperature").ne_missing(pl.col("#now"))
    return joined.with_columns(
        pl.when(changed).then(pl.lit(now, dtype=INSTANT)).otherwise("temperature_at").alias("temperature_at"),
        pl.col("#now").alias("temperature"),
    ).drop("#now")


def _leavers(moves: pl.DataFrame) -> pl.DataFrame:
    """The first move of everyone who left a phase in which clocks run."""
    first = moves.filter(pl.col("source").is_in(list(DEPARTMENTS))).unique("person_id", keep="first", maintain_order=True)
    return first.select("person_id", pl.col("at").alias("left_at"), "because", "actor")


def _let_go(facts: Facts, frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Whose clocks end though no phase did: the deleted, and customers who want no contact."""
    deleted = facts.persons.filter(pl.col("is_deleted").fill_null(False))
    alone = frame.filter((pl.col("phase") == "closed_won") & pl.col("opted_out").fill_null(False))
    gone = [clock.leaving(deleted, "deleted", now), clock.leaving(alone, "opted_out", now)]
    return pl.concat(gone).unique("person_id", keep="first", maintain_order=True)


def _everyone(state: pl.DataFrame, before: Before) -> pl.DataFrame:
    """STATE of those decided about, and of those only `before` knows."""
    former, present = conform(before.state, STATE), conform(state, STATE)
    if former["person_id"].equals(present["person_id"]):
        return present
    others = former.join(present, on="person_id", how="anti")
    return in_order(pl.concat([present, others]))


def _facts_now(weighed: _Weighed, frame: pl.DataFrame) -> pl.DataFrame:
    """All that a definition's conditions may name, of the living."""
    return beside(beside(frame.select(STATE.keys()), weighed.scores), weighed.prepared)


def _told(moves: list[pl.DataFrame], version: str) -> pl.DataFrame:
    """Every move in order, numbered per person, under the definition in force."""
    return (
        pl.concat(moves)
        .with_columns(
            (pl.int_range(pl.len(), dtype=pl.Int64).over("person_id") + 1).alias("sequence"), pl.lit(version).alias("definition")
        )
        .select(MOVES.keys())
        .sort("person_id", "sequence")
    )


def _under_definition(frame: pl.DataFrame, released: pl.DataFrame, version: str) -> pl.DataFrame:
    is_released = pl.col("person_id").is_in(released["person_id"].implode())
    return frame.with_columns(pl.when(is_released).then(pl.lit(version)).otherwise("definition").alias("definition"))


def _to_be_clocked(state: pl.DataFrame, moves: pl.DataFrame, facts: Facts, now: datetime) -> pl.DataFrame:
    """person_id, phase, phase_at, start_at, cycle, owner of everyone in a phase with clocks. A clock starts with the phase; where
    the phase was found on (an import, a jump) or nothing moved, it starts now: no one is late for what they could not know."""
    alone = facts.persons.filter(pl.col("opted_out").fill_null(False)).select("person_id")
    clocked = state.filter(pl.col("phase").is_in(list(DEPARTMENTS)))
    exempt = clocked.filter(pl.col("phase") == "closed_won").join(alone, on="person_id", how="semi")
    moved = moves.group_by("person_id").agg(pl.col("at").last(), pl.col("is_jump").any())
    by_arrow = pl.col("is_jump").not_()
    return (
        clocked.join(exempt, on="person_id", how="anti")
        .join(moved, on="person_id", how="left")
        .with_columns(pl.when(by_arrow).then("at").otherwise(pl.lit(now, dtype=INSTANT)).alias("start_at"))
        .select("person_id", "phase", "phase_at", "start_at", "cycle", "owner")
        .sort("person_id")
    )
