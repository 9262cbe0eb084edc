"""Overrides: fields that we had written and that people have set since, as evidence that a rule is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from crmsync.mapping.values import WriteField
from crmsync.model.entities import FieldChange
from crmsync.model.records import ObjectSchema, RecordRef
from crmsync.store.overrides import Override
from crmsync.sync.plan import Prepared
from crmsync.sync.targets import same_in
from crmsync.sync.workspace import Workspace

Seen = tuple[RecordRef, str, Any]
"""A field of a record and what stands there now."""


def find_overrides(workspace: Workspace, prepared: Prepared) -> list[Override]:
    """What this plan saw that people had set after us: what it leaves alone, and what the decision took over. Not yet stored."""
    refused = [(r.ref, r.field, r.current) for r in prepared.plan.refused if r.why == "human_edit"]
    bases = workspace.store.bases.of({ref for ref, _ in prepared.accounted})
    moved = [(*place, value) for place, value in prepared.accounted.items() if bases.get(place) is not None]
    return _Finding(workspace, prepared, [*refused, *moved]).overrides() if refused or moved else []


def override_counts(workspace: Workspace) -> pl.DataFrame:
    """source, cause, definition, count, last_at: how often people set something else than what rested on this; the most first."""
    groups = workspace.store.overrides.frame().group_by("source", "cause", "definition")
    counted = groups.agg(pl.len().cast(pl.Int64).alias("count"), pl.col("seen_at").max().alias("last_at"))
    return counted.sort(["count", "source", "cause", "definition"], descending=[True, False, False, False])


class _Finding:
    """What is to be known of the records at hand to tell an override from everything else that changes."""

    def __init__(self, workspace: Workspace, prepared: Prepared, seen: Sequence[Seen]) -> None:
        refs = [ref for ref, _, _ in seen]
        self.workspace = workspace
        self.seen = sorted(seen, key=lambda one: (one[0], one[1]))
        self.persons = workspace.store.identity.persons_of(str(ref) for ref in refs)
        self.ours = _last_written(workspace, refs)
        self.authors = _authors(workspace, refs)
        held = workspace.store.holds.frame()
        self.held = set(held.select("connection", "object", "record_id", "field").iter_rows())
        mine = pl.col("person_id").is_in(sorted(set(self.persons.values())))
        self.wishes = _rows(prepared.decided.desired.filter(mine))
        self.states = _rows(prepared.decided.before.state.filter(mine))

    def overrides(self) -> list[Override]:
        found = (self._override(*one) for one in self.seen)
        return [override for override in found if override is not None]

    def _override(self, ref: RecordRef, field: str, theirs: Any) -> Override | None:
        """A value of ours that somebody has replaced while we still wish something there. A rep's own progress in a field that we
        only ever began is none, nor is what an undo put back."""
        write, person = self._write(ref, field), self.persons.get(str(ref))
        is_held = (ref.connection, ref.object, ref.id, field) in self.held
        if write is None or person is None or is_held or (ref, field) not in self.ours:
            return None
        ours, wish = self.ours[ref, field], self.wishes.get(person, {}).get(write.source)
        same = same_in(self.workspace.connection(ref.connection).schemas.get(ref.object, ObjectSchema(ref.object)))
        if wish is None or (write.values and str(wish) not in write.values) or same(field, ours, theirs):
            return None
        state = self.states.get(person, {})
        cause = state.get("owner_because") if write.source == "owner" else self.wishes[person].get("phase")
        by = self.authors.get((str(ref), field))
        return Override(ref, field, person, write.source, ours, theirs, cause or "", state.get("definition") or "", by)

    def _write(self, ref: RecordRef, field: str) -> WriteField | None:
        mapping = self.workspace.connection(ref.connection).mappings.get(ref.object)
        return mapping.write_of(field) if mapping else None


def _last_written(workspace: Workspace, refs: Iterable[RecordRef]) -> dict[tuple[RecordRef, str], Any]:
    """(record, field) → the last value of ours that arrived there. A base may also be what people had set before."""
    found: dict[tuple[RecordRef, str], Any] = {}
    for one in workspace.store.outbox.sent_after("", {ref.id for ref in refs}):
        if not one.change.undoes:
            ref = RecordRef(one.change.connection, one.change.object, str(one.record_id))
            found.update({(ref, name): value for name, value in one.change.values().items()})
    return found


def _authors(workspace: Workspace, refs: Sequence[RecordRef]) -> dict[tuple[str, str], str]:
    """(record, field) → who changed it last, where the CRM keeps a history of it."""
    if not refs:
        return {}
    changes = workspace.store.entities.frame(FieldChange).filter(pl.col("record").is_in([str(ref) for ref in refs])).sort("at")
    return {(row["record"], row["field"]): row["by"] for row in changes.iter_rows(named=True) if row["by"]}


def _rows(frame: pl.DataFrame) -> Mapping[str, dict[str, Any]]:
    return {row["person_id"]: row for row in frame.iter_rows(named=True)}
