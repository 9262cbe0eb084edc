"""A CRM full of people, served by a process of its own, so that it does not share our interpreter's lock.

    python bench/tenant.py salesforce --people 100000 --acts 100000

prints one line of JSON ({"url": …}) once it is served, and ends with its standard input. Everybody is made through the
sandbox's own doors; nobody acts afterwards but through `/__bench`, which a bench steers it by:

    GET                       the calls since the last look, by method and kind of path; what the vendor does not count is left out
    POST {"minutes": 10}      time goes by
    POST {"edit": 1000}       a person edits that many people and that many acts, spread evenly
    POST {"canned": true}     from now on a request that was answered before gets the same bytes, at once
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Faults

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
CONTROL = "/__bench"
PER_SECOND = 25
"""People who are made within one second of the tenant's time: stamps are shared, as after an import, but not by everybody."""

_FREE = ("/services/oauth2/token", "/oauth/", "/__sim/")
_FREE_EXACTLY = "/services/data"
"""Salesforce tells its versions to anybody: no call of the org's."""
_ID = re.compile(r"^(?:[0-9A-Za-z]{18}(?:-\d+)?|\d+)$")
_TITLES = ("部長", "課長", "係長", "代表取締役", "担当", "Manager")
_STATES = ("東京都", "大阪府", "愛知県", "北海道", "福岡県")
_INDUSTRIES = ("製造", "小売", "情報通信", "金融", "医療")
_FAMILY = ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村")
_GIVEN = ("太郎", "花子", "一郎", "美咲", "健", "さくら")


class Tenant(Protocol):
    """One CRM with its people: what is served, and what a user does there."""

    app: ASGIApp
    clock: VirtualClock

    def edit(self, count: int) -> None:
        """Change the title of `count` people and the subject of `count` acts, spread evenly."""


class SalesforceTenant:
    """Leads, each with a share of the completed calls."""

    def __init__(self, people: int, acts: int) -> None:
        from crmsync.sandbox.salesforce.http import application
        from crmsync.sandbox.salesforce.org import Org, OrgConfig

        self.clock = VirtualClock(BEGINS)
        self.org = Org(self.clock, OrgConfig(daily_api_requests=10**9))
        self.leads = [self.org.insert("Lead", _lead(n)) for n in _ticking(self.clock, people)]
        self.tasks = [self.org.insert("Task", _task(n, self.leads)) for n in _ticking(self.clock, acts)]
        self.app: ASGIApp = application(self.org, Faults())

    def edit(self, count: int) -> None:
        for n in _spread(self.leads, count):
            self.org.update("Lead", n, {"Title": f"部長 {self.clock.now():%m%d%H%M}"})
        for n in _spread(self.tasks, count):
            self.org.update("Task", n, {"Subject": f"電話 {self.clock.now():%m%d%H%M}"})


