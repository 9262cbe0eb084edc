"""The two decisions that keep a connection polite, as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.connect.breaker import BreakerPolicy, BreakerState, after_failure, after_success, is_open, tripped
from crmsync.connect.calls import Call, Verdict, shown
from crmsync.connect.retry import GiveUp, RetryPolicy, Wait, decide_retry

POLICY = RetryPolicy(attempts=4, first_seconds=1, longest_seconds=5, patience_seconds=60)
BUSY = Verdict("retry", "503")


def decide(verdict: Verdict, attempt: int = 1, method: str = "GET", *, repeatable: bool | None = None) -> Wait | GiveUp:
    return decide_retry(verdict, attempt, Call(method, "/x", repeatable=repeatable), POLICY)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "get"])
def test_a_repeatable_call_waits_and_goes_again(method: str) -> None:
    assert decide(BUSY, method=method) == Wait(0, 1)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_create_that_may_have_been_applied_is_given_up_as_unknown(method: str) -> None:
    assert decide(BUSY, method=method) == GiveUp(is_unknown=True)


def test_a_create_that_was_refused_at_the_door_goes_again() -> None:
    assert decide(Verdict("retry", "429", is_untaken=True), method="POST") == Wait(0, 1)


def test_a_post_that_says_it_is_harmless_goes_again() -> None:
    assert decide(BUSY, method="POST", repeatable=True) == Wait(0, 1)


def test_waits_double_up_to_the_longest() -> None:
    waits = [
        decide_retry(BUSY, n, Call("GET", "/x"), RetryPolicy(attempts=9, first_seconds=1, longest_seconds=5)) for n in range(1, 6)
    ]
    assert [w.at_most_seconds for w in waits if isinstance(w, Wait)] == [1, 2, 4, 5, 5]


def test_the_vendors_own_wait_is_never_undercut() -> None:
    assert decide(Verdict("retry", "429", wait_seconds=7)) == Wait(7, 8)


def test_a_wait_beyond_our_patience_is_not_waited_for() -> None:
    assert decide(Verdict("retry", "429", wait_seconds=3600)) == GiveUp()


@pytest.mark.parametrize("kind", ["auth", "quota", "stop", "reject", "ok"])
def test_nothing_but_a_passing_trouble_is_tried_again(kind: str) -> None:
    assert decide(Verdict(kind)) == GiveUp()  # type: ignore[arg-type]  # the parametrised words are the kinds


@given(attempt=st.integers(1, 50), wait=st.none() | st.floats(0, 1e6), untaken=st.booleans(), repeatable=st.booleans())
def test_every_call_ends_after_the_allowed_attempts(attempt: int, wait: float | None, untaken: bool, repeatable: bool) -> None:
    decision = decide_retry(
        Verdict("retry", wait_seconds=wait, is_untaken=untaken), attempt, Call("POST", "/", repeatable=repeatable), POLICY
    )
    if isinstance(decision, Wait):
        assert attempt < POLICY.attempts
        assert repeatable or untaken
        assert 0 <= decision.at_least_seconds <= decision.at_most_seconds


BREAKER = BreakerPolicy(failures=3, cool_down_seconds=60)


def failed(times: int, state: BreakerState | None = None) -> BreakerState:
    state = state or BreakerState()
    for _ in range(times):
        state = after_failure(state, BREAKER, 100.0, "503")
    return state


def test_the_breaker_opens_at_the_last_allowed_failure_and_not_before() -> None:
    assert not is_open(failed(2), BREAKER, 100)
    assert is_open(failed(3), BREAKER, 100)


def test_one_success_forgets_all_failures() -> None:
    assert not is_open(failed(2, after_success(failed(2))), BREAKER, 100)


def test_after_the_cool_down_one_try_passes_and_decides() -> None:
    assert not is_open(failed(3), BREAKER, 160)
    assert is_open(after_failure(failed(3), BREAKER, 160, "503"), BREAKER, 170)


def test_refused_credentials_open_it_at_once() -> None:
    assert is_open(tripped(BreakerState(), 5, "INVALID_SESSION_ID"), BREAKER, 6)


@pytest.mark.parametrize(
    "text",
    [
        "Bearer pat-na1-0000-secret failed",
        '{"access_token":"secret"}',
        "refresh_token=secret&x=1",
        "session 00D000000000001!AQ.secret is invalid",
    ],
)
def test_credentials_are_never_shown(text: str) -> None:
    assert "secret" not in shown(text)


def test_a_shown_text_is_one_line_of_at_most_200_characters() -> None:
    assert shown("<html>\n  <b>" + "x" * 500) == "<html> <b>" + "x" * 189 + "…"
