"""Pulling the small things that have no changes to ask for: all of them, every time. The store sees what is new by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crmsync.connect.contract import Page
from crmsync.model.records import RawRecord
from crmsync_hubspot.portal import LISTS_REACH, Portal, chunks
from crmsync_hubspot.schema import fixed_schema
from crmsync_hubspot.values import instant, iso
from crmsync_hubspot.vendor import VendorClient

PAGE_SIZE = 500
PIPELINE_OBJECTS = ("deals",)

Row = Mapping[str, Any]


def reference_pages(object: str, portal: Portal, vendor: VendorClient, known: Iterable[str] = ()) -> Iterator[Page]:
    """Everything in one go; the cursor only says when. Of lists, what is stored (`known`) and listed no more is told as gone:
    another of its name may take its place. Raises KeyError for an object that is no reference."""
    readers = {"owners": _owners, "pipelines": _pipelines, "forms": _forms, "lists": _lists}
    records = tuple(readers[object](portal, vendor))
    if object == "lists":
        records += _gone(known, records)
    cursor = {"read_at": iso(portal.client.server_time())}
    for part in chunks(records, PAGE_SIZE) if records else ((),):
        yield Page(tuple(part), cursor, len(records))


def _owners(_portal: Portal, vendor: VendorClient) -> Iterator[RawRecord]:
    """Active and archived owners: records still name those who left. An archived owner is a fact, not a deleted record."""
    for is_archived in (False, True):
        for row in vendor.owners(archived=is_archived):
            yield _plain("owners", str(row["id"]), {**row, "archived": row.get("archived", is_archived)})


def _pipelines(_portal: Portal, vendor: VendorClient) -> Iterator[RawRecord]:
    """One record per stage, its pipeline with it: a stage id alone is unique within a pipeline only."""
    for owner in PIPELINE_OBJECTS:
        for pipeline in vendor.pipelines(owner):
            for stage in pipeline.get("stages") or ():
                yield stage_record(owner, pipeline, stage)


def stage_record(object: str, pipeline: Row, stage: Row) -> RawRecord:
    """A stage, as "pipeline/stage"."""
    metadata = stage.get("metadata") or {}
    fields = {
        "object": object,
        "pipeline_id": str(pipeline["id"]),
        "pipeline_label": pipeline.get("label"),
        "stage_id": str(stage["id"]),
        "stage_label": stage.get("label"),
        "displayOrder": stage.get("displayOrder"),
        "probability": metadata.get("probability"),
        "isClosed": metadata.get("isClosed"),
        "archived": bool(stage.get("archived") or pipeline.get("archived")),
    }
    return RawRecord("pipelines", f"{pipeline['id']}/{stage['id']}", fields, instant(stage.get("updatedAt")))


def _forms(portal: Portal, _vendor: VendorClient) -> Iterator[RawRecord]:
    for row in portal.forms():
        yield _plain("forms", str(row["id"]), row)


def _lists(portal: Portal, _vendor: VendorClient) -> Iterator[RawRecord]:
    for row in portal.lists():
        yield _plain("lists", str(row["listId"]), row)


def _gone(known: Iterable[str], there: Sequence[RawRecord]) -> tuple[RawRecord, ...]:
    """The lists that are not there any more; none where their search may not have reached all of them."""
    missing = set(known) - {record.id for record in there} if len(there) < LISTS_REACH else ()
    return tuple(RawRecord("lists", id_, {}, None, is_deleted=True) for id_ in sorted(missing))


def _plain(object: str, id_: str, row: Row) -> RawRecord:
    """A row with the fields of its fixed shape. Whatever else HubSpot tells (the size of a list, the styles of a form, keys that it
    adds some day) changes often and means nothing to us: with it, all of them would be new versions."""
    fields = {key: (None if value == "" else value) for key, value in row.items() if key in fixed_schema(object).fields}
    return RawRecord(object, id_, fields, instant(row.get("updatedAt")))
