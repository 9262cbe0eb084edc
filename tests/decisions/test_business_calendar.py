"""Which hours count: the vectors of Japanese calendars, and the columns that must say the same as the days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.config.document import parse_document
from crmsync.config.rules.calendars import load_calendars
from crmsync.decisions.calendar import BusinessCalendar, Calendars, Closure
from crmsync.decisions.frames import INSTANT
from crmsync.decisions.worktime import business_share, due_column

from .conftest import tokyo

HOURS = ((time(9), time(12)), (time(13), time(18)))
PLAIN = BusinessCalendar("plain", "Asia/Tokyo", (HOURS,) * 5 + ((), ()), "JP")
FIRM = BusinessCalendar("firm", "Asia/Tokyo", (HOURS,) * 5 + ((), ()), "JP", (Closure("年末年始", (None, 12, 29), (None, 1, 3)),))
BERLIN = BusinessCalendar("berlin", "Europe/Berlin", (((time(8), time(16, 30)),),) * 5 + ((), ()), "DE", language="de")
ODD = BusinessCalendar("odd", "Asia/Tokyo", ((), ((time(10), time(11)),), (), (), (), ((time(9), time(18)),), ()), None)
CALENDARS = Calendars("plain", {c.name: c for c in (PLAIN, FIRM, BERLIN, ODD)})


def due(start: datetime, unit: str, amount: float, calendar: str = "plain") -> pl.DataFrame:
    schema = {"started_at": INSTANT, "unit": pl.String, "amount": pl.Float64, "calendar": pl.String}
    rows = [(start.astimezone(UTC), unit, amount, calendar)]
    return due_column(pl.DataFrame(rows, schema=schema, orient="row"), CALENDARS)


@pytest.mark.parametrize(
    ("start", "unit", "amount", "expected"),
    [
        ("2026-05-01T17:00", "clock_hours", 24, "2026-05-02T17:00"),
        ("2026-05-01T17:00", "clock_days", 1, "2026-05-02T17:00"),
        ("2026-05-01T17:00", "business_days", 1, "2026-05-07T17:00"),
        ("2026-05-01T17:00", "business_hours", 24, "2026-05-11T17:00"),
        ("2026-05-02T15:00", "business_days", 1, "2026-05-08T09:00"),
        ("2026-05-02T15:00", "business_hours", 1, "2026-05-07T10:00"),
        ("2026-09-18T17:00", "business_days", 1, "2026-09-24T17:00"),
        ("2026-03-19T18:30", "business_days", 1, "2026-03-24T09:00"),
        ("2026-03-19T18:30", "business_hours", 2, "2026-03-23T11:00"),
        ("2026-12-28T11:30", "business_days", 1, "2026-12-29T11:30"),
        ("2026-06-01T12:30", "business_hours", 1, "2026-06-01T14:00"),
        ("2026-06-01T11:00", "business_hours", 1, "2026-06-01T12:00"),
        ("2026-06-01T17:00", "business_hours", 1, "2026-06-01T18:00"),
        ("2026-06-01T17:00", "business_hours", 1.5, "2026-06-02T09:30"),
    ],
)
def test_twenty_four_hours_has_three_meanings_and_each_is_named(start: str, unit: str, amount: float, expected: str) -> None:
    assert due(tokyo(start), unit, amount)["due_at"][0] == tokyo(expected)


def test_company_holidays_lie_over_the_national_ones() -> None:
    found = due(tokyo("2026-12-28T11:30"), "business_days", 1, "firm")
    assert found["due_at"][0] == tokyo("2027-01-04T11:30")
    assert found["arithmetic"][0] == (
        "2026-12-28T11:30+09:00 + 1 business day = 2027-01-04T11:30+09:00; skipped 2026-12-29 年末年始, 2026-12-30 年末年始, "
        "2026-12-31 年末年始, 2027-01-01 年末年始, 2027-01-02 年末年始, 2027-01-03 年末年始"
    )


def test_the_arithmetic_names_each_day_that_did_not_count() -> None:
    assert due(tokyo("2026-05-01T17:00"), "business_days", 1)["arithmetic"][0] == (
        "2026-05-01T17:00+09:00 + 1 business day = 2026-05-07T17:00+09:00; skipped 2026-05-02 weekend, 2026-05-03 憲法記念日, "
        "2026-05-04 みどりの日, 2026-05-05 こどもの日, 2026-05-06 振替休日"
    )
    assert (
        due(tokyo("2026-05-01T17:00"), "clock_hours", 24)["arithmetic"][0]
        == "2026-05-01T17:00+09:00 + 24 clock hours = 2026-05-02T17:00+09:00"
    )


@pytest.mark.parametrize(
    ("day", "why"), [("2026-05-06", "振替休日"), ("2026-09-22", "国民の休日"), ("2026-06-06", "weekend"), ("2026-06-05", None)]
)
def test_substitute_and_citizens_holidays_are_closed(day: str, why: str | None) -> None:
    assert PLAIN.closed_because(date.fromisoformat(day)) == why


def test_a_closure_of_one_year_does_not_come_back() -> None:
    once = Closure("お盆", (2026, 8, 13), (2026, 8, 15))
    assert once.covers(date(2026, 8, 14))
    assert not once.covers(date(2027, 8, 14))


def test_a_change_of_clocks_abroad_keeps_the_wall_clock() -> None:
    start = datetime(2026, 3, 27, 15, tzinfo=ZoneInfo("Europe/Berlin"))  # Friday before summer time
    assert due(start, "business_days", 1, "berlin")["due_at"][0] == datetime(2026, 3, 30, 15, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_calendar_that_never_opens_says_so_instead_of_searching_for_ever() -> None:
    with pytest.raises(ValueError, match="no business time"):
        BusinessCalendar("shut", "Asia/Tokyo", ((),) * 7).next_moment(tokyo("2026-06-01T09:00"))
    with pytest.raises(ValueError, match="no business time"):
        BusinessCalendar("shut", "Asia/Tokyo", ((),) * 7).add_business_days(tokyo("2026-06-01T09:00"), 1)


@pytest.mark.parametrize(
    ("first", "last", "covered", "open_days"),
    [
        ((None, 12, 29), (None, 1, 3), ["2026-12-29", "2026-12-31", "2027-01-03"], ["2026-12-28", "2027-01-04"]),
        ((None, 8, 13), (None, 8, 15), ["2026-08-13", "2027-08-15"], ["2026-08-12", "2026-08-16", "2026-12-14"]),
        ((2026, 12, 29), (2027, 1, 3), ["2026-12-29", "2027-01-03"], ["2026-12-28", "2027-01-04", "2027-12-30"]),
        ((None, 6, 10), (None, 6, 10), ["2026-06-10"], ["2026-06-09", "2026-06-11"]),
    ],
)
def test_a_closure_covers_both_of_its_ends(first: Any, last: Any, covered: list[str], open_days: list[str]) -> None:
    closure = Closure("休業", first, last)
    assert all(closure.covers(date.fromisoformat(day)) for day in covered)
    assert not any(closure.covers(date.fromisoformat(day)) for day in open_days)


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("2026-06-01T09:00", "2026-06-01T09:00"),
        ("2026-06-01T08:59", "2026-06-01T09:00"),
        ("2026-06-01T12:00", "2026-06-01T13:00"),
        ("2026-06-01T17:59", "2026-06-01T17:59"),
        ("2026-06-01T18:00", "2026-06-02T09:00"),
        ("2026-06-05T18:00", "2026-06-08T09:00"),
    ],
)
def test_the_next_moment_of_work_is_now_or_the_next_opening(at: str, moment: str) -> None:
    assert PLAIN.next_moment(tokyo(at)) == tokyo(moment)


INSTANTS = st.datetimes(datetime(2025, 12, 1), datetime(2027, 2, 1)).map(lambda at: at.replace(tzinfo=UTC, second=0, microsecond=0))  # noqa: DTZ001
NAMES = st.sampled_from(sorted(CALENDARS.by_name))


@settings(max_examples=60, deadline=None)
@given(start=INSTANTS, hours=st.integers(1, 60), days=st.integers(1, 15), name=NAMES)
def test_columns_say_what_the_days_say(start: datetime, hours: int, days: int, name: str) -> None:
    calendar = CALENDARS.named(name)
    assert due(start, "business_hours", hours, name)["due_at"][0] == calendar.add_business_hours(start, hours)[0]
    assert due(start, "business_days", days, name)["due_at"][0] == calendar.add_business_days(start, days)[0]


@settings(max_examples=40, deadline=None)
@given(start=INSTANTS, amount=st.integers(1, 30), unit=st.sampled_from(["business_hours", "business_days"]), name=NAMES)
def test_shares_rise_from_start_to_due_and_fall_into_business_time(start: datetime, amount: int, unit: str, name: str) -> None:
    found = business_share(due(start, unit, amount, name), CALENDARS, (50, 80, 100, 150)).row(0, named=True)
    steps = [found["at_50"], found["at_80"], found["at_100"], found["at_150"]]
    assert steps == sorted(steps)
    assert found["at_100"] <= found["due_at"] <= found["at_150"]
    calendar = CALENDARS.named(name)
    for step in steps:
        assert calendar.is_business_day(calendar.local_day(step - timedelta(microseconds=1)))


@settings(max_examples=30, deadline=None)
@given(start=INSTANTS, hours=st.integers(1, 40), more=st.integers(0, 40))
def test_a_longer_promise_is_never_due_sooner(start: datetime, hours: int, more: int) -> None:
    assert PLAIN.add_business_hours(start, hours)[0] <= PLAIN.add_business_hours(start, hours + more)[0]


@pytest.mark.parametrize(
    ("unit", "amount", "calendar"),
    [
        ("business_days", 250, "firm"),
        ("business_hours", 2000, "firm"),
        ("business_days", 100, "odd"),
        ("business_hours", 400, "odd"),
    ],
)
def test_a_promise_of_a_year_and_more_is_due_when_its_days_say(unit: str, amount: int, calendar: str) -> None:
    start, by_days = tokyo("2026-06-02T10:30"), CALENDARS.named(calendar)
    wanted = by_days.add_business_hours(start, amount) if unit == "business_hours" else by_days.add_business_days(start, amount)
    assert due(start, unit, amount, calendar)["due_at"][0] == wanted[0]


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-06-06T17:00", 1, "2026-06-09T11:00"),  # Saturday until 18, Tuesday until 11
        ("2026-06-06T09:30", 1, "2026-06-09T10:00"),
        ("2026-06-02T10:30", 1, "2026-06-06T10:30"),
        ("2026-06-02T10:30", 2, "2026-06-09T10:30"),
        ("2026-06-06T18:00", 1, "2026-06-13T10:00"),  # closed: it begins on Tuesday at ten
    ],
)
def test_where_days_differ_a_due_time_lies_within_the_hours_of_its_day(start: str, days: int, expected: str) -> None:
    assert due(tokyo(start), "business_days", days, "odd")["due_at"][0] == tokyo(expected)


def test_a_share_is_of_the_hours_of_the_rows_own_calendar_and_outside_of_them_of_clock_time() -> None:
    instants = {"started_at": INSTANT, "due_at": INSTANT, "calendar": pl.String}
    rows = [
        (tokyo("2026-06-05T16:00"), tokyo("2026-06-08T11:00"), None),  # Friday 16-18, Monday 9-11
        (tokyo("2026-06-05T16:00"), tokyo("2026-06-09T11:00"), "odd"),  # Saturday 9-18, Tuesday 10-11
        (tokyo("2026-06-06T10:00"), tokyo("2026-06-07T10:00"), "plain"),  # a weekend
    ]
    frame = pl.DataFrame([(a.astimezone(UTC), b.astimezone(UTC), c) for a, b, c in rows], schema=instants, orient="row")
    found = business_share(frame, CALENDARS, (25, 50, 150))
    assert found["at_50"].to_list() == [tokyo("2026-06-05T18:00"), tokyo("2026-06-06T14:00"), tokyo("2026-06-06T22:00")]
    assert found["at_25"].to_list() == [tokyo("2026-06-05T17:00"), tokyo("2026-06-06T11:30"), tokyo("2026-06-06T16:00")]
    assert found["at_150"].to_list() == [tokyo("2026-06-08T14:00"), tokyo("2026-06-13T14:00"), tokyo("2026-06-07T22:00")]
    nothing = business_share(frame.clear(), CALENDARS, (25,))
    assert (nothing.columns, nothing.height) == ([*instants, "at_25"], 0)


def test_many_rows_keep_their_order_and_their_own_calendar() -> None:
    schema = {"started_at": INSTANT, "unit": pl.String, "amount": pl.Float64, "calendar": pl.String}
    rows = [
        (tokyo("2026-12-28T11:30").astimezone(UTC), "business_days", 1.0, "firm"),
        (tokyo("2026-05-01T17:00").astimezone(UTC), "clock_hours", 24.0, None),
        (tokyo("2026-12-28T11:30").astimezone(UTC), "business_days", 1.0, "plain"),
        (tokyo("2026-05-01T17:00").astimezone(UTC), "business_hours", 24.0, "unheard of"),
    ]
    found = due_column(pl.DataFrame(rows, schema=schema, orient="row"), CALENDARS)
    wanted = ["2027-01-04T11:30", "2026-05-02T17:00", "2026-12-29T11:30", "2026-05-11T17:00"]
    assert found["due_at"].to_list() == [tokyo(text) for text in wanted]


def test_where_nothing_is_promised_nothing_is_due() -> None:
    found = due(tokyo("2026-05-01T17:00"), "business_days", 1).drop("due_at", "arithmetic").clear()
    assert dict(due_column(found, CALENDARS).schema) == {**found.schema, "due_at": INSTANT, "arithmetic": pl.String}


@settings(max_examples=20, deadline=None)
@given(starts=st.lists(INSTANTS, min_size=2, max_size=6), unit=st.sampled_from(["business_hours", "business_days"]))
def test_a_row_among_others_is_due_as_it_is_alone(starts: list[datetime], unit: str) -> None:
    together = pl.concat([due(start, unit, n + 1).drop("due_at", "arithmetic") for n, start in enumerate(starts)])
    alone = pl.concat([due(start, unit, n + 1) for n, start in enumerate(starts)])
    assert due_column(together, CALENDARS).equals(alone)
    shares = pl.concat([business_share(alone[n], CALENDARS, (50, 150)) for n in range(len(starts))])
    assert business_share(alone, CALENDARS, (50, 150)).equals(shares)


def test_the_days_skipped_are_those_of_the_printed_arithmetic() -> None:
    due_at, skipped = PLAIN.add_business_days(tokyo("2026-05-01T17:00"), 1)
    assert due_at == tokyo("2026-05-07T17:00")
    printed = due(tokyo("2026-05-01T17:00"), "business_days", 1)["arithmetic"][0].partition("; skipped ")[2]
    assert ", ".join(f"{s.day.isoformat()} {s.why}" for s in skipped) == printed
    assert PLAIN.skipped(tokyo("2026-05-02T15:00"), tokyo("2026-05-02T16:00"))[0].day == date(2026, 5, 2)


LAYERS = """
default: tokyo
calendars:
  support:
    based_on: company
    hours: {sat: ["10:00-16:00"]}
    closures: [{name: 拠点休業日, from: "06-15", to: "06-15"}]
  company:
    based_on: tokyo
    closures: [{name: 創立記念日, from: "06-10", to: "06-10"}]
  tokyo: {time_zone: Asia/Tokyo, hours: {weekdays: ["09:00-12:00", "13:00-18:00"]}, holidays: JP}
  london: {based_on: company, time_zone: Europe/London, holidays: GB}
"""


@pytest.mark.parametrize(
    ("calendar", "day", "why"),
    [
        ("support", "2026-05-06", "振替休日"),  # national
        ("support", "2026-06-10", "創立記念日"),  # company
        ("support", "2026-06-15", "拠点休業日"),  # team
        ("support", "2026-06-13", None),  # a Saturday on which this team works
        ("support", "2026-06-14", "weekend"),
        ("company", "2026-06-13", "weekend"),
        ("company", "2026-06-15", None),
        ("london", "2026-06-10", "創立記念日"),
        ("london", "2026-05-06", None),
    ],
)
def test_a_teams_calendar_lies_over_the_companys_and_the_companys_over_the_nations(
    calendar: str, day: str, why: str | None
) -> None:
    found = load_calendars(parse_document(LAYERS, "calendars.yaml")).named(calendar).closed_because(date.fromisoformat(day))
    assert found == why


def test_each_layer_keeps_its_own_zone() -> None:
    layers = load_calendars(parse_document(LAYERS, "calendars.yaml"))
    zones = {name: calendar.time_zone for name, calendar in layers.by_name.items()}
    assert zones == {"support": "Asia/Tokyo", "company": "Asia/Tokyo", "tokyo": "Asia/Tokyo", "london": "Europe/London"}
