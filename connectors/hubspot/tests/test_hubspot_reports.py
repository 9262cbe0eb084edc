"""Reports: campaigns with their spend. They are read some times a day, and what an account does not have rests alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from crmsync.connect.contract import UNREAD, PullRequest
from crmsync.sandbox.hubspot.config import ALL_SCOPES, Credentials, Limits, PortalConfig

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
    cursor = read(rig, "campaigns").cursor
    rig.forget()
    for _ in range(23):
        rig.advance(minutes=15)
        page = read(rig, "campaigns", cursor)
        assert (page.records, page.cursor, page.notices) == ((), cursor, ())
    assert not rig.requests
    rig.advance(minutes=15)
    assert len(read(rig, "campaigns", cursor).records) == 1


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


# -------------------------------------------------------------------------------------- what an account does not have


@pytest.mark.parametrize("config", [NO_HUB, without("marketing.campaigns.read")], ids=["the plan", "a scope"])
def test_an_account_without_campaigns_is_told_so_and_asked_once_a_day(rig_of: Make, config: PortalConfig) -> None:
    rig = rig_of(config=config)
    cursor = None
    for _ in range(96):
        page = read(rig, "campaigns", cursor)
        assert [notice.code for notice in page.notices] == [UNREAD]
        assert all(notice.stands and notice.params["why"] for notice in page.notices)
        cursor = page.cursor
        rig.advance(minutes=15)
    assert len(rig.calls("GET", "/campaigns")) == 1
    read(rig, "campaigns", cursor)
    assert len(rig.calls("GET", "/campaigns")) == 2


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
