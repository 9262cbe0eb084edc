"""Clocks: met at the time of the act, followed by the next one, and always exactly one next action."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmsync.decisions.sla import Due

TOKYO = ZoneInfo("Asia/Tokyo")


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def handed_over(case: Any, *touches: str) -> Any:
    """Handed over on Monday 2026-06-01 at 10:00, warm: due on Tuesday at 10:00."""
    person = case.person("p1")
    for kind in touches or ("pricing_page",):
        person.touched(kind)
    case.decide()
    case.check("p1", phase="mql", clock="first_approach")
    return person


def test_a_warm_lead_has_a_business_day_and_a_hot_one_four_business_hours(case: Any) -> None:
    handed_over(case)
    case.person("hot").touched("quote_request")
    case.decide()
    assert case.running("p1")["due_at"] == tokyo("2026-06-02T10:00")
    assert case.running("hot")["due_at"] == tokyo("2026-06-01T15:00")


def test_a_due_time_for_one_department_is_for_its_owners_alone(case: Any) -> None:
    due = (Due(1, "business_hours", department="field_sales"), Due(2, "business_hours", department="inside_sales"))
    rules = tuple(replace(rule, due=(*due, Due(3, "business_hours"))) for rule in case.definitions.sla.clocks)
    case.using(sla=replace(case.definitions.sla, clocks=rules))
    handed_over(case)
    assert case.running("p1")["due_at"] == tokyo("2026-06-01T12:00")


def test_an_approach_meets_the_clock_when_it_happened_and_the_verdict_starts_then(case: Any) -> None:
    person = handed_over(case)
    person.approached("email", at=tokyo("2026-06-01T14:00"))
    case.decide(days=2)
    met = case.clocks("p1")[0]
    assert (met["met_at"], met["met_by"], met["breached_at"]) == (tokyo("2026-06-01T14:00"), "approaches-0", None)
    running = case.running("p1")
    assert (running["clock_id"], running["started_at"], running["due_at"]) == (
        "p1:verdict:0:1",
        tokyo("2026-06-01T14:00"),
        tokyo("2026-06-15T14:00"),
    )
    assert case.open_tasks("p1") == ["p1:verdict:0:1"]


def test_a_promise_that_was_made_is_kept_when_the_rule_changes_and_the_next_one_is_the_new_rules(case: Any) -> None:
    handed_over(case)
    promised = case.running("p1")["due_at"]
    shorter = tuple(replace(rule, due=(Due(1, "business_hours"),)) for rule in case.definitions.sla.clocks)
    case.using(sla=replace(case.definitions.sla, clocks=shorter, version=2))
    case.person("p2").touched("pricing_page")
    case.decide(minutes=30)
    assert case.running("p1")["due_at"] == promised
    assert case.running("p2")["due_at"] == tokyo("2026-06-01T11:30")


def test_an_approach_before_the_hand_over_meets_nothing(case: Any) -> None:
    person = case.person("p1").touched("pricing_page").approached(at=case.now - timedelta(minutes=1))
    case.decide()
    case.check("p1", clock="first_approach")
    person.approached(at=case.now)
    case.decide(minutes=1)
    case.check("p1", clock="verdict")


def test_of_several_approaches_the_earliest_counts_in_whatever_order_they_were_logged(case: Any) -> None:
    person = handed_over(case)
    for hour in (16, 14, 15):
        person.approached(at=tokyo(f"2026-06-01T{hour}:00"))
    case.decide(days=1)
    assert (case.clocks("p1")[0]["met_at"], case.clocks("p1")[0]["met_by"]) == (tokyo("2026-06-01T14:00"), "approaches-1")


def test_an_approach_at_the_instant_at_which_the_lead_moves_on_still_counts(case: Any) -> None:
    person = handed_over(case).approached(at=tokyo("2026-06-01T16:00"))
    person.accepted(at=tokyo("2026-06-01T16:00"))
    case.decide(hours=8)
    kinds = [(c["kind"], c["met_at"], c["met_by"]) for c in case.clocks("p1")]
    assert kinds == [("first_approach", tokyo("2026-06-01T16:00"), "approaches-0"), ("first_meeting", None, None)]


def test_who_was_met_with_sales_at_work_goes_on_from_the_last_of_several_acts(case: Any) -> None:
    person = case.person("p1").opportunity("o1", created=case.now - timedelta(days=9))
    for days in (5, 3):
        person.approached("meeting", by="fs1@x.jp", at=case.now - timedelta(days=days))
    case.decide()
    running = case.running("p1")
    assert (running["clock_id"], running["started_at"]) == ("p1:next_activity:0:1", case.now - timedelta(days=3))


def test_met_late_is_breached_and_met(case: Any) -> None:
    person = handed_over(case)
    person.approached(at=tokyo("2026-06-02T10:30"))
    case.decide(days=2)
    clock = case.clocks("p1")[0]
    assert (clock["breached_at"], clock["met_at"]) == (tokyo("2026-06-02T10:00"), tokyo("2026-06-02T10:30"))


def test_a_lead_without_verdict_goes_back_as_silent(case: Any) -> None:
    handed_over(case).approached(at=tokyo("2026-06-01T14:00"))
    case.decide(hours=5)
    case.decide(after=tokyo("2026-06-15T14:00") - case.now)
    case.check("p1", phase="mql")
    case.decide(minutes=1)
    assert case.moves("p1") == ["mql->recycled silent"]
    case.check("p1", recycle_reason="silent", clock=None, owner=None)
    verdict = case.clocks("p1")[1]
    assert (verdict["breached_at"], verdict["cancelled_because"]) == (tokyo("2026-06-15T14:00"), "silent")


def test_the_verdict_is_met_by_the_act_that_moves_the_lead(case: Any) -> None:
    person = handed_over(case).approached(at=tokyo("2026-06-01T14:00"))
    person.accepted(at=tokyo("2026-06-01T16:00"))
    case.decide(hours=8)
    kinds = [(c["kind"], c["met_at"], c["met_by"]) for c in case.clocks("p1")]
    assert kinds == [
        ("first_approach", tokyo("2026-06-01T14:00"), "approaches-0"),
        ("verdict", tokyo("2026-06-01T16:00"), "accepted"),
        ("first_meeting", None, None),
    ]
    assert case.running("p1")["started_at"] == tokyo("2026-06-01T16:00")


def test_many_approaches_in_vain_go_back_as_unreached(case: Any) -> None:
    person = handed_over(case)
    for day in range(4):
        person.approached(at=tokyo(f"2026-06-0{day + 1}T11:00"), connected=False)
    case.decide(days=4)
    case.check("p1", phase="mql")
    person.approached(at=case.now - timedelta(hours=1), connected=None)
    case.decide(hours=1)
    case.check("p1", phase="mql")  # an unknown outcome is not a failure
    person.approached(at=case.now, connected=False)
    case.decide(hours=1)
    assert case.moves("p1") == ["mql->recycled unreached"]
    case.check("p1", recycle_reason="unreached")


def test_one_connection_means_they_were_reached(case: Any) -> None:
    person = handed_over(case)
    for hour in range(6):
        person.approached(at=case.now + timedelta(hours=hour), connected=hour == 2)
    case.decide(days=1)
    case.check("p1", phase="mql")


def test_field_sales_has_a_meeting_to_hold_and_then_always_a_next_step(case: Any) -> None:
    person = case.person("p1").opportunity("o1", rep_id="fs1@x.jp")
    case.decide()
    person.approached("call", by="fs1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(hours=2)
    case.check("p1", clock="first_meeting")
    for day in (1, 2, 3):
        person.approached("meeting" if day == 1 else "call", by="fs1@x.jp", at=case.now + timedelta(days=day))
    case.decide(days=4)
    assert [c["clock_id"] for c in case.clocks("p1")] == [
        "p1:first_meeting:0:1",
        "p1:next_activity:0:1",
        "p1:next_activity:0:2",
        "p1:next_activity:0:3",
    ]
    case.check("p1", clock="next_activity")


def test_only_customer_success_or_an_acknowledgement_kicks_off(case: Any) -> None:
    person = case.person("p1").opportunity("o1", "won", closed_at=case.now)
    case.decide()
    person.approached(by="fs1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(hours=2)
    case.check("p1", clock="kick_off")
    at = case.now + timedelta(hours=1)
    case.edit("p1", acknowledged_at=at).decide(hours=2)
    case.check("p1", clock="customer_care")
    assert case.running("p1")["due_at"] == at + timedelta(days=90)


def test_an_imported_customer_looked_after_lately_is_due_from_the_last_contact(case: Any) -> None:
    for person_id, days in (("lately", 30), ("long_ago", 200), ("until_now", 90)):
        person = case.person(person_id).opportunity(
            f"o-{person_id}", "won", created=case.now - timedelta(days=400), closed_at=case.now - timedelta(days=300)
        )
        person.approached(by="cs1@x.jp", at=case.now - timedelta(days=days))
    case.decide()
    case.check("lately", clock="customer_care")
    assert case.running("lately")["due_at"] == case.now + timedelta(days=60)
    case.check("long_ago", clock="kick_off")
    case.check("until_now", clock="kick_off")


@pytest.mark.parametrize(
    ("days", "by", "kinds"),
    [
        (30, "cs1@x.jp", ["kick_off"]),  # before the contract
        (20, "cs1@x.jp", ["customer_care"]),
        (10, "cs1@x.jp", ["customer_care"]),
        (10, "fs1@x.jp", ["kick_off"]),  # not whose clock it is
        (0, "cs1@x.jp", ["kick_off", "customer_care"]),  # meets the clock that starts now
    ],
)
def test_only_what_the_right_department_did_since_the_win_spares_an_imported_customer_the_kick_off(
    case: Any, days: int, by: str, kinds: list[str]
) -> None:
    won = case.now - timedelta(days=20)
    person = case.person("p1").opportunity("o1", "won", created=case.now - timedelta(days=40), closed_at=won)
    person.approached("meeting", by=by, at=case.now - timedelta(days=days))
    case.decide()
    assert sorted((c["kind"] for c in case.clocks("p1")), reverse=True) == kinds


def test_an_acknowledgement_before_the_import_is_a_kick_off_whoever_gave_it(case: Any) -> None:
    taken = case.now - timedelta(days=10)
    case.person("p1", acknowledged_at=taken).opportunity("o1", "won", closed_at=case.now - timedelta(days=20))
    case.decide()
    assert [(c["kind"], c["started_at"]) for c in case.clocks("p1")] == [("customer_care", taken)]


def test_a_clock_that_has_ended_stays_with_who_kept_it_and_the_running_one_goes_on_with_the_new_owner(case: Any) -> None:
    handed_over(case).approached(at=tokyo("2026-06-01T14:00"))
    case.decide(hours=5)
    case.edit_rep("is1@x.jp", is_active=False).decide(hours=1)
    assert [(c["kind"], c["owner"]) for c in case.clocks("p1")] == [("first_approach", "is1@x.jp"), ("verdict", "is2@x.jp")]


def test_a_neglected_customer_stays_one_and_joins_the_upsell_list(case: Any) -> None:
    case.person("p1", acknowledged_at=case.now).opportunity("o1", "won", closed_at=case.now - timedelta(hours=1))
    case.decide()
    case.check("p1", clock="customer_care")
    assert case.desired("p1")["nurture_list"] is None
    case.decide(days=91)
    case.check("p1", phase="closed_won")
    assert case.desired("p1")["nurture_list"] == "upsell"
    assert case.open_tasks("p1") == [case.running("p1")["clock_id"]]


def test_an_sql_without_opportunity_or_act_goes_silent(case: Any) -> None:
    person = handed_over(case)
    person.accepted(at=case.now + timedelta(hours=1))
    case.decide(hours=2)
    case.decide(days=59)
    case.check("p1", phase="sql")
    case.decide(days=2)
    assert case.moves("p1") == ["sql->recycled silent"]


def test_closing_the_task_changes_nothing_because_only_an_approach_counts(case: Any) -> None:
    handed_over(case)
    first = case.running("p1")
    again = case.decide(hours=1)
    assert case.running("p1")["clock_id"] == first["clock_id"]
    assert again.tasks.height == 1


@pytest.mark.parametrize("calendar", ["tokyo", "unknown"])
def test_who_has_no_calendar_of_their_own_has_the_default_one(case: Any, calendar: str) -> None:
    case.edit_rep("is1@x.jp", calendar=calendar)
    handed_over(case)
    assert case.running("p1")["due_at"] == tokyo("2026-06-02T10:00")
