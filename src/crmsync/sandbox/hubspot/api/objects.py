"""Single records, lists of them, searches, merges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crmsync.sandbox.hubspot.api.exchange import Reply, Request, object_of, rows_of, text_of
from crmsync.sandbox.hubspot.api.shapes import MAX_HISTORY_PAGE, shown, written
from crmsync.sandbox.hubspot.associations import Kind
from crmsync.sandbox.hubspot.errors import PortalError, invalid, not_found
from crmsync.sandbox.hubspot.objects import Link
from crmsync.sandbox.hubspot.query import read_query
from crmsync.sandbox.hubspot.records import Record
from crmsync.sandbox.hubspot.rollups import after_write
from crmsync.sandbox.hubspot.search import run
from crmsync.sandbox.hubspot.types import TYPES, ObjectType, object_type, pair

_MAX_PAGE = 100
_MAX_INLINE = 100
"""Associations shown inside a record before they get a paging of their own."""


def kind_of(request: Request, name: str = "type") -> ObjectType:
    """The object type named in the path. Raises PortalError 400, or 403 for one that the portal's tier lacks."""
    kind = object_type(request.params[name])
    if kind.name == "leads" and not request.portal.config.sales_hub:
        raise PortalError(403, "FORBIDDEN", "This portal does not have access to leads.")
    return kind


def list_records(request: Request) -> Reply:
    portal, kind = request.portal, kind_of(request)
    history = request.many("propertiesWithHistory")
    limit = request.whole("limit", 10, MAX_HISTORY_PAGE if history else _MAX_PAGE)
    after = int(request.one("after", "0")) if request.one("after", "0").isdecimal() else -1
    if after < 0:
        raise invalid("after is not a cursor of this list")
    records, more = portal.objects.records[kind.name].page(after, limit, archived=request.flag("archived"))
    body: dict[str, Any] = {"results": [_full(request, kind, record) for record in records]}
    if more:
        body |= request.next_page(str(records[-1].id))
    if portal.config.unknown_extra_keys:
        body["warnings"] = []
    return Reply(200, body)


def _full(request: Request, kind: ObjectType, record: Record) -> dict[str, Any]:
    body = shown(request.portal, kind, record, request.many("properties"), request.many("propertiesWithHistory"))
    inline = {far.name: _inline(request, kind, record, far) for far in map(object_type, request.many("associations"))}
    found = {name: linked for name, linked in inline.items() if linked["results"]}
    return {**body, "associations": found} if found else body


def _inline(request: Request, kind: ObjectType, record: Record, far: ObjectType) -> dict[str, Any]:
    """Associations inside a record: one row per label, hence doubles, and cut at a hundred."""
    links = request.portal.objects.associations.of(kind, record.id, far)
    plain = f"{kind.singular}_to_{far.singular}"
    rows = [
        {"id": str(other), "type": plain if label.type_id != pair(kind, far).primary else f"{plain}_primary"}
        for other, kinds in links.items()
        for label in sorted(kinds, reverse=True)
    ]
    body: dict[str, Any] = {"results": rows[:_MAX_INLINE]}
    if len(rows) > _MAX_INLINE:
        body["paging"] = {"next": {"after": rows[_MAX_INLINE - 1]["id"], "link": f"{request.base_url}{request.path}"}}
    return body


def get_record(request: Request) -> Reply:
    kind, key = kind_of(request), request.params["id"]
    if request.flag("archived"):
        record = request.portal.objects.records[kind.name].find_archived(int(key)) if key.isdecimal() else None
        if record is None:
            raise not_found()
    else:
        record = request.portal.objects.the(kind, key, request.one("idProperty"))
    return Reply(200, _full(request, kind, record))


