"""An org at nine in the morning of a Tokyo spring day, and an unmodified official client in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Faults
from crmsync.sandbox.salesforce.http import Application, application
from crmsync.sandbox.salesforce.org import Org, OrgConfig
from crmsync.sandbox.server import serve

START = datetime(2026, 4, 1, 0, 0, tzinfo=UTC)


class Rewriting(HTTPAdapter):
    """Sends what is meant for https://*.salesforce.com, and for the sandbox as https, to the sandbox's plain port."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._port = urlsplit(url).netloc

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = urlunsplit(("http", self._port, parts.path, parts.query, ""))
        return super().send(request, *args, **kwargs)  # type: ignore[arg-type]  # passed through as they came


class Place:
    """An org on a real port."""

    def __init__(self, org: Org, faults: Faults, app: Application, url: str) -> None:
        self.org, self.faults, self.app, self.url = org, faults, app, url
        self._closing: list[Callable[[], None]] = []

    def official(self, **login: str) -> Salesforce:
        """The client, signed in by client credentials, or as told."""
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", Rewriting(self.url))
        self._closing.append(session.close)
        known = self.org.config.credentials
        app = {"consumer_key": known.client_id, "consumer_secret": known.client_secret, "domain": "acme.my"}
        return Salesforce(session=session, **{"version": "66.0", **(login or app)})

    def http(self, **headers: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, trust_env=False, headers={**self.bearer(), **headers})
        self._closing.append(client.close)
        return client

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()['access_token']}"}

    def token(self, **form: str) -> dict[str, str]:
        known = self.org.config.credentials
        body = {"grant_type": "client_credentials", "client_id": known.client_id, "client_secret": known.client_secret, **form}
        found: dict[str, str] = httpx.post(f"{self.url}/services/oauth2/token", data=body, trust_env=False).json()
        return found

    def close(self) -> None:
        for close in self._closing:
            close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def org(clock: VirtualClock) -> Org:
    return Org(clock, OrgConfig())


@pytest.fixture
def place_of() -> Iterator[Callable[..., Place]]:
    """Make a place of any configuration."""
    open_places: list[tuple[Place, Callable[[], None]]] = []

    def make(config: OrgConfig | None = None, *script: object) -> Place:
        org = Org(VirtualClock(START), config)
        faults = Faults(script)  # type: ignore[arg-type]  # faults, as the tests give them
        app = application(org, faults)
        running = serve({"salesforce": app}, {})
        place = Place(org, faults, app, running.urls["salesforce"])
        open_places.append((place, running.close))
        return place

    yield make
    for place, close in open_places:
        place.close()
        close()


@pytest.fixture
def place(place_of: Callable[..., Place]) -> Place:
    return place_of()
