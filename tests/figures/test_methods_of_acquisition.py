"""The methods side by side, and whether one more lead of a method has become too dear."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.frames import MOVES, OPPORTUNITIES, PERSONS, STATE, TOUCHES, conform, empty
from crmsync.figures.alarms import SaturationLimits
from crmsync.figures.arrivals import arrivals, profiles
from crmsync.figures.inputs import GIVEN, cost_of_campaigns
from crmsync.figures.methods import Acquired, all_spend, methods_sheet, saturation_sheet, whole_spans, with_methods
from crmsync.figures.period import Zone
from crmsync.figures.sheet import Question

TOKYO = Zone("Asia/Tokyo", (4, 1))
NOW = datetime(2026, 8, 3, 3, tzinfo=UTC)
SUMMER = Question(date(2026, 4, 1), date(2026, 7, 31), NOW, TOKYO, by="month")
WHOLE = replace(SUMMER, by="period")
LIMITS = SaturationLimits(marginal_cpa=20_000.0, methods={"trade_show": 90_000.0}, known_companies=0.5)


def on(month: int, day: int = 10) -> datetime:
    return datetime(2026, month, day, 3, tzinfo=UTC)


def leads(method: str | None, month: int, count: int, **more: Any) -> list[dict[str, Any]]:
    made = {"created_at": on(month), "identified": True, "source_method": method, **more}
    return [{"person_id": f"{method}-{month}-{n}", **made} for n in range(count)]


def spent(*rows: tuple[str, int, float]) -> pl.DataFrame:
    """(method, month, amount) each."""
    told = [
        {"first": date(2026, month, 1), "last": date(2026, month + 1, 1) - timedelta(days=1), "method": method, "value": amount}
        for method, month, amount in rows
    ]
    return conform(pl.DataFrame(told), dict(GIVEN)) if told else pl.DataFrame(schema=dict(GIVEN))


def acquired(
    people: list[dict[str, Any]], spend: pl.DataFrame | None = None, cases: list[dict[str, Any]] | None = None
) -> Acquired:
    persons = conform(pl.DataFrame(people, infer_schema_length=None), PERSONS)
    opportunities = conform(pl.DataFrame(cases, infer_schema_length=None), OPPORTUNITIES) if cases else empty(OPPORTUNITIES)
    known = profiles(persons, empty(TOUCHES), empty(STATE), ())
    return Acquired(arrivals(persons, empty(MOVES), opportunities, known, ("new_business",)), persons, spend)


def by_method(told: Acquired, question: Question = WHOLE) -> dict[str | None, dict[str, Any]]:
    return {row["method"]: row for row in methods_sheet(told, question).rows.to_dicts()}


def saturation(told: Acquired, limits: SaturationLimits = LIMITS, question: Question = SUMMER) -> list[dict[str, Any]]:
    return saturation_sheet(told, limits, question).rows.to_dicts()


# ---------------------------------------------------------------------------------------------------------- side by side


def test_each_method_has_its_volume_cost_rates_and_time() -> None:
    cases = [
        {"opportunity_id": "o1", "person_id": "seo-4-0", "created_at": on(4, 20), "status": "won", "closed_at": on(6)},
        {"opportunity_id": "o2", "person_id": "seo-4-1", "created_at": on(4, 30), "status": "open"},
    ]
    told = by_method(acquired([*leads("seo", 4, 10), *leads("trade_show", 5, 4)], spent(("seo", 4, 50_000)), cases))
    seo, show = told["seo"], told["trade_show"]
    assert (seo["leads"], seo["spend"], seo["cpa"]) == (10, 50_000, 5_000)
    assert (seo["opportunities"], seo["opportunity_rate"], seo["cost_per_opportunity"]) == (2, 0.2, 25_000)
    assert (seo["wins"], seo["win_rate"], seo["cost_per_win"], seo["days_to_opportunity"]) == (1, 0.5, 50_000, 15)
    assert (show["leads"], show["opportunity_rate"], show["win_rate"], show["days_to_opportunity"]) == (4, 0, None, None)


def test_what_nobody_gave_is_absent_and_not_nothing() -> None:
    told = by_method(acquired([*leads("seo", 4, 10), *leads("trade_show", 4, 4)], spent(("seo", 4, 50_000))))
    assert (told["trade_show"]["spend"], told["trade_show"]["cpa"]) == (None, None)
    sheet = methods_sheet(acquired(leads("seo", 4, 1)), SUMMER)
    assert sheet.missing == ("spend",)
    assert sheet.rows["cpa"].null_count() == sheet.rows.height


def test_money_that_brought_nobody_has_its_row_and_no_cost_per_lead() -> None:
    row = by_method(acquired(leads("seo", 4, 1), spent(("cold_call", 5, 70_000))))["cold_call"]
    assert (row["leads"], row["spend"], row["cpa"]) == (0, 70_000, None)


def test_a_free_method_costs_nothing_a_lead() -> None:
    assert by_method(acquired(leads("seo", 4, 2), spent(("seo", 4, 0))))["seo"]["cpa"] == 0


def test_leads_of_companies_known_before_are_told() -> None:
    first, then = leads("seo", 4, 1, company_id="acme"), leads("seo", 5, 1, company_id="acme")
    alone, nobody = leads("web_ad", 5, 1, company_id="other"), leads("phone", 5, 1)
    told = by_method(acquired([*first, *then, *alone, *nobody]))
    assert {name: told[name]["known_share"] for name in ("seo", "web_ad", "phone")} == {"seo": 0.5, "web_ad": 0.0, "phone": None}


# ---------------------------------------------------------------------------------------------------- where spend is found


def campaign(name: str, cost: float | None, days: tuple[date | None, date | None] = (None, None), **more: Any) -> dict[str, Any]:
    """A campaign as a CRM shows it, learnt on 9 May."""
    base = {"ref": f"sf/Campaign/{name}", "name": name, "cost": cost, "is_deleted": False}
    return base | {"starts_on": days[0], "ends_on": days[1], "learnt_at": on(5, 9)} | more


def told_of(*campaigns: dict[str, Any]) -> list[tuple[Any, ...]]:
    schema = {"starts_on": pl.Date, "ends_on": pl.Date, "learnt_at": pl.Datetime("us", "UTC"), "cost": pl.Float64}
    frame = pl.DataFrame(list(campaigns), schema_overrides=schema)
    return cost_of_campaigns(frame, TOKYO).select("campaign", "first", "last", "value").rows()


def test_what_the_crm_says_of_a_campaign_is_spread_over_its_days() -> None:
    told = told_of(
        campaign("Fair", 300.0, (date(2026, 4, 1), date(2026, 4, 30))),
        campaign("Running", 90.0, (date(2026, 4, 1), None)),
        campaign("Undated", 5.0),
        campaign("Gone", 7.0, is_deleted=True),
        campaign("A form", None),
    )
    assert told == [
        ("Fair", date(2026, 4, 1), date(2026, 4, 30), 300.0),
        ("Running", date(2026, 4, 1), date(2026, 5, 9), 90.0),
        ("Undated", date(2026, 5, 9), date(2026, 5, 9), 5.0),
    ]


def test_one_campaign_in_two_crms_is_paid_for_once_by_what_the_crm_says_that_knows_of_most() -> None:
    days = (date(2026, 4, 1), date(2026, 4, 30))
    in_salesforce = campaign("Fair", 300.0, days)
    in_hubspot = [campaign("Fair", cost, days, ref=f"hub/campaigns/{cost}") for cost in (250.0, 100.0)]
    assert [(name, value) for name, _, _, value in told_of(in_salesforce, *in_hubspot)] == [("Fair", 100.0), ("Fair", 250.0)]
    assert [(name, value) for name, _, _, value in told_of(in_salesforce, in_hubspot[0])] == [("Fair", 300.0)]


def test_what_people_say_of_a_campaign_stands_over_what_the_crm_says() -> None:
    campaign = {"first": date(2026, 4, 1), "last": date(2026, 4, 30)}
    given_ = conform(pl.DataFrame([{**campaign, "campaign": "Fair", "value": 100.0}]), dict(GIVEN))
    crm = conform(pl.DataFrame([{**campaign, "campaign": name, "value": 900.0} for name in ("Fair", "Mail")]), dict(GIVEN))
    both = all_spend(given_, crm)
    assert both is not None
    assert dict(both.select("campaign", "value").iter_rows()) == {"Fair": 100.0, "Mail": 900.0}
    assert all_spend(None, crm.clear()) is None


def test_the_cost_of_a_campaign_goes_with_the_method_of_most_of_its_leads() -> None:
    people = [
        *leads("trade_show", 4, 2, campaign="Fair"),
        *leads("seo", 4, 1, campaign="Fair"),
        *leads(None, 4, 5, campaign="Fair"),
    ]
    told = acquired(people)
    known = profiles(told.persons, empty(TOUCHES), empty(STATE), ())
    spend = conform(
        pl.DataFrame(
            [{"campaign": "Fair", "value": 1.0}, {"campaign": "Unknown", "value": 2.0}, {"method": "phone", "value": 3.0}]
        ),
        dict(GIVEN),
    )
    assert with_methods(spend, known)["method"].to_list() == ["trade_show", None, "phone"]


# ------------------------------------------------------------------------------------------------------------ saturation


def test_one_more_lead_costs_what_more_was_spent_for_more_leads() -> None:
    people = [*leads("web_ad", 4, 10), *leads("web_ad", 5, 14), *leads("web_ad", 6, 16)]
    rows = saturation(acquired(people, spent(("web_ad", 4, 100_000), ("web_ad", 5, 160_000), ("web_ad", 6, 260_000))))
    assert [row["cpa"] for row in rows[:3]] == pytest.approx([10_000, 160_000 / 14, 16_250])
    assert [row["marginal_cpa"] for row in rows[:3]] == [None, 15_000, 50_000]
    assert [row["alarm"] for row in rows] == [None, None, "marginal_cpa", None]


def test_every_method_has_its_own_limit() -> None:
    people = [*leads("trade_show", 4, 10), *leads("trade_show", 5, 14)]
    rows = saturation(acquired(people, spent(("trade_show", 4, 100_000), ("trade_show", 5, 400_000))))
    assert (rows[1]["marginal_cpa"], rows[1]["limit"], rows[1]["alarm"]) == (75_000, 90_000, None)


def test_more_spent_for_no_more_leads_is_the_worst_alarm() -> None:
    people = [*leads("web_ad", 4, 10), *leads("web_ad", 5, 10), *leads("web_ad", 6, 4)]
    rows = saturation(acquired(people, spent(("web_ad", 4, 1), ("web_ad", 5, 2), ("web_ad", 6, 3))))
    assert [(row["marginal_cpa"], row["alarm"]) for row in rows[:3]] == [
        (None, None),
        (None, "spent_in_vain"),
        (None, "spent_in_vain"),
    ]


def test_less_spent_for_more_leads_is_no_alarm() -> None:
    people = [*leads("web_ad", 4, 10), *leads("web_ad", 5, 20)]
    rows = saturation(acquired(people, spent(("web_ad", 4, 200_000), ("web_ad", 5, 100_000))))
    assert [(row["marginal_cpa"], row["alarm"]) for row in rows[:2]] == [(None, None), (None, None)]


def test_without_a_limit_nothing_alarms() -> None:
    people = [*leads("web_ad", 4, 10, company_id="a"), *leads("web_ad", 5, 11, company_id="a")]
    rows = saturation(acquired(people, spent(("web_ad", 4, 1), ("web_ad", 5, 10**9))), SaturationLimits())
    assert {row["alarm"] for row in rows} == {None}


def test_a_channel_that_reaches_the_same_companies_again_alarms() -> None:
    people = [*leads("seo", 4, 1, company_id="acme"), *leads("seo", 5, 3, company_id="acme")]
    rows = saturation(acquired(people))
    assert [(row["known_share"], row["alarm"]) for row in rows[:2]] == [(0.0, None), (1.0, "known_companies")]


def test_half_a_month_is_no_month_that_brought_less() -> None:
    people = [*leads("web_ad", 6, 10), *leads("web_ad", 7, 4)]
    told = acquired(people, spent(("web_ad", 6, 100_000), ("web_ad", 7, 200_000)))
    early = replace(SUMMER, last=date(2026, 7, 15), now=on(7, 15))
    assert [row["alarm"] for row in saturation(told, question=early) if row["span"] == "2026-07"] == [None]
    assert [row["alarm"] for row in saturation(told) if row["span"] == "2026-07"] == ["spent_in_vain"]


def test_a_month_is_not_held_against_half_of_the_one_before() -> None:
    told = acquired([*leads("web_ad", 6, 10), *leads("web_ad", 7, 4)], spent(("web_ad", 6, 100_000), ("web_ad", 7, 200_000)))
    late = replace(SUMMER, first=date(2026, 6, 2))
    assert [row["alarm"] for row in saturation(told, question=late)] == [None, None]


@pytest.mark.parametrize(
    ("first", "last", "now", "expected"),
    [
        (date(2026, 4, 1), date(2026, 6, 30), on(7, 1), ["2026-04", "2026-05", "2026-06"]),
        (date(2026, 4, 2), date(2026, 6, 29), on(7, 1), ["2026-05"]),
        (date(2026, 4, 1), date(2026, 6, 30), on(6, 30), ["2026-04", "2026-05"]),
    ],
)
def test_a_span_is_whole_when_all_its_days_were_asked_for_and_are_over(
    first: date, last: date, now: datetime, expected: list[str]
) -> None:
    assert whole_spans(Question(first, last, now, TOKYO, by="month")) == expected


# ------------------------------------------------------------------------------------------------- what must always hold

METHOD = st.sampled_from([None, "seo", "web_ad", "trade_show"])
PEOPLE = st.lists(st.tuples(METHOD, st.integers(4, 7), st.sampled_from([None, "acme", "other"])), min_size=1, max_size=12)
SPENT = st.lists(st.tuples(st.sampled_from(["seo", "web_ad", "phone"]), st.integers(4, 7), st.integers(0, 9)), max_size=6)


@settings(deadline=None, max_examples=40)
@given(PEOPLE, SPENT)
def test_methods_and_months_add_up_and_absent_is_never_nought(people: list[Any], spend: list[Any]) -> None:
    rows = [
        {"person_id": str(n), "created_at": on(month), "identified": True, "source_method": method, "company_id": company}
        for n, (method, month, company) in enumerate(people)
    ]
    told = acquired(rows, spent(*((method, month, float(amount)) for method, month, amount in spend)))
    months = methods_sheet(told, SUMMER).rows
    assert months["leads"].sum() == len(people)
    assert months["spend"].sum() == pytest.approx(sum(amount for _, _, amount in spend))
    given_for = {(method, f"2026-{month:02}") for method, month, _ in spend}
    for row in months.to_dicts():
        assert (row["spend"] is not None) == ((row["method"], row["span"]) in given_for)
        assert (row["cpa"] is None) == (row["spend"] is None or row["leads"] == 0)
    for row in saturation(told):
        assert row["marginal_cpa"] is None or row["marginal_cpa"] > 0
