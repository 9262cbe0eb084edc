"""Whatever a caller puts into a body, the portal refuses it in the vendor's words: it never breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from crmsync.sandbox.hubspot.http import application
from crmsync.sandbox.hubspot.portal import Portal

ODD: tuple[Any, ...] = ("x", "²", "NaN", -1, 10**30, 1.5, True, None, [], ["x"], [None], {}, {"x": "y"})
SPEC = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}
OPTION = {"label": "A", "value": "a", "displayOrder": 0, "hidden": False}
FILTER = {"propertyName": "hs_object_id", "operator": "GT", "value": "0"}
BETWEEN = {"propertyName": "createdate", "operator": "BETWEEN", "value": "0", "highValue": "1"}
IN = {"propertyName": "email", "operator": "IN", "values": ["a@example.com"]}
PAIR = {"from": {"id": "103"}, "to": {"id": "101"}, "types": [SPEC]}
BODIES: dict[str, Any] = {
    "POST /crm/v3/objects/contacts": {"properties": {"email": "new@example.com"}, "associations": []},
    "POST /crm/v3/objects/tasks": {
        "properties": {"hs_timestamp": "0"},
        "associations": [{"to": {"id": "101"}, "types": [SPEC]}],
    },
    "PATCH /crm/v3/objects/contacts/101": {"properties": {"firstname": "a"}},
    "POST /crm/v3/objects/contacts/search": {
        "filterGroups": [{"filters": [FILTER, BETWEEN, IN]}],
        "sorts": [{"propertyName": "createdate", "direction": "DESCENDING"}],
        "query": "a",
        "properties": ["email"],
        "limit": 10,
        "after": "0",
    },
    "POST /crm/v3/objects/contacts/merge": {"primaryObjectId": "101", "objectIdToMerge": "9"},
    "POST /crm/v3/objects/contacts/gdpr-delete": {"objectId": "9", "idProperty": "email"},
    "POST /crm/v3/objects/contacts/batch/read": {
        "properties": ["email"],
        "propertiesWithHistory": ["email"],
        "idProperty": "email",
        "inputs": [{"id": "a@example.com"}],
    },
    "POST /crm/v3/objects/contacts/batch/create": {
        "inputs": [{"properties": {"firstname": "b"}, "associations": [], "objectWriteTraceId": "t"}]
    },
    "POST /crm/v3/objects/contacts/batch/update": {
        "inputs": [{"id": "101", "properties": {"firstname": "b"}, "objectWriteTraceId": "t"}]
    },
    "POST /crm/v3/objects/tasks/batch/upsert": {
        "inputs": [{"id": "k", "idProperty": "crmsync_key", "properties": {"hs_timestamp": "0"}, "objectWriteTraceId": "t"}]
    },
    "POST /crm/v3/objects/contacts/batch/archive": {"inputs": [{"id": "9"}]},
    "POST /crm/v4/associations/tasks/contacts/batch/read": {"inputs": [{"id": "103", "after": "0"}]},
    "POST /crm/v3/associations/tasks/contacts/batch/read": {"inputs": [{"id": "103"}]},
    "POST /crm/v4/associations/tasks/contacts/batch/create": {"inputs": [PAIR]},
    "POST /crm/v4/associations/tasks/contacts/batch/associate/default": {"inputs": [PAIR]},
    "POST /crm/v4/associations/tasks/contacts/batch/archive": {"inputs": [{"from": {"id": "103"}, "to": [{"id": "101"}]}]},
    "POST /crm/v4/associations/tasks/contacts/batch/labels/archive": {"inputs": [PAIR]},
    "POST /crm/v4/associations/contacts/companies/labels": {"label": "Adviser", "name": "adviser"},
    "PUT /crm/v4/objects/tasks/103/associations/contacts/101": [SPEC],
    "POST /crm/v3/properties/contacts": {
        "name": "mood",
        "label": "Mood",
        "groupName": "contactinformation",
        "type": "enumeration",
        "fieldType": "select",
        "options": [OPTION],
        "hasUniqueValue": False,
    },
    "PATCH /crm/v3/properties/contacts/crmsync_phase": {"label": "Phase", "options": [OPTION]},
    "POST /crm/v3/properties/contacts/batch/read": {"archived": False, "inputs": [{"name": "email"}]},
    "POST /crm/v3/properties/contacts/batch/create": {"inputs": [{"name": "mood"}]},
    "POST /crm/v3/properties/contacts/groups": {"name": "g", "label": "G", "displayOrder": 1},
    "PATCH /crm/v3/properties/contacts/groups/contactinformation": {"label": "G", "displayOrder": 1},
    "POST /crm/v3/pipelines/deals": {
        "label": "P",
        "displayOrder": 1,
        "stages": [{"label": "S", "displayOrder": 0, "metadata": {"probability": "0.5", "isClosed": "true"}}],
    },
    "PATCH /crm/v3/pipelines/deals/default": {"label": "P", "displayOrder": 1},
    "POST /crm/v3/lists": {"name": "l", "objectTypeId": "0-1", "processingType": "MANUAL"},
    "POST /crm/v3/lists/search": {
        "query": "l",
        "offset": 0,
        "count": 20,
        "listIds": ["1"],
        "processingTypes": ["MANUAL"],
        "objectTypeId": "0-1",
        "sort": "-HS_UPDATED_AT",
    },
    "PUT /crm/v3/lists/104/memberships/add": ["101"],
    "PUT /crm/v3/lists/104/memberships/add-and-remove": {"recordIdsToAdd": ["101"], "recordIdsToRemove": ["9"]},
}


def spoilt(body: Any) -> Iterator[Any]:
    """The body with each of its parts, and itself, replaced by each odd value."""
    yield from ODD
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, part in parts:
        for odd in spoilt(part):
            yield {**body, key: odd} if isinstance(body, dict) else [*body[:key], odd, *body[key + 1 :]]


def furnished(new_portal: Callable[..., Portal]) -> Portal:
    """A contact 101, a company 102, a task 103 and a list 104."""
    portal = new_portal()
    portal.create("contacts", {"email": "a@example.com"})
    portal.create("companies", {"name": "A"})
    portal.create("tasks", {"hs_timestamp": "2026-04-02T00:00:00Z"})
    portal.add_list("l")
    return portal


@pytest.mark.parametrize("line", BODIES)
def test_no_body_breaks_the_portal(new_portal: Callable[..., Portal], line: str) -> None:
    method, path = line.split(" ")
    portal = furnished(new_portal)
    token = portal.config.credentials.private_app_token

    async def send() -> list[tuple[int, bytes]]:
        found = []
        caller = {"transport": httpx.ASGITransport(application(portal)), "headers": {"Authorization": f"Bearer {token}"}}
        async with httpx.AsyncClient(base_url="http://portal", **caller) as http:  # type: ignore[arg-type]  # mixed values
            for body in spoilt(BODIES[line]):
                answer = await http.request(method, path, json=body)
                if answer.status_code >= 500:
                    found.append((answer.status_code, answer.request.content))
        return found

    assert asyncio.run(send()) == []


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("POST /crm/v3/lists/search", {"offset": "abc"}),
        ("POST /crm/v3/lists/search", {"count": [1]}),
        ("POST /crm/v3/properties/contacts/groups", {"displayOrder": "first"}),
        ("PATCH /crm/v3/pipelines/deals/default", {"displayOrder": {}}),
        ("PATCH /crm/v3/properties/contacts/crmsync_phase", {"options": [{**OPTION, "displayOrder": "first"}]}),
    ],
)
def test_a_number_that_is_none_is_a_400(served: Any, line: str, change: dict[str, Any]) -> None:
    method, path = line.split(" ")
    answer = served().http.request(method, path, json={**BODIES[line], **change})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
