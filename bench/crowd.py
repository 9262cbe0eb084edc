"""Persons by the hundred thousand in a store, without a CRM that holds them: staged, read, resolved and decided as a cycle does."""

from __future__ import annotations

from datetime import datetime, timedelta

from crmsync.model.records import RawRecord
from crmsync.planning.plan import make_plan
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.decide import decide
from crmsync.sync.keep import keep
from crmsync.sync.normalise import normalise
from crmsync.sync.plan import Prepared
from crmsync.sync.resolve import resolve
from crmsync.sync.rest import rest_after
from crmsync.sync.workspace import Moment, Workspace

AT_ONCE = 20_000
FIRST_ID = 900_000_000
"""Beyond the ids that the sandbox gives."""


def crowd(space: Workspace, persons: int, now: datetime) -> None:
    """Fill the store of a settled HubSpot workspace, and leave it as quiet as a cycle does that had nothing to write."""
    cursor = space.store.staging.cursor("crm", "contacts") or {}
    for start in range(0, persons, AT_ONCE):
        records = [_contact(n, now) for n in range(start, min(start + AT_ONCE, persons))]
        space.store.staging.stage("crm", "contacts", records, cursor, now)
        normalise(space, now)
    resolve(space, now)
    with collector_at_rest():
        _decided(space, now)
        prepared = _decided(space, now)  # the second time says nothing new
    rest_after(space, prepared, Moment(now), is_complete=True)


def _decided(space: Workspace, now: datetime) -> Prepared:
    decided = decide(space, now)
    prepared = Prepared(decided, make_plan([], [], now), tuple(decided.desired["person_id"]))
    run_id = keep(space, prepared, Moment(now), "bench")
    space.store.runs.end(run_id, "done", {})
    return prepared


def _contact(n: int, now: datetime) -> RawRecord:
    stamp = now - timedelta(days=1 + n % 400, seconds=n % 86_400)
    text = stamp.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    fields = {
        "hs_object_id": str(FIRST_ID + n),
        "createdate": text,
        "lastmodifieddate": text,
        "email": f"known{n}@crowd{n % 9973}.example",
        "lastname": ("佐藤", "鈴木", "高橋", "田中")[n % 4],
        "firstname": ("太郎", "花子", "健")[n % 3],
        "company": f"株式会社サンプル{n % 9973}",
        "jobtitle": ("部長", "課長", "係長", "担当")[n % 4],
        "hs_lead_status": "NEW",
    }
    return RawRecord("contacts", str(FIRST_ID + n), fields, stamp)
