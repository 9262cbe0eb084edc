"""Values on the wire."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync_hubspot.values import cleaned, instant, iso, millis, same, wire_text

JST = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("value", "field_type", "text"),
    [
        (None, "string", ""),
        (True, "bool", "true"),
        (False, "bool", "false"),
        (12, "number", "12"),
        (12.0, "number", "12"),
        (12.5, "number", "12.5"),
        ("  ご担当者様 ", "string", "  ご担当者様 "),
        (["a", "b"], "enumeration", "a;b"),
        (date(2026, 3, 31), "date", "2026-03-31"),
        (datetime(2026, 3, 31, 12, 0, 0, 678_000, UTC), "datetime", "2026-03-31T12:00:00.678Z"),
        (datetime(2026, 3, 31, 21, 0, tzinfo=JST), "datetime", "2026-03-31T12:00:00.000Z"),
        ("2026-03-31T00:00:00.000Z", "date", "2026-03-31"),
        ("2026-03-31T00:00:00.000Z", "datetime", "2026-03-31T00:00:00.000Z"),
    ],
)
def test_every_value_goes_out_as_the_text_that_hubspot_takes(value: Any, field_type: str, text: str) -> None:
    assert wire_text(value, field_type) == text


def test_a_number_that_is_none_is_never_sent() -> None:
    with pytest.raises(ValueError, match="finite"):
        wire_text(float("nan"), "number")


@pytest.mark.parametrize(
    ("left", "right", "field_type", "is_same"),
    [
        ("", None, "string", True),
        ("5", 5.0, "number", True),
        ("5.00", 5, "number", True),
        ("0123", "123", "string", False),
        ("2026-03-31T12:00:00Z", "2026-03-31T12:00:00.000Z", "datetime", True),
        ("1774958400000", "2026-03-31T12:00:00Z", "datetime", True),
        ("2026-03-31", "2026-03-31T00:00:00Z", "date", True),
        ("True", True, "bool", True),
        ("hot", "warm", "enumeration", False),
        ("seminar;web", "web;seminar", "enumeration", True),
        ("seminar;web", "web", "enumeration", False),
        ("", "0", "number", False),
    ],
)
def test_values_are_compared_as_their_property_means_them(left: Any, right: Any, field_type: str, is_same: bool) -> None:
    assert same(left, right, field_type) is is_same


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05.678Z", "1767323045678", 1767323045678])
def test_times_are_read_with_a_fraction_and_as_milliseconds(text: Any) -> None:
    assert instant(text) == datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


@pytest.mark.parametrize("text", ["", None, "soon", True, "9" * 30])
def test_what_is_no_time_is_none(text: Any) -> None:
    assert instant(text) is None


@given(st.integers(0, 10**15).map(lambda n: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)))
def test_an_instant_survives_the_wire_to_the_millisecond(moment: datetime) -> None:
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert instant(iso(moment)) == cut
    assert instant(millis(moment)) == cut


def test_a_cleared_property_is_none_whichever_way_hubspot_says_it() -> None:
    assert cleaned({"a": "", "b": None, "c": "0"}) == {"a": None, "b": None, "c": "0"}
