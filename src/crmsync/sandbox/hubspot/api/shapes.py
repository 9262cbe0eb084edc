"""Records as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.records import Record, Write
from crmsync.sandbox.hubspot.types import ObjectType

MAX_HISTORY_PAGE = 50
"""Page and batch size when histories are asked for (vendor's object guides)."""


def shown(portal: Portal, kind: ObjectType, record: Record, names: Sequence[str], history: Sequence[str] = ()) -> dict[str, Any]:
    """A record with the named properties (none named: the type's default ones); unknown names are dropped in silence."""
    book, values = portal.objects.definitions[kind.name], record.values
    wanted = dict.fromkeys([*(names or kind.search_defaults), kind.created, kind.modified, "hs_object_id"])
    body = frame(portal, kind, record)
    body["properties"] = {name: _value(portal, values, name) for name in wanted if book.get(name)}
    if history:
        body["propertiesWithHistory"] = {
            name: [_version(write, name) for write in record.history(name)] for name in history if book.get(name)
        }
    return body


def frame(portal: Portal, kind: ObjectType, record: Record) -> dict[str, Any]:
    """Everything about a record but its properties."""
    body: dict[str, Any] = {
        "id": str(record.id),
        "properties": {},
        "createdAt": record.values[kind.created],
        "updatedAt": record.values[kind.modified],
        "archived": record.archived_at is not None,
        "url": f"https://{portal.config.ui_domain}/contacts/{portal.config.portal_id}/record/{kind.type_id}/{record.id}",
    }
    if record.archived_at is not None:
        body["archivedAt"] = record.archived_at
    if portal.config.unknown_extra_keys:
        body["objectBoundary"] = {"undocumented": True}
    return body


def _value(portal: Portal, values: dict[str, str], name: str) -> str | None:
    value = values.get(name)
    if value == "":
        return "" if portal.config.cleared_as_empty else None
    return value


def _version(write: Write, name: str) -> dict[str, Any]:
    source = write.source
    body: dict[str, Any] = {"value": write.values[name], "timestamp": write.at, "sourceType": source.type}
    if source.id is not None:
        body["sourceId"] = source.id
    if source.label is not None:
        body["sourceLabel"] = source.label
    if source.user_id is not None:
        body["updatedByUserId"] = source.user_id
    return body


def written(portal: Portal, kind: ObjectType, record: Record, names: Iterable[str]) -> dict[str, Any]:
    """A record as a write answers it: what was written, and the type's own times and id."""
    body = shown(portal, kind, record, [*names, "hs_object_id"])
    body["properties"] = {name: value for name, value in body["properties"].items() if value is not None}
    return body
