"""The tasks' part of a plan: one open task per running clock, in the CRM where its owner works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.mapping import ObjectMapping, render
from crmsync.messages import Language
from crmsync.model.changes import Association, Change
from crmsync.model.records import ObjectSchema, RawRecord, RecordRef
from crmsync.planning.tasks import TaskTarget, diff_task
from crmsync.sync import brief
from crmsync.sync.decide import Decided
from crmsync.sync.targets import PersonRecord, same_in, task_connection, tasks_seen
from crmsync.sync.workspace import Connection, Workspace

# Written once, with the task: what a rep reads there is not rewritten under their eyes as the score decays, and the CRM itself
# moves a task from a lead to the contact that the lead becomes.
ONLY_ON_CREATE = frozenset({"subject", "body", "person", "kind"})


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a task is to be created: decided once, before anything is sent. `ref.id` is empty until the CRM names it."""

    clock_id: str
    ref: RecordRef
    person_ref: RecordRef


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """The changes, the placements they rely on, and the persons whose task has no place in any CRM."""

    changes: tuple[Change, ...] = ()
    placements: tuple[Placement, ...] = ()
    homeless: tuple[str, ...] = ()


def plan_tasks(
    workspace: Workspace,
    decided: Decided,
    records: Sequence[PersonRecord],
    users: Mapping[str, Mapping[str, str]],
    persons: Sequence[str],
) -> TaskPlan:
    """Compare the wanted tasks of these persons with those that stand."""
    wanted = decided.decisions.tasks.filter(pl.col("person_id").is_in(list(persons))).sort("clock_id")
    desk = _Desk(workspace, decided, records, users, wanted)
    changes, placements, homeless = [], [], []
    for task in wanted.iter_rows(named=True):
        place = desk.place(task)
        if place is None:
            homeless.extend([task["person_id"]] if task["is_open"] else [])
            continue
        if task["clock_id"] not in desk.placed:
            placements.append(place)
        change = desk.change(task, place)
        changes.extend([change] if change else [])
    return TaskPlan(tuple(changes), tuple(placements), tuple(sorted(homeless)))


