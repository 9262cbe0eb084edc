"""Wins per head and from where they came, month by month."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from journeys import END, cases, frame, journey, moves

from crmsync.figures.heads import average_heads, wins_per_head
from crmsync.figures.inputs import HEADCOUNTS
from crmsync.figures.period import Zone, spans
from crmsync.figures.stays import stays

MONTHS = spans(date(2026, 4, 1), date(2026, 5, 31), "month", Zone())
RECYCLED = stays(
    moves(
        journey("back", ("inquiry", -60), ("mql", -50), ("recycled", -40), ("mql", 2)),
        journey("late", ("inquiry", 0), ("recycled", 20)),
    ),
    END,
)


def heads(*rows: tuple[str, date, date, float]) -> pl.DataFrame:
    return frame([{"department": d, "first": first, "last": last, "value": v} for d, first, last, v in rows], HEADCOUNTS)


APRIL, MAY = (date(2026, 4, 1), date(2026, 4, 30)), (date(2026, 5, 1), date(2026, 5, 31))
TEAM = heads(("inside_sales", *APRIL, 2), ("field_sales", *APRIL, 2), ("inside_sales", *MAY, 2), ("field_sales", *MAY, 4))
WON = {"status": "won", "created": -20}
DEALS = cases(
    {"person_id": "a", **WON, "closed": -10},
    {"person_id": "b", **WON, "closed": -9},
    {"person_id": "back", **WON, "closed": 5},
    {"person_id": "late", **WON, "closed": 9},
)


def test_the_same_wins_with_more_people_are_fewer_for_each() -> None:
    table = wins_per_head(DEALS, RECYCLED, TEAM, MONTHS, Zone())
    assert table.select("span", "wins", "heads", "wins_per_head").rows() == [
        ("2026-04", 2, 4.0, 0.5),
        ("2026-05", 2, 6.0, pytest.approx(1 / 3)),
    ]


def test_a_win_came_back_where_somebody_on_it_had_been_recycled_before_it_was_closed() -> None:
    table = wins_per_head(DEALS, RECYCLED, TEAM, MONTHS, Zone())
    assert table.select("from_recycle", "recycle_share").rows() == [(0, 0.0), (1, 0.5)]


def test_without_head_counts_there_is_no_share_and_without_wins_neither() -> None:
    table = wins_per_head(cases(), RECYCLED, None, MONTHS, Zone())
    assert table.select("wins", "heads", "wins_per_head", "recycle_share").rows() == [(0, None, None, None)] * 2


def test_who_came_in_the_middle_of_the_month_counts_for_half_of_it() -> None:
    team = heads(
        ("inside_sales", date(2026, 4, 1), date(2026, 4, 15), 2), ("inside_sales", date(2026, 4, 16), date(2026, 4, 30), 4)
    )
    assert average_heads(team, *APRIL) == 3.0


def test_a_month_that_nobody_gave_wholly_is_absent() -> None:
    assert average_heads(heads(("inside_sales", date(2026, 4, 1), date(2026, 4, 15), 2)), *APRIL) is None
    assert average_heads(heads(("inside_sales", *APRIL, 2), ("field_sales", *MAY, 2)), *APRIL) is None
