"""Calculated values that follow from associations and activities. They never move a record's modified time."""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.sandbox.hubspot.associations import VENDOR, Kind
from crmsync.sandbox.hubspot.objects import Objects
from crmsync.sandbox.hubspot.records import Record
from crmsync.sandbox.hubspot.types import TYPES, ObjectType, pair

_COUNTS = {
    ("contacts", "deals"): "num_associated_deals",
    ("companies", "deals"): "num_associated_deals",
    ("companies", "contacts"): "num_associated_contacts",
    ("deals", "contacts"): "num_associated_contacts",
}
_TOLD = ("contacts", "companies", "deals")
_CONTACTING = frozenset({"calls", "emails", "meetings", "communications"})
_PLANNED = frozenset({"tasks", "meetings"})


def after_link(objects: Objects, near: ObjectType, number: int, far: ObjectType, other: int) -> None:
    """Bring both ends of a changed association up to date."""
    for kind, own, across in ((near, number, far), (far, other, near)):
        record = objects.records[kind.name].find(own, follow_merges=False)
        if record is not None:
            _count(objects, kind, record, across)
            if across.engagement and kind.name in _TOLD:
                partner = objects.records[across.name].find(other if kind is near else number, follow_merges=False)
                if partner is not None:
                    _activity(objects, kind, record, across, partner)


def _count(objects: Objects, kind: ObjectType, record: Record, across: ObjectType) -> None:
    values: dict[str, str] = {}
    name = _COUNTS.get((kind.name, across.name))
    if name is not None:
        values[name] = str(len(objects.associations.of(kind, record.id, across)))
    if (kind.name, across.name) == ("contacts", "companies"):
        values["associatedcompanyid"] = _primary(objects, kind, record.id, across)
    if (kind.name, across.name) == ("leads", "contacts"):
        values["hs_primary_contact_id"] = _primary(objects, kind, record.id, across)
    if values:
        objects.refresh(kind, record, values, touches=False)


def _primary(objects: Objects, kind: ObjectType, number: int, across: ObjectType) -> str:
    primary = Kind(VENDOR, pair(kind, across).primary)
    return next((str(other) for other, kinds in objects.associations.of(kind, number, across).items() if primary in kinds), "")


def after_write(objects: Objects, kind: ObjectType, records: Iterable[Record]) -> None:
    """Carry written activities to the contacts, companies and deals that they belong to."""
    if not kind.engagement:
        return
    for record in records:
        for name in _TOLD:
            for number in objects.associations.of(kind, record.id, TYPES[name]):
                told = objects.records[name].find(number, follow_merges=False)
                if told is not None:
                    _activity(objects, TYPES[name], told, kind, record)


def _activity(objects: Objects, kind: ObjectType, record: Record, activity_kind: ObjectType, activity: Record) -> None:
    """What one activity says about one record: last contact, last update, next activity."""
    at, now, present = activity.values.get("hs_timestamp", ""), objects.now(), record.values
    values = {"notes_last_updated": max(now, present.get("notes_last_updated", ""))}
    open_plan = activity_kind.name in _PLANNED and activity.values.get("hs_task_status") != "COMPLETED"
    if at > now and open_plan:
        later = [t for t in (present.get("notes_next_activity_date", ""), at) if t > now]
        values["notes_next_activity_date"] = min(later)
    elif at <= now and activity_kind.name in _CONTACTING and activity.values.get("hs_email_direction") != "INCOMING_EMAIL":
        values["notes_last_contacted"] = max(at, present.get("notes_last_contacted", ""))
        values["hs_last_sales_activity_timestamp"] = max(at, present.get("hs_last_sales_activity_timestamp", ""))
    book = objects.definitions[kind.name]
    objects.refresh(kind, record, {name: value for name, value in values.items() if book.get(name)}, touches=False)
