"""The checker of HubSpot's contract must see planted mistakes, and let what is right pass."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from crmsync.testing.hubspot_contract import ContractRecorder, HubSpotContract

SEARCH = {
    "filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "a@b.co"}]}],
    "sorts": ["hs_object_id"],
    "properties": ["email"],
    "limit": 200,
    "after": "0",
}
LINK = {
    "from": {"id": "1"},
    "to": {"id": "2"},
    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}],
}
READ = {"inputs": [{"id": "1"}], "properties": ["email"], "propertiesWithHistory": []}
TIMES = {"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00Z"}
RECORD = {"id": "1", "properties": {"email": None}, "archived": False, **TIMES}


@pytest.fixture(scope="module")
def contract() -> HubSpotContract:
    return HubSpotContract(Path(__file__).with_name("hubspot-contract-2026-03.json"))


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/crm/v3/objects/contacts", {"limit": "100", "properties": "email,city", "archived": "true"}, None),
        ("GET", "/crm/objects/2026-09/0-1", {"limit": "100", "properties": ["email", "city"]}, None),
        ("GET", "/crm/objects/2026-03/deals", {"after": "17"}, None),
        ("POST", "/crm/objects/2026-09/contacts/search", {}, SEARCH),
        ("POST", "/crm/v3/objects/contacts/batch/read", {"archived": "false"}, READ),
        (
            "POST",
            "/crm/objects/2026-03/0-27/batch/upsert",
            {},
            {"inputs": [{"id": "k", "idProperty": "crmsync_key", "properties": {"a": "b"}}]},
        ),
        ("PATCH", "/crm/v3/objects/contacts/a@b.co", {"idProperty": "email"}, {"properties": {"city": "Kobe"}}),
        ("POST", "/crm/v4/associations/contacts/companies/batch/read", {}, {"inputs": [{"id": "1", "after": "2"}]}),
        ("POST", "/crm/v4/associations/contacts/companies/batch/create", {}, {"inputs": [LINK]}),
        ("POST", "/crm/associations/2026-03/0-27/0-1/batch/archive", {}, {"inputs": [{"from": {"id": "1"}, "to": [{"id": "2"}]}]}),
        (
            "POST",
            "/crm/associations/2026-09/0-27/0-1/batch/associate/default",
            {},
            {"inputs": [{"from": {"id": "1"}, "to": {"id": "2"}}]},
        ),
        ("GET", "/crm/v4/objects/contacts/1/associations/companies", {"limit": "500"}, None),
        ("PATCH", "/crm/properties/2026-09/contacts/mood", {}, {"label": "Mood"}),
        ("GET", "/crm/v3/owners/", {"limit": "500", "archived": "true"}, None),
        ("PUT", "/crm/lists/2026-09/5/memberships/add", {}, ["1", "2"]),
        (
            "PUT",
            "/crm/v4/objects/tasks/1/associations/contacts/2",
            {},
            [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}],
        ),
        ("GET", "/events/v3/events", {"objectType": "contact", "objectProperty.email": "a@b.co", "limit": "10"}, None),
        ("GET", "/form-integrations/v1/submissions/forms/guid", {"limit": "50", "after": "x"}, None),
        ("GET", "/marketing/forms/2026-09-beta", {"formTypes": "all"}, None),
        (
            "POST",
            "/oauth/v3/token",
            {},
            {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"},
        ),
    ],
)
def test_what_is_right_passes(contract: HubSpotContract, method: str, path: str, query: dict[str, Any], body: Any) -> None:
    assert contract.check_request(method, path, query, body) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "finding"),
    [
        ("GET", "/crm/v3/objekts/contacts", {}, None, "no endpoint"),
        ("PUT", "/crm/v3/objects/contacts/1", {}, {"properties": {}}, "no endpoint"),
        ("GET", "/crm/v3/objects/contacts", {"limmit": "1"}, None, "unknown parameter `limmit`"),
        ("GET", "/crm/v3/objects/contacts", {"limit": "many"}, None, "`limit` must be a whole number"),
        ("GET", "/crm/v3/objects/contacts", {"archived": "yes"}, None, "`archived` must be true or false"),
        ("GET", "/crm/v3/objects/contacts", {"after": ["1", "2"]}, None, "`after` is given twice"),
        (
            "POST",
            "/crm/v3/objects/contacts/search",
            {},
            {k: v for k, v in SEARCH.items() if k != "after"},
            "required `after` is missing",
        ),
        ("POST", "/crm/v3/objects/contacts/search", {}, {**SEARCH, "limit": "200"}, "body.limit: int expected"),
        ("POST", "/crm/v3/objects/contacts/search", {}, {**SEARCH, "offset": 0}, "unknown key `offset`"),
        ("POST", "/crm/v3/objects/contacts/search", {"archived": "true"}, SEARCH, "unknown parameter `archived`"),
        (
            "POST",
            "/crm/v3/objects/contacts/search",
            {},
            {**SEARCH, "filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "a"}]}]},
            "'LIKE' is none of",
        ),
        ("POST", "/crm/v3/objects/contacts/batch/read", {}, {**READ, "archived": False}, "unknown key `archived`"),
        ("POST", "/crm/v3/objects/contacts/batch/read", {}, {**READ, "inputs": [{"id": 1}]}, "body.inputs[0].id: str expected"),
        ("POST", "/crm/v3/objects/contacts/batch/read", {}, None, "body: missing"),
        (
            "PATCH",
            "/crm/v3/objects/contacts/1",
            {},
            {"properties": {"crmsync_score": 12}},
            "body.properties.crmsync_score: str expected",
        ),
        ("PATCH", "/crm/v3/objects/contacts/1", {}, {"properties": {"city": None}}, "body.properties.city: str expected"),
        ("PATCH", "/crm/v3/objects/contacts/1", {}, {"properties": {}, "idProperty": "email"}, "unknown key `idProperty`"),
        (
            "POST",
            "/crm/v4/associations/contacts/companies/batch/create",
            {},
            {"inputs": [{name: value for name, value in LINK.items() if name != "from"}]},
            "required `from` is missing",
        ),
        (
            "POST",
            "/crm/v4/associations/contacts/companies/batch/create",
            {},
            {"inputs": [{**LINK, "from": {"id": 1}}]},
            "body.inputs[0].from.id: str expected",
        ),
        (
            "POST",
            "/crm/v4/associations/contacts/companies/batch/create",
            {},
            {"inputs": [{**LINK, "form": {"id": "1"}}]},
            "unknown key `form`",
        ),
        ("PUT", "/crm/lists/2026-09/5/memberships/add", {}, [1], "body[0]: str expected"),
        ("PUT", "/crm/lists/2026-09/5/memberships/add", {}, {"ids": []}, "a list expected"),
        (
            "PUT",
            "/crm/v4/objects/tasks/1/associations/contacts/2",
            {},
            [{"associationTypeId": 204}],
            "required `associationCategory` is missing",
        ),
        ("GET", "/form-integrations/v1/submissions/forms/guid", {"offset": "1"}, None, "unknown parameter `offset`"),
        ("GET", "/crm/v3/owners", {}, {"a": 1}, "body: none expected"),
        (
            "POST",
            "/crm/properties/2026-09/contacts",
            {},
            {"name": "a", "label": "A", "groupName": "g", "type": "text", "fieldType": "text"},
            "'text' is none of",
        ),
    ],
)
def test_planted_mistakes_are_seen(
    contract: HubSpotContract, method: str, path: str, query: dict[str, Any], body: Any, finding: str
) -> None:
    assert any(finding in found for found in contract.check_request(method, path, query, body))


@pytest.mark.parametrize(
    ("method", "path", "body", "finding"),
    [
        ("GET", "/crm/v3/objects/contacts", {"results": [RECORD]}, ""),
        ("GET", "/crm/v3/objects/contacts", {"results": [{**RECORD, "brand_new_key": 1}], "warnings": []}, ""),
        ("GET", "/crm/v3/objects/contacts", {"results": [{**RECORD, "id": 1}]}, "results[0].id: str expected"),
        ("GET", "/crm/v3/objects/contacts", {}, "required `results` is missing"),
        ("GET", "/crm/v3/objects/contacts", {"results": [{**RECORD, "createdAt": "yesterday"}]}, "createdAt: datetime expected"),
        ("GET", "/crm/v3/objects/contacts", {"results": [], "paging": {"next": {"after": 5}}}, "paging.next.after: str expected"),
        (
            "POST",
            "/crm/v3/objects/contacts/batch/read",
            {"status": "DONE", "results": [], "startedAt": "2026-01-01", "completedAt": "2026-01-01"},
            "'DONE' is none of",
        ),
        (
            "POST",
            "/crm/v3/objects/tasks/batch/upsert",
            {"status": "COMPLETE", "results": [RECORD], "startedAt": "2026-01-01", "completedAt": "2026-01-01"},
            "`new` is missing",
        ),
        ("POST", "/crm/v3/objects/contacts/gdpr-delete", {"deleted": True}, "no body expected"),
        ("GET", "/crm/v3/owners", {"results": [{"id": "1", "type": "ROBOT", "archived": False, **TIMES}]}, "'ROBOT' is none of"),
    ],
)
def test_replies_are_held_against_the_contract(contract: HubSpotContract, method: str, path: str, body: Any, finding: str) -> None:
    found = contract.check_response(method, path, 200, body)
    assert any(finding in row for row in found) if finding else found == []


async def _tell(scope: Any, receive: Any, send: Any) -> None:
    """An app that takes anything and answers with a list whose record has no id."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"results":[{"properties":{}}]}'})


def test_the_recorder_lets_everything_pass_and_keeps_what_was_wrong_on_both_sides(contract: HubSpotContract) -> None:
    recorder = ContractRecorder(_tell, contract)

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(recorder), base_url="http://sandbox") as client:
            return await client.get("/crm/v3/objects/contacts", params={"limmit": "1"})

    assert asyncio.run(call()).status_code == 200
    assert {(v.side, v.what) for v in recorder.violations} >= {
        ("request", "query: unknown parameter `limmit`"),
        ("reply", "reply.results[0]: required `id` is missing"),
    }
    with pytest.raises(AssertionError, match="limmit"):
        recorder.assert_clean()


def test_a_refusal_is_not_held_against_the_shape_of_a_success(contract: HubSpotContract) -> None:
    assert contract.check_response("GET", "/crm/v3/objects/contacts", 429, {"status": "error"}) == []
