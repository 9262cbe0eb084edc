"""Writing, confirming and reading ahead in one call, over real HTTP: fewer calls, the same care."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from salesforce_place import START, Place, place, task, update

from crmsync.connect.contract import PushBatch
from crmsync.errors import StopConnector
from crmsync.model.changes import Change, Receipt
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.mishaps import lock_row, refuse

PATIENCE_SECONDS = 5.0


def spent(crm: Place) -> int:
    return crm.app.service.usage.spent()


def leads(crm: Place, count: int) -> list[str]:
    return [crm.lead(f"n{n}") for n in range(count)]


def hot(ids: list[str], **more: Any) -> list[Change]:
    return [update(lead, Rating="Hot", **more) for lead in ids]


def test_a_chunk_costs_one_call_and_a_batch_one_more() -> None:
    with place() as crm:
        ids = leads(crm, 1000)
        crm.connector.describe(["Lead"])
        before = spent(crm)
        receipts = crm.push(*hot(ids))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        assert spent(crm) - before == 5 + 1
        assert {receipt.modified_at for receipt in receipts.values()} == {START}


def test_upserts_cost_one_call_a_chunk() -> None:
    with place() as crm:
        lead = crm.lead()
        crm.connector.describe(["Task"])
        before = spent(crm)
        receipts = crm.push(*(task(f"k{n}", WhoId=lead) for n in range(400)))
        assert spent(crm) - before == 2
        assert {receipt.details.get("created") for receipt in receipts.values()} == {True}
        assert {receipt.modified_at for receipt in receipts.values()} == {START}


def test_what_people_change_between_two_chunks_is_not_overwritten() -> None:
    """The next chunk is read ahead: an edit that comes before that reading is seen, in whichever chunk the record is."""
    with place() as crm:
        ids = leads(crm, 450)
        crm.later(minutes=1)
        for lead in (ids[0], ids[250], ids[449]):
            crm.org.update("Lead", lead, {"Company": "by hand"})
        receipts = crm.push(*(replace(change, expected_modified_at=START) for change in hot(ids)))
        conflicts = {receipt.record_id for receipt in receipts.values() if receipt.outcome == "conflict"}
        assert conflicts == {ids[0], ids[250], ids[449]}
        assert sum(receipt.outcome == "written" for receipt in receipts.values()) == 447


def test_rows_that_need_no_write_are_not_sent() -> None:
    with place() as crm:
        ids = leads(crm, 500)
        crm.push(*hot(ids))
        writes = len(crm.asked("/composite", "POST"))
        assert {receipt.outcome for receipt in crm.push(*hot(ids)).values()} == {"unchanged"}
        assert len(crm.asked("/composite", "POST")) == writes


def test_assignment_rules_stay_off_within_a_composite() -> None:
    chosen: list[str] = []
    with place(OrgConfig(assignment_rule=lambda _object, _row: chosen[0] if chosen else None)) as crm:
        wanted = crm.org.add_user("Sato Ken", "sato@example.com")
        ids = leads(crm, 3)
        chosen.append(crm.org.add_user("Rule Taro", "rule@example.com"))
        crm.push(*(update(lead, OwnerId=wanted) for lead in ids))
        assert crm.asked("/composite", "POST")
        assert {row["OwnerId"] for row in crm.org.rows("Lead")} == {wanted}


@pytest.mark.parametrize("status", [404, 405, 400])
def test_an_org_that_takes_no_composite_is_served_one_by_one(status: int) -> None:
    with place() as crm:
        crm.faults.add(refuse("NOT_FOUND", "no", status=status, route="/composite$"))
        receipts = crm.push(*hot(leads(crm, 300)))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        assert len(crm.faults.strikes) == (2 if status == 400 else 1), "what is not offered is not asked for again"


def test_a_text_that_a_composite_would_read_as_a_reference_travels_by_itself() -> None:
    with place() as crm:
        (lead,) = leads(crm, 1)
        receipt = crm.push(update(lead, Company="@{part1.records}"))[f"update {lead}"]
        assert receipt.outcome == "written"
        assert (crm.org.get("Lead", lead) or {})["Company"] == "@{part1.records}"
        assert not crm.asked("/composite", "POST")


def test_a_field_taken_away_since_costs_the_reading_and_tells_each_row() -> None:
    with place() as crm:
        ids = leads(crm, 300)
        crm.connector.describe(["Lead"])
        crm.org.hide_field("Lead", "Rating")
        receipts = crm.push(*hot(ids, Company="B"))
        assert {(receipt.outcome, receipt.code) for receipt in receipts.values()} == {("rejected", "INVALID_FIELD")}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.HTML_502, "/composite$"),
        Fault(FaultKind.TRUNCATED, "/composite$"),
        Fault(FaultKind.CUT_BEFORE, "/composite$"),
        Fault(FaultKind.LOST_ANSWER, "/composite$"),
        Fault(FaultKind.EXPIRED_TOKEN, "/composite$"),
        Fault(FaultKind.LIMIT, "/composite$", detail="concurrent"),
        lock_row(0),
        lock_row(2),
        lock_row(1, code="SERVER_UNAVAILABLE"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.detail}",
)
@pytest.mark.parametrize("call", [1, 2, 3])
def test_trouble_with_any_call_of_a_batch_loses_and_doubles_nothing(fault: Fault, call: int) -> None:
    with place() as crm:
        ids = leads(crm, 450)
        crm.faults.add(replace(fault, calls=(call,)))
        receipts = crm.push(*hot(ids))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        assert {row["Rating"] for row in crm.org.rows("Lead")} == {"Hot"}
        assert crm.faults.strikes


def test_a_day_without_calls_stops_in_mid_batch_with_an_answer_for_each_row() -> None:
    with place() as crm:
        ids = leads(crm, 450)
        crm.faults.add(Fault(FaultKind.LIMIT, "/composite$", calls=(2,), detail="daily"))
        receipts: list[Receipt] = []
        with pytest.raises(StopConnector, match="quota"):
            receipts.extend(crm.connector.push(PushBatch("Lead", tuple(hot(ids)))))
        assert sorted(receipt.record_id or "" for receipt in receipts) == ids
        assert sum(row.get("Rating") == "Hot" for row in crm.org.rows("Lead")) == 200


def test_a_lock_that_stays_is_left_for_the_next_run() -> None:
    with place() as crm:
        ids = leads(crm, 3)
        crm.faults.add(lock_row(0))
        outcomes = [receipt.outcome for receipt in crm.push(*hot(ids)).values()]
        assert sorted(outcomes) == ["retry", "written", "written"]


def test_a_row_that_speaks_for_the_whole_org_stops_the_next_call() -> None:
    with place() as crm:
        ids = leads(crm, 650)
        crm.faults.add(lock_row(7, code="REQUEST_LIMIT_EXCEEDED", calls=(2,)))
        receipts = crm.push(*hot(ids))
        assert len(crm.asked("/composite", "POST")) == 2
        outcomes = [receipts[change.key].outcome for change in hot(ids)]
        assert outcomes.count("written") == 399
        assert set(outcomes[400:]) == {"retry"}
        assert sum(row.get("Rating") == "Hot" for row in crm.org.rows("Lead")) == 399


def test_the_next_chunk_travels_while_receipts_are_taken() -> None:
    with place() as crm:
        receipts = crm.connector.push(PushBatch("Lead", tuple(hot(leads(crm, 450)))))
        next(receipts)
        until = time.monotonic() + PATIENCE_SECONDS
        while len(crm.asked("/composite", "POST")) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(crm.asked("/composite", "POST")) == 2
        assert {receipt.outcome for receipt in receipts} == {"written"}


def test_between_the_reading_ahead_and_the_write_lies_no_other_call() -> None:
    with place() as crm:
        ids = leads(crm, 201)
        crm.push(*hot(ids))
        assert [one.split("/")[-1] for one in crm.asked("/v66.0/")][-3:] == ["queryAll", "composite", "composite"]


def test_short_pages_within_a_composite_are_followed_to_their_end() -> None:
    with place(OrgConfig(largest_page=30)) as crm:
        ids = leads(crm, 450)
        assert {receipt.outcome for receipt in crm.push(*hot(ids)).values()} == {"written"}
        crm.later(minutes=1)
        assert {receipt.outcome for receipt in crm.push(*hot(ids)).values()} == {"unchanged"}
