"""One person from the first touch to the second loss: after each step exactly these columns of what is kept have changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")
BEGAN = datetime(2026, 6, 1, 10, tzinfo=TOKYO).astimezone(UTC)


def day(n: float) -> datetime:
    """So many days after the beginning."""
    return BEGAN + timedelta(days=n)


def written(n: float) -> str:
    """That day as an enrolment is remembered."""
    return day(n).strftime("%Y-%m-%dT%H:%M:%S.%f")


class Life:
    """A person, and what is kept of them now."""

    def __init__(self, case: Any) -> None:
        self.case = case
        self.person = case.person("p", title_rank=1)
        self.kept: dict[str, Any] = {}

    def on(self, n: float) -> dict[str, Any]:
        """Decide on this day; what has changed since the last time."""
        self.case.now = day(n).astimezone(TOKYO)
        self.case.decide()
        before, self.kept = self.kept, self.case.state("p")
        return {name: value for name, value in self.kept.items() if value != before.get(name)}


def owned(owner: str | None, because: str | None, at: datetime | None, department: str) -> dict[str, Any]:
    return {"owner": owner, "owner_because": because, "owner_at": at, "department": department}


NOBODY = owned(None, None, None, "marketing")


def test_from_the_first_touch_to_the_hand_over(case: Any) -> None:
    life = Life(case)
    cold = {"temperature": "cold", "temperature_at": BEGAN}
    new = {"person_id": "p", "phase": "inquiry", "phase_at": day(-30), "cycle": 0, "department": "marketing"}
    assert life.on(0) == {**new, **cold}
    life.person.touched("pricing_page", at=day(1))
    listed = {"nurture_list": "warm", "enrolments": written(2)}
    assert life.on(2) == {"temperature": "warm", "temperature_at": day(2), **listed}
    case.edit("p", title_rank=4)
    handed_over = {"phase": "mql", "phase_at": day(3), "handed_over_at": day(3), "definition": "standard@1.0"}
    assert life.on(3) == {**handed_over, **owned("is1@x.jp", "round_robin", day(3), "inside_sales"), "nurture_list": None}
    assert life.on(3.1) == {}


def with_field_sales(case: Any) -> Life:
    """Handed over on the third day, accepted on the fourth."""
    life = Life(case)
    life.person.touched("pricing_page", at=day(1))
    case.edit("p", title_rank=4)
    life.on(3)
    life.person.accepted(at=day(4))
    changed = life.on(4.2)
    owner = {"owner": "fs1@x.jp", "owner_at": day(4.2), "department": "field_sales"}
    assert changed == {"phase": "sql", "phase_at": day(4), **owner}
    return life


def test_what_was_lost_waits_comes_back_and_is_handed_over_again(case: Any) -> None:
    life = with_field_sales(case)
    life.person.opportunity("o1", created=day(5))
    life.on(5.5)
    case.edit_opportunity("o1", status="lost", closed_at=day(6))
    lost = {"phase": "closed_lost", "phase_at": day(6), "opportunity_id": "o1", "not_before": day(96)}
    assert life.on(7) == {**lost, **NOBODY, "nurture_list": "warm", "enrolments": written(7)}
    case.edit_opportunity("o1", lost_reason="competitor")
    assert life.on(8) == {"lost_reason": "competitor", "not_before": day(186)}  # a reason given late counts from the event
    back = {"phase": "recycled", "phase_at": day(187), "recycled_at": day(187), "not_before": day(187), "cycle": 1}
    told = {"recycle_reason": "lost_competitor", "opportunity_id": None}
    cold = {"temperature": "cold", "temperature_at": day(187)}
    listed = {"nurture_list": "recycle_competitor", "enrolments": written(187)}
    assert life.on(187) == {**back, **told, **cold, **listed}
    life.person.touched("quote_request", at=day(188))
    again = {"phase": "mql", "phase_at": day(188.5), "handed_over_at": day(188.5), "not_before": None, "recycle_reason": None}
    hot = {"temperature": "hot", "temperature_at": day(188.5), "nurture_list": None}
    assert life.on(188.5) == {**again, **hot, **owned("is2@x.jp", "round_robin", day(188.5), "inside_sales")}


def test_what_inside_sales_gave_back_waits_by_its_reason_and_may_still_be_won(case: Any) -> None:
    life = Life(case)
    life.person.touched("quote_request", at=day(1))
    case.edit("p", title_rank=4)
    life.on(3)
    life.person.status("rejected", at=day(4))
    back = {"phase": "recycled", "phase_at": day(4), "recycled_at": day(4), "cycle": 1, "not_before": day(64)}
    listed = {"nurture_list": "recycle_timing", "enrolments": written(4.5)}
    assert life.on(4.5) == {**back, "recycle_reason": "rejected_unknown", **NOBODY, **listed}
    case.edit("p", rejection_reason="timing")
    assert life.on(5) == {"recycle_reason": "rejected_timing"}
    life.person.opportunity("o2", created=day(6))
    sold = {"phase": "sql", "phase_at": day(6), "opportunity_id": "o2", "not_before": None, "recycle_reason": None}
    assert life.on(6.5) == {**sold, **owned("fs1@x.jp", "round_robin", day(6.5), "field_sales"), "nurture_list": None}
    case.edit_opportunity("o2", status="won", closed_at=day(7))
    won = {"phase": "closed_won", "phase_at": day(7), "owner": "cs1@x.jp", "owner_at": day(7.5), "department": "customer_success"}
    assert life.on(7.5) == won
    case.edit("p", disqualification="competitor", opted_out=True)
    assert life.on(8) == {}


def test_whose_reps_left_are_given_on_in_the_order_in_which_they_came(case: Any) -> None:
    case.edit_rep("is2@x.jp", is_active=False)
    for n, name in enumerate(("c", "a", "b")):  # c has been an mql for longest
        case.person(name).touched("pricing_page", at=case.now)
        case.decide(hours=n)
    assert {case.state(name)["owner"] for name in "abc"} == {"is1@x.jp"}
    case.edit_rep("is1@x.jp", is_active=False).rep("is3@x.jp", "inside_sales", cap=1).decide(minutes=5)
    assert {name: case.state(name)["owner"] for name in "abc"} == {"c": "is3@x.jp", "a": None, "b": None}
