"""Reports: campaigns with their spend, and visits. Read some times a day; what an account does not have rests alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from crmsync.connect.contract import UNREAD, PullRequest
from crmsync.sandbox.hubspot.config import ALL_SCOPES, Credentials, Limits, PortalConfig
from crmsync_hubspot.reports import Told, visit_records

Make = Callable[..., Any]
NO_HUB = PortalConfig(limits=Limits(enforced=False), marketing_hub=False)


def without(scope: str) -> PortalConfig:
    kept = replace(Credentials(), scopes=tuple(one for one in ALL_SCOPES if one != scope))
    return PortalConfig(limits=Limits(enforced=False), credentials=kept)


def read(rig: Any, object: str, cursor: Mapping[str, Any] | None = None, known: tuple[str, ...] = ()) -> Any:
    """One pull as a cycle makes it: at the run's own instant. Gives the last page."""
    request = PullRequest(object, (), cursor, lambda other: known if other == object else (), rig.clock.now())
    *_, page = rig.hub.pull(request)
    return page


# ------------------------------------------------------------------------------------------------------------ campaigns


@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_campaigns_come_with_what_was_spent_on_them(rig_of: Make, version: str) -> None:
    rig = rig_of(options={"api_version": version}, is_dated=version == "2026-03")
    fair = rig.portal.add_campaign("Spring fair", starts="2026-04-01", ends="2026-04-30")
    rig.portal.spend(fair, 200_000)
    rig.portal.spend(fair, 80_000.5)
    plain = rig.portal.add_campaign("Nothing spent")
    records = {record.id: record for record in read(rig, "campaigns").records}
    assert records[fair].fields == {
        "hs_name": "Spring fair",
        "hs_campaign_status": "in_progress",
        "hs_start_date": "2026-04-01",
        "hs_end_date": "2026-04-30",
        "hs_currency_code": "JPY",
        "hs_spend_items_sum_amount": "280000.5",
        "hs_budget_items_sum_amount": None,
    }
    assert records[plain].fields["hs_spend_items_sum_amount"] is None


def test_campaigns_of_several_pages_cost_a_call_for_each_hundred(rig: Any) -> None:
    for n in range(201):
        rig.portal.add_campaign(f"Campaign {n}")
    assert len(read(rig, "campaigns").records) == 201
    assert len(rig.calls("GET", "/campaigns")) == 3


def test_between_its_readings_a_report_costs_no_call(rig: Any) -> None:
    rig.portal.add_campaign("Fair")
    rig.portal.crowd(day(0), "organic", 3)
    cursors = {report: read(rig, report).cursor for report in ("campaigns", "visits")}
    rig.forget()
    for _ in range(23):
        rig.advance(minutes=15)
        for report, cursor in cursors.items():
            page = read(rig, report, cursor)
            assert (page.records, page.cursor, page.notices) == ((), cursor, ())
    assert not rig.requests
    rig.advance(minutes=15)
    assert [len(read(rig, report, cursor).records) for report, cursor in cursors.items()] == [1, 1]
    assert len(rig.requests) == 2


def test_how_often_reports_are_read_is_an_option(rig_of: Make) -> None:
    rig = rig_of(options={"reports_every_hours": 1})
    cursor = read(rig, "campaigns").cursor
    rig.advance(minutes=60)
    rig.portal.add_campaign("Fair")
    assert len(read(rig, "campaigns", cursor).records) == 1


def test_a_campaign_that_is_listed_no_more_is_gone(rig: Any) -> None:
    kept, lost = rig.portal.add_campaign("Kept"), rig.portal.add_campaign("Lost")
    cursor = read(rig, "campaigns").cursor
    rig.portal.remove_campaign(lost)
    rig.advance(hours=6)
    records = {record.id: record.is_deleted for record in read(rig, "campaigns", cursor, known=(kept, lost)).records}
    assert records == {kept: False, lost: True}


# --------------------------------------------------------------------------------------------------------------- visits

TODAY = date(2026, 11, 2)  # in the portal's zone


def day(back: int) -> str:
    return (TODAY - timedelta(days=back)).isoformat()


def all_read(rig: Any, cursor: Mapping[str, Any] | None = None) -> Any:
    """Every page of one pull: the records by id, and the last cursor."""
    request = PullRequest("visits", (), cursor, now=rig.clock.now())
    pages = list(rig.hub.pull(request))
    return {record.id: record.fields for page in pages for record in page.records}, pages[-1].cursor


