"""The vendor's own Python client, unmodified, against the sandbox; every reply is held against the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import (
    AssociationSpec,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicDefaultAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
)
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicGdprDeleteInput,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.lists import ListCreateRequest
from hubspot.crm.properties import PropertyCreate, PropertyUpdate
from urllib3.exceptions import MaxRetryError
from urllib3.util.retry import Retry

from crmsync.sandbox.faults import Fault, FaultKind, Faults
from crmsync.sandbox.hubspot.config import Credentials


@pytest.fixture
def people(served: Callable[..., Any]) -> Iterator[tuple[Any, HubSpot, list[str]]]:
    """A portal of 250 contacts and a client for it; at the end every reply must have kept the contract."""
    started = served()
    ids = [started.portal.create("contacts", {"email": f"p{n}@example.com", "firstname": f"P{n}"}) for n in range(250)]
    yield started, HubSpot(access_token=started.token, host=started.url), ids
    assert started.recorder.calls
    assert [violation for violation in started.recorder.violations if violation.side == "reply"] == []


def test_a_refreshed_token_opens_the_portal(served: Callable[..., Any]) -> None:
    started = served()
    known = Credentials()
    tokens = HubSpot(host=started.url).oauth.tokens_api.create(
        grant_type="refresh_token", client_id=known.client_id, client_secret=known.client_secret, refresh_token=known.refresh_token
    )
    assert (tokens.expires_in, tokens.refresh_token) == (1800, known.refresh_token)
    client = HubSpot(access_token=tokens.access_token, host=started.url)
    assert client.crm.contacts.basic_api.get_page().results == []


def test_a_wrong_refresh_token_is_a_400_with_oauths_own_keys(served: Callable[..., Any]) -> None:
    known = Credentials()
    with pytest.raises(Exception, match="invalid_grant") as caught:
        HubSpot(host=served().url).oauth.tokens_api.create(
            grant_type="refresh_token", client_id=known.client_id, client_secret=known.client_secret, refresh_token="other"
        )
    assert caught.value.status == 400  # type: ignore[attr-defined]  # the client's own exception


def test_a_token_tells_its_scopes_and_a_wrong_one_is_a_401(served: Callable[..., Any]) -> None:
    started = served(credentials=Credentials(scopes=("oauth", "crm.objects.contacts.read")))
    known = started.portal.config.credentials
    tokens = HubSpot(host=started.url).oauth.tokens_api.create(
        grant_type="refresh_token", client_id=known.client_id, client_secret=known.client_secret, refresh_token=known.refresh_token
    )
    told = HubSpot(host=started.url).oauth.access_tokens_api.get(tokens.access_token)
    assert sorted(told.scopes) == ["crm.objects.contacts.read", "oauth"]
    with pytest.raises(ApiException, match="EXPIRED_AUTHENTICATION") as wrong:
        HubSpot(access_token="other", host=started.url).crm.contacts.basic_api.get_page()
    assert wrong.value.status == 401
    allowed = HubSpot(access_token=tokens.access_token, host=started.url)
    assert allowed.crm.contacts.basic_api.get_page().results == []
    with pytest.raises(Exception, match="MISSING_SCOPES") as missing:
        allowed.crm.deals.basic_api.get_page()
    assert missing.value.status == 403  # type: ignore[attr-defined]  # the client's own exception


@pytest.mark.parametrize(
    ("kind", "detail", "status", "said"),
    [
        (FaultKind.LIMIT, "TEN_SECONDLY_ROLLING", 429, "TEN_SECONDLY_ROLLING"),
        (FaultKind.LIMIT, "DAILY", 429, "DAILY"),
        (FaultKind.HTML_502, "", 502, "Bad Gateway"),
        (FaultKind.EXPIRED_TOKEN, "", 401, "EXPIRED_AUTHENTICATION"),
    ],
)
def test_trouble_is_the_clients_own_exception_with_status_and_body(
    served: Callable[..., Any], kind: FaultKind, detail: str, status: int, said: str
) -> None:
    started = served(faults=Faults([Fault(kind, detail=detail)]))
    with pytest.raises(ApiException, match=said) as refused:
        HubSpot(access_token=started.token, host=started.url).crm.contacts.basic_api.get_page()
    assert refused.value.status == status


def test_its_retries_help_a_read_and_not_a_write(served: Callable[..., Any]) -> None:
    once = Fault(FaultKind.LIMIT, route="/contacts", calls=(1, 3), detail="SECONDLY")
    started = served(faults=Faults([once]))
    patient = HubSpot(access_token=started.token, host=started.url, retry=Retry(total=2, status_forcelist=(429,)))
    api = patient.crm.contacts.basic_api
    assert api.get_page().results == []
    with pytest.raises(ApiException, match="429"):
        api.create(SimplePublicObjectInputForCreate(properties={"email": "a@example.com"}, associations=[]))
    always = served(faults=Faults([Fault(FaultKind.LIMIT, detail="SECONDLY")]))
    hopeless = HubSpot(access_token=always.token, host=always.url, retry=Retry(total=1, status_forcelist=(429,)))
    with pytest.raises(MaxRetryError):
        hopeless.crm.contacts.basic_api.get_page()


@pytest.mark.parametrize(
    ("properties", "status", "category"),
    [
        ({"email": "p1@example.com"}, 409, "CONFLICT"),
        ({"email": "n@example.com", "no_such_property": "1"}, 400, "VALIDATION_ERROR"),
        ({"email": "n@example.com", "lifecyclestage": "nonsense"}, 400, "VALIDATION_ERROR"),
        ({"email": "no address"}, 400, "VALIDATION_ERROR"),
    ],
)
def test_a_refused_contact_has_its_category(people: Any, properties: dict[str, str], status: int, category: str) -> None:
    _, client, _ = people
    with pytest.raises(ApiException, match=category) as refused:
        client.crm.contacts.basic_api.create(SimplePublicObjectInputForCreate(properties=properties, associations=[]))
    assert refused.value.status == status


def test_get_all_walks_every_page(people: Any) -> None:
    _, client, ids = people
    assert [row.id for row in client.crm.contacts.get_all(properties=["email"])] == ids


def test_a_search_goes_on_by_offset_over_more_than_two_pages(people: Any) -> None:
    started, client, ids = people
    started.settle()
    seen: list[str] = []
    after = "0"
    while after:
        request = PublicObjectSearchRequest(filter_groups=[], sorts=["hs_object_id"], properties=["email"], limit=100, after=after)
        page = client.crm.contacts.search_api.do_search(request)
        seen += [row.id for row in page.results]
        after = page.paging.next.after if page.paging else ""
    assert (page.total, seen) == (len(ids), ids)


def test_a_batch_of_101_is_refused_whole(people: Any) -> None:
    _, client, _ = people
    rows = [{"properties": {"email": f"over{n}@example.com"}, "associations": []} for n in range(101)]
    with pytest.raises(ApiException, match="400"):
        client.crm.contacts.batch_api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=rows))


def test_a_contact_that_is_erased_is_nowhere(people: Any) -> None:
    _, client, ids = people
    client.crm.contacts.basic_api.purge(PublicGdprDeleteInput(object_id=ids[0]))
    with pytest.raises(ApiException, match="404"):
        client.crm.contacts.basic_api.get_by_id(ids[0])
    assert client.crm.contacts.basic_api.get_page(archived=True).results == []


def test_paging_reaches_every_contact_once(people: Any) -> None:
    _, client, ids = people
    api, after, seen, pages = client.crm.contacts.basic_api, None, [], 0
    while True:
        page = api.get_page(limit=100, after=after, properties=["firstname", "email"])
        seen += [row.id for row in page.results]
        pages += 1
        if page.paging is None:
            break
        after = page.paging.next.after
    assert (pages, seen) == (3, ids)


def test_a_contact_is_made_read_changed_and_archived(people: Any) -> None:
    _, client, _ = people
    api = client.crm.contacts.basic_api
    made = api.create(SimplePublicObjectInputForCreate(properties={"email": "New@Example.com"}, associations=[]))
    assert made.properties["email"] == "new@example.com"
    api.update(made.id, SimplePublicObjectInput(properties={"city": "Kobe"}))
    found = api.get_by_id("new@example.com", id_property="email", properties=["city"], properties_with_history=["city"])
    assert (found.id, found.properties["city"]) == (made.id, "Kobe")
    assert [row.source_type for row in found.properties_with_history["city"]] == ["INTEGRATION"]
    api.archive(made.id)
    with pytest.raises(ApiException) as caught:
        api.get_by_id(made.id)
    assert caught.value.status == 404
    assert [row.id for row in api.get_page(archived=True).results] == [made.id]


def test_a_batch_read_names_the_missing_in_a_207(people: Any) -> None:
    _, client, ids = people
    asked = BatchReadInputSimplePublicObjectId(
        properties=["email"], properties_with_history=[], inputs=[{"id": ids[3]}, {"id": "999999"}, {"id": ids[1]}]
    )
    found, status, _ = client.crm.contacts.batch_api.read_with_http_info(asked)
    assert (status, {row.id for row in found.results}, found.num_errors) == (207, {ids[3], ids[1]}, 1)
    assert found.errors[0].context["ids"] == ["999999"]


def test_a_batch_read_by_email_finds_the_contacts(people: Any) -> None:
    _, client, ids = people
    asked = BatchReadInputSimplePublicObjectId(
        properties=["email"], properties_with_history=[], id_property="email", inputs=[{"id": "P5@example.com"}]
    )
    assert [row.id for row in client.crm.contacts.batch_api.read(asked).results] == [ids[5]]


def test_a_batch_without_trace_ids_is_all_or_nothing(people: Any) -> None:
    started, client, ids = people
    rows = [{"id": ids[0], "properties": {"city": "Kobe"}}, {"id": ids[1], "properties": {"lifecyclestage": "nonsense"}}]
    with pytest.raises(ApiException) as caught:
        client.crm.contacts.batch_api.update(BatchInputSimplePublicObjectBatchInput(inputs=rows))
    assert caught.value.status == 400
    assert "city" not in started.portal.get("contacts", ids[0])


def test_a_batch_with_trace_ids_writes_the_good_rows_and_names_the_bad(people: Any) -> None:
    started, client, ids = people
    rows = [
        {"id": ids[0], "objectWriteTraceId": "t0", "properties": {"city": "Kobe"}},
        {"id": ids[1], "objectWriteTraceId": "t1", "properties": {"lifecyclestage": "nonsense"}},
        {"id": "999999", "objectWriteTraceId": "t2", "properties": {"city": "Nara"}},
    ]
    found, status, _ = client.crm.contacts.batch_api.update_with_http_info(BatchInputSimplePublicObjectBatchInput(inputs=rows))
    assert (status, [row.id for row in found.results]) == (207, [ids[0]])
    assert [(row.category, row.context["objectWriteTraceId"]) for row in found.errors] == [
        ("VALIDATION_ERROR", ["t1"]),
        ("OBJECT_NOT_FOUND", ["t2"]),
    ]
    assert started.portal.get("contacts", ids[0])["city"] == "Kobe"


def test_a_batch_create_answers_in_its_own_order(people: Any) -> None:
    _, client, _ = people
    rows = [{"properties": {"email": f"New{n}@example.com"}, "associations": []} for n in range(20)]
    made, status, _ = client.crm.contacts.batch_api.create_with_http_info(
        BatchInputSimplePublicObjectBatchInputForCreate(inputs=rows)
    )
    emails = [row.properties["email"] for row in made.results]
    assert status == 201
    assert sorted(emails) == sorted(f"new{n}@example.com" for n in range(20))
    assert emails != [f"new{n}@example.com" for n in range(20)]


def test_an_upsert_says_what_is_new(people: Any) -> None:
    started, client, _ = people
    started.portal.create("tasks", {"hs_timestamp": "2026-04-01", "crmsync_key": "k1"})
    rows = [{"id": key, "idProperty": "crmsync_key", "properties": {"hs_timestamp": "2026-05-01"}} for key in ("k1", "k2")]
    api = client.crm.objects.batch_api
    found = api.upsert("tasks", BatchInputSimplePublicObjectBatchInputUpsert(inputs=rows))
    assert sorted((row.new, row.properties["hs_timestamp"]) for row in found.results) == [
        (False, "2026-05-01T00:00:00.000Z"),
        (True, "2026-05-01T00:00:00.000Z"),
    ]


def test_contacts_are_upserted_by_their_email(people: Any) -> None:
    _, client, ids = people
    rows = [
        {"id": email, "idProperty": "email", "properties": {"city": "Nara"}} for email in ("p3@example.com", "upserted@example.com")
    ]
    found = client.crm.contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=rows))
    assert sorted((row.new, row.id == ids[3]) for row in found.results) == [(False, True), (True, False)]


def test_a_search_by_keyset_reaches_every_contact_once(people: Any) -> None:
    started, client, ids = people
    started.settle()
    api, seen = client.crm.contacts.search_api, ["0"]
    while True:
        filters = [
            {"propertyName": "lastmodifieddate", "operator": "GTE", "value": "2026-03-31T00:00:00Z"},
            {"propertyName": "hs_object_id", "operator": "GT", "value": seen[-1]},
        ]
        request = PublicObjectSearchRequest(
            filter_groups=[{"filters": filters}], sorts=["hs_object_id"], properties=["email"], limit=200, after="0"
        )
        page = api.do_search(request)
        seen += [row.id for row in page.results]
        if len(page.results) < 200:
            break
    assert seen[1:] == ids


def test_a_merge_gives_a_new_contact(people: Any) -> None:
    _, client, ids = people
    merged = client.crm.contacts.basic_api.merge(PublicMergeInput(primary_object_id=ids[0], object_id_to_merge=ids[1]))
    assert merged.id not in ids
    assert client.crm.contacts.basic_api.get_by_id(ids[1]).id == merged.id
    gone = BatchInputSimplePublicObjectBatchInput(inputs=[{"id": ids[1], "properties": {"city": "Kobe"}}])
    with pytest.raises(ApiException, match="400"):
        client.crm.contacts.batch_api.update(gone)


def test_a_batch_archive_empties_the_list(people: Any) -> None:
    _, client, ids = people
    client.crm.contacts.batch_api.archive(BatchInputSimplePublicObjectId(inputs=[{"id": number} for number in ids[:100]]))
    assert client.crm.contacts.basic_api.get_page(limit=1).results[0].id == ids[100]


def test_owners_come_active_archived_and_as_queues(people: Any) -> None:
    started, client, _ = people
    started.portal.add_owner("a@example.com", "A", "One")
    gone = started.portal.add_owner("b@example.com", "B", "Two", active=False)
    started.portal.add_queue("Inside sales")
    api = client.crm.owners.owners_api
    assert [(row.type, row.email) for row in api.get_page().results] == [("PERSON", "a@example.com"), ("QUEUE", None)]
    assert [(row.id, row.user_id) for row in api.get_page(archived=True).results] == [(gone, None)]
    assert [row.email for row in api.get_page(email="A@example.com").results] == ["a@example.com"]


def test_pipelines_carry_probabilities_as_text(people: Any) -> None:
    _, client, _ = people
    (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
    ends = {stage.id: stage.metadata["probability"] for stage in pipeline.stages if stage.metadata["isClosed"] == "true"}
    assert (pipeline.id, ends) == ("default", {"closedwon": "1.0", "closedlost": "0.0"})


def test_a_property_is_made_changed_archived_and_restored(people: Any) -> None:
    _, client, _ = people
    api = client.crm.properties.core_api
    options = [
        {"label": label, "value": label.lower(), "displayOrder": order, "hidden": False}
        for order, label in enumerate(("Hot", "Cold"))
    ]
    wanted = PropertyCreate(
        name="mood", label="Mood", type="enumeration", field_type="select", group_name="contactinformation", options=options
    )
    made = api.create("contacts", wanted)
    assert (made.hubspot_defined, [option.value for option in made.options]) == (False, ["hot", "cold"])
    with pytest.raises(Exception, match="PROPERTY_WITH_NAME_EXISTS"):
        api.create("contacts", wanted)
    changed = api.update("contacts", "mood", PropertyUpdate(options=options[:1]))
    assert [option.value for option in changed.options] == ["hot"]
    api.archive("contacts", "mood")
    with pytest.raises(Exception, match="404"):
        api.get_by_name("contacts", "mood")
    assert api.create("contacts", wanted).archived is False


def test_associations_come_in_pages_with_their_types(served: Callable[..., Any]) -> None:
    started = served(association_page=2)
    portal = started.portal
    contact = portal.create("contacts", {"email": "a@example.com"})
    lonely = portal.create("contacts", {"email": "b@example.com"})
    companies = [portal.create("companies", {"name": f"C{n}"}) for n in range(3)]
    for company in companies:
        portal.associate("contacts", contact, "companies", company)
    api = HubSpot(access_token=started.token, host=started.url).crm.associations.v4.batch_api
    asked = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": contact}, {"id": lonely}])
    (found,) = api.get_page("contacts", "companies", asked).results
    assert [row.to_object_id for row in found.to] == companies[:2]
    assert [[kind.type_id for kind in row.association_types] for row in found.to] == [[1, 279], [279]]
    more = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": contact, "after": found.paging.next.after}])
    (rest,) = api.get_page("contacts", "companies", more).results
    assert ([row.to_object_id for row in rest.to], rest.paging) == (companies[2:], None)


def test_associations_are_made_labelled_and_unmade(served: Callable[..., Any]) -> None:
    started = served()
    client = HubSpot(access_token=started.token, host=started.url)
    ids = [started.portal.create("contacts", {"email": f"p{n}@example.com"}) for n in range(4)]
    company = started.portal.create("companies", {"name": "C"})
    v4 = client.crm.associations.v4
    pair = {"from": {"id": ids[0]}, "to": {"id": company}}
    v4.batch_api.create_default("contacts", "companies", BatchInputPublicDefaultAssociationMultiPost(inputs=[pair]))
    other = {**pair, "from": {"id": ids[1]}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}
    v4.batch_api.create("contacts", "companies", BatchInputPublicAssociationMultiPost(inputs=[other]))
    primary = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)]
    v4.basic_api.create("contacts", ids[2], "companies", company, primary)
    assert [len(v4.basic_api.get_page("contacts", number, "companies").results) for number in ids] == [1, 1, 1, 0]
    v4.basic_api.archive("contacts", ids[0], "companies", company)
    assert v4.basic_api.get_page("contacts", ids[0], "companies").results == []


def test_a_list_takes_members_and_gives_them_back(people: Any) -> None:
    _, client, ids = people
    wanted = ListCreateRequest(name="Nurture", object_type_id="0-1", processing_type="MANUAL")
    made = client.crm.lists.lists_api.create(wanted).list
    members = client.crm.lists.memberships_api
    members.add(made.list_id, ids[:3])
    assert sorted(row.record_id for row in members.get_page(made.list_id).results) == sorted(ids[:3])
    members.remove(made.list_id, ids[:1])
    assert len(members.get_page(made.list_id).results) == 2
