"""plan: compare what is wanted with what is there, for everyone for whom either side has moved. In memory alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
import structlog

from crmsync.errors import CrmsyncError
from crmsync.mapping import ObjectMapping, render
from crmsync.model.changes import Change, Plan, Refused
from crmsync.model.records import ObjectSchema, RecordRef
from crmsync.planning.diff import FieldRule, Target, diff_record
from crmsync.planning.plan import make_plan
from crmsync.sync.decide import Decided
from crmsync.sync.plan_tasks import Placement, plan_tasks
from crmsync.sync.pull import describe
from crmsync.sync.targets import person_records, same_in, user_ids
from crmsync.sync.workspace import Connection, Workspace

_log = structlog.get_logger("crmsync.sync.plan")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cycle decided and planned, not yet kept. `accounted` are shared fields whose present value is now taken into account;
    `planned_through` says up to which staged version each connection has been looked at."""

    decided: Decided
    plan: Plan
    persons: tuple[str, ...]
    accounted: Mapping[tuple[RecordRef, str], Any] = field(default_factory=dict)
    placements: tuple[Placement, ...] = ()
    homeless: tuple[str, ...] = ()
    planned_through: Mapping[str, int] = field(default_factory=dict)


def plan(workspace: Workspace, decided: Decided, now: datetime) -> Prepared:
    """What to write now."""
    reachable = [connection for connection in workspace.connections if _is_described(connection)]
    persons, through = _candidates(workspace, decided, reachable)
    users = user_ids(workspace)
    records = [r for r in person_records(workspace, persons) if r.ref.connection in {c.name for c in reachable}]
    wishes = {row["person_id"]: row for row in decided.desired.iter_rows(named=True)}
    changes: list[Change] = []
    refused: list[Refused] = []
    accounted: dict[tuple[RecordRef, str], Any] = {}
    for connection in reachable:
        for object_, mapping in connection.mappings.items():
            mine = {
                r.ref.id: r.person_id
                for r in records
                if (r.ref.connection, r.ref.object) == (connection.name, object_) and not r.is_read_only
            }
            if mine and mapping.writes:
                for diff in _diffs(workspace, connection, mapping, mine, wishes, users[connection.name]):
                    changes.extend([diff.change] if diff.change else [])
                    refused.extend(diff.refused)
                    accounted.update(((diff.ref, name), value) for name, value in diff.accounted.items())
    tasks = plan_tasks(workspace, decided, records, users, persons)
    return Prepared(
        decided=decided,
        plan=make_plan([*changes, *tasks.changes], refused, now),
        persons=tuple(persons),
        accounted=accounted,
        placements=tasks.placements,
        homeless=tasks.homeless,
        planned_through=through,
    )


def _is_described(connection: Connection) -> bool:
    """A connection that cannot say what its objects look like is left out of this plan; its persons stay unplanned."""
    try:
        describe(connection)
    except CrmsyncError as error:
        _log.warning("connection_not_described", connection=connection.name, code=error.code)
        return False
    return True


def _candidates(workspace: Workspace, decided: Decided, connections: Iterable[Connection]) -> tuple[list[str], dict[str, int]]:
    """Persons for whom something moved on either side since they were last planned."""
    store = workspace.store
    known = set(decided.desired["person_id"])
    persons = {*store.decided.changed(decided.desired), *store.decided.unplanned(), *store.outbox.unfinished_persons()}
    # Whoever's task had no place is looked at again each time: so the gap stays open until it has one.
    persons.update(store.decided.gaps().filter(pl.col("gap") == "clock_without_task")["person_id"])
    owners = dict(store.identity.links().filter(pl.col("revoked_at").is_null()).select("record", "person_id").iter_rows())
    clocks = dict(decided.decisions.clocks.select("clock_id", "person_id").iter_rows())
    through: dict[str, int] = {}
    for connection in connections:
        after = int(store.runs.meta(f"planned_through:{connection.name}") or 0)
        refs, through[connection.name] = store.staging.learnt_since(connection.name, after)
        persons.update(owners[str(ref)] for ref in refs if str(ref) in owners)
        tasks = store.entities.keys_of_tasks(str(ref) for ref in refs)
        persons.update(clocks[key] for key in tasks if key in clocks)
    return sorted(persons & known), through


@dataclass(frozen=True, slots=True)
class _Diff:
    ref: RecordRef
    change: Change | None
    refused: tuple[Refused, ...]
    accounted: Mapping[str, Any]


def _diffs(
    workspace: Workspace,
    connection: Connection,
    mapping: ObjectMapping,
    persons: Mapping[str, str],
    wishes: Mapping[str, Mapping[str, Any]],
    users: Mapping[str, str],
) -> Iterable[_Diff]:
    """Compare the records (id → person) of one object."""
    object_ = mapping.object
    schema = connection.schemas.get(object_, ObjectSchema(object_))
    rules = {w.field: FieldRule(w.policy, w.tolerance, w.alone) for w in mapping.writes if w.field in schema.fields}
    raw = workspace.store.staging.latest(connection.name, object_, persons)
    bases = _bases(workspace, [RecordRef(connection.name, object_, id_) for id_ in persons])
    for id_, person in persons.items():
        record = raw.get(id_)
        if record is None:
            continue
        ref = RecordRef(connection.name, object_, id_)
        values, unrendered = render(mapping, wishes[person], user_ids=users, schema=schema)
        target = Target(ref, person, record.modified_at, record.fields, bases.get(ref, {}))
        diff = diff_record(target, values, rules, same_in(schema), wishes[person].get("phase") or "")
        unwritable = tuple(
            Refused(ref, name, record.fields.get(name), None, why) for name, why in unrendered if why != "field_missing"
        )
        yield _Diff(ref, diff.change, (*diff.refused, *unwritable), diff.accounted)


def _bases(workspace: Workspace, refs: Sequence[RecordRef]) -> dict[RecordRef, dict[str, Any]]:
    grouped: dict[RecordRef, dict[str, Any]] = {}
    for (ref, name), value in workspace.store.outbox.bases(refs).items():
        grouped.setdefault(ref, {})[name] = value
    return grouped
