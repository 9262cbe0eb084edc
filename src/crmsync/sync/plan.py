"""plan: compare what is wanted with what is there, for everyone for whom either side has moved. In memory alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from crmsync.errors import CrmsyncError
from crmsync.mapping import ObjectMapping, render
from crmsync.model.changes import Change, Plan
from crmsync.model.memberships import Standing
from crmsync.model.records import ObjectSchema, RecordRef
from crmsync.planning.diff import FieldRule, RecordDiff, Target, diff_record
from crmsync.planning.plan import make_plan
from crmsync.planning.writing import sift
from crmsync.sync.decide import Decided
from crmsync.sync.guard import guarded
from crmsync.sync.holds import without_held
from crmsync.sync.lapses import lapsed_overrides
from crmsync.sync.plan_memberships import plan_memberships
from crmsync.sync.plan_tasks import Placement, TaskDesk, clocks_without_task
from crmsync.sync.pull import describe
from crmsync.sync.scope import Look, Scope, find_scope
from crmsync.sync.targets import PersonRecord, departed, person_records, same_in, user_ids
from crmsync.sync.workspace import Connection, Workspace

_log = structlog.get_logger("crmsync.sync.plan")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cycle decided and planned, not yet kept.

    `persons` were looked at, at the connections of `looked_through`; those `waiting` have something at an `unreachable` one, which
    did not answer, and are looked at again, as are those of whom something is `held_back`. `accounted` are shared fields whose
    present value is now taken into account. `held` are the keys of wishes that a CRM refused and that nothing has changed about:
    they are not sent again. `standings` are what memberships stand at without a change. `homeless` are persons with a running clock
    (and its kind) for which no task stands, and none is about to."""

    decided: Decided
    plan: Plan
    persons: tuple[str, ...]
    looked_through: Mapping[str, Look] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()
    waiting: frozenset[str] = frozenset()
    accounted: Mapping[tuple[RecordRef, str], Any] = field(default_factory=dict)
    placements: tuple[Placement, ...] = ()
    standings: Mapping[RecordRef, Standing | None] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    homeless: tuple[tuple[str, str], ...] = ()

    @property
    def seqs(self) -> dict[str, int]:
        """Connection → the newest staged version that was looked at."""
        return {name: look.seq for name, look in self.looked_through.items()}

    @property
    def sendable(self) -> tuple[Change, ...]:
        """What is sent: the plan but for the connections that a guard has halted."""
        return tuple(change for change in self.plan.changes if change.connection not in self.plan.halted)

    @property
    def held_back(self) -> tuple[Change, ...]:
        """What is not sent though it is wanted: halted by a guard, withheld by a policy or the roll-out."""
        halted = (change for change in self.plan.changes if change.connection in self.plan.halted)
        return (*halted, *(one.change for one in self.plan.withheld))


def described(workspace: Workspace, *, again: bool = False) -> list[Connection]:
    """The connections that can say what their objects look like. `again` asks the CRMs anew: the pull before has not."""
    return [connection for connection in workspace.connections if _is_described(connection, again=again)]


def plan(workspace: Workspace, decided: Decided, now: datetime, reachable: Sequence[Connection]) -> Prepared:
    """What to write now, in the connections that are `reachable`."""
    names = {connection.name for connection in reachable}
    taskless = clocks_without_task(workspace, decided)
    scope = find_scope(workspace, decided, reachable, taskless.values())
    users = user_ids(workspace)
    records = [r for r in person_records(workspace, scope.persons) if r.ref.connection in users]
    diffs = list(_diffs(workspace, reachable, records, decided, users, now))
    tasks = TaskDesk(workspace, decided, records, users, scope.persons, names).plan()
    lists = plan_memberships(workspace, decided, reachable, (r for r in records if r.ref.connection in names))
    free, undone = without_held(workspace, [*(d.change for d in diffs if d.change), *tasks.changes, *lists.changes])
    changes, held = _without_refusals(scope, free)
    coming = {change.key_value for change in changes}
    sifted = sift(changes, {c.name: c.writing for c in reachable}, _names(workspace, decided, records))
    refused = [*(r for d in diffs for r in d.refused), *tasks.refused, *lists.refused, *undone]
    kinds = dict(decided.decisions.tasks.select("clock_id", "kind").iter_rows())
    return Prepared(
        decided=decided,
        plan=guarded(workspace, make_plan(sifted.changes, refused, now, sifted.withheld), now),
        persons=scope.persons,
        looked_through=scope.looks,
        unreachable=tuple(c.name for c in workspace.connections if c.name not in names),
        waiting=tasks.waiting | {r.person_id for r in records if r.ref.connection not in names},
        accounted={(d.ref, name): value for d in diffs for name, value in d.accounted.items()},
        placements=tasks.placements,
        standings=lists.standings,
        held=held,
        homeless=tuple((person, kinds[clock]) for clock, person in sorted(taskless.items()) if clock not in coming),
    )


