"""Credentials: a bearer token that someone else looks after (service key or legacy private app, one on the wire), or OAuth.

An OAuth access token lives 30 minutes and is renewed by the clock of the server, as HubSpot asks, not by waiting for a 401;
a 401 renews it once all the same, for a token that was revoked early. Prefixes of tokens mean nothing to us.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

import httpx
import structlog

from crmsync.connect.answers import json_of
from crmsync.connect.auth import StaticBearer, Token, TokenFlow
from crmsync.connect.calls import Call
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import ConnectionSettings
from crmsync.connect.token_files import SavedRefresh, saved_refresh_of
from crmsync.errors import StopConnector
from crmsync_hubspot.options import AUTH_SECRETS
from crmsync_hubspot.paths import Paths

# tap-hubspot renews ten minutes early; half of that is still ten calls' worth of the longest timeout.
EARLY_SECONDS = 300.0

_log = structlog.get_logger("crmsync.hubspot")

Secret = Callable[[str], str]


def auth_of(settings: ConnectionSettings, client: ApiClient, paths: Paths) -> httpx.Auth:
    """The flow for the secrets that are configured: `token` alone, else the three of OAuth. Raises StopConnector where a
    secret that is needed is not there."""
    token = _configured(settings.secret, "token")
    if token is not None:
        return StaticBearer(token)
    saved = saved_refresh_of(settings) if settings.options.get("refresh_token_file") else None
    return oauth_flow(settings.secret, client.base_urls["api"].rstrip("/") + paths.of("token"), client.time_now_or_none, saved)


def introspection(settings: ConnectionSettings, auth: httpx.Auth, paths: Paths) -> Call:
    """The call that asks what our token may do. It carries the token in its body, and no other credentials."""
    if not isinstance(auth, TokenFlow):
        body = {"tokenKey": settings.secret("token")}
        return Call("POST", paths.of("token_info"), json=body, repeatable=True, is_lenient=True, is_anonymous=True)
    form = {
        "token": auth.token.value if auth.token else "",
        "client_id": settings.secret("client_id"),
        "client_secret": settings.secret("client_secret"),
        "token_type_hint": "access_token",
    }
    return Call(
        "POST",
        paths.of("token") + "/introspect",
        content=urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        repeatable=True,
        is_lenient=True,
        is_anonymous=True,
    )


def oauth_flow(secret: Secret, url: str, now: Callable[[], datetime | None], saved: SavedRefresh | None = None) -> TokenFlow:
    """Access tokens by refresh token. Parameters travel in the body: the dated endpoints take no query. A refresh token that
    HubSpot exchanges is kept in `saved` before the access token beside it is used; without it, for the life of this process."""
    parameters = {"grant_type": "refresh_token"} | {name: secret(name) for name in AUTH_SECRETS["oauth"]}

    def ask() -> httpx.Request:
        if saved is not None:
            parameters["refresh_token"] = saved.newest()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return httpx.Request("POST", url, content=urlencode(parameters).encode(), headers=headers)

    def read(response: httpx.Response) -> Token:
        answer = json_of(response)
        value = str(answer["access_token"])  # first: what is no mapping, or holds none, is told by this
        seconds = answer.get("expires_in")
        token = Token(value, expires_in_seconds=float(seconds) if seconds is not None else None)
        # HubSpot normally returns the same refresh token; should it hand out a new one, the old may stop working.
        newest = str(answer.get("refresh_token") or parameters["refresh_token"])
        if newest != parameters["refresh_token"]:
            parameters["refresh_token"] = newest
            if saved is not None:
                saved.keep(newest)
            else:
                _log.warning("refresh_token_exchanged", remedy="set the option refresh_token_file")
        return token

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
