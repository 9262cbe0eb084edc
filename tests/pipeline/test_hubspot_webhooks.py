"""A portal that sends its webhooks over HTTP to our door: the next round reads what they name, with one call for each object, and
the end is that of a portal that sends none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from crmsync.bootstrap import open_workspace, shipped
from crmsync.intake.listening import listening
from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.config import Limits, PortalConfig, Search
from crmsync.sandbox.hubspot.http import application
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.webhooks import Outgoing, Webhooks
from crmsync.sandbox.server import serve
from crmsync.sync.forget import forget
from crmsync.sync.heard import intake_state
from crmsync.sync.pipeline import learn, run_cycle
from crmsync.sync.workspace import Moment, Workspace

START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
PUBLIC = "https://hooks.example.com/crm%20sync/hooks/ma?from=%2Fhub"
SECRET = "the-apps-client-secret"


@dataclass
class House:
    """A portal, what asks it, and the door for its webhooks. `calls` are the requests that reached the portal."""

    portal: Portal
    clock: VirtualClock
    workspace: Workspace
    app: Webhooks
    address: str
    calls: list[str]

    def deliver(self, request: Outgoing) -> int:
        """Post one as the portal does: a proxy has brought it from the public URL to our port."""
        with httpx.Client(trust_env=False, timeout=10) as http:
            status = http.post(f"{self.address}/hooks/ma", content=request.body, headers=dict(request.headers)).status_code
        self.app.answered(request, status)
        return status

    def learn(self, *, hinted_only: bool = False) -> None:
        self.calls.clear()
        pulled = learn(self.workspace, Moment(self.clock.now()), hinted_only=hinted_only)
        assert pulled.failures == ()

    def stored(self, object_: str, id_: str) -> Any:
        return self.workspace.store.staging.latest("ma", object_, [id_]).get(id_)


@contextmanager
def house(directory: Path) -> Iterator[House]:
    clock = VirtualClock(START)
    portal = Portal(clock, PortalConfig(enterprise=True, limits=Limits(enforced=False), search=Search(lag_seconds=20)))
    served, calls = application(portal), []

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(f"{scope['method']} {scope['path']}")
        await served(scope, receive, send)

    with serve({"hubspot": counted}, {}) as running:
        write(directory, running.urls["hubspot"], portal)
        workspace = open_workspace(directory)
        workspace = replace(workspace, intake=replace(workspace.intake, port=0))
        with listening(workspace, clock.now) as address:
            yield House(portal, clock, workspace, Webhooks(portal, PUBLIC, SECRET), str(address), calls)
        workspace.close()


def write(directory: Path, url: str, portal: Portal) -> None:
    (directory / "token").write_text(portal.config.credentials.private_app_token)
    (directory / "secret").write_text(SECRET)
    (directory / "team.yaml").write_text("reps: []\n")
    (directory / "crmsync.yaml").write_text(
        f"""
connections:
  - name: ma
    connector: hubspot
    role: both
    base_urls: {{api: "{url}"}}
    auth: {{token: {{file: token}}, client_secret: {{file: secret}}}}
    budget: []
    objects: [owners, companies, contacts, deals]
    webhooks:
      public_url: {PUBLIC.partition("?")[0]}
      account: "{portal.config.portal_id}"
