"""What the facts show of each person before any rule looks: which opportunity speaks, since when, how often they were worked on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crmsync.decisions import recycle
from crmsync.decisions.bant import ITEMS, BantGate, complete
from crmsync.decisions.evidence import gather
from crmsync.decisions.frames import CLOCKS, INSTANT, SCORES, STATE, Before, conform, empty
from crmsync.decisions.recycle import Delay, Policy, Recycle

NOW = datetime(2026, 6, 1, 1, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def gathered(case: Any, person_id: str = "p", touched: dict[str, datetime] | None = None) -> dict[str, Any]:
    people = case.facts().persons["person_id"].to_list()
    scores = conform(pl.DataFrame([{"person_id": p, "last_touch_at": (touched or {}).get(p)} for p in people]), SCORES)
    frame = gather(case.facts(), scores, case.before, case.definitions.bant, case.definitions.recycle, NOW)
    return frame.row(by_predicate=pl.col("person_id") == person_id, named=True)


def shows(row: dict[str, Any], **expected: Any) -> None:
    assert {name: row[name] for name in expected} == expected


def test_of_somebody_new_nothing_is_known_but_when_they_came(case: Any) -> None:
    case.person("p", created_at=ago(3))
    shows(
        gathered(case),
        phase="unidentified",
        first_seen=True,
        arriving=True,
        phase_at=ago(3),
        entry_at=ago(3),
        cycle=0,
        rounds=0,
        bant_complete=False,
        rejection="rejected_unknown",
        rejection_goes="recycled",
        open_id=None,
        won_id=None,
        lost_id=None,
        any_id=None,
        last_act_at=None,
    )


def test_nobody_came_after_now_nor_after_their_first_opportunity(case: Any) -> None:
    case.person("late", created_at=NOW + timedelta(hours=1))
    case.person("dateless", created_at=None)
    case.person("bought", created_at=ago(3)).opportunity("o1", created=ago(9)).opportunity("o2", created=ago(5))
    assert [gathered(case, p)["entry_at"] for p in ("late", "dateless", "bought")] == [NOW, NOW, ago(9)]
    assert [gathered(case, p)["phase_at"] for p in ("late", "dateless", "bought")] == [NOW, NOW, ago(3)]


def test_what_was_decided_before_stands_and_only_the_unidentified_still_arrive(case: Any) -> None:
    for name, phase in (("p", "mql"), ("q", "unidentified")):
        case.person(name)
        row = {"person_id": name, "phase": phase, "phase_at": ago(2), "cycle": 4}
        case.before = Before(
            pl.concat([case.before.state, conform(pl.DataFrame([row]), STATE)]),
            case.before.clocks,
            case.before.draws,
            None,
        )
    shows(gathered(case, "p"), phase="mql", first_seen=False, arriving=False, phase_at=ago(2), cycle=4)
    shows(gathered(case, "q"), phase="unidentified", first_seen=False, arriving=True)


def test_the_deleted_show_nothing_and_the_rest_stand_in_order(case: Any) -> None:
    case.person("b").case.person("gone", is_deleted=True).case.person("a", is_deleted=None)
    people = conform(pl.DataFrame([{"person_id": p} for p in ("b", "gone", "a")]), SCORES)
    frame = gather(case.facts(), people, case.before, case.definitions.bant, case.definitions.recycle, NOW)
    assert frame["person_id"].to_list() == ["a", "b"]


def test_the_open_opportunity_is_the_one_that_changed_last_and_any_the_one_made_last(case: Any) -> None:
    person = case.person("p")
    person.opportunity("o1", created=ago(9), modified_at=ago(1)).opportunity("o2", created=ago(5), modified_at=None)
    person.opportunity("o3", "won", created=ago(4), closed_at=ago(4))
    shows(
        gathered(case),
        open_id="o1",
        open_created_at=ago(9),
        open_changed_at=ago(1),
        any_id="o3",
        any_created_at=ago(4),
        won_id="o3",
        won_at=ago(4),
        lost_id=None,
    )


def test_of_two_at_one_instant_the_greater_id_speaks(case: Any) -> None:
    case.person("p").opportunity("o2", created=ago(1)).opportunity("o1", created=ago(1)).opportunity("o3", created=ago(2))
    shows(gathered(case), open_id="o2", any_id="o2")


@pytest.mark.parametrize("status", ["won", "lost"])
def test_the_last_to_close_speaks_and_one_without_a_day_closed_when_it_changed(case: Any, status: str) -> None:
    person = case.person("p")
    person.opportunity("o1", status, created=ago(9), modified_at=ago(1), closed_at=ago(6), lost_reason="timing")
    person.opportunity("o2", status, created=ago(9), modified_at=ago(3), lost_reason="budget", contract_end=date(2026, 9, 1))
    person.opportunity("o3", status, created=ago(4), modified_at=None, lost_reason="no_need")
    shows(gathered(case), **{f"{status}_id": "o2", f"{status}_at": ago(3)})
    if status == "lost":
        shows(gathered(case), lost_word="budget", contract_end=date(2026, 9, 1))


@pytest.mark.parametrize("status", ["won", "lost"])
def test_one_that_was_never_changed_closed_when_it_was_made(case: Any, status: str) -> None:
    person = case.person("p").opportunity("o1", status, created=ago(9), modified_at=ago(6))
    person.opportunity("o2", status, created=ago(4), modified_at=None)
    shows(gathered(case), **{f"{status}_id": "o2", f"{status}_at": ago(4)})


def test_what_is_made_or_done_after_now_is_not_known_yet(case: Any) -> None:
    person = case.person("p").opportunity("o1", created=NOW).opportunity("o2", created=NOW + timedelta(seconds=1))
    person.approached(at=NOW).approached(at=NOW + timedelta(seconds=1))
    shows(gathered(case), open_id="o1", any_id="o1", last_act_at=NOW)


def test_the_last_act_is_of_either_side(case: Any) -> None:
    case.person("p").approached(at=ago(3)).approached(at=ago(5))
    case.person("q")
    touched = {"p": ago(2), "q": ago(9)}
    assert (gathered(case, "p", touched)["last_act_at"], gathered(case, "q", touched)["last_act_at"]) == (ago(2), ago(9))
    assert gathered(case, "p", {"p": ago(4)})["last_act_at"] == ago(3)


def test_a_round_is_a_cycle_somebody_worked_on_within_a_year(case: Any) -> None:
    case.person("p")
    started = {"p:first_approach:0:1": 400, "p:a:1:1": 365, "p:a:2:1": 364.99, "p:b:13:2": 30, "p:a:13:1": 2, "q:a:7:1": 1}
    rows = [{"clock_id": clock, "person_id": clock[0], "started_at": ago(days)} for clock, days in started.items()]
    case.before = Before(case.before.state, conform(pl.DataFrame(rows), CLOCKS), case.before.draws, None)
    assert gathered(case)["rounds"] == 2


def test_a_rejection_goes_where_its_reason_leads_and_an_unknown_word_like_none(case: Any) -> None:
    words = {"timing": ("rejected_timing", "recycled"), "student": ("rejected_student", "disqualified")}
    words |= {"no such word": ("rejected_unknown", "recycled")}
    for word in words:
        case.person(word, rejection_reason=word)
    assert {word: (gathered(case, word)["rejection"], gathered(case, word)["rejection_goes"]) for word in words} == words


# ------------------------------------------------------------------------------------------------------------- the gate


@pytest.mark.parametrize(
    ("known", "gate", "passes"),
    [
        ({"need": "yes", "budget": "partial", "authority": "yes"}, BantGate(), True),
        ({"need": "partial", "budget": "yes", "authority": "yes", "timeframe": "yes"}, BantGate(), False),
        ({"need": "yes", "budget": "partial"}, BantGate(), False),
        ({"need": "yes", "budget": "partial", "authority": "no"}, BantGate(), False),
        ({"need": "yes", "budget": "unknown", "authority": "no"}, BantGate(others_at_least="no"), False),
        ({"need": "yes", "budget": "no", "authority": "no"}, BantGate(others_at_least="no"), True),
        ({"need": "yes", "budget": "unknown", "authority": "unknown"}, BantGate(others_at_least="unknown"), False),
        ({"need": "yes", "budget": "no", "timeframe": "no"}, BantGate(others_at_least="unknown"), True),
        ({"budget": "yes"}, BantGate({}, 1), True),
        ({}, BantGate({}, 1), False),
        (dict.fromkeys(ITEMS, "yes"), BantGate(dict.fromkeys(ITEMS, "yes")), True),
        (dict.fromkeys(ITEMS, "yes") | {"authority": "partial"}, BantGate(dict.fromkeys(ITEMS, "yes")), False),
    ],
)
def test_the_gate_opens_for_what_is_known_well_enough(known: dict[str, str], gate: BantGate, passes: bool) -> None:
    items = {item: known.get(item) for item in ITEMS}
    frame = pl.DataFrame([items], schema=dict.fromkeys(items, pl.String))
    assert frame.select(complete(gate)).item() is passes


# ----------------------------------------------------------------------------------------------------- when to come back

RULES = Recycle(
    {
        "lost_timing": Policy(delay=Delay(90), nurture="later"),
        "lost_budget": Policy(delay=Delay(60, "fiscal_year")),
        "lost_competitor": Policy(delay=Delay(180, "contract_end", 200)),
        "lost_unknown": Policy(delay=Delay(3)),
        "rejected_student": Policy("disqualified"),
    },
    cool_down_days=14,
    lists={"warm": "warm"},
    upsell_list="upsell",
    stalled_list="mailing",
)


def tokyo(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T00:00:00+09:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("reason", "at", "contract_end", "until"),
    [
        ("lost_timing", NOW, None, NOW + timedelta(days=90)),
        ("lost_unknown", NOW, None, NOW + timedelta(days=14)),  # never sooner than the cool-down
        ("no such reason", NOW, None, NOW + timedelta(days=14)),
        ("lost_budget", NOW, None, tokyo("2027-01-31")),
        ("lost_budget", tokyo("2026-01-10"), None, tokyo("2026-01-31")),
        ("lost_budget", tokyo("2026-03-31"), None, tokyo("2026-03-31") + timedelta(days=14)),
        ("lost_budget", tokyo("2026-04-01"), None, tokyo("2027-01-31")),  # the year has begun
        ("lost_competitor", NOW, date(2027, 6, 30), tokyo("2027-01-01")),
        ("lost_competitor", NOW, date(2026, 7, 1), NOW + timedelta(days=14)),
        ("lost_competitor", NOW, None, NOW + timedelta(days=200)),
    ],
)
def test_everyone_comes_back_when_their_reason_says(reason: str, at: datetime, contract_end: date | None, until: datetime) -> None:
    schema = {"reason": pl.String, "at": INSTANT, "end": pl.Date}
    frame = pl.DataFrame([(reason, at, contract_end)], schema=schema, orient="row")
    assert frame.select(recycle.not_before(RULES, "reason", "at", "end")).item() == until


def test_a_reason_has_its_list_or_none() -> None:
    frame = pl.DataFrame({"reason": ["lost_timing", "lost_budget", "no such reason", None]})
    assert frame.select(recycle.nurture(RULES, "reason")).to_series().to_list() == ["later", None, None, None]
    assert RULES.programmes() == {"later", "warm", "upsell", "mailing"}


def test_a_reason_without_a_policy_is_unknown_and_one_of_another_kind_too() -> None:
    frame = pl.DataFrame({"word": ["timing", "student", None]})
    told = frame.select(recycle.reason(RULES, "lost", "word")).to_series()
    assert told.to_list() == ["lost_timing", "lost_unknown", "lost_unknown"]
    assert frame.select(recycle.reason(RULES, "rejected", "word")).to_series().to_list()[1:] == [
        "rejected_student",
        "rejected_unknown",
    ]


def test_nothing_before_is_nothing() -> None:
    assert (Before.nothing().state.height, Before.nothing().valve) == (0, None)
    assert dict(empty(STATE).schema) == dict(Before.nothing().state.schema)
