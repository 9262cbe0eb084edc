"""Where the illness sits, and what a point is worth."""

from __future__ import annotations

import pytest

from crmsync.figures.alarms import TriageLimits
from crmsync.figures.chance import Interval
from crmsync.figures.points import points_sheet, wins_back, wins_of_points
from crmsync.figures.triage import PARTS, TABLE, triage

SOUND = {"visitors": 10_000, "leads": 300, "appointments": 90, "opportunities": 40, "wins": 10, "due": 20, "renewals": 18}

APPOINTMENTS_BUT_NO_OPPORTUNITIES = {**SOUND, "appointments": 90, "opportunities": 4, "wins": 1}
OPPORTUNITIES_BUT_NO_WINS = {**SOUND, "opportunities": 60, "wins": 2}


def verdict(counts: dict[str, int | None]) -> tuple[str, str] | None:
    found = triage(counts, TriageLimits()).verdict
    return None if found is None else (found.department, found.seen)


def test_appointments_but_no_opportunities_is_inside_sales() -> None:
    assert verdict(APPOINTMENTS_BUT_NO_OPPORTUNITIES) == ("inside_sales", "appointments_but_no_opportunities")


def test_opportunities_but_no_wins_is_field_sales() -> None:
    assert verdict(OPPORTUNITIES_BUT_NO_WINS) == ("field_sales", "opportunities_but_no_wins")


@pytest.mark.parametrize(
    ("sick", "told"),
    [
        ({"visitors": 60_000}, ("marketing", "visitors_but_no_leads")),
        ({"appointments": 9, "opportunities": 5, "wins": 2}, ("inside_sales", "leads_but_no_appointments")),
        ({"due": 40, "renewals": 8}, ("customer_success", "customers_but_no_renewals")),
        ({}, None),
    ],
)
def test_every_row_of_the_table_is_told(sick: dict[str, int], told: tuple[str, str] | None) -> None:
    assert verdict({**SOUND, **sick}) == told


def test_the_link_nearest_to_the_win_speaks_first() -> None:
    assert verdict({**APPOINTMENTS_BUT_NO_OPPORTUNITIES, "opportunities": 15, "wins": 0, "appointments": 300})[0] == "inside_sales"
    assert verdict({**OPPORTUNITIES_BUT_NO_WINS, "appointments": 900})[0] == "field_sales"


def test_two_lost_cases_are_no_verdict_on_anybody() -> None:
    found = triage({**SOUND, "appointments": 5, "leads": 20, "visitors": None, "opportunities": 2, "wins": 0}, TriageLimits())
    link = next(link for link in found.links if link.name == "wins_per_opportunity")
    assert (link.health, found.verdict) == ("unknown", None)


def test_what_nobody_counts_is_unknown_and_no_zero() -> None:
    found = triage({**SOUND, "visitors": None, "due": None}, TriageLimits())
    health = {link.name: link.health for link in found.links}
    assert (health["leads_per_visitor"], health["renewals_per_due"]) == ("unknown", "unknown")
    assert found.verdict is None


def test_more_wins_than_opportunities_of_the_period_are_no_weakness() -> None:
    assert (
        triage({**SOUND, "leads": 20, "visitors": None, "appointments": 5, "opportunities": 3, "wins": 8}, TriageLimits()).verdict
        is None
    )


def test_every_link_has_its_parts_and_its_limit() -> None:
    assert {row.link for row in TABLE} == set(PARTS) == set(TriageLimits.__slots__)


def test_a_point_of_a_rate_brings_its_wins_within_limits() -> None:
    """Of 36 opportunities 6 were won. One more point of the rate to opportunities lets 0.9 of 90 through, of whom a sixth wins."""
    points = wins_of_points({"leads": 300, "mqls": 90, "opportunities": 36, "wins": 6})
    opportunities = points["opportunities"]
    assert opportunities is not None
    assert opportunities.value == pytest.approx(90 * 0.01 * 6 / 36)
    assert opportunities.low < opportunities.value < opportunities.high
    assert (opportunities.low, opportunities.high) == (pytest.approx(0.9 * 0.0788, rel=1e-2), pytest.approx(0.9 * 0.3189, rel=1e-2))


def test_a_point_of_the_win_rate_itself_is_certain() -> None:
    assert wins_of_points({"leads": 300, "opportunities": 36, "wins": 6})["wins"] == Interval(0.36, 0.36, 0.36)


def test_where_nobody_came_out_of_a_step_a_point_of_it_says_nothing() -> None:
    assert wins_of_points({"leads": 300, "opportunities": 0, "wins": 0})["opportunities"] is None
    assert wins_of_points({"leads": 300, "opportunities": 2, "wins": 5})["opportunities"] is None


NOW = {"leads": 300, "mqls": 90, "opportunities": 36, "wins": 6}


def test_a_rate_as_it_was_before_would_bring_its_wins_back_within_limits() -> None:
    """Four in ten MQLs become opportunities; before, six in ten did. Twenty points at 0.15 wins each are three wins."""
    back = wins_back(NOW, {"leads": 200, "mqls": 60, "opportunities": 36, "wins": 6})
    found = back["opportunities"]
    assert found is not None
    assert found.value == pytest.approx((0.6 - 0.4) * 90 * 6 / 36)
    assert found.low < found.value < found.high
    assert (back["mqls"], back["wins"]) == (None, None)  # as good as ever


def test_what_was_not_known_before_is_no_promise() -> None:
    assert set(wins_back(NOW, {"leads": 0, "mqls": 0, "opportunities": 0, "wins": 0}).values()) == {None}
    assert set(wins_back(NOW, {}).values()) == {None}


def test_both_prices_stand_in_the_row_of_the_step() -> None:
    (row,) = points_sheet(NOW, {**NOW, "mqls": 180}).rows.filter(step="mqls").to_dicts()
    assert (row["rate"], row["rate_before"], row["per_point"]) == (0.3, 0.6, pytest.approx(0.2))
    assert row["wins_back"] == pytest.approx(6.0)
    assert row["back_at_least"] < 6.0 < row["back_at_most"]
