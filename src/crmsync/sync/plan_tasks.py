"""The tasks' part of a plan: one open task per running clock, in the CRM where its owner works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from crmsync.mapping import ObjectMapping, TaskMapping, marked, render
from crmsync.messages import Language
from crmsync.model.changes import Association, Change, Operation, Refused
from crmsync.model.records import ObjectSchema, RawRecord, RecordRef
from crmsync.planning.tasks import TaskTarget, diff_task
from crmsync.sync import brief
from crmsync.sync.decide import Decided
from crmsync.sync.targets import PersonRecord, same_in, task_connection
from crmsync.sync.workspace import Connection, Workspace

# A plain create whose answer was lost is not sent again before the CRM has been read this long after it: Salesforce shows a row
# up to five minutes late (the connector's lag), HubSpot's index some seconds.
LOST_CREATE_SHOWS_AFTER = timedelta(minutes=15)
_DUE = ("due_at", "due_date")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a task is to be created: decided once, before anything is sent. `ref.id` is empty until the CRM names it."""

    clock_id: str
    ref: RecordRef
    person_ref: RecordRef


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """The changes, the placements they rely on, what is left alone, and the persons whose task stands in a CRM that did not
    answer."""

    changes: tuple[Change, ...] = ()
    placements: tuple[Placement, ...] = ()
    refused: tuple[Refused, ...] = ()
    waiting: frozenset[str] = frozenset()


def clocks_without_task(workspace: Workspace, decided: Decided) -> dict[str, str]:
    """clock_id → person_id of every task that shall be open and that no CRM has: not made yet, or with no place to be."""
    wanted = dict(decided.decisions.tasks.filter("is_open").select("clock_id", "person_id").iter_rows())
    made = workspace.store.placed_tasks.created(wanted)
    missing = {clock: person for clock, person in wanted.items() if clock not in made}
    seen = workspace.store.entities.tasks(missing)
    return {clock: person for clock, person in missing.items() if clock not in seen}


