"""The one way out: every byte to a CRM passes budget, breaker, retry and auth here, the vendors' own clients included."""

from __future__ import annotations

import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, NoReturn

import httpx
import orjson
import structlog
from tenacity import RetryCallState, Retrying, retry_if_result, stop_never

from crmsync.connect.answers import classify_answer, classify_failure, http_date, json_of
from crmsync.connect.auth import LANE, TokenRefused
from crmsync.connect.breaker import Breaker
from crmsync.connect.budget import Budget
from crmsync.connect.calls import AnswerLost, Call, CallRejected, Verdict, shown
from crmsync.connect.reserve import RESERVE_SHARE, ReserveReached, Work, is_reached
from crmsync.connect.retry import GiveUp, RetryPolicy, Wait, decide_retry
from crmsync.connect.usage import Tally, Usage
from crmsync.errors import RetryLater, StopConnector

if TYPE_CHECKING:
    import requests

    from crmsync.connect.bridges import Pool
    from crmsync.connect.contract import BudgetRule

__all__ = ["ApiClient", "Call", "Download", "Usage", "Verdict"]

_log = structlog.get_logger("crmsync.connect")

_NO_MORE = GiveUp()


@dataclass(frozen=True, slots=True)
class Download:
    """An answer whose body lies in a file, whole and uncompressed, at its beginning."""

    headers: Mapping[str, str]
    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How one attempt ended, and what is done next."""

    verdict: Verdict
    response: httpx.Response | None = None
    value: Any = None
    error: Exception | None = None
    next: Wait | GiveUp = _NO_MORE


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """Most calls go to a few addresses, again and again: httpx takes longer to read one than to do all else with a request."""
    return httpx.URL(url)


class ApiClient:
    """One connection's client: sync, safe to use from several threads.

    `pause` sleeps for seconds, `draw` picks evenly between two numbers: both replaced in tests, which never sleep."""

    def __init__(
        self,
        name: str,
        http: httpx.Client,
        *,
        base_urls: Mapping[str, str],
        budget: Budget,
        breaker: Breaker | None = None,
        policy: RetryPolicy | None = None,
        pause: Callable[[float], None] = time.sleep,
        draw: Callable[[float, float], float] = random.uniform,
        reserve_share: float = RESERVE_SHARE,
        budget_rules: Sequence[BudgetRule] = (),
    ) -> None:
        """`reserve_share` of the account's day is left to others; `budget_rules` are those that `budget` was made of, for whoever
        asks."""
        self.name = name
        self.base_urls = dict(base_urls)
        self.reserve_share = reserve_share
        self.budget_rules = tuple(budget_rules)
        self.policy = policy or RetryPolicy()
        self._http = http
        self._budget = budget
        self._breaker = breaker or Breaker(name, time.monotonic)
        self._pause = pause
        self._draw = draw
        self._auth: httpx.Auth | None = None
        self._classify: Callable[[httpx.Response], Verdict] = classify_answer
        self._observe: Callable[[httpx.Response], None] = lambda _response: None
        self._clock = self._breaker.clock
        self._server_time: datetime | None = None
        self._seen_at = 0.0
        self._lock = threading.Lock()
        self._tally = Tally()
        self._retrying = Retrying(
            sleep=pause,
            stop=stop_never,  # decide_retry ends the loop: it counts the attempts
            wait=self._wait,
            retry=retry_if_result(lambda outcome: isinstance(outcome.next, Wait)),
        )
        http.event_hooks["request"].append(self._sent)
        http.event_hooks["response"].append(self._seen)

    def use_auth(self, auth: httpx.Auth) -> None:
        """How every later call is authenticated."""
        self._auth = auth

    def use_classifier(self, classify: Callable[[httpx.Response], Verdict]) -> None:
        """What answers mean in this CRM. It is given the response with its body read."""
        self._classify = classify

    def use_observer(self, observe: Callable[[httpx.Response], None]) -> None:
        """Shown every answer's status and headers (the body is not read yet): where a connector reads its limits."""
        self._observe = observe

    def send(self, call: Call) -> httpx.Response:
        """Send, and send again where that is right. Gives what the classifier calls ok (and what it rejects, where the call is
        lenient). Raises RetryLater, StopConnector, CallRejected, or AnswerLost for a call that must not be repeated."""
        response = self._run(call, json_of if call.wants_json else lambda _response: None).response
        assert response is not None  # noqa: S101 - an outcome without a response never leaves _run
        return response

    def send_json(self, call: Call) -> Any:
        """As `send`, and give the JSON of the body (None where empty). A body that is no JSON is a failed attempt, sent again
        where the call may be."""
        return self._run(call, json_of).value

    def exchange(self, call: Call) -> tuple[httpx.Response, Any]:
        """As `send_json`, with the response beside the JSON. Of a refusal that a lenient call is handed, the body is not read."""
        outcome = self._run(call, json_of)
        assert outcome.response is not None  # noqa: S101 - an outcome without a response never leaves _run
        return outcome.response, outcome.value

    @contextmanager
    def download(self, call: Call) -> Iterator[Download]:
        """As `send`, with the body streamed to a temporary file that lives as long as the context: memory stays small however
        large the answer, and a body that breaks off is fetched anew before anything of it is seen."""
        with tempfile.TemporaryFile() as file:

            def keep(response: httpx.Response) -> None:
                file.seek(0)
                file.truncate()
                for part in response.iter_bytes():
                    file.write(part)
                file.seek(0)

            response = self._run(call, keep, is_streamed=True).response
            assert response is not None  # noqa: S101 - an outcome without a response never leaves _run
            yield Download(response.headers, file)

    def wait(self, seconds: float) -> None:
        """Let time pass while the CRM works on something; counted like any other wait."""
        self._pause(seconds)
        self._tally.waited(seconds)

    def server_time(self) -> datetime:
        """The CRM's clock as of its last answer (UTC, whole seconds). Raises StopConnector before there was one."""
        if self._server_time is None:
            raise StopConnector("connect.no_server_time", connection=self.name)
        return self._server_time

    def server_time_or_none(self) -> datetime | None:
        """As `server_time`, None before there was an answer."""
        return self._server_time

    def time_now_or_none(self) -> datetime | None:
        """The CRM's clock as of now, run on from its last answer: after a long pause that answer alone would be old."""
        with self._lock:
            seen = self._server_time
            return seen + timedelta(seconds=self._clock() - self._seen_at) if seen is not None else None

    @property
    def usage(self) -> Usage:
        return self._tally.usage

    def note_left(self, lane: str, left: int, limit: int | None = None) -> None:
        """Record what the vendor says remains in a lane, and what it allows in all where it says so. "daily" is the account's
        day: the reserve is a share of it."""
        self._tally.left(lane, left, limit)

    def check_reserve(self, work: Work) -> None:
        """Raises ReserveReached where the account has too few calls left today for this kind of work."""
        day = self.usage.day
        if day is not None and is_reached(day, self.reserve_share, work):
            raise ReserveReached("connect.reserve_reached", connection=self.name, left=day.left, limit=day.limit)

    def requests_session(self, shape: Callable[[Call], Call] = lambda call: call) -> requests.Session:
        """A requests session whose traffic is this client's. `shape` may change each call (host, lane, repeatable)."""
        from crmsync.connect.bridges import BridgedSession

        return BridgedSession(self, shape)

    def urllib3_pool(self, shape: Callable[[Call], Call] = lambda call: call) -> Pool:
        """What stands in for a urllib3 pool manager, likewise."""
        from crmsync.connect.bridges import Pool

        return Pool(self, shape)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, call: Call, read: Callable[[httpx.Response], Any], *, is_streamed: bool = False) -> _Outcome:
        numbers = itertools.count(1)
        outcome: _Outcome = self._retrying(lambda: self._attempt(call, read, next(numbers), is_streamed=is_streamed))
        lenient = call.is_lenient and outcome.verdict.kind == "reject"
        return outcome if outcome.verdict.kind == "ok" or lenient else self._refuse(call, outcome)

    def _wait(self, state: RetryCallState) -> float:
        outcome = state.outcome.result() if state.outcome else None
        if outcome is None or not isinstance(outcome.next, Wait):
            return 0.0
        return self._draw(outcome.next.at_least_seconds, outcome.next.at_most_seconds)

    def _attempt(self, call: Call, read: Callable[[httpx.Response], Any], number: int, *, is_streamed: bool) -> _Outcome:
        self._breaker.check()
        waited = self._budget.take(call.lane)
        if waited:
            self._tally.waited(waited)
        if number > 1:
            self._tally.repeated()
        outcome = self._exchange(self._build(call), None if call.is_anonymous else self._auth, read, is_streamed=is_streamed)
        self._tell_breaker(outcome.verdict, outcome.response)
        if outcome.verdict.kind == "ok":
            return outcome
        decided = replace(outcome, next=decide_retry(outcome.verdict, number, call, self.policy))
        self._report(call, decided, number)
        return decided

    def _exchange(
        self, request: httpx.Request, auth: httpx.Auth | None, read: Callable[[httpx.Response], Any], *, is_streamed: bool
    ) -> _Outcome:
        try:
            response = self._http.send(request, auth=auth, stream=is_streamed)
            try:
                return self._understood(response, read)
            finally:
                response.close()
        except TokenRefused as refusal:
            return _Outcome(refusal.verdict, error=refusal)
        except httpx.RequestError as failure:
            return _Outcome(classify_failure(failure, request), error=failure)

    def _understood(self, response: httpx.Response, read: Callable[[httpx.Response], Any]) -> _Outcome:
        if not response.is_success:
            response.read()  # what a streamed refusal says is short
        verdict = self._classify(response)
        if verdict.kind != "ok":
            return _Outcome(verdict, response)
        try:
            return _Outcome(verdict, response, read(response))
        except ValueError as failure:
            return _Outcome(Verdict("retry", "not_json", str(failure)), response, error=failure)

    def _build(self, call: Call) -> httpx.Request:
        """The whole request, anew for each attempt: headers are never lost on the way to a second one."""
        headers = dict(call.headers)
        content = call.content
        if call.json is not None:
            content = orjson.dumps(call.json)
            headers.setdefault("Content-Type", "application/json")
        url = call.url if "://" in call.url else self.base_urls["api"].rstrip("/") + call.url
        params: Any = call.params
        lane = {LANE: call.lane}
        return self._http.build_request(call.method, _parsed(url), params=params, content=content, headers=headers, extensions=lane)

    def _tell_breaker(self, verdict: Verdict, response: httpx.Response | None) -> None:
        if verdict.kind == "auth":
            self._breaker.trip(verdict.code)
        elif verdict.kind == "quota" and verdict.wait_seconds is not None:
            self._breaker.pause(verdict.code, verdict.wait_seconds)
        elif verdict.kind == "retry" and (response is None or response.status_code >= 500):
            self._breaker.failed(verdict.code)
        elif verdict.kind != "stop":
            self._breaker.succeeded()

    def _refuse(self, call: Call, outcome: _Outcome) -> NoReturn:
        verdict = outcome.verdict
        params = {
            "connection": self.name,
            "method": call.method,
            "path": call.path,
            "status": outcome.response.status_code if outcome.response is not None else 0,
            "vendor_code": verdict.code,
            "message": shown(verdict.message),
        }
        if verdict.kind == "reject":
            raise CallRejected("connect.rejected", **params) from outcome.error
        if verdict.kind != "retry":
            raise StopConnector(f"connect.{verdict.kind}", **params) from outcome.error
        if isinstance(outcome.next, GiveUp) and outcome.next.is_unknown:
            raise AnswerLost("connect.answer_lost", **params) from outcome.error
        after_seconds = verdict.wait_seconds or self.policy.longest_seconds
        raise RetryLater("connect.retry", after_seconds=after_seconds, **params) from outcome.error

    def _report(self, call: Call, outcome: _Outcome, number: int) -> None:
        _log.info(
            "call_failed",
            connection=self.name,
            method=call.method,
            path=call.path,
            attempt=number,
            verdict=outcome.verdict.kind,
            vendor_code=outcome.verdict.code,
            again=isinstance(outcome.next, Wait),
        )

    def _sent(self, request: httpx.Request) -> None:
        """Count what leaves, whoever sends it: the auth flow asks for tokens, and repeats what met a dead one."""
        self._tally.sent(str(request.extensions[LANE]))

    def _seen(self, response: httpx.Response) -> None:
        stamp = http_date(response.headers.get("Date", ""))
        if stamp is not None:
            with self._lock:
                self._server_time, self._seen_at = stamp, self._clock()
        self._observe(response)
