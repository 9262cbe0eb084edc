"""HubSpot's answers as RawRecords. Keys that are missing or new break nothing: HubSpot adds some without warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmsync.model.records import RawRecord
from crmsync_hubspot.objects import OBJECTS, PRIMARY_TYPES
from crmsync_hubspot.values import cleaned, instant
from crmsync_hubspot.windows import SEARCH_LIMIT

MERGED_IDS = "hs_merged_object_ids"

Row = Mapping[str, Any]
Related = Mapping[str, Mapping[str, Sequence[str]]]


def modified_property(object: str) -> str:
    """The property that moves with every edit of this object."""
    return OBJECTS[object].modified


def record_of(object: str, row: Row, related: Related | None = None) -> RawRecord:
    """One row of list, search or batch/read. `related` maps target object → record id → ids, put in under `associations.…`
    (an empty list where a record has none, so that a removed link is seen)."""
    properties = row.get("properties") or {}
    fields = cleaned(properties)
    id_ = str(row.get("id") or properties.get("hs_object_id"))
    for target, ids in (related or {}).items():
        fields[f"associations.{target}"] = list(ids.get(id_, ()))
    modified = instant(row.get("updatedAt")) or instant(properties.get(modified_property(object)))
    return RawRecord(object, id_, fields, modified, is_deleted=row.get("archived") is True)


def archived_record(object: str, row: Row) -> RawRecord:
    """One row of the recycle bin. Its last version is when it went there, as far as HubSpot says."""
    record = record_of(object, row)
    gone_at = instant(row.get("archivedAt")) or record.modified_at
    return RawRecord(object, record.id, record.fields, gone_at, is_deleted=True)


def losers_of(record: RawRecord) -> tuple[RawRecord, ...]:
    """The records that merges took into this one. `hs_merged_object_ids` names them all, also through a chain of merges
    (`hs_calculated_merged_vids` does not); the loser is replaced, never just deleted."""
    ids = str(record.fields.get(MERGED_IDS) or "").split(";")
    return tuple(
        RawRecord(record.object, id_, {}, record.modified_at, is_deleted=True, replaced_by=record.id)
        for id_ in dict.fromkeys(part.strip() for part in ids)
        if id_ and id_ != record.id
    )


def with_losers(records: Sequence[RawRecord]) -> tuple[RawRecord, ...]:
    """The records, each followed by those it replaced."""
    return tuple(one for record in records for one in (record, *losers_of(record)))


def associated_ids(row: Row) -> list[str]:
    """The ids on the other side of one association row: each once, the primary first, then as HubSpot gave them.
    `toObjectId` is a number in some answers and text in others; one pair comes once per label or with several labels."""
    found = row.get("to") or ()
    primary = [str(to["toObjectId"]) for to in found if _is_primary(to)]
    return list(dict.fromkeys([*primary, *(str(to["toObjectId"]) for to in found)]))


def _is_primary(to: Mapping[str, Any]) -> bool:
    return any(
        kind.get("typeId") in PRIMARY_TYPES and kind.get("category", "HUBSPOT_DEFINED") == "HUBSPOT_DEFINED"
        for kind in to.get("associationTypes") or ()
    )


def next_after(answer: Mapping[str, Any]) -> str | None:
    """The cursor of the next page of a listing; None on the last."""
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if after in (None, "") else str(after)


def ends_search(answer: Mapping[str, Any]) -> bool:
    """Whether a search that goes on by id is at its end: it gave fewer rows than it may, and knows of no more. Pages that a portal
    makes shorter than they were asked for are not the end."""
    rows = answer.get("results") or ()
    return not rows or (len(rows) < SEARCH_LIMIT and next_after(answer) is None)
