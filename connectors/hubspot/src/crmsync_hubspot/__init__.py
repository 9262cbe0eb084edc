"""HubSpot for crmsync: the CRM's facts in tables, its four verbs, and nothing of what crmsync decides.

objects.py paths.py faults.py options.py     the tables
values.py windows.py records.py receipts.py lifecycle.py schema.py     pure
signature.py hooks.py           webhooks: whose they are, and which records they name
portal.py vendor.py auth.py     the calls: ours, hubspot-api-client's, the token's
catalogue.py pull_*.py push.py upsert.py linking.py sending.py provision.py     the verbs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmsync.connect.contract import BudgetRule, ConnectionSettings, ConnectorPlugin
from crmsync_hubspot.options import AUTH_SECRETS, OPTION_TYPES

if TYPE_CHECKING:
    from crmsync.connect.client import ApiClient
    from crmsync.connect.hints import HookReader, HookSettings
    from crmsync_hubspot.verbs import HubSpotConnector

# 80 % of what every plan allows: 100 calls in 10 s (Professional and Enterprise: 190), 5 searches a second shared by all apps
# of the account (4 leaves one to the others), 250,000 calls a day (Professional 625,000, Enterprise 1,000,000), of which a
# fifth may be searches. A bigger plan raises them in the configuration of the connection.
BUDGET = (
    BudgetRule("burst", 80, 10.0),
    BudgetRule("burst", 160_000, 86_400.0),
    BudgetRule("search", 4, 1.0),
    BudgetRule("search", 40_000, 86_400.0),
)


def _make(settings: ConnectionSettings, client: ApiClient) -> HubSpotConnector:
    from crmsync_hubspot.verbs import make  # on first use: listing plug-ins must stay quick

    return make(settings, client)


def _hooks(settings: HookSettings) -> HookReader:
    from crmsync_hubspot.hooks import reader_of

    return reader_of(settings)


connector = ConnectorPlugin(
    name="hubspot",
    make=_make,
    base_urls={"api": "https://api.hubapi.com"},
    budget=BUDGET,
    auth_secrets=AUTH_SECRETS,
    options=OPTION_TYPES,
    hooks=_hooks,
)