def visitors(records: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    return {id_: fields["visitors"] for id_, fields in records.items()}


def test_visits_come_by_day_and_source(rig: Any) -> None:
    rig.portal.crowd(day(1), "organic", 120, views=310)
    rig.portal.crowd(day(1), "paid", 80)
    rig.portal.crowd(day(0), "direct", 7)
    records, _ = all_read(rig)
    assert records[f"{day(1)}/organic"] == {
        "day": day(1), "breakdown": "organic", "visitors": 120, "visits": 120, "rawViews": 310,
    }  # fmt: skip
    assert visitors(records) == {f"{day(1)}/organic": 120, f"{day(1)}/paid": 80, f"{day(0)}/direct": 7}


def test_whom_the_portal_knows_is_a_visitor_of_its_own_day(rig: Any) -> None:
    """At 16:00 UTC it is tomorrow in Tokyo."""
    someone = rig.portal.create("contacts", {"email": "p@example.com"})
    for _ in range(3):
        rig.portal.view_page(someone, "https://www.example.com/pricing/")
    rig.advance(hours=16)
    rig.portal.view_page(someone, "https://www.example.com/")
    assert visitors(all_read(rig)[0]) == {"2026-11-02/direct": 1, "2026-11-03/direct": 1}


def test_a_day_on_which_nobody_came_is_a_day_with_no_visitors_once_anybody_ever_did(rig: Any) -> None:
    rig.portal.crowd(day(3), "organic", 5)
    rig.portal.crowd(day(1), "organic", 6)
    found = visitors(all_read(rig)[0])
    assert found == {f"{day(3)}/organic": 5, f"{day(2)}/-": 0, f"{day(1)}/organic": 6, f"{day(0)}/-": 0}


def test_a_site_that_nobody_tracks_says_nothing_rather_than_that_nobody_came(rig: Any) -> None:
    records, cursor = all_read(rig)
    assert records == {}
    rig.advance(hours=6)
    assert all_read(rig, cursor)[0] == {}


def test_the_last_days_are_read_again_and_what_moved_to_another_source_is_moved(rig: Any) -> None:
    for back in range(20):
        rig.portal.crowd(day(back), "direct", 10)
    _, cursor = all_read(rig)
    rig.forget()
    del rig.portal.activity.crowds[day(2), "direct"]
    rig.portal.crowd(day(2), "paid", 10)
    rig.advance(hours=6)
    records, _ = all_read(rig, cursor)
    assert len(rig.calls("GET", "/analytics/")) == 1
    assert sorted({fields["day"] for fields in records.values()}) == [day(back) for back in reversed(range(7))]
    assert (records[f"{day(2)}/direct"]["visitors"], records[f"{day(2)}/paid"]["visitors"]) == (0, 10)


def test_the_first_reading_goes_back_as_far_as_the_option_says_in_few_calls(rig_of: Make) -> None:
    rig = rig_of(options={"visits_days": 250})
    for back in range(400):
        rig.portal.crowd(day(back), "organic", 1)
    records, cursor = all_read(rig)
    assert len(records) == 251
    assert len(rig.calls("GET", "/analytics/")) == 3
    assert len(cursor["told"]) == 7


def test_a_reading_that_was_stopped_goes_on_behind_the_days_that_were_stored(rig: Any) -> None:
    for back in range(390):
        rig.portal.crowd(day(back), "organic", back)
    request = PullRequest("visits", (), None, now=rig.clock.now())
    pages = rig.hub.pull(request)
    first = next(pages)
    pages.close()
    records, _ = all_read(rig, first.cursor)
    assert visitors({record.id: record.fields for record in first.records} | records) == {
        f"{day(back)}/organic": back for back in range(390)
    }


@pytest.mark.parametrize("status", [413, 501])
def test_a_report_over_too_many_days_is_asked_for_in_halves(rig: Any, status: int) -> None:
    for back in range(90):
        rig.portal.crowd(day(back), "organic", 1)

    def too_much(path: str, code: int, body: Any) -> Any:
        is_long = "/analytics/" in path and len(body) > 30
        return httpx.Response(status, json={"status": "error", "message": "too much"}) if is_long else body

    rig.twist(too_much)
    records, _ = all_read(rig)
    assert sum(visitors(records).values()) == 90


def test_days_and_sources_as_another_portal_says_them_are_read_all_the_same() -> None:
    first = date(2026, 11, 1)
    answer = {
        "2026-11-01T00:00:00Z": [{"breakdown": "organic", "visitors": 3}, {"visitors": 9}, None],
        "2026-11-02": None,
        "totals": [{"breakdown": "organic", "visitors": 3}],
    }
    records, told = visit_records(answer, first, date(2026, 11, 2), Told())
    assert [(record.id, record.fields["visitors"]) for record in records] == [("2026-11-01/organic", 3), ("2026-11-02/-", 0)]
    assert Told.of(told.dump()) == told


# -------------------------------------------------------------------------------------- what an account does not have


@pytest.mark.parametrize(
    ("object", "config"),
    [
        ("campaigns", NO_HUB),
        ("campaigns", without("marketing.campaigns.read")),
        ("visits", NO_HUB),
        ("visits", without("business-intelligence")),
    ],
    ids=["campaigns, the plan", "campaigns, a scope", "visits, the plan", "visits, a scope"],
)
def test_an_account_without_a_report_is_told_so_and_asked_once_a_day(rig_of: Make, object: str, config: PortalConfig) -> None:
    rig = rig_of(config=config)
    path = "/campaigns" if object == "campaigns" else "/analytics/"
    cursor = None
    for _ in range(96):
        page = read(rig, object, cursor)
        assert [notice.code for notice in page.notices] == [UNREAD]
        assert all(notice.stands and notice.params["why"] for notice in page.notices)
        cursor = page.cursor
        rig.advance(minutes=15)
    assert len(rig.calls("GET", path)) == 1
    read(rig, object, cursor)
    assert len(rig.calls("GET", path)) == 2


def test_a_plan_that_grew_is_seen_within_a_day(rig_of: Make) -> None:
    rig = rig_of(config=NO_HUB)
    cursor = read(rig, "campaigns").cursor
    rig.portal.config = replace(rig.portal.config, marketing_hub=True)
    rig.portal.add_campaign("Fair")
    rig.advance(hours=24)
    page = read(rig, "campaigns", cursor)
    assert (len(page.records), page.notices, sorted(page.cursor)) == (1, (), ["read_at"])


def test_what_was_read_before_a_refusal_stays(rig: Any) -> None:
    rig.portal.add_campaign("Fair")
    cursor = read(rig, "campaigns").cursor
    rig.portal.config = replace(rig.portal.config, marketing_hub=False)
    rig.advance(hours=6)
    page = read(rig, "campaigns", cursor)
    assert page.records == ()
    assert page.cursor["read_at"] == cursor["read_at"]
