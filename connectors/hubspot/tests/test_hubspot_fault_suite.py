"""Whatever goes wrong on the way, on whatever endpoint: some cycles later all is as if nothing had, and nothing was made twice.

The plays run over real sockets. A play pulls every stream, writes stages, values and tasks, lets people edit, archive, merge and
visit in between, and goes on as crmsync does: what broke off is taken up in the next cycle from the cursor of the last page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from crmsync.connect.contract import PullRequest
from crmsync.errors import RetryLater, StopConnector
from crmsync.model.changes import Change
from crmsync.model.records import RawRecord
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync_hubspot.objects import OBJECTS

Make = Callable[..., Any]
FIELDS = ("email", "firstname", "crmsync_phase", "lifecyclestage", "hs_task_subject", "crmsync_key")
EVENTS = ("form_submissions", "page_views")
# One of each kind: what is left out travels the same ways.
STREAMS = ("owners", "pipelines", "forms", "lists", "contacts", "tasks", *EVENTS)
HTML = (("Content-Type", "text/html"),)

# Every endpoint that the connector uses, as method and pattern; "non-unique" are those of portals without unique task properties.
OBJECT = r"/crm/objects/2026-03/[\w-]+"
ENDPOINTS = {
    "account": ("GET", r"/account-info/2026-03/details$"),
    "list": ("GET", rf"{OBJECT}$"),
    "get": ("GET", rf"{OBJECT}/\d+$"),
    "search": ("POST", rf"{OBJECT}/search$"),
    "read": ("POST", rf"{OBJECT}/batch/read$"),
    "update": ("POST", rf"{OBJECT}/batch/update$"),
    "upsert": ("POST", rf"{OBJECT}/batch/upsert$"),
    "associations": ("POST", r"/crm/associations/2026-03/[\w-]+/[\w-]+/batch/read$"),
    "associate": ("POST", r"/crm/associations/2026-03/[\w-]+/[\w-]+/batch/create$"),
    "properties": ("GET", r"/crm/properties/2026-03/\w+$"),
    "owners": ("GET", r"/crm/owners/2026-03$"),
    "pipelines": ("GET", r"/crm/pipelines/2026-03/\w+$"),
    "forms": ("GET", r"/marketing/v3/forms/?$"),
    "submissions": ("GET", r"/form-integrations/v1/submissions/forms/[\w-]+$"),
    "lists": ("POST", r"/crm/lists/2026-03/search$"),
    "events": ("GET", r"/events/event-occurrences/2026-03$"),
    "token": ("POST", r"/oauth/2026-03/token$"),
}
CREATE = ("POST", r"/crm/objects/2026-03/tasks$")


def said(status: int, category: str, **more: Any) -> dict[str, Any]:
    body = {"status": "error", "message": "by script", "category": category}
    return {"kind": FaultKind.ANSWER, "status": status, "body": orjson.dumps(body)} | more


def html(status: int) -> dict[str, Any]:
    return {"kind": FaultKind.ANSWER, "status": status, "body": b"<html>by script</html>", "headers": HTML}


def limit(policy: str, *headers: tuple[str, str]) -> dict[str, Any]:
    return {"kind": FaultKind.LIMIT, "detail": policy, "headers": headers}


SOON = ("Retry-After", "3")
JSON = ("Content-Type", "application/json")
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "200 page for people": html(200),
    "200 nothing": {"kind": FaultKind.ANSWER, "status": 200, "body": b""},
    "200 no list": {"kind": FaultKind.ANSWER, "status": 200, "body": b"{}"},
    "401 expired": {"kind": FaultKind.EXPIRED_TOKEN},
    "401 malformed": {"kind": FaultKind.EXPIRED_TOKEN, "detail": "malformed"},
    "403 scope": said(403, "MISSING_SCOPES"),
    "403 block": html(403),
    "404": said(404, "OBJECT_NOT_FOUND"),
    "409": said(409, "CONFLICT"),
    "414": html(414),
    "423": said(423, "LOCKED"),
    "429 ten-secondly": limit("TEN_SECONDLY_ROLLING"),
    "429 ten-secondly, Retry-After": limit("TEN_SECONDLY_ROLLING", SOON),
    "429 secondly": limit("SECONDLY"),
    "429 secondly, Retry-After": limit("SECONDLY", SOON),
    "429 daily": limit("DAILY"),
    "477": said(477, "MIGRATION_IN_PROGRESS", headers=(JSON, SOON)),
    "477 for a day": said(477, "MIGRATION_IN_PROGRESS", headers=(JSON, ("Retry-After", "86400"))),
    "500": said(500, "INTERNAL_ERROR"),
    "502": {"kind": FaultKind.HTML_502},
    "503": html(503),
    "504": html(504),
    "524": html(524),
    "530": html(530),
    "cut before": {"kind": FaultKind.CUT_BEFORE},
    "answer lost": {"kind": FaultKind.LOST_ANSWER},
    "slow body": {"kind": FaultKind.SLOW_BODY, "seconds": 0.01},
    "truncated": {"kind": FaultKind.TRUNCATED},
}
# What the portal surely did nothing with: only after these may a create go out again at once.
UNTAKEN = {401, 403, 423, 429, 477}


@dataclass
class Play:
    """One portal, one store, and the changes that are wanted of it."""

    rig: Any
    records: dict[tuple[str, str], RawRecord] = field(default_factory=dict)
    cursors: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    streams: tuple[str, ...] = STREAMS
    cycles: int = 0

    def run(self, *, is_short: bool = False) -> dict[str, Any]:
        """The whole play; gives how it ended. The short one goes until all is written, and tells what the portal holds then."""
        people, form = self._populate()
        wanted = self._wanted(people)
        self._until_settled(wanted)
        if is_short:
            return self._state() | {"told": {}, "events": []}
        self._people_act(people, form)
        self._until_settled(wanted)
        # A link that was mended moves no stamp: the weekly sweep shows it.
        self.rig.advance(days=8)
        self._until_settled(wanted)
        return self._state()

    def _populate(self) -> tuple[list[str], str]:
        portal = self.rig.portal
        portal.add_owner("sato@example.com", "佐藤", "一")
        portal.add_list("nurture")
        form = portal.add_form("資料請求")
        company = portal.create("companies", {"name": "A"})
        people = [
            portal.create(
                "contacts", {"email": f"p{n}@example.com", "lifecyclestage": "opportunity"}, associations=[("companies", company)]
            )
            for n in range(8)
        ]
        portal.submit_form(form, {"email": "p1@example.com"})
        portal.view_page(people[2], "https://example.com/pricing")
        return people, form

    def _wanted(self, people: list[str]) -> list[list[Change]]:
        change, task = self.rig.change, self.rig.task
        stages = ("lead", "customer", "marketingqualifiedlead")
        values = [{"crmsync_phase": "mql"} | ({"lifecyclestage": stages[n]} if n < 3 else {}) for n in range(5)]
        updates = [change(id_, value) for id_, value in zip(people[:5], values, strict=True)]
        return [updates, [task(f"sla-{id_}", id_) for id_ in people[:3]]]

    def _people_act(self, people: list[str], form: str) -> None:
        portal = self.rig.portal
        portal.update("contacts", people[0], {"firstname": "花子"})
        portal.archive("contacts", people[5])
        portal.merge("contacts", people[6], people[7])
        portal.submit_form(form, {"email": "p3@example.com"})
        portal.view_page(people[1], "https://example.com/case")

    def _until_settled(self, wanted: list[list[Change]]) -> None:
        """Cycles until one goes through whole, seven hours apart: the recycle bin is due in each."""
        for _ in range(150):
            self.cycles += 1
            self.rig.advance(hours=7)
            pulled = [self._pull(stream) for stream in self.streams]
            pushed = [self._push(changes) for changes in wanted]
            if all(pulled) and all(pushed):
                return
        raise AssertionError("so many cycles were not enough")

    def _pull(self, stream: str) -> bool:
        """Pull one stream into the store; whether it came to its end. An object that cannot be read just now has none."""
        request = PullRequest(stream, (*FIELDS, "associations.contacts"), self.cursors.get(stream), self._known)
        try:
            for page in self.rig.hub.pull(request):
                self.records |= {(stream, record.id): record for record in page.records}
                self.cursors[stream] = page.cursor
        except (RetryLater, StopConnector):
            return False
        return self.rig.hub._catalogue.schema(stream).readable and bool(self.cursors[stream])

    def _known(self, stream: str) -> list[str]:
        return [id_ for (name, id_), record in self.records.items() if name == stream and not record.is_deleted]

    def _push(self, changes: list[Change]) -> bool:
        """Push what is not so yet; whether all is so now."""
        try:
            receipts = self.rig.push(*changes)
        except (RetryLater, StopConnector):
            return False
        return all(receipt.outcome in ("written", "unchanged") for receipt in receipts)

    def _state(self) -> dict[str, Any]:
        """What the store holds and what the portal holds, without stamps and without ids that time makes. Visitors are counted
        over all days: a play that was held up goes on for longer."""
        told = {
            (stream, record.fields.get("crmsync_key") or id_): (_values(record), record.is_deleted, record.replaced_by)
            for (stream, id_), record in self.records.items()
            if stream not in (*EVENTS, "visits")
        }
        events = sorted(str(_told(record)) for key, record in self.records.items() if key[0] in EVENTS)
        visitors = sum(record.fields["visitors"] for (stream, _), record in self.records.items() if stream == "visits")
        portal = self.rig.portal
        people = {row["hs_object_id"]: [row.get(name) for name in FIELDS] for row in portal.rows("contacts")}
        tasks = sorted(
            (row["crmsync_key"], portal.associated("tasks", row["hs_object_id"], "contacts")) for row in portal.rows("tasks")
        )
        return {"told": told, "events": events, "visitors": visitors, "people": people, "tasks": tasks}


def _told(record: RawRecord) -> list[Any]:
    """What an event tells, whichever source told it."""
    names = ("objectId", "hs_url", "count", "form_guid", "form_name", "values")
    return [record.fields.get(name) for name in names]


_TIMED = re.compile("modified|timestamp|updatedAt|createdAt|submittedAt|occurredAt|_at$|date", re.IGNORECASE)


def _values(record: RawRecord) -> dict[str, Any]:
    kept = {name: value for name, value in record.fields.items() if name != "hs_object_id" and not _TIMED.search(name)}
    return dict(sorted(kept.items())) if not record.is_deleted else {}


@pytest.fixture
def play_of(rig_of: Make) -> Callable[..., Play]:
    def make(*, oauth: bool = True, streams: tuple[str, ...] = STREAMS, **config: Any) -> Play:
        base = PortalConfig(enterprise=True, limits=Limits(enforced=False))
        held = base.credentials
        secrets = {"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token}
        return Play(rig_of(config=replace(base, **config), secrets=secrets if oauth else None), streams=streams)

    return make


CALM: dict[str, Any] = {}


def calm(play_of: Callable[..., Play], *, is_short: bool = False, **config: Any) -> dict[str, Any]:
    """How the play ends where nothing goes wrong; played once per configuration."""
    key = str((is_short, sorted(config.items())))
    if key not in CALM:
        CALM[key] = play_of(**config).run(is_short=is_short)
    return CALM[key]


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """What differs between two ends, by part."""
    told = [(key, one["told"].get(key), other["told"].get(key)) for key in {**one["told"], **other["told"]}]
    parts = [(name, one[name], other[name]) for name in one if name != "told"]
    return [entry for entry in (*told, *parts) if entry[1] != entry[2]]


def no_create_went_out_blindly(rig: Any) -> None:
    """A create is sent again only where the portal surely did nothing with the one before, or was seen not to have it."""
    answered = {id(answer.request): answer.status_code for answer in rig.answers}
    may_be_there: set[str] = set()
    for request in rig.requests:
        if request.method == "POST" and request.url.path.endswith("/tasks/search"):
            may_be_there.clear()
        if request.method == "POST" and re.search(CREATE[1], request.url.path):
            key = orjson.loads(request.content)["properties"]["crmsync_key"]
            assert key not in may_be_there
            if answered.get(id(request)) not in UNTAKEN:
                may_be_there.add(key)


def test_the_play_uses_every_endpoint_and_no_other(play_of: Callable[..., Play]) -> None:
    play = play_of()
    play.run()
    assert play.cycles == 3
    used = {(request.method, request.url.path) for request in play.rig.requests}
    met = {name for name, (method, path) in ENDPOINTS.items() if any(m == method and re.match(path, p) for m, p in used)}
    assert met == ENDPOINTS.keys() - {"get"}, "single records are read only where a batch does not know them"
    strange = [one for one in used if not any(one[0] == method and re.match(path, one[1]) for method, path in ENDPOINTS.values())]
    assert strange == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_each_endpoint_changes_nothing_in_the_end(play_of: Callable[..., Play], name: str) -> None:
    expected = calm(play_of)
    play = play_of()
    for endpoint, (method, path) in ENDPOINTS.items():
        if (name, endpoint) == ("404", "get"):
            continue  # that one record is not there is an answer, which nothing else could contradict
        play.rig.faults.add(Fault(route=path, method=method, calls=(1, 3), **FAULTS[name]))
    assert differences(play.run(), expected) == []
    assert len(play.rig.faults.strikes) >= len(ENDPOINTS) - 2


@pytest.mark.parametrize("seed", range(3))
def test_all_faults_mixed_at_a_tenth_of_the_calls_change_nothing_in_the_end(play_of: Callable[..., Play], seed: int) -> None:
    every = tuple(OBJECTS)
    expected = calm(play_of, streams=every)
    play = play_of(streams=every, unknown_extra_keys=True)
    play.rig.faults.seed = seed
    for fault in FAULTS.values():
        play.rig.faults.add(Fault(route="", probability=0.1 / len(FAULTS), **fault))
    assert differences(play.run(), expected) == []
    assert len(play.rig.faults.strikes) >= 5


@pytest.mark.parametrize("name", FAULTS)
def test_where_tasks_cannot_be_unique_a_fault_on_their_creation_makes_none_twice(play_of: Callable[..., Play], name: str) -> None:
    expected = calm(play_of, is_short=True, unique_properties_on_tasks=False)
    play = play_of(oauth=False, unique_properties_on_tasks=False)
    method, path = CREATE
    play.rig.faults.add(Fault(route=path, method=method, calls=(1, 2, 4), **FAULTS[name]))
    assert differences(play.run(is_short=True), expected) == []
    no_create_went_out_blindly(play.rig)
    assert len(play.rig.faults.strikes) >= 2
