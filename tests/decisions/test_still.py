"""Who stays as they are until something is learnt of them: left out of later decisions, they are missed by nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.decisions.decide import Step, step, weigh
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Before, Facts
from crmsync.decisions.qualification import End
from crmsync.decisions.scoring import Group, InterestRule, Scoring, Title
from crmsync.decisions.still import still

START = datetime(2026, 6, 1, 0, tzinfo=UTC)
PEOPLE = tuple(f"p{n}" for n in range(6))
NAME = Title("名", "name")
KINDS = ("pricing_page", "quote_request", "email_open", "page_view", "complaint")


def scoring_of(case: Any, *, page_points: float, taking: bool, grouped: bool) -> Scoring:
    """The case's rules, and others: some that give little, one that takes points and takes fewer as time goes by."""
    views = InterestRule("views", NAME, "page_view", page_points, half_life_days=5, cap=12)
    opens = InterestRule("opens", NAME, "email_open", 1.5, window_days=9)
    complaints = InterestRule("complaints", NAME, "complaint", -6, half_life_days=2)
    more = (complaints, views, opens) if taking else (views, opens)
    groups = (Group("mailing", tuple(rule.name for rule in more), 7),) if grouped else ()
    plain = case.definitions.scoring
    return Scoring(plain.version, plain.fit, (*plain.interest, *more), groups)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[list[tuple[str, str, float]], int]]:
    """What is learnt before each morning (who did what, so many days before it; some lies ahead), and how many days go by."""
    act = st.tuples(
        st.sampled_from(PEOPLE), st.sampled_from((*KINDS, "call", "deal", "opt_out")), st.sampled_from([0.1, 1, 4, 20, -3])
    )
    morning = st.tuples(st.lists(act, max_size=4), st.sampled_from([1, 1, 2, 6, 15]))
    return draw(st.lists(morning, min_size=3, max_size=6))


def learn(case: Any, who: str, what: str, days_ago: float) -> None:
    at = case.now - timedelta(days=days_ago)
    if what == "call":
        row = {"person_id": who, "at": at, "kind": "call", "approach_id": f"a{len(case.rows['approaches'])}", "rep_id": "is1@x.jp"}
        case.rows["approaches"].append({**row, "connected": True})
    elif what == "deal":
        row = {"person_id": who, "opportunity_id": f"o{len(case.rows['opportunities'])}", "status": "open", "rep_id": "fs1@x.jp"}
        case.rows["opportunities"].append({**row, "created_at": at, "modified_at": at})
    elif what == "opt_out":
        case.edit(who, opted_out=True)
    else:
        case.rows["touches"].append({"person_id": who, "at": at, "kind": what, "touch_id": f"t{len(case.rows['touches'])}"})


class Everyone:
    """Decides everyone each time."""

    def __init__(self) -> None:
        self.before = Before.nothing()

    def morning(self, facts: Facts, definitions: Definitions, now: datetime, _news: set[str]) -> Step:
        made = step(weigh(facts, [definitions], now), self.before, definitions)
        self.before = made.before
        return made


