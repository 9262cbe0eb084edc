"""Keep a prepared cycle: decisions, gaps, bases, placements and the outbox in one transaction, before anything is sent."""

from __future__ import annotations

import polars as pl

from crmsync.decisions.frames import GAPS
from crmsync.model.memberships import MEMBERSHIPS, Standing
from crmsync.model.records import RecordRef
from crmsync.planning.memberships import intended
from crmsync.store.journal import keep_frames
from crmsync.sync.concerned import LAST, last_decision
from crmsync.sync.guard import note
from crmsync.sync.history import OWNER_EDITS, owner_edits
from crmsync.sync.overrides import find_overrides
from crmsync.sync.plan import Prepared
from crmsync.sync.rest import ground
from crmsync.sync.workspace import Moment, Workspace


def keep(workspace: Workspace, prepared: Prepared, moment: Moment, verb: str = "run") -> str:
    """Store the cycle and return its run id. After this a crash loses nothing: what is not confirmed is planned again."""
    store, decided = workspace.store, prepared.decided
    overrides = find_overrides(workspace, prepared)
    last = last_decision(workspace, moment, decided.through, decided.facts.reps, verb)
    with store.transaction(is_awaited=True) as db:
        run_id = store.runs.begin(db, verb, moment.now, is_rehearsal=moment.is_rehearsal, definitions=workspace.definitions_digest)
        again = {change.person_id for change in prepared.held_back}
        planned = set(prepared.persons) - prepared.waiting - again
        made = (decided.before, decided.decisions, decided.desired)
        left = store.decided.save(db, run_id, moment.now, *made, planned=planned, is_few=decided.whom is not None)
        store.concern.settle(db, decided.decisions, decided.whom, left.moved | _written_to(workspace, prepared))
        store.runs.set_meta_in(db, LAST, last)
        keep_frames(db, run_id, {OWNER_EDITS: owner_edits(decided.facts)})
        made_by = {"ground": ground(workspace), "from_nothing": decided.whom is None and decided.before.state.is_empty()}
        store.journal.note(db, "decided", moment.now, made_by, run_id)
        store.decided.save_gaps(db, moment.now, _gaps(prepared), decided.whom)
        store.overrides.note(db, overrides, moment.now)
        store.settlements.note(db, decided.followed(), moment.now)
        store.decided.mark_planned(db, sorted(planned.difference(left.desired["person_id"].to_list())))
        store.decided.replan(db, sorted(again))
        store.bases.save(db, prepared.accounted, moment.now)
        unsent = {change.key_value for change in prepared.held_back}
        for placement in (placed for placed in prepared.placements if placed.clock_id not in unsent):
            store.placed_tasks.place(db, placement.clock_id, placement.ref, str(placement.person_ref), {}, moment.now)
        store.memberships.note(db, {**prepared.standings, **_intentions(prepared)}, moment.now)
        store.outbox.settle(db, prepared.persons, sorted(prepared.looked_through), prepared.held, moment.now)
        store.outbox.plan(db, run_id, prepared.sendable, moment.now)
        store.holds.end(db, prepared.sendable)
        note(workspace, db, prepared.plan, prepared.seqs, moment.now)
        for connection, look in prepared.looked_through.items():
            store.runs.set_meta_in(db, f"planned_through:{connection}", str(look.seq))
            store.runs.set_meta_in(db, f"planned_with:{connection}", look.shape)
    return run_id


def _intentions(prepared: Prepared) -> dict[RecordRef, Standing | None]:
    """What the memberships stand at that are about to change: kept before anything is sent, so that one that arrives is known to be
    ours whatever becomes of this process."""
    return {change.ref: intended(change) for change in prepared.sendable if change.object == MEMBERSHIPS and change.ref}


def _written_to(workspace: Workspace, prepared: Prepared) -> set[str]:
    """Of whom something is written, or taken into account: what people set by hand is held against that from now on."""
    accounted = workspace.store.identity.persons_of(str(ref) for ref, _ in prepared.accounted)
    return {*accounted.values(), *(change.person_id for change in prepared.sendable)}


def _gaps(prepared: Prepared) -> pl.DataFrame:
    """The core's gaps, and those that only the CRMs can show: a clock without a task in any of them."""
    homeless = pl.col("person_id").is_in([person for person, _ in prepared.homeless])
    departments = dict(prepared.decided.decisions.state.filter(homeless).select("person_id", "department").iter_rows())
    shell = [
        {"gap": "clock_without_task", "person_id": person, "department": departments.get(person), "detail": kind}
        for person, kind in prepared.homeless
    ]
    return pl.concat([prepared.decided.decisions.gaps, pl.DataFrame(shell, schema=GAPS)])
