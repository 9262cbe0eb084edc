"""Hot, warm, cold: from behaviour alone, and steady."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.frames import SCORES, STATE, conform
from crmsync.decisions.temperature import Rung, TemperatureRules, temperature

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
RULES = TemperatureRules(1, hot=Rung(30, 22), warm=Rung(8, 5), explicit_days=14)


def felt(interest: float, before: str | None, asked_days_ago: float | None = None, **other: object) -> tuple[str, str]:
    asked = None if asked_days_ago is None else NOW - timedelta(days=asked_days_ago)
    scores = conform(pl.DataFrame([{"person_id": "p", "interest": interest, "hot_evidence_at": asked, **other}]), SCORES)
    state = conform(pl.DataFrame([{"person_id": "p", "temperature": before}] if before else [], schema=STATE), STATE)
    found = temperature(scores, state, RULES, NOW).row(0)
    return found[1], found[2]


@pytest.mark.parametrize(
    ("interest", "before", "expected"),
    [
        (30, None, ("hot", "interest")),
        (29.99, None, ("warm", "interest")),
        (29.99, "warm", ("warm", "interest")),
        (29.99, "hot", ("hot", "held")),
        (22, "hot", ("hot", "held")),
        (21.99, "hot", ("warm", "interest")),
        (8, None, ("warm", "interest")),
        (7.99, None, ("cold", "quiet")),
        (7.99, "cold", ("cold", "quiet")),
        (7.99, "warm", ("warm", "held")),
        (7.99, "hot", ("warm", "held")),
        (4.99, "warm", ("cold", "quiet")),
        (4.99, "hot", ("cold", "quiet")),
    ],
)
def test_a_rung_is_climbed_at_one_threshold_and_left_at_a_lower_one(
    interest: float, before: str | None, expected: tuple[str, str]
) -> None:
    assert felt(interest, before) == expected


@pytest.mark.parametrize(
    ("days", "expected"), [(0, ("hot", "explicit")), (13.9, ("hot", "explicit")), (14, ("cold", "quiet")), (-1, ("cold", "quiet"))]
)
def test_asking_for_a_quote_is_hot_by_itself_for_some_days(days: float, expected: tuple[str, str]) -> None:
    assert felt(0, None, days) == expected


@settings(deadline=None)
@given(
    st.floats(22, 29.99), st.floats(22, 29.99), st.sampled_from(["hot", "warm"]), st.lists(st.booleans(), min_size=2, max_size=12)
)
def test_interest_that_wavers_between_the_thresholds_flips_nobody(low: float, high: float, start: str, days: list[bool]) -> None:
    before = start
    for up in days:
        before, _ = felt(high if up else low, before)
        assert before == start


@settings(deadline=None)
@given(
    st.floats(-50, 100), st.sampled_from([None, "hot", "warm", "cold"]), st.floats(-50, 100), st.sampled_from(["inquiry", "sql"])
)
def test_phase_and_attributes_have_no_say(interest: float, before: str | None, fit: float, phase: str) -> None:
    scores = conform(pl.DataFrame([{"person_id": "p", "interest": interest, "fit": fit, "score": fit + interest}]), SCORES)
    state = conform(pl.DataFrame([{"person_id": "p", "temperature": before, "phase": phase}]), STATE)
    assert temperature(scores, state, RULES, NOW).row(0)[1:] == felt(interest, before)


@settings(deadline=None)
@given(st.floats(-50, 100), st.floats(0, 50), st.sampled_from([None, "hot", "warm", "cold"]))
def test_more_interest_is_never_cooler(interest: float, more: float, before: str | None) -> None:
    order = ["cold", "warm", "hot"]
    assert order.index(felt(interest + more, before)[0]) >= order.index(felt(interest, before)[0])


def test_everyone_with_a_score_has_a_temperature_in_order() -> None:
    scores = conform(pl.DataFrame([{"person_id": p, "interest": 9.0} for p in ("b", "a")]), SCORES)
    found = temperature(scores, pl.DataFrame(schema=STATE), RULES, NOW)
    assert found.rows() == [("a", "warm", "interest"), ("b", "warm", "interest")]
