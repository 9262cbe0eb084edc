"""Lists and their members, forms and their submissions, event occurrences."""

from __future__ import annotations

from typing import Any

from crmsync.sandbox.hubspot.activity import Event, RecordList
from crmsync.sandbox.hubspot.api.exchange import Reply, Request, number_of, texts_of
from crmsync.sandbox.hubspot.errors import PortalError, invalid, not_found
from crmsync.sandbox.hubspot.times import instant, iso
from crmsync.sandbox.hubspot.types import object_type

_MOST_MEMBERS = 250
_SEARCH_CAP = 10_000
_EVENT_TYPES = ("e_visited_page",)


def search_lists(request: Request) -> Reply:
    body = request.json()
    offset, count = number_of(body, "offset", 0), min(number_of(body, "count", 20), 500)
    if offset < 0 or count < 0:
        raise invalid("offset and count must not be negative")
    if offset >= _SEARCH_CAP:
        raise invalid(f"offset must be below {_SEARCH_CAP}")
    found = [listed for listed in request.portal.activity.lists.values() if _wanted(listed, body)]
    if str(body.get("sort") or "").endswith("HS_UPDATED_AT"):
        found.sort(key=lambda listed: (listed.updated_at, listed.id), reverse=str(body["sort"]).startswith("-"))
    page = found[offset : offset + count]
    more = offset + len(page) < len(found)
    return Reply(
        200,
        {"lists": [listed.as_json() for listed in page], "hasMore": more, "offset": offset + len(page), "total": len(found)},
    )


def _wanted(listed: RecordList, body: dict[str, Any]) -> bool:
    ids, kinds = texts_of(body, "listIds"), texts_of(body, "processingTypes")
    type_id = body.get("objectTypeId")
    return (
        str(body.get("query") or "").lower() in listed.name.lower()
        and (not ids or str(listed.id) in ids)
        and (not kinds or listed.processing in kinds)
        and (not type_id or listed.kind.type_id == type_id)
    )


def lists_by_id(request: Request) -> Reply:
    found = [request.portal.activity.list(number) for number in request.many("listIds")]
    return Reply(200, {"lists": [listed.as_json() for listed in found]})


def get_list(request: Request) -> Reply:
    return Reply(200, {"list": request.portal.activity.list(request.params["id"]).as_json()})


def create_list(request: Request) -> Reply:
    body = request.json()
    name, processing = str(body.get("name") or ""), str(body.get("processingType") or "")
    if not name or processing not in ("MANUAL", "SNAPSHOT", "DYNAMIC"):
        raise invalid("A list needs a name and a processing type")
    if any(listed.name == name for listed in request.portal.activity.lists.values()):
        raise invalid(f"A list named {name!r} already exists")
    number = request.portal.add_list(name, type=str(body.get("objectTypeId") or "0-1"), processing=processing)
    return Reply(200, {"list": request.portal.activity.list(number).as_json()})


def members(request: Request) -> Reply:
    listed, limit = request.portal.activity.list(request.params["id"]), request.whole("limit", 100, _MOST_MEMBERS)
    return _member_page(request, listed, sorted(listed.members), limit)


def members_by_joining(request: Request) -> Reply:
    """The members, newest first."""
    listed, limit = request.portal.activity.list(request.params["id"]), request.whole("limit", 100, _MOST_MEMBERS)
    return _member_page(
        request, listed, sorted(listed.members, key=lambda number: (listed.members[number], number), reverse=True), limit
    )


def _member_page(request: Request, listed: RecordList, order: list[int], limit: int) -> Reply:
    after = request.one("after")
    start = order.index(int(after)) + 1 if after.isdecimal() and int(after) in listed.members else 0
    page = order[start : start + limit]
    results = [{"recordId": str(number), "membershipTimestamp": listed.members[number]} for number in page]
    paging = request.next_page(str(page[-1])) if start + limit < len(order) else {}
    return Reply(200, {"results": results, "total": len(order), **paging})


def _ids(body: Any) -> list[str]:
    if not isinstance(body, list):
        raise invalid("Invalid input JSON: a list of record ids was expected")
    return [str(number) for number in body]


