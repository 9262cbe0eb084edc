"""Accepted, rejected, given back by time, undecided; by definition, by rule and by reason; and where the two heads disagree."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from journeys import END, day, journey, moves, told

from crmsync.decisions.stale import ACCEPTED, GIVEN_BACK
from crmsync.figures.acceptance import by_definition, by_reason, by_rule, disagreement
from crmsync.figures.handovers import hand_overs
from crmsync.figures.stays import stays

WENT = {
    "accepted": ("sql", "accepted"),
    "opportunity": ("sql", "opportunity"),
    "won": ("closed_won", "won"),
    "rejected": ("recycled", "rejected"),
    "rejected_for_good": ("disqualified", "rejected_for_good"),
    "unreached": ("recycled", "unreached"),
    "silent": ("recycled", "silent"),
    "opted_out": ("disqualified", "opted_out"),
}


def lead(person: str, why: str | None, reason: str | None = None, definition: str = "standard@1.0") -> list[dict[str, Any]]:
    """Handed over on day 2; left on day 5, where a reason is given."""
    left = [(WENT[why][0], 5.0, WENT[why][1], reason)] if why else []
    return journey(person, ("inquiry", 0), ("mql", 2), *left, definition=definition)


def handed(*leads: list[dict[str, Any]]) -> pl.DataFrame:
    return hand_overs(stays(moves(*leads), END))


def fired(**rules: list[str]) -> pl.DataFrame:
    rows = [(person, "run-2", rule) for person, names in rules.items() for rule in names]
    return pl.DataFrame(rows, schema=["person_id", "run_id", "rule"], orient="row")


@pytest.mark.parametrize(
    ("why", "verdict"),
    [
        ("accepted", "accepted"),
        ("opportunity", "accepted"),
        ("won", "accepted"),
        ("rejected", "rejected"),
        ("rejected_for_good", "rejected"),
        ("unreached", "lapsed"),
        ("silent", "lapsed"),
        ("opted_out", "ended"),
        (None, "undecided"),
    ],
)
def test_how_a_lead_leaves_inside_sales_is_sales_verdict(why: str | None, verdict: str) -> None:
    assert handed(lead("p", why))["verdict"].to_list() == [verdict]


def test_the_words_are_those_that_a_stale_definition_is_found_by() -> None:
    assert {why for why in WENT if why in (*ACCEPTED, *GIVEN_BACK)} == set(WENT) - {"opted_out"}


def test_acceptance_counts_those_of_whom_sales_has_said_something() -> None:
    table = by_definition(
        handed(lead("a", "accepted"), lead("b", "rejected"), lead("c", "silent"), lead("d", None), lead("e", "opted_out"))
    )
    (row,) = table.filter(pl.col("definition").is_null()).to_dicts()
    assert (row["handed"], row["accepted"], row["rejected"], row["lapsed"], row["ended"], row["undecided"]) == (5, 1, 1, 1, 1, 1)
    assert row["acceptance"] == pytest.approx(1 / 3)
    assert row["low"] < 1 / 3 < row["high"]


def test_a_month_without_a_verdict_has_no_acceptance() -> None:
    assert by_definition(handed(lead("a", None)))["acceptance"].to_list() == [None, None]


def test_versions_are_told_apart_and_steps_of_the_valve_are_not() -> None:
    table = by_definition(
        handed(
            lead("a", "accepted", definition="standard@1.0"),
            lead("b", "rejected", definition="standard@1.25"),
            lead("c", "accepted", definition="standard@2.0"),
        )
    )
    assert told(table, "definition", "handed", "acceptance") == {None: (3, 2 / 3), "standard@1": (2, 0.5), "standard@2": (1, 1.0)}


def test_a_rule_whose_leads_sales_does_not_want_stands_first() -> None:
    leads = [lead(f"d{n}", "rejected" if n else "accepted", "no_need" if n else None) for n in range(4)]
    leads += [lead(f"q{n}", "accepted") for n in range(4)]
    rules = {**{f"d{n}": ["document_request"] for n in range(4)}, **{f"q{n}": ["quote_request"] for n in range(4)}}
    table = by_rule(handed(*leads), fired(**rules))
    assert [(row["rule"], row["acceptance"]) for row in table.to_dicts()] == [("document_request", 0.25), ("quote_request", 1.0)]


def test_a_hand_over_counts_for_every_rule_that_fired_and_once_for_each() -> None:
    table = by_rule(handed(lead("p", "accepted")), fired(p=["seminar", "seminar", "reply"]))
    assert told(table, "rule", "handed") == {"seminar": 1, "reply": 1}


def test_rejections_are_counted_by_what_the_rep_said_also_where_it_was_nothing() -> None:
    table = by_reason(handed(lead("a", "rejected", "budget"), lead("b", "rejected", "budget"), lead("c", "rejected", "no reason")))
    assert told(table, "reason", "rejected", "share") == {"budget": (2, 2 / 3), "no_reason": (1, 1 / 3)}


def test_where_marketings_hot_is_not_that_of_sales_is_told_by_rule() -> None:
    """A document download is hot for the one, a budget for the other (the guide's 57th item)."""
    leads = [lead(f"d{n}", "rejected", "no_need") for n in range(3)] + [
        lead("d3", "accepted"),
        lead("q", "accepted"),
        lead("w", "rejected"),
    ]
    rules = {**{f"d{n}": ["document_request"] for n in range(4)}, "q": ["quote_request"], "w": ["quote_request"]}
    hot = [("run-2", person, "warm" if person == "w" else "hot") for person in rules]
    temperatures = pl.DataFrame(hot, schema=["run_id", "person_id", "temperature"], orient="row")
    table = disagreement(handed(*leads), fired(**rules), temperatures)
    assert [(r["rule"], r["hot"], r["rejected"], r["rejection"], r["reason"]) for r in table.to_dicts()] == [
        ("document_request", 4, 3, 0.75, "no_need")
    ]


def test_a_second_hand_over_has_a_verdict_of_its_own() -> None:
    twice = journey("p", ("inquiry", 0), ("mql", 2), ("recycled", 5, "rejected", "timing"), ("mql", 20), ("sql", 22))
    table = handed(twice)
    assert table.select("verdict", "reason", "came_back").rows() == [("rejected", "timing", False), ("accepted", None, True)]
    assert table["at"].to_list() == [day(2), day(20)]