class TaskDesk:
    """What is needed to place and word the tasks of one plan. `users` holds every configured connection, `reachable` the names of
    those that answer."""

    def __init__(
        self,
        workspace: Workspace,
        decided: Decided,
        records: Sequence[PersonRecord],
        users: Mapping[str, Mapping[str, str]],
        persons: Sequence[str],
        reachable: set[str],
    ) -> None:
        self.workspace = workspace
        self.users = users
        self.connections = {c.name: c for c in workspace.connections if c.name in reachable}
        self.wanted = decided.decisions.tasks.filter(pl.col("person_id").is_in(list(persons))).sort("clock_id")
        self.placed = workspace.store.placed_tasks.of(self.wanted["clock_id"])
        self.seen = workspace.store.entities.tasks(self.wanted["clock_id"])
        self.raw = _raw(workspace, self._standing())
        self.records: dict[str, list[PersonRecord]] = {}
        for record in records:
            self.records.setdefault(record.person_id, []).append(record)
        self.people = _rows(decided.facts.persons, persons)
        self.scores = _rows(decided.decisions.scores, persons)
        self.wishes = _rows(decided.desired, persons)
        self.reps = {row["rep_id"]: row for row in decided.facts.reps.iter_rows(named=True)}

    def plan(self) -> TaskPlan:
        """Compare the wanted tasks with those that stand."""
        changes: list[Change] = []
        placements: list[Placement] = []
        refused: list[Refused] = []
        waiting: set[str] = set()
        for task in self.wanted.iter_rows(named=True):
            place = self.place(task)
            if place is None:
                continue
            if task["clock_id"] not in self.placed:
                placements.append(place)
            if self._may_still_show(task["clock_id"], place):
                waiting.add(task["person_id"])
            elif place.ref.connection in self.connections:
                change, left_alone = self.change(task, place)
                changes.extend([change] if change else [])
                refused.extend(left_alone)
            elif place.ref.connection in self.users:
                waiting.add(task["person_id"])
        return TaskPlan(tuple(changes), tuple(placements), tuple(refused), frozenset(waiting))

    def place(self, task: Mapping[str, Any]) -> Placement | None:
        """Where the task stands, or where it is to stand."""
        clock_id = task["clock_id"]
        if clock_id in self.placed:
            placed = self.placed[clock_id]
            ref = RecordRef(placed["connection"], placed["object"], placed["record_id"] or "")
            return Placement(clock_id, self._found(clock_id) or ref, self._whose(task, placed))
        if not task["is_open"] and clock_id not in self.seen:
            return None
        found = task_connection(self.workspace, self.records.get(task["person_id"], ()), task["owner"] or "", self.users)
        if found is None:
            return None
        connection, record = found
        if not (connection.name in self.connections and _can_carry_tasks(connection)):
            return None
        new = RecordRef(connection.name, str(connection.connector.capabilities.task_object), "")
        return Placement(clock_id, self._found(clock_id) or new, record.ref)

    def change(self, task: Mapping[str, Any], place: Placement) -> tuple[Change | None, list[Refused]]:
        """The change that brings the task to what is wanted, and which of its wishes its CRM cannot hold."""
        connection = self.connections[place.ref.connection]
        mapping, schema = connection.mappings.get(place.ref.object), connection.schemas.get(place.ref.object)
        way = _way_of_creating(mapping.tasks, schema) if mapping and mapping.tasks and schema else None
        if mapping is None or mapping.tasks is None or schema is None or way is None:
            return None, []
        target = self._target(task, place, mapping.tasks, way)
        if target.is_closed or (target.current is None and not task["is_open"]):
            return None, []
        wish = self._wish(task, place) if target.current is None else self._lasting_wish(task)
        if self._is_retold(wish, target, mapping, schema):
            wish["body"] = self._body(task)
        values, unrendered = render(mapping, wish, user_ids=self.users[connection.name], schema=schema)
        values.pop(mapping.tasks.upsert_by, None)
        if target.creation == "create" and (target.current is None or target.key_field in values):
            values[target.key_field] = marked(values.get(target.key_field) or "", task["clock_id"])
        left_alone = [Refused(place.ref, name, None, None, why) for name, why in unrendered if why != "field_missing"]
        return diff_task(target, values, same_in(schema), is_open=task["is_open"], because=task["kind"]), left_alone

    def _whose(self, task: Mapping[str, Any], placed: Mapping[str, Any]) -> RecordRef:
        """The record that the task is for: the one it was placed for. A task that was never confirmed follows its person, whose
        record may have been merged into another one since."""
        first = RecordRef.parse(placed["person_ref"])
        live = [record.ref for record in self.records.get(task["person_id"], ()) if not record.is_read_only]
        near = sorted(ref for ref in live if (ref.connection, ref.object) == (first.connection, first.object))
        return first if placed["record_id"] or first in live or not near else near[0]

    def _standing(self) -> Iterator[RecordRef]:
        """The record of every task that some CRM has taken."""
        yield from (RecordRef.parse(row["ref"]) for row in self.seen.values())
        placed = (row for clock_id, row in self.placed.items() if row["record_id"] and clock_id not in self.seen)
        yield from (RecordRef(row["connection"], row["object"], row["record_id"]) for row in placed)

    def _found(self, clock_id: str) -> RecordRef | None:
        """The task as a CRM shows it: also one that an earlier installation, or a lost answer, has left there."""
        seen = self.seen.get(clock_id)
        return RecordRef.parse(seen["ref"]) if seen else None

    def _may_still_show(self, clock_id: str, place: Placement) -> bool:
        """Whether a task that was sent without an answer may stand in its CRM though it has not been seen yet."""
        since = self.placed.get(clock_id, {}).get("unanswered_since")
        if since is None or clock_id in self.seen:
            return False
        looked_at = self.workspace.store.staging.looked_at(place.ref.connection, place.ref.object)
        return looked_at is None or looked_at < since + LOST_CREATE_SHOWS_AFTER

    def _target(self, task: Mapping[str, Any], place: Placement, mapping: TaskMapping, way: tuple[str, Operation]) -> TaskTarget:
        seen, raw = self.seen.get(task["clock_id"]), self.raw.get(place.ref)
        is_unconfirmed = self.placed.get(task["clock_id"], {"record_id": place.ref.id})["record_id"] is None
        current: Mapping[str, Any] | None = None
        if seen is not None:
            current = raw.fields if raw else {}
        elif place.ref.id:
            current = self.placed[task["clock_id"]]["body"]
        # One that was deleted before it was ever pulled is known by its raw version alone.
        is_gone = raw is not None and raw.is_deleted
        is_associated = place.person_ref.object in mapping.person_associations
        return TaskTarget(
            ref=place.ref,
            person_id=task["person_id"],
            key_field=way[0],
            key=task["clock_id"],
            person=Association(place.person_ref.object, place.person_ref.id) if is_associated else None,
            current=current,
            is_closed=is_gone or (seen is not None and (seen["is_closed"] or seen["is_deleted"])),
            creation=way[1],
            is_loose=seen is not None and is_unconfirmed,
        )

    def _is_retold(self, wish: Mapping[str, Any], target: TaskTarget, mapping: ObjectMapping, schema: ObjectSchema) -> bool:
        """Whether the due time of an open task moves and its text, which tells the old one, is still as we wrote it."""
        if target.current is None or not wish["is_open"]:
            return False
        current, equal, written = target.current, same_in(schema), self.placed.get(target.key, {}).get("body", {})
        due, _ = render(mapping, {name: wish[name] for name in _DUE}, user_ids={}, schema=schema)
        texts = [write.field for write in mapping.writes if write.source == "body"]
        is_ours = all(name in written and equal(name, current.get(name), written[name]) for name in texts)
        return is_ours and any(not equal(name, current.get(name), value) for name, value in due.items())

    def _lasting_wish(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept in step as long as the task is open. What a rep reads there is not rewritten under their eyes as the score
        decays, and the CRM itself moves a task from a lead to the contact that the lead becomes."""
        _, zone = self._reader(task["owner"])
        due_at = task["due_at"]
        return {
            "key": task["clock_id"],
            "due_at": due_at,
            "due_date": due_at.astimezone(ZoneInfo(zone)).date() if due_at else None,
            "owner": task["owner"],
            "is_open": task["is_open"],
            "priority": task["priority"],
        }

    def _wish(self, task: Mapping[str, Any], place: Placement) -> dict[str, Any]:
        """All that a new task says."""
        person = task["person_id"]
        language, _ = self._reader(task["owner"])
        return {
            **self._lasting_wish(task),
            "kind": task["kind"],
            "subject": brief.subject(task["kind"], self.people[person], language),
            "body": self._body(task),
            "person": place.person_ref,
        }

    def _body(self, task: Mapping[str, Any]) -> str:
        """The brief, in the words of the rep who will read it."""
        person = task["person_id"]
        language, zone = self._reader(task["owner"])
        return brief.body(task["kind"], task, self.wishes[person], self.scores.get(person, {}), zone, language)

    def _reader(self, owner: str | None) -> tuple[Language, str]:
        """The language and the time zone of the rep who will read the task."""
        rep = self.reps.get(owner or "", {})
        languages = [name for name in rep.get("languages") or () if name in ("ja", "en")]
        calendar = self.workspace.definitions.calendars.named(rep.get("calendar"))
        return (languages[0] if languages else self.workspace.language), calendar.time_zone


def _raw(workspace: Workspace, refs: Iterable[RecordRef]) -> dict[RecordRef, RawRecord]:
    """The newest stored version of each of these records, object by object."""
    ids: dict[tuple[str, str], set[str]] = {}
    for ref in refs:
        ids.setdefault((ref.connection, ref.object), set()).add(ref.id)
    return {
        RecordRef(connection, object_, id_): record
        for (connection, object_), mine in ids.items()
        for id_, record in workspace.store.staging.latest(connection, object_, sorted(mine)).items()
    }


def _can_carry_tasks(connection: Connection) -> bool:
    """Whether a task of ours could be told from others in this CRM; where not, one would be made anew each time."""
    object_ = str(connection.connector.capabilities.task_object)
    mapping, schema = connection.mappings.get(object_), connection.schemas.get(object_)
    return bool(mapping and mapping.tasks and schema and _way_of_creating(mapping.tasks, schema))


def _way_of_creating(mapping: TaskMapping, schema: ObjectSchema) -> tuple[str, Operation] | None:
    """The field that holds our key and how a task is created by it; None where there is none."""
    if mapping.upsert_by in schema.fields:
        return mapping.upsert_by, "upsert"
    return (mapping.key_in, "create") if mapping.key_in and mapping.key_in in schema.fields else None


def _rows(frame: pl.DataFrame, persons: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {row["person_id"]: row for row in frame.filter(pl.col("person_id").is_in(list(persons))).iter_rows(named=True)}