def _changed(request: Request, add: list[str], remove: list[str]) -> Reply:
    listed = request.portal.activity.list(request.params["id"])
    records = request.portal.objects.records[listed.kind.name]
    known = {key: records.find(int(key), follow_merges=True) for key in add if key.isdecimal()}
    missing = [key for key in add if known.get(key) is None]
    wanted = [record.id for record in known.values() if record is not None]
    gone = [int(key) for key in remove if key.isdecimal()]
    added, removed = listed.change(wanted, gone, request.portal.now())
    # "recordsIdsAdded" is the vendor's own spelling
    body = {"recordsIdsAdded": list(map(str, added)), "recordIdsRemoved": list(map(str, removed)), "recordIdsMissing": missing}
    return Reply(200, body)


def add_members(request: Request) -> Reply:
    return _changed(request, _ids(request.any_json()), [])


def remove_members(request: Request) -> Reply:
    return _changed(request, [], _ids(request.any_json()))


def change_members(request: Request) -> Reply:
    body = request.json()
    return _changed(request, texts_of(body, "recordIdsToAdd"), texts_of(body, "recordIdsToRemove"))


def list_forms(request: Request) -> Reply:
    """Without `formTypes` only forms of the kind `hubspot` are shown."""
    kinds = request.many("formTypes") or ("hubspot",)
    forms = [form for form in request.portal.activity.forms.values() if "all" in kinds or form.kind in kinds]
    limit, start = request.whole("limit", 20, 500), int(request.one("after") or "0") if request.one("after", "0").isdecimal() else 0
    page = forms[start : start + limit]
    paging = request.next_page(str(start + limit)) if start + limit < len(forms) else {}
    return Reply(200, {"results": [form.as_json() for form in page], **paging})


def get_form(request: Request) -> Reply:
    return Reply(200, request.portal.activity.form(request.params["id"]).as_json())


def submissions(request: Request) -> Reply:
    limit, after = request.whole("limit", 20, 50), request.one("after", "0")
    start = int(after) if after.isdecimal() else 0
    page, more = request.portal.activity.form(request.params["id"]).page(start, limit)
    paging = request.next_page(str(start + limit)) if more else {}
    return Reply(200, {"results": [entry.as_json() for entry in page], **paging})


def event_types(request: Request) -> Reply:
    del request
    return Reply(200, {"eventTypes": list(_EVENT_TYPES)})


def events(request: Request) -> Reply:
    """Events of one contact, newest first unless asked otherwise. Raises PortalError 403 below the Enterprise tier."""
    if not request.portal.config.enterprise:
        raise PortalError(403, "FORBIDDEN", "This portal does not have access to event analytics.")
    number = _contact(request)
    found = request.portal.activity.events.between(number, _bound(request, "occurredAfter"), _bound(request, "occurredBefore"))
    wanted = request.one("eventType")
    chosen = [event for event in found if not wanted or event.type == wanted]
    if request.one("sort").upper() not in ("ASCENDING", "OCCURREDAT"):
        chosen.reverse()
    limit, after = request.whole("limit", 100, 1_000), request.one("after")
    start = next((place for place, event in enumerate(chosen) if event.id == after), -1) + 1 if after else 0
    page = chosen[start : start + limit]
    paging = request.next_page(page[-1].id) if start + limit < len(chosen) else {}
    return Reply(200, {"results": [_event(event, number) for event in page], **paging})


def _contact(request: Request) -> int:
    kind = object_type(request.one("objectType") or "contact")
    key, email = request.one("objectId"), request.one("objectProperty.email")
    if kind.name != "contacts" or not (key or email):
        raise invalid("Event occurrences need objectType=contact and objectId or objectProperty.email")
    record = request.portal.objects.find(kind, key or email, "" if key else "email")
    if record is None:
        raise not_found(f"Contact {key} does not exist")
    return record.id


def _bound(request: Request, name: str) -> str:
    at = instant(request.one(name)) if request.one(name) else None
    if at is None and request.one(name):
        raise invalid(f"{name} is not an instant")
    return iso(at) if at is not None else ""


def _event(event: Event, contact: int) -> dict[str, Any]:
    return {
        "id": event.id,
        "eventType": event.type,
        "objectType": "CONTACT",
        "objectId": str(contact),
        "occurredAt": event.at,
        "properties": dict(event.properties),
    }
