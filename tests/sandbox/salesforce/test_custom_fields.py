"""Fields that are made over the Tooling API: refused in the vendor's words, and seen by nobody until a
permission set grants them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crmsync.sandbox.salesforce.config import CUSTOMIZE, RIGHTS, VIEW_SETUP
from crmsync.sandbox.salesforce.org import OrgConfig

DATA = "/services/data/v66.0"
FIELDS = f"{DATA}/tooling/sobjects/CustomField"
TEXT = {"label": "Grade", "type": "Text", "length": 80}


def make(client: httpx.Client, name: str = "Lead.Grade__c", **metadata: Any) -> httpx.Response:
    return client.post(FIELDS, json={"FullName": name, "Metadata": {**TEXT, **metadata}})


def code(answer: httpx.Response) -> str:
    return str(answer.json()[0]["errorCode"])


def described(client: httpx.Client, object: str = "Lead") -> dict[str, Any]:
    return {field["name"]: field for field in client.get(f"{DATA}/sobjects/{object}/describe").json()["fields"]}


def created(client: httpx.Client, object: str, **values: Any) -> str:
    return str(client.post(f"{DATA}/sobjects/{object}", json=values).json()["id"])


def grant(place: Any, client: httpx.Client, field: str, *, edit: bool) -> str:
    held = created(client, "PermissionSet", Name=field.partition(".")[2], Label="Ours")
    rights = {"PermissionsRead": True, "PermissionsEdit": edit}
    created(client, "FieldPermissions", ParentId=held, SobjectType=field.partition(".")[0], Field=field, **rights)
    return created(client, "PermissionSetAssignment", PermissionSetId=held, AssigneeId=place.org.integration_id)


def test_a_new_field_is_hidden_until_it_is_granted_and_read_only_until_it_is_granted_whole(place: Any) -> None:
    client = place.http()
    answer = make(client)
    assert (answer.status_code, answer.json()["success"]) == (201, True)
    assert "Grade__c" not in described(client)
    asked = client.get(f"{DATA}/query", params={"q": "SELECT Grade__c FROM Lead"})
    assert code(asked) == "INVALID_FIELD"
    grant(place, client, "Lead.Grade__c", edit=False)
    assert not described(client)["Grade__c"]["updateable"]
    row = next(place.org.rows("FieldPermissions"))["Id"]
    client.patch(f"{DATA}/sobjects/FieldPermissions/{row}", json={"PermissionsEdit": True})
    assert described(client)["Grade__c"]["updateable"]
    lead = created(client, "Lead", LastName="A", Company="B", Grade__c="x")
    assert place.org.get("Lead", lead)["Grade__c"] == "x"


def test_a_grant_that_is_taken_away_hides_the_field_again(place: Any) -> None:
    client = place.http()
    make(client)
    given = grant(place, client, "Lead.Grade__c", edit=True)
    client.delete(f"{DATA}/sobjects/PermissionSetAssignment/{given}")
    assert "Grade__c" not in described(client)


def test_a_field_of_activities_is_one_of_tasks_and_of_events_and_a_key_of_both(place: Any) -> None:
    client = place.http()
    assert code(make(client, "Task.Key__c")) == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert make(client, "Activity.Key__c", externalId=True, unique=True, caseSensitive=True).status_code == 201
    grant(place, client, "Task.Key__c", edit=True)
    assert described(client, "Task")["Key__c"]["externalId"]
    assert "Key__c" not in described(client, "Event")
    for expected in (201, 200):
        assert client.patch(f"{DATA}/sobjects/Task/Key__c/a", json={"Subject": "Call"}).status_code == expected
    place.org.insert("Event", {"Subject": "b", "Key__c": "b", "DurationInMinutes": 5, "ActivityDateTime": place.org.now_stamp()})
    assert code(client.patch(f"{DATA}/sobjects/Task/Key__c/b", json={"Subject": "Call"})) == "DUPLICATE_VALUE"


@pytest.mark.parametrize(
    ("name", "metadata", "expected"),
    [
        ("Lead.Rating", {}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.a__b__c", {}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Nothing.Grade__c", {}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Lead.Grade__c", {"type": "Wish"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Grade__c", {"length": None}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Grade__c", {"type": "Number"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Grade__c", {"type": "Date", "unique": True}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Grade__c", {"length": 256}, "STRING_TOO_LONG"),
        ("Lead.Grade__c", {"label": "x" * 41}, "STRING_TOO_LONG"),
    ],
)
def test_a_field_that_cannot_be_is_refused(place: Any, name: str, metadata: dict[str, Any], expected: str) -> None:
    assert code(make(place.http(), name, **metadata)) == expected


def test_names_are_given_once_hidden_or_not(place: Any) -> None:
    client = place.http()
    make(client)
    assert code(make(client)) == "DUPLICATE_DEVELOPER_NAME"
    assert code(make(client, "Lead.GRADE__c")) == "DUPLICATE_DEVELOPER_NAME"


def test_only_the_tooling_api_knows_what_exists(place: Any) -> None:
    client = place.http()
    make(client)
    soql = {"q": "SELECT Id, TableEnumOrId FROM CustomField WHERE DeveloperName = 'Grade'"}
    assert [row["TableEnumOrId"] for row in client.get(f"{DATA}/tooling/query", params=soql).json()["records"]] == ["Lead"]
    assert code(client.get(f"{DATA}/query", params=soql)) == "INVALID_TYPE"
    assert client.get(f"{DATA}/sobjects/CustomField/describe").status_code == 404


def test_metadata_is_told_of_one_field_at_a_time_and_sent_back_whole(place: Any) -> None:
    client = place.http()
    values = {"valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": [{"fullName": "a"}]}}}
    made = make(client, type="Picklist", **values).json()["id"]
    asked = client.get(f"{DATA}/tooling/query", params={"q": "SELECT Id, Metadata FROM CustomField"})
    assert code(asked) == "MALFORMED_QUERY"
    soql = "SELECT Metadata FROM CustomField WHERE DeveloperName = 'Grade'"
    metadata = client.get(f"{DATA}/tooling/query", params={"q": soql}).json()["records"][0]["Metadata"]
    metadata["valueSet"]["valueSetDefinition"]["value"].append({"fullName": "b"})
    assert client.patch(f"{FIELDS}/{made}", json={"Metadata": metadata}).status_code == 204
    grant(place, client, "Lead.Grade__c", edit=True)
    assert [value["value"] for value in described(client)["Grade__c"]["picklistValues"]] == ["a", "b"]


def test_a_user_without_the_right_makes_no_field_and_sees_no_list(place_of: Any) -> None:
    place = place_of(OrgConfig(integration_rights=RIGHTS - {CUSTOMIZE, VIEW_SETUP}))
    client = place.http()
    assert make(client).status_code == 403
    assert client.get(f"{DATA}/tooling/query", params={"q": "SELECT Id FROM CustomField"}).status_code == 403


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"SobjectType": "Lead", "Field": "Lead.Nothing__c", "PermissionsRead": True}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"SobjectType": "Task", "Field": "Lead.Rating", "PermissionsRead": True}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"SobjectType": "Lead", "Field": "Lead.Rating", "PermissionsEdit": True}, "FIELD_INTEGRITY_EXCEPTION"),
    ],
)
def test_a_grant_of_what_cannot_be_granted_is_refused(place: Any, values: dict[str, Any], expected: str) -> None:
    client = place.http()
    held = created(client, "PermissionSet", Name="x", Label="x")
    assert code(client.post(f"{DATA}/sobjects/FieldPermissions", json={"ParentId": held, **values})) == expected


def test_a_permission_set_a_grant_and_an_assignment_are_each_one_of_a_kind(place: Any) -> None:
    client = place.http()
    make(client)
    grant(place, client, "Lead.Grade__c", edit=True)
    held = next(place.org.rows("PermissionSet"))["Id"]
    assert (
        code(client.post(f"{DATA}/sobjects/PermissionSet", json={"Name": "Grade__c", "Label": "b"})) == "DUPLICATE_DEVELOPER_NAME"
    )
    again = {"PermissionSetId": held, "AssigneeId": place.org.integration_id}
    assert code(client.post(f"{DATA}/sobjects/PermissionSetAssignment", json=again)) == "DUPLICATE_VALUE"
