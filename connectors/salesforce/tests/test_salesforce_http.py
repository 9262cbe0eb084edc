"""The connector against scripted answers: signing in, walking windows through trouble, writing rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
import respx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from salesforce_script import (
    CREDENTIALS,
    DATA,
    DATE,
    VERSIONS,
    Org,
    Rows,
    change,
    client,
    ids,
    made,
    pull,
    push,
    refusal,
    rows,
    settings,
)

from crmsync.connect.contract import UNREAD, Need, PullRequest, PushBatch
from crmsync.errors import RetryLater, StopConnector
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync_salesforce import connector as plugin


@pytest.fixture
def org() -> Iterator[Org]:
    with respx.mock(assert_all_called=False) as router:
        yield Org(router)


# signing in


def form(request: httpx.Request) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(request.content.decode()).items()}


def test_client_credentials_go_to_the_my_domain_and_calls_to_the_configured_host(org: Org) -> None:
    org.queries(rows(1))
    assert ids(pull(made())) == [1]
    assert form(org.token.calls.last.request) == {"grant_type": "client_credentials", **CREDENTIALS}


def test_without_a_configured_host_calls_go_where_the_token_says(org: Org) -> None:
    org.router.get("https://my.example/services/data").respond(json=VERSIONS, headers=DATE)
    org.router.post("https://my.example/services/oauth2/token").respond(
        json={"access_token": "t", "instance_url": "https://inst.example"}
    )
    limits = org.router.get("https://inst.example/services/data/v66.0/limits/").respond(json={})
    describe = org.router.get("https://inst.example/services/data/v66.0/sobjects/Lead/describe").respond(
        json={"name": "Lead", "fields": [{"name": "Id"}]}
    )
    crm = plugin.make(settings(urls={"login": "https://my.example"}), client())
    assert crm.describe(["Lead"])["Lead"].readable
    assert (limits.call_count, describe.call_count) == (1, 1)
    assert describe.calls.last.request.headers["Host"] == "inst.example"


def test_client_credentials_without_a_my_domain_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(StopConnector, match="option_wrong"):
        plugin.make(settings(urls={}), client())


def test_a_jwt_is_signed_for_the_vendors_audience_on_the_servers_clock(org: Org) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    org.queries(rows())
    secrets = {"client_id": "key", "username": "bot@example.com", "private_key": pem.replace("\n", "\\n")}
    pull_with = plugin.make(settings(secrets), client())
    list(pull_with.pull(PullRequest("Lead", (), None)))
    sent = form(org.token.calls.last.request)
    claims = jwt.decode(
        sent["assertion"], key.public_key(), ["RS256"], audience="https://login.salesforce.com", options={"verify_exp": False}
    )
    noon = int(datetime(2024, 4, 1, 12, tzinfo=UTC).timestamp())
    assert (claims["iss"], claims["sub"], claims["exp"]) == ("key", "bot@example.com", noon + 180)


def test_a_rotated_refresh_token_is_kept_before_the_access_token_is_used(org: Org, tmp_path: Path) -> None:
    file = tmp_path / "refresh"
    org.queries(rows())
    org.token.side_effect = [
        httpx.Response(200, json={"access_token": "a", "refresh_token": "second"}),
        httpx.Response(200, json={"access_token": "b", "refresh_token": "third"}),
    ]
    for _ in range(2):
        crm = plugin.make(settings({"client_id": "key", "refresh_token": "first"}, refresh_token_file=str(file)), client())
        list(crm.pull(PullRequest("Lead", (), None)))
    assert [form(call.request)["refresh_token"] for call in org.token.calls] == ["first", "second"]
    assert '"refresh_token":"third"' in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_an_expired_session_costs_one_new_token_and_no_row(org: Org) -> None:
    org.token.side_effect = [httpx.Response(200, json={"access_token": name}) for name in ("a", "b")]
    seen = org.queries(refusal("INVALID_SESSION_ID", "Session expired or invalid", 401), rows(1))
    assert ids(pull(made())) == [1]
    assert (len(seen), org.token.call_count) == (2, 2)


def test_a_session_that_no_token_cures_is_not_asked_for_again(org: Org) -> None:
    org.queries(refusal("INVALID_SESSION_ID", "This session is not valid for use with the REST API", 401))
    with pytest.raises(StopConnector, match=r"connect\.stop"):
        pull(made())
    assert org.token.call_count == 1


def test_a_version_that_the_org_does_not_speak_is_told_at_the_start(org: Org) -> None:
    with pytest.raises(StopConnector, match="version_missing"):
        pull(made(api_version="12.0"))


def test_options_that_cannot_be_are_refused() -> None:
    for options in ({"lag_seconds": -1}, {"overlap_seconds": "x"}, {"bulk_query_from": -1}, {"auth": "password"}):
        with pytest.raises(StopConnector, match="option_wrong"):
            made(**options)


# walking a window


def test_a_window_is_walked_by_locator_and_each_page_can_be_the_last_one_stored(org: Org) -> None:
    more = "/services/data/v66.0/query/0r8-2000"
    seen = org.queries(rows(1, 2, done=False, next_url=more), rows(3, done=False, next_url=more + "0"), rows(4))
    pages = pull(made())
    assert ids(pages) == [1, 2, 3, 4]
    windows = [{name: value for name, value in page.cursor.items() if name != "kept"} for page in pages]
    assert windows[0] == {
        "since": None,
        "until": "2024-04-01T11:54:58.000Z",
        "after": ["2024-04-01T10:00:00.000Z", "00Q000000000002AAA"],
    }
    assert windows[-1] == {"since": "2024-04-01T11:54:58.000Z", "until": None, "after": None}
    assert seen[1].endswith("/query/0r8-2000")


def test_a_short_page_is_not_the_end(org: Org) -> None:
    org.queries(
        rows(1, done=False, next_url="/services/data/v66.0/query/a-1"),
        rows(done=False, next_url="/services/data/v66.0/query/a-2"),
        rows(2),
    )
    assert ids(pull(made())) == [1, 2]


def test_a_locator_that_repeats_itself_stops_the_walk(org: Org) -> None:
    org.queries(rows(1, done=False, next_url="/services/data/v66.0/query/a-1"))
    with pytest.raises(StopConnector, match="paging_loop"):
        pull(made())


def test_a_dead_locator_goes_on_after_the_last_row(org: Org) -> None:
    seen = org.queries(rows(1, 2, done=False, next_url="/services/data/v66.0/query/a-2"), refusal("INVALID_QUERY_LOCATOR"), rows(3))
    assert ids(pull(made())) == [1, 2, 3]
    assert "Id > '00Q000000000002AAA'" in seen[2]


def test_a_locator_that_always_dies_ends_in_an_error(org: Org) -> None:
    org.queries(refusal("INVALID_QUERY_LOCATOR"))
    with pytest.raises(StopConnector, match="INVALID_QUERY_LOCATOR"):
        pull(made())


def test_a_query_that_was_too_much_is_asked_in_small_pages(org: Org) -> None:
    def limited(request: httpx.Request) -> httpx.Response:
        assert request.url.params["q"].endswith("LIMIT 500")
        return rows(*range(500)) if "Id >" not in request.url.params["q"] else rows(500)

    org.queries(refusal("QUERY_TIMEOUT"), limited)
    assert ids(pull(made())) == list(range(501))


def test_a_field_that_vanishes_costs_that_field_and_nothing_else(org: Org) -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        org.describe("Lead", "Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "Rating")
        return refusal("INVALID_FIELD", "No such column 'Email' on entity 'Lead'.")

    seen = org.queries(rows(1, done=False, next_url="/services/data/v66.0/query/a-1", Email="x"), gone, rows(2))
    pages = pull(made(), None, "Email", "Rating")
    assert ids(pages) == [1, 2]
    assert "Email" in seen[0]
    assert "Email" not in seen[2]
    assert "Rating" in seen[2]


def test_a_field_that_describe_still_shows_is_left_out_by_the_refusals_word(org: Org) -> None:
    seen = org.queries(refusal("INVALID_FIELD", "No such column 'Email' on entity 'Lead'."), rows(1))
    assert ids(pull(made(), None, "Email", "Rating")) == [1]
    assert "Email" not in seen[1]


def test_too_many_fields_for_one_url_travel_in_chunks_and_are_joined(org: Org) -> None:
    wide = [f"Field_{'x' * 30}_{n}__c" for n in range(600)]
    org.describe("Lead", "Id", "SystemModstamp", *wide)

    def answer(request: httpx.Request) -> httpx.Response:
        assert len(bytes(request.url.raw_path)) < 16_384 - 2_000
        asked = request.url.params["q"].split(" FROM ")[0].removeprefix("SELECT ").split(", ")[2:]
        columns: Any = {name: name for name in asked}
        return rows(1, 2, **columns)

    org.queries(answer)
    pages = pull(made(), None, *wide)
    assert ids(pages) == [1, 2]
    assert all(set(wide) <= set(record.fields) for page in pages for record in page.records)


def test_a_row_that_changed_between_two_chunks_waits_for_the_next_window(org: Org) -> None:
    wide = [f"Field_{'x' * 30}_{n}__c" for n in range(300)]
    org.describe("Lead", "Id", "SystemModstamp", *wide)
    org.queries(rows(1, 2), rows(2))
    assert ids(pull(made(), None, *wide)) == [2]


@pytest.mark.parametrize("status", [414, 431])
def test_a_url_that_is_still_too_long_is_halved(org: Org, status: int) -> None:
    names = [f"Field_{n}__c" for n in range(200)]
    org.describe("Lead", "Id", "SystemModstamp", *names)

    def answer(request: httpx.Request) -> httpx.Response:
        if len(bytes(request.url.raw_path)) > 2_500:
            return httpx.Response(status, text="<html>too long</html>")
        return rows(1)

    org.queries(answer)
    assert ids(pull(made(), None, *names)) == [1]


def test_a_hidden_object_is_unreadable_with_the_reason_and_pulls_nothing(org: Org) -> None:
    org.router.get(f"{DATA}/sobjects/Event/describe").mock(return_value=refusal("NOT_FOUND", "It does not exist", 404))
    crm = made()
    schema = crm.describe(["Event"])["Event"]
    assert not schema.readable
    assert "NOT_FOUND" in schema.why_not
    (page,) = pull(crm, {"since": "x"}, object="Event")
    assert (page.records, page.cursor) == ((), {"since": "x"})
    assert [(notice.code, notice.stands) for notice in page.notices] == [(UNREAD, True)]


def test_reading_stops_below_the_reserve_and_writing_goes_on(org: Org) -> None:
    nearly_spent = {"Sforce-Limit-Info": "api-usage=14000/15000; api-bursts=1/750"}
    org.queries(lambda request: httpx.Response(200, json={"done": True, "records": []}, headers=nearly_spent))
    crm = made(lag_seconds=0)
    pull(crm)
    with pytest.raises(StopConnector, match="reserve_reached"):
        pull(crm)
    assert crm.read("Lead", ["00Q1"], []) == {}


def test_reading_goes_on_as_soon_as_the_org_has_calls_again(org: Org) -> None:
    spent, fresh = ({"Sforce-Limit-Info": f"api-usage={n}/15000"} for n in (14_000, 100))
    org.queries(lambda request: httpx.Response(200, json={"done": True, "records": []}, headers=spent))
    crm = made(lag_seconds=0)
    pull(crm)
    org.router.get(f"{DATA}/limits/").respond(json={}, headers=fresh)
    assert len(pull(crm)) == 1


def test_paths_over_a_relationship_are_offered_when_both_ends_are_described(org: Org) -> None:
    described = {
        "name": "CampaignMember",
        "fields": [{"name": "Id"}, {"name": "CampaignId", "relationshipName": "Campaign", "referenceTo": ["Campaign"]}],
    }
    org.router.get(f"{DATA}/sobjects/CampaignMember/describe").respond(json=described)
    org.describe("Campaign", "Id", "Type")
    schemas = made().describe(["CampaignMember", "Campaign"])
    assert not schemas["CampaignMember"].fields["Campaign.Type"].writable


# writing


def test_a_batch_is_compared_written_and_confirmed(org: Org) -> None:
    held = Rows(org, 3)
    receipts = push(made(), *(change(n, Rating="Hot") for n in range(3)))
    assert {receipt.outcome for receipt in receipts.values()} == {"written"}
    assert receipts["u0"].modified_at == datetime(2024, 4, 1, 12, tzinfo=UTC)
    assert held.headers[0]["Sforce-Auto-Assign"] == "FALSE"
    assert held.headers[0]["Sforce-Duplicate-Rule-Header"].startswith("allowSave=true")


def test_each_row_has_its_own_outcome(org: Org) -> None:
    held = Rows(org, 5)
    held.errors = {1: ["FIELD_CUSTOM_VALIDATION_EXCEPTION"], 2: ["CANNOT_UPDATE_CONVERTED_LEAD"], 3: ["INACTIVE_OWNER_OR_USER"]}
    held.held["00Q000000000004AAA"]["Rating"] = "Hot"
    receipts = push(made(), *(change(n, Rating="Hot") for n in range(6)))
    assert [receipts[f"u{n}"].outcome for n in range(6)] == ["written", "rejected", "conflict", "rejected", "unchanged", "rejected"]
    assert receipts["u1"].code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert receipts["u3"].details == {"class": "owner", "fields": ["Rating"]}
    assert receipts["u5"].code == "NOT_FOUND"


def test_rows_that_meet_a_lock_go_again_in_smaller_batches(org: Org) -> None:
    held = Rows(org, 60)
    held.errors = {n: ["UNABLE_TO_LOCK_ROW"] for n in range(60)} | {7: ["UNABLE_TO_LOCK_ROW"] * 9}
    receipts = push(made(), *(change(n, Rating="Hot") for n in range(60)))
    assert held.batches == [60, 50, 10, 1]
    assert receipts.pop("u7").outcome == "retry"
    assert {receipt.outcome for receipt in receipts.values()} == {"written"}


def test_an_edit_since_we_decided_is_not_overwritten(org: Org) -> None:
    held = Rows(org, 1)
    receipts = push(made(), change(0, at=datetime(2024, 4, 1, 9, tzinfo=UTC), Rating="Hot"))
    assert receipts["u0"].outcome == "conflict"
    assert held.batches == []


def test_a_lost_answer_to_an_update_is_sent_again(org: Org) -> None:
    held = Rows(org, 1)
    lost = [httpx.ReadTimeout("lost")]

    def lose(request: httpx.Request) -> httpx.Response | None:
        if lost:
            held.row(json.loads(request.content)["records"][0])
            raise lost.pop()
        return None

    held.before = lose
    assert push(made(), change(0, Rating="Hot"))["u0"].outcome == "written"
    assert held.headers[0] == held.headers[1]


def test_an_outage_leaves_every_row_for_later(org: Org) -> None:
    held = Rows(org, 2)
    held.before = lambda _request: httpx.Response(503, text="<html>")
    assert {receipt.outcome for receipt in push(made(), change(0, Rating="Hot"), change(1, Rating="Hot")).values()} == {"retry"}


def test_a_refusal_of_the_whole_for_one_rows_sake_is_narrowed_down(org: Org) -> None:
    held = Rows(org, 8)
    held.before = lambda request: refusal("JSON_PARSER_ERROR", "bad") if b"000000005" in request.content else None
    receipts = push(made(), *(change(n, Rating="Hot") for n in range(8)))
    assert receipts.pop("u5").outcome == "rejected"
    assert {receipt.outcome for receipt in receipts.values()} == {"written"}


def test_a_refusal_of_the_whole_for_one_fields_sake_costs_the_rows_that_carry_it(org: Org) -> None:
    held = Rows(org, 8)
    words = "No such column 'Company' on sobject of type Lead"
    held.before = lambda request: refusal("INVALID_FIELD", words) if b'"Company"' in request.content else None
    wanted = [change(n, Rating="Hot", Company="B") if n == 5 else change(n, Rating="Hot") for n in range(8)]
    receipts = push(made(), *wanted)
    assert (receipts["u5"].outcome, receipts.pop("u5").code) == ("rejected", "INVALID_FIELD")
    assert {receipt.outcome for receipt in receipts.values()} == {"written"}


def test_what_the_orgs_automation_put_back_is_told(org: Org) -> None:
    held = Rows(org, 1)
    held.before = lambda request: httpx.Response(200, json=[{"id": "00Q000000000000AAA", "success": True, "errors": []}])
    receipt = push(made(), change(0, Rating="Hot"))["u0"]
    assert (receipt.outcome, receipt.code, receipt.details["fields"]) == ("rejected", "unchanged_after_write", ["Rating"])


def test_a_connection_that_stops_answers_for_every_row_and_then_says_so(org: Org) -> None:
    held = Rows(org, 300)
    held.before = lambda _request: refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
    changes = tuple(change(n, Rating="Hot") for n in range(300))
    receipts: list[Receipt] = []
    with pytest.raises(StopConnector, match=r"connect\.quota"):
        receipts.extend(made().push(PushBatch("Lead", changes)))
    assert len(held.headers) == 1
    assert sorted(receipt.key for receipt in receipts) == sorted(change.key for change in changes)
    assert {receipt.outcome for receipt in receipts} == {"retry"}


def test_a_full_org_stops_the_batch_without_losing_a_receipt(org: Org) -> None:
    held = Rows(org, 300)
    held.errors = {0: ["STORAGE_LIMIT_EXCEEDED"]}
    receipts = push(made(), *(change(n, Rating="Hot") for n in range(300)))
    assert held.batches == [200]
    assert receipts["u0"].outcome == receipts["u299"].outcome == "retry"
    assert receipts["u1"].outcome == "written"


def test_an_upsert_that_raced_is_sent_again_and_finds_its_record(org: Org) -> None:
    org.describe("Task", "Id", "SystemModstamp", "Subject")
    org.queries(lambda request: httpx.Response(200, json={"done": True, "totalSize": 0, "records": []}))
    raced = [
        {"success": False, "created": False, "errors": [{"statusCode": "DUPLICATE_VALUE", "message": "duplicate value found"}]}
    ]
    fine = [{"id": "00T000000000001", "success": True, "created": False, "errors": []}]
    route = org.router.patch(f"{DATA}/composite/sobjects/Task/crmsync_key__c").mock(
        side_effect=[httpx.Response(200, json=raced), httpx.Response(200, json=fine)]
    )
    task = Change(
        "t", "sf", "Task", "upsert", (FieldDiff("Subject", None, None, "s"),), "p", key_field="crmsync_key__c", key_value="k"
    )
    (receipt,) = made().push(PushBatch("Task", (task,)))
    assert (receipt.outcome, receipt.record_id) == ("written", "00T000000000001EAA")
    assert route.call_count == 2


def test_a_change_that_names_no_record_is_rejected_unsent(org: Org) -> None:
    keyless = Change("t", "sf", "Lead", "upsert", (), "p")
    assert push(made(), keyless)["t"].code == "NO_KEY"


# provisioning


def test_an_org_without_permission_sets_to_ask_for_is_taken_at_describes_word(org: Org) -> None:
    org.router.get(f"{DATA}/").respond(json={"identity": "https://login.invalid/id/00D/005"})
    org.router.get(url__regex=rf"{DATA}/tooling/query.*").mock(return_value=refusal("INVALID_TYPE", "not supported"))
    org.queries(refusal("INVALID_TYPE", "sObject type 'PermissionSet' is not supported."))

    def create(request: httpx.Request) -> httpx.Response:
        org.describe("Lead", "Id", "Email", "crmsync_phase__c")
        return httpx.Response(201, json={"id": "1", "success": True})

    route = org.router.post(f"{DATA}/tooling/sobjects/CustomField").mock(side_effect=create)
    needs = [Need("Lead", "Email", "text", "Email"), Need("Lead", "crmsync_phase__c", "choice", "Phase", ("mql", "sql"))]
    crm = made()
    assert [step.state for step in crm.provision(needs, apply=False)] == ["present", "missing"]
    assert route.call_count == 0
    assert [step.state for step in crm.provision(needs, apply=True)] == ["present", "created"]
    sent = json.loads(route.calls.last.request.content)
    values = sent["Metadata"]["valueSet"]["valueSetDefinition"]["value"]
    assert (sent["FullName"], [value["fullName"] for value in values]) == ("Lead.crmsync_phase__c", ["mql", "sql"])


def test_an_outage_while_reading_is_for_later(org: Org) -> None:
    org.queries(httpx.Response(502, text="<html>"))
    with pytest.raises(RetryLater):
        pull(made())
