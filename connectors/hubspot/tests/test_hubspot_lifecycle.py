"""The stage that moves forward only."""

from __future__ import annotations

import pytest

from crmsync_hubspot.lifecycle import clearing, must_clear_first, setting

STAGES = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "172839")


@pytest.mark.parametrize(
    ("live", "wanted", "clears"),
    [
        ("", "customer", False),
        ("lead", "marketingqualifiedlead", False),
        ("lead", "172839", False),
        ("lead", "lead", False),
        ("opportunity", "", False),
        ("opportunity", "lead", True),
        ("172839", "customer", True),
        ("a_stage_since_removed", "lead", True),
    ],
)
def test_a_step_back_is_cleared_first_and_nothing_else_is(live: str, wanted: str, clears: bool) -> None:
    assert must_clear_first(STAGES, live, wanted) is clears


def test_the_order_is_the_portals_own() -> None:
    assert must_clear_first(("customer", "lead"), "customer", "lead") is False


def test_everything_else_is_written_with_the_clearing_and_the_stage_alone_after_it() -> None:
    wanted = {"lifecyclestage": "lead", "crmsync_phase": "recycled"}
    assert clearing(wanted) == {"lifecyclestage": "", "crmsync_phase": "recycled"}
    assert setting(wanted) == {"lifecyclestage": "lead"}