class _Desk:
    """What is needed to place and word the tasks of one plan."""

    def __init__(
        self,
        workspace: Workspace,
        decided: Decided,
        records: Sequence[PersonRecord],
        users: Mapping[str, Mapping[str, str]],
        wanted: pl.DataFrame,
    ) -> None:
        ids = wanted["person_id"].unique()
        self.workspace = workspace
        self.users = users
        self.placed = workspace.store.outbox.placed_tasks(wanted["clock_id"])
        self.seen = tasks_seen(workspace)
        self.raw = _raw(workspace, self.seen, wanted)
        self.records: dict[str, list[PersonRecord]] = {}
        for record in records:
            self.records.setdefault(record.person_id, []).append(record)
        self.people = _rows(decided.facts.persons, ids)
        self.scores = _rows(decided.decisions.scores, ids)
        self.wishes = _rows(decided.desired, ids)
        self.reps = {row["rep_id"]: row for row in decided.facts.reps.iter_rows(named=True)}

    def place(self, task: Mapping[str, Any]) -> Placement | None:
        """Where the task stands, or where it is to stand."""
        clock_id = task["clock_id"]
        if clock_id in self.placed:
            placed = self.placed[clock_id]
            ref = RecordRef(placed["connection"], placed["object"], placed["record_id"] or "")
            return Placement(clock_id, self._found(clock_id) or ref, RecordRef.parse(placed["person_ref"]))
        if not task["is_open"] and clock_id not in self.seen:
            return None
        found = task_connection(self.workspace, self.records.get(task["person_id"], ()), task["owner"] or "", self.users)
        if found is None:
            return None
        connection, record = found
        if not _can_carry_tasks(connection):
            return None
        new = RecordRef(connection.name, str(connection.connector.capabilities.task_object), "")
        return Placement(clock_id, self._found(clock_id) or new, record.ref)

    def change(self, task: Mapping[str, Any], place: Placement) -> Change | None:
        """The change that brings the task to what is wanted."""
        connection = self.workspace.connection(place.ref.connection)
        mapping = connection.mappings[place.ref.object]
        schema = connection.schemas.get(place.ref.object)
        if mapping.tasks is None or schema is None or mapping.tasks.upsert_by not in schema.fields:
            return None
        target = self._target(task, place, mapping, mapping.tasks.upsert_by)
        desired = self._desired(task, place, connection, mapping, schema, is_new=target.current is None)
        desired.pop(mapping.tasks.upsert_by, None)
        return diff_task(target, desired, same_in(schema), is_open=task["is_open"], because=task["kind"])

    def _found(self, clock_id: str) -> RecordRef | None:
        """The task as a CRM shows it: also one that an earlier installation, or a lost answer, has left there."""
        seen = self.seen.get(clock_id)
        return RecordRef.parse(seen["ref"]) if seen else None

    def _target(self, task: Mapping[str, Any], place: Placement, mapping: ObjectMapping, key_field: str) -> TaskTarget:
        seen = self.seen.get(task["clock_id"])
        current: Mapping[str, Any] | None = None
        if seen is not None:
            raw = self.raw.get(place.ref)
            current = raw.fields if raw else {}
        elif place.ref.id:
            current = self.placed[task["clock_id"]]["body"]
        associated = mapping.tasks is not None and place.person_ref.object in mapping.tasks.person_associations
        return TaskTarget(
            ref=place.ref,
            person_id=task["person_id"],
            key_field=key_field,
            key=task["clock_id"],
            person=Association(place.person_ref.object, place.person_ref.id) if associated else None,
            current=current,
            is_closed=seen is not None and (seen["is_closed"] or seen["is_deleted"]),
        )

    def _desired(
        self,
        task: Mapping[str, Any],
        place: Placement,
        connection: Connection,
        mapping: ObjectMapping,
        schema: ObjectSchema,
        *,
        is_new: bool,
    ) -> dict[str, Any]:
        wish = self._wish(task, place)
        if not is_new:
            wish = {name: value for name, value in wish.items() if name not in ONLY_ON_CREATE}
        values, _ = render(mapping, wish, user_ids=self.users[connection.name], schema=schema)
        return values

    def _wish(self, task: Mapping[str, Any], place: Placement) -> dict[str, Any]:
        person = task["person_id"]
        language, zone = self._reader(task["owner"])
        due_at = task["due_at"]
        return {
            "key": task["clock_id"],
            "kind": task["kind"],
            "subject": brief.subject(task["kind"], self.people[person], language),
            "body": brief.body(task["kind"], task, self.wishes[person], self.scores.get(person, {}), zone, language),
            "due_at": due_at,
            "due_date": due_at.astimezone(ZoneInfo(zone)).date() if due_at else None,
            "owner": task["owner"],
            "is_open": task["is_open"],
            "priority": task["priority"],
            "person": place.person_ref,
        }

    def _reader(self, owner: str | None) -> tuple[Language, str]:
        """The language and the time zone of the rep who will read the task."""
        rep = self.reps.get(owner or "", {})
        languages = [name for name in rep.get("languages") or () if name in ("ja", "en")]
        calendar = self.workspace.definitions.calendars.named(rep.get("calendar"))
        return (languages[0] if languages else self.workspace.language), calendar.time_zone


def _raw(workspace: Workspace, seen: Mapping[str, Mapping[str, Any]], wanted: pl.DataFrame) -> dict[RecordRef, RawRecord]:
    """The newest version of every task that a CRM shows, object by object."""
    ids: dict[tuple[str, str], set[str]] = {}
    for clock_id in wanted["clock_id"]:
        if clock_id in seen:
            ref = RecordRef.parse(seen[clock_id]["ref"])
            ids.setdefault((ref.connection, ref.object), set()).add(ref.id)
    return {
        RecordRef(connection, object_, id_): record
        for (connection, object_), mine in ids.items()
        for id_, record in workspace.store.staging.latest(connection, object_, sorted(mine)).items()
    }


def _can_carry_tasks(connection: Connection) -> bool:
    """Whether the CRM's tasks have the field by which we find ours again; without it a task would be made anew each time."""
    object_ = str(connection.connector.capabilities.task_object)
    mapping, schema = connection.mappings.get(object_), connection.schemas.get(object_)
    return mapping is not None and mapping.tasks is not None and schema is not None and mapping.tasks.upsert_by in schema.fields


def _rows(frame: pl.DataFrame, ids: pl.Series) -> dict[str, dict[str, Any]]:
    return {row["person_id"]: row for row in frame.filter(pl.col("person_id").is_in(ids.implode())).iter_rows(named=True)}
