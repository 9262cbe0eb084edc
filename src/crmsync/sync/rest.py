"""rest: a cycle decides nobody where nothing has happened since the last one found nothing to do, and time has brought nothing.

So a quiet cycle costs what asking the CRMs costs, however many people are known. What a rest relies on is kept in the store: a
process that is started for each cycle rests as well as one that runs on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from crmsync import __version__
from crmsync.decisions.frames import Before, Decisions, Facts
from crmsync.planning.plan import make_plan
from crmsync.sync.decide import Decided
from crmsync.sync.plan import Prepared
from crmsync.sync.workspace import Moment, Workspace

_REST = "rest"


@dataclass(frozen=True, slots=True)
class Rest:
    """What was true when a cycle found nothing to do. `ground` is a digest of everything that decisions are made by and of how
    the CRMs are mapped, `shadow` one of the rules that run beside, `newest` the number of the newest version of each connection,
    `runs` how many runs there had been, `said` how often people had said something."""

    ground: str
    newest: Mapping[str, int]
    runs: int
    decided_at: datetime
    wakes_at: datetime
    is_rehearsal: bool
    shadow: str = ""
    said: int = 0


def resting(workspace: Workspace, moment: Moment) -> Rest | None:
    """The rest that still holds at this moment, as far as can be told before the CRMs are asked; None: decide."""
    rest = _kept(workspace)
    if rest is None or not rest.decided_at <= moment.now < rest.wakes_at or rest.is_rehearsal != moment.is_rehearsal:
        return None
    is_same = rest.ground == ground(workspace) and rest.shadow == _shadow(workspace)
    is_alone = (rest.runs, rest.said) == (workspace.store.runs.count(), workspace.store.journal.said())
    return rest if is_same and is_alone else None


def is_undisturbed(workspace: Workspace, rest: Rest) -> bool:
    """Whether nothing new was learnt from any CRM, nobody and nothing waits to be planned or sent, and no record whose
    change was refused has been touched."""
    store, names = workspace.store, [connection.name for connection in workspace.connections]
    if rest.newest != _newest(workspace):
        return False
    if any(refusal.has_moved for refusal in store.outbox.refusals().values()):
        return False  # a field that is not read may be what the CRM missed: no version says so, the record's stamp does
    return not store.decided.unplanned() and not store.outbox.unfinished_persons(names)


def rest_after(
    workspace: Workspace, prepared: Prepared, moment: Moment, *, is_complete: bool, wakes_at: datetime | None = None
) -> None:
    """Keep until when the next cycles may rest: not at all where this one moved somebody, wrote or left something waiting. Until
    `wakes_at` stands what a shadow decided."""
    decisions = prepared.decided.decisions
    left = prepared.plan.changes or prepared.held_back or prepared.waiting
    is_quiet = is_complete and not left and decisions.moves.is_empty()
    others = (wakes_at, workspace.store.staging.next_again(), workspace.store.concern.next_waking(moment.now))
    stands = min([decisions.wakes_at, *(at for at in others if at is not None)])
    _keep(workspace, moment, moment.now, stands if is_quiet else moment.now)


def rested(workspace: Workspace, rest: Rest, moment: Moment) -> tuple[str, Prepared]:
    """(run id, what was prepared: nothing) of a cycle that rests. The run is kept like any other."""
    store = workspace.store
    with store.transaction() as db:
        digest = workspace.definitions_digest
        run_id = store.runs.begin(db, "run", moment.now, is_rehearsal=moment.is_rehearsal, definitions=digest)
    store.runs.end(run_id, "done", {})
    _keep(workspace, moment, rest.decided_at, rest.wakes_at)
    decisions = Decisions.about_nobody(moment.now)
    decided = Decided(Facts.none(), Before.nothing(), decisions, decisions.desired)
    return run_id, Prepared(decided, make_plan([], [], moment.now), persons=())


def _keep(workspace: Workspace, moment: Moment, decided_at: datetime, wakes_at: datetime) -> None:
    runs = workspace.store.runs
    rest = Rest(
        ground=ground(workspace),
        newest=_newest(workspace),
        runs=runs.count(),
        decided_at=decided_at,
        wakes_at=wakes_at,
        is_rehearsal=moment.is_rehearsal,
        shadow=_shadow(workspace),
        said=workspace.store.journal.said(),
    )
    runs.set_meta(_REST, orjson.dumps(rest).decode())


def _kept(workspace: Workspace) -> Rest | None:
    kept = workspace.store.runs.meta(_REST)
    if kept is None:
        return None
    raw = orjson.loads(kept)
    instants = {name: datetime.fromisoformat(raw[name]) for name in ("decided_at", "wakes_at")}
    return Rest(**{**raw, **instants})


def _shadow(workspace: Workspace) -> str:
    beside = workspace.shadow
    return beside.rules.digest if beside is not None and beside.rules is not None else ""


def _newest(workspace: Workspace) -> dict[str, int]:
    return {connection.name: workspace.store.staging.newest(connection.name) for connection in workspace.connections}


def ground(workspace: Workspace) -> str:
    """A digest of everything that decisions are made by, besides what is known: another ground, another decision."""
    connections = sorted((c.name, c.role, c.mapping_digest) for c in workspace.connections)
    made_by = (__version__, workspace.definitions_digest, connections, workspace.team, workspace.vocabulary, workspace.language)
    content = orjson.dumps(made_by, default=_plainly, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def _plainly(value: Any) -> Any:
    """What orjson does not know: sets in an order of their own, anything else by its text."""
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
