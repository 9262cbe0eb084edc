"""Generation, nurturing, qualification: who is in which step, and who moved on."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest
from journeys import END, MAY, day, frame, journey, moves, told

from crmsync.decisions.frames import STATE
from crmsync.figures.demand import STEPS, demand, step
from crmsync.figures.stays import stays
from crmsync.figures.warmth import spells

PHASES = ("unidentified", "inquiry", "mql", "sql", "closed_won", "closed_lost", "recycled", "disqualified")
NOBODY = spells(pl.DataFrame(schema={"person_id": pl.String, "temperature": pl.String, "since": pl.Datetime("us", "UTC")}))


def test_a42_everybody_whom_marketing_holds_is_in_one_step_and_nobody_else_is() -> None:
    rows = [{"person_id": f"{p}-{t}", "phase": p, "temperature": t} for p, t in product(PHASES, ("hot", "warm", "cold", None))]
    found = frame(rows, STATE).with_columns(step().alias("step"))
    held = {"unidentified", "inquiry", "closed_lost", "recycled"}
    assert set(found.filter(pl.col("step").is_null())["phase"]) == set(PHASES) - held
    assert found.filter(pl.col("phase").is_in(held))["step"].null_count() == 0


@pytest.mark.parametrize(
    ("phase", "temperature", "expected"),
    [
        ("unidentified", "hot", "generation"),
        ("inquiry", "cold", "nurturing"),
        ("inquiry", "warm", "nurturing"),
        ("inquiry", "hot", "qualification"),
        ("recycled", "warm", "nurturing"),
        ("recycled", "hot", "qualification"),
        ("closed_lost", "hot", "nurturing"),
        ("inquiry", None, "nurturing"),
        ("mql", "hot", None),
    ],
)
def test_a42_the_step_follows_from_phase_and_temperature(phase: str, temperature: str | None, expected: str | None) -> None:
    row = frame([{"person_id": "p", "phase": phase, "temperature": temperature}], STATE)
    assert row.select(step()).item() == expected


def test_a42_each_step_has_its_figure() -> None:
    went = [journey("new", ("inquiry", 2)), journey("keen", ("inquiry", -9)), journey("handed", ("inquiry", -9), ("mql", 5))]
    history = pl.DataFrame(
        [("keen", "cold", day(-9)), ("keen", "hot", day(4)), ("handed", "hot", day(-9))],
        schema=["person_id", "temperature", "since"],
        orient="row",
    )
    states = frame(
        [
            {"person_id": "new", "phase": "inquiry"},
            {"person_id": "keen", "phase": "inquiry", "temperature": "hot"},
            {"person_id": "handed", "phase": "mql", "temperature": "hot"},
        ],
        STATE,
    )
    table = demand(states, stays(moves(*went), END), spells(history), MAY)
    assert told(table, "step", "people", "moved_on", "share") == {
        "generation": (0, 1, 1.0),
        "nurturing": (1, 1, 0.5),
        "qualification": (1, 1, 0.5),
    }


def test_who_gets_hot_while_sales_has_them_was_not_nurtured() -> None:
    went = moves(journey("p", ("inquiry", -9), ("mql", -5)))
    history = pl.DataFrame(
        [("p", "cold", day(-9)), ("p", "hot", day(4))], schema=["person_id", "temperature", "since"], orient="row"
    )
    assert told(demand(frame([], STATE), stays(went, END), spells(history), MAY), "step", "moved_on")["nurturing"] == 0


def test_every_row_of_the_table_is_of_a_phase_and_a_temperature() -> None:
    assert {phase for phase, _ in STEPS} < set(PHASES)
    assert demand(frame([], STATE), stays(moves(), END), NOBODY, MAY)["share"].to_list() == [None, None, None]
