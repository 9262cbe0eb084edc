"""What a property would take."""

from __future__ import annotations

from typing import Any

import pytest

from crmsync.model.records import FieldInfo
from crmsync_hubspot.checking import checked
from crmsync_hubspot.faults import Fault


def code(value: Any, kind: str, options: tuple[str, ...] | None = None, longest: int | None = None) -> str:
    found = checked(value, FieldInfo("field", kind, options=options, max_length=longest))
    return found.code if isinstance(found, Fault) else ""


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "number", ""),
        ("", "date", ""),
        (12, "number", ""),
        ("12.5", "number", ""),
        ("1e3", "number", ""),
        ("twelve", "number", "INVALID_NUMBER"),
        ("nan", "number", "INVALID_NUMBER"),
        (float("inf"), "number", "INVALID_NUMBER"),
        ("2026-11-22", "date", ""),
        ("2026-11-22T09:00:00Z", "date", ""),
        ("1767322800000", "datetime", ""),
        ("22/11/2026", "date", "INVALID_DATE"),
        (True, "bool", ""),
        ("anything", "string", ""),
    ],
)
def test_numbers_and_times_must_be_some(value: Any, kind: str, expected: str) -> None:
    assert code(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hot", ""),
        ("hot;cold", ""),
        (";cold", ""),
        (["hot", "cold"], ""),
        ("Hot", "INVALID_OPTION"),
        ("hot;boiling", "INVALID_OPTION"),
    ],
)
def test_options_must_be_among_those_of_the_portal(value: Any, expected: str) -> None:
    assert code(value, "enumeration", ("hot", "cold")) == expected


def test_options_that_live_elsewhere_are_not_judged() -> None:
    assert code("77", "enumeration", None) == ""


def test_a_refusal_names_the_field_and_no_value_but_an_option() -> None:
    fault = checked("secret" * 20, FieldInfo("field", "string", max_length=10))
    assert isinstance(fault, Fault)
    assert (fault.message, fault.properties) == ("field: 120 > 10", ("field",))
