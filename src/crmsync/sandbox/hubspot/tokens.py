"""Who may call: the private app's fixed token, and access tokens that the OAuth refresh flow hands out and that run out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.config import PortalConfig
from crmsync.sandbox.hubspot.errors import PortalError, RowError
from crmsync.sandbox.hubspot.times import iso

_WELL_FORMED = re.compile(r"pat-[a-z]+\d+-[0-9a-f-]{8,}|C[A-Za-z0-9_-]{20,}")
_USER_ID = 9_001
_SCOPES_PAGE = "https://developers.hubspot.com/scopes"


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer may do, and until when (None: for ever)."""

    scopes: frozenset[str]
    expires_at: datetime | None
    oauth: bool


class Tokens:
    """All tokens of the portal; expiry is in the portal's own time."""

    def __init__(self, clock: VirtualClock, config: PortalConfig) -> None:
        self._clock = clock
        self._config = config
        self._issued = 0
        known = config.credentials
        self._known = {known.private_app_token: Token(frozenset(known.scopes), None, oauth=False)}

    def issue(self, *, scopes: tuple[str, ...] | None = None, seconds: int | None = None) -> str:
        """A new access token."""
        self._issued += 1
        digest = hashlib.sha256(f"{self._config.token_seed}/{self._config.portal_id}/{self._issued}".encode()).hexdigest()
        lasts = timedelta(seconds=self._config.credentials.access_seconds if seconds is None else seconds)
        granted = frozenset(self._config.credentials.scopes if scopes is None else scopes)
        self._known["C" + digest] = Token(granted, self._clock.now() + lasts, oauth=True)
        return "C" + digest

    def grant(self, token: str, scopes: tuple[str, ...]) -> None:
        """Make `token` a private app's token with these scopes."""
        self._known[token] = Token(frozenset(scopes), None, oauth=False)

    def revoke(self, token: str) -> None:
        """Make `token` unknown."""
        self._known.pop(token, None)

    def bearer(self, authorization: str) -> Token:
        """The token behind an Authorization header. Raises PortalError 401."""
        scheme, _, text = authorization.partition(" ")
        token = self._known.get(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            if scheme.lower() == "bearer" and text and not _WELL_FORMED.fullmatch(text.strip()):
                raise self._malformed()
            raise PortalError(401, "INVALID_AUTHENTICATION", _NO_CREDENTIALS)
        if token.expires_at is not None and token.expires_at <= self._clock.now():
            seconds = int((self._clock.now() - token.expires_at).total_seconds())
            raise _expired(f"{seconds} second(s) ago", token.expires_at)
        return token

    def _malformed(self) -> PortalError:
        """The vendor calls a token it cannot read expired since 1970."""
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return _expired(f"{(self._clock.now() - epoch).days} day(s) ago", epoch)

    def expired_by_script(self, *, malformed: bool) -> PortalError:
        """The 401 of a token that just ran out, or of one that cannot be read."""
        return self._malformed() if malformed else _expired("1 second(s) ago", self._clock.now() - timedelta(seconds=1))

    def exchange(self, form: Mapping[str, str], version: str) -> dict[str, Any]:
        """Answer the token endpoint. Raises PortalError 400 with OAuth's own keys."""
        known, grant = self._config.credentials, form.get("grant_type", "")
        if (form.get("client_id"), form.get("client_secret")) != (known.client_id, known.client_secret):
            raise _oauth_error("invalid_client", "BAD_CLIENT_SECRET", "the client's id or secret is wrong")
        allowed = {"refresh_token", "authorization_code"} | (set() if version == "2026-09" else {"client_credentials"})
        if grant not in allowed:
            raise _oauth_error("unsupported_grant_type", "BAD_GRANT_TYPE", f"grant type {grant!r} is not supported")
        if grant == "refresh_token" and form.get("refresh_token") != known.refresh_token:
            raise _oauth_error("invalid_grant", "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        if grant == "authorization_code" and not form.get("code"):
            raise _oauth_error("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
        body: dict[str, Any] = {"token_type": "bearer", "access_token": self.issue(), "expires_in": known.access_seconds}
        body["refresh_token"] = known.refresh_token
        if version == "v1":
            return body
        return {
            **body,
            "hub_id": self._config.portal_id,
            "user_id": _USER_ID,
            "scopes": list(known.scopes),
            "token_use": "access_token",
        }

    def introspect(self, text: str) -> dict[str, Any]:
        """What is known about an access token."""
        token, config = self._known.get(text), self._config
        if token is None or (token.expires_at is not None and token.expires_at <= self._clock.now()):
            return {"active": False}
        left = 0 if token.expires_at is None else int((token.expires_at - self._clock.now()).total_seconds())
        return {
            "active": True,
            "token": text,
            "token_type": "bearer",
            "token_use": "access_token",
            "hub_id": config.portal_id,
            "user_id": _USER_ID,
            "client_id": config.credentials.client_id,
            "app_id": config.app_id,
            "user": "admin@example.com",
            "hub_domain": "example.com",
            "scopes": sorted(token.scopes),
            "expires_in": left,
            "is_private_distribution": True,
        }

    def private_app(self, text: str) -> dict[str, Any]:
        """What is known about a private app's token. Raises PortalError 404."""
        token = self._known.get(text)
        if token is None or token.oauth:
            raise PortalError(404, "OBJECT_NOT_FOUND", "No private app has this token")
        return {
            "userId": _USER_ID,
            "hubId": self._config.portal_id,
            "appId": self._config.app_id,
            "scopes": sorted(token.scopes),
        }


_NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at "
    "https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)


def _expired(ago: str, at: datetime) -> PortalError:
    return PortalError(
        401,
        "EXPIRED_AUTHENTICATION",
        f"The OAuth token used to make this call expired {ago}.",
        context={"expire time": [iso(at)]},
    )


def _oauth_error(error: str, status: str, message: str) -> PortalError:
    return PortalError(400, "BAD_REQUEST", message, extra={"error": error, "error_description": message, "status": status})


def require_scope(token: Token, scope: str) -> None:
    """Raises PortalError 403 when the token lacks `scope`."""
    if scope and scope not in token.scopes:
        raise PortalError(
            403,
            "MISSING_SCOPES",
            "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
            + _SCOPES_PAGE,
            errors=[RowError("One or more of the following scopes are required.", None, {"requiredGranularScopes": [scope]})],
            extra={"links": {"scopes": _SCOPES_PAGE}},
        )
