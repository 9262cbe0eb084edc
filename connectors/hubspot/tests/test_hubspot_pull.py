"""Pulling over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crmsync.connect.contract import UNREAD, Need, PullRequest
from crmsync.errors import StopConnector
from crmsync.sandbox.faults import FaultKind
from crmsync.sandbox.hubspot.config import Limits, PortalConfig, Search
from crmsync_hubspot.paths import FAMILIES, Paths

Make = Callable[..., Any]
FREE = PortalConfig(limits=Limits(enforced=False))


def people(rig: Any, count: int, start: int = 0) -> list[str]:
    return [rig.portal.create("contacts", {"email": f"p{n}@example.com"}) for n in range(start, start + count)]


def test_a_backfill_reads_every_contact_once_page_by_page(rig: Any) -> None:
    ids = people(rig, 250)
    pulled = rig.pull("contacts")
    assert pulled.ids[:250] == ids
    assert len(rig.calls("GET", "/crm/objects/2026-03/contacts")) >= 3
    assert pulled.by_id()[ids[7]].fields["email"] == "p7@example.com"


def test_a_backfill_that_breaks_off_goes_on_after_the_last_stored_page(rig: Any) -> None:
    ids = people(rig, 2300)
    rig.advance(hours=1)
    whole = rig.pull("contacts").pages
    assert [len(page.records) for page in whole] == [1000, 1000, 300, 0]
    for at, stored in ((0, 1000), (1, 2000), (2, 2300)):
        rig.forget()
        assert rig.pull("contacts", whole[at].cursor).ids == ids[stored:]
    assert len(rig.calls("GET", "/contacts")) == 0, "what is listed is not listed again"


def test_what_changes_during_the_backfill_is_in_the_first_increment(rig: Any) -> None:
    ids = people(rig, 150)
    pages = rig.hub.pull(PullRequest("contacts", ("email",), None))
    next(pages)
    rig.advance(minutes=1)
    rig.portal.update("contacts", ids[0], {"email": "moved@example.com"})
    rig.advance(minutes=1)
    emails = [record.fields["email"] for page in pages for record in page.records if record.id == ids[0]]
    assert emails[-1] == "moved@example.com"


def test_an_increment_reads_what_changed_and_nothing_else(rig: Any) -> None:
    ids = people(rig, 30)
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=3)
    cursor = rig.pull("contacts", cursor).cursor
    rig.advance(hours=3)
    rig.portal.update("contacts", ids[3], {"firstname": "花子"})
    rig.advance(minutes=2)
    pulled = rig.pull("contacts", cursor)
    assert pulled.ids == [ids[3]]
    assert pulled.records[0].fields["firstname"] == "花子"
    assert rig.pull("contacts", pulled.cursor).ids == [ids[3]], "inside the overlap a record is read again, never missed"


def test_many_contacts_with_one_stamp_come_by_id_past_every_page(rig: Any) -> None:
    cursor = rig.pull("contacts").cursor
    rig.advance(minutes=20)
    ids = people(rig, 1500)
    rig.advance(minutes=1)
    rig.forget()
    pulled = rig.pull("contacts", cursor)
    assert pulled.ids == ids
    assert [len(page.records) for page in pulled.pages] == [1000, 500]
    assert pulled.pages[0].expected == 1500
    assert len(rig.calls("POST", "/search")) == 8, "200 a call"
    halfway = rig.pull("contacts", pulled.pages[0].cursor)
    assert halfway.ids == ids[1000:], "the cursor of any page goes on inside the same window"


def test_an_object_where_nothing_changed_costs_one_call(rig: Any) -> None:
    people(rig, 3)
    rig.advance(minutes=10)
    cursors = {stream: rig.pull(stream).cursor for stream in ("contacts", "companies", "deals", "tasks", "page_views")}
    rig.advance(minutes=15)
    rig.forget()
    for stream, cursor in cursors.items():
        rig.pull(stream, cursor)
    assert len(rig.requests) == len(cursors)


def test_a_row_that_the_index_shows_late_is_seen_by_a_later_window(rig_of: Make) -> None:
    rig = rig_of(config=replace(FREE, search=Search(lag_seconds=900, lag_jitter_seconds=0)))
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=2)
    (late,) = people(rig, 1)
    rig.advance(minutes=1)
    seen: list[str] = []
    for _ in range(8):
        pulled = rig.pull("contacts", cursor)
        cursor, seen = pulled.cursor, seen + pulled.ids
        rig.advance(minutes=15)
    assert late in seen


def test_an_empty_window_still_moves_the_cursor(rig: Any) -> None:
    cursor = rig.pull("deals").cursor
    rig.advance(hours=1)
    pulled = rig.pull("deals", cursor)
    assert pulled.records == []
    assert pulled.cursor["until"] > cursor["until"]


def test_the_winner_of_a_merge_names_those_it_replaced(rig: Any) -> None:
    one, two, other = people(rig, 3)
    rig.advance(hours=2)
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=1)
    winner = rig.portal.merge("contacts", one, two)
    rig.advance(minutes=10)
    pulled = rig.pull("contacts", cursor).by_id()
    assert winner not in (one, two)
    assert not pulled[winner].is_deleted
    assert {id_: pulled[id_].replaced_by for id_ in (one, two)} == {one: winner, two: winner}
    assert other not in pulled


def test_archived_records_come_as_deleted_once_the_bin_is_due(rig: Any) -> None:
    gone, stays = people(rig, 2)
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=1)
    rig.portal.archive("contacts", gone)
    rig.advance(minutes=10)
    early = rig.pull("contacts", cursor)
    assert gone not in early.ids
    rig.advance(hours=6)
    late = rig.pull("contacts", early.cursor)
    assert [(r.id, r.is_deleted, r.replaced_by) for r in late.records] == [(gone, True, None)]
    rig.advance(hours=7)
    assert rig.pull("contacts", late.cursor).records == [], "what went before the last pass is known"
    assert stays not in late.ids


def test_a_full_recycle_bin_is_read_in_parts(rig_of: Make) -> None:
    rig = rig_of(options={"archive_pages": 1, "archive_every_hours": 1})
    ids = people(rig, 250)
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=2)
    for id_ in ids:
        rig.portal.archive("contacts", id_)
    rig.advance(minutes=10)
    found: list[str] = []
    for _ in range(3):
        pulled = rig.pull("contacts", cursor)
        cursor, found = pulled.cursor, found + pulled.ids
    assert found == ids


def test_contacts_carry_their_companies_and_engagements_their_contacts(rig: Any) -> None:
    company = rig.portal.create("companies", {"name": "株式会社エー", "domain": "a.example"})
    contact = rig.portal.create("contacts", {"email": "a@a.example"}, associations=[("companies", company)])
    deal = rig.portal.create(
        "deals",
        {"dealname": "新規", "dealstage": "appointmentscheduled", "pipeline": "default"},
        associations=[("contacts", contact), ("companies", company)],
    )
    call = rig.portal.create("calls", {"hs_timestamp": "2026-11-01T00:00:00Z"}, associations=[("contacts", contact)])
    assert rig.pull("contacts").by_id()[contact].fields["associations.companies"] == [company]
    found = rig.pull("deals").by_id()[deal].fields
    assert (found["associations.contacts"], found["associations.companies"]) == ([contact], [company])
    assert rig.pull("calls").by_id()[call].fields["associations.contacts"] == [contact]


def test_associations_of_one_record_are_paged_to_their_end(rig_of: Make) -> None:
    rig = rig_of(config=replace(FREE, association_page=3))
    contacts = people(rig, 10)
    deal = rig.portal.create("deals", {"dealname": "d", "dealstage": "appointmentscheduled", "pipeline": "default"})
    for contact in contacts:
        rig.portal.associate("deals", deal, "contacts", contact)
    assert sorted(rig.pull("deals").by_id()[deal].fields["associations.contacts"]) == sorted(contacts)


def test_a_long_list_of_properties_never_ends_in_414(rig: Any) -> None:
    (contact,) = people(rig, 1)
    every = tuple(rig.hub.describe(["contacts"])["contacts"].fields)
    many = tuple(name for name in every if not name.startswith("associations."))
    assert sum(map(len, many)) > 1800
    cursor = rig.pull("contacts", None, many).cursor
    rig.advance(hours=2)
    rig.portal.update("contacts", contact, {"firstname": "花子"})
    rig.advance(minutes=10)
    assert rig.pull("contacts", cursor, many).by_id()[contact].fields["firstname"] == "花子"
    assert max(len(str(request.url)) for request in rig.requests) < 4000


def test_fields_that_the_portal_does_not_have_are_not_asked_for(rig: Any) -> None:
    (contact,) = people(rig, 1)
    assert "no_such_property" not in rig.pull("contacts", None, ("email", "no_such_property")).by_id()[contact].fields


def test_odd_answers_are_read_all_the_same(rig_of: Make) -> None:
    odd = replace(
        FREE,
        unknown_extra_keys=True,
        cleared_as_empty=True,
        milliseconds=False,
        numeric_to_object_id=False,
        association_gaps_as_errors=True,
        search=Search(truncates_milliseconds=True),
    )
    rig = rig_of(config=odd)
    company = rig.portal.create("companies", {"name": "a", "domain": "a.example"})
    contact = rig.portal.create("contacts", {"email": "a@a.example", "firstname": "x"}, associations=[("companies", company)])
    alone = rig.portal.create("contacts", {"email": "b@a.example"})
    rig.portal.update("contacts", contact, {"firstname": ""})
    found = rig.pull("contacts").by_id()
    assert found[contact].fields["firstname"] is None
    assert found[contact].fields["associations.companies"] == [company]
    assert found[alone].fields["associations.companies"] == []
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=1)
    rig.portal.update("contacts", contact, {"firstname": "y"})
    rig.advance(minutes=10)
    assert rig.pull("contacts", cursor).by_id()[contact].fields["firstname"] == "y"


def test_owners_come_active_and_archived(rig: Any) -> None:
    active = rig.portal.add_owner("sato@example.com", "Sato", "Ken")
    left = rig.portal.add_owner("old@example.com", "Old", "Hand", active=False)
    found = rig.pull("owners").by_id()
    assert (found[active].fields["email"], found[active].fields["archived"]) == ("sato@example.com", False)
    assert found[left].fields["archived"] is True
    assert not found[left].is_deleted


def test_pipelines_come_as_one_record_per_stage(rig: Any) -> None:
    found = rig.pull("pipelines").by_id()
    won = found["default/closedwon"].fields
    assert (won["pipeline_id"], won["stage_id"], won["probability"]) == ("default", "closedwon", "1.0")


def test_forms_of_every_kind_and_lists_come_whole(rig: Any) -> None:
    form = rig.portal.add_form("資料請求")
    blog = rig.portal.add_form("comments", kind="blog_comment")
    nurture = rig.portal.add_list("nurture")
    assert rig.pull("forms").by_id()[form].fields["name"] == "資料請求"
    assert blog in rig.pull("forms").ids
    assert rig.pull("lists").by_id()[nurture].fields["name"] == "nurture"


def test_submissions_come_with_their_values_and_stop_at_what_is_known(rig: Any) -> None:
    form = rig.portal.add_form("資料請求")
    rig.portal.add_form("comments", kind="blog_comment")
    for n in range(120):
        rig.portal.submit_form(form, {"email": f"s{n}@example.com", "firstname": "花"}, "https://example.com/dl")
        rig.advance(minutes=1)
    rig.advance(hours=1)
    pulled = rig.pull("form_submissions")
    assert len(set(pulled.ids)) == 120
    one = next(r for r in pulled.records if r.fields["values"]["email"] == "s7@example.com")
    assert (one.fields["form_guid"], one.fields["form_name"], one.fields["pageUrl"]) == (form, "資料請求", "https://example.com/dl")
    assert isinstance(one.fields["submittedAt"], int)
    rig.advance(hours=1)
    rig.portal.submit_form(form, {"email": "new@example.com"})
    rig.advance(minutes=1)
    rig.forget()
    later = rig.pull("form_submissions", pulled.cursor)
    assert [r.fields["values"]["email"] for r in later.records] == ["new@example.com"]
    assert len(rig.calls("GET", f"/submissions/forms/{form}")) == 1


def test_a_form_that_appears_later_is_read_from_its_beginning(rig: Any) -> None:
    first = rig.portal.add_form("a")
    rig.portal.submit_form(first, {"email": "a@example.com"})
    cursor = rig.pull("form_submissions").cursor
    form = rig.portal.add_form("b")
    rig.portal.submit_form(form, {"email": "b@example.com"})
    rig.advance(hours=5)
    cursor = {**cursor, "until": "2026-11-02T05:00:00.000Z"}
    assert [r.fields["form_name"] for r in rig.pull("form_submissions", cursor).records] == ["b"]


def test_submissions_that_break_off_repeat_a_form_and_lose_none(rig: Any) -> None:
    forms = [rig.portal.add_form(f"f{n}") for n in range(3)]
    for form in forms:
        for n in range(70):
            rig.portal.submit_form(form, {"email": f"s{n}@example.com"})
            rig.advance(seconds=1)
    rig.advance(minutes=1)
    whole = rig.pull("form_submissions")
    for at in range(len(whole.pages)):
        stored = [r.id for page in whole.pages[: at + 1] for r in page.records]
        rest = rig.pull("form_submissions", whole.pages[at].cursor).ids if at < len(whole.pages) - 1 else []
        assert set(stored) | set(rest) == set(whole.ids)


def test_a_missing_scope_switches_off_its_own_feature_and_is_named(rig_of: Make) -> None:
    scopes = tuple(s for s in PortalConfig().credentials.scopes if not s.startswith("crm.objects.deals") and s != "forms")
    config = replace(FREE, credentials=replace(FREE.credentials, scopes=scopes))
    rig = rig_of(config=config)
    found = rig.hub.describe(["contacts", "deals", "forms", "form_submissions"])
    assert [found[name].readable for name in ("contacts", "deals", "forms", "form_submissions")] == [True, False, False, False]
    assert "crm.objects.deals.read" in found["deals"].why_not
    assert rig.pull("deals").records == []


def test_describe_says_what_is_writable_which_values_and_what_is_unique(rig: Any) -> None:
    found = rig.hub.describe(["contacts", "tasks", "owners", "nothing_of_ours"])
    contacts = found["contacts"].fields
    assert contacts["crmsync_phase"].options == (
        "inquiry",
        "mql",
        "sql",
        "closed_won",
        "closed_lost",
        "recycled",
        "disqualified",
    )
    assert contacts["hs_analytics_num_page_views"].writable is False
    assert contacts["email"].writable
    assert contacts["hubspot_owner_id"].options is None
    assert found["tasks"].fields["crmsync_key"].unique
    assert found["owners"].readable
    assert not found["nothing_of_ours"].readable


def test_a_429_without_retry_after_is_waited_for_by_its_policy(rig: Any) -> None:
    rig.pull("contacts")
    rig.fault(FaultKind.LIMIT, "/search$", calls=(1,), detail="SECONDLY", headers=())
    cursor = rig.pull("contacts").cursor
    assert len(rig.waits) == 1
    assert 1.0 <= rig.waits[0] <= 2.0
    rig.forget()
    rig.fault(FaultKind.LIMIT, "/search$", calls=(1,), detail="TEN_SECONDLY_ROLLING", headers=())
    rig.pull("contacts", cursor)
    assert 10.0 <= rig.waits[0] <= 11.0


def test_a_429_with_retry_after_is_waited_for_as_long_as_it_says(rig: Any) -> None:
    cursor = rig.pull("contacts").cursor
    rig.fault(FaultKind.LIMIT, "/search$", calls=(1,), detail="SECONDLY", headers=(("Retry-After", "7"),))
    rig.pull("contacts", cursor)
    assert 7.0 <= rig.waits[0] <= 8.0


def test_the_daily_limit_stops_the_connection_at_once(rig: Any) -> None:
    cursor = rig.pull("contacts").cursor
    rig.fault(FaultKind.LIMIT, "/search$", detail="DAILY", headers=())
    with pytest.raises(StopConnector, match=r"connect\.quota"):
        rig.pull("contacts", cursor)
    assert rig.waits == []


def test_a_batch_read_that_is_too_much_work_is_halved(rig: Any) -> None:
    ids = people(rig, 100)
    rig.fault(FaultKind.HTML_502, "/batch/read$", calls=tuple(range(1, 6)))
    assert sorted(rig.hub.read("contacts", ids, ("email",))) == sorted(ids)


def test_records_are_read_by_id_and_missing_ids_are_absent(rig: Any) -> None:
    one, gone = people(rig, 2)
    rig.portal.archive("contacts", gone)
    found = rig.hub.read("contacts", [one, gone, "999999"], ("email",))
    assert set(found) == {one}
    assert found[one].fields["email"] == "p0@example.com"
    assert found[one].fields["associations.companies"] == []


def test_calls_are_counted_in_their_lanes_and_the_remainder_is_hubspots_own(rig_of: Make) -> None:
    rig = rig_of(budget=True)
    cursor = rig.pull("contacts").cursor
    rig.pull("contacts", cursor)
    usage = rig.client.usage
    assert usage.by_lane["search"] == 2
    assert usage.by_lane["burst"] == usage.calls - 2
    assert 0 < usage.left["daily"] <= 250_000


def test_every_object_that_can_be_pulled_is_asked_for_by_a_shipped_mapping(rig: Any) -> None:
    shipped = {file.stem for file in (Path(__file__).parents[3] / "mappings" / "hubspot").glob("*.yaml")}
    assert {stream.object for stream in rig.hub.capabilities.streams} == shipped


def test_the_first_cycle_of_a_lively_portal_meets_no_refusal(rig: Any) -> None:
    contacts = people(rig, 3)
    form = rig.portal.add_form("f")
    rig.portal.submit_form(form, {"email": "p0@example.com"})
    for contact in contacts:
        rig.portal.view_page(contact, "https://example.com/pricing")
        rig.portal.create("notes", {"hs_timestamp": "2026-11-01T00:00:00Z"}, associations=[("contacts", contact)])
    rig.advance(minutes=1)
    streams = [stream.object for stream in rig.hub.capabilities.streams]
    rig.hub.describe(streams)
    cursors = {stream: rig.pull(stream).cursor for stream in streams}
    rig.advance(minutes=15)
    for stream in streams:
        rig.pull(stream, cursors[stream])
    assert [(one.status_code, one.request.url.path) for one in rig.answers if one.status_code >= 300] == []


@pytest.mark.parametrize(("policy", "lane"), [("TEN_SECONDLY_ROLLING", "burst"), ("SECONDLY", "search")])
def test_a_refused_lane_is_known_to_be_spent(rig: Any, policy: str, lane: str) -> None:
    cursor = rig.pull("contacts").cursor
    rig.fault(FaultKind.LIMIT, "/search$", calls=(1,), detail=policy, headers=())
    rig.pull("contacts", cursor)
    assert rig.client.usage.left[lane] == 0
    rig.hub.read("contacts", ["1"], ("email",))
    assert rig.client.usage.left["burst"] > 0, "the next answer says otherwise"


MIXED = {"objects": "v3", "properties": "2026-09", "owners": "v3", "events": "v3", "token": "v3"}


@pytest.mark.parametrize(
    "options",
    [{"api_version": "2026-03"}, {"api_version": "2026-09"}, {"api_version": "v3"}, {"api_versions": MIXED}]
    + [{"api_versions": {family: "v3"}} for family in FAMILIES]
    + [{"api_version": "v3", "api_versions": {family: "2026-03"}} for family in FAMILIES],
    ids=str,
)
def test_everything_works_whatever_version_each_family_of_endpoints_has(rig_of: Make, options: dict[str, Any]) -> None:
    held = PortalConfig().credentials
    secrets = {"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token}
    rig = rig_of(options=options, secrets=secrets, is_dated=False)
    (contact,) = people(rig, 1)
    deal = rig.portal.create(
        "deals", {"dealname": "d", "dealstage": "appointmentscheduled", "pipeline": "default"}, associations=[("contacts", contact)]
    )
    form = rig.portal.add_form("f")
    rig.portal.submit_form(form, {"email": "p0@example.com"})
    rig.portal.view_page(contact, "https://example.com/pricing")
    rig.advance(minutes=5)
    for stream in rig.hub.capabilities.streams:
        rig.pull(stream.object)
    assert rig.pull("deals").by_id()[deal].fields["associations.contacts"] == [contact]
    assert len(rig.pull("page_views").records) == 1
    receipts = rig.push(rig.change(contact, {"crmsync_phase": "mql", "lifecyclestage": "lead"})) + rig.push(rig.task("k1", contact))
    assert [receipt.outcome for receipt in receipts] == ["written", "written"]
    assert rig.portal.associated("tasks", receipts[1].record_id, "contacts") == [contact]
    made = rig.hub.provision([Need("contacts", "crmsync_new", "choice", "New", ("a",))], apply=True)
    assert [step.state for step in made] == ["created"]
    paths = Paths(options.get("api_version", "2026-03"), options.get("api_versions", {}))
    prefixes = {paths.of(family, "", "").split("//")[0].rstrip("/") for family in FAMILIES}
    strange = {
        r.url.path
        for r in rig.requests
        if not r.url.path.startswith((*prefixes, "/marketing/", "/form-integrations/", "/analytics/"))
    }
    assert strange == set(), "every call goes through the one table"


@pytest.mark.parametrize("wrong", [{"leads": "v3"}, {"objects": "v9"}, "v3", ["objects"]])
def test_versions_that_cannot_be_are_refused_with_what_can(rig_of: Make, wrong: Any) -> None:
    with pytest.raises(StopConnector, match="api_versions"):
        rig_of(options={"api_versions": wrong})


def test_oauth_tokens_are_renewed_before_their_end_on_the_servers_clock(rig_of: Make) -> None:
    held = PortalConfig().credentials
    secrets = {"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token}
    rig = rig_of(secrets=secrets)
    people(rig, 3)
    cursor = rig.pull("contacts").cursor
    assert len(rig.calls("POST", "/oauth/2026-03/token")) == 1
    rig.advance(minutes=24)
    cursor = rig.pull("contacts", cursor).cursor
    assert len(rig.calls("POST", "/oauth/2026-03/token")) == 1
    rig.advance(minutes=2)
    cursor = rig.pull("contacts", cursor).cursor
    rig.pull("contacts", cursor)
    assert len(rig.calls("POST", "/oauth/2026-03/token")) == 2
    rig.advance(hours=9)
    assert rig.pull("contacts", cursor).cursor["until"] > cursor["until"]


def test_a_token_that_is_refused_in_the_middle_is_renewed_once(rig_of: Make) -> None:
    held = PortalConfig().credentials
    secrets = {"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token}
    rig = rig_of(secrets=secrets)
    people(rig, 3)
    rig.fault(FaultKind.EXPIRED_TOKEN, "/contacts$", calls=(1,))
    assert len(rig.pull("contacts").ids) >= 3
    assert len(rig.calls("POST", "/oauth/2026-03/token")) == 2


def test_a_refused_refresh_token_stops_the_connection(rig_of: Make) -> None:
    rig = rig_of(secrets={"client_id": "x", "client_secret": "y", "refresh_token": "wrong"})
    with pytest.raises(StopConnector, match=r"connect\.auth"):
        rig.pull("contacts")


def exchanging(rig: Any, newest: str) -> None:
    """From now on the token endpoint hands out another refresh token."""
    rig.twist(lambda path, status, body: {**body, "refresh_token": newest} if path.endswith("/token") and status == 200 else body)


def test_an_exchanged_refresh_token_outlives_the_process_until_an_admin_sets_another(rig_of: Make, tmp_path: Path) -> None:
    held = PortalConfig().credentials
    secrets = {"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token}
    options = {"refresh_token_file": str(tmp_path / "refresh")}
    rig = rig_of(secrets=secrets, options=options)
    exchanging(rig, "exchanged")
    rig.pull("contacts")
    assert (tmp_path / "refresh").stat().st_mode & 0o777 == 0o600
    later = rig_of(secrets=secrets, options=options)
    with pytest.raises(StopConnector, match=r"connect\.auth"):
        later.pull("contacts")
    (asked,) = later.calls("POST", "/token")
    assert b"refresh_token=exchanged" in asked.content, "the portal of this test does not know it, but it was the one sent"
    other = rig_of(secrets={**secrets, "refresh_token": "another"}, options=options)
    with pytest.raises(StopConnector, match=r"connect\.auth"):
        other.pull("contacts")
    assert b"refresh_token=another" in other.calls("POST", "/token")[0].content


def test_a_refresh_token_that_could_not_be_kept_is_not_spent(rig_of: Make, tmp_path: Path) -> None:
    held = PortalConfig().credentials
    secrets = {"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token}
    rig = rig_of(secrets=secrets, options={"refresh_token_file": str(tmp_path / "not there" / "refresh")})
    with pytest.raises(StopConnector, match=r"connect\.file_not_writable"):
        rig.pull("contacts")
    assert rig.calls("POST", "/token") == []


def test_many_threads_that_need_a_token_share_one_renewal(rig_of: Make) -> None:
    held = PortalConfig().credentials
    rig = rig_of(secrets={"client_id": held.client_id, "client_secret": held.client_secret, "refresh_token": held.refresh_token})
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: rig.hub.read("contacts", ["1"], ("email",)), range(6)))
    assert len(rig.calls("POST", "/token")) == 1


def _without(*names: str) -> PortalConfig:
    kept = tuple(s for s in PortalConfig().credentials.scopes if s not in names)
    return replace(FREE, credentials=replace(FREE.credentials, scopes=kept))


@pytest.mark.parametrize(
    ("object", "scope"),
    [
        ("contacts", "crm.objects.contacts.read"),
        ("companies", "crm.objects.companies.read"),
        ("deals", "crm.objects.deals.read"),
        ("deals", "crm.schemas.deals.read"),
        ("tasks", "crm.objects.contacts.read"),
        ("calls", "crm.objects.contacts.read"),
        ("owners", "crm.objects.owners.read"),
        ("pipelines", "crm.objects.deals.read"),
        ("lists", "crm.lists.read"),
        ("forms", "forms"),
        ("form_submissions", "forms"),
    ],
)
def test_a_pull_without_a_scope_says_which_stays_where_it_is_and_goes_on_when_it_is_granted(
    rig_of: Make, object: str, scope: str
) -> None:
    rig = rig_of(config=_without(scope))
    before = {"since": "2026-11-01T00:00:00.000Z"} if object == "form_submissions" else None
    (page,) = rig.pull(object, before).pages
    assert (page.records, page.cursor) == ((), before or {})
    (told,) = page.notices
    assert (told.code, told.stands, told.params["object"]) == (UNREAD, True, object)
    assert scope in told.params["why"]
    rig.portal.tokens.grant(rig.portal.config.credentials.private_app_token, PortalConfig().credentials.scopes)
    assert [notice for page in rig.pull(object).pages for notice in page.notices] == []


def test_single_views_that_a_plan_does_not_give_are_named_as_long_as_it_is_so(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    contact = rig.portal.create("contacts", {"email": "a@example.com"})
    rig.portal.view_page(contact, "https://example.com/pricing")
    rig.advance(minutes=10)
    codes = [notice.code for page in rig.pull("page_views").pages for notice in page.notices]
    assert codes == ["connect.views_by_analytics"]


@pytest.mark.parametrize("object", ["contacts", "deals", "owners", "form_submissions", "page_views"])
def test_an_address_where_nothing_is_found_is_an_error_and_no_empty_portal(rig_of: Make, object: str) -> None:
    rig = rig_of(is_dated=False)
    rig.client.base_urls["api"] += "/elsewhere"
    with pytest.raises(StopConnector) as stopped:
        rig.pull(object)
    assert stopped.value.code == "connect.base_url_wrong"
    with pytest.raises(StopConnector):
        rig.hub.describe([object])


def test_an_object_that_a_portal_does_not_have_is_no_wrong_address(rig: Any) -> None:
    rig.fault(FaultKind.ANSWER, "/deals|/0-3", status=404, body=b'{"status":"error","message":"resource not found"}')
    told = [notice for page in rig.pull("deals").pages for notice in page.notices]
    assert [notice.code for notice in told] == [UNREAD]
