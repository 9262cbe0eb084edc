"""A shadow decides beside the live rules from the same facts, remembers for itself, and disagrees only where its rules do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import CLOCKS, DRAWS, STATE, Before, Decisions, conform, empty
from crmsync.decisions.qualification import End
from crmsync.decisions.shadow import disagreements, handed_over_alone, reasons, step


def asking_for(rules: Definitions, least: float) -> Definitions:
    """The rules with another least score at both ends."""
    ends = [End(least, end.temperatures) for end in (rules.qualification.loose, rules.qualification.strict)]
    return replace(rules, qualification=replace(rules.qualification, version=2, loose=ends[0], strict=ends[1]))


class Pair:
    """A case that is decided twice: by its own rules, and in the shadow by others."""

    def __init__(self, case: Any, shadow: Definitions) -> None:
        self.case, self.rules = case, shadow
        self.kept: Before | None = None
        self.live: Decisions | None = None
        self.shadow: Decisions | None = None

    def decide(self, **later: float) -> None:
        before = self.case.before
        alone: Iterable[str] = ()
        if self.live is not None and self.kept is not None:
            alone = handed_over_alone(self.live.state, self.kept.state)
        self.live = self.case.decide(**later)
        made = step(self.case.facts(), self.kept or before, alone, self.live, self.rules, self.case.now)
        self.shadow, self.kept = made.decisions, made.before

    def found(self) -> list[tuple[str, str, str | None, str | None]]:
        assert self.live is not None
        assert self.shadow is not None
        return [tuple(row) for row in disagreements(self.live.state, self.shadow.state).iter_rows()]

    def state(self, person: str) -> dict[str, Any]:
        assert self.shadow is not None
        return self.shadow.state.row(by_predicate=pl.col("person_id") == person, named=True)

    def clock(self, person: str) -> list[dict[str, Any]]:
        assert self.shadow is not None
        return self.shadow.clocks.filter(pl.col("person_id") == person).to_dicts()


@pytest.fixture
def pair(case: Any) -> Pair:
    """Live rules that ask for 14 points, and a shadow that asks for 20. Somebody has 15, somebody else 35."""
    case.person("warm").touched("pricing_page")
    case.person("keen").touched("quote_request")
    return Pair(case, asking_for(case.definitions, 20))


def test_the_same_rules_never_disagree(case: Any) -> None:
    case.person("warm").touched("pricing_page")
    pair = Pair(case, case.definitions)
    for hours in (0, 3, 30, 200):
        pair.decide(hours=hours)
        assert pair.found() == []


def test_whom_only_the_live_rules_hand_over_is_named_with_what_the_shadow_misses(pair: Pair) -> None:
    pair.decide()
    assert pair.found() == [("warm", "mql_out", "mql", "inquiry")]
    assert pair.live is not None
    assert pair.shadow is not None
    of = pl.Series(["warm"])
    assert reasons(pair.shadow, of)["failed"].to_list() == [["score >= 20"]]
    (live,) = reasons(pair.live, of).to_dicts()
    assert live["score"] == 15
    assert {one["rule"] for one in live["rules"]} == {"manager", "pricing"}


def test_whom_only_the_shadow_hands_over_waits_there_and_nobody_breaches_a_clock_that_nobody_heard_of(case: Any) -> None:
    case.person("warm").touched("pricing_page")
    pair = Pair(case, case.definitions)
    case.definitions = asking_for(case.definitions, 20)
    pair.decide()
    assert pair.found() == [("warm", "mql_in", "inquiry", "mql")]
    owner = pair.state("warm")["owner"]
    for days in (2, 9, 40):
        pair.decide(days=days)
        assert ("warm", "mql_in", "inquiry", "mql") in pair.found()
        assert pair.state("warm")["owner"] == owner
        assert all(clock["breached_at"] is None for clock in pair.clock("warm"))


def test_those_who_wait_in_the_shadow_are_work_for_one_term_and_then_no_more(case: Any) -> None:
    for rep in ("is1@x.jp", "is2@x.jp"):
        case.edit_rep(rep, capacity_per_day=2)
    for number in range(4):
        case.person(f"p{number}").touched("pricing_page")
    pair = Pair(case, case.definitions)
    case.definitions = asking_for(case.definitions, 50)
    loads = []
    for hours in (0, 23, 72):
        pair.decide(hours=hours)
        assert pair.shadow is not None
        loads.append(pair.shadow.valve.load)
    assert loads == [0, 1, 0]


def test_they_grow_keen_and_cool_down_all_the_same(case: Any) -> None:
    case.person("warm").touched("pricing_page")
    pair = Pair(case, case.definitions)
    case.definitions = asking_for(case.definitions, 50)
    pair.decide()
    pair.decide(days=5)
    assert pair.state("warm")["temperature"] == pair.live.state["temperature"][0]  # type: ignore[union-attr]  # just decided
    pair.decide(days=60)
    assert pair.state("warm")["temperature"] == "cold"
    assert [kind for _, kind, _, _ in pair.found()] == ["mql_in"]


def test_when_the_live_side_hands_them_over_too_both_go_on_from_the_same_place(case: Any) -> None:
    warm = case.person("warm").touched("pricing_page")
    pair = Pair(case, case.definitions)
    case.definitions = asking_for(case.definitions, 20)
    pair.decide()
    pair.decide(days=4)
    warm.touched("quote_request")
    pair.decide()
    assert pair.found() == []
    assert all(clock["breached_at"] is None for clock in pair.clock("warm"))


def test_a_person_outranks_both_sides(pair: Pair) -> None:
    pair.decide()
    pair.case.edit(
        "warm",
        sales_status="accepted",
        sales_status_at=pair.case.now + timedelta(hours=1),
        need="yes",
        budget="yes",
        authority="yes",
    )
    pair.decide(hours=2)
    assert pair.live is not None
    assert pair.live.state.filter(pl.col("person_id") == "warm")["phase"].item() == "sql"
    assert pair.state("warm")["phase"] == "sql"
    assert pair.found() == []


def test_another_temperature_is_one_disagreement_and_another_owner_one_in_the_same_phase(case: Any) -> None:
    case.person("keen").touched("quote_request")
    hotter = replace(case.definitions.temperature, explicit_days=0, hot=replace(case.definitions.temperature.hot, enter=99))
    pair = Pair(case, replace(case.definitions, temperature=hotter))
    pair.decide()
    assert [(kind, live, shadow) for _, kind, live, shadow in pair.found() if kind == "temperature"] == [
        ("temperature", "hot", "warm")
    ]
    state = pair.live.state  # type: ignore[union-attr]  # just decided
    assert disagreements(state, state.with_columns(pl.lit("is9@x.jp").alias("owner"))).select("kind", "shadow").rows() == [
        ("owner", "is9@x.jp")
    ]


def test_interest_fades_by_the_full_hour_on_both_sides(case: Any) -> None:
    case.person("warm").touched("quote_request", days_ago=3)
    now = case.now + timedelta(minutes=40)
    live = decide(case.facts(), case.before, case.definitions, now, faded_at=case.now.astimezone(UTC))
    shadow = step(case.facts(), case.before, (), live, case.definitions, now).decisions
    assert shadow.scores.equals(live.scores)
    assert not shadow.scores.equals(decide(case.facts(), case.before, case.definitions, now).scores)


def test_a_shadow_runs_before_the_day_on_which_it_would_be_effective(case: Any) -> None:
    case.person("warm").touched("pricing_page")
    later = replace(case.definitions.qualification, effective_from=case.now.date() + timedelta(days=30))
    pair = Pair(case, replace(case.definitions, qualification=later))
    pair.decide()
    assert pair.found() == []


_ACTS = ["pricing_page", "quote_request", "call", "accept", "reject", "nothing"]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from(_ACTS), st.sampled_from(["p", "q"]), st.integers(1, 90)), min_size=2, max_size=7))
def test_the_same_rules_never_disagree_whatever_people_do(new_case: Any, acts: list[tuple[str, str, int]]) -> None:
    case = new_case().team()
    people = {name: case.person(name) for name in ("p", "q")}
    pair = Pair(case, case.definitions)
    for act, name, hours in acts:
        who = people[name]
        if act in ("pricing_page", "quote_request"):
            who.touched(act)
        elif act == "call":
            who.approached()
        elif act != "nothing":
            who.status(f"{act}ed", rejection_reason="timing" if act == "reject" else None, need="yes")
        pair.decide(hours=hours)
        assert pair.found() == []


def test_who_goes_by_another_id_now_is_remembered_under_it_and_of_two_who_became_one_one_stands() -> None:
    rows = [
        {"person_id": name, "phase": phase} for name, phase in (("a", "mql"), ("b", "inquiry"), ("c", "sql"), ("d", "recycled"))
    ]
    clocks = [{"clock_id": f"{name}:1", "person_id": name} for name in "abcd"]
    kept = Before(conform(pl.DataFrame(rows), STATE), conform(pl.DataFrame(clocks), CLOCKS), empty(DRAWS), None)
    found = kept.under({"a": "b", "c": "e", "d": "e", "unheard_of": "x"})
    assert found.state.select("person_id", "phase").rows() == [("b", "inquiry"), ("e", "sql")]
    assert found.clocks.select("clock_id", "person_id").rows() == [("b:1", "b"), ("c:1", "e"), ("d:1", "e")]
    assert kept.under({}) == kept
