"""The table of nurture programmes, row by row: who is on which, who on none, and how often is too often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crmsync.decisions.frames import CLOCKS, INSTANT, OPPORTUNITIES, PERSONS, SCORES, STATE, Facts, conform, empty
from crmsync.decisions.nurture import Frequency, Nurture, Rules, enrol
from crmsync.decisions.recycle import Policy, Recycle

NOW = datetime(2026, 6, 1, 1, tzinfo=UTC)
RECYCLE = Recycle(
    {"rejected_timing": Policy(nurture="later"), "silent": Policy()},
    lists={"warm": "warm list"},
    upsell_list="upsell",
    stalled_days=90,
    stalled_list="mailing",
)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def form(days: float) -> str:
    """An enrolment so many days ago, as it is remembered."""
    return ago(days).strftime("%Y-%m-%dT%H:%M:%S.%f")


def enrolled(
    phase: str = "inquiry",
    *,
    person: dict[str, Any] | None = None,
    opportunity: str | None = None,
    clock: dict[str, Any] | None = None,
    touched: datetime | None = None,
    frequency: Frequency | None = None,
    faded_at: datetime | None = None,
    recycle: Recycle = RECYCLE,
    **state: Any,
) -> dict[str, Any]:
    """STATE of one person afterwards: warm, in the phase for a day, where nothing else is said."""
    usual = {"person_id": "p", "phase": phase, "temperature": "warm", "phase_at": ago(1)}
    before = conform(pl.DataFrame([{**usual, **state}], infer_schema_length=None), STATE)
    none = Facts.none()
    opportunities = none.opportunities
    if opportunity:
        rows = [{"person_id": "p", "opportunity_id": n, "status": opportunity} for n in ("o1", "o2")]
        opportunities = conform(pl.DataFrame(rows), OPPORTUNITIES)
    clocks = conform(pl.DataFrame([{"clock_id": "c", "person_id": "p", **clock}]), CLOCKS) if clock else empty(CLOCKS)
    facts = Facts(
        conform(pl.DataFrame([{"person_id": "p", **(person or {})}]), PERSONS),
        none.touches,
        none.approaches,
        opportunities,
        none.reps,
    )
    scores = conform(
        pl.DataFrame([("p", touched)], schema={"person_id": pl.String, "last_touch_at": INSTANT}, orient="row"), SCORES
    )
    after = enrol(before, clocks, scores, facts, Rules(recycle, Nurture(frequency=frequency)), NOW, faded_at)
    assert dict(after.schema) == dict(STATE)
    return after.row(0, named=True)


LATE = {"kind": "customer_care", "breached_at": ago(1)}


@pytest.mark.parametrize(
    ("told", "programme"),
    [
        ({}, "warm list"),
        ({"temperature": "cold"}, None),
        ({"temperature": "hot"}, None),
        ({"phase": "closed_lost"}, "warm list"),
        ({"phase": "mql"}, None),
        ({"phase": "sql"}, None),
        ({"phase": "disqualified"}, None),
        ({"phase": "unidentified"}, None),
        # consent
        ({"person": {"opted_out": True}}, None),
        ({"person": {"bounced": True}}, None),
        ({"person": {"opted_out": False, "bounced": False}}, "warm list"),
        # sales works with them
        ({"opportunity": "open"}, None),
        ({"opportunity": "lost"}, "warm list"),
        ({"person": {"sales_status": "working", "sales_status_at": ago(1)}}, None),
        ({"person": {"sales_status": "working", "sales_status_at": ago(1.01)}}, "warm list"),  # about the phase before
        ({"person": {"sales_status": "new", "sales_status_at": ago(0)}}, "warm list"),
        # recycled: the reason's list, else that of the temperature
        ({"phase": "recycled", "recycle_reason": "rejected_timing"}, "later"),
        ({"phase": "recycled", "recycle_reason": "silent"}, "warm list"),
        ({"phase": "recycled", "recycle_reason": "silent", "temperature": "cold"}, None),
        ({"phase": "recycled", "recycle_reason": "rejected_timing", "temperature": "hot"}, "later"),  # given back hot
        ({"phase": "recycled", "recycle_reason": "rejected_timing", "temperature": "hot", "touched": ago(1)}, "later"),
        ({"phase": "recycled", "recycle_reason": "rejected_timing", "temperature": "hot", "touched": ago(0.9)}, None),
        ({"phase": "recycled", "recycle_reason": "rejected_timing", "opportunity": "open"}, None),
        # silent for too long
        ({"temperature": "cold", "phase_at": ago(90)}, "mailing"),
        ({"temperature": "cold", "phase_at": ago(89.99)}, None),
        ({"temperature": "cold", "phase_at": ago(200), "touched": ago(90)}, "mailing"),
        ({"temperature": "cold", "phase_at": ago(200), "touched": ago(89)}, None),
        ({"temperature": "cold", "phase_at": ago(89), "touched": ago(200)}, None),
        ({"temperature": "warm", "phase_at": ago(200)}, "warm list"),
        ({"phase": "closed_lost", "temperature": "cold", "phase_at": ago(90)}, "mailing"),
        ({"phase": "recycled", "recycle_reason": "silent", "temperature": "cold", "phase_at": ago(90)}, "mailing"),
        ({"phase": "mql", "temperature": "cold", "phase_at": ago(200)}, None),
        ({"temperature": "cold", "phase_at": ago(90), "faded_at": ago(0.01)}, None),
        # customers
        ({"phase": "closed_won", "clock": LATE}, "upsell"),
        ({"phase": "closed_won", "clock": LATE, "temperature": "hot", "touched": NOW}, "upsell"),
        ({"phase": "closed_won", "clock": LATE, "opportunity": "open"}, None),
        ({"phase": "closed_won", "clock": LATE, "person": {"opted_out": True}}, None),
        ({"phase": "closed_won"}, None),
        ({"phase": "closed_won", "clock": {**LATE, "kind": "kick_off"}}, None),
        ({"phase": "closed_won", "clock": {**LATE, "breached_at": None}}, None),
        ({"phase": "closed_won", "clock": {**LATE, "met_at": ago(0)}}, None),
        ({"phase": "inquiry", "temperature": "cold", "clock": LATE}, None),
    ],
)
def test_everyone_is_on_one_programme_or_on_none(told: dict[str, Any], programme: str | None) -> None:
    assert enrolled(**told)["nurture_list"] == programme


def test_without_such_a_list_nobody_who_stalled_is_on_one() -> None:
    rules = Recycle({}, lists={"warm": "warm list"}, stalled_list="mailing")
    assert enrolled(temperature="cold", phase_at=ago(999), recycle=rules)["nurture_list"] is None


CAP = Frequency(2, 30, 5)


@pytest.mark.parametrize(
    ("earlier", "cap", "joins", "remembered"),
    [
        ([], CAP, True, []),
        ([40], CAP, True, []),  # no longer of interest
        ([29, 4.9], CAP, False, [29, 4.9]),
        ([4.9], CAP, False, [4.9]),
        ([5], CAP, True, [5]),
        ([29, 6], CAP, False, [29, 6]),
        ([30, 6], CAP, True, [6]),
        ([6], Frequency(1, 5, 10), False, [6]),  # apart is longer than the window
        ([10], Frequency(1, 5, 10), True, []),
        ([3], Frequency(9, 30), True, [3]),
        ([0], Frequency(9, 30), True, [0]),
    ],
)
def test_who_was_enrolled_too_often_or_just_now_waits(
    earlier: list[float], cap: Frequency, joins: bool, remembered: list[float]
) -> None:
    found = enrolled(frequency=cap, enrolments=" ".join(form(days) for days in earlier) or None)
    wanted = [form(days) for days in remembered] + ([form(0)] if joins else [])
    assert (found["nurture_list"], found["enrolments"]) == ("warm list" if joins else None, " ".join(wanted))


def test_who_is_on_it_already_is_not_enrolled_again_and_another_programme_is_another_enrolment() -> None:
    stays = enrolled(frequency=CAP, enrolments=form(1), nurture_list="warm list")
    assert (stays["nurture_list"], stays["enrolments"]) == ("warm list", form(1))
    changes = enrolled(frequency=CAP, enrolments=form(1), nurture_list="later")
    assert (changes["nurture_list"], changes["enrolments"]) == (None, form(1))


def test_to_be_kept_in_touch_is_owed_to_those_who_stalled_and_counts_for_nothing() -> None:
    found = enrolled(frequency=CAP, enrolments=form(1), temperature="cold", phase_at=ago(100))
    assert (found["nurture_list"], found["enrolments"]) == ("mailing", form(1))


def test_everyone_keeps_their_own_row() -> None:
    people = ["a", "b", "c", "d"]
    known = [{"person_id": p, "phase": "inquiry", "temperature": "warm" if p in "bd" else "cold", "phase_at": NOW} for p in people]
    persons, scores = (conform(pl.DataFrame({"person_id": people}), schema) for schema in (PERSONS, SCORES))
    none = Facts.none()
    facts = Facts(persons, none.touches, none.approaches, none.opportunities, none.reps)
    rules = Rules(RECYCLE, Nurture(frequency=CAP))
    after = enrol(conform(pl.DataFrame(known), STATE), empty(CLOCKS), scores, facts, rules, NOW)
    assert after["person_id"].to_list() == people
    assert after["nurture_list"].to_list() == [None, "warm list", None, "warm list"]
    assert after["enrolments"].to_list() == [None, form(0), None, form(0)]
