"""Two claims and one set of hand-overs: who does not follow up, and whose leads do not answer."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from journeys import approaches, clocks, day, journey, moves, persons, told

from crmsync.figures.handovers import followed, hand_overs
from crmsync.figures.stays import stays
from crmsync.figures.truth import truth_board

NOW = day(20)


def board(who: dict[str, tuple[str, str]], calls: list[tuple[str, float, bool]], due: float = 3) -> pl.DataFrame:
    """`who`: lead → (source, rep), each handed over on day 2 and due on `due`."""
    handed = hand_overs(stays(moves(*(journey(p, ("inquiry", 0), ("mql", 2)) for p in who)), NOW))
    ran = clocks(*((p, rep, 2.0, due) for p, (_, rep) in who.items()))
    known = pl.concat([persons(p, source_method=source) for p, (source, _) in who.items()])
    return truth_board(followed(handed, ran, approaches(*calls), NOW), known)


def side(table: pl.DataFrame, name: str, *columns: str) -> dict[Any, Any]:
    return told(table.filter(pl.col("side") == name), "name", *columns)


def test_both_claims_stand_in_one_view_and_the_figures_say_who_is_right() -> None:
    """The ads' leads do not answer, whoever calls; and one rep does not call, whatever the source."""
    who = {f"{source}-{rep}-{n}": (source, rep) for source in ("web_ad", "seminar") for rep in ("busy", "idle") for n in range(4)}
    calls = [(p, 2.5, source == "seminar") for p, (source, rep) in who.items() if rep == "busy"]
    table = board(who, calls)
    assert side(table, "source", "follow_up", "connect") == {"seminar": (0.5, 1.0), "web_ad": (0.5, 0.0)}
    assert side(table, "rep", "follow_up", "connect") == {"busy": (1.0, 0.5), "idle": (0.0, None)}
    assert side(table, "all", "handed", "follow_up", "connect") == {"all": (16, 0.5, 0.5)}


def test_both_sides_count_the_same_hand_overs() -> None:
    table = board({"a": ("seminar", "r1"), "b": ("web_ad", "r2"), "c": ("web_ad", "r1")}, [("a", 2.5, True), ("c", 9, False)])
    for column in ("handed", "approached", "connected", "attempts", "in_time", "waiting"):
        assert table.group_by("side").agg(pl.col(column).sum())[column].n_unique() == 1, column


def test_who_is_not_due_yet_is_held_against_nobody() -> None:
    table = board({"a": ("seminar", "r1"), "b": ("seminar", "r1")}, [("a", 2.5, True)], due=30)
    assert side(table, "rep", "handed", "waiting", "follow_up") == {"r1": (2, 1, 1.0)}


def test_a_late_call_is_a_follow_up_and_not_in_time() -> None:
    table = board({"a": ("seminar", "r1"), "b": ("seminar", "r1")}, [("a", 2.5, True), ("b", 8, True)])
    assert side(table, "rep", "approached", "in_time", "in_time_share") == {"r1": (2, 1, 0.5)}


def test_a_lead_that_was_taken_away_was_the_first_reps_to_follow_up() -> None:
    handed = hand_overs(stays(moves(journey("p", ("inquiry", 0), ("mql", 2))), NOW))
    ran = clocks(("p", "first", 2, 3), ("p", "second", 4, 5))
    table = truth_board(followed(handed, ran, approaches(("p", 4.5, True)), NOW), persons("p"))
    assert side(table, "rep", "in_time") == {"first": 0}


def test_calls_before_the_hand_over_and_after_sales_had_it_are_not_its_follow_up() -> None:
    handed = hand_overs(stays(moves(journey("p", ("inquiry", 0), ("mql", 2), ("recycled", 6))), NOW))
    calls = approaches(("p", 1, True), ("p", 9, True))
    assert followed(handed, clocks(("p", "r", 2, 3)), calls, NOW)["attempts"].to_list() == [0]


def test_what_nobody_had_and_whose_source_nobody_knows_is_shown_as_such() -> None:
    handed = hand_overs(stays(moves(journey("p", ("inquiry", 0), ("mql", 2))), NOW))
    table = truth_board(followed(handed, clocks(), approaches(), NOW), persons("p", source_method=None))
    assert (side(table, "rep", "handed"), side(table, "source", "handed")) == ({"nobody": 1}, {"unknown": 1})


@pytest.mark.parametrize("connected", [True, False])
def test_whether_anybody_answered_is_by_lead_and_not_by_call(connected: bool) -> None:
    table = board({"a": ("seminar", "r1")}, [("a", 2.2, False), ("a", 2.4, connected)])
    assert side(table, "all", "attempts", "connect") == {"all": (2, 1.0 if connected else 0.0)}
