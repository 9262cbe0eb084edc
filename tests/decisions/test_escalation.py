"""Escalation of a clock that nobody meets: each step once, at its share of the time; passed on once, or kept until met."""

from __future__ import annotations

from typing import Any

from .conftest import handed_over, tokyo


def test_each_step_of_the_escalation_happens_once_at_its_share_of_business_time(case: Any) -> None:
    handed_over(case)  # 8 business hours: 10-12, 13-18, 9-10
    seen = []
    for at in ("2026-06-01T15:00", "2026-06-01T15:01", "2026-06-01T17:24", "2026-06-02T10:00", "2026-06-02T10:01"):
        case.decide(after=tokyo(at) - case.now)
        clock = case.clocks("p1")[0]
        seen.append((clock["reminded_at"], clock["noticed_at"], clock["breached_at"]))
    half, eighty, due = tokyo("2026-06-01T15:00"), tokyo("2026-06-01T17:24"), tokyo("2026-06-02T10:00")
    assert seen == [(half, None, None), (half, None, None), (half, eighty, None), (half, eighty, None), (half, eighty, due)]
    assert case.desired("p1")["sla_state"] == "breached"


def test_a_breach_that_was_seen_goes_to_the_next_rep_once_it_is_long_over_due(case: Any) -> None:
    handed_over(case)
    case.decide(after=tokyo("2026-06-02T11:00") - case.now)
    case.check("p1", owner="is1@x.jp")
    case.decide(after=tokyo("2026-06-02T15:00") - case.now)
    case.check("p1", owner="is2@x.jp", owner_because="reassigned", gaps=[])


def test_long_over_due_it_goes_once_to_the_next_rep_with_a_fresh_clock_and_task(case: Any) -> None:
    handed_over(case)
    case.check("p1", owner="is1@x.jp")
    case.decide(after=tokyo("2026-06-02T15:00") - case.now)  # 150 %
    old, new = case.clocks("p1")
    assert (old["breached_at"], old["reassigned_at"], old["cancelled_because"], old["owner"]) == (
        tokyo("2026-06-02T10:00"),
        tokyo("2026-06-02T15:00"),
        "reassigned",
        "is1@x.jp",
    )
    assert (new["clock_id"], new["owner"], new["due_at"]) == ("p1:first_approach:0:2", "is2@x.jp", tokyo("2026-06-03T15:00"))
    case.check("p1", owner="is2@x.jp", owner_because="reassigned", gaps=[])
    assert case.open_tasks("p1") == ["p1:first_approach:0:2"]
    case.decide(days=30)
    assert [c["kind"] for c in case.clocks("p1")] == ["first_approach", "first_approach"]
    assert case.running("p1")["breached_at"] == tokyo("2026-06-03T15:00")


def test_with_nobody_to_pass_it_on_to_the_breached_clock_stays_open_until_met(case: Any) -> None:
    case.edit_rep("is2@x.jp", is_active=False)
    person = handed_over(case)
    case.decide(days=20)
    assert case.running("p1")["clock_id"] == "p1:first_approach:0:1"
    person.approached(at=case.now)
    case.decide(hours=1)
    assert case.clocks("p1")[0]["met_at"] is not None
