"""Things that a Salesforce says now and then and that our own sandbox does not: word by word, over scripted answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
from salesforce_script import API, DATA, DATE, VERSIONS, Org, Rows, change, ids, made, pull, push, refusal, rows

from crmsync.connect.contract import PullRequest, PushBatch
from crmsync.errors import CrmsyncError, RetryLater, StopConnector
from crmsync.model.changes import Change, FieldDiff
from crmsync_salesforce.rows import flat, named_in

STAMP = "2024-04-01T10:00:00.000+0000"
MAINTENANCE = "<html><body>We are down for maintenance.</body></html>"


@pytest.fixture
def org() -> Iterator[Org]:
    with respx.mock(assert_all_called=False) as router:
        yield Org(router)


# queries


def test_a_next_page_on_another_host_is_asked_for_where_we_are(org: Org) -> None:
    seen = org.queries(rows(1, done=False, next_url="https://na99.my.salesforce.com/services/data/v66.0/query/0r8xx-2000"), rows(2))
    assert ids(pull(made())) == [1, 2]
    assert seen[1] == "/services/data/v66.0/query/0r8xx-2000"


def test_ids_of_fifteen_characters_are_those_of_eighteen(org: Org) -> None:
    record = {
        "attributes": {},
        "Id": "00Q000000000001",
        "SystemModstamp": STAMP,
        "IsDeleted": True,
        "MasterRecordId": "00Q000000000002",
    }
    org.queries(httpx.Response(200, json={"totalSize": 1, "done": True, "records": [record]}, headers=DATE))
    (found,) = (one for page in pull(made()) for one in page.records)
    assert (found.id, found.replaced_by) == ("00Q000000000001EAA", "00Q000000000002EAA")


def test_parents_are_flattened_with_and_without_attributes_and_where_they_are_null() -> None:
    paths = ("Owner.Type", "Campaign.Name")
    row = {"Id": "x", "Owner": {"Type": "Queue"}, "Campaign": {"attributes": {"type": "Campaign"}, "Name": None}}
    assert flat(row, paths) == {"Id": "x", "Owner.Type": "Queue", "Campaign.Name": None}
    assert flat({"Id": "x", "Owner": None}, paths) == {"Id": "x", "Owner.Type": None, "Campaign.Name": None}


def test_compressed_answers_are_read(org: Org) -> None:
    body = gzip.compress(json.dumps({"totalSize": 0, "done": True, "records": []}).encode())
    org.queries(httpx.Response(200, content=body, headers={**DATE, "Content-Encoding": "gzip", "Content-Type": "application/json"}))
    assert ids(pull(made())) == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={}, headers=DATE),
        httpx.Response(200, json=[], headers=DATE),
        httpx.Response(204, headers=DATE),
        httpx.Response(200, text=MAINTENANCE, headers={**DATE, "Content-Type": "text/html"}),
        httpx.Response(503, text=MAINTENANCE, headers={**DATE, "Content-Type": "text/html"}),
        httpx.Response(404, text=MAINTENANCE, headers={**DATE, "Content-Type": "text/html"}),
    ],
    ids=["no records", "a list", "nothing", "a page for people", "the same with its status", "the same as not found"],
)
def test_what_is_no_answer_never_passes_for_an_empty_one(org: Org, answer: httpx.Response) -> None:
    org.queries(answer)
    crm = made()
    with pytest.raises(CrmsyncError):
        pull(crm)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text=MAINTENANCE, headers={**DATE, "Content-Type": "text/html"}),
        httpx.Response(200, headers=DATE),
        httpx.Response(200, json={}, headers=DATE),
        httpx.Response(200, json={"name": "Lead", "fields": []}, headers=DATE),
        httpx.Response(200, json=[], headers=DATE),
    ],
    ids=["a page for people", "nothing", "no object", "no fields", "a list"],
)
def test_an_answer_that_describes_nothing_takes_no_field_away_and_is_asked_for_later(org: Org, answer: httpx.Response) -> None:
    crm = made()
    before = crm.describe(["Lead"])
    org.router.get(f"{DATA}/sobjects/Lead/describe").mock(return_value=answer)
    with pytest.raises(RetryLater):
        crm.describe(["Lead"])
    org.describe("Lead", "Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "Email", "Rating", "Company")
    assert crm.describe(["Lead"]) == before


@pytest.mark.parametrize("answer", [httpx.Response(200, text=MAINTENANCE, headers=DATE), httpx.Response(200, headers=DATE)])
def test_limits_that_are_no_limits_break_nothing(org: Org, answer: httpx.Response) -> None:
    org.router.get(f"{DATA}/limits/").mock(side_effect=[answer, httpx.Response(200, json={}, headers=DATE)])
    org.queries(rows(1))
    assert ids(pull(made())) == [1]


def test_more_to_come_and_nowhere_to_ask_for_it_is_not_the_end(org: Org) -> None:
    seen = org.queries(rows(1, 2, done=False), rows(3))
    pages = made().pull(PullRequest("Lead", ("Email",), None))
    first = next(pages)
    assert ids([first]) == [1, 2]
    with pytest.raises(RetryLater):
        next(pages)
    assert ids(pull(made(), first.cursor)) == [3]
    assert "Id > '00Q000000000002AAA'" in seen[-1]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No such column 'ns__Grade__c' on sobject of type Lead", {"ns__Grade__c"}),
        (
            "\nSELECT Id, Campaign.Type\n ^\nERROR at Row:1:Column:20\nNo such relation 'Campaign' on entity 'Lead'.",
            {"Campaign.Type"},
        ),
        ("Didn't understand relationship 'Deal__r' in field path.", {"Deal__r.Name"}),
    ],
)
def test_refusals_name_fields_of_packages_and_parents(message: str, expected: set[str]) -> None:
    assert named_in(message, ("Id", "ns__Grade__c", "Campaign.Type", "Deal__r.Name")) == expected


def test_an_object_that_is_hidden_on_the_way_costs_its_own_stream_and_goes_on_where_it_stopped(org: Org) -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        org.router.get(f"{DATA}/sobjects/Lead/describe").mock(return_value=refusal("NOT_FOUND", "no such resource", 404))
        return refusal("INVALID_TYPE", "sObject type 'Lead' is not supported.")

    org.queries(rows(1, done=False, next_url="/services/data/v66.0/query/a-1"), gone, rows(2))
    crm = made()
    pages = pull(crm)
    assert ids(pages) == [1]
    assert [notice.code for page in pages for notice in page.notices] == ["connect.unread"]
    org.describe("Lead", "Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "Email")
    again = made()
    assert ids(pull(again, pages[-1].cursor)) == [2]
    assert [notice for page in pull(again, pages[-1].cursor) for notice in page.notices] == []


# bulk jobs


def bulk(org: Org, *, state: str = "JobComplete", count: Any = 1, **results: Any) -> None:
    """A job that ends in this state, with these results; queries by REST find lead 7."""
    org.router.post(f"{DATA}/jobs/query").respond(json={"id": "750", "state": "UploadComplete"})
    org.router.get(f"{DATA}/jobs/query/750").respond(json={"state": state, "numberRecordsProcessed": count}, headers=DATE)
    org.router.get(url__regex=rf"{DATA}/jobs/query/750/results.*").respond(**results)
    org.router.get(f"{DATA}/limits/recordCount").respond(json={"sObjects": [{"name": "Lead", "count": 50_000}]})
    org.queries(rows(7))


HEADING = "Id,SystemModstamp,IsDeleted,MasterRecordId,Email\n"
ROW = '"00Q000000000001AAA","2024-04-01T10:00:00.000Z","false","","a"\n'


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (HEADING + ROW, {"Sforce-NumberOfRecords": "1", "Sforce-Locator": "null"}, [1]),
        (HEADING + ROW, {}, [1]),
        (HEADING, {"Sforce-NumberOfRecords": "0", "Sforce-Locator": "null"}, []),
        (HEADING.lower() + ROW, {"Sforce-Locator": "null"}, [1]),
        ("", {"Sforce-Locator": "null"}, [7]),
        (MAINTENANCE, {"Sforce-Locator": "null"}, [7]),
        ("Id,Email\n" + ROW, {"Sforce-Locator": "null"}, [7]),
        (HEADING + ROW, {"Sforce-NumberOfRecords": "2", "Sforce-Locator": "null"}, [7]),
        (HEADING + ROW[:30], {"Sforce-Locator": "null"}, [7]),
    ],
    ids=["plain", "no headers", "a heading alone", "another case", "empty", "a page", "columns lost", "a row lost", "cut off"],
)
def test_results_of_any_make_are_whole_or_read_by_rest(
    org: Org, content: str, headers: dict[str, str], expected: list[int]
) -> None:
    bulk(org, text=content, headers={**DATE, **headers})
    assert ids(pull(made())) == expected


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_ends_otherwise_is_read_by_rest(org: Org, state: str) -> None:
    bulk(org, state=state, count=None, text="")
    assert ids(pull(made())) == [7]


# limits and versions


@pytest.mark.parametrize(
    "header",
    ["api-usage=18/5000; api-bursts=1/750", "api-usage=18/5000; per-app-api-usage=17/250(appName=x)", "api-usage", "", "18/5000"],
)
def test_no_form_of_the_limit_header_stops_a_run(org: Org, header: str) -> None:
    org.queries(
        httpx.Response(200, json={"totalSize": 0, "done": True, "records": []}, headers={**DATE, "Sforce-Limit-Info": header})
    )
    assert ids(pull(made())) == []


@pytest.mark.parametrize(
    "answer", [refusal("FORBIDDEN", status=403), refusal("NOT_FOUND", status=404), httpx.Response(200, json={})]
)
def test_an_org_that_does_not_tell_its_limits_is_read_all_the_same(org: Org, answer: httpx.Response) -> None:
    org.router.get(f"{DATA}/limits/").mock(return_value=answer)
    org.router.get(f"{DATA}/limits/recordCount").mock(return_value=answer)
    org.queries(rows(1))
    assert ids(pull(made())) == [1]


def test_a_version_that_is_not_offered_names_what_is(org: Org) -> None:
    org.router.get(f"{API}/services/data").respond(json=[{"version": "65.0"}, {"version": "67.0"}], headers=DATE)
    with pytest.raises(StopConnector, match="version_missing") as stopped:
        pull(made())
    assert str(stopped.value.params["offered"]) == "65.0, 67.0"


@pytest.mark.parametrize("listed", [[], {}, {"error": "x"}, [{"label": "?"}], None])
def test_a_list_that_names_no_version_does_not_say_that_ours_is_gone(org: Org, listed: Any) -> None:
    org.router.get(f"{API}/services/data").respond(json=listed, headers=DATE)
    org.queries(rows(1))
    assert ids(pull(made())) == [1]


@pytest.mark.parametrize("status", [403, 404])
def test_an_org_that_lists_no_versions_to_us_is_read_all_the_same(org: Org, status: int) -> None:
    org.router.get(f"{API}/services/data").mock(return_value=httpx.Response(status, headers=DATE))
    org.queries(rows(1))
    assert ids(pull(made())) == [1]


def test_a_version_between_others_is_taken(org: Org) -> None:
    org.router.get(f"{API}/services/data").respond(json=[{"version": "65.0"}, *VERSIONS, {"version": "67.0"}], headers=DATE)
    org.queries(rows(1))
    assert ids(pull(made())) == [1]


# writing


def test_errors_of_rows_are_read_in_either_spelling_and_with_holes(org: Org) -> None:
    held = Rows(org, 3)
    shapes: list[Any] = [
        {"success": False, "errors": [{"errorCode": "STRING_TOO_LONG", "message": None, "fields": None}]},
        {"success": False, "errors": []},
        {
            "success": False,
            "errors": [{"statusCode": "DUPLICATES_DETECTED", "message": "m", "duplicateResut": {"allowSave": False}}],
        },
    ]
    held.before = lambda _request: httpx.Response(200, json=shapes, headers=DATE)
    receipts = push(made(), *(change(n, Rating="Hot") for n in range(3)))
    assert [receipts[f"u{n}"].code for n in range(3)] == ["STRING_TOO_LONG", "UNKNOWN", "DUPLICATES_DETECTED"]
    assert {receipt.outcome for receipt in receipts.values()} == {"rejected"}


def test_an_id_in_capitals_of_another_length_is_still_our_record(org: Org) -> None:
    held = Rows(org, 1)
    key = next(iter(held.held))

    def short(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200,
            json=[{"id": record["id"][:15], "success": True, "errors": []} for record in json.loads(request.content)["records"]],
        )

    held.before = short
    assert push(made(), change(0, Rating="Hot"))["u0"].record_id == key


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_page_for_people_in_place_of_an_answer_to_a_create_is_never_sent_again(org: Org, status: int) -> None:
    route = org.router.post(f"{DATA}/composite/sobjects").respond(status, text=MAINTENANCE)
    new = Change("n0", "sf", "Lead", "create", (FieldDiff("Company", None, None, "A"),), "p", key_value="n0")
    (receipt,) = made().push(PushBatch("Lead", (new,)))
    assert (receipt.outcome, route.call_count) == ("unknown", 1)


def test_blank_and_null_are_one_and_are_not_written(org: Org) -> None:
    held = Rows(org, 1)
    held.held[next(iter(held.held))]["Rating"] = None
    assert push(made(), change(0, Rating=""))["u0"].outcome == "unchanged"
    assert held.batches == []


# signing in


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text=MAINTENANCE),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"instance_url": "x"}),
        httpx.Response(400, json={"error": "unknown_error", "error_description": "retry your request"}),
    ],
    ids=["a page for people", "a list", "no token", "a trouble of its own"],
)
def test_a_token_answer_without_a_token_is_tried_later(org: Org, answer: httpx.Response) -> None:
    org.token.mock(return_value=answer)
    org.queries(rows(1))
    with pytest.raises(RetryLater):
        pull(made())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant"}),
        (400, {"error": "invalid_client", "error_description": "app must be installed into org"}),
        (401, {"error": "invalid_client_id", "error_description": "client identifier invalid"}),
        (403, MAINTENANCE),
    ],
)
def test_a_refused_sign_in_is_asked_for_once(org: Org, status: int, body: Any) -> None:
    org.token.mock(return_value=httpx.Response(status, text=body) if isinstance(body, str) else httpx.Response(status, json=body))
    with pytest.raises(StopConnector):
        pull(made())
    assert org.token.call_count == 1
