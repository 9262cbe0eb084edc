"""The reserve: what is left of a day's calls goes to what is promised."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.connect.auth import LANE, Token, TokenFlow
from crmsync.connect.build import Transport, open_client
from crmsync.connect.calls import Call
from crmsync.connect.client import ApiClient
from crmsync.connect.reserve import KEPT, Allowance, ReserveReached, Work, is_reached


@pytest.mark.parametrize(
    ("left", "resting"),
    [(20_001, []), (20_000, []), (19_999, ["reading"]), (10_000, ["reading"]), (9_999, ["reading", "writing"])],
)
def test_reading_rests_first_then_writing_and_promises_never(left: int, resting: list[str]) -> None:
    assert [work for work in KEPT if is_reached(Allowance(left, 100_000), 0.2, work)] == resting


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1))
def test_what_is_more_pressing_never_rests_before_what_is_less(left: int, limit: int, share: float) -> None:
    rests = [is_reached(Allowance(left, limit), share, work) for work in KEPT]
    assert rests == sorted(rests, reverse=True)
    assert not rests[-1]


def test_without_a_reserve_nothing_rests() -> None:
    assert not any(is_reached(Allowance(0, 100_000), 0.0, work) for work in KEPT)


def _client(share: float = 0.2) -> ApiClient:
    return open_client("crm", base_urls={"api": "https://crm.test"}, transport=Transport(trust_env=False), reserve_share=share)


@pytest.mark.parametrize(("share", "work", "rests"), [(0.2, "reading", True), (0.2, "promised", False), (0.05, "reading", False)])
def test_a_client_says_when_its_account_has_too_little_left(share: float, work: Work, rests: bool) -> None:
    with _client(share) as client:
        client.check_reserve(work)  # nothing is known yet
        client.note_left("daily", 100, 1000)
        if not rests:
            client.check_reserve(work)
            return
        with pytest.raises(ReserveReached) as stopped:
            client.check_reserve(work)
        assert stopped.value.params == {"connection": "crm", "left": 100, "limit": 1000}


def test_a_limit_once_told_stays_while_the_rest_is_told_anew() -> None:
    with _client() as client:
        client.note_left("daily", 100, 1000)
        client.note_left("daily", 99)
        assert client.usage.day == Allowance(99, 1000)


def test_calls_for_tokens_and_repetitions_are_counted_like_any_other() -> None:
    answers = iter(
        [httpx.Response(200, json={"t": 1}), httpx.Response(401), httpx.Response(200, json={"t": 2}), httpx.Response(204)]
    )
    lanes: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        lanes.append(request.extensions[LANE])
        return next(answers)

    with _client() as client:
        client._http._transport = httpx.MockTransport(answer)
        client._http._mounts = {}
        client.use_auth(
            TokenFlow(
                ask=lambda: httpx.Request("POST", "https://crm.test/token"),
                read=lambda response: Token(str(response.json()["t"])),
                is_expired=lambda response: response.status_code == 401,
            )
        )
        client.send(Call("GET", "/x", lane="search"))
        assert lanes == ["auth", "search", "auth", "search"]
        assert (client.usage.calls, client.usage.by_lane) == (4, {"auth": 2, "search": 2})
