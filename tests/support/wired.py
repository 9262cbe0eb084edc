"""A connector before an app on a real port, wired as crmsync wires it, with nothing that sleeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.types import ASGIApp

from crmsync.connect.build import Transport, open_client
from crmsync.connect.contract import ConnectionSettings, Connector, ConnectorPlugin
from crmsync.errors import StopConnector
from crmsync.sandbox.server import serve


@contextmanager
def wired(plugin: ConnectorPlugin, name: str, app: ASGIApp, secrets: Mapping[str, str]) -> Iterator[Connector]:
    """The connection `name` of this plug-in: each of its base URLs is the app's."""

    def secret(wanted: str) -> str:
        if wanted not in secrets:
            raise StopConnector("auth.secret_not_configured", connection=name, secret=wanted)
        return secrets[wanted]

    with serve({name: app}, {}) as running:
        urls = dict.fromkeys(plugin.base_urls, running.urls[name])
        with open_client(name, base_urls=urls, transport=Transport(trust_env=False), pause=lambda _seconds: None) as client:
            yield plugin.make(ConnectionSettings(name, urls, {}, secret), client)
