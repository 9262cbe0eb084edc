"""What each hand-over carried, by who passed it on; and whether what happened was written down."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from journeys import END, MAY, approaches, cases, clocks, day, journey, moves, persons, told, touches

from crmsync.decisions.frames import CLOCKS, OPPORTUNITIES, PERSONS, TOUCHES, empty
from crmsync.decisions.phase import ARROWS, TRANSITIONS
from crmsync.figures.batons import BATONS, Carried, completeness, missing_items, records
from crmsync.figures.handovers import hand_overs
from crmsync.figures.stays import stays

LEAD = journey("p", ("inquiry", 0), ("mql", 2))
_PROMISED = ("owner", "due")
NEEDS = {
    ("marketing", "inside_sales"): (*_PROMISED, "contact", "company", "source", "trigger", "consent"),
    ("inside_sales", "field_sales"): (*_PROMISED, "bant", "opportunity"),
    ("field_sales", "customer_success"): (*_PROMISED, "contract_end"),
    ("field_sales", "marketing"): ("reason",),
    ("inside_sales", "marketing"): ("reason",),
}
NO_REASONS = pl.DataFrame(schema={"person_id": pl.String, "at": pl.Datetime("us", "UTC"), "reason": pl.String})


def carried(**parts: pl.DataFrame) -> Carried:
    """A lead who carries everything: a source, an owner with a due date, a touch."""
    usual = {
        "persons": persons("p", budget="yes", need="yes", timeframe="partial", authority="unknown"),
        "opportunities": cases({"person_id": "p", "created": 4, "contract_end": None}),
        "touches": touches(("p", 1)),
        "clocks": clocks(("p", "rep", 2, 3), ("p", "rep", 5, 8), ("p", "rep", 9, 12)),
        "reasons": NO_REASONS,
    }
    return Carried(**{**usual, **parts})


def missing(went: list[dict[str, Any]], what: Carried) -> set[str]:
    return set(missing_items(stays(moves(went), END), what, MAY, NEEDS)["item"])


def test_a_baton_that_carries_everything_is_complete() -> None:
    table = completeness(stays(moves(LEAD), END), carried(), MAY, NEEDS)
    assert table.select("sender", "receiver", "batons", "complete", "completeness").rows() == [
        ("marketing", "inside_sales", 1, 1, 1.0)
    ]


@pytest.mark.parametrize(
    ("part", "lacks"),
    [
        ({"persons": persons("p", source_method=None)}, "source"),
        ({"persons": persons("p", email=None)}, "contact"),
        ({"persons": persons("p", company_name=None)}, "company"),
        ({"persons": persons("p", opted_out=None)}, "consent"),
        ({"touches": empty(TOUCHES)}, "trigger"),
        ({"touches": touches(("p", 3))}, "trigger"),  # after the hand-over: it cannot have been the reason for it
        ({"clocks": clocks(("p", None, 2, 3))}, "owner"),
        ({"clocks": empty(CLOCKS)}, "due"),
    ],
)
def test_what_inside_sales_needs_to_run_is_missed_by_name(part: dict[str, pl.DataFrame], lacks: str) -> None:
    assert lacks in missing(LEAD, carried(**part))


@pytest.mark.parametrize(
    ("part", "lacks"),
    [
        ({"persons": persons("p", budget="yes", need="yes")}, "bant"),
        ({"opportunities": empty(OPPORTUNITIES)}, "opportunity"),
        ({}, None),
    ],
)
def test_what_field_sales_needs_to_run_is_missed_by_name(part: dict[str, pl.DataFrame], lacks: str | None) -> None:
    went = journey("p", ("inquiry", -9), ("mql", -2), ("sql", 5))
    assert missing(went, carried(**part)) == ({lacks} if lacks else set())


def test_customer_success_needs_to_know_when_the_contract_ends() -> None:
    went = journey("p", ("inquiry", -9), ("mql", -5), ("sql", -4), ("closed_won", 9))
    assert missing(went, carried()) == {"contract_end"}


@pytest.mark.parametrize("target", ["closed_lost", "recycled"])
def test_who_comes_back_to_marketing_comes_with_a_reason(target: str) -> None:
    went = journey("p", ("inquiry", -9), ("mql", -5), ("sql", -4), (target, 9, "rejected"))
    assert missing(went, carried()) == {"reason"}
    why = pl.DataFrame([("p", day(9), "budget")], schema=NO_REASONS.schema, orient="row")
    assert missing(went, carried(reasons=why)) == set()


def test_only_what_the_joint_asks_for_is_missed() -> None:
    bare = carried(persons=persons("p", source_method=None, email=None))
    (fewer,) = missing_items(stays(moves(LEAD), END), bare, MAY, {**NEEDS, ("marketing", "inside_sales"): ("source",)})["item"]
    assert fewer == "source"


def test_a_share_is_told_for_each_sender() -> None:
    went = [journey("p", ("inquiry", 0), ("mql", 2), ("sql", 5)), journey("q", ("inquiry", 0), ("mql", 2))]
    both = carried(persons=pl.concat([carried().persons, persons("q", source_method=None)]))
    table = completeness(stays(moves(*went), END), both, MAY, NEEDS)
    assert told(table, "sender", "batons", "complete") == {"inside_sales": (1, 1), "marketing": (2, 1)}


def test_batons_of_other_days_and_of_people_who_are_gone_are_not_counted() -> None:
    old = journey("p", ("inquiry", -9), ("mql", -5))
    assert completeness(stays(moves(old), END), carried(), MAY, NEEDS).is_empty()
    assert completeness(stays(moves(LEAD), END), carried(persons=empty(PERSONS)), MAY, NEEDS).is_empty()


def test_every_hand_over_of_the_phase_machine_has_somebody_who_passes_it_on() -> None:
    """A new arrow between departments needs its baton; nobody passes on a jump or an exclusion."""
    told_ = {(source, baton.phase) for baton in BATONS for source in baton.sources}
    ends = {"inquiry", "disqualified"}
    arrows = {(t.source, t.target) for t in TRANSITIONS if (t.source, t.target) in ARROWS and t.target not in ends}
    assert arrows - told_ == {("closed_lost", "recycled")}  # marketing to itself


# ------------------------------------------------------------------------------------------------------------------- records


def shares(touched: pl.DataFrame, called: pl.DataFrame, deals: pl.DataFrame) -> dict[str, tuple[int, int]]:
    handed = hand_overs(stays(moves(LEAD, journey("q", ("inquiry", 0), ("mql", 4))), END))
    return told(records(handed, touched, called, deals, MAY), "measure", "part", "whole")


def test_a_hand_over_with_any_act_since_is_covered() -> None:
    assert shares(touches(("p", 3)), approaches(("q", 9, False)), cases())["touchpoints"] == (2, 2)
    assert shares(touches(("p", 1)), approaches(("q", 3, True)), cases())["touchpoints"] == (0, 2)


def test_a_lost_case_says_why_or_not_and_is_one_however_many_are_on_it() -> None:
    lost = {"status": "lost", "created": 0, "closed": 9}
    deals = cases(
        {"person_id": "p", **lost, "opportunity_id": "o", "lost_reason": "budget"},
        {"person_id": "q", **lost, "opportunity_id": "o", "lost_reason": "budget"},
        {"person_id": "r", **lost},
        {"person_id": "s", **lost, "closed": 40},
    )
    assert shares(touches(), approaches(), deals)["closes_with_reason"] == (1, 2)
