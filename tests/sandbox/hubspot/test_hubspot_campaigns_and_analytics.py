"""The portal's marketing campaigns and analytics reports, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Serve = Callable[..., Any]
REPORT = "/analytics/v2/reports/sources/daily"
APRIL = {"start": "20260401", "end": "20260430"}


def test_campaigns_show_those_of_the_properties_that_are_asked_for_and_hold_something(served: Serve) -> None:
    started = served()
    fair = started.portal.add_campaign("Fair", starts="2026-04-01")
    started.portal.spend(fair, 250)
    bare, asked = (
        started.http.get("/marketing/v3/campaigns", params=params).json()["results"][0]["properties"]
        for params in ({}, {"properties": "hs_name,hs_end_date,hs_spend_items_sum_amount"})
    )
    assert (bare, asked) == ({}, {"hs_name": "Fair", "hs_spend_items_sum_amount": "250"})


def test_the_totals_of_a_campaign_are_those_of_its_items(served: Serve) -> None:
    started = served()
    fair = started.portal.add_campaign("Fair", currency="EUR")
    for amount in (100, 150.5):
        started.portal.spend(fair, amount, f"Item of {amount}")
    told = started.http.get(f"/marketing/campaigns/2026-03/{fair}/budget/totals").json()
    assert (told["spendTotal"], told["currencyCode"]) == (250.5, "EUR")
    assert [(item["order"], item["amount"]) for item in told["spendItems"]] == [(0, 100.0), (1, 150.5)]
    assert started.http.get("/marketing/campaigns/2026-03/unknown").status_code == 404


def test_a_report_tells_each_visitor_once_a_day_beside_those_whom_nobody_knows(served: Serve) -> None:
    started = served()
    contact = started.portal.create("contacts", {"email": "a@b.co"})
    for _ in range(3):
        started.portal.view_page(contact, "https://www.example.com/")
    started.portal.crowd("2026-04-01", "direct", 4, views=9)
    (row,) = started.http.get(REPORT, params=APRIL).json()["2026-04-01"]
    assert (row["breakdown"], row["visitors"], row["rawViews"]) == ("direct", 5, 12)


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"start": "20250101", "end": "20260515"}, 200),
        ({"start": "20250101", "end": "20260516"}, 413),
        ({"start": "2026-04-01", "end": "20260430"}, 400),
        ({"end": "20260430"}, 400),
    ],
)
def test_a_report_covers_five_hundred_days_at_most(served: Serve, params: dict[str, str], status: int) -> None:
    assert served().http.get(REPORT, params=params).status_code == status


@pytest.mark.parametrize("path", ["/marketing/v3/campaigns", REPORT])
def test_a_plan_without_marketing_hub_has_neither(served: Serve, path: str) -> None:
    assert served(marketing_hub=False).http.get(path, params=APRIL).status_code == 403
