"""simple-salesforce, unmodified, does its whole day's work against the sandbox."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceMoreThanOneRecord, SalesforceResourceNotFound

from crmsync.sandbox.salesforce.org import OrgConfig


def seed(place: Any, count: int) -> None:
    for number in range(count):
        place.org.insert("Lead", {"LastName": f"L{number}", "Company": f"C{number}", "Email": f"l{number}@example.jp"})


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


def test_attributes_must_come_first(place: Any) -> None:
    records = [{"LastName": "A", "Company": "B", "attributes": {"type": "Lead"}}]
    with pytest.raises(SalesforceMalformedRequest, match="attributes field before any other fields"):
        place.official().restful("composite/sobjects", method="POST", json={"records": records})


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
    seed(place, 5)
    place.org.insert("Lead", {"LastName": "two\nlines", "Company": 'quo"te'})
    pages = list(
        place.official().bulk2.Lead.query(
            "SELECT Id, LastName, Company, IsConverted, Email, SystemModstamp FROM Lead", max_records=4, wait=0.05
        )
    )
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page, newline=""))]
    assert len(pages) == 2
    assert len(rows) == 6
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
