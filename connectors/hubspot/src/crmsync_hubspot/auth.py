"""Credentials: a bearer token that someone else looks after (service key or legacy private app, one on the wire), or OAuth.

An OAuth access token lives 30 minutes and is renewed by the clock of the server, as HubSpot asks, not by waiting for a 401;
a 401 renews it once all the same, for a token that was revoked early. Prefixes of tokens mean nothing to us.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

import httpx

from crmsync.connect.answers import json_of
from crmsync.connect.auth import StaticBearer, Token, TokenFlow
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import ConnectionSettings
from crmsync.errors import StopConnector
from crmsync_hubspot.options import AUTH_SECRETS
from crmsync_hubspot.paths import Paths

# tap-hubspot renews ten minutes early; half of that is still ten calls' worth of the longest timeout.
EARLY_SECONDS = 300.0

Secret = Callable[[str], str]


def auth_of(settings: ConnectionSettings, client: ApiClient, paths: Paths) -> httpx.Auth:
    """The flow for the secrets that are configured: `token` alone, else the three of OAuth. Raises StopConnector where a
    secret that is needed is not there."""
    token = _configured(settings.secret, "token")
    if token is not None:
        return StaticBearer(token)
    return oauth_flow(settings.secret, client.base_urls["api"].rstrip("/") + paths.of("token"), client.time_now_or_none)


def oauth_flow(secret: Secret, url: str, now: Callable[[], datetime | None]) -> TokenFlow:
    """Access tokens by refresh token. Parameters travel in the body: the dated endpoints take no query."""
    parameters = {"grant_type": "refresh_token"} | {name: secret(name) for name in AUTH_SECRETS["oauth"]}

    def ask() -> httpx.Request:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return httpx.Request("POST", url, content=urlencode(parameters).encode(), headers=headers)

    def read(response: httpx.Response) -> Token:
        answer = json_of(response)
        # HubSpot normally returns the same refresh token; should it hand out a new one, the old may stop working.
        parameters["refresh_token"] = answer.get("refresh_token") or parameters["refresh_token"]
        seconds = answer.get("expires_in")
        return Token(str(answer["access_token"]), expires_in_seconds=float(seconds) if seconds is not None else None)

    return TokenFlow(ask=ask, read=read, is_expired=lambda answer: answer.status_code == 401, early_seconds=EARLY_SECONDS, now=now)


def _configured(secret: Secret, name: str) -> str | None:
    try:
        return secret(name)
    except StopConnector as error:
        if error.code != "auth.secret_not_configured":
            raise
        return None
    except KeyError:
        return None
