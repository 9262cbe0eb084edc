"""The portal's own rules, without HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.errors import PortalError
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.times import iso
from crmsync.sandbox.hubspot.types import object_type


def refused(portal: Portal, type: str, properties: Mapping[str, Any]) -> tuple[int, set[str | None]]:
    """Status and codes with which a creation is refused."""
    with pytest.raises(PortalError) as caught:
        portal.create(type, properties)
    return caught.value.status, {row.code for row in caught.value.errors}


def test_ids_rise_in_one_sequence_across_types(portal: Portal) -> None:
    contact, company = portal.create("contacts", {"email": "a@b.co"}), portal.create("companies", {"name": "A"})
    assert int(company) == int(contact) + 1


def test_an_email_is_kept_in_lower_case_and_only_once(portal: Portal) -> None:
    first = portal.create("contacts", {"email": "Ann@Example.CO"})
    assert portal.get("contacts", first)["email"] == "ann@example.co"  # type: ignore[index]
    with pytest.raises(PortalError, match="409") as caught:
        portal.create("contacts", {"email": "ANN@example.co"})
    assert caught.value.message == f"Contact already exists. Existing ID: {first}"


def test_taking_over_another_contacts_email_names_the_holder(portal: Portal) -> None:
    first, second = portal.create("contacts", {"email": "a@b.co"}), portal.create("contacts", {"email": "c@d.co"})
    with pytest.raises(PortalError, match="400") as caught:
        portal.update("contacts", second, {"email": "a@b.co"})
    assert f"Existing ID: {first}" in caught.value.message


def test_an_email_is_free_again_after_it_changed_or_its_contact_is_archived(portal: Portal) -> None:
    first = portal.create("contacts", {"email": "a@b.co"})
    portal.update("contacts", first, {"email": "new@b.co"})
    second = portal.create("contacts", {"email": "a@b.co"})
    portal.archive("contacts", second)
    assert portal.create("contacts", {"email": "a@b.co"}) not in (first, second)


@pytest.mark.parametrize(
    ("type", "properties", "code"),
    [
        ("contacts", {"email": "a@b.co", "nobody_knows": "x"}, "PROPERTY_DOESNT_EXIST"),
        ("contacts", {"email": "not an address"}, "INVALID_EMAIL"),
        ("contacts", {"email": "a@b.co", "hs_analytics_num_visits": "3"}, "READ_ONLY_VALUE"),
        ("contacts", {"email": "a@b.co", "num_associated_deals": "3"}, "READ_ONLY_VALUE"),
        ("contacts", {"email": "a@b.co", "lifecyclestage": "Lead"}, "INVALID_OPTION"),
        ("contacts", {"email": "a@b.co", "crmsync_budget": "perhaps"}, "INVALID_OPTION"),
        ("contacts", {"email": "a@b.co", "crmsync_score": "many"}, "INVALID_LONG"),
        ("contacts", {"email": "a@b.co", "hubspot_owner_id": "999999"}, "INVALID_OPTION"),
        ("deals", {"dealname": "d", "dealstage": "no-stage"}, "INVALID_OPTION"),
        ("deals", {"dealname": "d", "dealstage": "closedwon", "crmsync_contract_end": "1767322800001"}, "INVALID_DATE"),
        ("tasks", {"hs_task_subject": "call"}, "MISSING_REQUIRED_PROPERTY"),
        ("deals", {"dealname": "d"}, "MISSING_REQUIRED_PROPERTY"),
        ("companies", {"city": "Kobe"}, "MISSING_REQUIRED_PROPERTY"),
        ("contacts", {"company": "A"}, "MISSING_REQUIRED_PROPERTY"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_code(
    portal: Portal, type: str, properties: dict[str, str], code: str
) -> None:
    assert refused(portal, type, properties) == (400, {code})


def test_all_bad_values_of_a_record_are_told_at_once(portal: Portal) -> None:
    _, codes = refused(portal, "contacts", {"email": "nope", "unknown_thing": "1", "createdate": "2026-01-01"})
    assert codes == {"INVALID_EMAIL", "PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"}


def test_times_are_kept_in_utc_with_milliseconds_whatever_form_they_came_in(portal: Portal) -> None:
    ids = [portal.create("tasks", {"hs_timestamp": text}) for text in ("2026-04-01T09:00:00+09:00", "1775001600000", "2026-04-01")]
    assert {portal.get("tasks", number)["hs_timestamp"] for number in ids} == {"2026-04-01T00:00:00.000Z"}  # type: ignore[index]


def test_a_lifecycle_stage_only_moves_forward_and_says_nothing(portal: Portal) -> None:
    contact = portal.create("contacts", {"email": "a@b.co", "lifecyclestage": "opportunity"})
    portal.update("contacts", contact, {"lifecyclestage": "lead"})
    assert portal.get("contacts", contact)["lifecyclestage"] == "opportunity"  # type: ignore[index]


def test_a_cleared_lifecycle_stage_takes_any_value(portal: Portal) -> None:
    contact = portal.create("contacts", {"email": "a@b.co", "lifecyclestage": "opportunity"})
    portal.update("contacts", contact, {"lifecyclestage": ""})
    portal.update("contacts", contact, {"lifecyclestage": "lead"})
    assert portal.get("contacts", contact)["lifecyclestage"] == "lead"  # type: ignore[index]


def test_a_write_moves_the_modified_time_and_a_rollup_does_not(portal: Portal, clock: VirtualClock) -> None:
    contact = portal.create("contacts", {"email": "a@b.co"})
    clock.advance(timedelta(minutes=1))
    portal.create("deals", {"dealname": "d", "dealstage": "qualifiedtobuy"}, associations=[("contacts", contact)])
    row = portal.get("contacts", contact)
    assert row is not None
    assert (row["num_associated_deals"], row["lastmodifieddate"]) == ("1", "2026-04-01T00:00:00.000Z")
    portal.update("contacts", contact, {"city": "Kobe"})
    assert portal.get("contacts", contact)["lastmodifieddate"] == "2026-04-01T00:01:00.000Z"  # type: ignore[index]


def test_a_deal_knows_from_its_stage_whether_it_is_closed_and_won(portal: Portal) -> None:
    deal = portal.create("deals", {"dealname": "d", "dealstage": "contractsent"})
    states = []
    for stage in ("contractsent", "closedwon", "closedlost"):
        portal.update("deals", deal, {"dealstage": stage})
        row = portal.get("deals", deal) or {}
        states.append((row["hs_is_closed"], row["hs_is_closed_won"], bool(row.get("closedate"))))
    assert states == [("false", "false", False), ("true", "true", True), ("true", "false", True)]


def test_the_first_company_becomes_primary_and_a_second_does_not(portal: Portal) -> None:
    contact = portal.create("contacts", {"email": "a@b.co"})
    first, second = portal.create("companies", {"name": "A"}), portal.create("companies", {"name": "B"})
    portal.associate("companies", first, "contacts", contact)
    portal.associate("contacts", contact, "companies", second)
    assert portal.associated("contacts", contact, "companies") == [first, second]
    assert portal.get("contacts", contact)["associatedcompanyid"] == first  # type: ignore[index]


def test_merging_gives_a_new_id_that_both_old_ids_lead_to(portal: Portal) -> None:
    company = portal.create("companies", {"name": "A"})
    kept = portal.create("contacts", {"email": "a@b.co", "city": "Kobe"}, associations=[("companies", company)])
    lost = portal.create("contacts", {"email": "c@d.co", "city": "Nara", "phone": "1"})
    result = portal.merge("contacts", kept, lost)
    row = portal.get("contacts", kept) or {}
    assert result not in (kept, lost)
    assert portal.get("contacts", lost) == row
    assert (row["email"], row["city"], row["phone"], row["hs_object_id"]) == ("a@b.co", "Kobe", "1", result)
    assert row["hs_merged_object_ids"] == f"{kept};{lost}"
    assert [r["hs_object_id"] for r in portal.rows("contacts")] == [result]
    assert portal.associated("companies", company, "contacts") == [result]
    assert portal.find("contacts", "email", "c@d.co") == result


def test_a_chain_of_merges_leads_to_its_end_and_names_every_former_id(portal: Portal) -> None:
    a, b, c = (portal.create("contacts", {"email": f"{n}@b.co"}) for n in "abc")
    first = portal.merge("contacts", a, b)
    last = portal.merge("contacts", c, first)
    row = portal.get("contacts", a) or {}
    assert row["hs_object_id"] == last
    assert set(row["hs_merged_object_ids"].split(";")) == {a, b, c, first}


def test_a_restored_contact_is_listed_and_searched_again_with_its_old_stamp(portal: Portal, clock: VirtualClock) -> None:
    contacts = [portal.create("contacts", {"email": f"{name}@example.com"}) for name in "abc"]
    stamp = iso(clock.now())
    clock.advance(timedelta(hours=1))
    for contact in contacts:
        portal.archive("contacts", contact)
    for contact in contacts[1:]:
        portal.restore("contacts", contact)
    assert [row["hs_object_id"] for row in portal.rows("contacts")] == contacts[1:]
    assert portal.find("contacts", "email", "b@example.com") == contacts[1]
    assert portal.get("contacts", contacts[1])["lastmodifieddate"] == stamp  # type: ignore[index]
    assert portal.objects.catch_up(object_type("contacts")).all_ids() == [int(number) for number in contacts[1:]]


def test_a_contact_whose_address_was_taken_cannot_be_restored(portal: Portal) -> None:
    gone = portal.create("contacts", {"email": "a@example.com"})
    portal.archive("contacts", gone)
    portal.create("contacts", {"email": "a@example.com"})
    with pytest.raises(PortalError) as caught:
        portal.restore("contacts", gone)
    assert caught.value.status == 400


def test_a_merged_contact_has_the_visits_of_both(portal: Portal, clock: VirtualClock) -> None:
    one, two = (portal.create("contacts", {"email": f"{name}@example.com"}) for name in "ab")
    portal.view_page(two, "https://example.com/first")
    for contact, page in ((one, "a"), (one, "b"), (two, "last")):
        clock.advance(timedelta(hours=1))
        portal.view_page(contact, f"https://example.com/{page}")
    row = portal.get("contacts", portal.merge("contacts", one, two))
    assert row is not None
    assert (row["hs_analytics_num_page_views"], row["hs_analytics_num_visits"]) == ("4", "4")
    assert (row["hs_analytics_first_url"], row["hs_analytics_last_url"]) == (
        "https://example.com/first",
        "https://example.com/last",
    )
    assert row["hs_analytics_last_timestamp"] == row["hs_analytics_last_visit_timestamp"] == portal.now()


def test_a_merge_keeps_the_primary_id_where_the_portal_is_set_so(new_portal: Callable[..., Portal]) -> None:
    portal = new_portal(merge_keeps_primary_id=True)
    kept, lost = portal.create("contacts", {"email": "a@b.co"}), portal.create("contacts", {"email": "c@d.co"})
    assert portal.merge("contacts", kept, lost) == kept
    assert (portal.get("contacts", lost) or {})["hs_object_id"] == kept


def test_archiving_takes_a_record_out_of_sight_with_its_associations(portal: Portal) -> None:
    contact = portal.create("contacts", {"email": "a@b.co"})
    deal = portal.create("deals", {"dealname": "d", "dealstage": "contractsent"}, associations=[("contacts", contact)])
    portal.archive("contacts", contact)
    assert portal.get("contacts", contact) is None
    assert list(portal.rows("contacts")) == []
    assert portal.associated("deals", deal, "contacts") == []


def test_a_lead_that_loses_its_contact_goes_too(portal: Portal) -> None:
    contact = portal.create("contacts", {"email": "a@b.co"})
    lead = portal.create("leads", {"hs_lead_name": "A"}, associations=[("contacts", contact)])
    portal.archive("contacts", contact)
    assert portal.get("leads", lead) is None


def test_a_form_makes_a_lead_and_counts_its_conversions(portal: Portal, clock: VirtualClock) -> None:
    paper, quote = portal.add_form("White paper"), portal.add_form("Quote")
    contact = portal.submit_form(paper, {"email": "A@b.co", "firstname": "Ann"}, "https://example.com/paper")
    clock.advance(timedelta(days=1))
    assert portal.submit_form(quote, {"email": "a@b.co", "unknown": "kept with the submission"}) == contact
    row = portal.get("contacts", contact) or {}
    assert (row["lifecyclestage"], row["firstname"]) == ("lead", "Ann")
    assert (row["num_conversion_events"], row["num_unique_conversion_events"]) == ("2", "2")
    assert row["first_conversion_event_name"] == "https://example.com/paper: White paper"
    assert (row["recent_conversion_event_name"], row["recent_conversion_date"]) == ("Quote", "2026-04-02T00:00:00.000Z")


def test_page_views_within_half_an_hour_are_one_visit(portal: Portal, clock: VirtualClock) -> None:
    contact = portal.create("contacts", {"email": "a@b.co"})
    for minutes in (0, 10, 29, 31):
        portal.view_page(contact, "https://example.com/pricing")
        clock.advance(timedelta(minutes=minutes))
    portal.view_page(contact, "https://example.com/cases")
    row = portal.get("contacts", contact) or {}
    assert (row["hs_analytics_num_page_views"], row["hs_analytics_num_visits"]) == ("5", "2")
    assert row["hs_analytics_last_url"] == "https://example.com/cases"


def test_a_logged_call_shows_on_the_contact_without_modifying_it(portal: Portal, clock: VirtualClock) -> None:
    contact = portal.create("contacts", {"email": "a@b.co"})
    clock.advance(timedelta(hours=1))
    portal.create("calls", {"hs_timestamp": portal.now(), "hs_call_status": "COMPLETED"}, associations=[("contacts", contact)])
    row = portal.get("contacts", contact) or {}
    assert (row["notes_last_contacted"], row["lastmodifieddate"]) == ("2026-04-01T01:00:00.000Z", "2026-04-01T00:00:00.000Z")


def test_a_portal_that_is_not_provisioned_has_none_of_our_properties(new_portal: Callable[..., Portal]) -> None:
    assert refused(new_portal(provisioned=False), "contacts", {"email": "a@b.co", "crmsync_phase": "mql"}) == (
        400,
        {"PROPERTY_DOESNT_EXIST"},
    )


def test_editing_a_pipeline_modifies_all_of_its_deals(portal: Portal, clock: VirtualClock) -> None:
    deal = portal.create("deals", {"dealname": "d", "dealstage": "contractsent"})
    clock.advance(timedelta(hours=1))
    portal.add_stage("deals", "default", "legal", "Legal review")
    assert (portal.get("deals", deal) or {})["hs_lastmodifieddate"] == "2026-04-01T01:00:00.000Z"


def test_the_key_of_a_task_is_unique_unless_the_portal_cannot(new_portal: Callable[..., Portal]) -> None:
    task = {"hs_timestamp": "2026-04-01", "crmsync_key": "k1"}
    strict, lax = new_portal(), new_portal(unique_properties_on_tasks=False)
    strict.create("tasks", task)
    assert refused(strict, "tasks", task)[0] == 409
    assert lax.create("tasks", task) != lax.create("tasks", task)


def test_a_list_kept_by_filters_takes_no_members_by_hand(portal: Portal) -> None:
    number = portal.add_list("All", processing="DYNAMIC")
    with pytest.raises(PortalError, match="400"):
        portal.activity.list(number).change([1], [], portal.now())
