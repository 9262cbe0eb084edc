"""Whom a source brings, and whether newcomers keep their promises as well."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from journeys import MAY, START, clocks, day, persons, told

from crmsync.figures.alarms import PersonaLimits
from crmsync.figures.newcomers import sla_by_seniority
from crmsync.figures.persona import persona_by_source


def source(method: str | None, target: int, other: int, unknown: int = 0) -> pl.DataFrame:
    known = [True] * target + [False] * other + [None] * unknown
    ids = (f"{method}-{n}" for n in range(len(known)))
    return persons(*ids, source_method=method).with_columns(pl.Series("is_target", known, dtype=pl.Boolean))


@pytest.mark.parametrize(
    ("target", "other", "grade"), [(10, 10, "A"), (6, 14, "B"), (3, 17, "C"), (2, 18, "D"), (0, 20, "D"), (5, 4, None)]
)
def test_a_source_has_the_grade_of_what_it_brings(target: int, other: int, grade: str | None) -> None:
    (row,) = persona_by_source(source("seminar", target, other), MAY, PersonaLimits()).to_dicts()
    assert (row["persona"], row["grade"]) == (pytest.approx(target / (target + other)), grade)


def test_of_whom_nothing_is_known_is_neither_for_nor_against_a_source() -> None:
    (row,) = persona_by_source(source("seminar", 5, 5, unknown=90), MAY, PersonaLimits()).to_dicts()
    assert (row["leads"], row["known"], row["target"], row["persona"], row["grade"]) == (100, 10, 5, 0.5, "A")


def test_any_card_does_not_count_for_more_than_the_right_ones() -> None:
    table = persona_by_source(pl.concat([source("exhibition", 8, 72), source("web_ad", 12, 8)]), MAY, PersonaLimits())
    assert told(table, "source", "leads", "grade") == {"exhibition": (80, "D"), "web_ad": (20, "A")}


def test_leads_of_other_days_and_without_a_source_are_told_apart() -> None:
    late = source("seminar", 10, 0).with_columns(pl.lit(START + timedelta(days=40)).alias("created_at"))
    table = persona_by_source(pl.concat([late, source(None, 1, 0)]), MAY, PersonaLimits())
    assert told(table, "source", "leads") == {"unknown": 1}


JOINED = pl.DataFrame(
    {"rep_id": ["old", "new", "unsaid"], "joined": [date(2020, 4, 1), date(2026, 4, 1), None]},
    schema={"rep_id": pl.String, "joined": pl.Date},
)


def test_newcomers_and_veterans_are_held_to_the_same_promise() -> None:
    ran = clocks(
        ("a", "old", 1, 2), ("b", "old", 2, 3), ("c", "new", 1, 2), ("d", "new", 2, 3), ("e", "unsaid", 1, 2), ("f", "old", 4, 5)
    )
    met = ran.with_columns(
        pl.when(pl.col("person_id").is_in(["a", "b", "c", "e"])).then(pl.col("due_at")).alias("met_at"),
        pl.when(pl.col("person_id") == "d").then(pl.col("due_at")).alias("breached_at"),
    )
    table = sla_by_seniority(met, JOINED, MAY, "Asia/Tokyo", 90)
    assert told(table, "seniority", "reps", "met", "breached", "kept") == {
        "newcomer": (1, 1, 1, 0.5),
        "unknown": (1, 1, 0, 1.0),
        "veteran": (1, 2, 0, 1.0),
    }


def test_nobody_is_new_for_ever() -> None:
    """90 days after the first of April is the 30th of June, in the office's own zone: 15:00 in Greenwich is midnight in Tokyo."""
    edge = (date(2026, 6, 30) - START.date()).days
    ran = clocks(("a", "new", edge + 14 / 24, edge + 1), ("b", "new", edge + 16 / 24, edge + 1)).with_columns(
        pl.lit(day(99)).alias("met_at")
    )
    months = type(MAY)(START, START + timedelta(days=120))
    assert told(sla_by_seniority(ran, JOINED, months, "Asia/Tokyo", 90), "seniority", "met") == {"newcomer": 1, "veteran": 1}
