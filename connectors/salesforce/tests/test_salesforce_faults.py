"""Every trouble that the fact sheet lists, on every endpoint that the connector uses, alone and all at once: the end is that of a
day without trouble, and nothing is sent twice that must not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from salesforce_place import START, Place, place, task, update

from crmsync.connect.contract import Need, PullRequest, PushBatch
from crmsync.errors import CrmsyncError
from crmsync.model.changes import Change, Receipt
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.mishaps import job, lock_row, refuse, short_page

SMALL = OrgConfig(largest_page=20, bulk_page=20)
LEADS, OBJECTS = 60, ("Lead", "Task")
FIELDS = {
    "Lead": ("LastName", "Company", "Rating", "Status", "OwnerId", "Owner.Type", "crmsync_phase__c"),
    "Task": ("Subject", "WhoId", "Status", "crmsync_key__c"),
}
ENDPOINTS = {
    "token": "/oauth2/token",
    "versions": "/services/data$",
    "limits": "/limits/$",
    "counts": "/recordCount$",
    "describe": "/describe$",
    "query": "/queryAll$",
    "next page": "/query/",
    "composite": "/composite$",
    "collections": "/composite/sobjects",
    "new job": "/jobs/(query|ingest)$",
    "job": r"/jobs/query/\w+$",
    "results": "/results$",
}
TROUBLES = {
    "200 page for people": Fault(
        FaultKind.ANSWER, status=200, body=b"<html>please wait</html>", headers=(("Content-Type", "text/html"),)
    ),
    "200 nothing": Fault(FaultKind.ANSWER, status=200, body=b""),
    "200 no rows": Fault(FaultKind.ANSWER, status=200, body=b"{}"),
    "html 502": Fault(FaultKind.HTML_502),
    "503 before anything": refuse("SERVER_UNAVAILABLE", "busy", status=503),
    "500": refuse("UNKNOWN_EXCEPTION", "An unexpected error occurred.", status=500),
    "truncated": Fault(FaultKind.TRUNCATED),
    "slow body": Fault(FaultKind.SLOW_BODY, seconds=0.02),
    "cut before": Fault(FaultKind.CUT_BEFORE),
    "answer lost": Fault(FaultKind.LOST_ANSWER),
    "expired": Fault(FaultKind.EXPIRED_TOKEN),
    "concurrent": Fault(FaultKind.LIMIT, detail="concurrent"),
    "431": Fault(FaultKind.ANSWER, status=431, body=b"<html>431</html>", headers=(("Content-Type", "text/html"),)),
    "row lock": refuse("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"),
}
# What a refusal means only somewhere: a query's, a row's, a job's.
PARTICULAR = {
    "dead locator": refuse("INVALID_QUERY_LOCATOR", "invalid query locator", route="/query/"),
    "too long a query": refuse("QUERY_TIMEOUT", "Your query request was running for too long.", route="/query(All$|/)"),
    "short page": short_page(),
    "locked row": lock_row(1),
    "job failed": job("failed"),
    "job stuck": job("stuck"),
}


def prepared(crm: Place) -> list[str]:
    """Leads, half of them of one second, one deleted, one merged, one converted."""
    ids = [crm.lead(f"n{n}") for n in range(LEADS // 2)]
    for n in range(LEADS // 2):
        crm.later(seconds=1)
        ids.append(crm.lead(f"m{n}"))
    crm.org.delete("Lead", ids[0])
    crm.org.merge("Lead", ids[1], [ids[2]])
    crm.org.convert_lead(ids[3])
    crm.later(minutes=20)
    return ids


def changes(ids: list[str]) -> list[list[Change]]:
    wanted = [update(lead, Rating="Hot", crmsync_phase__c="mql") for lead in ids]
    return [wanted, [task(f"k{n}", WhoId=lead) for n, lead in enumerate(ids[4:40])]]


def cycle(crm: Place, ids: list[str]) -> dict[str, Receipt]:
    """Pull everything, write everything, and go on as often as a worker would: what is for later is done later."""
    done: dict[str, Receipt] = {}
    batches = changes(ids)
    for _ in range(30):
        is_quiet = all(pulled(crm, name) for name in OBJECTS)
        for batch in batches:
            open_ = tuple(change for change in batch if done.get(change.key, _LATER).outcome in ("retry", "unknown"))
            is_quiet = pushed(crm, open_, done) and is_quiet
        if is_quiet and all(receipt.outcome not in ("retry", "unknown") for receipt in done.values()):
            break
        crm.later(minutes=10)
    crm.faults.clear()
    crm.later(minutes=20)
    for name in OBJECTS:
        assert pulled(crm, name)
    return done


_LATER = Receipt("", "retry")


def pulled(crm: Place, name: str) -> bool:
    try:
        crm.pull(name, FIELDS[name])
    except CrmsyncError:
        return False
    return True


def pushed(crm: Place, open_: tuple[Change, ...], done: dict[str, Receipt]) -> bool:
    if not open_:
        return True
    keys: list[str] = []
    try:
        for receipt in crm.connector.push(PushBatch(open_[0].object, open_)):
            keys.append(receipt.key)
            done[receipt.key] = receipt
    except CrmsyncError:
        return False
    finally:
        assert sorted(keys) == sorted(change.key for change in open_), "every change is answered for, exactly once"
    return True


def end_of(crm: Place) -> dict[str, Any]:
    """What is left: in the org, and stored; without ids and stamps that depend on how often it was tried."""
    rows = {
        name: sorted((str(row.get("LastName") or row.get("crmsync_key__c")), *picked(name, row)) for row in crm.org.rows(name))
        for name in OBJECTS
    }
    stored = {
        name: sorted((record.is_deleted, record.replaced_by or "", *picked(name, record.fields)) for record in held.values())
        for name, held in crm.stored.items()
    }
    return {"org": rows, "stored": stored}


def picked(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(field)) for field in FIELDS[name] if field not in ("OwnerId", "Owner.Type"))


@pytest.fixture(scope="module")
def untroubled() -> dict[int, dict[str, Any]]:
    """The end of a day without trouble, by REST and by Bulk: the same."""
    ends = {}
    for bulk in (0, 1):
        with place(SMALL, bulk_query_from=bulk) as crm:
            done = cycle(crm, prepared(crm))
            ends[bulk] = end_of(crm)
            outcomes = sorted(receipt.outcome for receipt in done.values())
            assert outcomes.count("written") == len(done) - 3, "all but the deleted, the merged and the converted one"
    assert ends[0] == ends[1]
    return ends


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_trouble_on_each_endpoint_ends_as_if_nothing_had_been(
    untroubled: dict[int, dict[str, Any]], endpoint: str, trouble: str
) -> None:
    bulk = int("job" in endpoint or endpoint in ("results", "counts"))
    with place(SMALL, bulk_query_from=bulk) as crm:
        if endpoint == "collections":
            crm.faults.add(refuse("NOT_FOUND", "no", status=404, route="/composite$"))
        crm.faults.add(replace(TROUBLES[trouble], route=ENDPOINTS[endpoint], method="*", calls=(1, 3)))
        cycle(crm, prepared(crm))
        assert end_of(crm) == untroubled[bulk]
        assert any(strike.fault.calls == (1, 3) for strike in crm.faults.strikes), "it did happen"


@pytest.mark.parametrize("trouble", PARTICULAR)
def test_each_particular_trouble_ends_as_if_nothing_had_been(untroubled: dict[int, dict[str, Any]], trouble: str) -> None:
    bulk = int("job" in trouble)
    with place(SMALL, bulk_query_from=bulk) as crm:
        crm.faults.add(replace(PARTICULAR[trouble], calls=(1, 2)))
        cycle(crm, prepared(crm))
        assert end_of(crm) == untroubled[bulk]
        assert crm.faults.strikes


@pytest.mark.parametrize("bulk", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_every_trouble_at_once_on_every_tenth_call_ends_as_if_nothing_had_been(
    untroubled: dict[int, dict[str, Any]], seed: int, bulk: int
) -> None:
    with place(SMALL, bulk_query_from=bulk) as crm:
        crm.faults.seed = seed
        for fault in [*PARTICULAR.values(), *TROUBLES.values()]:
            crm.faults.add(replace(fault, probability=0.1 if fault.route else 0.1 / len(TROUBLES)))
        cycle(crm, prepared(crm))
        assert end_of(crm) == untroubled[bulk]
        assert crm.faults.strikes


@pytest.mark.parametrize("kind", [FaultKind.EXPIRED_TOKEN, FaultKind.LIMIT])
def test_what_no_repetition_helps_is_not_repeated(kind: FaultKind) -> None:
    """A session that no token cures, and a day whose calls are spent: asked once, then left."""
    with place(SMALL) as crm:
        prepared(crm)
        crm.connector.describe(["Lead"])
        sign_ins = len(crm.asked("/oauth2/token"))
        detail = "not_for_rest" if kind is FaultKind.EXPIRED_TOKEN else "daily"
        crm.faults.add(Fault(kind, "/queryAll", detail=detail))
        assert not pulled(crm, "Lead")
        assert len(crm.faults.strikes) == 1
        assert len(crm.asked("/oauth2/token")) == sign_ins


def test_a_session_that_is_refused_for_ever_costs_one_new_token_and_then_stops() -> None:
    with place(SMALL) as crm:
        prepared(crm)
        crm.connector.describe(["Lead", "Task"])
        sign_ins = len(crm.asked("/oauth2/token"))
        crm.faults.add(Fault(FaultKind.EXPIRED_TOKEN, "/queryAll"))
        assert not pulled(crm, "Lead")
        assert not pulled(crm, "Task"), "the breaker is open: nothing is sent"
        assert (len(crm.faults.strikes), len(crm.asked("/oauth2/token")) - sign_ins) == (2, 1)


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.TRUNCATED, FaultKind.CUT_BEFORE, FaultKind.HTML_502])
def test_a_field_is_never_created_twice(kind: FaultKind) -> None:
    """Creating a field is the one thing that the connector sends and that cannot be repeated: an unknown answer is told, and the
    next run looks what is there."""
    with place(OrgConfig(provisioned=False)) as crm:
        crm.faults.add(Fault(kind, "/tooling/", "POST"))
        need = Need("Lead", "crmsync_phase__c", "text", "Phase")
        try:
            steps = crm.connector.provision([need], apply=True)
        except CrmsyncError:
            steps = ()
        assert not any(step.state == "created" for step in steps)
        assert len(crm.faults.strikes) == 1, "sent once"


@pytest.mark.parametrize("bulk", [0, 1])
def test_a_storm_of_ties_with_trouble_on_every_fifth_page_loses_no_row(bulk: int) -> None:
    with place(OrgConfig(largest_page=400, bulk_page=1000), bulk_query_from=bulk) as crm:
        made = {crm.lead(f"n{n}") for n in range(5000)}
        for fault in TROUBLES.values():
            crm.faults.add(replace(fault, route="/query|/results", probability=0.2 / len(TROUBLES)))
        while not pulled(crm, "Lead") or len(crm.stored["Lead"]) < len(made):
            crm.later(minutes=1)
        assert set(crm.stored["Lead"]) == made


def test_a_permission_taken_away_and_owners_gone_in_mid_run_cost_their_rows_only() -> None:
    with place(SMALL) as crm:
        ids = prepared(crm)
        gone = crm.org.add_user("Sato Ken", "sato@example.com")
        crm.org.update("User", gone, {"IsActive": False})
        crm.pull("Lead", FIELDS["Lead"], pages=1)
        crm.org.hide_field("Lead", "Rating")
        assert pulled(crm, "Lead")
        wanted = [update(lead, OwnerId=gone) if n % 10 == 0 else update(lead, Company="B") for n, lead in enumerate(ids[4:])]
        receipts = crm.push(*wanted)
        codes = [receipt.code for receipt in receipts.values()]
        assert set(codes) == {"", "INACTIVE_OWNER_OR_USER"}
        assert codes.count("INACTIVE_OWNER_OR_USER") == len(range(0, len(ids) - 4, 10))
        assert crm.org.clock.now() > START


def test_a_full_org_stops_writing_and_not_reading() -> None:
    with place(SMALL) as crm:
        ids = prepared(crm)
        crm.faults.add(lock_row(0, code="STORAGE_LIMIT_EXCEEDED"))
        done: dict[str, Receipt] = {}
        assert pushed(crm, tuple(changes(ids)[0]), done)
        assert any(receipt.code == "STORAGE_LIMIT_EXCEEDED" for receipt in done.values())
        assert pulled(crm, "Lead")


def test_a_pull_that_is_not_read_to_its_end_leaves_nothing_open() -> None:
    with place(SMALL, bulk_query_from=1) as crm:
        prepared(crm)
        pages = crm.connector.pull(PullRequest("Lead", FIELDS["Lead"], None))
        next(pages)
        next(pages)
        pages.close()
        assert pulled(crm, "Lead")
