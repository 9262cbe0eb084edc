"""What the HTTP side adds: tokens, scopes, limits, versions, headers, oddities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from crmsync.sandbox.faults import Fault, FaultKind, Faults
from crmsync.sandbox.hubspot.config import Credentials, Limits, Search

Serve = Callable[..., Any]
TASK = {"hs_timestamp": "2026-04-02T00:00:00Z", "hs_task_subject": "Call"}


def listed(started: Any, token: str) -> httpx.Response:
    return httpx.get(f"{started.url}/crm/v3/objects/contacts", headers={"Authorization": f"Bearer {token}"})


def test_without_a_token_nothing_opens(served: Serve) -> None:
    reply = httpx.get(f"{served().url}/crm/v3/objects/contacts")
    assert (reply.status_code, reply.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert reply.json()["message"].startswith("Authentication credentials not found.")


def test_an_expired_token_says_since_when(served: Serve) -> None:
    started = served()
    token = started.portal.tokens.issue(seconds=60)
    assert listed(started, token).status_code == 200
    started.clock.advance(timedelta(seconds=65))
    body = listed(started, token).json()
    assert (body["category"], body["context"]) == ("EXPIRED_AUTHENTICATION", {"expire time": ["2026-04-01T00:01:00.000Z"]})
    assert "expired 5 second(s) ago" in body["message"]


def test_a_malformed_token_is_called_expired_since_1970(served: Serve) -> None:
    body = listed(served(), "garbage").json()
    assert (body["category"], "20544 day(s) ago" in body["message"]) == ("EXPIRED_AUTHENTICATION", True)


def test_a_missing_scope_is_named(served: Serve) -> None:
    started = served()
    token = started.portal.tokens.issue(scopes=("crm.objects.contacts.read",))
    headers = {"Authorization": f"Bearer {token}"}
    assert listed(started, token).status_code == 200
    reply = httpx.post(f"{started.url}/crm/v3/objects/contacts", headers=headers, json={"properties": {"email": "a@b.co"}})
    assert (reply.status_code, reply.json()["category"]) == (403, "MISSING_SCOPES")
    assert reply.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.contacts.write"]}


@pytest.mark.parametrize("version", ["v1", "v3", "2026-03", "2026-09"])
def test_every_version_hands_out_tokens(served: Serve, version: str) -> None:
    started, known = served(), Credentials()
    form = {"client_id": known.client_id, "client_secret": known.client_secret, "refresh_token": known.refresh_token}
    body = httpx.post(f"{started.url}/oauth/{version}/token", data={"grant_type": "refresh_token", **form}).json()
    assert listed(started, body["access_token"]).status_code == 200
    assert ("hub_id" in body) == (version != "v1")


def test_introspection_tells_scopes_and_what_is_left(served: Serve) -> None:
    started = served()
    token = started.portal.tokens.issue(scopes=("forms",), seconds=90)
    body = httpx.post(f"{started.url}/oauth/2026-03/token/introspect", data={"token": token}).json()
    assert (body["active"], body["scopes"], body["expires_in"]) == (True, ["forms"], 90)
    private = httpx.post(f"{started.url}/oauth/v2/private-apps/get/access-token-info", json={"tokenKey": started.token}).json()
    assert private["hubId"] == started.portal.config.portal_id
    assert "crm.objects.contacts.read" in private["scopes"]


def test_the_burst_limit_refuses_and_announces_itself(served: Serve) -> None:
    started = served(limits=Limits(burst=3))
    replies = [started.http.get("/crm/owners/2026-09") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-hubspot-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert replies[3].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert "retry-after" not in replies[3].headers


def test_searches_have_a_limit_of_their_own_and_no_headers(served: Serve) -> None:
    started = served(limits=Limits(search_per_second=2, burst=100))
    replies = [started.post("/crm/v3/objects/contacts/search", {"limit": 1}) for _ in range(4)]
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert (refused.json()["policyName"], refused.json()["message"]) == ("SECONDLY", "You have reached your secondly limit.")
    assert not [name for reply in replies for name in reply.headers if "ratelimit" in name]


def test_the_daily_limit_ends_at_the_portals_midnight(served: Serve) -> None:
    started = served(limits=Limits(daily=2))
    codes = [started.http.get("/crm/v3/owners").status_code for _ in range(3)]
    usage = started.portal.limiter.resets_at()
    started.clock.advance_to(usage)
    assert codes == [200, 200, 429]
    assert usage.isoformat() == "2026-04-01T15:00:00+00:00"
    assert started.http.get("/crm/v3/owners").status_code == 200


def test_the_date_header_is_the_portals_time(served: Serve) -> None:
    started = served()
    started.clock.advance(timedelta(days=40))
    assert parsedate_to_datetime(started.http.get("/crm/v3/owners").headers["date"]) == started.clock.now()


def test_a_url_beyond_eight_kilobytes_gets_a_page_not_json(served: Serve) -> None:
    reply = served().http.get("/crm/v3/objects/contacts", params={"properties": ",".join(f"p{n:06}" for n in range(1100))})
    assert (reply.status_code, reply.headers["content-type"]) == (414, "text/html")


@pytest.mark.parametrize("word", ["contacts", "contact", "0-1"])
@pytest.mark.parametrize("prefix", ["/crm/v3/objects/", "/crm/objects/2025-09/", "/crm/objects/2026-03/", "/crm/objects/2026-09/"])
def test_every_spelling_reaches_the_same_records(served: Serve, prefix: str, word: str) -> None:
    started = served()
    number = started.portal.create("contacts", {"email": "a@b.co"})
    assert [row["id"] for row in started.http.get(f"{prefix}{word}/").json()["results"]] == [number]


def test_the_single_association_read_ends_before_2026_09(served: Serve) -> None:
    started = served()
    number = started.portal.create("contacts", {"email": "a@b.co"})
    paths = [
        f"/crm/v4/objects/contacts/{number}/associations/companies",
        *(f"/crm/objects/{v}/contacts/{number}/associations/companies" for v in ("2026-03", "2026-09")),
    ]
    assert [started.http.get(path).status_code for path in paths] == [200, 200, 404]


def test_admins_rules_bind_only_the_newest_paths(served: Serve) -> None:
    started = served(required_by_rule=(("contacts", "hs_lead_status", "UNQUALIFIED", "crmsync_rejection_reason"),))
    number = started.portal.create("contacts", {"email": "a@b.co"})
    body = {"properties": {"hs_lead_status": "UNQUALIFIED"}}
    newest = started.http.patch(f"/crm/objects/2026-09/contacts/{number}", json=body)
    assert (newest.status_code, newest.json()["errors"][0]["code"]) == (400, "MISSING_CONDITIONAL_REQUIRED_PROPERTY")
    assert started.http.patch(f"/crm/v3/objects/contacts/{number}", json=body).status_code == 200


def test_the_property_error_comes_in_the_vendors_doubled_form(served: Serve) -> None:
    started = served()
    body = started.post("/crm/v3/objects/contacts", {"properties": {"email": "a@b.co", "hs_lead_status": "odd"}}).json()
    assert body["message"].startswith('Property values were not valid: [{"isValid":false,')
    assert body["errors"][0]["code"] == "INVALID_OPTION"
    assert body["errors"][0]["context"] == {"propertyName": ["hs_lead_status"]}


@pytest.mark.parametrize("verb", ["update", "upsert"])
def test_the_same_id_twice_refuses_the_batch_even_with_trace_ids(served: Serve, verb: str) -> None:
    started = served()
    key = {"idProperty": "crmsync_key"} if verb == "upsert" else {}
    rows = [{"id": "7", **key, "objectWriteTraceId": str(n), "properties": TASK} for n in range(2)]
    reply = started.post(f"/crm/v3/objects/tasks/batch/{verb}", {"inputs": rows})
    assert (reply.status_code, reply.json()["context"]["ids"]) == (400, ["7"])
    assert "Duplicate IDs found in batch input: [7]. IDs must be unique" in reply.json()["message"]


def test_a_batch_of_101_is_refused_and_50_is_the_most_with_history(served: Serve) -> None:
    started = served()
    inputs = [{"id": str(n)} for n in range(101)]
    assert started.post("/crm/v3/objects/contacts/batch/read", {"properties": [], "inputs": inputs}).status_code == 400
    with_history = {"properties": [], "propertiesWithHistory": ["email"], "inputs": inputs[:51]}
    assert started.post("/crm/v3/objects/contacts/batch/read", with_history).status_code == 400


def test_a_clash_inside_one_batch_writes_nothing(served: Serve) -> None:
    started = served()
    rows = [{"properties": {"email": "same@b.co"}} for _ in range(2)]
    assert started.post("/crm/v3/objects/contacts/batch/create", {"inputs": rows}).status_code == 409
    assert list(started.portal.rows("contacts")) == []


def test_a_refused_row_leaves_its_email_to_the_next(served: Serve) -> None:
    started = served()
    rows = [
        {"objectWriteTraceId": "1", "properties": {"email": "same@b.co", "crmsync_key": "no contact has this"}},
        {"objectWriteTraceId": "2", "properties": {"email": "same@b.co"}},
        {"objectWriteTraceId": "3", "properties": {"email": "SAME@b.co"}},
    ]
    body = started.post("/crm/v3/objects/contacts/batch/create", {"inputs": rows}).json()
    assert [row["objectWriteTraceId"] for row in body["results"]] == ["2"]
    assert [(row["category"], row["context"]["objectWriteTraceId"]) for row in body["errors"]] == [
        ("VALIDATION_ERROR", ["1"]),
        ("CONFLICT", ["3"]),
    ]


def test_an_upsert_by_email_knows_no_partial_success(served: Serve) -> None:
    started = served()
    rows = [
        {"id": "a@b.co", "idProperty": "email", "objectWriteTraceId": "1", "properties": {"city": "Kobe"}},
        {"id": "c@d.co", "idProperty": "email", "objectWriteTraceId": "2", "properties": {"lifecyclestage": "odd"}},
    ]
    assert started.post("/crm/v3/objects/contacts/batch/upsert", {"inputs": rows}).status_code == 400
    assert list(started.portal.rows("contacts")) == []


def test_an_upsert_by_a_property_that_is_not_unique_is_refused(served: Serve) -> None:
    rows = [{"id": "Kobe", "idProperty": "city", "properties": {}}]
    assert "non-unique" in served().post("/crm/v3/objects/contacts/batch/upsert", {"inputs": rows}).json()["message"]


def test_a_task_is_made_with_its_associations_in_one_call(served: Serve) -> None:
    started = served()
    contact = started.portal.create("contacts", {"email": "a@b.co"})
    link = {"to": {"id": contact}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]}
    reply = started.post("/crm/objects/2026-03/tasks", {"properties": TASK, "associations": [link]})
    assert reply.status_code == 201
    assert started.portal.associated("contacts", contact, "tasks") == [reply.json()["id"]]


def test_a_task_without_its_due_time_is_refused_by_name(served: Serve) -> None:
    body = served().post("/crm/v3/objects/tasks", {"properties": {"hs_task_subject": "Call"}}).json()
    assert body["message"] == "Error creating TASK. Some required properties were not set."
    assert body["context"] == {"properties": ["hs_timestamp"]}


@pytest.mark.parametrize(("path", "status"), [("/crm/v4/associations", 204), ("/crm/associations/2026-09", 200)])
def test_archiving_associations_answers_by_version(served: Serve, path: str, status: int) -> None:
    started = served()
    contact, company = started.portal.create("contacts", {"email": "a@b.co"}), started.portal.create("companies", {"name": "A"})
    started.portal.associate("contacts", contact, "companies", company)
    gone = {"inputs": [{"from": {"id": contact}, "to": [{"id": company}]}]}
    assert started.post(f"{path}/contacts/companies/batch/archive", gone).status_code == status
    assert started.portal.associated("companies", company, "contacts") == []


def test_values_that_were_cleared_read_as_null_or_as_empty_text(served: Serve) -> None:
    seen = []
    for empty in (False, True):
        started = served(cleared_as_empty=empty)
        number = started.portal.create("contacts", {"email": "a@b.co", "city": "Kobe"})
        started.portal.update("contacts", number, {"city": ""})
        read = {"properties": ["city", "phone"], "inputs": [{"id": number}]}
        properties = started.post("/crm/v3/objects/contacts/batch/read", read).json()["results"][0]["properties"]
        seen.append((properties["city"], properties["phone"]))
    assert seen == [(None, None), ("", None)]


def test_timestamps_can_lose_their_milliseconds(served: Serve) -> None:
    started = served(milliseconds=False)
    started.portal.create("contacts", {"email": "a@b.co"})
    (row,) = started.http.get("/crm/v3/objects/contacts").json()["results"]
    assert (row["createdAt"], row["properties"]["createdate"]) == ("2026-04-01T00:00:00Z", "2026-04-01T00:00:00Z")


def test_a_search_can_truncate_the_modified_time(served: Serve) -> None:
    started = served(search=Search(lag_seconds=0, lag_jitter_seconds=0, truncates_milliseconds=True))
    started.clock.advance(timedelta(milliseconds=123))
    started.portal.create("contacts", {"email": "a@b.co"})
    (row,) = started.post("/crm/v3/objects/contacts/search", {}).json()["results"]
    assert row["updatedAt"] == "2026-04-01T00:00:00.000Z"


def test_a_gdpr_deleted_contact_is_listed_nowhere(served: Serve) -> None:
    started = served()
    started.portal.create("contacts", {"email": "a@b.co"})
    body = {"objectId": "a@b.co", "idProperty": "email"}
    assert started.post("/crm/v3/objects/contacts/gdpr-delete", body).status_code == 204
    assert [
        started.http.get("/crm/v3/objects/contacts", params={"archived": flag}).json()["results"] for flag in ("true", "false")
    ] == [[], []]


def test_submissions_come_newest_first_in_pages_of_fifty(served: Serve) -> None:
    started = served()
    form = started.portal.add_form("Paper")
    for number in range(60):
        started.portal.submit_form(form, {"email": f"p{number}@b.co"}, "https://example.com/paper")
        started.clock.advance(timedelta(seconds=1))
    path = f"/form-integrations/v1/submissions/forms/{form}"
    first = started.http.get(path, params={"limit": 50}).json()
    rest = started.http.get(path, params={"limit": 50, "after": first["paging"]["next"]["after"]}).json()
    emails = [row["values"][0]["value"] for row in first["results"] + rest["results"]]
    assert emails == [f"p{number}@b.co" for number in reversed(range(60))]
    assert "paging" not in rest
    assert started.http.get(path, params={"limit": 51}).status_code == 400


def test_forms_of_other_kinds_show_only_when_asked_for(served: Serve) -> None:
    started = served()
    started.portal.add_form("Paper")
    comment = started.portal.add_form("Comment", kind="blog_comment")
    names = [
        [row["name"] for row in started.http.get("/marketing/v3/forms/", params=query).json()["results"]]
        for query in ({}, {"formTypes": "all"})
    ]
    refused = started.http.get(f"/form-integrations/v1/submissions/forms/{comment}")
    assert names == [["Paper"], ["Paper", "Comment"]]
    assert (refused.status_code, refused.json()["subCategory"]) == (400, "FORM_TYPE_NOT_ALLOWED")


def test_page_visits_need_the_enterprise_tier(served: Serve) -> None:
    plain, rich = served(), served(enterprise=True)
    answers = []
    for started in (plain, rich):
        contact = started.portal.create("contacts", {"email": "a@b.co"})
        started.portal.view_page(contact, "https://example.com/pricing")
        answers.append(started.http.get("/events/v3/events", params={"objectType": "contact", "objectId": contact}))
    assert [reply.status_code for reply in answers] == [403, 200]
    (event,) = answers[1].json()["results"]
    assert (event["eventType"], event["properties"]["hs_url"]) == ("e_visited_page", "https://example.com/pricing")


def test_list_members_are_added_and_removed_in_the_vendors_spelling(served: Serve) -> None:
    started = served()
    contact, number = started.portal.create("contacts", {"email": "a@b.co"}), started.portal.add_list("Nurture")
    added = started.http.put(f"/crm/lists/2026-03/{number}/memberships/add", json=[contact, "999999"]).json()
    again = started.http.put(f"/crm/v3/lists/{number}/memberships/add", json=[contact]).json()
    (member,) = started.http.get(f"/crm/v3/lists/{number}/memberships").json()["results"]
    removed = started.http.put(f"/crm/v3/lists/{number}/memberships/remove", json=[contact]).json()
    assert (added["recordsIdsAdded"], added["recordIdsMissing"], again["recordsIdsAdded"]) == ([contact], ["999999"], [])
    assert (member["recordId"], removed["recordIdsRemoved"]) == (contact, [contact])


def test_lists_are_found_by_name_and_kind(served: Serve) -> None:
    started = served()
    started.portal.add_list("Nurture: timing")
    started.portal.add_list("Everyone", processing="DYNAMIC")
    body = {"query": "nurture", "processingTypes": ["MANUAL"], "listIds": [], "offset": 0}
    found = started.post("/crm/v3/lists/search", body).json()
    assert ([row["name"] for row in found["lists"]], found["hasMore"], found["total"]) == (["Nurture: timing"], False, 1)


def test_the_account_tells_its_zone_and_its_use(served: Serve) -> None:
    started = served()
    assert started.http.get("/account-info/v3/details").json()["utcOffset"] == "+09:00"
    (usage,) = started.http.get("/account-info/2026-03/api-usage/daily/private-apps").json()["results"]
    assert (usage["currentUsage"], usage["usageLimit"]) == (2, 250_000)


def test_undocumented_keys_appear_when_the_portal_is_set_so(served: Serve) -> None:
    started = served(unknown_extra_keys=True)
    started.portal.create("contacts", {"email": "a@b.co"})
    body = started.http.get("/crm/v3/objects/contacts").json()
    assert "warnings" in body
    assert "objectBoundary" in body["results"][0]


def test_history_tells_people_from_programs_newest_first(served: Serve) -> None:
    started = served()
    owner = started.portal.add_owner("o@example.com", "O", "W")
    number = started.portal.create("contacts", {"email": "a@b.co", "city": "Kobe"}, by=owner)
    started.clock.advance(timedelta(minutes=1))
    started.http.patch(f"/crm/v3/objects/contacts/{number}", json={"properties": {"city": "Nara"}})
    body = started.http.get(f"/crm/v3/objects/contacts/{number}", params={"propertiesWithHistory": "city"}).json()
    rows = body["propertiesWithHistory"]["city"]
    assert [(row["value"], row["sourceType"]) for row in rows] == [("Nara", "INTEGRATION"), ("Kobe", "CRM_UI")]
    assert (rows[0]["sourceId"], rows[1]["updatedByUserId"]) == (str(started.portal.config.app_id), 9001)


def test_inline_associations_are_doubled_by_label(served: Serve) -> None:
    started = served()
    company = started.portal.create("companies", {"name": "A"})
    contact = started.portal.create("contacts", {"email": "a@b.co"}, associations=[("companies", company)])
    body = started.http.get(f"/crm/v3/objects/contacts/{contact}", params={"associations": "companies"}).json()
    assert [row["type"] for row in body["associations"]["companies"]["results"]] == [
        "contact_to_company",
        "contact_to_company_primary",
    ]


@pytest.mark.parametrize(("detail", "policy"), [("DAILY", "DAILY"), ("SECONDLY", "SECONDLY"), ("", "TEN_SECONDLY_ROLLING")])
def test_a_scripted_limit_speaks_the_vendors_words(served: Serve, detail: str, policy: str) -> None:
    started = served(faults=Faults([Fault(FaultKind.LIMIT, route="/owners", calls=(1,), detail=detail)]))
    replies = [started.http.get("/crm/v3/owners") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [429, 200]
    assert replies[0].json()["policyName"] == policy


def test_a_script_can_spoil_one_row_of_a_batch(served: Serve) -> None:
    started = served(faults=Faults([Fault(FaultKind.IN_APP, route="/batch/create", calls=(1,), detail="row:1")]))
    rows = [{"objectWriteTraceId": str(n), "properties": {"email": f"p{n}@b.co"}} for n in range(3)]
    reply = started.post("/crm/v3/objects/contacts/batch/create", {"inputs": rows})
    assert (reply.status_code, [row["context"] for row in reply.json()["errors"]]) == (207, [{"objectWriteTraceId": ["1"]}])
    assert sorted(row["email"] for row in started.portal.rows("contacts")) == ["p0@b.co", "p2@b.co"]


def test_a_lost_answer_leaves_the_write_done(served: Serve) -> None:
    started = served(faults=Faults([Fault(FaultKind.LOST_ANSWER, route="/tasks", method="POST", calls=(1,))]))
    with pytest.raises(httpx.TransportError):
        started.post("/crm/v3/objects/tasks", {"properties": TASK})
    assert len(list(started.portal.rows("tasks"))) == 1
