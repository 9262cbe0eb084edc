"""Where a shadow and the live rules disagree: each kind with the word of either side, and why one side says what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crmsync.decisions.frames import MOVES, QUALIFICATION, REASONS, SCORES, STATE, Decisions, conform, empty
from crmsync.decisions.shadow import disagreements, handed_over_alone, reasons

NOON = datetime(2026, 6, 1, 3, tzinfo=UTC)


def states(**persons: dict[str, Any]) -> pl.DataFrame:
    rows = [{"person_id": name, "temperature": "warm", "owner": "a@x.jp", **values} for name, values in persons.items()]
    return conform(pl.DataFrame(rows, infer_schema_length=None), STATE)


def found(live: pl.DataFrame, shadow: pl.DataFrame) -> list[tuple[Any, ...]]:
    return disagreements(live, shadow).rows()


def at(phase: str, hours: int | None = None) -> dict[str, Any]:
    return {"phase": phase, "handed_over_at": None if hours is None else NOON + timedelta(hours=hours)}


@pytest.mark.parametrize(
    ("live", "shadow", "kind"),
    [
        (at("inquiry"), at("mql", 0), "mql_in"),
        (at("unidentified"), at("mql", 0), "mql_in"),
        (at("recycled", 0), at("mql", 1), "mql_in"),
        (at("recycled", 0), at("mql", 0), "phase"),  # the same hand-over: the live side has ended it
        (at("recycled", 1), at("mql", 0), "phase"),
        (at("sql", 0), at("mql", 1), "phase"),
        (at("disqualified"), at("mql", 1), "phase"),
        (at("mql", 0), at("inquiry"), "mql_out"),
        (at("mql", 1), at("recycled", 0), "mql_out"),
        (at("mql", 0), at("recycled", 0), "phase"),
        (at("mql", 0), at("recycled", 1), "phase"),
        (at("mql", 0), at("closed_lost"), "phase"),
        (at("inquiry"), at("recycled", 0), "phase"),
        (at("mql", 0), at("mql", 1), None),
    ],
)
def test_a_phase_differs_by_a_hand_over_of_one_side_alone_or_otherwise(
    live: dict[str, Any], shadow: dict[str, Any], kind: str | None
) -> None:
    told = [] if kind is None else [("p", kind, live["phase"], shadow["phase"])]
    assert found(states(p=live), states(p=shadow)) == told
    assert handed_over_alone(states(p=live), states(p=shadow)).to_list() == (["p"] if kind == "mql_in" else [])


def test_temperature_counts_in_any_phase_and_the_owner_in_the_same_one_only() -> None:
    live = states(b=at("mql", 0), a=at("mql", 0), c=at("mql", 0), d=at("mql", 0))
    other = {"temperature": "hot", "owner": "b@x.jp"}
    shadow = states(a={**at("mql", 0), **other}, b={**at("inquiry"), **other}, c={**at("mql", 0), "owner": None}, e=at("mql", 0))
    assert found(live, shadow) == [
        ("a", "owner", "a@x.jp", "b@x.jp"),
        ("a", "temperature", "warm", "hot"),
        ("b", "mql_out", "mql", "inquiry"),
        ("b", "temperature", "warm", "hot"),
        ("c", "owner", "a@x.jp", None),
    ]


POINTS = {"c": 3.04, "b": -9.06, "a": 3.04, "d": 20.0, "e": 1.0, "f": 2.0}


class Told:
    """Reasons of two persons: six rules for one, one that gave next to nothing for the other."""

    def of(self, persons: pl.Series | None = None) -> pl.DataFrame:
        rows = [("p", rule, points) for rule, points in POINTS.items()] + [("q", "a", 0.4)]
        told = conform(pl.DataFrame(rows, schema=["person_id", "rule", "points"], orient="row"), REASONS)
        return told if persons is None else told.filter(pl.col("person_id").is_in(persons.implode()))


def test_one_side_says_why_with_its_weightiest_rules_what_does_not_hold_and_the_last_move() -> None:
    nobody = Decisions.about_nobody(NOON)
    moved = [("p", "identified"), ("p", "released"), ("x", "rejected")]
    side = Decisions(
        state=conform(
            pl.DataFrame([{"person_id": "p", "owner_because": "round_robin"}, {"person_id": "x", "owner_because": "queue"}]), STATE
        ),
        clocks=nobody.clocks,
        moves=conform(pl.DataFrame(moved, schema=["person_id", "because"], orient="row"), MOVES),
        scores=conform(
            pl.DataFrame([{"person_id": "p", "score": 20.04, "interest": 15.06}, {"person_id": "q", "score": 0.4}]), SCORES
        ),
        because=Told(),
        qualification=conform(
            pl.DataFrame(
                [
                    {"person_id": "p", "failed": ["score >= 30"], "waiting_because": "capacity"},
                    {"person_id": "q", "failed": [], "waiting_because": None},
                ],
                schema_overrides={"failed": pl.List(pl.String), "waiting_because": pl.String},
            ),
            QUALIFICATION,
        ),
        gaps=nobody.gaps,
        desired=nobody.desired,
        tasks=nobody.tasks,
        draws=nobody.draws,
        valve=nobody.valve,
        wakes_at=NOON,
        wakings=nobody.wakings,
    )
    assert reasons(side, pl.Series(["q", "p", "q"])).to_dicts() == [
        {
            "person_id": "p",
            "score": 20.0,
            "interest": 15.1,
            "rules": [
                {"rule": "d", "points": 20.0},
                {"rule": "b", "points": -9.1},
                {"rule": "a", "points": 3.0},
                {"rule": "c", "points": 3.0},
            ],
            "failed": ["score >= 30"],
            "waits": "capacity",
            "move": "released",
            "owner": "round_robin",
        },
        {
            "person_id": "q",
            "score": 0.4,
            "interest": None,
            "rules": None,
            "failed": [],
            "waits": None,
            "move": None,
            "owner": None,
        },
    ]


def test_those_whom_one_side_does_not_know_are_no_disagreement() -> None:
    assert found(states(a=at("mql", 0)), empty(STATE)) == []
