"""The one way out, against scripted answers (respx): no socket, no sleeping."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
import respx

from crmsync.connect.auth import StaticBearer, Token, TokenFlow
from crmsync.connect.breaker import BreakerPolicy
from crmsync.connect.build import Transport, open_client
from crmsync.connect.calls import AnswerLost, Call, CallRejected, Verdict
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import BudgetRule
from crmsync.connect.retry import RetryPolicy
from crmsync.errors import RetryLater, StopConnector

API = "https://crm.test"


class Pauses(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def client(pauses: Pauses) -> Iterator[ApiClient]:
    transport = Transport(trust_env=False, retry=RetryPolicy(attempts=3), breaker=BreakerPolicy(failures=5))
    with open_client("sf", base_urls={"api": API}, transport=transport, pause=pauses, draw=lambda low, high: high) as client:
        yield client


@pytest.fixture
def crm() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=API, assert_all_called=False) as router:
        yield router


def test_a_busy_crm_is_asked_again_with_growing_waits(client: ApiClient, crm: respx.MockRouter, pauses: Pauses) -> None:
    crm.get("/x").mock(side_effect=[httpx.Response(503), httpx.Response(502), httpx.Response(200, json={"a": 1})])
    assert client.send_json(Call("GET", "/x")) == {"a": 1}
    assert pauses == [0.5, 1.0]
    assert (client.usage.calls, client.usage.retries, client.usage.by_lane) == (3, 2, {"burst": 3})


def test_retry_after_is_honoured_also_for_a_post(client: ApiClient, crm: respx.MockRouter, pauses: Pauses) -> None:
    crm.post("/x").mock(side_effect=[httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200)])
    client.send(Call("POST", "/x", json={}))
    assert pauses == [7.5]


def test_retry_after_as_a_date_counts_on_the_servers_clock(client: ApiClient, crm: respx.MockRouter, pauses: Pauses) -> None:
    dates = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:00:09 GMT"}
    crm.get("/x").mock(side_effect=[httpx.Response(429, headers=dates), httpx.Response(200)])
    client.send(Call("GET", "/x"))
    assert pauses == [9.5]


def test_a_lost_answer_to_a_create_is_unknown_and_sent_once(client: ApiClient, crm: respx.MockRouter) -> None:
    route = crm.post("/x").mock(side_effect=httpx.ReadTimeout)
    with pytest.raises(AnswerLost):
        client.send(Call("POST", "/x", json={}))
    assert route.call_count == 1


def test_a_create_that_never_left_is_sent_again(client: ApiClient, crm: respx.MockRouter) -> None:
    crm.post("/x").mock(side_effect=[httpx.ConnectError("refused"), httpx.Response(201, json={"id": "1"})])
    assert client.send_json(Call("POST", "/x", json={})) == {"id": "1"}


def test_given_up_means_later(client: ApiClient, crm: respx.MockRouter) -> None:
    route = crm.get("/x").mock(return_value=httpx.Response(503, text="<html>down</html>"))
    with pytest.raises(RetryLater) as caught:
        client.send(Call("GET", "/x"))
    assert route.call_count == 3
    assert caught.value.params["message"] == "<html>down</html>"
    assert caught.value.after_seconds > 0


def test_the_second_attempt_carries_every_header_and_the_body(client: ApiClient, crm: respx.MockRouter) -> None:
    route = crm.patch("/x").mock(side_effect=[httpx.Response(503), httpx.Response(200)])
    client.send(Call("PATCH", "/x", json={"OwnerId": "1"}, headers={"Sforce-Auto-Assign": "FALSE"}, repeatable=True))
    first, second = (call.request for call in route.calls)
    assert second.headers["Sforce-Auto-Assign"] == "FALSE"
    assert second.headers["Content-Type"] == "application/json"
    assert first.content == second.content == b'{"OwnerId":"1"}'


def test_html_where_json_belongs_is_tried_again_and_then_said(client: ApiClient, crm: respx.MockRouter) -> None:
    crm.get("/x").mock(return_value=httpx.Response(200, text="<html>maintenance</html>"))
    with pytest.raises(RetryLater) as caught:
        client.send_json(Call("GET", "/x"))
    assert caught.value.params["vendor_code"] == "not_json"


def test_a_refusal_names_method_path_and_code_but_no_query_and_no_credential(client: ApiClient, crm: respx.MockRouter) -> None:
    client.use_auth(StaticBearer("pat-secret"))
    crm.get("/x").mock(return_value=httpx.Response(400, text="no: Bearer pat-secret " + "y" * 500))
    with pytest.raises(CallRejected) as caught:
        client.send(Call("GET", "/x", params={"email": "someone@example.com"}))
    assert (caught.value.status, caught.value.vendor_code) == (400, "400")
    assert "pat-secret" not in str(caught.value)
    assert "someone" not in str(caught.value)
    assert len(caught.value.message) <= 200


def test_a_lenient_call_gets_the_refusal_itself(client: ApiClient, crm: respx.MockRouter) -> None:
    crm.get("/x").mock(return_value=httpx.Response(404))
    assert client.send(Call("GET", "/x", is_lenient=True)).status_code == 404


def test_the_connectors_classifier_decides(client: ApiClient, crm: respx.MockRouter) -> None:
    client.use_classifier(lambda response: Verdict("quota", "REQUEST_LIMIT_EXCEEDED"))
    crm.get("/x").mock(return_value=httpx.Response(403))
    with pytest.raises(StopConnector) as caught:
        client.send(Call("GET", "/x"))
    assert caught.value.code == "connect.quota"


def test_after_many_failures_in_a_row_nothing_more_is_sent(client: ApiClient, crm: respx.MockRouter) -> None:
    route = crm.get("/x").mock(return_value=httpx.Response(503))
    for _ in range(2):
        with pytest.raises((RetryLater, StopConnector)):
            client.send(Call("GET", "/x"))
    with pytest.raises(StopConnector, match="breaker_open"):
        client.send(Call("GET", "/x"))
    assert route.call_count == 5


def test_a_page_where_json_is_wanted_is_a_failed_attempt_and_a_lost_answer_for_a_create(
    client: ApiClient, crm: respx.MockRouter
) -> None:
    page = httpx.Response(200, text="<html>please wait</html>")
    crm.get("/x").mock(side_effect=[page, httpx.Response(200, json={"a": 1})])
    assert client.send(Call("GET", "/x", wants_json=True)).json() == {"a": 1}
    route = crm.post("/x").mock(return_value=page)
    with pytest.raises(AnswerLost):
        client.send(Call("POST", "/x", json={}, wants_json=True))
    assert route.call_count == 1


def test_the_crms_clock_runs_on_between_answers(crm: respx.MockRouter) -> None:
    elapsed = 100.0
    with open_client("sf", base_urls={"api": API}, transport=Transport(trust_env=False), clock=lambda: elapsed) as client:
        assert client.time_now_or_none() is None
        crm.get("/x").mock(return_value=httpx.Response(200, headers={"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}))
        client.send(Call("GET", "/x"))
        elapsed = 700.0
        assert client.time_now_or_none() == datetime(2024, 1, 1, 0, 10, tzinfo=UTC)
        assert client.server_time() == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_limit_with_a_known_end_is_not_knocked_at_before(crm: respx.MockRouter) -> None:
    elapsed = [0.0]
    with open_client("sf", base_urls={"api": API}, transport=Transport(trust_env=False), clock=lambda: elapsed[0]) as client:
        client.use_classifier(lambda response: Verdict("ok" if response.is_success else "quota", "DAILY", wait_seconds=3600))
        route = crm.get("/x").mock(side_effect=[httpx.Response(429), httpx.Response(200)])
        for elapsed[0] in (0.0, 10.0, 3599.0):
            with pytest.raises(StopConnector, match=r"connect\.quota"):
                client.send(Call("GET", "/x"))
        assert route.call_count == 1
        elapsed[0] = 3600.0
        assert client.send(Call("GET", "/x")).status_code == 200


def test_server_time_is_the_date_header(client: ApiClient, crm: respx.MockRouter) -> None:
    with pytest.raises(StopConnector):
        client.server_time()
    crm.get("/x").mock(return_value=httpx.Response(200, headers={"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}))
    client.send(Call("GET", "/x"))
    assert client.server_time() == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_lane_waits_for_room_and_gives_up_where_the_wait_is_too_long(crm: respx.MockRouter) -> None:
    crm.get("/x").mock(return_value=httpx.Response(200))
    rules = [BudgetRule("burst", 2, 0.2), BudgetRule("daily", 1, 86_400)]
    with open_client("sf", base_urls={"api": API}, budget=rules, transport=Transport(trust_env=False)) as client:
        for _ in range(3):
            client.send(Call("GET", "/x"))
        assert client.usage.waited_seconds > 0.05
        client.send(Call("GET", "/x", lane="daily"))
        with pytest.raises(RetryLater, match="budget_spent") as caught:
            client.send(Call("GET", "/x", lane="daily"))
        assert caught.value.after_seconds > 80_000


def flow(client: ApiClient, **more: object) -> TokenFlow:
    made = TokenFlow(
        ask=lambda: httpx.Request("POST", API + "/token", content=b"grant_type=x"),
        read=lambda response: Token(response.json()["access_token"], expires_in_seconds=response.json().get("expires_in")),
        is_expired=lambda response: response.status_code == 401,
        now=client.server_time_or_none,
        **more,  # type: ignore[arg-type]  # a test's own keywords
    )
    client.use_auth(made)
    return made


def tokens(*values: str, **more: object) -> list[httpx.Response]:
    return [httpx.Response(200, json={"access_token": value, **more}) for value in values]


def test_an_expired_token_is_renewed_once_and_the_call_goes_again(client: ApiClient, crm: respx.MockRouter) -> None:
    used = flow(client)
    crm.post("/token").mock(side_effect=tokens("one", "two"))
    route = crm.post("/x").mock(side_effect=[httpx.Response(401), httpx.Response(200)])
    client.send(Call("POST", "/x", json={"a": 1}, headers={"Sforce-Auto-Assign": "FALSE"}))
    second = route.calls.last.request
    assert used.renewals == 2
    assert second.headers["Authorization"] == "Bearer two"
    assert second.headers["Sforce-Auto-Assign"] == "FALSE"
    assert second.content == b'{"a":1}'


def test_a_second_401_stops_the_connection_and_opens_the_breaker(client: ApiClient, crm: respx.MockRouter) -> None:
    used = flow(client)
    crm.post("/token").mock(side_effect=tokens("one", "two", "three"))
    route = crm.get("/x").mock(return_value=httpx.Response(401))
    with pytest.raises(StopConnector) as caught:
        client.send(Call("GET", "/x"))
    assert caught.value.code == "connect.auth"
    with pytest.raises(StopConnector, match="breaker_open"):
        client.send(Call("GET", "/x"))
    assert (route.call_count, used.renewals) == (2, 2)


def test_a_token_endpoint_that_says_no_stops_with_its_words(client: ApiClient, crm: respx.MockRouter) -> None:
    flow(client)
    crm.post("/token").mock(return_value=httpx.Response(400, json={"error": "invalid_grant", "error_description": "expired"}))
    with pytest.raises(StopConnector) as caught:
        client.send(Call("POST", "/x"))
    assert (caught.value.params["vendor_code"], caught.value.params["message"]) == ("invalid_grant", "expired")


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.ReadTimeout, httpx.Response(200, text="<html>")])
def test_a_token_endpoint_in_trouble_leaves_the_call_unsent_so_a_create_goes_again(
    client: ApiClient, crm: respx.MockRouter, trouble: httpx.Response | type[Exception]
) -> None:
    flow(client)
    crm.post("/token").mock(side_effect=[trouble, *tokens("one")])
    route = crm.post("/x").mock(return_value=httpx.Response(201))
    client.send(Call("POST", "/x"))
    assert route.call_count == 1


def test_a_token_near_its_end_on_the_servers_clock_is_renewed_early(client: ApiClient, crm: respx.MockRouter) -> None:
    used = flow(client, early_seconds=600)
    at = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}, {"Date": "Mon, 01 Jan 2024 00:25:00 GMT"}
    crm.post("/token").mock(
        side_effect=[
            httpx.Response(200, json={"access_token": v, "expires_in": 1800}, headers=h) for v, h in zip("ab", at, strict=True)
        ]
    )
    crm.get("/x").mock(side_effect=[httpx.Response(200, headers=h) for h in (at[1], at[1])])
    client.send(Call("GET", "/x"))
    client.send(Call("GET", "/x"))
    assert used.renewals == 2


def test_the_token_call_has_our_timeouts(client: ApiClient, crm: respx.MockRouter) -> None:
    flow(client)
    route = crm.post("/token").mock(side_effect=tokens("one"))
    crm.get("/x").mock(return_value=httpx.Response(200))
    client.send(Call("GET", "/x"))
    assert route.calls.last.request.extensions["timeout"] == {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}
