"""Writing a mass of changes by Bulk 2.0 jobs, over real HTTP: what Collections would have written, in a handful of calls."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from salesforce_place import START, Place, place, task, update

from crmsync.errors import StopConnector
from crmsync.model.changes import Change
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.mishaps import job, refuse
from crmsync_salesforce.answers import VendorError
from crmsync_salesforce.ingest_jobs import error_of, uploads
from crmsync_salesforce.outgoing import outgoing

MANY = 300


def leads(crm: Place, count: int = MANY, **more: Any) -> list[str]:
    return [crm.lead(f"n{n}", **more) for n in range(count)]


def hot(ids: list[str], **more: Any) -> list[Change]:
    return [update(lead, Rating="Hot", **more) for lead in ids]


def jobs_of(crm: Place) -> int:
    return len([one for one in crm.asked("/jobs/ingest", "POST") if one.endswith("/ingest")])


def test_a_mass_of_updates_costs_ten_calls_however_many_there_are() -> None:
    with place(bulk_write_from=100) as crm:
        ids = leads(crm, 3000)
        crm.connector.describe(["Lead"])
        before = crm.app.service.usage.spent()
        receipts = crm.push(*hot(ids))
        assert {(receipt.outcome, receipt.modified_at) for receipt in receipts.values()} == {("written", START)}
        assert {row["Rating"] for row in crm.org.rows("Lead")} == {"Hot"}
        compared, confirmed, job_ = 1, 1, 3 + 2 + 3
        assert crm.app.service.usage.spent() - before == compared + confirmed + job_


def test_below_the_threshold_and_without_one_there_is_no_job() -> None:
    for options in ({}, {"bulk_write_from": MANY + 1}):
        with place(**options) as crm:
            crm.push(*hot(leads(crm)))
            assert jobs_of(crm) == 0


def test_null_clears_an_absent_field_stays_and_texts_arrive_whole() -> None:
    with place(bulk_write_from=1) as crm:
        one, other = leads(crm, 2, Rating="Cold", Website="https://a.example")
        text = 'first "line",\r\nsecond; 鈴木\n'
        receipts = crm.push(update(one, Rating=None, Description=text), update(other, Company="B", HasOptedOutOfEmail=True))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        first, second = (crm.org.get("Lead", lead) or {} for lead in (one, other))
        assert (first["Rating"], first["Company"], first["Website"]) == (None, "A", "https://a.example")
        assert first["Description"].split() == text.split()
        assert (second["Rating"], second["Company"], second["HasOptedOutOfEmail"]) == ("Cold", "B", True)


def test_the_heading_is_the_union_of_all_rows_fields() -> None:
    rows = [outgoing("Lead", update("00Q000000000001", A=1)), outgoing("Lead", update("00Q000000000002", B=None, C=False))]
    (upload,) = uploads(rows)
    assert list(csv.reader(io.StringIO(upload.content.decode()))) == [
        ["Id", "A", "B", "C"],
        ["00Q000000000001EAA", "1", "", ""],
        ["00Q000000000002EAA", "", "#N/A", "false"],
    ]


def test_plain_creates_are_never_a_jobs() -> None:
    """A job whose end is not seen is sent again, and a create must not be."""
    with place(bulk_write_from=1) as crm:
        lead = crm.lead()
        made = [replace(task(f"k{n}", WhoId=lead), operation="create") for n in range(3)]
        assert {receipt.outcome for receipt in crm.push(*made).values()} == {"written"}
        assert len(list(crm.org.rows("Task"))) == 3
        assert jobs_of(crm) == 0


def test_a_create_without_an_answer_is_sent_once_and_told_as_unknown() -> None:
    with place() as crm:
        lead = crm.lead()
        crm.faults.add(Fault(FaultKind.LOST_ANSWER, "/composite", "POST"))
        made = [replace(task(f"k{n}", WhoId=lead), operation="create") for n in range(3)]
        assert {receipt.outcome for receipt in crm.push(*made).values()} == {"unknown"}
        assert len(list(crm.org.rows("Task"))) == 3
        assert len(crm.faults.strikes) == 1


def test_uploads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from crmsync_salesforce import ingest_jobs

    monkeypatch.setattr(ingest_jobs, "INGEST_BYTES", 1_000)
    rows = [outgoing("Lead", update(f"00Q{n:012d}", A="x" * 50)) for n in range(100)]
    parts = list(uploads(rows))
    assert [sent for part in parts for sent in part.rows] == rows
    assert all(len(part.content) <= 1_000 for part in parts)


def test_a_text_that_reads_as_null_goes_another_way() -> None:
    with place(bulk_write_from=1) as crm:
        (lead,) = leads(crm, 1)
        assert crm.push(update(lead, Company="#N/A"))[f"update {lead}"].outcome == "written"
        assert (crm.org.get("Lead", lead) or {})["Company"] == "#N/A"
        assert jobs_of(crm) == 0


def test_tasks_are_upserted_by_their_key_and_found_again_by_it() -> None:
    with place(bulk_write_from=1) as crm:
        lead = crm.lead()
        receipts = crm.push(*(task(f"k{n}", WhoId=lead, Subject=f"s{n}") for n in range(50)))
        rows = {row["crmsync_key__c"]: row["Id"] for row in crm.org.rows("Task")}
        assert {key.removeprefix("task "): receipt.record_id for key, receipt in receipts.items()} == rows
        assert all(receipt.details["created"] for receipt in receipts.values())
        again = crm.push(*(task(f"k{n}", WhoId=lead, Subject="new") for n in range(50)))
        assert not any(receipt.details.get("created") for receipt in again.values())
        assert {row["Subject"] for row in crm.org.rows("Task")} == {"new"}


def test_each_row_has_its_own_outcome_whichever_file_it_is_in() -> None:
    with place(bulk_write_from=1) as crm:
        ids = leads(crm, 6)
        crm.org.delete("Lead", ids[0])
        crm.org.convert_lead(ids[1])
        crm.later(minutes=1)
        crm.org.update("Lead", ids[2], {"Company": "by hand"})
        wanted = [replace(change, expected_modified_at=START) for change in hot(ids[:5])]
        wanted.append(update(ids[5], crmsync_phase__c="nonsense"))
        by_id = {receipt.record_id: (receipt.outcome, receipt.code) for receipt in crm.push(*wanted).values()}
        assert by_id[ids[0]] == ("conflict", "ENTITY_IS_DELETED")
        assert by_id[ids[1]] == ("conflict", "CANNOT_UPDATE_CONVERTED_LEAD")
        assert by_id[ids[2]] == ("conflict", "moved")
        assert by_id[ids[3]] == by_id[ids[4]] == ("written", "")
        assert by_id[ids[5]] == ("rejected", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")


def test_a_rule_that_only_alerts_is_passed_by_collections_afterwards() -> None:
    """Jobs have no duplicate-rule header."""
    with place(OrgConfig(duplicate_rule="alert"), bulk_write_from=1) as crm:
        ids = leads(crm, 3)
        receipts = crm.push(*(update(lead, Email="same@example.com") for lead in ids))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}


def test_assignment_rules_stay_off_in_jobs_too() -> None:
    chosen: list[str] = []
    with place(OrgConfig(assignment_rule=lambda _object, _row: chosen[0] if chosen else None), bulk_write_from=1) as crm:
        wanted = crm.org.add_user("Sato Ken", "sato@example.com")
        ids = leads(crm, 3)
        chosen.append(crm.org.add_user("Rule Taro", "rule@example.com"))
        crm.push(*(update(lead, OwnerId=wanted) for lead in ids))
        assert {row["OwnerId"] for row in crm.org.rows("Lead")} == {wanted}


def test_locked_rows_go_again_those_of_one_parent_side_by_side() -> None:
    with place(bulk_write_from=1) as crm:
        accounts = [crm.org.insert("Account", {"Name": f"a{n}"}) for n in range(3)]
        contacts = [crm.org.insert("Contact", {"LastName": f"c{n}", "AccountId": accounts[n % 3]}) for n in range(30)]
        failing = "".join(f'"{one}","UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--","{one}","Hot"\n' for one in contacts)
        body = '"sf__Id","sf__Error","Id","Title"\n' + failing
        csv_headers = (("Content-Type", "text/csv"),)
        nothing = b'"sf__Id","sf__Created","Id","Title"\n'
        crm.faults.add(Fault(FaultKind.ANSWER, "/successfulResults", status=200, body=nothing, headers=csv_headers))
        crm.faults.add(Fault(FaultKind.ANSWER, "/failedResults", status=200, body=body.encode(), headers=csv_headers))
        sent: list[list[str]] = []
        crm.client._http.event_hooks["request"].append(lambda request: sent.append([request.url.path, request.content.decode()]))
        receipts = crm.push(*(update(one, object="Contact", Title="CEO") for one in contacts))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        (upload,) = [content for path, content in sent if path.endswith("/batches")]
        order = [(crm.org.get("Contact", row["Id"]) or {})["AccountId"] for row in csv.DictReader(io.StringIO(upload))]
        assert order == sorted(order)
        (collection,) = [content for path, content in sent if path.endswith("/composite/sobjects")]
        places = sorted(contacts, key=collection.index)
        assert [(crm.org.get("Contact", one) or {})["AccountId"] for one in places] == order


def test_what_a_failed_job_did_not_come_to_is_written_by_collections_in_the_same_run() -> None:
    """The next job might fail in the same way, and no row would ever be told why."""
    with place(bulk_write_from=1) as crm:
        ids = leads(crm, 5)
        crm.faults.add(job("failed"))
        receipts = crm.push(*hot(ids[:4]), update(ids[4], crmsync_phase__c="nonsense"))
        assert [receipts[f"update {lead}"].outcome for lead in ids] == ["written"] * 4 + ["rejected"]
        assert receipts[f"update {ids[4]}"].code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_a_job_that_never_ends_leaves_its_rows_for_the_next_run() -> None:
    with place(bulk_write_from=1) as crm:
        ids = leads(crm, 5)
        crm.faults.add(job("stuck"))
        assert {receipt.outcome for receipt in crm.push(*hot(ids)).values()} == {"retry"}
        crm.faults.clear()
        assert {receipt.outcome for receipt in crm.push(*hot(ids)).values()} == {"written"}


def test_all_three_files_are_read_and_what_none_of_them_names_is_left_for_the_next_run() -> None:
    with place(bulk_write_from=1) as crm:
        ids = leads(crm, 3)
        whole = f'"sf__Id","sf__Created","Id","Rating"\n"{ids[0]}","false","{ids[0]}","Hot"\n'.encode()
        csv_headers = (("Content-Type", "text/csv"),)
        crm.faults.add(Fault(FaultKind.ANSWER, "/successfulResults", status=200, body=whole, headers=csv_headers))
        left = f'"Id","Rating"\n"{ids[1]}","Hot"\n'.encode()
        crm.faults.add(Fault(FaultKind.ANSWER, "/unprocessedrecords", status=200, body=left, headers=csv_headers))
        receipts = crm.push(*hot(ids))
        codes = {receipt.record_id: (receipt.outcome, receipt.code) for receipt in receipts.values()}
        assert codes == {ids[0]: ("written", ""), ids[1]: ("retry", "NOT_PROCESSED"), ids[2]: ("retry", "NOT_TOLD")}


@pytest.mark.parametrize("code", ["INVALIDENTITY", "FEATURENOTENABLED", "API_ERROR"])
def test_an_org_that_takes_no_job_is_served_by_collections(code: str) -> None:
    with place(bulk_write_from=1) as crm:
        crm.faults.add(refuse(code, "Entity 'Lead' is not supported by the Bulk API.", route="/jobs/ingest$"))
        assert {receipt.outcome for receipt in crm.push(*hot(leads(crm))).values()} == {"written"}
        assert {row["Rating"] for row in crm.org.rows("Lead")} == {"Hot"}


@pytest.mark.parametrize(
    "route",
    ["/jobs/ingest$", "/batches$", r"/jobs/ingest/\w+$", "/successfulResults", "/failedResults", "/unprocessed", "/composite$"],
)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.HTML_502),
        Fault(FaultKind.TRUNCATED),
        Fault(FaultKind.CUT_BEFORE),
        Fault(FaultKind.LOST_ANSWER),
        Fault(FaultKind.LIMIT, detail="concurrent"),
        Fault(FaultKind.EXPIRED_TOKEN),
        refuse("SERVER_UNAVAILABLE", "busy", status=503),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_trouble_with_any_call_of_a_job_loses_and_doubles_nothing(route: str, fault: Fault) -> None:
    with place(bulk_write_from=1) as crm:
        lead = crm.lead()
        crm.faults.add(replace(fault, route=route, calls=(1,)))
        wanted = [task(f"k{n}", WhoId=lead) for n in range(10)]
        receipts = crm.push(*wanted)
        late = [change for change in wanted if receipts[change.key].outcome == "retry"]
        receipts |= crm.push(*late) if late else {}
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        assert sorted(row["crmsync_key__c"] for row in crm.org.rows("Task")) == sorted(f"k{n}" for n in range(10))
        assert crm.faults.strikes


def test_a_day_without_calls_answers_for_every_row() -> None:
    with place(bulk_write_from=1) as crm:
        ids = leads(crm, 3)
        crm.faults.add(Fault(FaultKind.LIMIT, "/batches", detail="daily"))
        with pytest.raises(StopConnector, match="quota"):
            crm.push(*hot(ids))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --", ("Required fields are missing: [Name]", ("Name",))),
        (
            "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--",
            ("unable to obtain exclusive access to this record", ()),
        ),
        ("STRING_TOO_LONG:too long:A,B --", ("too long", ("A", "B"))),
    ],
)
def test_a_rows_error_is_read_from_its_cell(text: str, error: tuple[str, tuple[str, ...]]) -> None:
    assert error_of(text) == VendorError(text.partition(":")[0], *error)
