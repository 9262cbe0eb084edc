"""Who gets it: the one who knows the company, else whose turn it is, else the queue; never nobody, never someone gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.frames import CLOCKS, DRAWS, REPS, STATE, conform, empty
from crmsync.decisions.routing import Breaches, Request, Routing, SizeBand, draw, out_of_rotation

ROUTING = Routing({"inside_sales": "q@x.jp"}, (SizeBand("small", 1, 100), SizeBand("large", 101)))


def reps(*people: dict[str, Any]) -> pl.DataFrame:
    base = {"department": "inside_sales", "is_active": True, "is_queue": False, "weight": 1}
    lists: dict[str, Any] = {"territories": [], "industries": [], "sizes": [], "languages": []}
    return conform(pl.DataFrame([{**base, **lists, **p} for p in people], infer_schema_length=None), REPS)


def owners(requests: list[Request], team: pl.DataFrame, draws: pl.DataFrame | None = None, **loads: int) -> list[str | None]:
    made, _ = draw(requests, team, {k + "@x.jp": v for k, v in loads.items()}, empty(DRAWS) if draws is None else draws, ROUTING)
    return [a.owner for a in made]


def request(n: int = 0, **values: Any) -> Request:
    return Request(f"p{n}", "inside_sales", **values)


A, B, C = ({"rep_id": f"{name}@x.jp"} for name in "abc")


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({"is_active": False}, "b@x.jp"),
        ({"absent_until": date(2026, 6, 3)}, "b@x.jp"),
        ({"department": "field_sales"}, "b@x.jp"),
        ({"cap": 0}, "b@x.jp"),
        ({"territories": ["osaka"]}, "b@x.jp"),
        ({"territories": ["tokyo"]}, "a@x.jp"),
        ({"industries": ["finance"]}, "b@x.jp"),
        ({"sizes": ["large"]}, "b@x.jp"),
        ({"sizes": ["small"]}, "a@x.jp"),
        ({"languages": ["en"]}, "b@x.jp"),
        ({"is_queue": True}, "b@x.jp"),
    ],
)
def test_only_who_is_there_and_fits_is_in_the_draw(limits: dict[str, Any], wanted: str) -> None:
    asked = request(territory="tokyo", size="small", language="ja")
    assert owners([asked], reps({**A, **limits}, B)) == [wanted]


def test_an_unknown_territory_fits_no_limit() -> None:
    assert owners([request()], reps({**A, "territories": ["tokyo"]})) == ["q@x.jp"]


def test_who_knows_the_company_goes_before_the_draw() -> None:
    asked = request(preferred=((None, "x"), ("gone@x.jp", "x"), ("b@x.jp", "account_owner")))
    assert owners([asked], reps(A, B)) == ["b@x.jp"]
    assert owners([asked], reps(A, {**B, "is_active": False})) == ["a@x.jp"]


def test_nobody_eligible_goes_to_the_queue_and_without_a_queue_says_so() -> None:
    assert owners([request()], reps({**A, "cap": 1}), a=1) == ["q@x.jp"]
    made, _ = draw([Request("p", "field_sales")], reps(A), {}, empty(DRAWS), ROUTING)
    assert (made[0].owner, made[0].because) == (None, "nobody")


def test_the_least_open_work_breaks_a_tie() -> None:
    assert owners([request()], reps(A, B), a=3, b=1) == ["b@x.jp"]


def test_who_comes_back_gets_their_turn_and_no_flood() -> None:
    away = pl.DataFrame([("inside_sales", "a@x.jp", 100), ("inside_sales", "b@x.jp", 0)], schema=DRAWS, orient="row")
    drawn = Counter(owners([request(n) for n in range(10)], reps(A, B), away))
    assert drawn == {"a@x.jp": 5, "b@x.jp": 5} or drawn == {"a@x.jp": 4, "b@x.jp": 6}


@settings(max_examples=60, deadline=None)
@given(weights=st.lists(st.integers(1, 5), min_size=1, max_size=6), batches=st.lists(st.integers(0, 25), max_size=8))
def test_the_draw_is_fair_within_one_turn_however_it_is_cut_into_runs(weights: list[int], batches: list[int]) -> None:
    team = reps(*({"rep_id": f"r{i}@x.jp", "weight": w} for i, w in enumerate(weights)))
    draws, total = empty(DRAWS), 0
    for size in batches:
        _, draws = draw([request(total + n) for n in range(size)], team, {}, draws, ROUTING)
        total += size
    counts = {row["rep_id"]: row["count"] for row in draws.to_dicts()}
    assert sum(counts.values()) == total
    turns = [counts.get(f"r{i}@x.jp", 0) / w for i, w in enumerate(weights)]
    assert max(turns) - min(turns) <= 1


# ------------------------------------------------------------------------------------------ owners over time


def handed_over(case: Any, count: int = 1, **facts: Any) -> None:
    for n in range(1, count + 1):
        case.person(f"p{n}", **facts).touched("pricing_page")
    case.decide()


def test_a_known_companys_lead_goes_to_the_one_who_knows_it(case: Any) -> None:
    handed_over(case, account_owner="is2@x.jp")
    case.check("p1", owner="is2@x.jp", owner_because="account_owner")


def test_an_opportunity_that_is_shown_twice_with_different_reps_has_one_of_them(case: Any) -> None:
    case.rep("fs2@x.jp", "field_sales").rep("fs0@x.jp", "field_sales")
    person = case.person("p1").opportunity("o1", rep_id="fs2@x.jp").opportunity("o1", rep_id="fs1@x.jp")
    person.opportunity("o2", created=case.now - timedelta(days=9), rep_id="fs0@x.jp")
    case.decide()
    case.check("p1", phase="sql", owner="fs1@x.jp", owner_because="opportunity_owner")


@pytest.mark.parametrize(
    ("limit", "fact"),
    [
        ({"sizes": ["6-20"]}, {"employees": 20}),
        ({"industries": ["retail"]}, {"industry": "retail"}),
        ({"territories": ["kansai"]}, {"territory": "kansai"}),
        ({"languages": ["en"]}, {"language": "en"}),
    ],
)
def test_who_is_there_for_such_leads_alone_gets_those_and_no_others(case: Any, limit: dict[str, Any], fact: dict[str, Any]) -> None:
    case.edit_rep("is2@x.jp", cap=0).rep("is0@x.jp", "inside_sales", **limit)
    case.person("p1", **fact).touched("pricing_page")
    case.person("p2").touched("pricing_page")
    case.decide()
    case.check("p1", owner="is0@x.jp", owner_because="round_robin")
    case.check("p2", owner="is1@x.jp")


def test_an_account_owner_of_another_department_is_no_owner_here(case: Any) -> None:
    handed_over(case, account_owner="fs1@x.jp")
    case.check("p1", owner="is1@x.jp", owner_because="round_robin")


def test_a_deactivated_owner_is_replaced_in_the_same_run_and_the_clock_and_task_move(case: Any) -> None:
    handed_over(case)
    case.edit_rep("is1@x.jp", is_active=False).decide(hours=1)
    case.check("p1", owner="is2@x.jp", owner_because="round_robin", gaps=[])
    assert case.running("p1")["owner"] == "is2@x.jp"
    assert case.running("p1")["clock_id"] == "p1:first_approach:0:1"
    assert case.last.tasks["owner"].to_list() == ["is2@x.jp"]


def test_work_due_during_an_absence_goes_to_a_colleague_and_later_work_waits(case: Any) -> None:
    handed_over(case, 2)  # due on Tuesday
    case.edit_rep("is1@x.jp", absent_until=date(2026, 6, 1)).decide(hours=1)
    case.check("p1", owner="is1@x.jp")
    case.edit_rep("is1@x.jp", absent_until=date(2026, 6, 5)).decide(hours=1)
    case.check("p1", owner="is2@x.jp")


def test_with_everyone_away_the_owner_keeps_it(case: Any) -> None:
    handed_over(case)
    case.edit_rep("is1@x.jp", absent_until=date(2026, 6, 5)).edit_rep("is2@x.jp", absent_until=date(2026, 6, 5)).decide(hours=1)
    case.check("p1", owner="is1@x.jp", owner_because="round_robin")


def test_an_owner_set_by_hand_in_the_right_department_wins(case: Any) -> None:
    handed_over(case)
    at = case.now + timedelta(minutes=5)
    case.edit("p1", owner_edit="is2@x.jp", owner_edit_at=at).decide(hours=1)
    case.check("p1", owner="is2@x.jp", owner_because="crm_user", owner_at=at.astimezone(UTC), gaps=[])
    assert case.running("p1")["owner"] == "is2@x.jp"


def test_an_edit_made_just_before_our_choice_but_seen_after_it_wins_too(case: Any) -> None:
    handed_over(case)
    case.edit("p1", owner_edit="is2@x.jp", owner_edit_at=case.now - timedelta(minutes=2)).decide(hours=1)
    case.check("p1", owner="is2@x.jp")


@pytest.mark.parametrize("other", ["fs1@x.jp", "stranger@x.jp"])
def test_an_owner_set_by_hand_in_another_department_is_kept_and_flagged(case: Any, other: str) -> None:
    handed_over(case)
    case.edit("p1", owner_edit=other, owner_edit_at=case.now + timedelta(minutes=5)).decide(hours=1)
    case.check("p1", owner=other, gaps=["wrong_department"])
    case.decide(hours=1)
    case.check("p1", owner=other, gaps=["wrong_department"])


def test_an_old_edit_does_not_follow_into_the_next_department(case: Any) -> None:
    handed_over(case)
    case.edit("p1", owner_edit="is2@x.jp", owner_edit_at=case.now + timedelta(minutes=5)).decide(hours=1)
    case.edit("p1", sales_status="accepted", sales_status_at=case.now, need="yes", budget="yes", authority="yes").decide(hours=1)
    case.check("p1", phase="sql", owner="fs1@x.jp", gaps=[])


def test_who_marketing_had_named_before_the_hand_over_is_not_its_owner(case: Any) -> None:
    case.rep("mk@x.jp", "marketing")
    handed_over(case, owner_edit="mk@x.jp", owner_edit_at=case.now - timedelta(days=1))
    case.check("p1", owner="is1@x.jp", owner_because="round_robin", gaps=[])


def test_an_inactive_rep_set_by_hand_does_not_become_the_owner(case: Any) -> None:
    case.rep("gone@x.jp", "inside_sales", is_active=False)
    handed_over(case)
    case.edit("p1", owner_edit="gone@x.jp", owner_edit_at=case.now + timedelta(minutes=5)).decide(hours=1)
    case.check("p1", owner="is1@x.jp", gaps=[])


def test_who_waits_in_the_queue_is_taken_when_someone_is_free(case: Any) -> None:
    case.using(routing=ROUTING).edit_rep("is1@x.jp", cap=0).edit_rep("is2@x.jp", cap=0)
    handed_over(case)
    case.check("p1", owner="q@x.jp", owner_because="queue", gaps=["queue_owner"], clock="first_approach")
    assert case.open_tasks("p1") == []
    case.decide(hours=1)
    case.check("p1", owner="q@x.jp", owner_because="queue")
    case.edit_rep("is2@x.jp", cap=None).decide(hours=1)
    case.check("p1", owner="is2@x.jp", gaps=[])
    assert case.open_tasks("p1") == ["p1:first_approach:0:1"]


def test_who_waited_in_the_queue_of_one_department_goes_to_that_of_the_next(case: Any) -> None:
    case.using(routing=replace(ROUTING, queues={"inside_sales": "q@x.jp", "field_sales": "fs-queue@x.jp"}))
    for rep in ("is1@x.jp", "is2@x.jp", "fs1@x.jp"):
        case.edit_rep(rep, cap=0)
    handed_over(case)
    case.check("p1", phase="mql", owner="q@x.jp", owner_because="queue")
    case.edit("p1", sales_status="accepted", sales_status_at=case.now, need="yes", budget="yes", authority="yes").decide(hours=1)
    case.check("p1", phase="sql", owner="fs-queue@x.jp", owner_because="queue")


def test_without_rep_or_queue_the_missing_owner_is_a_gap(case: Any) -> None:
    case.edit_rep("cs1@x.jp", is_active=False)
    case.person("p1").opportunity("o1", "won", closed_at=case.now)
    case.decide()
    case.check("p1", owner=None, gaps=["no_owner", "won_without_cs"])
    assert case.last.gaps["department"].to_list() == ["customer_success", "customer_success"]


def test_a_cap_counts_what_is_open(case: Any) -> None:
    case.edit_rep("is1@x.jp", cap=1)
    handed_over(case, 4)
    got = Counter(case.state(f"p{n}")["owner"] for n in range(1, 5))
    assert got == {"is1@x.jp": 1, "is2@x.jp": 3}


def test_a_cap_counts_who_stays_with_a_rep_and_not_who_has_gone_on(case: Any) -> None:
    case.edit_rep("is1@x.jp", cap=1).edit_rep("is2@x.jp", cap=0)
    handed_over(case)
    case.person("p2").touched("pricing_page")
    case.decide(hours=1)
    case.check("p2", phase="mql", owner=None)
    case.edit("p1", sales_status="accepted", sales_status_at=case.now, need="yes", budget="yes", authority="yes").decide(hours=1)
    case.check("p1", phase="sql", owner="fs1@x.jp")
    case.check("p2", owner="is1@x.jp")


def test_a_cap_counts_whom_somebody_gave_or_took_away_by_hand_in_the_same_run(case: Any) -> None:
    case.edit_rep("is1@x.jp", cap=1).edit_rep("is2@x.jp", cap=1)
    case.rep("is3@x.jp", "inside_sales", cap=0)
    handed_over(case)  # to is1
    case.edit("p1", owner_edit="is2@x.jp", owner_edit_at=case.now + timedelta(minutes=5))
    case.person("p2").touched("pricing_page")
    case.decide(hours=1)
    case.check("p1", owner="is2@x.jp", owner_because="crm_user")
    case.check("p2", owner="is1@x.jp", owner_because="round_robin")


def test_the_best_lead_is_drawn_first(case: Any) -> None:
    case.person("b").touched("quote_request")
    case.person("a").touched("pricing_page")
    case.decide()
    case.check("b", owner="is1@x.jp")
    case.check("a", owner="is2@x.jp")


def test_instants_are_kept_when_nothing_about_the_owner_changes(case: Any) -> None:
    handed_over(case)
    at: datetime = case.state("p1")["owner_at"]
    case.decide(days=1)
    assert case.state("p1")["owner_at"] == at


@pytest.mark.parametrize(
    ("employees", "size"), [(None, None), (0, None), (1, "small"), (100, "small"), (101, "large"), (10**6, "large")]
)
def test_a_size_includes_both_ends_of_its_band(employees: int | None, size: str | None) -> None:
    assert ROUTING.size_of(employees) == size


# --------------------------------------------------------------------------------------------------- out of rotation


def late(case: Any, rep: str, count: int) -> Any:
    """So many leads of this rep's run over due while everyone else's are approached in time."""
    for n in range(2 * count):
        case.person(f"p{n}").touched("pricing_page")
    case.decide()
    for n in range(2 * count):
        if case.state(f"p{n}")["owner"] != rep:
            call = {"person_id": f"p{n}", "kind": "call", "approach_id": f"a{n}", "rep_id": "is2@x.jp", "connected": True}
            case.rows["approaches"].append({**call, "at": case.now})
    case.decide(days=1, hours=1)
    return case


def more(case: Any, count: int = 4) -> list[str | None]:
    for n in range(count):
        case.person(f"new{n}").touched("quote_request")
    case.decide(minutes=5)
    return [case.state(f"new{n}")["owner"] for n in range(count)]


def test_who_breached_too_often_rests_from_the_draw_and_comes_back_without_a_flood(case: Any) -> None:
    case.using(routing=replace(case.definitions.routing, breaches=Breaches(2, 5)))
    late(case, "is1@x.jp", 2)
    assert set(more(case)) == {"is2@x.jp"}
    case.now += timedelta(days=7)
    for n in range(6):
        case.person(f"later{n}").touched("quote_request")
    case.decide()
    again = Counter(case.state(f"later{n}")["owner"] for n in range(6))
    assert again["is1@x.jp"] in (3, 4)


def test_without_the_rule_or_with_fewer_breaches_they_stay_in_the_draw(new_case: Any) -> None:
    assert "is1@x.jp" in more(late(new_case().team(), "is1@x.jp", 2))
    strict = new_case().team()
    strict.using(routing=replace(strict.definitions.routing, breaches=Breaches(3, 5)))
    assert "is1@x.jp" in more(late(strict, "is1@x.jp", 2))


@pytest.mark.parametrize(
    ("breaches", "resting"),
    [
        ([(4.99, "a", "a", 9)] * 2, ["a"]),
        ([(4.99, "a", "a", 9)], []),
        ([(5, "a", "a", 9), (1, "a", "a", 9)], []),  # one of them is too long ago
        ([(1, "a", "b", 9), (2, "a", "a", 9)], ["a"]),  # handed on since
        ([(1, "a", "a", 0.5), (2, "a", "a", 9)], []),  # taken over when it was over due already
        ([(1, "a", "a", 1), (2, "a", "a", None)], ["a"]),
        ([(1, "a", None, None), (2, "a", "?", None)], ["a"]),  # "?": somebody whose state is not known
        ([(1, None, None, None)] * 3, []),
        ([(1, "a", "a", 9), (2, "a", "a", 9), (1, "b", "b", 9), (1, "b", "b", 9), (1, "c", "c", 9)], ["a", "b"]),
    ],
)
def test_who_rests_is_whoever_was_late_themselves_and_often_enough(
    breaches: list[tuple[float, str | None, str | None, float | None]], resting: list[str]
) -> None:
    """Each breach: how many days ago, whose clock, who answers now, since how many days."""
    now = datetime(2026, 6, 1, tzinfo=UTC)
    clocks = [
        {"clock_id": f"c{n}", "person_id": f"p{n}", "owner": owner, "breached_at": now - timedelta(days=days)}
        for n, (days, owner, _, _) in enumerate(breaches)
    ]
    states = [
        {"person_id": f"p{n}", "owner": answers, "owner_at": None if since is None else now - timedelta(days=since)}
        for n, (_, _, answers, since) in enumerate(breaches)
        if answers != "?"
    ]
    frames = (
        conform(pl.DataFrame(rows, schema_overrides={"owner": pl.String}, infer_schema_length=None), schema)
        for rows, schema in ((clocks, CLOCKS), (states, STATE))
    )
    assert sorted(out_of_rotation(*frames, Breaches(2, 5), now)) == resting


def test_where_everyone_rests_nobody_does() -> None:
    made, _ = draw([request(n) for n in range(4)], reps(A, B), {}, empty(DRAWS), ROUTING, frozenset({"a@x.jp", "b@x.jp"}))
    assert {a.owner for a in made} == {"a@x.jp", "b@x.jp"}


def test_a_known_companys_lead_goes_to_the_one_who_knows_it_though_they_rest() -> None:
    asked = request(preferred=(("b@x.jp", "account_owner"),))
    made, _ = draw([asked], reps(A, B), {}, empty(DRAWS), ROUTING, frozenset({"b@x.jp"}))
    assert made[0].owner == "b@x.jp"
