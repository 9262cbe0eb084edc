"""A scripted Salesforce: what the connector needs to start, answers to give in turn, rows to write to. No socket, no rules: for
what a test wants to say word by word."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx
import respx

from crmsync.connect.build import Transport, open_client
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import ConnectionSettings, Page, PullRequest, PushBatch
from crmsync.connect.retry import RetryPolicy
from crmsync.errors import StopConnector
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync_salesforce import connector as plugin
from crmsync_salesforce.connector import SalesforceConnector

API = "http://127.0.0.1:9"
DATA = f"{API}/services/data/v66.0"
DATE = {"Date": "Mon, 01 Apr 2024 12:00:00 GMT"}
VERSIONS = [{"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}]
CREDENTIALS = {"client_id": "key", "client_secret": "hush"}


class Org:
    """A scripted org: what the connector needs to start, and a router to add to."""

    def __init__(self, router: respx.MockRouter) -> None:
        self.router = router
        self.versions = router.get(f"{API}/services/data").respond(json=VERSIONS, headers=DATE)
        self.token = router.post(f"{API}/services/oauth2/token").respond(
            json={"access_token": "00Dx!one", "instance_url": "https://elsewhere.invalid", "token_type": "Bearer"}
        )
        router.get(f"{DATA}/limits/").respond(json={"DailyApiRequests": {"Max": 15000, "Remaining": 14000}})
        router.post(f"{DATA}/composite").mock(return_value=refusal("NOT_FOUND", status=404))  # one by one, unless a test says so
        router.get(f"{DATA}/limits/recordCount").respond(json={"sObjects": []})
        self.describe("Lead", "Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "Email", "Rating", "Company")

    def describe(self, object: str, *fields: str) -> None:
        described = {"name": object, "queryable": True, "fields": [{"name": name, "type": "string"} for name in fields]}
        self.router.get(f"{DATA}/sobjects/{object}/describe").respond(json=described)

    def queries(self, *answers: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> list[str]:
        """Answer queries in turn (the last for ever) and collect their text."""
        seen: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request.url.params.get("q", str(request.url.path)))
            made = answers[min(len(seen), len(answers)) - 1]
            return made if isinstance(made, httpx.Response) else made(request)

        self.router.get(url__regex=rf"{DATA}/query(All)?(/.*|\?.*)").mock(side_effect=answer)
        return seen


def settings(secrets: Mapping[str, str] = CREDENTIALS, urls: Mapping[str, str] | None = None, **options: Any) -> ConnectionSettings:
    def secret(name: str) -> str:
        if name not in secrets:
            raise StopConnector("auth.secret_not_configured", connection="sf", secret=name)
        return secrets[name]

    return ConnectionSettings("sf", {"api": API} if urls is None else urls, options, secret)


def client() -> ApiClient:
    transport = Transport(trust_env=False, retry=RetryPolicy(attempts=3))
    return open_client("sf", base_urls={}, transport=transport, pause=lambda _seconds: None)


def made(**options: Any) -> SalesforceConnector:
    crm = plugin.make(settings(**options), client())
    assert isinstance(crm, SalesforceConnector)
    return crm


def rows(*ids: int, done: bool = True, next_url: str = "", **more: Any) -> httpx.Response:
    at = "2024-04-01T10:00:00.000+0000"
    records = [{"attributes": {"type": "Lead"}, "Id": f"00Q{n:012d}AAA", "SystemModstamp": at, **more} for n in ids]
    body = {"totalSize": 99, "done": done, "records": records, **({"nextRecordsUrl": next_url} if next_url else {})}
    return httpx.Response(200, json=body, headers=DATE)


def refusal(code: str, message: str = "", status: int = 400) -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": message}], headers=DATE)


def pull(crm: SalesforceConnector, cursor: Mapping[str, Any] | None = None, *fields: str, object: str = "Lead") -> list[Page]:
    return list(crm.pull(PullRequest(object, fields or ("Email",), cursor)))


def ids(pages: list[Page]) -> list[int]:
    return [int(record.id[3:15]) for page in pages for record in page.records]


def change(n: int, *, at: datetime | None = None, **values: Any) -> Change:
    diffs = tuple(FieldDiff(name, None, None, value) for name, value in values.items())
    return Change(f"u{n}", "sf", "Lead", "update", diffs, "p", record_id=f"00Q{n:012d}AAA", expected_modified_at=at)


def push(crm: SalesforceConnector, *changes: Change) -> dict[str, Receipt]:
    receipts = list(crm.push(PushBatch("Lead", changes)))
    assert len(receipts) == len(changes)
    return {receipt.key: receipt for receipt in receipts}


class Rows:
    """Leads that the org holds by number, and the write endpoint over them. `errors` are given out once each, by number."""

    def __init__(self, org: Org, count: int) -> None:
        self.held: dict[str, dict[str, Any]] = {
            f"00Q{n:012d}AAA": {"SystemModstamp": "2024-04-01T10:00:00.000+0000", "Rating": "Cold"} for n in range(count)
        }
        self.errors: dict[int, list[str]] = {}
        self.batches: list[int] = []
        self.headers: list[httpx.Headers] = []
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
        org.queries(self.query)
        org.router.patch(f"{DATA}/composite/sobjects").mock(side_effect=self.write)

    def query(self, request: httpx.Request) -> httpx.Response:
        found = [{"attributes": {}, "Id": key, **row} for key, row in self.held.items() if key in request.url.params["q"]]
        return httpx.Response(200, json={"totalSize": len(found), "done": True, "records": found}, headers=DATE)

    def write(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(request.headers)
        early = self.before(request)
        if early is not None:
            return early
        records = json.loads(request.content)["records"]
        self.batches.append(len(records))
        return httpx.Response(200, json=[self.row(record) for record in records])

    def row(self, record: dict[str, Any]) -> dict[str, Any]:
        waiting = self.errors.get(int(record["id"][3:15]), [])
        if waiting:
            code = waiting.pop(0)
            return {"success": False, "errors": [{"statusCode": code, "message": code, "fields": ["Rating"]}]}
        self.held[record["id"]].update(
            {key: value for key, value in record.items() if key not in ("attributes", "id")},
            SystemModstamp="2024-04-01T12:00:00.000+0000",
        )
        return {"id": record["id"], "success": True, "errors": []}
