"""Every move as it is kept: when it happened, what shows it, who did it; and every gap as it is told: whose it is, about what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmsync.decisions.routing import Routing

from .conftest import TOKYO, handed_over

BEGAN = datetime(2026, 6, 1, 10, tzinfo=TOKYO).astimezone(UTC)
"""The instant at which a case begins."""


def hours(n: float) -> datetime:
    return BEGAN + timedelta(hours=n)


def told(case: Any, person_id: str = "p") -> list[tuple[Any, ...]]:
    assert case.last is not None
    rows = case.last.moves.filter(person_id=person_id)
    assert set(rows["definition"]) <= {"standard@1.0"}
    assert rows["sequence"].to_list() == list(range(1, rows.height + 1))
    return [tuple(row) for row in rows.select("source", "target", "because", "evidence", "actor", "at").iter_rows()]


def test_who_arrives_and_qualifies_is_an_inquiry_since_they_came_and_an_mql_since_now(case: Any) -> None:
    case.person("q").touched("quote_request")
    handed_over(case, "p")
    assert told(case) == [
        ("unidentified", "inquiry", "identified", "identified", "crmsync", BEGAN - timedelta(days=30)),
        ("inquiry", "mql", "released", "rank 2", "crmsync", BEGAN),
    ]


Act = Callable[[Any, Any], object]

FROM_MQL: list[tuple[str, Act, tuple[Any, ...]]] = [
    ("accepted", lambda _, p: p.accepted(at=hours(1)), ("sql", "accepted", "accepted", "crm-user", hours(1))),
    (
        "rejected for a reason",
        lambda _, p: p.status("rejected", at=hours(1), rejection_reason="timing"),
        ("recycled", "rejected", "timing", "crm-user", hours(1)),
    ),
    (
        "rejected for none",
        lambda _, p: p.status("rejected", at=hours(1)),
        ("recycled", "rejected", "no reason", "crm-user", hours(1)),
    ),
    (
        "rejected with the hand-over",
        lambda _, p: p.status("rejected", at=hours(0), rejection_reason="budget"),
        ("recycled", "rejected", "budget", "crm-user", hours(0)),
    ),
    (
        "rejected for good",
        lambda _, p: p.status("rejected", at=hours(1), rejection_reason="student"),
        ("disqualified", "rejected_for_good", "student", "crm-user", hours(1)),
    ),
    (
        "excluded by hand",
        lambda c, _: c.edit("p", disqualification="competitor"),
        ("disqualified", "excluded_by_hand", "competitor", "crm-user", hours(2)),
    ),
    ("opted out", lambda c, _: c.edit("p", opted_out=True), ("disqualified", "opted_out", "opted_out", "crmsync", hours(2))),
    (
        "no way to reach them",
        lambda c, _: c.edit("p", bounced=True, phone=""),
        ("disqualified", "unreachable", "bounced", "crmsync", hours(2)),
    ),
    (
        "an opportunity",
        lambda _, p: p.opportunity("o1", created=hours(1)),
        ("sql", "opportunity", "o1", "crm-user", hours(1)),
    ),
    (
        "an opportunity as old as the hand-over",
        lambda _, p: p.opportunity("o1", created=hours(0)),
        ("sql", "opportunity", "o1", "crm-user", hours(0)),
    ),
]


@pytest.mark.parametrize(("act", "move"), [(act, move) for _, act, move in FROM_MQL], ids=[name for name, _, _ in FROM_MQL])
def test_what_people_do_with_an_mql_moves_it_when_they_did_it(case: Any, act: Act, move: tuple[Any, ...]) -> None:
    person = handed_over(case, "p")
    act(case, person)
    case.decide(hours=2)
    assert told(case) == [("mql", *move)]


@pytest.mark.parametrize(
    "act",
    [
        lambda _, p: p.accepted(at=hours(-1)),
        lambda _, p: p.status("accepted", at=hours(1), need="yes"),
        lambda _, p: p.status("rejected", at=hours(-1), rejection_reason="timing"),
        lambda _, p: p.status("working", at=hours(1)),
        lambda c, _: c.edit("p", bounced=True),  # there is a phone
        lambda c, _: c.edit("p", opted_out=False, disqualification=None),
        lambda _, p: p.opportunity("o1", "lost", created=hours(-50), closed_at=hours(-30)),
    ],
)
def test_what_is_older_than_the_hand_over_or_not_enough_moves_nobody(case: Any, act: Act) -> None:
    person = handed_over(case, "p")
    act(case, person)
    case.decide(hours=2)
    assert told(case) == []


def test_an_old_opportunity_that_somebody_touched_since_the_hand_over_accepts(case: Any) -> None:
    person = case.person("p").touched("pricing_page")
    case.decide()
    person.opportunity("o1", created=hours(-5), modified_at=hours(1))
    case.decide(hours=2)
    assert told(case) == [("mql", "sql", "opportunity", "o1", "crm-user", hours(1))]


def with_field_sales(case: Any) -> Any:
    person = case.person("p").opportunity("o1", created=BEGAN)
    case.decide()
    assert told(case)[-1] == ("inquiry", "sql", "opportunity", "o1", "crm-user", BEGAN)
    return person


def test_an_opportunity_from_before_our_time_counts_from_when_it_was_made(case: Any) -> None:
    case.person("p").opportunity("o1", created=hours(-90), modified_at=hours(-2))
    case.decide()
    assert told(case)[-1] == ("inquiry", "sql", "opportunity", "o1", "crm-user", hours(-90))


@pytest.mark.parametrize(
    ("status", "values", "move"),
    [
        ("won", {"closed_at": hours(1)}, ("closed_won", "won", "o1", "crm-user", hours(1))),
        ("lost", {"closed_at": hours(1), "lost_reason": "timing"}, ("closed_lost", "lost", "o1", "crm-user", hours(1))),
        ("lost", {"modified_at": hours(1)}, ("closed_lost", "lost", "o1", "crm-user", hours(1))),
    ],
)
def test_an_opportunity_ends_when_it_was_closed(case: Any, status: str, values: dict[str, Any], move: tuple[Any, ...]) -> None:
    with_field_sales(case)
    case.edit_opportunity("o1", status=status, **values).decide(hours=2)
    assert told(case) == [("sql", *move)]


def test_a_live_deal_outlasts_a_bounce_and_an_opt_out_and_ends_by_hand(case: Any) -> None:
    with_field_sales(case)
    case.edit("p", opted_out=True, bounced=True, phone=None).decide(hours=1)
    assert told(case) == []
    case.edit("p", disqualification="competitor").decide(hours=1)
    assert told(case) == [("sql", "disqualified", "excluded_by_hand", "competitor", "crm-user", hours(2))]


def test_what_made_somebody_out_is_taken_back(case: Any) -> None:
    handed_over(case, "p")
    case.edit("p", disqualification="competitor").decide(hours=1)
    case.edit("p", disqualification=None).decide(hours=1)
    assert told(case)[0] == ("disqualified", "inquiry", "revoked", "revoked", "crm-user", hours(2))


def test_time_sends_back_whom_nobody_reached(case: Any) -> None:
    person = handed_over(case, "p")
    for n in range(5):
        person.approached(at=hours(n), connected=False)
    case.decide(hours=3)
    assert told(case) == []  # four so far
    case.decide(hours=1)
    assert told(case) == [("mql", "recycled", "unreached", "5 approaches", "crmsync", hours(4))]
    assert case.state("p")["recycle_reason"] == "unreached"


def test_one_that_connected_is_no_approach_in_vain_whenever_it_was(case: Any) -> None:
    person = handed_over(case, "p")
    for n in range(6):
        person.approached(at=hours(n), connected=n == 2)
    case.decide(hours=6)
    case.check("p", phase="mql")


def test_time_sends_back_whom_nobody_decided_about_and_who_went_silent(case: Any) -> None:
    handed_over(case, "p").approached(at=hours(1))
    case.decide(days=15)
    assert told(case) == [("mql", "recycled", "silent", "no act", "crmsync", hours(15 * 24))]
    assert case.state("p")["recycle_reason"] == "silent"


def test_an_sql_is_silent_after_its_days_and_not_while_there_is_an_opportunity(case: Any) -> None:
    person = handed_over(case, "p")
    person.accepted(at=hours(1))
    case.decide(hours=2)
    case.decide(after=timedelta(days=60) - timedelta(hours=1))
    assert told(case) == []  # sixty days to the instant
    case.decide(minutes=1)
    assert told(case)[0][:5] == ("sql", "recycled", "silent", "no act", "crmsync")


def test_the_wait_after_a_loss_ends_on_its_day(case: Any) -> None:
    with_field_sales(case)
    case.edit_opportunity("o1", status="lost", closed_at=hours(1), lost_reason="timing").decide(hours=2)
    until = hours(1) + timedelta(days=90)
    case.decide(after=until - case.now.astimezone(UTC) - timedelta(minutes=1))
    assert told(case) == []
    case.decide(minutes=1)
    assert told(case) == [("closed_lost", "recycled", "delay_over", f"{until:%Y-%m-%dT%H:%MZ}", "crmsync", until)]
    assert case.state("p")["recycle_reason"] == "lost_timing"


# ----------------------------------------------------------------------------------------------------------------- gaps


def gaps(case: Any) -> list[tuple[str, str, str, str]]:
    assert case.last is not None
    return [tuple(row) for row in case.last.gaps.select("gap", "person_id", "department", "detail").iter_rows()]


def test_an_owner_of_another_department_is_named_with_it_and_a_stranger_with_none(case: Any) -> None:
    for name, owner in (("a", "fs1@x.jp"), ("b", "stranger@x.jp")):
        case.person(name).touched("pricing_page")
        case.decide()
        case.edit(name, owner_edit=owner, owner_edit_at=case.now + timedelta(minutes=5)).decide(hours=1)
    assert gaps(case) == [
        ("wrong_department", "a", "inside_sales", "fs1@x.jp (field_sales)"),
        ("wrong_department", "b", "inside_sales", "stranger@x.jp (?)"),
    ]


def test_a_queue_that_owns_and_a_customer_without_anybody_are_named(case: Any) -> None:
    case.using(routing=Routing({"inside_sales": "q@x.jp"})).edit_rep("is1@x.jp", cap=0).edit_rep("is2@x.jp", cap=0)
    case.edit_rep("cs1@x.jp", is_active=False)
    handed_over(case, "p")
    case.person("won").opportunity("o1", "won", closed_at=case.now)
    case.decide()
    assert gaps(case) == [
        ("no_owner", "won", "customer_success", ""),
        ("queue_owner", "p", "inside_sales", "q@x.jp"),
        ("won_without_cs", "won", "customer_success", "o1"),
    ]


def test_an_acceptance_without_bant_says_what_is_known(case: Any) -> None:
    handed_over(case, "p").status("accepted", at=hours(1), need="yes", budget="no")
    case.decide(hours=2)
    assert gaps(case) == [("accepted_without_bant", "p", "inside_sales", "budget=no authority=unknown need=yes timeframe=unknown")]
    case.edit("p", sales_status="working").decide(hours=1)
    assert gaps(case) == []


def test_a_loss_and_a_return_without_a_reason_are_whose_they_are(case: Any) -> None:
    with_field_sales(case)
    case.edit_opportunity("o1", status="lost", closed_at=hours(1))
    case.person("q").touched("pricing_page")
    case.decide(hours=2)
    case.edit("q", sales_status="rejected", sales_status_at=case.now).decide(hours=1)
    assert gaps(case) == [("lost_without_reason", "p", "field_sales", "o1"), ("rejected_without_reason", "q", "inside_sales", "")]


def test_nothing_lies_on_the_ground_for_the_deleted(case: Any) -> None:
    case.edit_rep("cs1@x.jp", is_active=False)
    case.person("p").opportunity("o1", "won", closed_at=case.now)
    case.decide()
    assert len(gaps(case)) == 2
    case.edit("p", is_deleted=True).decide(hours=1)
    assert gaps(case) == []
