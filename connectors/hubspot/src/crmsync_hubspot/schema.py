"""What HubSpot says of its properties, as FieldInfo; and the fixed shapes of the objects that have no properties API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crmsync.model.records import FieldInfo, ObjectSchema

# String values are cut off at this length by a 400 (developers.hubspot.com, properties guide).
LONGEST_TEXT = 65_536

_TEXT = ("string", "phone_number")

# name → type, by object. `values` of a submission and the properties of an event vary by portal and come beside these.
_FIXED: Mapping[str, Mapping[str, str]] = {
    "owners": {
        "email": "string",
        "type": "enumeration",
        "firstName": "string",
        "lastName": "string",
        "userId": "number",
        "userIdIncludingInactive": "number",
        "teams": "json",
        "createdAt": "datetime",
        "updatedAt": "datetime",
        "archived": "bool",
    },
    "pipelines": {
        "object": "string",
        "pipeline_id": "string",
        "pipeline_label": "string",
        "stage_id": "string",
        "stage_label": "string",
        "displayOrder": "number",
        "probability": "number",
        "isClosed": "bool",
        "archived": "bool",
    },
    "forms": {
        "name": "string",
        "formType": "string",
        "createdAt": "datetime",
        "updatedAt": "datetime",
        "archived": "bool",
    },
    "lists": {
        "listId": "string",
        "name": "string",
        "objectTypeId": "string",
        "processingType": "string",
        "createdAt": "datetime",
        "updatedAt": "datetime",
    },
    "campaigns": {
        "hs_name": "string",
        "hs_campaign_status": "enumeration",
        "hs_start_date": "date",
        "hs_end_date": "date",
        "hs_currency_code": "string",
        "hs_spend_items_sum_amount": "number",
        "hs_budget_items_sum_amount": "number",
    },
    "visits": {"day": "date", "breakdown": "string", "visitors": "number", "visits": "number", "rawViews": "number"},
    "form_submissions": {
        "form_guid": "string",
        "form_name": "string",
        "submittedAt": "number",
        "pageUrl": "string",
        "values": "json",
    },
    "page_views": {
        "eventType": "string",
        "objectType": "string",
        "objectId": "string",
        "occurredAt": "datetime",
        "hs_url": "string",
        "hs_title": "string",
        "source": "string",
        "count": "number",
        "associations.contacts": "json",
    },
}


def field_info(row: Mapping[str, Any]) -> FieldInfo:
    """One property. It is writable where neither HubSpot nor a formula keeps it; options that live elsewhere (owners,
    pipelines) are not listed, so none are claimed."""
    meta = row.get("modificationMetadata") or {}
    kind = str(row.get("type") or "string")
    options = row.get("options") or ()
    is_listed = kind == "enumeration" and bool(options) and row.get("externalOptions") is not True
    return FieldInfo(
        name=str(row["name"]),
        type=kind,
        label=str(row.get("label") or ""),
        writable=not meta.get("readOnlyValue") and not row.get("calculated"),
        options=tuple(option["value"] for option in _in_order(options)) if is_listed else None,
        unique=row.get("hasUniqueValue") is True,
        max_length=LONGEST_TEXT if kind in _TEXT else None,
    )


def _in_order(options: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By `displayOrder`; those without one (-1 is HubSpot's own "at the end") come last, as they came."""
    placed = [option for option in options if isinstance(option, Mapping) and option.get("value") is not None]
    return sorted(placed, key=lambda option: (_order(option) < 0, _order(option)))


def _order(option: Mapping[str, Any]) -> int:
    order = option.get("displayOrder")
    return order if isinstance(order, int) else -1


def property_schema(object: str, rows: Iterable[Mapping[str, Any]], related: Iterable[str]) -> ObjectSchema:
    """The schema of an object of the generic API, with the associations that we read as fields of their own."""
    fields = {info.name: info for info in (field_info(row) for row in rows if row.get("name") and not row.get("archived"))}
    for target in related:
        name = f"associations.{target}"
        fields[name] = FieldInfo(name, "json", writable=False)
    return ObjectSchema(object, fields)


def fixed_schema(object: str) -> ObjectSchema:
    """The schema of an object without properties. Raises KeyError for an object that has some."""
    return ObjectSchema(object, {name: FieldInfo(name, kind, writable=False) for name, kind in _FIXED[object].items()})


def unreadable(object: str, why: str) -> ObjectSchema:
    """An object that the credentials, or the portal's plan, do not let us read."""
    return ObjectSchema(object, readable=False, why_not=why)
