"""Signing in: client credentials, JWT bearer, refresh token, or a ready access token. Which one is told by the secrets that the
connection refers to, or by the option `auth`. Tokens may outlive the process in files (options `token_file` and
`refresh_token_file`, encrypted by the secret token_key).

    client_credentials   client_id, client_secret               needs the org's My Domain as base URL "login" (or "api")
    jwt_bearer           client_id, private_key, username       RS256; the user must be pre-authorised for the app
    refresh_token        client_id, refresh_token, client_secret where the app has one
    access_token         access_token                           cannot be renewed; needs base URL "api"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
import structlog

from crmsync.connect.answers import json_of
from crmsync.connect.auth import StaticBearer, Token, TokenFlow, move_request
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import ConnectionSettings
from crmsync.connect.token_files import SavedRefresh, TokenFile, digest_of, saved_refresh_of
from crmsync.errors import StopConnector
from crmsync_salesforce.answers import classify_token_refusal, is_elsewhere, is_expired
from crmsync_salesforce.ciphers import KeyCipher, cipher_of, private_key_of

_log = structlog.get_logger("crmsync.salesforce")

LOGIN = "https://login.salesforce.com"
_SHARED_LOGINS = frozenset({"login.salesforce.com", "test.salesforce.com"})
# Where no base URL is set, calls are addressed here and moved to the instance that the token names.
UNPLACED = "https://instance.invalid"

AUTH_SECRETS: Mapping[str, tuple[str, ...]] = {
    "client_credentials": ("client_id", "client_secret"),
    "jwt_bearer": ("client_id", "private_key", "username"),
    "refresh_token": ("client_id", "refresh_token"),
    "access_token": ("access_token",),
}
# The most telling secret of each flow, in the order they are looked for.
_TELLING = (
    ("access_token", "access_token"),
    ("private_key", "jwt_bearer"),
    ("refresh_token", "refresh_token"),
    ("client_secret", "client_credentials"),
)
# Salesforce takes at most some three to five minutes ahead; a skewed clock is the usual reason of a refusal, so the time is the
# server's own.
_ASSERTION_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Hosts:
    """`login` is where tokens come from; `api` where data calls go, empty for "where the token says"."""

    login: str
    api: str

    @property
    def data(self) -> str:
        return self.api or UNPLACED

    @property
    def known(self) -> str:
        """A host that answers before there is a token."""
        return self.api or self.login


def hosts_of(settings: ConnectionSettings) -> Hosts:
    """A configured "api" wins over what a token says (plain-http sandboxes, private endpoints). The My Domain may stand under
    either name."""
    login = settings.base_urls.get("login") or LOGIN
    api = settings.base_urls.get("api") or ""
    if api and urlsplit(login).hostname in _SHARED_LOGINS:
        login = api
    return Hosts(login.rstrip("/"), api.rstrip("/"))


def flow_of(settings: ConnectionSettings) -> str:
    """The auth flow of a connection. Raises StopConnector for an option that names none."""
    chosen = settings.options.get("auth")
    if chosen in AUTH_SECRETS:
        return str(chosen)
    if chosen:
        raise _wrong(settings.name, "auth", chosen, " | ".join(AUTH_SECRETS))
    return next((flow for secret, flow in _TELLING if _has(settings, secret)), "client_credentials")


def make_auth(settings: ConnectionSettings, client: ApiClient, save: Callable[[str], None] | None = None) -> httpx.Auth:
    """The auth of a connection. `save` is handed every rotated refresh token before the access token beside it is used; by
    default it goes to the file of option `refresh_token_file`."""
    flow, hosts = flow_of(settings), hosts_of(settings)
    if flow == "access_token":
        return StaticBearer(settings.secret("access_token"))
    if flow == "client_credentials" and urlsplit(hosts.login).hostname in _SHARED_LOGINS:
        raise _wrong(settings.name, "base_urls.login", hosts.login, "https://<my-domain>.my.salesforce.com")
    saved = saved_refresh_of(settings, _cipher(settings)) if settings.options.get("refresh_token_file") else None
    grants: dict[str, Callable[[], Mapping[str, str]]] = {
        "client_credentials": lambda: _client_credentials(settings),
        "jwt_bearer": lambda: _jwt_bearer(settings, client, hosts),
        "refresh_token": lambda: _refresh(settings, saved),
    }
    rotated = save or (saved.keep if saved else None)
    cache = _cache(settings, flow, hosts)
    return TokenFlow(
        ask=lambda: _token_request(hosts.login, grants[flow]()),
        read=lambda response: _read(response, rotated if flow == "refresh_token" else None),
        is_expired=is_expired,
        place=lambda request, token: _place(request, token, hosts),
        now=client.server_time_or_none,
        kept=cache.load if cache else lambda: None,
        keep=cache.keep if cache else lambda _token: None,
        is_elsewhere=is_elsewhere,
        classify=classify_token_refusal,
    )


@dataclass(frozen=True, slots=True)
class _Cache:
    """The access token of the last process: minting one at each start counts against the user's logins per hour."""

    file: TokenFile
    owner: str

    def load(self) -> Token | None:
        saved = self.file.load()
        if saved.get("of") != self.owner or not saved.get("access_token"):
            return None
        return Token(saved["access_token"], base_url=saved.get("base_url") or None)

    def keep(self, token: Token) -> None:
        try:
            self.file.save({"access_token": token.value, "base_url": token.base_url or "", "of": self.owner})
        except OSError as error:
            _log.warning("token_not_kept", error=type(error).__name__)  # it serves this process all the same


