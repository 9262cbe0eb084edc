"""Recycle and hand-over: delays by reason, fresh evidence, overrides, the capacity of the day, and what stands in the CRMs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from crmsync.decisions import recycle
from crmsync.decisions.bant import BantGate, complete
from crmsync.decisions.frames import INSTANT

TOKYO = ZoneInfo("Asia/Tokyo")


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("reason", "at", "end", "expected"),
    [
        ("lost_timing", "2026-06-01T10:00", None, "2026-08-30T10:00"),
        ("lost_no_decision", "2026-06-01T10:00", None, "2026-07-31T10:00"),
        ("lost_unknown", "2026-06-01T10:00", None, "2026-08-30T10:00"),
        ("lost_budget", "2026-06-01T10:00", None, "2027-01-31T00:00"),
        ("lost_budget", "2026-03-31T23:59", None, "2026-04-14T23:59"),  # the year begins tomorrow: only the cool-down is left
        ("lost_budget", "2026-04-01T00:00", None, "2027-01-31T00:00"),
        ("lost_competitor", "2026-06-01T10:00", date(2027, 6, 1), "2026-12-03T00:00"),
        ("lost_competitor", "2026-06-01T10:00", None, "2026-11-28T10:00"),
        ("lost_competitor", "2026-06-01T10:00", date(2026, 7, 1), "2026-06-15T10:00"),
    ],
)
def test_each_reason_has_its_wait(case: Any, reason: str, at: str, end: date | None, expected: str) -> None:
    frame = pl.DataFrame(
        [(reason, tokyo(at).astimezone(UTC), end)],
        schema={"reason": pl.String, "at": INSTANT, "contract_end": pl.Date},
        orient="row",
    )
    found = frame.select(recycle.not_before(case.definitions.recycle, "reason", "at", "contract_end"))
    assert found.item() == tokyo(expected)


@pytest.mark.parametrize(
    ("bant", "holds"),
    [
        (("yes", "yes", "partial", "unknown"), True),
        (("yes", "partial", "unknown", "partial"), True),
        (("yes", "yes", "no", "no"), False),
        (("partial", "yes", "yes", "yes"), False),
        ((None, "yes", "yes", "yes"), False),
        (("yes", None, None, None), False),
    ],
)
def test_bant_needs_the_need_and_two_more(bant: tuple[str | None, ...], holds: bool) -> None:
    frame = pl.DataFrame([bant], schema=dict.fromkeys(("need", "budget", "authority", "timeframe"), pl.String), orient="row")
    assert frame.select(complete(BantGate())).item() is holds


def returned(case: Any, reason: str = "timing") -> Any:
    """Handed over on Monday 2026-06-01, returned an hour later."""
    person = case.person("p1").touched("pricing_page")
    case.decide()
    person.status("rejected", at=case.now + timedelta(hours=1), rejection_reason=reason)
    case.decide(hours=2)
    case.check("p1", phase="recycled")
    return person


def waiting(case: Any) -> str | None:
    return str(case.last.qualification.row(0, named=True)["waiting_because"])


def test_old_points_do_not_bring_anyone_back(case: Any) -> None:
    case.using(temperature=replace(case.definitions.temperature, explicit_days=400))
    person = case.person("p1").touched("quote_request").touched("quote_request")
    case.decide()
    person.status("rejected", at=case.now + timedelta(hours=1), rejection_reason="timing")
    case.decide(hours=2)
    case.decide(days=61)
    case.check("p1", phase="recycled", temperature="hot")


def test_fresh_evidence_brings_back_after_the_wait_with_the_next_cycle(case: Any) -> None:
    person = returned(case)
    person.touched("pricing_page", at=case.now + timedelta(days=1))
    case.decide(days=2)
    case.check("p1", phase="recycled")
    assert waiting(case) == "not_before"
    case.decide(days=50)
    person.touched("pricing_page", at=case.now + timedelta(days=9))
    case.decide(days=10)
    assert case.moves("p1") == ["recycled->mql released"]
    case.check("p1", cycle=1, clock="first_approach", not_before=None, recycle_reason=None)
    assert case.running("p1")["clock_id"] == "p1:first_approach:1:1"
    assert case.desired("p1")["sales_status"] == "new"


def test_without_a_touch_since_the_recycle_no_one_comes_back(case: Any) -> None:
    returned(case)
    assert waiting(case) == "no_fresh_evidence"


def test_who_asks_for_a_quote_does_not_wait(case: Any) -> None:
    returned(case).touched("quote_request", at=case.now + timedelta(days=1))
    case.decide(days=2)
    case.check("p1", phase="mql", cycle=1)


def test_a_recycled_person_of_the_old_rejection_is_not_rejected_again(case: Any) -> None:
    returned(case).touched("quote_request", at=case.now + timedelta(days=1))
    case.decide(days=2)
    case.decide(days=1)
    case.check("p1", phase="mql")


def test_too_many_recycles_in_a_year_lie_dormant(case: Any) -> None:
    person = returned(case)
    for _ in range(3):
        person.touched("quote_request", at=case.now + timedelta(days=1))
        case.decide(days=2)
        case.check("p1", phase="mql")
        person.status("rejected", at=case.now + timedelta(hours=1), rejection_reason="timing")
        case.decide(hours=2)
    case.check("p1", phase="recycled", cycle=4, recycle_reason="dormant")
    assert case.state("p1")["not_before"] > case.now + timedelta(days=360)
    assert case.desired("p1")["nurture_list"] == "warm" or case.desired("p1")["temperature"] != "warm"


def test_what_does_not_fit_the_day_waits_in_order_and_goes_the_next_day(case: Any) -> None:
    for rep in ("is1@x.jp", "is2@x.jp"):
        case.edit_rep(rep, capacity_per_day=1)
    for n in range(4):
        case.person(f"p{n}").touched("pricing_page", days_ago=n)
    decided = case.decide()
    assert decided.qualification.select("person_id", "rank", "released").rows() == [
        ("p0", 1, True),
        ("p1", 2, True),
        ("p2", 3, False),
        ("p3", 4, False),
    ]
    case.check("p2", phase="inquiry", qualified_since=case.now.astimezone(UTC))
    since = case.now.astimezone(UTC)
    for n in range(2):
        case.rows["approaches"].append(
            {
                "person_id": f"p{n}",
                "at": case.now + timedelta(hours=1),
                "kind": "call",
                "approach_id": f"a{n}",
                "rep_id": "is1@x.jp",
                "connected": True,
            }
        )
    case.decide(hours=2)
    case.check("p2", phase="inquiry", qualified_since=since)  # today's capacity is spent
    case.decide(days=1)
    case.check("p2", phase="mql", qualified_since=None)


def test_nurture_lists_follow_temperature_and_reason_and_end_where_sales_works(case: Any) -> None:
    case.person("warm", title_rank=1).touched("pricing_page")
    case.person("cold", title_rank=1)
    case.person("deaf", title_rank=1, opted_out=True).touched("pricing_page")
    case.person("mql").touched("pricing_page")
    case.decide()
    lists = {p: case.desired(p)["nurture_list"] for p in ("warm", "cold", "deaf", "mql")}
    assert lists == {"warm": "warm", "cold": None, "deaf": None, "mql": None}


def test_the_status_is_reset_at_the_hand_over_and_then_left_to_the_rep(case: Any) -> None:
    person = case.person("p1").touched("pricing_page").status("working", at=case.now - timedelta(days=3))
    case.decide()
    assert case.desired("p1")["sales_status"] == "new"
    person.status("new", at=case.now + timedelta(minutes=1))  # our own write, read back
    case.decide(hours=1)
    assert case.desired("p1")["sales_status"] == "new"
    person.status("working", at=case.now + timedelta(hours=1))
    case.decide(hours=2)
    assert case.desired("p1")["sales_status"] is None


def test_a_recycled_person_shows_reason_and_date(case: Any) -> None:
    returned(case)
    shown = case.desired("p1")
    assert (shown["recycle_reason"], shown["recycle_due_at"], shown["sla_state"], shown["owner"]) == (
        "rejected_timing",
        case.state("p1")["not_before"],
        None,
        None,
    )


def test_every_gap_has_a_sentence() -> None:
    from crmsync.decisions.gaps import CHECKS
    from crmsync.messages import catalogue

    assert {f"gap.{check.gap}" for check in CHECKS} <= set(catalogue())