""".replace(PUBLIC.partition("?")[0], f'"{PUBLIC}"')
    )
    assert shipped("rules").is_dir()


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def test_what_a_webhook_names_is_read_by_the_next_round_with_one_batch_read(at_home: House) -> None:
    at_home.learn()
    one, two = (at_home.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(2))
    assert [at_home.deliver(request) for request in at_home.app.outgoing()] == [204]
    at_home.learn(hinted_only=True)
    assert [at_home.stored("contacts", id_).fields["email"] for id_ in (one, two)] == ["p0@acme.example", "p1@acme.example"]
    reads = [call for call in at_home.calls if "/objects/" in call]
    assert len(reads) == 1
    assert reads[0].endswith("/batch/read")
    assert not any(call.endswith("/search") for call in at_home.calls)


def test_a_record_that_search_does_not_show_yet_is_read_all_the_same(at_home: House) -> None:
    at_home.learn()
    id_ = at_home.portal.create("contacts", {"email": "hot@acme.example"})
    for request in at_home.app.outgoing():
        at_home.deliver(request)
    at_home.learn()
    assert at_home.stored("contacts", id_) is not None, "the index lags by 20 s; reading by id does not"


def test_merges_deletions_and_erasures_are_told_at_once(at_home: House) -> None:
    ids = [at_home.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(4)]
    at_home.clock.advance(timedelta(minutes=5))
    at_home.learn()
    merged = at_home.portal.merge("contacts", ids[0], ids[1])
    at_home.portal.archive("contacts", ids[2])
    at_home.portal.gdpr_delete("contacts", ids[3])
    for request in at_home.app.outgoing():
        at_home.deliver(request)
    at_home.learn(hinted_only=True)
    assert at_home.stored("contacts", merged).is_deleted is False
    assert [at_home.stored("contacts", id_).is_deleted for id_ in ids[1:]] == [True, True, True]
    assert at_home.stored("contacts", ids[1]).replaced_by == merged


def told(built: House) -> list[tuple[str, Any, bool]]:
    """What a whole cycle tells of whom it holds: the code, the record, whether it is news."""
    cycle = run_cycle(built.workspace, Moment(built.clock.now()))
    return [(one.code, one.params["record"], one.is_news) for one in cycle.pulled.notices if one.object == "people"]


def test_who_was_erased_there_at_their_own_wish_is_told_until_they_are_forgotten_here(at_home: House) -> None:
    kept, archived, erased = (at_home.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(3))
    at_home.clock.advance(timedelta(minutes=5))
    assert told(at_home) == []
    at_home.portal.update("contacts", kept, {"firstname": "Ken"})
    at_home.portal.archive("contacts", archived)
    at_home.portal.gdpr_delete("contacts", erased)
    for request in at_home.app.outgoing():
        at_home.deliver(request)
    ref = f"ma/contacts/{erased}"
    assert told(at_home) == [("forget.erased_there", ref, True)]
    assert told(at_home) == [("forget.erased_there", ref, False)]
    forget(at_home.workspace, ref, at_home.clock.now())
    at_home.clock.advance(timedelta(minutes=5))
    assert told(at_home) == []


def test_forged_stale_and_foreign_deliveries_are_refused_or_passed_over(at_home: House) -> None:
    at_home.learn()
    at_home.portal.create("contacts", {"email": "p@acme.example"})
    (good,) = at_home.app.outgoing()
    assert at_home.deliver(replace(good, body=good.body.replace(b"4", b"5", 1), events=())) == 401
    at_home.clock.advance(timedelta(minutes=5, seconds=1))
    assert at_home.deliver(replace(good, events=())) == 401
    foreign = at_home.app.signed([{**dict(event), "portalId": 1} for event in good.events])
    assert at_home.deliver(foreign) == 204
    state = intake_state(at_home.workspace.store, "ma")
    assert (state.hinted, state.waiting, state.not_taken) == (0, 0, {"other_account": len(good.events)})


@pytest.mark.parametrize("seed", range(2))
def test_however_deliveries_go_wrong_the_end_is_that_of_polling_alone(tmp_path: Path, seed: int) -> None:
    ends = []
    for name, share in (("heard", 0.7), ("deaf", 0.0)):
        (tmp_path / name).mkdir()
        with house(tmp_path / name) as built:
            ends.append(played(built, Random(seed), share))
    assert ends[0] == ends[1]


def played(built: House, dice: Random, share: float) -> dict[str, Any]:
    """Eight rounds of people at work; of the deliveries, a share arrives, some twice, in any order, some rounds late."""
    people = [built.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(6)]
    fate, late = Random(dice.random()), list[Outgoing]()
    for round_ in range(8):
        for _ in range(3):
            act(built.portal, people, dice, round_)
        late += list(built.app.outgoing())
        fate.shuffle(late)
        now, late = late[: len(late) // 2 + 1], late[len(late) // 2 + 1 :]
        for request in now:
            for _ in range(2 if fate.random() < 0.3 else 1):
                if fate.random() < share:
                    built.deliver(built.app.signed([dict(event) for event in request.events]))
        built.clock.advance(timedelta(minutes=dice.choice((1, 7, 20))))
        built.learn(hinted_only=bool(share) and round_ % 3 == 1)
    built.clock.advance(timedelta(days=8))
    for _ in range(2):
        built.learn()
        built.clock.advance(timedelta(minutes=20))
    assert intake_state(built.workspace.store, "ma").waiting == 0
    staging = built.workspace.store.staging
    return {object_: staging.latest("ma", object_, staging.known_ids("ma", object_)) for object_ in ("contacts", "companies")}


def act(portal: Portal, people: list[str], dice: Random, round_: int) -> None:
    living = [id_ for id_ in people if portal.get("contacts", id_) is not None]
    who = dice.choice(living)
    match dice.randrange(8):
        case 0:
            people.append(portal.create("contacts", {"email": f"n{round_}x{dice.randrange(10**6)}@acme.example"}))
        case 1 if len(living) > 4:
            portal.archive("contacts", who)
            people.remove(who)
        case 2 if len(living) > 4:
            other = dice.choice([id_ for id_ in living if id_ != who])
            people[people.index(who)] = portal.merge("contacts", who, other)
            people.remove(other)
        case 3:
            portal.associate("contacts", who, "companies", portal.create("companies", {"name": f"C{len(people)}"}))
        case 4 if len(living) > 4:
            portal.gdpr_delete("contacts", who)
            people.remove(who)
        case _:
            portal.update("contacts", who, {"firstname": f"N{round_}{dice.randrange(9)}"})