def _cache(settings: ConnectionSettings, flow: str, hosts: Hosts) -> _Cache | None:
    path = settings.options.get("token_file")
    if not path:
        return None
    cipher = _cipher(settings)
    if cipher is None:
        raise _wrong(settings.name, "token_file", path, "auth: token_key")
    user = settings.secret("username") if flow == "jwt_bearer" else ""
    return _Cache(TokenFile(Path(path), cipher), digest_of(hosts.login, flow, settings.secret("client_id"), user))


def _cipher(settings: ConnectionSettings) -> KeyCipher | None:
    if not _has(settings, "token_key"):
        return None
    try:
        return cipher_of(settings.secret("token_key"))
    except ValueError:
        raise _wrong(settings.name, "token_key", "…", "openssl rand -base64 32") from None


def _wrong(connection: str, option: str, value: object, expected: str) -> StopConnector:
    return StopConnector("connect.option_wrong", connection=connection, option=option, value=value, expected=expected)


def _token_request(login: str, form: Mapping[str, str]) -> httpx.Request:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return httpx.Request("POST", login + "/services/oauth2/token", content=urlencode(form).encode(), headers=headers)


def _client_credentials(settings: ConnectionSettings) -> Mapping[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": settings.secret("client_id"),
        "client_secret": settings.secret("client_secret"),
    }


def _jwt_bearer(settings: ConnectionSettings, client: ApiClient, hosts: Hosts) -> Mapping[str, str]:
    expires = int(client.server_time().timestamp()) + _ASSERTION_SECONDS
    claims = {
        "iss": settings.secret("client_id"),
        "sub": settings.secret("username"),
        "aud": settings.options.get("audience") or _audience(hosts.login),
        "exp": expires,
    }
    key = settings.secret("private_key").replace("\\n", "\n")  # one-line environment variables
    try:
        assertion = jwt.encode(claims, private_key_of(key), algorithm="RS256")
    except ValueError:
        raise StopConnector("connect.private_key_wrong", connection=settings.name) from None
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def _audience(login: str) -> str:
    """The vendor's own login host: sandboxes are told by their My Domain."""
    host = urlsplit(login).hostname or ""
    return "https://test.salesforce.com" if host == "test.salesforce.com" or ".sandbox." in host else LOGIN


def _refresh(settings: ConnectionSettings, saved: SavedRefresh | None) -> Mapping[str, str]:
    form = {
        "grant_type": "refresh_token",
        "client_id": settings.secret("client_id"),
        "refresh_token": saved.newest() if saved else settings.secret("refresh_token"),
    }
    return {**form, "client_secret": settings.secret("client_secret")} if _has(settings, "client_secret") else form


def _read(response: httpx.Response, save: Callable[[str], None] | None) -> Token:
    body = json_of(response)
    token = Token(str(body["access_token"]), base_url=body.get("instance_url") or None)
    rotated = body.get("refresh_token")
    if rotated and save is not None:
        save(str(rotated))  # before anything is done with the new access token: the old refresh token is dead already
    return token


def _place(request: httpx.Request, token: Token, hosts: Hosts) -> None:
    if not hosts.api:
        move_request(request, token.base_url or hosts.login)


def _has(settings: ConnectionSettings, name: str) -> bool:
    """Whether the connection refers to a secret of this name. One that it refers to and that is empty is an error of its own."""
    try:
        return bool(settings.secret(name))
    except StopConnector as error:
        if error.code == "auth.secret_not_configured":
            return False
        raise
