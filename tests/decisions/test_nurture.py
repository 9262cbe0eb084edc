"""Which nurture programme somebody belongs on, and how often (DOMAIN.md §3, §7; field.md A 29, 30, 48-51, 61-63)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.frames import CLOCKS, SCORES, STATE, Facts, conform, empty
from crmsync.decisions.nurture import Frequency, Nurture, Rules, enrol
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.temperature import Rung

START = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def capped(case: Any) -> Any:
    """At most two enrolments in 30 days, and five days from one to the next."""
    return case.using(nurture=Nurture(frequency=Frequency(2, 30, 5)))


def on(case: Any, person: str = "p") -> str | None:
    listed: str | None = case.desired(person)["nurture_list"]
    return listed


def lukewarm(case: Any) -> Any:
    """Somebody warm who does not qualify."""
    return case.person("p", title_rank=1).touched("pricing_page")


def test_opt_out_comes_before_everything(case: Any) -> None:
    lukewarm(case)
    case.decide()
    assert on(case) == "warm"
    case.edit("p", opted_out=True)
    case.decide(hours=1)
    assert on(case) is None


def test_a_bounced_address_is_on_no_list(case: Any) -> None:
    lukewarm(case)
    case.edit("p", bounced=True)
    case.decide()
    assert on(case) is None


def test_who_gets_hot_after_a_recycle_leaves_the_list_though_nobody_has_called_yet(case: Any) -> None:
    lead = case.person("p").touched("quote_request")
    case.decide()
    case.now += timedelta(hours=1)
    lead.status("rejected", rejection_reason="timing")
    case.decide(days=20)
    case.check("p", phase="recycled", temperature="warm")
    assert on(case) == "recycle_timing"
    lead.touched("pricing_page", at=case.now).touched("pricing_page", at=case.now)
    lead.touched("quote_request", at=case.now)
    case.edit("p", opted_out=None, title_rank=1)  # wants a quote, and is not whom we sell to
    case.decide(minutes=5)
    case.check("p", phase="recycled", temperature="hot")
    assert on(case) is None


def test_whom_a_rep_took_up_by_hand_is_sent_no_promotions(case: Any) -> None:
    lead = lukewarm(case)
    case.decide()
    assert on(case) == "warm"
    case.now += timedelta(hours=1)
    lead.status("working", at=case.now)
    case.decide()
    case.check("p", phase="inquiry")
    assert on(case) is None


def test_a_customer_to_whom_more_is_being_sold_is_on_no_upsell_list(case: Any) -> None:
    won = case.person("p").opportunity("o", "won", closed_at=case.now)
    won.approached("meeting", by="cs1@x.jp", at=case.now + timedelta(hours=1))
    case.decide(days=1)
    case.decide(days=91)
    assert on(case) == "upsell"
    won.opportunity("more", "open", kind="upsell", created_at=case.now)
    case.decide(hours=1)
    case.check("p", phase="closed_won")
    assert on(case) is None


def test_a51_nobody_is_put_into_programmes_more_often_than_agreed(capped: Any) -> None:
    lead = lukewarm(capped)
    joined: list[int] = []
    before = None
    for day in range(90):
        if day % 3 == 0:  # warm for a day, cold for the next two: the worst there is
            lead.touched("pricing_page", at=capped.now)
        capped.definitions = replace(
            capped.definitions, temperature=replace(capped.definitions.temperature, warm=_warm_today(day), explicit_days=0)
        )
        capped.decide(days=1)
        if on(capped) == "warm" and before != "warm":
            joined.append(day)
        before = on(capped)
    assert joined
    assert all(later - earlier >= 5 for earlier, later in pairwise(joined))
    assert all(later - earlier >= 30 for earlier, later in zip(joined, joined[2:], strict=False))


def _warm_today(day: int) -> Rung:
    return Rung(5, 3) if day % 3 == 0 else Rung(19, 18)


def test_who_waits_for_the_cap_is_put_in_as_soon_as_there_is_room(capped: Any) -> None:
    capped.using(nurture=Nurture(frequency=Frequency(1, 10, 0)))
    recycled_after_warm(capped)
    assert on(capped) is None  # one programme within ten days, and it has been left
    capped.decide(days=9)
    assert on(capped) is None
    capped.decide(days=1)
    assert on(capped) == "recycle_timing"


def recycled_after_warm(case: Any) -> None:
    """Warm and on the list; handed over a day later; given back."""
    lead = lukewarm(case)
    case.decide()
    assert on(case) == "warm"
    case.edit("p", title_rank=4)
    lead.touched("pricing_page", at=case.now)
    case.decide(hours=2)
    case.check("p", phase="mql")
    assert on(case) is None
    case.now += timedelta(hours=1)
    lead.status("rejected", rejection_reason="timing")
    case.decide()
    case.check("p", phase="recycled")


def test_a30_the_regular_mailing_is_never_held_back_by_the_cap(case: Any) -> None:
    case.using(nurture=Nurture(frequency=Frequency(1, 1000, 0)))
    lukewarm(case)
    case.decide()
    assert on(case) == "warm"
    case.decide(days=91)
    case.check("p", temperature="cold")
    assert on(case) == "mailing"


def test_deciding_again_at_the_same_instant_enrols_nobody_again(capped: Any) -> None:
    lukewarm(capped)
    first = capped.decide()
    again = capped.decide()
    assert again.state.equals(first.state)


def test_without_a_cap_nothing_is_remembered(case: Any) -> None:
    case.using(nurture=Nurture())
    lukewarm(case)
    case.decide()
    assert (on(case), case.state("p")["enrolments"]) == ("warm", None)


@settings(max_examples=40, deadline=None)
@given(days=st.lists(st.integers(0, 40), min_size=1, max_size=12), most=st.integers(1, 4), within=st.integers(1, 60))
def test_no_window_ever_holds_more_enrolments_than_agreed(days: list[int], most: int, within: int) -> None:
    rules = Recycle({}, lists={"cold": "a"})
    state = conform(pl.DataFrame({"person_id": ["p"], "phase": ["inquiry"], "temperature": ["cold"], "phase_at": [START]}), STATE)
    scores, now, joined, before = conform(pl.DataFrame({"person_id": ["p"]}), SCORES), START, [], None
    for n, gone_by in enumerate(days):
        now += timedelta(days=gone_by)
        nurture = Nurture(frequency=Frequency(most, within))
        wishes = Rules(replace(rules, lists={"cold": f"list{n % 3}"}), nurture)
        state = enrol(state, empty(CLOCKS), scores, Facts.none(), wishes, now)
        listed = state["nurture_list"].item()
        joined.extend([now] if listed is not None and listed != before else [])
        before = listed
    for first in joined:
        assert sum(first <= at < first + timedelta(days=within) for at in joined) <= most
