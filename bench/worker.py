"""A crmsync workspace for one tenant, in a directory of its own; and the bare client that repeats what it asked for."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from crmsync.bootstrap import open_workspace
from crmsync.sandbox.world.control import SandboxCredentials
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.workspace import Workspace
from tenant import Served

OBJECTS = {"salesforce": ("Lead", "Task"), "hubspot": ("contacts", "calls")}
PEOPLE = {"salesforce": "Lead", "hubspot": "contacts"}
ACTS = {"salesforce": "Task", "hubspot": "calls"}

_AUTH = {
    "salesforce": "{client_id: {file: secrets/salesforce_client_id}, client_secret: {file: secrets/salesforce_client_secret}}",
    "hubspot": "{token: {file: secrets/hubspot_token}}",
}
_STILL = {"salesforce": "lag_seconds: 0, overlap_seconds: 0", "hubspot": "overlap_seconds: 0, trailing_seconds: 0"}
_TEAM = """\
reps:
  - {email: "rep@sandbox.example", name: 鈴木一郎, department: inside_sales}
  - {email: "field@sandbox.example", name: 高橋花子, department: field_sales}
  - {email: "care@sandbox.example", name: 田中健, department: customer_success}
  - {email: "market@sandbox.example", name: 伊藤美咲, department: marketing}
"""


def configure(directory: Path, crm: str, url: str, options: str = "") -> None:
    """Write a configuration for one tenant: shipped rules and mappings, people and their acts, no throttling, no overlap of
    windows (nobody writes while we read). `options` are more of the connection's options, as YAML."""
    secrets = directory / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    credentials = SandboxCredentials()
    for name in ("salesforce_client_id", "salesforce_client_secret", "hubspot_token"):
        (secrets / name).write_text(getattr(credentials, name), encoding="utf-8")
    (directory / "team.yaml").write_text(_TEAM, encoding="utf-8")
    more = f", {options}" if options else ""
    (directory / "crmsync.yaml").write_text(
        f"""\
connections:
  - name: crm
    connector: {crm}
    role: both
    base_urls: {{api: "{url}", login: "{url}"}}
    auth: {_AUTH[crm]}
    objects: [{", ".join(OBJECTS[crm])}]
    options: {{{_STILL[crm]}{more}}}
    budget: [{{lane: burst, calls: 1000000, seconds: 1}}, {{lane: search, calls: 1000000, seconds: 1}}]
""",
        encoding="utf-8",
    )


@contextmanager
def workspace(tenant: Served, options: str = "") -> Iterator[Workspace]:
    """A wired workspace with an empty store, thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as name:
        directory = Path(name) / "config"
        configure(directory, tenant.crm, tenant.url, options)
        opened = open_workspace(directory)
        try:
            yield opened
        finally:
            opened.close()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it went out, ready to be sent again."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    content: bytes


@contextmanager
def recorded(space: Workspace) -> Iterator[list[Asked]]:
    """Every request that the workspace's clients send meanwhile, without those for tokens."""
    sent: list[Asked] = []

    def note(request: httpx.Request) -> None:
        if "oauth" not in request.url.path:
            kept = tuple((name, value) for name, value in request.headers.items() if name.lower() not in ("content-length", "host"))
            sent.append(Asked(request.method, str(request.url), kept, request.read()))

    hooks = [connection.client._http.event_hooks for connection in space.connections]  # noqa: SLF001 - a bench looks over the shoulder
    before = [dict(hook) for hook in hooks]
    for connection in space.connections:
        connection.client._http.event_hooks = {"request": [note], "response": connection.client._http.event_hooks["response"]}  # noqa: SLF001
    try:
        yield sent
    finally:
        for connection, hook in zip(space.connections, before, strict=True):
            connection.client._http.event_hooks = hook  # noqa: SLF001


def repeat(asked: Sequence[Asked]) -> int:
    """The floor: one connection, one request after the other, each answer parsed and thrown away; nor does it
    wait for Python's collector to look through what a bench holds. Gives how many bytes came."""
    received = 0
    with collector_at_rest(), httpx.Client(limits=httpx.Limits(max_connections=1), timeout=600, trust_env=False) as client:
        for one in asked:
            answer = client.request(one.method, one.url, headers=dict(one.headers), content=one.content)
            answer.raise_for_status()
            _parse(answer)
            received += len(answer.content)
    return received


def _parse(answer: httpx.Response) -> None:
    if "csv" in answer.headers.get("content-type", ""):
        for _row in csv.reader(answer.text.splitlines()):  # as bare as it gets: line breaks within cells are not looked for
            pass
    else:
        orjson.loads(answer.content or b"null")
