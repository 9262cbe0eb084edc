"""Writing back: what it costs in calls, and in time beside a bare loop that sends full batches and remembers nothing.

    python bench/push.py [--quick]

Ours is the whole of it: the changes recorded before they are sent, compared with the present, sent, each confirmed by a receipt,
and what the CRM now holds remembered. Planning is not in it. There are two floors, both bare clients on one connection that parse
each answer and keep nothing. The one that judges sends the very requests that we send, reads included: a loop that does not
compare before it writes overwrites what people have set meanwhile, and does not do the same work. The writes alone are told
beside it. The sandbox runs in a process of its own; the floors and we write to different people, so that neither looks like
somebody else's edit to the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count, cycle

import httpx
import orjson

from common import Board, asked, leave, say, take_turns
from crmsync.model.changes import Change, FieldDiff
from crmsync.sandbox.world.control import SandboxCredentials
from crmsync.sync.apply import apply
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.workspace import Silent, Workspace
from pull import pull_all
from tenant import Served, served
from worker import PEOPLE, Asked, recorded, repeat, workspace

CRMS = ("salesforce", "hubspot")
BATCH = {"salesforce": 200, "hubspot": 100}
FIELDS = {
    "salesforce": ("crmsync_score__c", "crmsync_temperature__c", "crmsync_reason_ja__c"),
    "hubspot": ("crmsync_score", "crmsync_temperature", "crmsync_reason_ja"),
}
# An id of a person, as it stands in a body and, quoted, in an address.
ID = {"salesforce": re.compile(r"00Q[0-9A-Za-z]{15}"), "hubspot": re.compile(r'(?<=")\d+(?=")')}
API = "/services/data/v66.0/composite/sobjects"


def main() -> None:
    given = asked(__doc__ or "", CRMS)
    updates, turns = (1_000, 3) if given.quick else (20_000, 3)
    board = Board("push")
    for crm in CRMS:
        if given.only in ("", crm):
            push(board, crm, updates, turns)
    leave(board)


def push(board: Board, crm: str, updates: int, turns: int) -> None:
    """One CRM: half of its people are the floor's, half are ours."""
    with served(crm, 2 * updates, 10) as tenant, workspace(tenant) as space:
        now = tenant.now()
        pull_all(space, now)
        ids = space.store.staging.known_ids("crm", PEOPLE[crm])
        theirs, mine = ids[:updates], ids[updates:]
        ours = Ours(space, tenant, mine)
        ours.prepare()
        ours.write()  # what is read once per process is read
        ours.prepare()
        tenant.calls()
        recipes = [_recipe(ours, theirs)]
        calls = tenant.calls()
        ours.prepare()
        recipes.append(_recipe(ours, theirs))  # two, in turns: what is sent again must be a change again
        same, scores = cycle(recipes), count(1_000)
        timed = take_turns(lambda: repeat(next(same)), ours.write, turns, ours.prepare)
        beside = take_turns(lambda: _bare(tenant, theirs, next(scores)), ours.write, turns, ours.prepare)
    fewest, formula = fewest_calls(crm, updates)
    total = sum(calls.values())
    board.put(f"{crm}: calls ÷ fewest", total / fewest, at_most=1.02, detail=f"{total} ÷ {fewest} = {formula}")
    for kind, number in sorted(calls.items(), key=lambda item: -item[1]):
        say(f"         {number:6d}  {kind}")
    name, unit = f"{crm}: journalled write-back, times the same requests", "updates"
    board.put(name, timed.times_the_floor, at_most=1.5, detail=timed.shown(updates, unit))
    name = f"{crm}: journalled write-back, times the writes alone"
    board.put(name, beside.times_the_floor, detail=beside.shown(updates, unit))


def fewest_calls(crm: str, updates: int) -> tuple[int, str]:
    """Salesforce: one look at what has changed since, which pages by 2,000 only where something has; then collections of 200, each
    in one composite call with the look at what came of it. HubSpot: the present read by 100, and written by 100."""
    batches = math.ceil(updates / BATCH[crm])
    if crm == "salesforce":
        return 1 + batches, f"one look + {updates:,} / 200 written"
    return 2 * batches, f"{updates:,} / 100 compared + {updates:,} / 100 written"


