"""Auth flows: generators that yield requests and receive answers, so that a renewal is tested without a network.

StaticBearer   a token that someone else renews
TokenFlow      a token fetched from a token endpoint, renewed once per request, by one thread at a time
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from crmsync.connect.answers import classify_answer, http_date, json_or_none
from crmsync.connect.calls import Verdict, shown

Flow = Generator[httpx.Request, httpx.Response, None]

# Under this name a request carries the lane that it is counted in; a call for a token has one of its own.
LANE = "crmsync.lane"
TOKEN_LANE = "auth"  # noqa: S105 - a lane's name


class TokenRefused(Exception):
    """The token endpoint gave no token; the request that needed one was not sent. Never leaves the kit: the client turns the
    verdict into an error of ours."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.code)
        self.verdict = replace(verdict, is_untaken=True)


@dataclass(frozen=True, slots=True)
class Token:
    """`base_url` is where the token's calls go, where the vendor says so; `expires_in_seconds` counts from `issued_at`, on the
    server's clock."""

    value: str
    base_url: str | None = None
    expires_in_seconds: float | None = None
    issued_at: datetime | None = None


class StaticBearer(httpx.Auth):
    """A bearer token that does not change while we run."""

    def __init__(self, token: str) -> None:
        self._token = token

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class TokenFlow(httpx.Auth):
    """Bearer tokens from a token endpoint.

    `ask` builds the token request; `read` makes a Token of its 200 answer (raise ValueError where it is none); `is_expired`
    tells the 401 that a fresh token cures from every other. `place` may move a request to where the token's calls go.
    Renewal is single-flight: threads that meet the same dead token wait for one renewal and share its token.

    A token from before may lead to a place that is no more. Until it has opened one door it is only believed to be good: where it
    names its place and nobody answers there, or `is_elsewhere` says that it was somebody else, another is asked for, once."""

    def __init__(
        self,
        *,
        ask: Callable[[], httpx.Request],
        read: Callable[[httpx.Response], Token],
        is_expired: Callable[[httpx.Response], bool],
        place: Callable[[httpx.Request, Token], None] = lambda _request, _token: None,
        early_seconds: float = 0.0,
        now: Callable[[], datetime | None] = lambda: None,
        kept: Callable[[], Token | None] = lambda: None,
        keep: Callable[[Token], None] = lambda _token: None,
        is_elsewhere: Callable[[httpx.Response], bool] = lambda _response: False,
        classify: Callable[[httpx.Response], Verdict] | None = None,
    ) -> None:
        """`now` is the server's clock (None: not known yet): with it and `expires_in_seconds`, a token is renewed
        `early_seconds` before its end. `kept` gives a token from before, asked once; `keep` is handed every new one before it
        is used. `classify` refines what refusals of the token endpoint mean."""
        self._ask = ask
        self._read = read
        self._is_expired = is_expired
        self._place = place
        self._early_seconds = early_seconds
        self._now = now
        self._kept = kept
        self._keep = keep
        self._is_elsewhere = is_elsewhere
        self._classify = classify or classify_token_answer
        self._has_looked = False
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._untried: Token | None = None
        self.renewals = 0

    @property
    def token(self) -> Token | None:
        """The token in hand, for connectors that need what came with it (its base URL)."""
        return self._token

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        token = yield from self._current(request)
        self._sign(request, token)
        try:
            response = yield request
        except GeneratorExit:  # how httpx says that no answer came
            self._doubt(token)
            raise
        if response.is_success:
            self._untried = None
            return  # not read here: it may be as long as a whole object's rows
        response.read()
        if self._is_expired(response) or (token is self._untried and self._is_elsewhere(response)):
            token = yield from self._renewed(request, token)
            self._sign(request, token)
            yield request

    def _current(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, Token]:
        self._look()
        token = self._token
        if token is not None and not self._ends_soon(token):
            return token
        return (yield from self._renewed(request, token))

    def _look(self) -> None:
        """Begin with the token from before, where there is one."""
        with self._lock:
            if not self._has_looked:
                self._has_looked = True
                self._token = self._kept()
                self._untried = self._token if self._token is not None and self._token.base_url else None

    def _doubt(self, token: Token) -> None:
        """Forget a token from before that has reached nobody yet: the next request asks for another."""
        with self._lock:
            if token is self._untried and token is self._token:
                self._token = self._untried = None

    def _renewed(self, request: httpx.Request, dead: Token | None) -> Generator[httpx.Request, httpx.Response, Token]:
        with self._lock:
            if self._token is not None and self._token is not dead:
                return self._token  # another thread was faster
            ask = self._ask()
            # With the request's own timeouts: without any, httpx waits for ever.
            ask.extensions = {**request.extensions, **ask.extensions, LANE: TOKEN_LANE}
            response = yield ask
            response.read()
            token = self._token_of(response)
            self._keep(token)
            self._token = token
            self.renewals += 1
            return token

    def _token_of(self, response: httpx.Response) -> Token:
        if not response.is_success:
            raise TokenRefused(self._classify(response))
        try:
            token = self._read(response)
        except (ValueError, KeyError, TypeError) as error:
            raise TokenRefused(Verdict("retry", "not_json", "the token answer holds no token")) from error
        return replace(token, issued_at=token.issued_at or http_date(response.headers.get("Date", "")))

    def _ends_soon(self, token: Token) -> bool:
        now = self._now()
        if now is None or token.issued_at is None or token.expires_in_seconds is None:
            return False
        return (now - token.issued_at).total_seconds() >= token.expires_in_seconds - self._early_seconds

    def _sign(self, request: httpx.Request, token: Token) -> None:
        self._place(request, token)
        request.headers["Authorization"] = f"Bearer {token.value}"


def classify_token_answer(response: httpx.Response) -> Verdict:
    """A token endpoint that is busy or broken is asked again; one that says no needs a person. RFC 6749 bodies and HTML."""
    verdict = classify_answer(response)
    if verdict.kind == "retry":
        return verdict
    body = json_or_none(response)
    if isinstance(body, dict) and "error" in body:
        return Verdict("auth", str(body["error"]), shown(str(body.get("error_description") or body.get("message") or "")))
    return Verdict("auth", str(response.status_code), shown(response.text))


def move_request(request: httpx.Request, base_url: str) -> None:
    """Send `request` to the scheme, host and port of `base_url`, path and query kept."""
    base = httpx.URL(base_url)
    request.url = request.url.copy_with(scheme=base.scheme, host=base.host, port=base.port)
    request.headers["Host"] = request.url.netloc.decode("ascii")
