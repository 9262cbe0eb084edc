"""Those who came back, beside those who were new; and how long the pool lasts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from journeys import END, MAY, cases, day, frame, journey, moves, persons, told, touches

from crmsync.decisions.frames import STATE
from crmsync.figures.pool import MONTH_DAYS, Runway, runway
from crmsync.figures.recycled import recycle_yield
from crmsync.figures.stays import stays


def reasons(*rows: tuple[str, float, str]) -> pl.DataFrame:
    schema = {"person_id": pl.String, "at": pl.Datetime("us", "UTC"), "reason": pl.String}
    return pl.DataFrame([(p, day(at), why) for p, at, why in rows], schema=schema, orient="row")


def yields(
    *journeys: list[dict[str, Any]],
    acts: pl.DataFrame | None = None,
    deals: pl.DataFrame | None = None,
    why: pl.DataFrame | None = None,
) -> pl.DataFrame:
    return recycle_yield(
        stays(moves(*journeys), END),
        touches() if acts is None else acts,
        cases() if deals is None else deals,
        reasons() if why is None else why,
        MAY,
        END,
    )


def group(table: pl.DataFrame, name: str, reason: str | None = None) -> dict[str, Any]:
    (row,) = table.filter((pl.col("group") == name) & pl.col("reason").eq_missing(reason)).to_dicts()
    return row


BACK = journey("back", ("inquiry", -60), ("mql", -50), ("recycled", 2), ("mql", 10), ("sql", 12), ("closed_won", 20))
GONE = journey("gone", ("inquiry", -60), ("mql", -50), ("recycled", 3))
NEW = journey("new", ("inquiry", 1), ("mql", 2))


def test_those_who_came_back_stand_beside_those_who_were_new() -> None:
    table = yields(
        BACK,
        GONE,
        NEW,
        acts=touches(("back", 9)),
        deals=cases({"person_id": "back", "created": 12, "closed": 20, "status": "won"}, {"person_id": "new", "created": 5}),
    )
    back, new = group(table, "recycled"), group(table, "new")
    assert [back[c] for c in ("entered", "came_back", "qualified", "opportunities", "won")] == [2, 1, 1, 1, 1]
    assert [new[c] for c in ("entered", "came_back", "qualified", "opportunities", "won")] == [1, 1, 1, 1, 0]
    assert (back["yield"], back["win_yield"], new["yield"], new["win_yield"]) == (0.5, 0.5, 1.0, 0.0)


def test_the_yield_is_told_by_the_reason_of_the_recycle() -> None:
    table = yields(BACK, GONE, why=reasons(("back", 2, "rejected_timing"), ("gone", 3, "lost_budget")))
    assert told(table.filter(pl.col("reason").is_not_null()), "reason", "entered", "qualified") == {
        "lost_budget": (1, 0),
        "rejected_timing": (1, 1),
    }


def test_a_recycle_for_which_nobody_said_why_is_counted_as_unknown() -> None:
    assert group(yields(GONE), "recycled", "unknown")["entered"] == 1


def test_what_was_there_before_the_recycle_is_no_yield_of_it() -> None:
    """Old points and old cases bring nobody back: only what came after counts."""
    table = yields(
        GONE, acts=touches(("gone", 1)), deals=cases({"person_id": "gone", "created": -10, "closed": 1, "status": "won"})
    )
    assert [group(table, "recycled")[c] for c in ("came_back", "opportunities", "won")] == [0, 0, 0]


def test_each_recycle_has_the_credit_for_what_followed_it_and_not_for_the_next_ones() -> None:
    twice = journey("p", ("inquiry", -60), ("mql", -50), ("recycled", 2), ("mql", 6), ("recycled", 9), ("mql", 20))
    table = yields(twice, deals=cases({"person_id": "p", "created": 21}))
    back = group(table, "recycled")
    assert (back["entered"], back["qualified"], back["opportunities"]) == (2, 2, 1)


def test_a_new_lead_that_was_recycled_since_has_no_credit_for_what_the_recycling_brought() -> None:
    table = yields(
        journey("p", ("inquiry", 1), ("mql", 2), ("recycled", 5), ("mql", 9)), deals=cases({"person_id": "p", "created": 12})
    )
    assert (group(table, "new")["opportunities"], group(table, "recycled")["opportunities"]) == (0, 1)


def test_what_happened_after_the_instant_of_asking_is_not_known() -> None:
    stayed = stays(moves(NEW), day(4))
    table = recycle_yield(stayed, touches(), cases({"person_id": "new", "created": 5}), reasons(), MAY, day(4))
    assert group(table, "new")["opportunities"] == 0


# ------------------------------------------------------------------------------------------------------------------- the pool


def pool(*rows: tuple[str, str], handed: int, **values: Any) -> Runway:
    """(person, phase) each, all of them target persona; so many hand-overs in the last three months."""
    people = persons(*(p for p, _ in rows)).with_columns(pl.lit(True).alias("is_target"))
    people = people.with_columns(pl.lit(value).alias(name) for name, value in values.items())
    states = frame([{"person_id": p, "phase": phase} for p, phase in rows], STATE)
    old = [journey(f"h{n}", ("inquiry", -10), ("mql", -5)) for n in range(handed)]
    return runway(people, states, moves(*old), END, 3, 3.0)


LEADS = (
    [(f"u{n}", "inquiry") for n in range(20)]
    + [(f"r{n}", "recycled") for n in range(8)]
    + [("l", "closed_lost"), ("m", "mql"), ("w", "closed_won")]
)


def test_the_pool_lasts_for_as_long_as_its_leads_at_the_present_pace() -> None:
    """29 leads that can still be handed over, and 24 hand-overs in three months: 8 a month."""
    found = pool(*LEADS, handed=24)
    assert (found.untouched, found.recyclable, found.monthly) == (20, 9, 8.0)
    assert found.months == pytest.approx(29 / 8)
    assert not found.is_short


def test_a_pool_that_is_nearly_empty_is_short_whatever_the_rates_are() -> None:
    assert pool(*LEADS, handed=60).is_short


def test_where_nobody_was_handed_over_no_pace_is_known() -> None:
    found = pool(*LEADS, handed=0)
    assert (found.monthly, found.months, found.is_short) == (None, None, False)


@pytest.mark.parametrize(
    "values", [{"is_target": False}, {"is_target": None}, {"opted_out": True}, {"bounced": True}, {"is_deleted": True}]
)
def test_who_is_no_target_or_cannot_be_reached_is_no_pool(values: dict[str, bool | None]) -> None:
    found = pool(*LEADS, handed=24, **values)
    assert found.untouched + found.recyclable == 0


def test_hand_overs_before_the_months_are_no_measure_of_the_pace() -> None:
    people = persons("u").with_columns(pl.lit(True).alias("is_target"))
    states = frame([{"person_id": "u", "phase": "inquiry"}], STATE)
    edge = (END - timedelta(days=3 * MONTH_DAYS) - day(0)).total_seconds() / 86_400
    found = runway(
        people,
        states,
        moves(journey("a", ("inquiry", -200), ("mql", edge - 1)), journey("b", ("inquiry", -200), ("mql", edge + 1))),
        END,
        3,
        3.0,
    )
    assert found.monthly == pytest.approx(1 / 3)


def test_who_rests_until_a_date_is_in_the_pool_and_told_apart() -> None:
    people = persons("a", "b").with_columns(pl.lit(True).alias("is_target"))
    states = frame(
        [
            {"person_id": "a", "phase": "recycled", "not_before": day(90)},
            {"person_id": "b", "phase": "recycled", "not_before": day(1)},
        ],
        STATE,
    )
    found = runway(people, states, moves(), END, 3, 3.0)
    assert (found.recyclable, found.resting) == (2, 1)