@dataclass
class Ours:
    """Our side: the changes of the next turn, made ready by `prepare`."""

    space: Workspace
    tenant: Served
    ids: Sequence[str]
    changes: list[Change] = field(default_factory=list)
    score: int = 0

    def prepare(self) -> None:
        """What planning would have wished: other values than those that are there, on the versions we know."""
        self.score += 1
        known = self.space.store.staging.latest("crm", PEOPLE[self.tenant.crm], self.ids)
        self.changes = [_change(self.tenant.crm, id_, known[id_].modified_at, self.score) for id_ in self.ids]

    def write(self) -> None:
        """Record what is wanted, send it, confirm it. Raises where a single one was not written."""
        now, store = self.tenant.now(), self.space.store
        with collector_at_rest(), store.transaction(is_awaited=True) as db:  # as a cycle keeps its plan
            run_id = store.runs.begin(db, "bench", now, is_rehearsal=True, definitions="")
            store.outbox.plan(db, run_id, self.changes, now)
        applied = apply(self.space, run_id, self.changes, now, Silent(), frozenset())
        if applied.failures or applied.written != len(self.ids):
            raise AssertionError(f"{applied.outcomes} {applied.failures}")


def _change(crm: str, id_: str, stamp: datetime | None, score: int) -> Change:
    return Change(
        key=f"{id_}:{score}",
        connection="crm",
        object=PEOPLE[crm],
        operation="update",
        fields=tuple(FieldDiff(name, None, None, value) for name, value in _values(crm, score).items()),
        person_id=f"p{id_}",
        record_id=id_,
        expected_modified_at=stamp,
    )


def _values(crm: str, score: int) -> dict[str, object]:
    name, temperature, reason = FIELDS[crm]
    wanted = score if crm == "salesforce" else str(score)
    return {name: wanted, temperature: ("hot", "warm", "cold")[score % 3], reason: f"料金ページを {score} 回見ました"}


# --------------------------------------------------------------------------------------------------------------- the floors


def _recipe(ours: Ours, theirs: Sequence[str]) -> list[Asked]:
    """What we send for one turn, about the floor's people instead of ours."""
    with recorded(ours.space) as sent:
        ours.write()
    instead, ids = dict(zip(ours.ids, theirs, strict=True)), ID[ours.tenant.crm]

    def about(text: str) -> str:
        return ids.sub(lambda found: instead.get(found[0], found[0]), text)

    return [replace(one, url=about(one.url), content=about(one.content.decode()).encode()) for one in sent]


def _bare(tenant: Served, ids: Sequence[str], score: int) -> None:
    """Full batches, one after the other, each answer parsed and thrown away."""
    request, token = _REQUESTS[tenant.crm], _token(tenant)
    size, values = BATCH[tenant.crm], _values(tenant.crm, score)
    limits = httpx.Limits(max_connections=1)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    bare = httpx.Client(base_url=tenant.url, limits=limits, timeout=600, trust_env=False, headers=headers)
    with collector_at_rest(), bare as client:
        for start in range(0, len(ids), size):
            method, path, body = request(ids[start : start + size], values)
            answer = client.request(method, path, content=orjson.dumps(body))
            answer.raise_for_status()
            orjson.loads(answer.content)


Request = Callable[[Sequence[str], Mapping[str, object]], tuple[str, str, object]]


def _collection(ids: Sequence[str], values: Mapping[str, object]) -> tuple[str, str, object]:
    rows = [{"attributes": {"type": "Lead"}, "id": id_, **values} for id_ in ids]
    return "PATCH", API, {"allOrNone": False, "records": rows}


def _batch_update(ids: Sequence[str], values: Mapping[str, object]) -> tuple[str, str, object]:
    return "POST", "/crm/v3/objects/contacts/batch/update", {"inputs": [{"id": id_, "properties": values} for id_ in ids]}


_REQUESTS: Mapping[str, Request] = {"salesforce": _collection, "hubspot": _batch_update}


def _token(tenant: Served) -> str:
    known = SandboxCredentials()
    if tenant.crm == "hubspot":
        return known.hubspot_token
    form = {
        "grant_type": "client_credentials",
        "client_id": known.salesforce_client_id,
        "client_secret": known.salesforce_client_secret,
    }
    answer = httpx.post(f"{tenant.url}/services/oauth2/token", data=form)
    return str(answer.raise_for_status().json()["access_token"])


if __name__ == "__main__":
    main()
