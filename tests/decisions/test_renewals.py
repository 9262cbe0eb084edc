"""Before a contract ends somebody talks to the customer: on its own day, once per contract, and never beside another task."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

TOKYO = ZoneInfo("Asia/Tokyo")


def customer(case: Any, contract_end: date | None) -> Any:
    """Won on the first day, with a kick-off an hour later."""
    won = case.person("p").opportunity("o", "won", closed_at=case.now, contract_end=contract_end)
    won.approached("meeting", by="cs1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(days=1)
    return won


def due(case: Any) -> str:
    return str(case.running("p")["due_at"].astimezone(TOKYO).isoformat()[:16])


def test_a_contract_far_away_changes_nothing_yet(case: Any) -> None:
    customer(case, date(2027, 6, 1))
    case.check("p", clock="customer_care", gaps=[])


def test_renewal_is_due_so_many_days_before_the_end_with_its_arithmetic(case: Any) -> None:
    customer(case, date(2026, 11, 1))  # 90 days before: 3 August, before customer care would be due on 30 August
    case.check("p", clock="renewal", gaps=[])
    clock = case.running("p")
    assert due(case) == "2026-08-03T00:00"
    assert clock["arithmetic"] == "2026-11-01T00:00+09:00 - 90 clock days = 2026-08-03T00:00+09:00"
    assert [c["kind"] for c in case.clocks("p")] == ["renewal"]
    assert [task.split(":")[1] for task in case.open_tasks("p")] == ["renewal"]


def test_where_the_day_has_gone_by_it_is_due_in_business_days(case: Any) -> None:
    customer(case, date(2026, 7, 1))
    case.check("p", clock="renewal")
    assert due(case) == "2026-06-08T11:00"


def test_a_contract_that_is_over_is_no_renewal(case: Any) -> None:
    customer(case, date(2026, 6, 1))
    case.check("p", clock="customer_care")


def test_after_the_talk_customer_care_goes_on_and_the_same_contract_is_not_asked_about_again(case: Any) -> None:
    won = customer(case, date(2026, 11, 1))
    won.approached("call", by="cs1@x.jp", at=case.now + timedelta(days=30))
    case.decide(days=31)
    case.check("p", clock="customer_care")
    case.decide(days=40)
    case.check("p", clock="customer_care")
    assert [c["kind"] for c in case.clocks("p")] == ["renewal", "customer_care"]


def test_the_next_contract_is_asked_about_anew(case: Any) -> None:
    won = customer(case, date(2026, 11, 1))
    won.approached("call", by="cs1@x.jp", at=case.now + timedelta(days=30))
    case.decide(days=31)
    case.edit_opportunity("o", contract_end=date(2027, 11, 1))
    for _ in range(6):
        won.approached("call", by="cs1@x.jp", at=case.now + timedelta(days=59))
        case.decide(days=60)
    renewals = [c for c in case.clocks("p") if c["kind"] == "renewal"]
    assert [c["due_at"].astimezone(TOKYO).date() for c in renewals] == [date(2026, 8, 3), date(2027, 8, 3)]


def test_an_end_that_becomes_known_later_takes_the_place_of_what_runs(case: Any) -> None:
    customer(case, None)
    before = case.running("p")
    case.edit_opportunity("o", contract_end=date(2026, 11, 1))
    told = case.decide(days=2)
    case.check("p", clock="renewal")
    ended = told.clocks.row(by_predicate=pl.col("clock_id") == before["clock_id"], named=True)
    assert (ended["cancelled_because"], ended["breached_at"]) == ("renewal", None)
    assert case.running("p")["owner"] == "cs1@x.jp"
    assert case.decide().clocks.equals(told.clocks)


def test_of_several_contracts_the_next_to_end_counts(case: Any) -> None:
    won = customer(case, date(2027, 12, 1))
    won.opportunity("o2", "won", closed_at=case.now, contract_end=date(2026, 11, 1))
    case.decide(minutes=5)
    assert due(case) == "2026-08-03T00:00"


def test_only_customer_success_can_have_the_talk(case: Any) -> None:
    won = customer(case, date(2026, 11, 1))
    won.approached("call", by="is1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(days=1)
    case.check("p", clock="renewal")


def test_a_lost_case_with_a_contract_of_a_competitor_is_no_renewal(case: Any) -> None:
    case.person("p").opportunity("o", "lost", closed_at=case.now, lost_reason="competitor", contract_end=date(2026, 11, 1))
    case.decide()
    assert case.clocks("p") == []


@pytest.mark.parametrize("hour", [0, 23])
def test_the_day_is_the_customers_day_not_utc(new_case: Any, hour: int) -> None:
    case = new_case(now=datetime(2026, 6, 1, hour, tzinfo=TOKYO)).team()
    customer(case, date(2026, 11, 1))
    assert due(case) == "2026-08-03T00:00"
