"""Who may come in: access tokens, how they are got, and how they run out on the virtual clock."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from crmsync.sandbox.salesforce.api.wire import Answer, Request
from crmsync.sandbox.salesforce.errors import OrgError

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_LONGEST_ASSERTION = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TokenRefused(Exception):
    """A 400 of the token endpoint."""

    error: str
    description: str


@dataclass(slots=True)
class _Session:
    user_id: str
    runs_out_at: datetime


class Tokens:
    """The sessions of one org. A session slides: each use gives it its whole lifetime again."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._sessions: dict[str, _Session] = {}
        self._minted = 0
        self._logins: deque[datetime] = deque()
        self._refresh_token = org.config.credentials.refresh_token

    def user_of(self, request: Request) -> str:
        """The user behind a request's token. Raises OrgError 401 for none, an unknown or an expired one."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() not in ("bearer", "oauth"):
            token = request.headers.get("x-sfdc-session", "")
        session, now = self._sessions.get(token.strip()), self._org.clock.now()
        if session is None or session.runs_out_at <= now:
            self._sessions.pop(token.strip(), None)
            raise OrgError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        session.runs_out_at = now + self._org.config.token_lifetime
        return session.user_id

    def expire_all(self) -> None:
        """End every session at once, as an administrator or another client's logout does."""
        self._sessions.clear()

    def grant(self, request: Request, base_url: str) -> Answer:
        """The token endpoint."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        client_id, client_secret = _client(request, form)
        try:
            grant = self._grants().get(form.get("grant_type", ""))
            if grant is None:
                raise TokenRefused("unsupported_grant_type", "grant type not supported")
            extra = grant(form, client_id, client_secret)
            self._count_login()
        except TokenRefused as refused:
            return Answer(400, {"error": refused.error, "error_description": refused.description})
        return Answer(200, self._minted_token(base_url) | extra, {"Cache-Control": "no-store", "Pragma": "no-cache"})

    def revoke(self, request: Request) -> Answer:
        """End one session. An unknown token is an error, as it is there."""
        token = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("token") or request.query.get("token", "")
        if self._sessions.pop(token, None) is None:
            return Answer(400, {"error": "unsupported_token_type", "error_description": "this token type is not supported"})
        return Answer(200)

    def _grants(self) -> Mapping[str, Callable[[Mapping[str, str], str, str], dict[str, Any]]]:
        return {
            "client_credentials": self._client_credentials,
            "refresh_token": self._refresh,
            JWT_BEARER: self._assertion,
            "password": self._password,
        }

    def _client_credentials(self, form: Mapping[str, str], client_id: str, client_secret: str) -> dict[str, Any]:
        del form
        self._check_client(client_id, client_secret)
        return {}

    def _password(self, form: Mapping[str, str], client_id: str, client_secret: str) -> dict[str, Any]:
        self._check_client(client_id, client_secret)
        known = self._org.config.credentials
        if form.get("username") != known.username or not form.get("password", "").startswith(known.password):
            raise TokenRefused("invalid_grant", "authentication failure")
        return {}

    def _refresh(self, form: Mapping[str, str], client_id: str, client_secret: str) -> dict[str, Any]:
        self._check_client(client_id, client_secret or self._org.config.credentials.client_secret)
        if form.get("refresh_token") != self._refresh_token:
            raise TokenRefused("invalid_grant", "expired access/refresh token")
        if not self._org.config.rotates_refresh_tokens:
            return {}
        self._refresh_token = "5Aep861." + self._secret(f"refresh/{self._refresh_token}")
        return {"refresh_token": self._refresh_token}

    def _assertion(self, form: Mapping[str, str], client_id: str, client_secret: str) -> dict[str, Any]:
        """The claims are checked, the signature is not: whoever reaches the sandbox may come in."""
        del client_id, client_secret
        claims = _claims(form.get("assertion", ""))
        known = self._org.config.credentials
        if claims.get("iss") != known.client_id:
            raise TokenRefused("invalid_client_id", "client identifier invalid")
        if str(claims.get("aud", "")).rstrip("/") not in _AUDIENCES and ".my.salesforce.com" not in str(claims.get("aud")):
            raise TokenRefused("invalid_grant", "audience is invalid")
        if claims.get("sub") != known.username:
            raise TokenRefused("invalid_grant", "user hasn't approved this consumer")
        if self._org.config.checks_assertion_time and not self._is_fresh(claims.get("exp")):
            raise TokenRefused("invalid_grant", "expired authorization code")
        return {}

    def _is_fresh(self, expiry: object) -> bool:
        now = self._org.clock.now().timestamp()
        return isinstance(expiry, int | float | str) and now < float(expiry) <= now + _LONGEST_ASSERTION.total_seconds()

    def _check_client(self, client_id: str, client_secret: str) -> None:
        known = self._org.config.credentials
        if client_id != known.client_id:
            raise TokenRefused("invalid_client_id", "client identifier invalid")
        if client_secret != known.client_secret:
            raise TokenRefused("invalid_client", "invalid client credentials")

    def _count_login(self) -> None:
        now = self._org.clock.now()
        while self._logins and self._logins[0] <= now - timedelta(hours=1):
            self._logins.popleft()
        if len(self._logins) >= self._org.config.logins_per_hour:
            raise TokenRefused("invalid_grant", "login rate exceeded")
        self._logins.append(now)

    def mint(self) -> str:
        """Open a session of the integration user; gives its token."""
        org, now = self._org, self._org.clock.now()
        self._minted += 1
        token = f"{org.id[:15]}!AQ.{self._secret(f'access/{self._minted}')}"
        self._sessions[token] = _Session(org.integration_id, now + org.config.token_lifetime)
        return token

    def _minted_token(self, base_url: str) -> dict[str, Any]:
        org, now = self._org, self._org.clock.now()
        token = self.mint()
        identity = f"https://login.salesforce.com/id/{org.id}/{org.integration_id}"
        issued_at = str(int(now.timestamp() * 1000))
        signature = base64.b64encode(hmac.digest(b"sandbox", (identity + issued_at).encode(), "sha256")).decode()
        return {
            "access_token": token,
            "signature": signature,
            "scope": "api refresh_token" if org.config.rotates_refresh_tokens else "api",
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    def _secret(self, what: str) -> str:
        return hashlib.sha256(f"{self._org.config.seed}/{what}".encode()).hexdigest()


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Id and secret from HTTP Basic, else from the form."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, client_secret


def _claims(assertion: str) -> dict[str, Any]:
    """The claims of an RS256 assertion."""
    parts = assertion.split(".")
    try:
        head, claims = (orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, binascii.Error) as refusal:
        raise TokenRefused("invalid_grant", "invalid assertion") from refusal
    if len(parts) != 3 or not isinstance(claims, dict) or head.get("alg") != "RS256":
        raise TokenRefused("invalid_grant", "invalid assertion")
    return claims
