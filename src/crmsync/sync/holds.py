"""What an undo put back, kept out of the plans that follow."""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.mapping import ObjectMapping
from crmsync.model.changes import Change, Refused
from crmsync.model.records import ObjectSchema
from crmsync.planning.diff import FieldRule
from crmsync.planning.holds import hold_back
from crmsync.sync.targets import same_in
from crmsync.sync.workspace import Workspace


def without_held(workspace: Workspace, changes: Iterable[Change]) -> tuple[list[Change], list[Refused]]:
    """The changes without the wishes that an undo took back, and those wishes."""
    given = list(changes)
    held = _held(workspace, given)
    kept: list[Change] = []
    refused: list[Refused] = []
    for change in given:
        place = (change.connection, change.object)
        here = held.get(place, {}).get(change.record_id or "")
        if not here:
            kept.append(change)
            continue
        connection = workspace.connection(change.connection)
        same = same_in(connection.schemas.get(change.object, ObjectSchema(change.object)))
        mapping = connection.mappings.get(change.object)  # memberships have none
        left, stopped = hold_back(change, here, rules_of(mapping) if mapping else {}, same)
        kept.extend([left] if left else [])
        refused.extend(stopped)
    return kept, refused


def rules_of(mapping: ObjectMapping) -> dict[str, FieldRule]:
    """Vendor field → how it may be written."""
    return {write.field: FieldRule(write.policy, write.tolerance, write.alone) for write in mapping.writes}


def _held(workspace: Workspace, changes: Iterable[Change]) -> dict[tuple[str, str], dict[str, dict[str, object]]]:
    """(connection, object) → record id → field → the wish that was undone."""
    ids: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if change.record_id:
            ids.setdefault((change.connection, change.object), []).append(change.record_id)
    return {place: workspace.store.holds.of(*place, mine) for place, mine in ids.items()}
