"""Clocks that stand still while the customer asked to wait, and what it does to the due time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.decisions.frames import INSTANT
from crmsync.decisions.holding import intervals
from crmsync.decisions.sla import HoldRule
from crmsync.decisions.worktime import due_column, moved

from .conftest import TOKYO, definitions, tokyo

CALENDARS = definitions().calendars
WAITING = HoldRule("waiting_for_customer", parse("on_hold = 'waiting_for_customer'", catalogue.everything({})))
CALL_AFTER = HoldRule("call_after", until="call_after")
AWAY = HoldRule("owner_away", away=True, kinds=("customer_care", "next_activity"))


@pytest.fixture
def held(case: Any) -> Any:
    return case.using(sla=replace(case.definitions.sla, holds=(WAITING, CALL_AFTER, AWAY)))


def due(case: Any, person: str = "p") -> str:
    at: datetime = case.running(person)["due_at"]
    return f"{at.astimezone(TOKYO):%a %d %H:%M}"


def lead(case: Any) -> Any:
    """A warm lead handed over on Monday 10:00, to be approached by Tuesday 10:00."""
    made = case.person("p").touched("pricing_page")
    case.decide()
    assert due(case) == "Tue 02 10:00"
    return made


def test_while_the_customer_asked_to_wait_nobody_is_late_and_afterwards_the_due_time_has_moved(held: Any) -> None:
    lead(held)
    held.now = tokyo("2026-06-01T16:00")
    held.edit("p", on_hold="waiting_for_customer")
    held.decide()
    assert due(held) == "Tue 02 10:00"  # until when is not known
    held.now = tokyo("2026-06-03T12:00")
    held.decide()
    assert held.running("p")["breached_at"] is None
    held.now = tokyo("2026-06-04T09:00")
    held.edit("p", on_hold=None)
    held.decide()
    # Monday 16-18, Tuesday and Wednesday: 2 + 8 + 8 hours; Tuesday 10:00 and 18 hours of work later
    assert due(held) == "Thu 04 12:00"
    assert held.running("p")["breached_at"] is None
    held.decide(days=1)
    assert held.running("p")["breached_at"] == held.running("p")["due_at"]


def test_what_was_done_in_a_window_counts_for_the_definition_and_for_a_hold(case: Any) -> None:
    columns = catalogue.everything({})
    seminar = parse("touches('seminar', 30) > 0", columns)
    asked = HoldRule("asked", parse("touches('quote_request', 1) > 0", columns))
    case.using(
        qualification=replace(case.definitions.qualification, required=(seminar,)),
        sla=replace(case.definitions.sla, holds=(asked,)),
    )
    case.person("lately").touched("pricing_page").touched("seminar", days_ago=29).touched("quote_request")
    case.person("long_ago").touched("pricing_page").touched("seminar", days_ago=31)
    case.decide()
    case.check("lately", phase="mql")
    assert case.running("lately")["holds"].endswith("//asked")
    case.check("long_ago", phase="inquiry")


def test_the_sum_says_when_and_why(held: Any) -> None:
    lead(held)
    held.now = tokyo("2026-06-02T09:30")
    held.edit("p", on_hold="waiting_for_customer")
    held.decide()
    assert held.running("p")["arithmetic"].endswith(
        "; on hold 2026-06-02T09:30+09:00 - waiting_for_customer = 2026-06-02T10:00+09:00"
    )
    held.now = tokyo("2026-06-04T09:00")
    held.edit("p", on_hold=None)
    held.decide()
    assert held.running("p")["arithmetic"] == (
        "2026-06-01T10:00+09:00 + 1 business day = 2026-06-02T10:00+09:00"
        "; on hold 2026-06-02T09:30+09:00 - 2026-06-04T09:00+09:00 waiting_for_customer = 2026-06-04T09:30+09:00"
    )


def test_whoever_asks_to_be_called_after_a_date_is_due_after_it_at_once(held: Any) -> None:
    lead(held)
    held.now = tokyo("2026-06-01T12:00")
    held.edit("p", call_after=tokyo("2026-06-08T09:00"))
    held.decide()
    assert due(held) == "Mon 08 16:00"  # two of eight hours were gone
    held.edit("p", call_after=tokyo("2026-06-03T09:00"))
    held.decide(minutes=5)
    assert due(held) == "Wed 03 16:00"
    held.edit("p", call_after=None)
    held.now = tokyo("2026-06-01T13:30")
    held.decide()
    assert due(held) == "Tue 02 10:30"


def test_an_act_while_on_hold_is_in_time(held: Any) -> None:
    person = lead(held)
    held.now = tokyo("2026-06-01T16:00")
    held.edit("p", on_hold="waiting_for_customer")
    held.decide()
    held.now = tokyo("2026-06-03T11:00")
    person.approached("call")
    held.decide()
    (first, _) = held.clocks("p")
    assert (first["kind"], first["met_at"], first["breached_at"]) == ("first_approach", held.now.astimezone(UTC), None)


def test_the_hold_goes_on_in_the_clock_that_follows(held: Any) -> None:
    person = lead(held)
    held.now = tokyo("2026-06-01T16:00")
    held.edit("p", on_hold="waiting_for_customer")
    held.decide()
    person.approached("call", at=tokyo("2026-06-01T17:00"))
    held.decide(hours=2)
    assert held.running("p")["kind"] == "verdict"
    held.decide(days=40)
    held.check("p", phase="mql")  # neither silent nor over due


def test_a_promise_that_was_broken_before_is_not_mended_by_a_hold(held: Any) -> None:
    lead(held)
    held.now = tokyo("2026-06-02T11:00")
    held.edit("p", on_hold="waiting_for_customer")
    held.decide()
    assert held.running("p")["breached_at"].astimezone(TOKYO) == tokyo("2026-06-02T10:00")
    assert held.running("p")["holds"] is None


def test_while_the_owner_is_away_the_care_of_customers_waits_where_that_is_agreed(held: Any) -> None:
    won = held.person("p").opportunity("o", "won", closed_at=held.now)
    won.approached("meeting", by="cs1@x.jp", at=held.now + timedelta(hours=1))
    held.decide(days=1)
    held.check("p", clock="customer_care")
    before = held.running("p")["due_at"]
    held.edit_rep("cs1@x.jp", absent_until=(held.now + timedelta(days=9)).date())
    held.decide(minutes=5)
    moved_by = held.running("p")["due_at"] - before
    assert timedelta(days=9) < moved_by <= timedelta(days=10)  # 90 clock days: every hour away counts
    held.decide(minutes=5)
    assert held.running("p")["due_at"] - before == moved_by


def test_deciding_again_at_the_same_instant_changes_nothing(held: Any) -> None:
    lead(held)
    held.edit("p", on_hold="waiting_for_customer")
    for later in (60, 600, 0):
        first = held.decide(minutes=later)
        assert held.decide().clocks.equals(first.clocks)
    held.edit("p", on_hold=None)
    first = held.decide(minutes=30)
    assert held.decide().clocks.equals(first.clocks)


def test_one_reason_gives_way_to_the_next_and_a_second_hold_is_added_to_the_first(held: Any) -> None:
    lead(held)
    held.now = tokyo("2026-06-01T16:00")
    held.edit("p", on_hold="waiting_for_customer")
    held.decide()
    held.now = tokyo("2026-06-01T17:00")
    held.edit("p", on_hold=None, call_after=tokyo("2026-06-03T09:00"))
    held.decide()
    assert held.running("p")["holds"] == (
        "2026-06-01T07:00:00Z/2026-06-01T08:00:00Z/waiting_for_customer 2026-06-01T08:00:00Z/2026-06-03T00:00:00Z/call_after"
    )
    assert due(held) == "Wed 03 12:00"  # three hours were left on Monday at 16
    held.now = tokyo("2026-06-03T10:00")
    held.edit("p", on_hold="waiting_for_customer", call_after=None)
    held.decide()
    held.now = tokyo("2026-06-03T14:00")
    held.edit("p", on_hold=None)
    held.decide()
    assert due(held) == "Wed 03 16:00"
    assert held.running("p")["arithmetic"] == (
        "2026-06-01T10:00+09:00 + 1 business day = 2026-06-02T10:00+09:00"
        "; on hold 2026-06-01T16:00+09:00 - 2026-06-01T17:00+09:00 waiting_for_customer"
        ", 2026-06-01T17:00+09:00 - 2026-06-03T09:00+09:00 call_after"
        ", 2026-06-03T10:00+09:00 - 2026-06-03T14:00+09:00 waiting_for_customer = 2026-06-03T16:00+09:00"
    )


def test_without_holds_clocks_are_as_they_were(case: Any) -> None:
    case.using(sla=replace(case.definitions.sla, holds=()))
    lead(case)
    case.edit("p", on_hold="waiting_for_customer")
    case.decide(days=2)
    assert {(clock["holds"], clock["promised_at"]) for clock in case.clocks("p")} == {(None, None)}
    assert any(clock["breached_at"] for clock in case.clocks("p"))


# --------------------------------------------------------------------------------------------------- what always holds

START = datetime(2026, 4, 27, tzinfo=UTC)
MOMENTS = st.integers(0, 24 * 40 * 4).map(lambda quarter: START + timedelta(minutes=15 * quarter))
SPANS = st.tuples(MOMENTS, st.integers(1, 24 * 20)).map(lambda span: (span[0], span[0] + timedelta(hours=span[1])))


def rows(starts: datetime, unit: str, amount: float, holds: list[tuple[datetime, datetime]]) -> pl.DataFrame:
    schema = {"clock_id": pl.String, "started_at": INSTANT, "unit": pl.String, "amount": pl.Float64, "calendar": pl.String}
    one = pl.DataFrame([("c", starts, unit, amount, "tokyo")], schema=schema, orient="row")
    written = " ".join(f"{a:%Y-%m-%dT%H:%M:%SZ}/{b:%Y-%m-%dT%H:%M:%SZ}/x" for a, b in holds) or None
    promised = due_column(one, CALENDARS).rename({"due_at": "promised_at"})
    return promised.with_columns(pl.lit(written, dtype=pl.String).alias("holds"), pl.lit(unit.startswith("clock")).alias("#clock"))


def due_of(starts: datetime, unit: str, amount: float, holds: list[tuple[datetime, datetime]]) -> datetime:
    frame = rows(starts, unit, amount, holds)
    at: datetime = moved(frame, intervals(frame.filter(pl.col("holds").is_not_null())), CALENDARS)["due_at"].item()
    return at


UNITS = st.sampled_from(
    [("clock_hours", 24.0), ("clock_days", 2.0), ("business_hours", 4.0), ("business_hours", 24.0), ("business_days", 1.0)]
)


@settings(max_examples=120, deadline=None)
@given(start=MOMENTS, unit=UNITS, holds=st.lists(SPANS, max_size=4), more=SPANS)
def test_a_hold_never_makes_anything_due_earlier(start: datetime, unit: Any, holds: Any, more: Any) -> None:
    plain, less, longer = due_of(start, *unit, []), due_of(start, *unit, holds), due_of(start, *unit, [*holds, more])
    assert plain <= less <= longer


@settings(max_examples=80, deadline=None)
@given(start=MOMENTS, unit=UNITS, one=SPANS, other=SPANS)
def test_what_two_holds_share_counts_once(start: datetime, unit: Any, one: Any, other: Any) -> None:
    assert due_of(start, *unit, [one, one]) == due_of(start, *unit, [one])
    assert due_of(start, *unit, [one, other]) == due_of(start, *unit, [other, one])
    if one[0] <= other[1] and other[0] <= one[1]:
        whole = (min(one[0], other[0]), max(one[1], other[1]))
        assert due_of(start, *unit, [one, other]) == due_of(start, *unit, [whole])


@pytest.mark.parametrize(
    "hold",
    [
        ("2026-06-05T18:00", "2026-06-08T09:00"),  # a weekend
        ("2026-06-04T12:00", "2026-06-04T13:00"),  # lunch
        ("2026-12-29T00:00", "2027-01-04T09:00"),  # 年末年始
        ("2026-05-02T00:00", "2026-05-07T09:00"),  # Golden Week, its substitute day included
    ],
)
@pytest.mark.parametrize("unit", [("business_hours", 24.0), ("business_days", 3.0)])
def test_a_hold_outside_of_working_hours_adds_nothing(hold: tuple[str, str], unit: tuple[str, float]) -> None:
    begin, end = map(tokyo, hold)
    start = begin - timedelta(hours=3)
    assert due_of(start, *unit, [(begin.astimezone(UTC), end.astimezone(UTC))]) == due_of(start, *unit, [])


def test_a_hold_of_working_hours_moves_by_just_these() -> None:
    start, held = tokyo("2026-06-01T10:00"), (tokyo("2026-06-01T11:00").astimezone(UTC), tokyo("2026-06-02T10:00").astimezone(UTC))
    # one hour before it, three after it
    assert due_of(start, "business_hours", 4, [held]).astimezone(TOKYO) == tokyo("2026-06-02T14:00")


@settings(max_examples=30, deadline=None)
@given(many=st.lists(st.tuples(MOMENTS, UNITS, st.lists(SPANS, max_size=3)), min_size=1, max_size=8))
def test_a_clock_among_others_moves_as_it_does_alone(many: list[Any]) -> None:
    parts = [
        rows(start, *unit, holds).with_columns(pl.lit(f"c{n}").alias("clock_id")) for n, (start, unit, holds) in enumerate(many)
    ]
    frame = pl.concat(parts)
    together = moved(frame, intervals(frame.filter(pl.col("holds").is_not_null())), CALENDARS)
    assert together["clock_id"].to_list() == frame["clock_id"].to_list()
    assert together["due_at"].to_list() == [due_of(start, *unit, holds) for start, unit, holds in many]
