"""The guide's 65 items, as far as decisions answer for them: `test_a37_…` is item 37. The others have their tests beside what
answers for them, under the same names; one test here keeps the list."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.config.document import parse_document, read_document
from crmsync.config.rules import load_definitions
from crmsync.config.rules.joints import References, load_joints
from crmsync.config.rules.qualification import load_qualification
from crmsync.decisions import conditions, scoring, stale
from crmsync.decisions.agreement import render
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import MOVES, PERSONS, SCORES, STATE, TOUCHES, Facts, conform
from crmsync.decisions.joints import LOOP
from crmsync.decisions.signing import Rules
from crmsync.decisions.sla import DEPARTMENTS
from crmsync.decisions.team import Team
from crmsync.decisions.temperature import temperature
from crmsync.decisions.valve import TABLE, move
from crmsync.decisions.worktime import due_column
from crmsync.errors import FixConfig

TOKYO = ZoneInfo("Asia/Tokyo")
RULES = Path(__file__).parents[2] / "mappings" / "rules"
TESTS = Path(__file__).parents[1]
LADDER = {"staff": 1, "主任": 2, "課長": 4, "manager": 4, "executive": 8}
KINDS = ["pricing_page", "case_page", "page_view", "document_request", "quote_request", "seminar", "card_exchange", "reply"]
KINDS += ["email_open", "email_click", "inbound_call"]

NOT_YET: dict[int, str] = {}
"""Items that have no test of their number yet, and what is missing."""


def test_every_item_of_the_guide_has_a_test_that_carries_its_number_or_says_what_is_missing() -> None:
    texts = (path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    numbers = {int(number) for text in texts for number in re.findall(r"^def test_a(\d+)_", text, re.MULTILINE)}
    assert sorted([*numbers, *NOT_YET]) == list(range(1, 66))


@cache
def shipped() -> Definitions:
    return load_definitions([RULES], LADDER, frozenset(KINDS))


def crowd(new_case: Any, count: int = 40) -> Any:
    """People in every phase."""
    case = new_case().team()
    for n in range(count):
        person = case.person(f"p{n:02}", title_rank=n % 5 + 1, identified=n % 7 != 0)
        if n % 3 == 0:
            person.touched("quote_request")
        if n % 5 == 0:
            status = ["open", "won", "lost"][n % 3]
            ended = None if status == "open" else case.now - timedelta(days=1)
            person.opportunity(f"o{n}", status, created=case.now - timedelta(days=3), closed_at=ended, lost_reason="timing")
        if n % 11 == 0:
            case.edit(f"p{n:02}", opted_out=True)
    return case


# ------------------------------------------------------------------------------------------------------ structure and baton


def test_a1_everyone_belongs_to_one_department_or_on_purpose_to_none(new_case: Any) -> None:
    case = crowd(new_case)
    for _ in range(3):
        told = case.decide(days=1)
        nobody = {"unidentified", "disqualified"}
        places = Counter("nobody" if row["phase"] in nobody else row["department"] for row in told.state.to_dicts())
        assert set(places) <= {"marketing", "inside_sales", "field_sales", "customer_success", "nobody"}
        assert places.total() == len(case.rows["persons"])


def test_a3_a_lead_is_never_in_two_departments_queues(new_case: Any) -> None:
    case = crowd(new_case)
    told = case.decide()
    tasks = told.tasks.filter("is_open").join(told.state.select("person_id", "phase"), on="person_id")
    assert tasks["person_id"].is_unique().all()
    departments = {r["rep_id"]: r["department"] for r in case.rows["reps"]}
    assert all(departments[t["owner"]] == DEPARTMENTS[t["phase"]] for t in tasks.to_dicts())
    assert tasks.height > 5


def test_a7_a_baton_on_the_ground_is_on_the_list_and_none_where_everyone_is_there(new_case: Any) -> None:
    case = crowd(new_case)
    assert not {"no_owner", "no_next_action", "wrong_department"} & {g["gap"] for g in case.decide().gaps.to_dicts()}
    for rep in ("is1@x.jp", "is2@x.jp"):
        case.edit_rep(rep, is_active=False)
    told = case.decide(minutes=10)
    mqls = set(told.state.filter(phase="mql")["person_id"])
    assert mqls
    assert set(told.gaps.filter(gap="no_owner")["person_id"]) == mqls
    assert set(told.gaps.filter(gap="no_owner")["department"]) == {"inside_sales"}


def test_a8_a_lead_that_sales_ignores_escalates_and_goes_to_someone_else(case: Any) -> None:
    case.person("p").touched("quote_request")
    case.decide()
    first = case.state("p")["owner"]
    told = case.decide(days=3)
    ended = case.clocks("p")[0]
    assert None not in (ended["reminded_at"], ended["noticed_at"], ended["breached_at"], ended["reassigned_at"])
    assert case.state("p")["owner"] != first
    assert told.tasks.filter("is_open")["owner"].to_list() == [case.state("p")["owner"]]


def test_a9_a_won_deal_has_an_owner_and_a_dated_task_until_customer_success_acknowledges(case: Any) -> None:
    case.person("p").opportunity("o", "won", closed_at=case.now)
    case.decide()
    case.check("p", phase="closed_won", owner="cs1@x.jp", department="customer_success", clock="kick_off", gaps=[])
    case.edit("p", acknowledged_at=case.now + timedelta(hours=2))
    case.decide(days=1)
    case.check("p", clock="customer_care")
    case.edit_rep("cs1@x.jp", is_active=False)
    case.decide(days=1)
    assert "won_without_cs" in case.gaps("p")


def test_a10_a_baton_that_lacks_what_it_must_carry_is_not_passed_on_but_flagged(case: Any) -> None:
    lead = case.person("p").touched("quote_request")
    case.decide()
    case.now += timedelta(hours=1)
    lead.status("accepted", need="unknown")
    case.decide()
    case.check("p", phase="mql", gaps=["accepted_without_bant"])
    case.edit("p", need="yes", budget="partial", authority="partial")
    case.decide(minutes=5)
    case.check("p", phase="sql", gaps=[])


@pytest.mark.parametrize("side", ["from", "to"])
@pytest.mark.parametrize("joint", [joint.name for joint in shipped().joints.joints])
def test_a12_no_joint_without_two_owners_validates(joint: str, side: str) -> None:
    document = read_document(RULES / "joints.yaml")
    rules = References(shipped().sla, shipped().recycle)
    assert {one.ends for one in load_joints(document, rules).joints} == set(LOOP)
    document.data["joints"][joint][side].pop("owner")
    with pytest.raises(FixConfig) as caught:
        load_joints(document, rules)
    assert [(p.code, p.params["name"]) for p in caught.value.problems] == [("rules.joint_without_owner", joint)]


def test_a13_when_a_rep_leaves_every_baton_is_someone_elses_in_the_same_run(new_case: Any) -> None:
    case = new_case().team()
    for n in range(6):
        case.person(f"p{n}").touched("quote_request")
    case.decide()
    case.edit_rep("is1@x.jp", is_active=False)
    told = case.decide(minutes=5)
    assert set(told.state["owner"]) == {"is2@x.jp"}
    assert set(told.tasks.filter("is_open")["owner"]) == {"is2@x.jp"}
    assert set(told.clocks.filter(RUNNING)["owner"]) == {"is2@x.jp"}


def test_a14_a_flood_of_new_leads_leaves_the_care_of_customers_as_it_was(new_case: Any) -> None:
    def cared_for(flood: int) -> Any:
        case = new_case().team()
        case.person("customer").opportunity("o", "won", closed_at=case.now)
        for n in range(flood):
            case.person(f"p{n:03}").touched("quote_request")
        told = case.decide()
        return told.clocks.filter(person_id="customer"), told.tasks.filter(person_id="customer"), case.state("customer")

    quiet, flooded = cared_for(0), cared_for(150)
    assert all(a.equals(b) for a, b in zip(quiet[:2], flooded[:2], strict=True))
    assert quiet[2] == flooded[2]


def test_a15_a_case_closed_without_a_reason_is_somebodys_task(case: Any) -> None:
    case.person("p").opportunity("o", "lost", closed_at=case.now, lost_reason=None)
    told = case.decide()
    assert told.gaps.select("gap", "department").rows() == [("lost_without_reason", "field_sales")]
    case.edit_opportunity("o", lost_reason="budget", modified_at=case.now + timedelta(minutes=1))
    case.decide(minutes=5)
    case.check("p", gaps=[], lost_reason="budget")


def test_a18_on_hand_over_the_former_departments_task_is_closed(case: Any) -> None:
    lead = case.person("p").touched("quote_request")
    case.decide()
    (before,) = case.open_tasks("p")
    case.now += timedelta(hours=1)
    lead.accepted()
    told = case.decide()
    assert before not in case.open_tasks("p")
    assert told.tasks.filter(pl.col("clock_id") == before)["is_open"].to_list() == [False]
    assert [task.split(":")[1] for task in case.open_tasks("p")] == ["first_meeting"]


# ---------------------------------------------------------------------------------------------- lead, temperature, phase


def test_a26_who_is_not_identified_is_no_lead_and_brings_what_they_did_when_they_are(case: Any) -> None:
    case.person("p", identified=False).touched("quote_request", days_ago=1)
    told = case.decide()
    case.check("p", phase="unidentified", owner=None, department=None)
    assert told.moves.is_empty()
    assert told.desired.is_empty()
    assert told.tasks.is_empty()
    case.edit("p", identified=True)
    case.decide(minutes=5)
    assert case.moves("p") == ["unidentified->inquiry identified", "inquiry->mql released"]


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0, 60),
    st.sampled_from(["hot", "warm", "cold"]),
    st.lists(st.sampled_from(["unidentified", "inquiry", "mql", "sql", "closed_won", "recycled"]), min_size=2, max_size=4),
)
def test_a27_any_temperature_goes_with_any_phase(interest: float, before: str, phases: list[str]) -> None:
    rules = shipped().temperature
    now = datetime(2026, 6, 1, tzinfo=UTC)
    scores = conform(pl.DataFrame({"person_id": ["p"], "interest": [interest]}), SCORES)
    states = [conform(pl.DataFrame({"person_id": ["p"], "phase": [p], "temperature": [before]}), STATE) for p in phases]
    assert len({temperature(scores, state, rules, now)["temperature"].item() for state in states}) == 1


def test_a28_hot_is_a_task_at_once_with_the_shorter_promise(case: Any) -> None:
    case.person("hot").touched("quote_request")
    case.person("warm").touched("pricing_page")
    told = case.decide()
    due = {t["person_id"]: t["due_at"] for t in told.tasks.filter("is_open").to_dicts()}
    assert due["hot"].astimezone(TOKYO).date() == case.now.date()
    assert due["hot"] < due["warm"]


def test_a29_warm_is_nurtured(case: Any) -> None:
    case.person("p", title_rank=1).touched("pricing_page")
    case.decide()
    case.check("p", phase="inquiry", temperature="warm")
    assert case.desired("p")["nurture_list"] == "warm"


def test_a30_nobody_whom_we_may_mail_is_silent_beyond_the_limit_without_a_list(new_case: Any) -> None:
    case = crowd(new_case)
    limit = timedelta(days=case.definitions.recycle.stalled_days)
    for _ in range(4):
        told = case.decide(days=60)
        held = told.state.filter(pl.col("phase").is_in(["inquiry", "closed_lost", "recycled"]))
        known = held.join(told.scores, on="person_id").join(told.desired.select("person_id", "nurture_list"), on="person_id")
        edge = pl.lit(case.now.astimezone(UTC) - limit)
        silent = known.filter(pl.max_horizontal("last_touch_at", "phase_at") <= edge)
        assert silent["nurture_list"].null_count() == 0
        quick = known.filter(pl.max_horizontal("last_touch_at", "phase_at") > edge)
        assert "mailing" not in quick["nurture_list"].to_list()
    assert silent.height > 5
    assert "mailing" in silent["nurture_list"].to_list()


def test_a32_who_is_identified_enters_as_an_inquiry_of_marketing(case: Any) -> None:
    case.person("p", title_rank=1)
    case.decide()
    case.check("p", phase="inquiry", department="marketing", owner=None, clock=None)


def test_a33_an_mql_has_owner_promise_and_version_in_one_step_and_nobody_in_sales_before(case: Any) -> None:
    case.person("p", title_rank=1).touched("quote_request")
    case.decide()
    case.check("p", phase="inquiry", owner=None, handed_over_at=None)
    case.edit("p", title_rank=4)
    told = case.decide(minutes=5)
    case.check("p", phase="mql", department="inside_sales", clock="first_approach", gaps=[])
    assert case.state("p")["owner"] in ("is1@x.jp", "is2@x.jp")
    assert case.state("p")["definition"] == told.valve.version
    assert case.desired("p")["sla_due_at"] == case.running("p")["due_at"]


def test_a34_no_score_makes_an_sql(case: Any) -> None:
    lead = case.person("p")
    for _ in range(9):
        lead.touched("quote_request").touched("pricing_page")
    for _ in range(5):
        case.decide(hours=3)
        case.check("p", phase="mql")
    lead.accepted(at=case.now)
    case.decide(minutes=1)
    case.check("p", phase="sql")


@pytest.mark.parametrize("status", ["won", "lost"])
@pytest.mark.parametrize("reason", ["timing", "budget", "competitor", "no_decision", "unheard_of", None])
def test_a35_a_close_leaves_through_exactly_one_door(case: Any, status: str, reason: str | None) -> None:
    case.person("p").opportunity("o", status, closed_at=case.now, lost_reason=reason)
    case.decide()
    state = case.state("p")
    to_success = (state["phase"], state["department"]) == ("closed_won", "customer_success")
    to_recycle = (state["phase"], state["department"]) == ("closed_lost", "marketing") and state["not_before"] is not None
    assert (to_success, to_recycle) == (status == "won", status == "lost")


# ------------------------------------------------------------------------------------------------------------- the valve


def test_a36_who_was_handed_over_under_an_older_version_keeps_it(case: Any) -> None:
    case.person("old").touched("quote_request")
    case.decide()
    case.using(qualification=replace(case.definitions.qualification, version=2))
    case.person("new").touched("quote_request")
    told = case.decide(days=1)
    assert {r["person_id"]: r["definition"][:10] for r in told.state.to_dicts()} == {"old": "standard@1", "new": "standard@2"}


def stood(case: Any, load: float, attainment: float | None, position: float = 0.5) -> tuple[float, str]:
    day = date(2026, 6, 1)
    rules = case.definitions
    before = move(None, replace(rules.valve, start=position), 0.5, None, day, rules.qualification)
    after = move(before, rules.valve, load, attainment, day + timedelta(days=1), rules.qualification)
    return after.position, after.cause


def test_a37_a_busy_sales_team_makes_the_definition_stricter(case: Any) -> None:
    assert stood(case, 1.2, 1.0) == (0.75, "busy")
    hot_only = case.definitions.qualification.temperatures(1.0)
    assert hot_only == ("hot",)


def test_a38_an_idle_sales_team_makes_it_looser_and_the_best_warm_come_first(new_case: Any) -> None:
    assert stood(new_case(), 0.1, 1.0) == (0.25, "idle")
    case = new_case().team()
    for rep in ("is1@x.jp", "is2@x.jp"):
        case.edit_rep(rep, capacity_per_day=1)
    for n in range(5):
        case.person(f"p{n}").touched("pricing_page", days_ago=n)
    told = case.decide()
    assert told.state.filter(phase="mql")["person_id"].to_list() == ["p0", "p1"]


def test_a39_four_quadrants_have_four_outcomes(case: Any) -> None:
    ahead, behind, busy, idle = 1.2, 0.5, 1.5, 0.1
    outcomes = {
        ("busy", "ahead"): stood(case, busy, ahead),
        ("busy", "behind"): stood(case, busy, behind),
        ("idle", "ahead"): stood(case, idle, ahead),
        ("idle", "behind"): stood(case, idle, behind),
    }
    assert outcomes == {
        ("busy", "ahead"): (0.75, "busy"),
        ("busy", "behind"): (0.625, "busy"),
        ("idle", "ahead"): (0.375, "idle"),
        ("idle", "behind"): (0.25, "idle"),
    }
    assert set(outcomes) <= set(TABLE)


def test_a40_a_definition_left_alone_while_sales_gives_back_ever_more_is_called_stale(case: Any) -> None:
    began = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [
        {
            "person_id": f"{week}-{n}",
            "at": began + timedelta(weeks=week, hours=n + 1),
            "source": "mql",
            "because": "accepted" if n < (6 if week < 8 else 3) else "rejected",
            "definition": "standard@1.0",
        }
        for week in range(16)
        for n in range(10)
    ]
    moves = conform(pl.DataFrame(rows), MOVES)
    found = stale.find(moves, case.definitions.qualification, began + timedelta(weeks=16))
    assert found is not None
    assert (found.then.share, found.now.share) == (0.6, 0.3)
    renewed = replace(case.definitions.qualification, version=2)
    assert stale.find(moves, renewed, began + timedelta(weeks=16)) is None


def test_a41_a_definition_is_approved_by_both_heads_before_it_is_in_force_and_reviewed_after() -> None:
    ends = (
        "{name: standard, version: 2, title: {ja: 標, en: S}, status: approved, effective_from: 2026-04-01,"
        " review_by: 2026-07-01, loose: {minimum_score: 1, temperatures: [hot]}, strict: {minimum_score: 2, temperatures: [hot]},"
        " signed_by: [{department: marketing, role: a, on: 2026-03-01}, {department: inside_sales, role: b ON}]}"
    )
    with pytest.raises(FixConfig) as caught:
        load_qualification(parse_document(ends.replace(" ON", ""), "q.yaml"), LADDER)
    assert [p.code for p in caught.value.problems] == ["rules.not_signed"]
    agreed = load_qualification(parse_document(ends.replace(" ON", ", on: 2026-03-02"), "q.yaml"), LADDER)
    assert [agreed.stage(date(2026, m, 2)) for m in (3, 4, 7)] == ["approved", "effective", "review_due"]


# -------------------------------------------------------------------------------------------- demand, nurture, qualification


def test_a46_eight_hundred_cards_in_an_hour_come_at_the_pace_of_capacity(new_case: Any) -> None:
    case = new_case().team()
    cards = replace(case.definitions.scoring.interest[0], touch="card_exchange")
    case.using(scoring=replace(case.definitions.scoring, interest=(cards,)))
    for n in range(800):
        case.person(f"p{n:03}").touched("card_exchange", days_ago=n / 24 / 800)
    told = case.decide()
    handed = told.state.filter(phase="mql")
    assert handed.height == 100  # two reps of fifty a day
    assert handed["owner"].value_counts()["count"].to_list() == [50, 50]
    waiting = told.qualification.filter(waiting_because="capacity")
    assert (waiting.height, sorted(waiting["rank"])) == (700, list(range(101, 801)))
    assert case.decide(minutes=30).state.filter(phase="mql").height == 100


def test_a48_who_gets_hot_leaves_the_nurture_list_for_sales(case: Any) -> None:
    lead = case.person("p", title_rank=4).touched("pricing_page", days_ago=13)
    case.using(
        qualification=replace(case.definitions.qualification, loose=replace(case.definitions.qualification.loose, minimum_score=30))
    )
    case.decide()
    assert (case.state("p")["phase"], case.desired("p")["nurture_list"]) == ("inquiry", "warm")
    lead.touched("quote_request", at=case.now + timedelta(minutes=5))
    case.decide(minutes=10)
    assert (case.state("p")["phase"], case.desired("p")["nurture_list"]) == ("mql", None)


def test_a49_who_was_kept_in_touch_and_acts_again_is_back_with_sales(case: Any) -> None:
    lead = case.person("p", created_at=case.now - timedelta(days=400))
    case.decide()
    case.decide(days=91)
    assert (case.state("p")["temperature"], case.desired("p")["nurture_list"]) == ("cold", "mailing")
    lead.touched("quote_request", at=case.now)
    case.decide(minutes=1)
    assert (case.state("p")["phase"], case.desired("p")["nurture_list"]) == ("mql", None)


def test_a51_nobody_is_on_a_nurture_list_while_sales_has_a_task_with_them(new_case: Any) -> None:
    case = crowd(new_case)
    for _ in range(3):
        told = case.decide(days=1)
        working = (
            told.tasks.filter(pl.col("is_open")).join(told.state, on="person_id").filter(pl.col("phase").is_in(["mql", "sql"]))
        )
        assert working.height > 0
        listed = told.desired.filter(pl.col("nurture_list").is_not_null())
        assert set(working["person_id"]).isdisjoint(listed["person_id"])


def test_a52_sales_gets_the_best_first_as_many_as_it_can_take(new_case: Any) -> None:
    case = new_case()
    case.rep("is1@x.jp", "inside_sales", capacity_per_day=3)
    for n in range(8):
        person = case.person(f"p{n}").touched("pricing_page", days_ago=n)
        if n == 7:
            person.touched("quote_request")
    told = case.decide()
    ranked = told.qualification.filter(pl.col("rank").is_not_null()).sort("rank")
    assert ranked["person_id"].to_list() == ["p7", "p0", "p1", "p2", "p3", "p4", "p5", "p6"]
    assert told.state.filter(phase="mql")["person_id"].to_list() == ["p0", "p1", "p7"]


def test_a53_a_section_chief_who_saw_the_prices_has_15_and_a_senior_clerk_10_by_the_shipped_rules() -> None:
    rules = shipped()
    now = datetime(2026, 6, 1, tzinfo=UTC)
    people = [{"person_id": p, "title": t, "title_rank": LADDER[t], "identified": True} for p, t in (("a", "課長"), ("b", "主任"))]
    seen = [{"person_id": p, "kind": "pricing_page", "at": now, "touch_id": p} for p in "ab"]
    facts = replace(Facts.none(), persons=conform(pl.DataFrame(people), PERSONS), touches=conform(pl.DataFrame(seen), TOUCHES))
    scores, _ = scoring.score(conditions.prepare(facts, (), now), facts.touches, rules.scoring, now)
    assert scores["score"].to_list() == [15.0, 10.0]


@pytest.mark.parametrize(
    ("known", "phase"),
    [
        ({"need": "yes", "budget": "partial", "timeframe": "yes"}, "sql"),
        ({"need": "partial", "budget": "yes", "authority": "yes", "timeframe": "yes"}, "mql"),
        ({"need": "yes", "budget": "partial"}, "mql"),
        ({"need": "yes", "budget": "no", "authority": "unknown", "timeframe": "partial"}, "mql"),
    ],
)
def test_a54_bant_decides_whether_an_accepted_lead_is_an_sql(case: Any, known: dict[str, str], phase: str) -> None:
    lead = case.person("p").touched("quote_request")
    case.decide()
    case.now += timedelta(hours=1)
    lead.status("accepted", **known)
    case.decide()
    case.check("p", phase=phase)


# ------------------------------------------------------------------------------------------------------- SLA and recycling


@pytest.mark.parametrize(
    ("handed", "amount", "unit", "due"),
    [
        ("2026-05-01T17:00", 24, "clock_hours", "2026-05-02T17:00"),
        ("2026-05-01T17:00", 1, "business_days", "2026-05-07T17:00"),
        ("2026-05-01T17:00", 24, "business_hours", "2026-05-11T17:00"),
        ("2026-05-02T15:00", 1, "business_days", "2026-05-08T09:00"),
        ("2026-09-18T17:00", 1, "business_days", "2026-09-24T17:00"),
        ("2026-03-19T18:30", 1, "business_days", "2026-03-24T09:00"),
    ],
)
def test_a58_what_24_hours_mean_is_agreed_and_reckoned_as_agreed(
    case: Any, handed: str, amount: float, unit: str, due: str
) -> None:
    start = datetime.fromisoformat(handed).replace(tzinfo=TOKYO).astimezone(UTC)
    row = pl.DataFrame({"started_at": [start], "calendar": ["tokyo"], "amount": [float(amount)], "unit": [unit]})
    found = due_column(row.with_columns(pl.col("started_at").cast(pl.Datetime("us", "UTC"))), case.definitions.calendars)
    assert found["due_at"].item().astimezone(TOKYO).isoformat() == f"{due}:00+09:00"
    paper = render(Rules(case.definitions, "digest-of-the-engine"), Team(()), "en", date(2026, 6, 1))
    assert "digest-of-the-engine" in paper
    assert all(f"| {name} |" in paper for name in ("First contact", "Kick-off"))


@pytest.mark.parametrize(
    ("reason", "contract_end", "back"),
    [
        ("timing", None, "2026-08-30"),
        ("budget", None, "2027-01-31"),
        ("competitor", date(2027, 6, 1), "2026-12-03"),
        ("no_decision", None, "2026-07-31"),
        (None, None, "2026-08-30"),
    ],
)
def test_a61_a_lost_case_comes_back_when_its_reason_has_passed(case: Any, reason: str, contract_end: date, back: str) -> None:
    case.person("p").opportunity("o", "lost", closed_at=case.now, lost_reason=reason, contract_end=contract_end)
    case.decide()
    assert case.state("p")["not_before"].astimezone(TOKYO).date().isoformat() == back
    case.now = case.state("p")["not_before"]
    case.decide()
    case.check("p", phase="recycled", cycle=1)


def test_a62_a_rejected_lead_goes_back_by_its_reason_and_without_one_it_is_on_the_gap_list(case: Any) -> None:
    case.person("told").touched("quote_request")
    case.person("untold").touched("quote_request")
    case.decide()
    case.now += timedelta(hours=1)
    case.edit("told", sales_status="rejected", sales_status_at=case.now, rejection_reason="budget")
    case.edit("untold", sales_status="rejected", sales_status_at=case.now)
    case.decide()
    case.check("told", phase="recycled", recycle_reason="rejected_budget", gaps=[])
    case.check("untold", phase="recycled", recycle_reason="rejected_unknown", gaps=["rejected_without_reason"])
    assert case.desired("told")["nurture_list"] == "recycle_budget"


def test_a63_a_customer_nobody_looks_after_is_a_task_and_an_upsell_list_and_stays_a_customer(case: Any) -> None:
    won = case.person("p").opportunity("o", "won", closed_at=case.now)
    won.approached("meeting", by="cs1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(days=1)
    case.check("p", clock="customer_care")
    told = case.decide(days=91)
    case.check("p", phase="closed_won", cycle=0, clock="customer_care")
    assert case.desired("p")["nurture_list"] == "upsell"
    assert told.tasks.filter("is_open").select("owner", "priority").rows() == [("cs1@x.jp", "high")]


def test_a64_old_points_do_not_bring_anybody_back(case: Any) -> None:
    lead = case.person("p").touched("quote_request")
    case.decide()
    case.now += timedelta(hours=1)
    lead.status("rejected", rejection_reason="unreachable")
    case.decide()
    told = case.decide(days=6)
    case.check("p", phase="recycled", temperature="hot")
    assert told.qualification["waiting_because"].to_list() == ["no_fresh_evidence"]
    lead.touched("quote_request", at=case.now)
    case.decide(minutes=1)
    case.check("p", phase="mql", cycle=1)