class HubSpotTenant:
    """Contacts with companies, each with a share of the completed calls."""

    def __init__(self, people: int, acts: int) -> None:
        from crmsync.sandbox.hubspot.config import Limits, PortalConfig
        from crmsync.sandbox.hubspot.http import application
        from crmsync.sandbox.hubspot.portal import Portal

        self.clock = VirtualClock(BEGINS)
        self.portal = Portal(self.clock, PortalConfig(limits=Limits(enforced=False), enterprise=True))
        companies = [self.portal.create("companies", {"name": f"株式会社サンプル{n}"}) for n in range(max(1, people // 10))]
        self.contacts = [
            self.portal.create("contacts", _contact(n), associations=[("companies", companies[n % len(companies)])])
            for n in _ticking(self.clock, people)
        ]
        self.calls = [
            self.portal.create("calls", _call(n), associations=[("contacts", self.contacts[n % people])])
            for n in _ticking(self.clock, acts)
        ]
        self.app = application(self.portal, Faults())

    def edit(self, count: int) -> None:
        for n in _spread(self.contacts, count):
            self.portal.update("contacts", n, {"jobtitle": f"部長 {self.clock.now():%m%d%H%M}"})
        for n in _spread(self.calls, count):
            self.portal.update("calls", n, {"hs_call_title": f"電話 {self.clock.now():%m%d%H%M}"})


TENANTS: Mapping[str, Callable[[int, int], Tenant]] = {"salesforce": SalesforceTenant, "hubspot": HubSpotTenant}


def _ticking(clock: VirtualClock, count: int) -> Iterator[int]:
    for n in range(count):
        if n % PER_SECOND == 0:
            clock.advance(timedelta(seconds=1))
        yield n


def _spread(ids: Sequence[str], count: int) -> list[str]:
    step = max(1, len(ids) // max(1, count))
    return list(ids[::step][:count])


def _lead(n: int) -> dict[str, Any]:
    return {
        "LastName": f"{_FAMILY[n % len(_FAMILY)]}",
        "FirstName": f"{_GIVEN[n % len(_GIVEN)]}",
        "Company": f"株式会社サンプル{n % 9973}",
        "Email": f"lead{n}@sample{n % 9973}.example",
        "Phone": f"03-{n % 9000 + 1000:04d}-{n // 9000 % 10000:04d}",
        "Title": _TITLES[n % len(_TITLES)],
        "Industry": _INDUSTRIES[n % len(_INDUSTRIES)],
        "NumberOfEmployees": 10 + n % 3000,
        "State": _STATES[n % len(_STATES)],
        "LeadSource": ("Web", "Trade Show", "Seminar")[n % 3],
    }


def _task(n: int, leads: Sequence[str]) -> dict[str, Any]:
    return {
        "Subject": "電話",
        "WhoId": leads[n % len(leads)],
        "Status": "Completed",
        "TaskSubtype": "Call",
        "CallDisposition": ("Connected", "No answer")[n % 2],
    }


def _contact(n: int) -> dict[str, Any]:
    return {
        "lastname": _FAMILY[n % len(_FAMILY)],
        "firstname": _GIVEN[n % len(_GIVEN)],
        "company": f"株式会社サンプル{n % 9973}",
        "email": f"contact{n}@sample{n % 9973}.example",
        "phone": f"03-{n % 9000 + 1000:04d}-{n // 9000 % 10000:04d}",
        "jobtitle": _TITLES[n % len(_TITLES)],
        "industry": _INDUSTRIES[n % len(_INDUSTRIES)],
        "state": _STATES[n % len(_STATES)],
        "hs_lead_status": "NEW",
    }


def _call(n: int) -> dict[str, Any]:
    return {
        "hs_timestamp": (BEGINS - timedelta(minutes=n % 100_000)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "hs_call_direction": "OUTBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_title": "電話",
    }


# ------------------------------------------------------------------------------------------------------- over HTTP


@dataclass
class Counted:
    """The tenant's app behind a counter and, when asked, before a memory of its answers."""

    tenant: Tenant
    calls: Counter[str] = field(default_factory=Counter)
    is_canned: bool = False
    answers: dict[tuple[str, str, bytes, bytes], list[Message]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if scope["path"] == CONTROL:
            await _send_json(send, await asyncio.to_thread(self.steer, scope["method"], body))
            return
        if not scope["path"].startswith(_FREE) and scope["path"] != _FREE_EXACTLY:
            self.calls[kind_of(scope["method"], scope["path"])] += 1
        key = (scope["method"], scope["path"], scope.get("query_string", b""), body)
        held = self.answers.get(key) if self.is_canned else None
        if held is None:
            held = []
            await self.tenant.app(scope, _replayed(body), _keeping(held))
            if self.is_canned:
                self.answers[key] = held
        for message in held:
            await send(message)

    def steer(self, method: str, body: bytes) -> Mapping[str, Any]:
        if method == "GET":
            seen, self.calls = self.calls, Counter()
            return seen
        wish = json.loads(body)
        if "minutes" in wish:
            self.tenant.clock.advance(timedelta(minutes=wish["minutes"]))
        if "edit" in wish:
            self.tenant.edit(wish["edit"])
        if "canned" in wish:
            self.is_canned = wish["canned"]
            self.answers.clear()
        return {"now": self.tenant.clock.now().isoformat()}


def kind_of(method: str, path: str) -> str:
    """A call's method and path without ids, so that calls of a kind count together."""
    return method + " " + "/".join("*" if _ID.match(part) else part for part in path.split("/"))


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _keeping(held: list[Message]) -> Send:
    async def send(message: Message) -> None:
        held.append(message)

    return send


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send_json(send: Send, answer: Mapping[str, Any]) -> None:
    content = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


# ------------------------------------------------------------------------------------------------- seen from a bench


class Served:
    """A tenant in its own process."""

    def __init__(self, crm: str, url: str) -> None:
        self.crm = crm
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=600)

    def calls(self) -> dict[str, int]:
        """Calls since the last look, by kind."""
        found: dict[str, int] = self._http.get(CONTROL).json()
        return found

    def steer(self, **wish: Any) -> datetime:
        """See above; gives the tenant's time."""
        return datetime.fromisoformat(self._http.post(CONTROL, json=wish).json()["now"])

    def now(self) -> datetime:
        return self.steer()


@contextmanager
def served(crm: str, people: int, acts: int) -> Iterator[Served]:
    """Start a tenant and stop it again. Raises OSError when it does not come up."""
    command = [sys.executable, str(Path(__file__)), crm, "--people", str(people), "--acts", str(acts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise OSError(f"the {crm} tenant did not start")
        try:
            yield Served(crm, json.loads(line)["url"])
        finally:
            if process.stdin:
                process.stdin.close()


def main() -> None:
    from crmsync.sandbox.server import serve

    parser = argparse.ArgumentParser()
    parser.add_argument("crm", choices=sorted(TENANTS))
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--acts", type=int, required=True)
    given = parser.parse_args()
    tenant = TENANTS[given.crm](given.people, given.acts)
    gc.disable()  # to look through everybody takes it half a second, now in the floor's turn and now in ours
    with serve({"crm": Counted(tenant)}, {}) as running:
        print(json.dumps({"url": running.urls["crm"]}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
