"""What the CRMs shall show of a person, and which tasks shall stand in them: each column, and when it says nothing."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import polars as pl
import pytest

from .conftest import handed_over, tokyo


def task(case: Any, clock_id: str) -> dict[str, Any]:
    row: dict[str, Any] = case.last.tasks.row(by_predicate=pl.col("clock_id") == clock_id, named=True)
    return row


def test_all_that_is_shown_of_somebody_just_handed_over(case: Any) -> None:
    handed_over(case)
    assert case.desired("p1") == {
        "person_id": "p1",
        "phase": "mql",
        "temperature": "warm",
        "score": 15.0,
        "fit": 5.0,
        "interest": 10.0,
        "owner": "is1@x.jp",
        "sales_status": "new",
        "sla_due_at": tokyo("2026-06-02T10:00"),
        "sla_state": "running",
        "cycle": 0,
        "recycle_due_at": None,
        "recycle_reason": None,
        "nurture_list": None,
        "definition": "standard@1.0",
        "has_opportunity": False,
    }


def test_the_state_of_a_clock_is_the_last_step_that_was_taken(case: Any) -> None:
    handed_over(case)  # due on Tuesday at 10:00: 50 % at 15:00, 80 % at 17:24
    seen = []
    for at in ("2026-06-01T14:59", "2026-06-01T15:00", "2026-06-01T17:24", "2026-06-02T10:01"):
        case.decide(after=tokyo(at) - case.now)
        seen.append(case.desired("p1")["sla_state"])
    assert seen == ["running", "reminded", "noticed", "breached"]


def test_a_status_that_says_new_is_no_answer_and_one_set_with_the_hand_over_is(case: Any) -> None:
    person = handed_over(case)
    person.status("working", at=case.now)
    case.decide(minutes=1)
    assert case.desired("p1")["sales_status"] is None
    person.status("new")
    case.decide(minutes=1)
    assert case.desired("p1")["sales_status"] == "new"
    person.status("working", at=case.now - timedelta(minutes=3))  # before the hand-over: about the cycle before
    case.decide(minutes=1)
    assert case.desired("p1")["sales_status"] == "new"


def test_only_an_open_opportunity_is_one(case: Any) -> None:
    case.person("p1").opportunity("o1", "lost", closed_at=case.now, lost_reason="timing")
    case.person("p2").opportunity("o2").opportunity("o3")
    case.person("p3").opportunity("o4", "won", closed_at=case.now)
    case.decide()
    assert {p: case.desired(p)["has_opportunity"] for p in ("p1", "p2", "p3")} == {"p1": False, "p2": True, "p3": False}


def test_who_was_lost_shows_the_reason_and_the_day_to_come_back(case: Any) -> None:
    case.person("p1").opportunity("o1", "lost", closed_at=case.now, lost_reason="timing")
    case.decide()
    shown = case.desired("p1")
    assert (shown["phase"], shown["recycle_reason"]) == ("closed_lost", "lost_timing")
    assert shown["recycle_due_at"] == case.now + timedelta(days=90)
    case.decide(days=90, minutes=1)
    assert (case.desired("p1")["phase"], case.desired("p1")["recycle_reason"]) == ("recycled", "lost_timing")


def test_nobody_shows_a_day_to_come_back_while_sales_works_with_them_again(case: Any) -> None:
    person = case.person("p1").opportunity("o1", "lost", closed_at=case.now, lost_reason="timing")
    case.decide()
    person.opportunity("o2", created=case.now + timedelta(days=1))
    case.decide(days=2)
    shown = case.desired("p1")
    assert (shown["phase"], shown["recycle_due_at"], shown["recycle_reason"]) == ("sql", None, None)


def test_the_deleted_and_the_unidentified_are_not_shown(case: Any) -> None:
    case.person("gone").touched("pricing_page")
    case.person("nobody", identified=False)
    case.person("stays", is_deleted=None)
    case.decide()
    assert case.last.desired["person_id"].to_list() == ["gone", "stays"]
    case.edit("gone", is_deleted=True).decide(hours=1)
    assert case.last.desired["person_id"].to_list() == ["stays"]


def test_everyone_is_shown_in_order_whatever_is_beside_them(case: Any) -> None:
    for n in (3, 1, 2):
        case.person(f"p{n}").opportunity(f"o{n}").opportunity(f"x{n}")
    case.decide()
    assert case.last.desired["person_id"].to_list() == ["p1", "p2", "p3"]


# ---------------------------------------------------------------------------------------------------------------- tasks


def test_a_task_carries_what_the_clock_does(case: Any) -> None:
    handed_over(case)
    assert case.last.tasks.to_dicts() == [
        {
            "clock_id": "p1:first_approach:0:1",
            "person_id": "p1",
            "kind": "first_approach",
            "owner": "is1@x.jp",
            "due_at": tokyo("2026-06-02T10:00").astimezone(UTC),
            "arithmetic": "2026-06-01T10:00+09:00 + 1 business day = 2026-06-02T10:00+09:00",
            "is_open": True,
            "priority": "high",
        }
    ]


def test_a_task_is_urgent_while_it_is_over_due_and_open(case: Any) -> None:
    person = handed_over(case)
    person.approached(at=case.now + timedelta(hours=1))
    case.decide(hours=2)
    verdict = task(case, "p1:verdict:0:1")
    assert (verdict["is_open"], verdict["priority"]) == (True, "normal")
    case.decide(days=14)  # over due on the fifteenth; what lapses is recycled
    verdict = task(case, "p1:verdict:0:1")
    assert (verdict["is_open"], verdict["priority"]) == (False, "normal")


def test_an_over_due_next_step_is_urgent_and_no_longer_once_it_is_done(case: Any) -> None:
    person = case.person("p1").opportunity("o1", amount=1.0)
    case.decide()
    person.approached("meeting", by="fs1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(hours=2)
    assert task(case, "p1:next_activity:0:1")["priority"] == "normal"
    case.decide(days=15)
    late = task(case, "p1:next_activity:0:1")
    assert (late["is_open"], late["priority"]) == (True, "high")
    person.approached("call", by="fs1@x.jp", at=case.now)
    case.decide(hours=1)
    done = task(case, "p1:next_activity:0:1")
    assert (done["is_open"], done["priority"]) == (False, "normal")


@pytest.mark.parametrize(("owner", "stands"), [("is1@x.jp", True), (None, False)])
def test_where_nobody_answers_there_is_no_task(case: Any, owner: str | None, stands: bool) -> None:
    if owner is None:
        for rep in ("is1@x.jp", "is2@x.jp"):
            case.edit_rep(rep, is_active=False)
    handed_over(case)
    assert case.last.tasks.is_empty() is not stands
