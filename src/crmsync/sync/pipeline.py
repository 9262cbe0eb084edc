"""The order of a cycle. Every arrow is a value that can be printed, stored and replayed.

pull → stage → normalise → resolve → decide → plan → apply → record
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from crmsync.errors import StopConnector
from crmsync.sync.apply import Applied, apply
from crmsync.sync.batons import Lying, lying
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.concerned import concerned
from crmsync.sync.decide import decide
from crmsync.sync.guard import Approval, note_halts, release
from crmsync.sync.keep import keep
from crmsync.sync.lease import alone
from crmsync.sync.memberships import read_back
from crmsync.sync.normalise import Following, normalise
from crmsync.sync.notices import Told, keep_ours
from crmsync.sync.plan import Prepared, described, plan
from crmsync.sync.pull import Pulled, pull
from crmsync.sync.reconcile import reconcile
from crmsync.sync.resolve import resolve
from crmsync.sync.rest import is_undisturbed, rest_after, rested, resting
from crmsync.sync.shadow import shadow
from crmsync.sync.watched import to_be_forgotten, watched
from crmsync.sync.workspace import Moment, Progress, Silent, Workspace


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle did."""

    run_id: str
    pulled: Pulled
    prepared: Prepared
    applied: Applied = field(default_factory=Applied)
    lying: tuple[Lying, ...] = ()

    @property
    def lost(self) -> tuple[Lying, ...]:
        """Batons that nobody but crmsync can have lost: with them the run has failed, though it did all its work."""
        return tuple(one for one in self.lying if one.is_failure)

    @property
    def is_complete(self) -> bool:
        """Whether every connection took part to the end, with its people, no guard halted one, and no baton was lost."""
        stopped = self.applied.failures or self.prepared.unreachable or self.prepared.plan.alarms
        return self.pulled.is_complete and not (stopped or self.lost)

    @property
    def state(self) -> Literal["done", "incomplete", "failed"]:
        """How the run ended."""
        if self.lost:
            return "failed"
        return "done" if self.is_complete else "incomplete"


def learn(
    workspace: Workspace, moment: Moment, progress: Progress | None = None, only: str | None = None, *, hinted_only: bool = False
) -> Pulled:
    """Bring the local model up to date, from every connection or the one named; with `hinted_only`, by reading nothing but what
    a CRM said to have changed. Writes to no CRM and decides nothing."""
    with alone(workspace, "pull"):
        return _learn(workspace, moment, progress, only, hinted_only=hinted_only)


def look(workspace: Workspace, moment: Moment, progress: Progress | None = None) -> tuple[Pulled, Prepared]:
    """Learn, decide and plan, and remember what guards would halt, so that it can be released. Writes to no CRM and keeps no
    decision."""
    with alone(workspace, "plan"):
        pulled = _learn(workspace, moment, progress)
        prepared = prepare(workspace.at(moment.now), moment)
        note_halts(workspace, prepared.plan, prepared.seqs, moment.now)
    return pulled, prepared


def prepare(workspace: Workspace, moment: Moment, *, describing: bool = False) -> Prepared:
    """Decide and plan on what is known, in memory alone. With `describing`, ask what the objects look like before."""
    with collector_at_rest():
        reachable = described(workspace, again=describing)
        decided = decide(workspace, moment.now, concerned(workspace, moment, reachable))
        return plan(workspace, decided, moment.now, reachable)


def run_cycle(
    workspace: Workspace,
    moment: Moment,
    progress: Progress | None = None,
    only: str | None = None,
    *,
    hinted_only: bool = False,
) -> Cycle:
    """One whole cycle. With `only`, one connection is pulled; everyone is decided and every CRM is written to all the same.
    Where the last cycle found nothing to do and nothing has happened since, nobody is. With `hinted_only` it is a quick one:
    nothing is read but what a CRM said to have changed, and objects look as they did when last asked."""
    workspace = workspace.at(moment.now)
    with alone(workspace, "run"):
        rest = resting(workspace, moment)
        pulled = _learn(workspace, moment, progress, only, describing=rest is None, hinted_only=hinted_only)
        if rest is not None and pulled.is_complete and is_undisturbed(workspace, rest):
            run_id, nothing = rested(workspace, rest, moment)
            return Cycle(run_id, pulled.with_notices(_of_people(workspace)), nothing, lying=lying(workspace))
        prepared = prepare(workspace, moment, describing=rest is not None and not hinted_only)
        return _send(workspace, prepared, pulled, moment, progress)


def apply_plan(
    workspace: Workspace, moment: Moment, digest: str, progress: Progress | None = None, approval: Approval | None = None
) -> Cycle:
    """Make exactly the plan with this digest from what is known, and apply it. Raises StopConnector when what is known now
    makes another plan: nothing is written then. With an `approval`, what a guard halts of this plan is released first."""
    workspace = workspace.at(moment.now)
    with alone(workspace, "apply"):
        prepared = prepare(workspace, moment)
        if prepared.plan.digest != digest:
            raise StopConnector("plan.other_digest", wanted=digest, found=prepared.plan.digest)
        if approval is not None and prepared.plan.alarms:
            note_halts(workspace, prepared.plan, prepared.seqs, moment.now)
            release(workspace, digest, approval, moment.now)
            prepared = replace(prepared, plan=replace(prepared.plan, alarms=()))
        return _send(workspace, prepared, Pulled((), ()), moment, progress)


def _learn(
    workspace: Workspace,
    moment: Moment,
    progress: Progress | None = None,
    only: str | None = None,
    *,
    describing: bool = True,
    hinted_only: bool = False,
) -> Pulled:
    """Without `describing`, what the objects look like is not asked again."""
    follower, progress = Following(workspace), progress or Silent()
    pulled = pull(workspace, moment.now, progress, only, follower, describing=describing, hinted_only=hinted_only)
    pulled = pulled.with_more(reconcile(workspace, moment.now, pulled.failed))
    normalise(workspace, moment.now)
    if not hinted_only:
        pulled = read_back(workspace, moment.now, pulled)
    resolve(workspace, moment.now)
    workspace.store.journal.learnt(moment.now)
    return pulled


def _send(workspace: Workspace, prepared: Prepared, pulled: Pulled, moment: Moment, progress: Progress | None = None) -> Cycle:
    """Keep the decisions and the plan in one transaction, then apply exactly that plan. A connection that stopped while it was
    pulled is sent nothing: what it holds now is not known."""
    with collector_at_rest():
        run_id = keep(workspace, prepared, moment)
    applied = apply(workspace, run_id, prepared.sendable, moment.now, progress or Silent(), pulled.failed)
    shadowed = shadow(workspace, prepared.decided, run_id, moment.now)
    notices = keep_ours(workspace.store, "rules", (*shadowed.notices, *watched(workspace, moment.now)))
    cycle = Cycle(run_id, pulled.with_notices((*notices, *_of_people(workspace))), prepared, applied, lying(workspace))
    halted = {"halted": sorted(prepared.plan.halted)} if prepared.plan.halted else {}
    lost = {"lost": sum(one.count for one in cycle.lost)} if cycle.lost else {}
    workspace.store.runs.end(run_id, cycle.state, {**applied.outcomes, **halted, **lost})
    rest_after(workspace, prepared, moment, is_complete=cycle.is_complete, wakes_at=shadowed.wakes_at)
    return cycle


def _of_people(workspace: Workspace) -> tuple[Told, ...]:
    return keep_ours(workspace.store, "people", to_be_forgotten(workspace))
