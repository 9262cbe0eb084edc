"""The door and the map: who may come in, what it costs, which function answers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crmsync.sandbox.salesforce.api import identity, side_channel, soap
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.composite import composite
from crmsync.sandbox.salesforce.api.ingest_jobs import ingest_jobs
from crmsync.sandbox.salesforce.api.jobs import Jobs
from crmsync.sandbox.salesforce.api.limits import Usage, limits
from crmsync.sandbox.salesforce.api.queries import Cursors, query
from crmsync.sandbox.salesforce.api.query_jobs import query_jobs
from crmsync.sandbox.salesforce.api.records import sobjects
from crmsync.sandbox.salesforce.api.tokens import Tokens
from crmsync.sandbox.salesforce.api.tooling import tooling
from crmsync.sandbox.salesforce.api.wire import Answer, Request, refusal
from crmsync.sandbox.salesforce.errors import OrgError, not_found
from crmsync.sandbox.salesforce.org import Org

LONGEST_URI = 16_384
_KEPT_REQUESTS = 20_000
_TOO_LONG = b"<html><head><title>431 Request Header Fields Too Large</title></head><body><h1>Bad Message 431</h1></body></html>"
_VERSION = re.compile(r"v(\d+)\.0")
_OLDEST_EVER = 20
_SEASONS = ("Spring", "Summer", "Winter")


@dataclass(frozen=True, slots=True)
class Logged:
    """One request that reached the org, for tests that count calls."""

    method: str
    path: str
    status: int
    at: datetime


class Service:
    """The API of one org: sessions, open cursors, jobs, what was spent, what was asked."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.tokens = Tokens(org)
        self.cursors = Cursors()
        self.jobs = Jobs(org)
        self.usage = Usage(org)
        self.log: deque[Logged] = deque(maxlen=_KEPT_REQUESTS)

    def answer(self, request: Request, base_url: str) -> Answer:
        """Answer one request as one transaction. Never raises OrgError."""
        with self.org.lock:
            try:
                answer = self._answer(request, base_url)
            except OrgError as refused:
                answer = refusal(refused)
            if request.segments[0] != "__sim":
                self.log.append(Logged(request.method, request.path, answer.status, self.org.clock.now()))
            return answer

    def answer_inside(self, call: Call) -> Answer:
        """Answer a subrequest of a composite call, under the same user and without a new charge."""
        try:
            segments = call.request.segments
            if segments[:2] != ("services", "data") or len(segments) < 4:
                raise not_found()
            return _data(Call(self, call.request, self._version(segments[2]), call.user_id, segments[3:]))
        except OrgError as refused:
            return refusal(refused)

    def _answer(self, request: Request, base_url: str) -> Answer:
        if request.size > LONGEST_URI:
            return Answer(431, _TOO_LONG, content_type="text/html")
        match (request.method, *request.segments):
            case ("POST", "services", "oauth2", "token"):
                return self.tokens.grant(request, base_url)
            case ("POST" | "GET", "services", "oauth2", "revoke"):
                return self.tokens.revoke(request)
            case ("POST", "services", "Soap", "u", version, *_):
                return soap.login(self.org, version, request, base_url, self.tokens.mint)
            case (_, "services", "oauth2", "userinfo"):
                return identity.userinfo(self.org, self.tokens.user_of(request), base_url)
            case ("GET", "id", org_id, user_id):
                self.tokens.user_of(request)
                return identity.identity(self.org, org_id, user_id, base_url)
            case ("GET", "services", "data"):
                return Answer(200, self._versions())
            case (_, "services", "data", version, *rest):
                return self._authorised(request, self._version(version), tuple(rest))
            case (_, "__sim", *rest):
                return side_channel.answer(self, request, tuple(rest))
            case _:
                raise not_found()

    def _authorised(self, request: Request, version: str, rest: tuple[str, ...]) -> Answer:
        user_id = self.tokens.user_of(request)
        self.usage.count()
        call = Call(self, request, version, user_id, rest)
        try:
            answer = _data(call)
        except OrgError as refused:
            answer = refusal(refused)
        return Answer(
            answer.status, answer.payload, {**answer.headers, "Sforce-Limit-Info": self.usage.header()}, answer.content_type
        )

    def _version(self, text: str) -> str:
        found = _VERSION.fullmatch(text)
        config = self.org.config
        if found is None or int(found[1]) > config.newest_version or int(found[1]) < _OLDEST_EVER:
            raise not_found()
        if int(found[1]) < config.oldest_version:
            raise OrgError("UNSUPPORTED_API_VERSION", "GONE: this API version is retired", status=410)
        return f"{found[1]}.0"

    def _versions(self) -> list[dict[str, str]]:
        """Three releases a year; 66 was Spring '26."""
        config = self.org.config
        return [
            {
                "label": f"{_SEASONS[number % 3]} '{(26 + (number - 66) // 3 + (number % 3 == 2)) % 100:02d}",
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(config.oldest_version, config.newest_version + 1)
        ]


_RESOURCES: dict[str, Callable[[Call], Answer]] = {
    "sobjects": sobjects,
    "query": query,
    "queryAll": query,
    "limits": limits,
    "composite": composite,
    "tooling": tooling,
}
_JOBS: dict[str, Callable[[Call], Answer]] = {"query": query_jobs, "ingest": ingest_jobs}


def _data(call: Call) -> Answer:
    """Everything behind `/services/data/vX.0`."""
    if not call.rest:
        return Answer(200, _resources(call))
    if call.rest[0] == "jobs" and len(call.rest) > 1 and call.rest[1] in _JOBS:
        return _JOBS[call.rest[1]](call)
    work = _RESOURCES.get(call.rest[0])
    if work is None:
        raise not_found()
    return work(call)


def _resources(call: Call) -> dict[str, Any]:
    names = [*_RESOURCES, "jobs"]
    return {name: f"{call.base}/{name}" for name in names} | {"identity": identity.url(call.org, call.user_id)}
