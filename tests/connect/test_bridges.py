"""The vendors' own clients, unmodified, on our transport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx
from hubspot import HubSpot
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from crmsync.connect.auth import StaticBearer
from crmsync.connect.bridges import move_hosts
from crmsync.connect.build import Transport, open_client
from crmsync.connect.calls import Call
from crmsync.connect.client import ApiClient
from crmsync.errors import RetryLater

BASE = "http://127.0.0.1:9"


@pytest.fixture
def client() -> Iterator[ApiClient]:
    transport = Transport(trust_env=False)
    with open_client("x", base_urls={"api": BASE}, transport=transport, pause=lambda _seconds: None) as client:
        client.use_auth(StaticBearer("ours"))
        yield client


@pytest.fixture
def crm() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        yield router


def salesforce(client: ApiClient) -> Salesforce:
    session = client.requests_session(move_hosts({"instance.invalid": BASE}))
    return Salesforce(session_id="theirs", instance="instance.invalid", version="66.0", session=session)


def test_simple_salesforce_travels_on_our_client_with_our_credentials(client: ApiClient, crm: respx.MockRouter) -> None:
    route = crm.get("/services/data/v66.0/query/").mock(return_value=httpx.Response(200, json={"records": [], "done": True}))
    assert salesforce(client).query("SELECT Id FROM Lead WHERE Name = '山田'")["done"]
    sent = route.calls.last.request
    assert sent.headers["Authorization"] == "Bearer ours"
    assert sent.headers["X-PrettyPrint"] == "1"
    assert sent.url.params["q"] == "SELECT Id FROM Lead WHERE Name = '山田'"
    assert client.usage.calls == 1


def test_its_calls_are_retried_as_ours_are(client: ApiClient, crm: respx.MockRouter) -> None:
    crm.get("/services/data/v66.0/limits/").mock(side_effect=[httpx.Response(503), httpx.Response(200, json={"a": 1})])
    assert salesforce(client).limits() == {"a": 1}
    assert client.usage.retries == 1


def test_a_refusal_reaches_it_as_its_own_error(client: ApiClient, crm: respx.MockRouter) -> None:
    crm.get("/services/data/v66.0/query/").mock(return_value=httpx.Response(400, json=[{"errorCode": "MALFORMED_QUERY"}]))
    with pytest.raises(SalesforceMalformedRequest) as caught:
        salesforce(client).query("SELECT")
    assert b"MALFORMED_QUERY" in caught.value.content or "MALFORMED_QUERY" in str(caught.value.content)


def test_a_body_goes_through_unchanged(client: ApiClient, crm: respx.MockRouter) -> None:
    route = crm.post("/services/data/v66.0/sobjects/Lead/").mock(return_value=httpx.Response(201, json={"id": "1"}))
    salesforce(client).restful("sobjects/Lead/", method="POST", json={"LastName": "山田"})
    assert route.calls.last.request.read() == b'{"LastName": "\\u5c71\\u7530"}'
    assert route.calls.last.request.headers["Content-Type"] == "application/json"


def hubspot(client: ApiClient, shape: Any = lambda call: call) -> HubSpot:
    def factory(package: Any, api_name: str, config: dict[str, Any]) -> Any:
        api_client = package.ApiClient(configuration=package.Configuration(host=BASE))
        api_client.configuration.access_token = "theirs"
        api_client.rest_client.pool_manager = client.urllib3_pool(shape)
        return getattr(package, api_name)(api_client=api_client)

    return HubSpot(api_factory=factory)


def test_hubspot_api_client_travels_on_our_client_and_its_paths_can_be_dated(client: ApiClient, crm: respx.MockRouter) -> None:
    def dated(call: Call) -> Call:
        return replace(call, url=call.url.replace("/crm/v3/owners/", "/crm/owners/2026-09"), lane="read")

    owner = {
        "id": "7",
        "createdAt": "2024-01-01T00:00:00Z",
        "updatedAt": "2024-01-01T00:00:00Z",
        "archived": False,
        "type": "PERSON",
    }
    route = crm.get("/crm/owners/2026-09").mock(
        side_effect=[httpx.Response(429, headers={"Retry-After": "1"}), httpx.Response(200, json={"results": [owner]})]
    )
    page = hubspot(client, dated).crm.owners.owners_api.get_page(limit=100)
    assert page.results[0].id == "7"
    assert route.calls.last.request.headers["Authorization"] == "Bearer ours"
    assert route.calls.last.request.url.params["limit"] == "100"
    assert client.usage.by_lane == {"read": 2}


def test_hubspot_api_client_gets_refusals_as_its_own_errors(client: ApiClient, crm: respx.MockRouter) -> None:
    from hubspot.crm.properties.exceptions import ApiException

    crm.get("/crm/v3/properties/contacts").mock(return_value=httpx.Response(403, json={"category": "MISSING_SCOPES"}))
    with pytest.raises(ApiException) as caught:
        hubspot(client).crm.properties.core_api.get_all("contacts")
    assert caught.value.status == 403
    assert "MISSING_SCOPES" in str(caught.value.body)


def test_an_outage_reaches_the_caller_as_ours_whichever_library_called(client: ApiClient, crm: respx.MockRouter) -> None:
    crm.route().mock(return_value=httpx.Response(503))
    with pytest.raises(RetryLater):
        salesforce(client).limits()
