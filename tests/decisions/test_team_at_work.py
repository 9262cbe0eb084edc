"""Who is there today, where they are: absences in the rep's own zone, and everyone as routing sees them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from crmsync.decisions.frames import REPS
from crmsync.decisions.team import Absence, Rep, Team

JUNE = {n: date(2026, 6, n) for n in range(1, 31)}


def away(*spans: tuple[int, int], time_zone: str = "Asia/Tokyo") -> Rep:
    """A rep who is away from one day of June to another, both included."""
    absences = tuple(Absence(JUNE[first], JUNE[last]) for first, last in spans)
    return Rep("a@home.example", "A", "inside_sales", "tokyo", time_zone, absences=absences)


def noon(day: int) -> datetime:
    return datetime(2026, 6, day, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spans", "day", "until"),
    [
        ([], 2, None),
        ([(2, 4)], 1, None),
        ([(2, 4)], 2, 4),
        ([(2, 4)], 4, 4),
        ([(2, 4)], 5, None),
        ([(2, 2)], 2, 2),
        ([(2, 4), (5, 6)], 3, 6),  # they touch
        ([(5, 6), (2, 4)], 3, 6),
        ([(2, 4), (6, 8)], 3, 4),  # there on the fifth
        ([(2, 8), (3, 5)], 3, 8),  # one within the other
        ([(2, 8), (3, 5)], 6, 8),
        ([(2, 4), (4, 9)], 2, 9),
        ([(2, 4), (5, 6)], 5, 6),
        ([(2, 3), (4, 5), (6, 7)], 2, 7),
        ([(1, 1), (3, 3)], 3, 3),
    ],
)
def test_an_absence_lasts_to_the_last_day_of_those_that_touch(spans: list[tuple[int, int]], day: int, until: int | None) -> None:
    assert away(*spans).absent_until(noon(day)) == (None if until is None else JUNE[until])


def test_today_is_the_day_where_the_rep_is() -> None:
    evening = datetime(2026, 6, 1, 15, 30, tzinfo=UTC)  # the second of June has begun in Tokyo
    assert away((2, 2)).absent_until(evening) == JUNE[2]
    assert away((2, 2), time_zone="Europe/Berlin").absent_until(evening) is None


def test_routing_sees_everyone_by_id_with_all_that_limits_them_and_no_unknown_as_active() -> None:
    busy = Rep(
        "b@home.example",
        "B",
        "field_sales",
        "osaka",
        "Asia/Tokyo",
        capacity_per_day=7,
        weight=2,
        cap=30,
        territories=("kansai",),
        industries=("retail",),
        sizes=("1-5", "6-20"),
        languages=("ja", "en"),
        manager="m@home.example",
        joined=JUNE[1],
    )
    seen = Team((busy, away((2, 4)))).frame({"b@home.example": True, "other@home.example": True}, noon(2))
    assert dict(seen.schema) == dict(REPS)
    first, second = seen.to_dicts()
    nobody = {"territories": [], "industries": [], "sizes": [], "languages": []}
    assert first == {
        "rep_id": "a@home.example",
        "name": "A",
        "department": "inside_sales",
        "is_active": False,
        "is_queue": False,
        "absent_until": JUNE[4],
        "capacity_per_day": 20,
        "weight": 1,
        "cap": None,
        "calendar": "tokyo",
        "manager": None,
        **nobody,
    }
    assert second == {
        "rep_id": "b@home.example",
        "name": "B",
        "department": "field_sales",
        "is_active": True,
        "is_queue": False,
        "absent_until": None,
        "capacity_per_day": 7,
        "weight": 2,
        "cap": 30,
        "calendar": "osaka",
        "territories": ["kansai"],
        "industries": ["retail"],
        "sizes": ["1-5", "6-20"],
        "languages": ["ja", "en"],
        "manager": "m@home.example",
    }
