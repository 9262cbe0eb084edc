"""Reading by Bulk 2.0 jobs, over real HTTP: the records are those of REST, whatever becomes of the jobs."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from salesforce_place import LEAD, Place, place

from crmsync.errors import RetryLater
from crmsync.model.records import RawRecord
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync.sandbox.salesforce.mishaps import job, refuse
from crmsync_salesforce import query_jobs
from crmsync_salesforce.cells import rows_of
from crmsync_salesforce.facts import CAPABILITIES

FIELDS: dict[str, tuple[str, ...]] = {
    "Lead": (*LEAD, "Description", "NumberOfEmployees", "AnnualRevenue", "HasOptedOutOfEmail", "CreatedDate", "crmsync_score__c"),
    "Opportunity": ("Name", "StageName", "Amount", "CloseDate", "IsWon", "Account.Name", "Account.NumberOfEmployees"),
    "CampaignMember": ("LeadId", "ContactId", "HasResponded", "Campaign.Type", "Campaign.IsActive", "Lead.Company"),
    "Task": ("Subject", "WhoId", "Who.Type", "ActivityDate", "IsClosed", "Description", "crmsync_due_at__c", "CompletedDateTime"),
    "User": ("Name", "Email", "IsActive", "TimeZoneSidKey"),
}


def populate(crm: Place, leads: int = 30) -> list[str]:
    """Leads whose texts have every letter that CSV stumbles over, and something of each other kind."""
    made = []
    for n in range(leads):
        text = f'line one\nline "two",\r\n{n};\u2028鈴木, "quoted"'
        more: dict[str, Any] = {"AnnualRevenue": 1000 + n, "crmsync_score__c": n / 4} if n % 3 else {}
        made.append(crm.lead(f"n{n}", Description=text, NumberOfEmployees=n, HasOptedOutOfEmail=n % 2 == 0, **more))
        crm.later(seconds=1)
    conversion = crm.org.convert_lead(made[0], opportunity_name="Deal, big")
    assert conversion.opportunity_id is not None
    crm.org.update("Opportunity", conversion.opportunity_id, {"Amount": 12.5})
    crm.org.delete("Lead", made[1])
    crm.org.merge("Lead", made[2], [made[3]])
    campaign = crm.org.insert("Campaign", {"Name": "Seminar", "Type": "Webinar", "IsActive": True})
    crm.org.insert("CampaignMember", {"CampaignId": campaign, "LeadId": made[4]})
    crm.org.insert("Task", {"Subject": "Call", "WhoId": made[5], "Description": "a\n\nb", "ActivityDate": "2024-04-02"})
    crm.org.insert("Task", {"Subject": "none", "Status": "Completed"})
    crm.later(minutes=10)
    return made


def by_id(records: list[RawRecord]) -> dict[str, RawRecord]:
    return {record.id: record for record in records}


@pytest.mark.parametrize("object", FIELDS)
def test_a_record_is_the_same_by_bulk_as_by_rest(object: str) -> None:
    with place(OrgConfig(bulk_page=7), bulk_query_from=1) as crm:
        populate(crm)
        by_bulk = crm.pull(object, FIELDS[object])
        assert crm.asked("/jobs/query"), "read by a job"
        assert not crm.asked("/queryAll")
        with place(bulk_query_from=0) as other:
            populate(other)
            by_rest = other.pull(object, FIELDS[object])
            assert not other.asked("/jobs/query")
        assert by_id(by_bulk) == by_id(by_rest)
        assert len(by_bulk) == len(by_rest) > 0
        assert crm.cursors[object]["until"] is None


def test_every_stream_may_be_read_by_bulk() -> None:
    with place(bulk_query_from=1) as crm, place(bulk_query_from=0) as other:
        for one in (crm, other):
            populate(one)
            for stream in CAPABILITIES.streams:
                one.pull(stream.object, ("Name", "Subject", "Field", "NewValue", "StageName", "OwnerId"))
        assert crm.stored == other.stored
        assert len(crm.asked("/results")) > len(CAPABILITIES.streams) // 2


def test_many_pages_of_results_are_followed_to_the_locator_that_reads_null() -> None:
    with place(OrgConfig(bulk_page=10), bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(95)}
        assert sorted(record.id for record in crm.pull()) == sorted(made)
        assert len(crm.asked("/results")) == 10


def test_results_arrive_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_jobs, "BULK_PART", 10)
    with place(bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(45)}
        seen = crm.pull(pages=4)
        assert len(seen) == 30, "an empty page with the job, then three parts"
        seen = crm.pull()
        assert {record.id for record in seen} == made
        assert len(crm.asked("/jobs/query", "POST")) == 1, "the job was taken up again"


def test_a_crash_between_pages_goes_on_with_the_same_job_where_it_stopped() -> None:
    with place(OrgConfig(bulk_page=10), bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(40)}
        first = crm.pull(pages=3)
        second = crm.pull()
        assert len(first) == len(second) == 20
        assert {record.id for record in first + second} == made
        assert len(crm.asked("/jobs/query", "POST")) == 1


def test_a_job_that_the_org_has_forgotten_is_asked_for_again() -> None:
    with place(OrgConfig(bulk_page=10), bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(40)}
        crm.pull(pages=3)
        crm.later(days=8)
        assert {record.id for record in crm.pull()} == made


def test_a_job_whose_mapping_has_changed_since_is_not_taken_up_again() -> None:
    with place(OrgConfig(bulk_page=10), bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(40)}
        crm.pull(fields=("Company",), pages=3)
        assert {record.id for record in crm.pull(fields=("Company", "Email")) if "Email" in record.fields} == made


def test_what_changes_while_a_job_runs_comes_with_the_next_window() -> None:
    with place(OrgConfig(bulk_page=10), bulk_query_from=20) as crm:
        made = [crm.lead(f"n{n}") for n in range(40)]
        crm.later(minutes=10)
        crm.pull(pages=2)
        crm.org.update("Lead", made[39], {"Rating": "Hot"})
        crm.later(minutes=10)
        crm.pull()
        crm.pull()
        assert crm.stored["Lead"][made[39]].fields["Rating"] == "Hot"


def test_an_increment_of_many_rows_goes_over_to_bulk_after_its_first_page() -> None:
    with place(OrgConfig(largest_page=50), bulk_query_from=100, lag_seconds=0) as crm:
        crm.lead("first")
        crm.pull()
        assert not crm.asked("/jobs/query")
        crm.later(hours=1)
        made = {crm.lead(f"n{n}") for n in range(300)}
        crm.later(minutes=1)
        asked = len(crm.asked("/query"))
        seen = [record.id for record in crm.pull() if record.fields["LastName"] != "first"]
        assert sorted(seen) == sorted(made), "each row once: the job begins after the first page"
        assert len(crm.asked("/query")) - asked == 1 + 4, "one page, one job of four calls"


def test_a_first_reading_below_the_crossover_costs_one_count_for_all_objects() -> None:
    with place() as crm:
        crm.lead()
        for name in ("Lead", "Contact", "Account"):
            crm.pull(name, ("Name",))
        assert len(crm.asked("/limits/recordCount")) == 1
        assert not crm.asked("/jobs/query")


@pytest.mark.parametrize("code", ["INVALIDENTITY", "FEATURENOTENABLED", "EXCEEDEDQUOTA"])
def test_an_object_that_bulk_does_not_take_is_read_by_rest_and_not_tried_again(code: str) -> None:
    with place(bulk_query_from=1) as crm:
        crm.faults.add(refuse(code, "Entity 'Lead' is not supported by the Bulk API.", route="/jobs/query$", method="POST"))
        made = {crm.lead(f"n{n}") for n in range(5)}
        assert {record.id for record in crm.pull()} == made
        crm.later(hours=2)
        crm.cursors.clear()
        crm.pull()
        assert len(crm.faults.strikes) == 1


@pytest.mark.parametrize("outcome", ["failed", "stuck"])
def test_a_job_that_fails_or_never_ends_is_replaced_by_rest(outcome: str) -> None:
    with place(bulk_query_from=1) as crm:
        crm.faults.add(job(outcome))
        made = {crm.lead(f"n{n}") for n in range(5)}
        assert {record.id for record in crm.pull()} == made
        assert len(crm.asked("/jobs/query/", "PATCH")) == (outcome == "stuck")


def test_a_field_taken_away_while_jobs_are_made_costs_that_field_only() -> None:
    with place(bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}", Email=f"n{n}@example.com") for n in range(5)}
        crm.connector.describe(["Lead"])
        crm.org.hide_field("Lead", "Email")
        seen = crm.pull()
        assert {record.id for record in seen} == made
        assert not any("Email" in record.fields for record in seen)


@pytest.mark.parametrize("route", ["/jobs/query$", r"/jobs/query/\w+$", "/results$", "/recordCount$"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.HTML_502),
        Fault(FaultKind.TRUNCATED),
        Fault(FaultKind.CUT_BEFORE),
        Fault(FaultKind.LOST_ANSWER),
        Fault(FaultKind.LIMIT, detail="concurrent"),
        Fault(FaultKind.EXPIRED_TOKEN),
        Fault(FaultKind.ANSWER, status=503),
    ],
    ids=lambda fault: str(fault.kind),
)
def test_trouble_on_the_way_of_a_job_loses_no_record(route: str, fault: Fault) -> None:
    with place(OrgConfig(bulk_page=10), bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(25)}
        crm.faults.add(Fault(fault.kind, route, calls=(1,), status=fault.status, detail=fault.detail))
        assert sorted(record.id for record in crm.pull()) == sorted(made)
        assert crm.faults.strikes


def test_an_outage_during_a_job_leaves_the_job_in_the_cursor() -> None:
    with place(bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(5)}
        crm.faults.add(Fault(FaultKind.HTML_502, r"/jobs/query/\w+$"))
        with pytest.raises(RetryLater):
            crm.pull()
        assert crm.cursors["Lead"]["job"]["id"].startswith("750")
        crm.faults.clear()
        crm.later(minutes=5)
        assert {record.id for record in crm.pull()} == made


def test_rows_told_and_rows_come_must_agree() -> None:
    with place(bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(5)}
        heading = b'"Id","SystemModstamp","IsDeleted","MasterRecordId","Company"\n'
        headers = (("Content-Type", "text/csv"), ("Sforce-NumberOfRecords", "5"), ("Sforce-Locator", "null"))
        crm.faults.add(Fault(FaultKind.ANSWER, "/results", status=200, body=heading, headers=headers))
        assert {record.id for record in crm.pull(fields=("Company",))} == made, "read by REST instead"


@pytest.mark.parametrize("status", [400, 404, 409])
@pytest.mark.parametrize("page", [1, 2])
def test_results_that_are_gone_when_they_are_asked_for_are_read_by_rest(status: int, page: int) -> None:
    """An admin deletes the job, or its seven days have passed, between two calls."""
    with place(OrgConfig(bulk_page=2), bulk_query_from=1) as crm:
        made = {crm.lead(f"n{n}") for n in range(5)}
        fault = refuse("NOT_FOUND", "The requested resource does not exist", route="/results", status=status)
        crm.faults.add(replace(fault, calls=(page,)))
        assert {record.id for record in crm.pull()} == made
        assert crm.cursors["Lead"]["until"] is None


def test_a_byte_order_mark_before_results_belongs_to_no_column() -> None:
    with place(bulk_query_from=1) as crm:
        lead = crm.lead("n")
        heading = '\ufeff"Id","SystemModstamp","IsDeleted","MasterRecordId","Company"\r\n'
        content = f'{heading}"{lead}","2024-04-01T12:00:00.000Z","false","","A\r\nB"\r\n'
        headers = (("Content-Type", "text/csv"), ("Sforce-NumberOfRecords", "1"), ("Sforce-Locator", "null"))
        crm.faults.add(Fault(FaultKind.ANSWER, "/results", status=200, body=content.encode(), headers=headers))
        (record,) = crm.pull(fields=("Company",))
        assert record.fields["Company"] == "A\r\nB"


def test_results_are_compressed_on_the_way() -> None:
    with place(bulk_query_from=1) as crm:
        crm.lead()
        seen: list[str] = []
        crm.client._http.event_hooks["response"].append(lambda answer: seen.append(answer.headers.get("Content-Encoding", "")))
        crm.pull()
        assert "gzip" in seen


def test_memory_stays_small_however_many_rows_a_job_gives() -> None:
    def lines(count: int) -> Iterator[str]:
        yield '"Id","Text"\n'
        for n in range(count):
            yield f'"{n}","{"x" * 2000}\n'
            yield 'second line"\n'

    tracemalloc.start()
    try:
        assert sum(1 for _ in rows_of(lines(20_000), {"Id": "id", "Text": "textarea"})) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20, "40 MB went by"
    finally:
        tracemalloc.stop()


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells), max_size=8))
def test_any_text_survives_the_way_through_csv(pairs: list[tuple[str, str]]) -> None:
    written = '"B","A"\n' + "".join('"' + b.replace('"', '""') + '","' + a.replace('"', '""') + '"\n' for a, b in pairs)
    read = rows_of(io.TextIOWrapper(io.BytesIO(written.encode()), encoding="utf-8", newline=""), {"A": "string", "B": "string"})
    assert list(read) == [{"A": a or None, "B": b or None} for a, b in pairs]


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("datetime", "2024-04-01T12:00:00.000Z", "2024-04-01T12:00:00.000+0000"),
        ("date", "2024-04-01", "2024-04-01"),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("int", "12", 12),
        ("currency", "12.0", 12.0),
        ("string", "12", "12"),
        ("boolean", "", None),
        ("multipicklist", "a;b;c", "a;b;c"),
    ],
)
def test_a_cell_becomes_what_rest_would_give(kind: str, cell: str, value: object) -> None:
    (row,) = rows_of(['"x"\n', f'"{cell}"\n'], {"X": kind})
    assert row == {"X": value}
    assert type(row["X"]) is type(value)
