"""When two vendor values are one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.mapping import canonical, same

TYPES = ["string", "double", "number", "boolean", "bool", "datetime", "date", "picklist", "enumeration", "reference", "textarea"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**12),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=12),
    st.sampled_from(["", " ", "true", "5", "5.0", "2026-05-07", "2026-05-07T03:00:00.000+0000", "1778122800000", "a;b", "b;a"]),
)


@pytest.mark.parametrize(
    ("field_type", "one", "other"),
    [
        ("number", "5", 5.0),
        ("number", 5, "5.0"),
        ("double", 15.0, 15),
        ("string", "", None),
        ("string", "  ", None),
        ("number", "", None),
        ("datetime", "2026-05-07T03:00:00.000+0000", "2026-05-07T03:00:00Z"),
        ("datetime", "2026-05-07T03:00:00.123Z", "2026-05-07T03:00:00Z"),
        ("datetime", "2026-05-07T12:00:00+09:00", "1778122800000"),
        ("date", "2026-05-07", "2026-05-07T00:00:00Z"),
        ("boolean", "true", True),
        ("bool", "False", False),
        ("textarea", "one \r\ntwo  \n", "one\ntwo"),
        ("enumeration", "b;a", "a;b"),
        ("multipicklist", "b; a", "a;b"),
        ("reference", "00Q5g00000ABCde", "00Q5g00000ABCdeEAH"),
        ("Double", "1", 1),
    ],
)
def test_an_echo_of_our_own_value_is_no_change(field_type: str, one: Any, other: Any) -> None:
    assert same(field_type, one, other)


@pytest.mark.parametrize(
    ("field_type", "one", "other"),
    [
        ("number", "5", "6"),
        ("number", "0", None),
        ("boolean", False, None),
        ("string", "5", "5.0"),
        ("string", "Hot", "hot"),
        ("string", "a b", "ab"),
        ("datetime", "2026-05-07T03:00:00Z", "2026-05-07T03:00:01Z"),
        ("date", "2026-05-07", "2026-05-08"),
        ("picklist", "a;b", "b;a"),
        ("textarea", "one\ntwo", "one two"),
    ],
)
def test_a_real_change_is_seen(field_type: str, one: Any, other: Any) -> None:
    assert not same(field_type, one, other)


@given(st.sampled_from(TYPES), VALUES, VALUES)
def test_equality_is_symmetric_and_never_raises(field_type: str, one: Any, other: Any) -> None:
    assert same(field_type, one, other) == same(field_type, other, one)


@given(st.sampled_from(TYPES), VALUES)
def test_a_value_equals_itself(field_type: str, value: Any) -> None:
    assert same(field_type, value, value)


@given(st.sampled_from(TYPES), VALUES, VALUES, VALUES)
def test_what_equals_the_same_is_equal(field_type: str, a: Any, b: Any, c: Any) -> None:
    if same(field_type, a, b) and same(field_type, b, c):
        assert same(field_type, a, c)


@given(st.sampled_from(TYPES), VALUES)
def test_the_canonical_form_is_found_for_anything(field_type: str, value: Any) -> None:
    assert len({canonical(field_type, value), canonical(field_type, value)}) == 1
