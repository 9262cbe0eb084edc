"""The tiny CRM as a connector. Everything that crmsync knows of it is in this package."""

from __future__ import annotations

from pathlib import Path

from crmsync.connect.auth import StaticBearer
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import BudgetRule, ConnectionSettings, ConnectorPlugin
from crmsync_toy.verbs import ToyConnector


def make(settings: ConnectionSettings, client: ApiClient) -> ToyConnector:
    """A connector for one connection. Sends nothing yet."""
    client.use_auth(StaticBearer(settings.secret("token")))
    return ToyConnector(client)


connector = ConnectorPlugin(
    name="toy",
    make=make,
    base_urls={"api": "https://crm.example"},
    budget=(BudgetRule("burst", calls=1000, seconds=1),),
    auth_secrets={"token": ("token",)},
    mappings=Path(__file__).parent / "mappings",
)
