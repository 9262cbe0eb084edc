"""The paths of one org on the shared client: versioned calls, simple-salesforce on the same transport, the org's own limits."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from simple_salesforce.api import Salesforce as SimpleSalesforce
from simple_salesforce.exceptions import SalesforceError

from crmsync.connect.calls import Call, CallRejected
from crmsync.connect.client import ApiClient, Download
from crmsync.connect.paging import LoopGuard
from crmsync.connect.reserve import ReserveReached
from crmsync.errors import RetryLater, StopConnector
from crmsync_salesforce.auth import Hosts

# Found anywhere in the header: it has grown further elements over the years, and anchored patterns silently lost count.
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")
_INSTANCE = "instance.invalid"
_COUNTS_FRESH = timedelta(hours=1)


def api_usage(header: str) -> tuple[int, int] | None:
    """Calls spent and allowed in the rolling day, from `Sforce-Limit-Info`; None where it does not say."""
    found = _USAGE.search(header)
    return (int(found[1]), int(found[2])) if found else None


class Api:
    """One org at one API version. Nothing is sent before the first call."""

    def __init__(self, client: ApiClient, hosts: Hosts, *, version: str) -> None:
        self.client = client
        self.version = version
        self._hosts = hosts
        self._root = f"/services/data/v{version}"
        self._lock = threading.Lock()
        self._is_started = False
        self._counts: tuple[Mapping[str, int], datetime] | None = None
        self.simple = SimpleSalesforce(
            session_id="set by our client",
            instance=_INSTANCE,
            version=version,
            session=client.requests_session(self._shaped),
            object_pairs_hook=None,
        )
        client.use_observer(self._observe)

    def start(self) -> None:
        """Once: learn the server's time, check that it speaks our version, read the day's limits. Raises StopConnector."""
        with self._lock:
            if not self._is_started:
                self._check_version()
                self._read_limits()
                self._is_started = True

    def get(self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of a read. `path` starts after the version, or is a whole path that the server named."""
        return self.client.send_json(Call("GET", self.url(path), params=params, headers=headers or {}))

    def rows(self, soql: str, path: str = "query") -> list[Mapping[str, Any]]:
        """All rows of a query of few rows, however they are paged."""
        return [row for page in self.pages(soql, path) for row in page]

    def pages(self, soql: str, path: str = "query") -> Iterator[Sequence[Mapping[str, Any]]]:
        """The rows of a query, page by page."""
        guard, params = LoopGuard(self.client.name, path), {"q": soql}
        while path:
            answer = self.get(path, params) or {}
            yield answer.get("records") or ()
            path, params = ("" if answer.get("done", True) else str(answer.get("nextRecordsUrl") or "")), {}
            guard.check(path)

    def write(self, method: str, path: str, body: Any, headers: Mapping[str, str], *, repeatable: bool = True) -> Any:
        """Send a write and give its JSON; `repeatable` where it does no harm when it is repeated."""
        return self.client.send_json(Call(method, self.url(path), json=body, headers=headers, repeatable=repeatable))

    def write_text(self, method: str, path: str, text: bytes, headers: Mapping[str, str]) -> Any:
        """The same with a body that is JSON already; it does no harm when it is repeated."""
        sent = {"Content-Type": "application/json", **headers}
        return self.client.send_json(Call(method, self.url(path), content=text, headers=sent, repeatable=True))

    def upload(self, path: str, content: bytes) -> None:
        """Send CSV."""
        headers = {"Content-Type": "text/csv"}
        self.client.send(Call("PUT", self.url(path), content=content, headers=headers, repeatable=True))

    def download(self, path: str, params: Mapping[str, str]) -> AbstractContextManager[Download]:
        """A CSV answer in a file."""
        return self.client.download(Call("GET", self.url(path), params=params, headers={"Accept": "text/csv"}))

    def unanswered(self, path: str, code: str) -> RetryLater:
        """The error for an answer that is none, though its status says so: it tells nothing, least of all that there is nothing."""
        return RetryLater(
            "connect.retry",
            after_seconds=self.client.policy.longest_seconds,
            connection=self.client.name,
            method="GET",
            path=path,
            vendor_code=code,
            message="",
        )

    def record_counts(self) -> Mapping[str, int]:
        """Some count of every object's rows, asked once an hour; empty where the user may not ask."""
        now = self.client.server_time()
        if self._counts is None or now - self._counts[1] > _COUNTS_FRESH:
            try:
                listed = (self.get("limits/recordCount") or {}).get("sObjects", ())
            except CallRejected:
                listed = ()
            self._counts = {str(item["name"]): int(item["count"]) for item in listed}, now
        return self._counts[0]

    def check_reserve(self) -> None:
        """Raises ReserveReached where the org has too few calls left today for reading, by the header of a fresh answer: the count
        at hand may be yesterday's, and who does not ask is never told better."""
        try:
            self.client.check_reserve("reading")
        except ReserveReached:
            self.client.send(Call("GET", self.url("limits/"), is_lenient=True))
            self.client.check_reserve("reading")

    def path(self, path: str) -> str:
        """A path from the root. `path` starts after the version, or is a whole one that the server named."""
        whole = httpx.URL(path).raw_path.decode("ascii") if "://" in path else path
        return whole if whole.startswith("/services/") else f"{self._root}/{whole}"

    @property
    def cometd(self) -> str:
        """Where the streaming API is."""
        return f"{self._hosts.data}/cometd/{self.version}"

    def offered(self) -> tuple[str, ...] | None:
        """The versions that the org offers, as it lists them; None where it (or what stands before it) lists none to us. Needs
        no token, and is not counted."""
        try:
            listed = self.client.send_json(self._versions())
        except CallRejected:
            return None
        items = listed if isinstance(listed, list) else ()
        return tuple(str(item["version"]) for item in items if isinstance(item, dict) and item.get("version")) or None

    def url(self, path: str) -> str:
        """The whole address of a path, which is as in `path`."""
        return self._hosts.data + self.path(path)

    def _versions(self) -> Call:
        return Call("GET", self._hosts.known + "/services/data", lane="free", is_anonymous=True)

    def _check_version(self) -> None:
        """A version that nobody offers stops us here. Where none is listed, the first call tells."""
        offered = self.offered()
        if offered is not None and self.version not in offered:
            raise StopConnector(
                "connect.version_missing", connection=self.client.name, version=self.version, offered=spans(offered)
            )

    def _read_limits(self) -> None:
        """The day's calls. Users without "View Setup and Configuration" may not ask. The header of each answer tells too, and
        sooner: what this one says lags some minutes behind."""
        try:
            limits = self.simple.limits()
        except (SalesforceError, ValueError):  # a ValueError: an answer without a body
            return
        daily = limits.get("DailyApiRequests") if isinstance(limits, dict) else None
        if self.client.usage.day is None and isinstance(daily, dict) and "Max" in daily and "Remaining" in daily:
            self.client.note_left("daily", int(daily["Remaining"]), int(daily["Max"]))

    def _observe(self, response: httpx.Response) -> None:
        usage = api_usage(response.headers.get("Sforce-Limit-Info", ""))
        if usage is not None:
            self.client.note_left("daily", max(0, usage[1] - usage[0]), usage[1])

    def _shaped(self, call: Call) -> Call:
        """simple-salesforce insists on https and a host: our client decides where a call goes. It takes every body for JSON."""
        return replace(call, url=call.url.replace(f"https://{_INSTANCE}", self._hosts.data, 1), wants_json=True)


def spans(versions: Sequence[str]) -> str:
    """Versions for people: 31.0 – 64.0, 66.0. Salesforce counts them by one; where the list has a hole, so has what is told."""
    runs: list[list[str]] = []
    for version in sorted(versions, key=float):
        if runs and float(version) == float(runs[-1][-1]) + 1:
            runs[-1].append(version)
        else:
            runs.append([version])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]} – {run[-1]}" for run in runs)
