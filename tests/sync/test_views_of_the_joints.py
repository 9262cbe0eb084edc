"""The views of the joints over whole cycles: what people did in two CRMs is what the figures say, also of an earlier moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from fake_house import House

from crmsync.config.rules.alarms import Watch
from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.figures.counterparts import PAIRS
from crmsync.figures.sheet import Question, Sheet
from crmsync.sync.forget import forget
from crmsync.sync.history import as_of
from crmsync.sync.ledger import Ledger
from crmsync.sync.reviews import same
from crmsync.sync.views import made
from crmsync.sync.workspace import Workspace

MANAGERS = Watch(persona=parse("title_rank >= rank('manager')", catalogue.attributes({"manager": 4})))


def view(house: House, *names: str, workspace: Workspace | None = None) -> dict[str, Sheet]:
    """The sheets of these views for the last thirty days, by name."""
    there, now = workspace or house.workspace, house.clock.now()
    ledger = Ledger(replace(there, watch=MANAGERS), now)
    today = ledger.zone.day_of(now)
    return {sheet.name: sheet for sheet in made(names, ledger, Question(today - timedelta(days=29), today, now, ledger.zone))}


def rows(sheet: Sheet, **where: Any) -> list[dict[str, Any]]:
    return sheet.rows.filter(*(pl.col(name).eq_missing(value) for name, value in where.items())).to_dicts()


@pytest.fixture
def worked(house: House) -> dict[str, str]:
    """Four leads were handed over: one was called and became an opportunity, one was called and rejected, one was only called, and
    nobody did anything about the last."""
    people = {name: house.mql(f"{name}@{name}.example") for name in ("good", "bad", "called", "left")}
    house.cycle()
    house.clock.advance(timedelta(hours=1))
    for name in ("good", "bad", "called"):
        owner = house.rep_of("sfa", house.sfa.live("contacts")[people[name]]["owner"])
        house.call("sfa", owner or "is1@home.example", contact=people[name])
    house.clock.advance(timedelta(hours=1))
    house.sfa.insert("deals", contact=people["good"], made_at=house.clock.now().isoformat(), status="open", owner=None)
    house.sfa.edit("contacts", people["bad"], status="rejected", reason="timing")
    house.cycle()
    house.clock.advance(timedelta(days=3))
    house.cycle()
    return people


def test_what_sales_made_of_each_hand_over_is_its_verdict(house: House, worked: dict[str, str]) -> None:
    sheets = view(house, "acceptance")
    (everyone,) = rows(sheets["acceptance"], definition=None)
    assert [everyone[v] for v in ("handed", "accepted", "rejected", "lapsed", "undecided")] == [4, 1, 1, 0, 2]
    assert everyone["acceptance"] == 0.5
    assert [(row["reason"], row["rejected"]) for row in rows(sheets["rejections"])] == [("timing", 1)]


def test_the_rules_that_fired_are_those_of_the_decision_that_handed_over(house: House, worked: dict[str, str]) -> None:
    by_rule = {row["rule"]: row for row in rows(view(house, "acceptance")["acceptance_by_rule"])}
    assert by_rule
    assert {row["handed"] for row in by_rule.values()} == {4}
    fired = {reason["rule"] for _, _, decision in house.store.decided.hand_overs() for reason in decision["reasons"]}
    assert set(by_rule) == fired


def test_who_followed_up_is_told_from_the_same_hand_overs(house: House, worked: dict[str, str]) -> None:
    board = view(house, "truth")["truth"]
    (everyone,) = rows(board, side="all")
    assert (everyone["handed"], everyone["approached"], everyone["follow_up"]) == (4, 3, 0.75)
    assert sum(row["handed"] for row in rows(board, side="rep")) == 4


def test_who_is_still_inside_has_an_age(house: House, worked: dict[str, str]) -> None:
    (mql,) = rows(view(house, "phases")["phases"], phase="mql", cycle=None)
    assert (mql["left"], mql["inside"]) == (2, 2)
    assert mql["oldest_days"] == pytest.approx(3.08, abs=0.1)


def test_a_person_who_was_recycled_is_told_with_the_reason(house: House, worked: dict[str, str]) -> None:
    table = view(house, "recycling")["recycling"]
    assert [(row["reason"], row["entered"]) for row in rows(table, group="recycled") if row["reason"]] == [("rejected_timing", 1)]
    (new,) = rows(table, group="new")
    assert (new["entered"], new["opportunities"]) == (4, 1)


def test_every_figure_stands_beside_its_counterpart(house: House, worked: dict[str, str]) -> None:
    table = {row["kpi"]: row for row in rows(view(house, "counterparts")["counterparts"])}
    assert list(table) == [pair.name for pair in PAIRS]
    assert (table["mqls"]["amount"], table["mqls"]["counter_share"]) == (4.0, 0.5)
    assert (table["follow_up"]["share"], table["persona"]["share"], table["leads"]["amount"]) == (0.75, 1.0, 4.0)
    assert table["hours_to_approach"]["amount"] == pytest.approx(1.0, abs=0.01)


def test_two_people_who_turn_out_to_be_one_are_inside_once(house: House) -> None:
    """Each was handed over for themselves; since the answer one of them is there."""
    address = "office@acme.example"
    house.contact("sfa", address, family="Tanaka", given="Ichiro")
    house.visit("ma", house.contact("ma", address, family="Tanaka", given="Ichiro"))
    house.clock.advance(timedelta(minutes=1))
    house.visit("sfa", house.contact("sfa", address, family="Suzuki", given="Hanako"))
    house.cycle()
    (asked,) = house.store.identity.reviews().to_dicts()

    def in_mql() -> tuple[int, int]:
        (row,) = rows(view(house, "phases")["phases"], phase="mql", cycle=None)
        return row["began"], row["inside"]

    assert in_mql() == (2, 2)
    same(house.workspace, asked["record"], None, "admin", house.clock.now())
    house.cycle()
    assert in_mql() == (1, 1)


def test_an_earlier_moment_has_the_figures_of_then(house: House) -> None:
    contact = house.mql()
    house.cycle()
    names = ("acceptance", "phases", "recycling", "warmth", "batons")
    then, before = house.clock.now(), view(house, *names)
    house.clock.advance(timedelta(hours=3))
    house.sfa.edit("contacts", contact, status="rejected", reason="budget")
    house.cycle()
    after = view(house, *names)
    assert not after["acceptance"].rows.equals(before["acceptance"].rows)
    with as_of(house.workspace, then) as past:
        house.clock = type(house.clock)(then)
        again = view(house, *names, workspace=past)
    assert {name: sheet.rows.to_dicts() for name, sheet in again.items()} == {n: s.rows.to_dicts() for n, s in before.items()}


def test_somebody_who_was_forgotten_is_inside_nowhere(house: House, worked: dict[str, str]) -> None:
    house.clock.advance(timedelta(minutes=1))
    forget(house.workspace, "left@left.example", house.clock.now())
    (mql,) = rows(view(house, "phases")["phases"], phase="mql", cycle=None)
    assert mql["inside"] == 1