def properties_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The `properties` of a write. Raises PortalError 400 when they are no object, or hold a null."""
    properties = row.get("properties", {})
    if not isinstance(properties, dict):
        raise invalid("Invalid input JSON: `properties` must be an object")
    if any(value is None for value in properties.values()):
        raise invalid("Invalid input JSON: property values must not be null; an empty string clears a value")
    return properties


def links_of(kind: ObjectType, row: Mapping[str, Any], far_type: Mapping[int, ObjectType]) -> list[Link]:
    """The `associations` of a creation: the type ids say which object type the other record is of."""
    return [link for given in rows_of(row, "associations") for link in _link(kind, given, far_type)]


def _link(kind: ObjectType, given: Mapping[str, Any], far_type: Mapping[int, ObjectType]) -> Iterable[Link]:
    other = text_of(object_of(given, "to").get("id"), "to.id")
    kinds = [kind_from(row) for row in rows_of(given, "types")]
    if not kinds or not other.isdecimal():
        raise invalid("An association needs `to.id` and `types`")
    far = far_type.get(kinds[0].type_id)
    if far is None:
        raise invalid(f"{kind.singular} has no association type {kinds[0].type_id}")
    yield Link(far, int(other), tuple(kinds))


def kind_from(row: Mapping[str, Any]) -> Kind:
    """An association type in a body. Raises PortalError 400."""
    if not isinstance(row, dict) or not isinstance(row.get("associationTypeId"), int):
        raise invalid("An association type needs `associationCategory` and `associationTypeId`")
    return Kind(str(row.get("associationCategory", "")), row["associationTypeId"])


def far_types(request: Request, kind: ObjectType) -> dict[int, ObjectType]:
    """Which object type each association type id of `kind` leads to."""
    book = request.portal.objects.associations
    return {found.type_id: far for far in TYPES.values() for found in book.kinds(kind, far)}


def create_record(request: Request) -> Reply:
    portal, kind, body = request.portal, kind_of(request), request.json()
    links = links_of(kind, body, far_types(request, kind))
    draft = portal.objects.draft_create(kind, properties_of(body), links, rules=request.binds_rules)
    record = portal.objects.commit(draft, portal.program())
    portal.settle_new(kind, record.id, draft.links)
    return Reply(201, written(portal, kind, record, draft.values))


def update_record(request: Request) -> Reply:
    portal, kind = request.portal, kind_of(request)
    record = portal.objects.the(kind, request.params["id"], request.one("idProperty"))
    properties = properties_of(request.json())
    draft = portal.objects.draft_update(kind, record, properties, rules=request.binds_rules)
    portal.objects.commit(draft, portal.program())
    after_write(portal.objects, kind, [record])
    return Reply(200, written(portal, kind, record, properties))


def archive_record(request: Request) -> Reply:
    """Archiving what is not there is no error with the vendor."""
    kind, key = kind_of(request), request.params["id"]
    if request.portal.objects.find(kind, key, follow_merges=False) is not None:
        request.portal.archive(kind.name, key)
    return Reply(204)


def merge_records(request: Request) -> Reply:
    kind, body, portal = kind_of(request), request.json(), request.portal
    primary, other = (
        text_of(body.get("primaryObjectId"), "primaryObjectId"),
        text_of(body.get("objectIdToMerge"), "objectIdToMerge"),
    )
    number = portal.merge(kind.name, primary, other, source=portal.program())
    return Reply(200, shown(portal, kind, portal.objects.the(kind, number), ("hs_merged_object_ids",)))


def gdpr_delete(request: Request) -> Reply:
    kind, body, portal = kind_of(request), request.json(), request.portal
    key, name = text_of(body.get("objectId"), "objectId"), str(body.get("idProperty", ""))
    record = portal.objects.find(kind, key, name)
    if record is None and not name and key.isdecimal():
        record = portal.objects.records[kind.name].find_archived(int(key))
    if record is not None:
        portal.objects.purge(kind, record)
    return Reply(204)


def search(request: Request) -> Reply:
    portal, kind = request.portal, kind_of(request)
    query = read_query(request.json(), portal.config.search.cap)
    index = portal.objects.catch_up(kind)

    def associated(word: str, numbers: Iterable[str]) -> set[int]:
        near = object_type(word)
        links = portal.objects.associations
        return {other for number in numbers if number.isdecimal() for other in links.of(near, int(number), kind)}

    found = run(query, kind, portal.objects.definitions[kind.name], index, associated)
    body: dict[str, Any] = {"total": found.total, "results": []}
    for number in found.ids:
        record = Record(number, dict(index.rows[number]))
        body["results"].append(_truncated(request, shown(portal, kind, record, query.properties)))
    if found.more:
        body["paging"] = {"next": {"after": str(query.after + len(found.ids))}}
    return Reply(200, body)


def _truncated(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """A search may lose the milliseconds of the modified time."""
    if request.portal.config.search.truncates_milliseconds:
        body["updatedAt"] = body["updatedAt"][:20] + "000Z"
    return body