def _names(workspace: Workspace, decided: Decided, records: Iterable[PersonRecord]) -> Callable[[str], Collection[str]]:
    """What a person is called besides their id, where some roll-out names people: their address and their records."""
    names: dict[str, set[str]] = {}
    if any(connection.writing.rollout.first for connection in workspace.connections):
        for person, email in decided.facts.persons.select("person_id", "email").iter_rows():
            names[person] = {email.lower()} if email else set()
        for record in records:
            names.setdefault(record.person_id, set()).add(str(record.ref))
    return lambda person: names.get(person, ())


def _is_described(connection: Connection, *, again: bool) -> bool:
    """A connection that cannot say what its objects look like is left out of this plan; its persons wait for it."""
    try:
        describe(connection, again=again)
    except CrmsyncError as error:
        _log.warning("connection_not_described", connection=connection.name, code=error.code)
        return False
    return True


def _without_refusals(scope: Scope, changes: Iterable[Change]) -> tuple[list[Change], frozenset[str]]:
    """The changes to send, and the keys of those that their CRM refused already and would refuse again."""
    kept, held = [], set()
    for change in changes:
        if change.key in scope.refusals and not scope.is_worth_another_try(change):
            held.add(change.key)
        else:
            kept.append(change)
    return kept, frozenset(held)


def _diffs(
    workspace: Workspace,
    connections: Iterable[Connection],
    records: Iterable[PersonRecord],
    decided: Decided,
    users: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Iterator[RecordDiff]:
    """Compare every writable record of which something is wanted."""
    wishes = {row["person_id"]: row for row in decided.desired.iter_rows(named=True)}
    persons: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        if not record.is_read_only and record.person_id in wishes:
            persons.setdefault((record.ref.connection, record.ref.object), {})[record.ref.id] = record.person_id
    gone, outvoted = departed(workspace), decided.outvoted()
    for connection in connections:
        wanted = _Wanted(wishes, users[connection.name], gone[connection.name], now, outvoted)
        for object_, mapping in connection.mappings.items():
            mine = persons.get((connection.name, object_), {})
            if mine and mapping.writes:
                yield from _object_diffs(workspace, connection, mapping, mine, wanted)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is wanted of each person, how reps are called in this CRM, which of its users have left, the instant, and the records
    whose hand-made owner lost to a newer one made by hand elsewhere."""

    wishes: Mapping[str, Mapping[str, Any]]
    users: Mapping[str, str]
    gone: frozenset[str]
    now: datetime
    outvoted: frozenset[str]


def _object_diffs(
    workspace: Workspace, connection: Connection, mapping: ObjectMapping, persons: Mapping[str, str], wanted: _Wanted
) -> Iterator[RecordDiff]:
    """Compare the records (id → person) of one object."""
    object_ = mapping.object
    schema = connection.schemas.get(object_, ObjectSchema(object_))
    rules = {w.field: FieldRule(w.policy, w.tolerance, w.alone) for w in mapping.writes if w.field in schema.fields}
    raw = workspace.store.staging.latest(connection.name, object_, persons)
    bases = _bases(workspace, [RecordRef(connection.name, object_, id_) for id_ in persons])
    lapsed = lapsed_overrides(workspace, connection.name, mapping, wanted.now)
    owners = [write.field for write in mapping.writes if write.codec == "user"]
    for id_, person in persons.items():
        record = raw.get(id_)
        if record is None:
            continue
        ref, wish = RecordRef(connection.name, object_, id_), wanted.wishes[person]
        values, unrendered = render(mapping, wish, user_ids=wanted.users, schema=schema)
        is_outvoted = str(ref) in wanted.outvoted
        void = frozenset(name for name in owners if is_outvoted or record.fields.get(name) in wanted.gone)
        target = Target(ref, person, record.modified_at, record.fields, bases.get(ref, {}), void | lapsed.get(id_, frozenset()))
        unwritable = [(name, why) for name, why in unrendered if why != "field_missing"]
        yield diff_record(target, values, rules, same_in(schema), wish.get("phase") or "", unwritable)


def _bases(workspace: Workspace, refs: Sequence[RecordRef]) -> dict[RecordRef, dict[str, Any]]:
    grouped: dict[RecordRef, dict[str, Any]] = {}
    for (ref, name), value in workspace.store.bases.of(refs).items():
        grouped.setdefault(ref, {})[name] = value
    return grouped
