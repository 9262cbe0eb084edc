"""The four verbs for one org, and the plug-in that makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx

from crmsync.connect.client import ApiClient
from crmsync.connect.contract import (
    ConnectionSettings,
    ConnectorPlugin,
    Cost,
    Finding,
    Need,
    Page,
    ProvisionStep,
    PullRequest,
    PushBatch,
    Use,
)
from crmsync.connect.hints import EventSource
from crmsync.errors import RetryLater, StopConnector
from crmsync.model.changes import Receipt
from crmsync.model.memberships import MEMBERSHIPS
from crmsync.model.records import ObjectSchema, RawRecord
from crmsync_salesforce.answers import classify
from crmsync_salesforce.api import Api
from crmsync_salesforce.auth import AUTH_SECRETS, LOGIN, hosts_of, make_auth
from crmsync_salesforce.composite import Composite
from crmsync_salesforce.costs import costs
from crmsync_salesforce.diagnosis import Diagnosis
from crmsync_salesforce.events import ChangeEvents
from crmsync_salesforce.facts import (
    API_VERSION,
    BUDGET,
    BULK_PATIENCE_SECONDS,
    BULK_QUERY_FROM,
    BULK_WRITE_FROM,
    CAPABILITIES,
    FORMULA_REFRESH_HOURS,
)
from crmsync_salesforce.mass_writing import MassWriter
from crmsync_salesforce.memberships import Enroller
from crmsync_salesforce.provisioning import Provisioner
from crmsync_salesforce.pulling import Puller
from crmsync_salesforce.reading import Reader
from crmsync_salesforce.schema import public
from crmsync_salesforce.shapes import Shapes
from crmsync_salesforce.walks import BulkRule
from crmsync_salesforce.window import Margins
from crmsync_salesforce.writing import Writer

OPTIONS: Mapping[str, type] = {
    "auth": str,
    "api_version": str,
    "audience": str,
    "lag_seconds": float,
    "overlap_seconds": float,
    "bulk_query_from": int,
    "bulk_write_from": int,
    "bulk_patience_seconds": float,
    "formula_refresh_hours": float,
    "token_file": str,
    "refresh_token_file": str,
}


class SalesforceConnector:
    """One org. Keeps nothing between calls but what describe said."""

    capabilities = CAPABILITIES

    def __init__(self, api: Api, margins: Margins, bulk: BulkRule, formula_refresh: timedelta | None, auth: httpx.Auth) -> None:
        self._api = api
        self._auth = auth
        self._shapes = Shapes(api)
        self._reader = Reader(api, self._shapes, margins, bulk)
        self._formula_refresh = formula_refresh
        self._puller = Puller(api.client, self._shapes, self._reader, formula_refresh=formula_refresh)
        composite = Composite(api)
        self._writer = Writer(api, self._shapes, self._reader, composite)
        self._mass_writer = MassWriter(api, self._shapes, self._reader, composite, self._writer, rule=bulk)
        self._enroller = Enroller(api, self._writer)
        self._provisioner = Provisioner(api, self._shapes, self._enroller)

    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        self._api.start()
        shapes = self._shapes.describe(objects)
        return {name: public(shape, shapes) for name, shape in shapes.items()}

    def pull(self, request: PullRequest) -> Iterator[Page]:
        self._api.start()
        yield from self._puller.pull(request)

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        try:
            self._api.start()
        except (RetryLater, StopConnector) as error:
            yield from self._writer.unsent(batch, error)
            if isinstance(error, StopConnector):
                raise
            return
        yield from self._enroller.push(batch.changes) if batch.object == MEMBERSHIPS else self._mass_writer.push(batch)

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str]]]:
        self._api.start()
        yield from self._enroller.members(list_id)

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        self._api.start()
        return self._reader.by_ids(object, ids, fields)

    def events(self, client: ApiClient, objects: Sequence[str]) -> EventSource:
        """See `connect.hints.Broadcasting`. It signs in with the token of polling: a second login would rotate the refresh token
        away under the first."""
        client.use_auth(self._auth)
        client.use_classifier(classify)
        return ChangeEvents(self._api, client, objects)

    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        self._api.start()
        return tuple(self._provisioner.provision(needs, apply=apply))

    def diagnose(self, uses: Sequence[Use]) -> Iterator[Finding]:
        return Diagnosis(self._api).findings(uses)

    def costs(self, uses: Sequence[Use]) -> Sequence[Cost]:
        calculated = frozenset(use.object for use in uses if self._shapes.calculated(use.object) & set(use.reads))
        return costs(uses, calculated, self._formula_refresh)


def make(settings: ConnectionSettings, client: ApiClient) -> SalesforceConnector:
    """A connector for one connection. Sends nothing. Raises StopConnector for options that cannot be."""
    auth = make_auth(settings, client)
    client.use_auth(auth)
    client.use_classifier(classify)
    version = str(settings.options.get("api_version", API_VERSION)).removeprefix("v")
    api = Api(client, hosts_of(settings), version=version)
    margins = Margins(
        lag=timedelta(seconds=_number(settings, "lag_seconds", 300)),
        overlap=timedelta(seconds=_number(settings, "overlap_seconds", 300)),
    )
    bulk = BulkRule(
        from_rows=int(_number(settings, "bulk_query_from", BULK_QUERY_FROM, most=1e9)),
        write_from_rows=int(_number(settings, "bulk_write_from", BULK_WRITE_FROM, most=1e9)),
        patience_seconds=_number(settings, "bulk_patience_seconds", BULK_PATIENCE_SECONDS),
    )
    hours = _number(settings, "formula_refresh_hours", FORMULA_REFRESH_HOURS)
    return SalesforceConnector(api, margins, bulk, timedelta(hours=hours) if hours else None, auth)


def _number(settings: ConnectionSettings, option: str, default: float, most: float = 86_400) -> float:
    value: Any = settings.options.get(option, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        expected = f"0 … {most:g}"
        raise StopConnector("connect.option_wrong", connection=settings.name, option=option, value=value, expected=expected)
    return float(value)


connector = ConnectorPlugin(
    name="salesforce",
    make=make,
    base_urls={"login": LOGIN},
    budget=BUDGET,
    auth_secrets=AUTH_SECRETS,
    options=OPTIONS,
    broadcasts=True,
)
