"""The API's own manners: doors, headers, pages, limits, conditions, and what goes wrong on request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce import mishaps
from crmsync.sandbox.salesforce.config import Credentials
from crmsync.sandbox.salesforce.org import OrgConfig

DATA = "/services/data/v66.0"
LEAD = {"attributes": {"type": "Lead"}, "LastName": "A", "Company": "B"}


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def ask(client: httpx.Client, soql: str, **headers: str) -> httpx.Response:
    return client.get(f"{DATA}/query", params={"q": soql}, headers=headers)


def test_the_token_endpoint_answers_as_documented(place: Any) -> None:
    token = place.token()
    assert token["access_token"].startswith("00D")
    assert "!" in token["access_token"]
    assert token["instance_url"] == place.url
    assert token["id"].endswith(f"/id/{place.org.id}/{place.org.integration_id}")
    assert token["issued_at"] == "1775001600000"
    assert "expires_in" not in token
    assert "refresh_token" not in token


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"grant_type": "device"}, "unsupported_grant_type"),
        ({"client_id": "nobody"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "dead"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}, "invalid_grant"),
    ],
)
def test_a_bad_login_is_a_400_with_its_reason(place: Any, form: dict[str, str], expected: str) -> None:
    assert place.token(**form)["error"] == expected


def test_a_rotated_refresh_token_works_once(place_of: Any) -> None:
    place = place_of(OrgConfig(rotates_refresh_tokens=True))
    first = place.token(grant_type="refresh_token", refresh_token=Credentials().refresh_token)
    assert first["refresh_token"] != Credentials().refresh_token
    assert place.token(grant_type="refresh_token", refresh_token=Credentials().refresh_token)["error"] == "invalid_grant"
    assert place.token(grant_type="refresh_token", refresh_token=first["refresh_token"])["token_type"] == "Bearer"


def test_a_session_slides_while_it_is_used_and_ends_when_it_is_not(place: Any) -> None:
    client = place.http()
    for _ in range(3):
        place.org.clock.advance(timedelta(minutes=100))
        assert client.get(f"{DATA}/limits").status_code == 200
    place.org.clock.advance(timedelta(minutes=120))
    assert error(client.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")


def test_versions_are_free_and_everything_else_is_counted(place: Any) -> None:
    versions = httpx.get(f"{place.url}/services/data", trust_env=False)
    assert versions.json()[0] == {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}
    assert {entry["version"]: entry["label"] for entry in versions.json()}["66.0"] == "Spring '26"
    assert "sforce-limit-info" not in versions.headers
    client = place.http()
    assert client.get(f"{DATA}/limits").headers["sforce-limit-info"] == "api-usage=1/100000"
    assert client.get("/services/data/v21.0/limits").status_code == 410
    assert client.get("/services/data/v99.0/limits").status_code == 404


def test_answers_bear_the_vendors_headers_and_virtual_time(place_of: Any) -> None:
    client = place_of(OrgConfig(shows_api_bursts=True)).http()
    answer = client.get(f"{DATA}/sobjects/Lead/")
    assert answer.headers["date"] == "Wed, 01 Apr 2026 00:00:00 GMT"
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["sforce-limit-info"] == "api-usage=1/100000; api-bursts=1/750"
    assert len(answer.headers["x-sfdc-request-id"]) == 18


def test_a_spent_day_is_refused_until_it_is_over(place_of: Any) -> None:
    place = place_of(OrgConfig(daily_api_requests=2, token_lifetime=timedelta(days=3)))
    client = place.http()
    assert [client.get(f"{DATA}/limits").status_code for _ in range(3)] == [200, 200, 403]
    assert error(client.get(f"{DATA}/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")
    place.org.clock.advance(timedelta(hours=24, minutes=1))
    assert client.get(f"{DATA}/limits").status_code == 200


def test_pages_may_be_smaller_than_asked_and_a_repeated_question_is_ignored(place_of: Any) -> None:
    place = place_of(OrgConfig(largest_page=3))
    for number in range(8):
        place.org.insert("Lead", {"LastName": f"L{number}", "Company": "C"})
    client = place.http()
    page, sizes = ask(client, "SELECT Id FROM Lead", **{"Sforce-Query-Options": "batchSize=500"}).json(), []
    while True:
        sizes.append(len(page["records"]))
        if page["done"]:
            break
        page = client.get(page["nextRecordsUrl"], params={"q": "SELECT Id FROM Task"}).json()
    assert sizes == [3, 3, 2]
    assert page["totalSize"] == 8


def test_a_locator_lives_two_days(place_of: Any) -> None:
    place = place_of(OrgConfig(largest_page=1, token_lifetime=timedelta(days=9)))
    for number in range(2):
        place.org.insert("Lead", {"LastName": f"L{number}", "Company": "C"})
    client = place.http()
    following = ask(client, "SELECT Id FROM Lead").json()["nextRecordsUrl"]
    place.org.clock.advance(timedelta(days=2))
    assert error(client.get(following)) == (400, "INVALID_QUERY_LOCATOR")
    assert error(client.get(f"{DATA}/query/00Q5g0000000001")) == (400, "INVALID_QUERY_LOCATOR")


def test_too_long_an_address_gets_a_page_of_html(place: Any) -> None:
    answer = ask(place.http(), f"SELECT Id FROM Lead WHERE City = '{'x' * 16_400}'")
    assert answer.status_code == 431
    assert answer.text.startswith("<html>")


def test_a_describe_that_has_not_changed_is_304_without_a_body(place: Any) -> None:
    client = place.http()
    first = client.get(f"{DATA}/sobjects/Lead/describe")
    again = client.get(f"{DATA}/sobjects/Lead/describe", headers={"If-Modified-Since": first.headers["last-modified"]})
    assert (again.status_code, again.content, "content-type" in again.headers) == (304, b"", False)
    place.org.clock.advance(timedelta(minutes=1))
    place.org.hide_field("Lead", "Title")
    changed = client.get(f"{DATA}/sobjects/Lead/describe", headers={"If-Modified-Since": first.headers["last-modified"]})
    assert "Title" not in [field["name"] for field in changed.json()["fields"]]


def test_a_write_on_condition_fails_when_somebody_was_faster(place: Any) -> None:
    client, made = place.http(), place.org.insert("Lead", {"LastName": "A", "Company": "C"})
    read = client.get(f"{DATA}/sobjects/Lead/{made}", params={"fields": "LastName,Status"})
    assert set(read.json()) == {"attributes", "Id", "LastName", "Status"}
    place.org.clock.advance(timedelta(seconds=5))
    place.org.update("Lead", made, {"City": "Osaka"})
    condition = {"If-Unmodified-Since": read.headers["last-modified"]}
    assert client.patch(f"{DATA}/sobjects/Lead/{made}", json={"City": "Kobe"}, headers=condition).status_code == 412


def test_the_assignment_rule_takes_the_owner_unless_told_not_to(place_of: Any) -> None:
    taken: list[str] = []
    place = place_of(OrgConfig(assignment_rule=lambda _object, _row: taken[0] if taken else None))
    client = place.http()
    made = place.org.insert("Lead", {"LastName": "A", "Company": "C"})
    taken.append(place.org.add_user("Rule Owner", "rule@example.jp"))
    wanted = place.org.add_user("Sato Hanako", "hanako@example.jp")
    client.patch(f"{DATA}/sobjects/Lead/{made}", json={"OwnerId": wanted}, headers={"Sforce-Auto-Assign": "FALSE"})
    assert place.org.get("Lead", made)["OwnerId"] == wanted
    client.patch(f"{DATA}/sobjects/Lead/{made}", json={"City": "Kobe"})
    assert place.org.get("Lead", made)["OwnerId"] == taken[0]


@pytest.mark.parametrize(
    ("rule", "header", "status"), [("alert", "", 400), ("alert", "allowSave=true", 201), ("block", "allowSave=true", 400)]
)
def test_the_duplicate_rule_and_its_header(place_of: Any, rule: str, header: str, status: int) -> None:
    place = place_of(OrgConfig(duplicate_rule=rule))
    fields = {"LastName": "A", "Company": "C", "Email": "a@example.jp"}
    first = place.org.insert("Lead", fields)
    answer = place.http().post(f"{DATA}/sobjects/Lead", json=fields, headers={"Sforce-Duplicate-Rule-Header": header})
    assert answer.status_code == status
    if status == 400:
        result = answer.json()[0]["duplicateResult"]
        assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first


def test_a_composite_call_refers_back_and_can_be_undone(place: Any) -> None:
    client = place.http()
    make = {"method": "POST", "url": f"{DATA}/sobjects/Lead", "referenceId": "lead", "body": {"LastName": "A", "Company": "C"}}
    task = {
        "method": "POST",
        "url": f"{DATA}/sobjects/Task",
        "referenceId": "task",
        "body": {"WhoId": "@{lead.id}", "Subject": "Call"},
    }
    done = client.post(f"{DATA}/composite", json={"compositeRequest": [make, task]}).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in done] == [201, 201]
    [row] = place.org.rows("Task")
    assert row["WhoId"] == done[0]["body"]["id"]
    wrong = {**task, "body": {"WhoId": "@{nobody.id}"}}
    halted = client.post(f"{DATA}/composite", json={"allOrNone": True, "compositeRequest": [make, wrong]}).json()[
        "compositeResponse"
    ]
    assert [part["body"][0]["errorCode"] for part in halted] == ["PROCESSING_HALTED", "PROCESSING_HALTED"]
    assert len(list(place.org.rows("Lead"))) == 1
    graph = {"graphs": [{"graphId": "1", "compositeRequest": [make]}, {"graphId": "2", "compositeRequest": [make, wrong]}]}
    fates = client.post(f"{DATA}/composite/graph", json=graph).json()["graphs"]
    assert [fate["isSuccessful"] for fate in fates] == [True, False]
    assert len(list(place.org.rows("Lead"))) == 2


def test_a_batch_answers_each_and_counts_each(place: Any) -> None:
    client = place.http()
    parts = [{"method": "GET", "url": "v66.0/limits"}, {"method": "GET", "url": "v66.0/sobjects/Nothing"}]
    answer = client.post(f"{DATA}/composite/batch", json={"batchRequests": parts})
    assert answer.json()["hasErrors"] is True
    assert [result["statusCode"] for result in answer.json()["results"]] == [200, 404]
    assert answer.headers["sforce-limit-info"] == "api-usage=3/100000"


def test_too_many_records_are_refused_whole(place: Any) -> None:
    answer = place.http().post(f"{DATA}/composite/sobjects", json={"records": [LEAD] * 201})
    assert error(answer) == (400, "EXCEEDED_ID_LIMIT")
    assert list(place.org.rows("Lead")) == []


def test_a_locked_row_costs_its_neighbours_nothing(place_of: Any) -> None:
    client = place_of(None, mishaps.lock_row(1)).http()
    items = client.post(f"{DATA}/composite/sobjects", json={"records": [LEAD] * 3}).json()
    assert [item["success"] for item in items] == [True, False, True]
    assert items[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def test_a_lost_answer_was_still_a_write(place_of: Any) -> None:
    place = place_of(None, Fault(FaultKind.LOST_ANSWER, route="/composite/sobjects", calls=(1,)))
    client = place.http()
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{DATA}/composite/sobjects", json={"records": [LEAD]})
    assert len(list(place.org.rows("Lead"))) == 1


def test_refusals_come_in_the_vendors_words(place_of: Any) -> None:
    script = (
        Fault(FaultKind.LIMIT, "/limits", calls=(1,), detail="concurrent"),
        Fault(FaultKind.EXPIRED_TOKEN, "/limits", calls=(2,), detail="not_for_rest"),
        mishaps.refuse("QUERY_TIMEOUT", "Your query request was running for too long.", route="/query"),
    )
    client = place_of(None, *script).http()
    limited, expired = client.get(f"{DATA}/limits"), client.get(f"{DATA}/limits")
    assert "ConcurrentPerOrgLongTxn" in limited.json()[0]["message"]
    assert "not valid for use with the REST API" in expired.json()[0]["message"]
    assert error(ask(client, "SELECT Id FROM Lead")) == (400, "QUERY_TIMEOUT")


def test_a_bulk_job_may_be_stuck_or_fail(place_of: Any) -> None:
    client = place_of(None, mishaps.job("stuck", (1, 2)), mishaps.job("failed", (4,))).http()
    job = client.post(f"{DATA}/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Lead"}).json()
    states = [client.get(f"{DATA}/jobs/query/{job['id']}").json()["state"] for _ in range(4)]
    assert states == ["UploadComplete", "UploadComplete", "InProgress", "Failed"]
    assert client.delete(f"{DATA}/jobs/query/{job['id']}").status_code == 204
    assert client.get(f"{DATA}/jobs/query/{job['id']}").status_code == 404


def test_a_bulk_job_knows_its_version_and_its_limits(place: Any) -> None:
    client = place.http()
    job = client.post(f"{DATA}/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Lead"}).json()
    assert client.get(f"/services/data/v65.0/jobs/query/{job['id']}").status_code == 409
    statuses = client.post(f"{DATA}/jobs/query", json={"operation": "query", "query": "SELECT Id FROM LeadStatus"})
    assert error(statuses) == (400, "INVALIDENTITY")
    compound = client.post(f"{DATA}/jobs/query", json={"operation": "query", "query": "SELECT Address FROM Lead"})
    assert "compound data not supported" in compound.json()[0]["message"]


def test_wrong_line_endings_fail_the_whole_upload(place: Any) -> None:
    client = place.http()
    job = client.post(f"{DATA}/jobs/ingest", json={"object": "Lead", "operation": "insert", "lineEnding": "LF"}).json()
    upload = client.put(f"/{job['contentUrl']}", content=b"LastName,Company\r\nA,B\r\n", headers={"Content-Type": "text/csv"})
    assert (upload.status_code, upload.content) == (201, b"")
    client.patch(f"{DATA}/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    states = [client.get(f"{DATA}/jobs/ingest/{job['id']}").json() for _ in range(2)]
    assert states[-1]["state"] == "Failed"
    assert "LineEnding is invalid" in states[-1]["errorMessage"]


def test_who_am_i(place: Any) -> None:
    client = place.http()
    info = client.get("/services/oauth2/userinfo").json()
    assert info["organization_id"] == place.org.id
    me = client.get(f"/id/{place.org.id}/{info['user_id']}").json()
    assert me["username"] == Credentials().username
    counts = client.get(f"{DATA}/limits/recordCount", params={"sObjects": "Lead,User"}).json()
    assert counts == {"sObjects": [{"count": 0, "name": "Lead"}, {"count": 2, "name": "User"}]}


def test_the_side_channel_tells_what_was_asked(place: Any) -> None:
    client = place.http()
    client.post(f"{DATA}/sobjects/Lead", json={"LastName": "A", "Company": "C"})
    counters = client.get("/__sim/counters").json()
    assert (counters["writes"], counters["rows"]["Lead"]) == (1, 1)
    assert client.get("/__sim/rows/Lead").json()[0]["LastName"] == "A"
    assert client.get("/__sim/requests").json()[-1]["path"] == f"{DATA}/sobjects/Lead"
    assert client.post("/__sim/expire-tokens").status_code == 204
    assert error(client.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")