class Fewer:
    """Leaves out whoever stays as they are, until something is learnt of them."""

    def __init__(self) -> None:
        self.before, self.aside = Before.nothing(), Before.nothing().state

    def morning(self, facts: Facts, definitions: Definitions, now: datetime, news: set[str]) -> Step:
        comes_back = pl.col("person_id").is_in(news)
        state = pl.concat([self.before.state, self.aside.filter(comes_back)]).sort("person_id")
        self.aside = self.aside.filter(~comes_back)
        left_out = pl.col("person_id").is_in(self.aside["person_id"].implode())
        some = replace(facts, persons=facts.persons.filter(~left_out), touches=facts.touches.filter(~left_out))
        weighed = weigh(some, [definitions], now)
        made = step(weighed, replace(self.before, state=state), definitions)
        quiet = pl.col("person_id").is_in(still(some, weighed, made, definitions).implode())
        self.aside = pl.concat([self.aside, made.before.state.filter(quiet)])
        self.before = replace(made.before, state=made.before.state.filter(~quiet))
        return made

    def everyone(self) -> pl.DataFrame:
        return pl.concat([self.before.state, self.aside]).sort("person_id")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    story=stories(),
    temperatures=st.sampled_from([("hot", "warm"), ("hot", "warm", "cold")]),
    least=st.sampled_from([0.0, 6.0, 10.0]),
    scored=st.fixed_dictionaries(
        {"page_points": st.sampled_from([1.0, 3.0, 8.0]), "taking": st.booleans(), "grouped": st.booleans()}
    ),
    capacity=st.sampled_from([1, 50]),
)
def test_whoever_is_left_out_changes_nothing_of_what_is_decided(
    new_case: Any, story: Any, temperatures: tuple[str, ...], least: float, scored: dict[str, Any], capacity: int
) -> None:
    case = new_case(now=START).team().edit_rep("is1@x.jp", capacity_per_day=capacity).edit_rep("is2@x.jp", capacity_per_day=0)
    for number, person in enumerate(PEOPLE):
        case.person(person, title_rank=4 - number % 2, identified=number != 5)
    definition = replace(case.definitions.qualification, loose=End(least, temperatures))
    definitions = replace(case.definitions, scoring=scoring_of(case, **scored), qualification=definition)
    everyone, fewer = Everyone(), Fewer()
    for acts, days in story:
        for act in acts:
            learn(case, *act)
        news, facts = {who for who, _, _ in acts}, case.facts()
        whole, part = (way.morning(facts, definitions, case.now, news) for way in (everyone, fewer))
        assert part.moves.equals(whole.moves, null_equal=True)
        assert fewer.everyone().equals(everyone.before.state, null_equal=True)
        assert (part.before.valve, part.before.draws.rows()) == (whole.before.valve, whole.before.draws.rows())
        assert part.before.clocks.equals(whole.before.clocks, null_equal=True)
        case.now += timedelta(days=days)


def quiet_ones(case: Any, **parts: Any) -> list[str]:
    """Who is left out after a second morning (on the first one they arrive)."""
    definitions, before = replace(case.definitions, **parts), Before.nothing()
    for _ in range(2):
        facts = case.facts()
        weighed = weigh(facts, [definitions], case.now)
        made = step(weighed, before, definitions)
        before, case.now = made.before, case.now + timedelta(days=1)
    return still(facts, weighed, made, definitions).to_list()


def test_who_never_did_anything_is_left_out(case: Any) -> None:
    case.person("p1")
    assert quiet_ones(case) == ["p1"]


def test_who_did_enough_to_be_warm_is_decided_until_that_has_faded(case: Any) -> None:
    case.person("p1").touched("pricing_page")
    case.person("p2").touched("pricing_page", days_ago=60)
    assert quiet_ones(case) == ["p2"]


def test_who_is_cold_for_a_complaint_that_fades_is_decided(case: Any) -> None:
    case.person("p1").touched("pricing_page").touched("complaint").touched("complaint")
    assert quiet_ones(case, scoring=scoring_of(case, page_points=1, taking=True, grouped=False)) == []


@pytest.mark.parametrize("act", ["pricing_page", "opportunity"])
def test_who_has_something_ahead_or_a_case_is_decided(case: Any, act: str) -> None:
    person = case.person("p1")
    later = case.now + timedelta(days=9)
    assert (person.opportunity("o1") if act == "opportunity" else person.touched(act, at=later)) is person
    assert quiet_ones(case) == []


def test_where_the_cold_are_let_through_only_who_lacks_the_points_is_left_out(case: Any) -> None:
    case.person("p1")
    all_of_them, definition = ("hot", "warm", "cold"), case.definitions.qualification
    assert quiet_ones(case, qualification=replace(definition, loose=End(6, all_of_them))) == ["p1"]
    assert quiet_ones(case, qualification=replace(definition, loose=End(5, all_of_them))) == []


def test_where_a_group_may_give_more_as_time_goes_by_everyone_is_decided(case: Any) -> None:
    case.person("p1")
    assert quiet_ones(case, scoring=scoring_of(case, page_points=1, taking=True, grouped=True)) == []
