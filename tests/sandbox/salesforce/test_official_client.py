"""simple-salesforce, unmodified, does its whole day's work against the sandbox."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce import mishaps
from crmsync.sandbox.salesforce.config import Credentials
from crmsync.sandbox.salesforce.org import OrgConfig

KNOWN = Credentials()
PERSON = {"username": KNOWN.username, "password": KNOWN.password}


def seed(place: Any, count: int) -> None:
    for number in range(count):
        place.org.insert("Lead", {"LastName": f"L{number}", "Company": f"C{number}", "Email": f"l{number}@example.jp"})


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def test_every_way_in_that_it_has_leads_to_the_same_org(place: Any, private_key: str) -> None:
    seed(place, 1)
    ways = (
        {"username": KNOWN.username, "consumer_key": KNOWN.client_id, "privatekey": private_key, "domain": "login"},
        {**PERSON, "security_token": "Token1", "version": "59.0"},
        {**PERSON, "organizationId": place.org.id, "version": "59.0"},
        {**PERSON, "consumer_key": KNOWN.client_id, "consumer_secret": KNOWN.client_secret, "domain": "login"},
        {"session_id": place.token()["access_token"], "instance_url": place.url.replace("http:", "https:")},
    )
    for way in ways:
        assert place.official(**way).query("SELECT Id FROM Lead")["totalSize"] == 1


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ({**PERSON, "password": "other", "security_token": "", "version": "59.0"}, "INVALID_LOGIN"),
        ({**PERSON, "security_token": "", "version": "66.0"}, "UNSUPPORTED_API_VERSION"),
        ({"consumer_key": KNOWN.client_id, "consumer_secret": "other", "domain": "acme.my"}, "invalid_client"),
        ({"consumer_key": "other", "consumer_secret": KNOWN.client_secret, "domain": "acme.my"}, "invalid_client_id"),
        ({**PERSON, "password": "other", "consumer_key": KNOWN.client_id, "consumer_secret": KNOWN.client_secret}, "invalid_grant"),
    ],
)
def test_a_way_in_that_is_closed_is_named_by_the_client(place: Any, way: dict[str, str], code: str) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        place.official(**way)
    assert refused.value.code == code


def test_each_refusal_is_the_clients_own_type_with_the_orgs_own_code(place_of: Any) -> None:
    place = place_of(None, mishaps.refuse("SERVER_UNAVAILABLE", "busy", status=503, route="/recent$"))
    client = place.official()
    lead = place.org.insert("Lead", {"LastName": "A", "Company": "B"})
    refusals: list[tuple[Any, type[Exception], str]] = [
        (lambda: client.query("SELECT Id FORM Lead"), SalesforceMalformedRequest, "MALFORMED_QUERY"),
        (lambda: client.query("SELECT Nothing__c FROM Lead"), SalesforceMalformedRequest, "INVALID_FIELD"),
        (lambda: client.Lead.create({"LastName": "A"}), SalesforceMalformedRequest, "REQUIRED_FIELD_MISSING"),
        (lambda: client.Lead.get("00Q000000000000AAA"), SalesforceResourceNotFound, "NOT_FOUND"),
        (lambda: client.Nothing__c.describe(), SalesforceResourceNotFound, "NOT_FOUND"),
        (lambda: client.restful("recent"), SalesforceGeneralError, "SERVER_UNAVAILABLE"),
        (
            lambda: client.Lead.update(lead, {"City": "Kobe"}, headers={"If-Unmodified-Since": "Wed, 01 Jan 2025 00:00:00 GMT"}),
            SalesforceGeneralError,
            "PRECONDITION_FAILED",
        ),
    ]
    for work, kind, code in refusals:
        with pytest.raises(kind) as refused:
            work()
        assert code in str(refused.value.content)  # type: ignore[attr-defined]  # the client's own exceptions


def test_a_spent_day_is_a_refused_request(place_of: Any) -> None:
    client = place_of(None, Fault(FaultKind.LIMIT, route="/query", detail="daily")).official()
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        client.query("SELECT Id FROM Lead")


def test_a_session_of_its_own_that_ends_is_renewed_and_one_that_was_handed_to_it_is_not(place: Any) -> None:
    client = place.official()
    handed = place.official(session_id=place.token()["access_token"], instance_url=place.url.replace("http:", "https:"))
    place.app.service.tokens.expire_all()
    assert client.Lead.create({"LastName": "A", "Company": "B"})["success"] is True
    place.app.service.tokens.expire_all()
    with pytest.raises(SalesforceExpiredSession):
        handed.query("SELECT Id FROM Lead")


def test_it_logs_in_and_learns_its_allowance(place: Any) -> None:
    client = place.official()
    client.limits()
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    assert client.api_usage["api-usage"].total == 100_000
    assert client.sf_instance.split(":")[0] == "127.0.0.1"


def test_it_pages_through_more_than_two_pages(place: Any) -> None:
    seed(place, 5_003)
    client = place.official()
    first = client.query("SELECT Id FROM Lead")
    assert (first["totalSize"], first["done"], len(first["records"])) == (5_003, False, 2_000)
    assert "/query/0r8" in first["nextRecordsUrl"]
    assert first["nextRecordsUrl"].endswith("-2000")
    second = client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    third = client.query_more(second["nextRecordsUrl"], identifier_is_url=True)
    assert (len(second["records"]), len(third["records"]), third["done"]) == (2_000, 1_003, True)
    assert "nextRecordsUrl" not in third
    everyone = client.query_all("SELECT Id, Email FROM Lead ORDER BY Email")
    assert len({record["Id"] for record in everyone["records"]}) == 5_003
    client.Lead.delete(everyone["records"][0]["Id"])
    assert sum(1 for _ in client.query_all_iter("SELECT Id FROM Lead")) == 5_002
    assert sum(1 for _ in client.query_all_iter("SELECT Id FROM Lead", include_deleted=True)) == 5_003


def test_it_creates_reads_changes_and_deletes(place: Any) -> None:
    client = place.official()
    made = client.Lead.create({"LastName": "山田", "Company": "株式会社エー", "Title": "課長"})
    assert made["success"] is True
    assert made["errors"] == []
    row = client.Lead.get(made["id"])
    assert row["Name"] == "山田"
    assert row["attributes"] == {"type": "Lead", "url": f"/services/data/v66.0/sobjects/Lead/{made['id']}"}
    assert row["SystemModstamp"] == "2026-04-01T00:00:00.000+0000"
    assert client.Lead.update(made["id"], {"Status": "Working - Contacted"}) == 204
    assert place.org.get("Lead", made["id"])["Status"] == "Working - Contacted"
    assert client.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        client.Lead.get(made["id"])


def test_upsert_creates_then_changes_and_never_picks_one_of_several(place: Any) -> None:
    client = place.official()
    fields = {"Subject": "Call", "crmsync_due_at__c": "2026-04-02T09:00:00+09:00"}
    first = client.Task.upsert("crmsync_key__c/k-1", fields, raw_response=True)
    again = client.Task.upsert("crmsync_key__c/k-1", {"Subject": "Call again"}, raw_response=True)
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (again.status_code, again.json()["created"], again.json()["id"]) == (200, False, first.json()["id"])
    for number in range(2):
        place.org.insert("Contact", {"LastName": f"Same {number}", "Email": "same@example.jp"})
    with pytest.raises(SalesforceMoreThanOneRecord) as several:
        client.Contact.upsert("Email/same@example.jp", {"LastName": "Third"})
    assert len(several.value.content) == 2
    with pytest.raises(SalesforceResourceNotFound, match="Provided external ID field does not exist"):
        client.Task.upsert("No_Key__c/1", {"Subject": "x"})


def test_describe_tells_the_truth_about_lead(place: Any) -> None:
    fields = {field["name"]: field for field in place.official().Lead.describe()["fields"]}
    assert fields["Status"]["restrictedPicklist"] is False
    assert fields["Status"]["picklistValues"][0]["value"] == "Open - Not Contacted"
    assert fields["OwnerId"]["referenceTo"] == ["Group", "User"]
    assert fields["Email"]["idLookup"] is True
    assert fields["crmsync_phase__c"]["restrictedPicklist"] is True
    assert (fields["AnnualRevenue"]["precision"], fields["AnnualRevenue"]["scale"]) == (18, 0)


def test_an_org_without_our_fields_describes_none(place_of: Any) -> None:
    client = place_of(OrgConfig(provisioned=False)).official()
    assert not [field["name"] for field in client.Lead.describe()["fields"] if field["custom"]]
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'crmsync_phase__c'"):
        client.query("SELECT crmsync_phase__c FROM Lead")


def test_updated_and_deleted_tell_what_changed_in_a_span(place: Any) -> None:
    client = place.official()
    seed(place, 3)
    gone = place.org.insert("Lead", {"LastName": "Gone", "Company": "C"})
    place.org.clock.advance(timedelta(minutes=10))
    place.org.delete("Lead", gone)
    place.org.clock.advance(timedelta(minutes=10))
    start, end = place.org.clock.now() - timedelta(hours=1), place.org.clock.now()
    updated, deleted = client.Lead.updated(start, end), client.Lead.deleted(start, end)
    assert len(updated["ids"]) == 3
    assert updated["latestDateCovered"] == "2026-04-01T00:20:00.000+0000"
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-04-01T00:10:00.000+0000"}]
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_REPLICATION_DATE"):
        client.Lead.deleted(start - timedelta(days=20), end)


def test_collections_tell_each_records_fate(place: Any) -> None:
    client = place.official()
    owner = place.org.add_user("Sato Hanako", "hanako@example.jp", active=False)
    lead = {"attributes": {"type": "Lead"}, "LastName": "A", "Company": "B"}
    records = [lead, {**lead, "Company": ""}, {**lead, "OwnerId": owner}, {**lead, "crmsync_phase__c": "nonsense"}]
    items = client.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": records})
    assert [item["success"] for item in items] == [True, False, False, False]
    assert [item["errors"][0]["statusCode"] for item in items[1:]] == [
        "REQUIRED_FIELD_MISSING",
        "INACTIVE_OWNER_OR_USER",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    ]
    assert "id" not in items[1]
    change = {"attributes": {"type": "Lead"}, "id": items[0]["id"], "Status": "Working - Contacted"}
    assert client.restful("composite/sobjects", method="PATCH", json={"records": [change]})[0]["success"] is True


def test_all_or_none_leaves_nothing_behind(place: Any) -> None:
    client = place.official()
    old = place.org.insert("Lead", {"LastName": "Old", "Company": "C", "Email": "old@example.jp"})
    place.org.clock.advance(timedelta(minutes=1))
    change = {"attributes": {"type": "Lead"}, "id": old, "Email": "new@example.jp"}
    bad = {"attributes": {"type": "Lead"}, "id": old, "LastName": None}
    items = client.restful("composite/sobjects", method="PATCH", json={"allOrNone": True, "records": [change, bad]})
    assert items[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert place.org.get("Lead", old)["Email"] == "old@example.jp"
    assert client.query("SELECT Id FROM Lead WHERE Email = 'old@example.jp'")["totalSize"] == 1
    by_time = "ORDER BY SystemModstamp, Id"
    assert client.query(f"SELECT Id FROM Lead WHERE SystemModstamp = 2026-04-01T00:00:00Z {by_time}")["totalSize"] == 1
    assert client.query("SELECT Id FROM Lead WHERE SystemModstamp > 2026-04-01T00:00:00Z")["totalSize"] == 0


def test_attributes_must_come_first_or_that_record_is_refused(place: Any) -> None:
    client = place.official()
    good = {"attributes": {"type": "Lead"}, "LastName": "A", "Company": "B"}
    records = [{"LastName": "A", "Company": "B", "attributes": {"type": "Lead"}}, {"LastName": "A"}, good]
    items = client.restful("composite/sobjects", method="POST", json={"records": records})
    assert [item["success"] for item in items] == [False, False, True]
    assert {item["errors"][0]["statusCode"] for item in items[:2]} == {"JSON_PARSER_ERROR"}
    assert items[0]["errors"][0]["message"].endswith("must have an attributes field before any other fields.")


def test_only_what_names_a_record_may_stand_before_its_attributes(place: Any) -> None:
    client = place.official()
    lead = place.org.insert("Lead", {"LastName": "A", "Company": "B"})
    named_first = {"id": lead, "attributes": {"type": "Lead"}, "City": "Kobe"}
    field_first = {"id": lead, "City": "Nara", "attributes": {"type": "Lead"}}
    items = client.restful("composite/sobjects", method="PATCH", json={"records": [named_first, field_first]})
    assert [item["success"] for item in items] == [True, False]
    tasks = [{"crmsync_key__c": "a", "attributes": {"type": "Task"}, "Subject": "Call"}, {"crmsync_key__c": "b", "Subject": "Call"}]
    items = client.restful("composite/sobjects/Task/crmsync_key__c", method="PATCH", json={"records": tasks})
    assert [(item["success"], item["created"]) for item in items] == [(True, True), (False, False)]


def test_collections_upsert_retrieve_and_delete(place: Any) -> None:
    client = place.official()
    task = {"attributes": {"type": "Task"}, "Subject": "Call"}
    records = [{**task, "crmsync_key__c": "a"}, {**task, "crmsync_key__c": "b"}, {**task, "crmsync_key__c": "b"}]
    items = client.restful("composite/sobjects/Task/crmsync_key__c", method="PATCH", json={"records": records})
    assert [item.get("created") for item in items] == [True, False, False]
    assert items[1]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    asked = {"ids": [items[0]["id"], "00T5g000000zzzzAAA"], "fields": ["Subject", "Status"]}
    found = client.restful("composite/sobjects/Task", method="POST", json=asked)
    assert found[0]["Status"] == "Not Started"
    assert found[1] is None
    gone = client.restful("composite/sobjects", {"ids": items[0]["id"], "allOrNone": "false"}, method="DELETE")
    assert gone == [{"id": items[0]["id"], "success": True, "errors": []}]


def test_bulk_query_comes_in_pages_of_quoted_csv(place: Any) -> None:
    seed(place, 9)
    place.org.insert("Lead", {"LastName": "two\nlines", "Company": 'quo"te'})
    pages = list(
        place.official().bulk2.Lead.query(
            "SELECT Id, LastName, Company, IsConverted, Email, SystemModstamp FROM Lead", max_records=4, wait=0.05
        )
    )
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page, newline=""))]
    assert len(pages) == 3
    assert len({row["Id"] for row in rows}) == 10
    odd = next(row for row in rows if row["Email"] == "")
    assert (odd["LastName"], odd["Company"], odd["IsConverted"]) == ("two\nlines", 'quo"te', "false")
    assert odd["SystemModstamp"] == "2026-04-01T00:00:00.000Z"


def test_bulk_ingest_tells_what_failed(place: Any) -> None:
    client = place.official()
    rows = [{"LastName": "A", "Company": "C"}, {"LastName": "B", "Company": ""}]
    done = client.bulk2.Lead.insert(records=rows, wait=0.05)
    assert done[0]["numberRecordsProcessed"] == 2
    assert done[0]["numberRecordsFailed"] == 1
    failed = client.bulk2.Lead.get_failed_records(done[0]["job_id"])
    assert "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --" in failed
    made = next(csv.DictReader(io.StringIO(client.bulk2.Lead.get_successful_records(done[0]["job_id"]))))
    assert made["sf__Created"] == "true"
    assert place.org.get("Lead", made["sf__Id"])["LastName"] == "A"


def test_bulk_upsert_clears_by_a_word_and_leaves_alone_by_nothing(place: Any) -> None:
    client = place.official()
    key = {"crmsync_hubspot_id__c": "7", "LastName": "A", "Company": "C", "Title": "課長", "City": "Osaka"}
    place.org.insert("Lead", key)
    change = [{"crmsync_hubspot_id__c": "7", "Title": "#N/A", "City": "", "Company": "D"}]
    client.bulk2.Lead.upsert(records=change, external_id_field="crmsync_hubspot_id__c", wait=0.05)
    [row] = place.org.rows("Lead")
    assert (row["Title"], row["City"], row["Company"]) == (None, "Osaka", "D")


def test_bulk_jobs_change_and_delete_what_they_are_told(place: Any) -> None:
    client = place.official()
    seed(place, 3)
    ids = [row["Id"] for row in place.org.rows("Lead")]
    changed = client.bulk2.Lead.update(records=[{"Id": row_id, "City": "Kobe"} for row_id in ids], wait=0.05)
    assert (changed[0]["numberRecordsProcessed"], changed[0]["numberRecordsFailed"]) == (3, 0)
    assert {row["City"] for row in place.org.rows("Lead")} == {"Kobe"}
    client.bulk2.Lead.delete(records=[{"Id": row_id} for row_id in ids[:2]], wait=0.05)
    assert client.query("SELECT Id FROM Lead")["records"][0]["Id"] == ids[2]


def test_the_whole_org_and_one_objects_limits_are_described(place: Any) -> None:
    client = place.official()
    known = {found["name"]: found for found in client.describe()["sobjects"]}
    assert {"Lead", "Contact", "Account", "Opportunity", "Task", "User"} <= set(known)
    assert client.Lead.metadata()["objectDescribe"]["keyPrefix"] == "00Q"
    assert client.is_sandbox() is True
