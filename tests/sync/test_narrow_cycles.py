"""A cycle that decides only those whom it concerns says what one about everyone would, to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fake_house import House
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from narrowed import Held, held_against_everyone

from crmsync.decisions.team import Team
from crmsync.sync.replay import replay
from crmsync.sync.reviews import different

SOON = timedelta(minutes=5)


@pytest.fixture
def held() -> Iterator[Held]:
    with held_against_everyone() as found:
        yield found


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[House]:
    """Two reps of inside sales who can approach two people a day each, and six people who qualify."""
    house = House(tmp_path, capacity=1)
    for number in range(6):
        house.mql(f"person{number}@firm{number}.example")
        house.clock.advance(timedelta(seconds=20))
    yield house
    house.workspace.close()


def settle(house: House) -> None:
    """Two cycles at the beginning of an hour, after which nobody is left to be decided again."""
    house.cycle(later=timedelta(hours=1))
    house.cycle(later=SOON)
    house.cycle(later=SOON)


def test_who_did_something_is_decided_and_nobody_else(house: House, held: Held) -> None:
    contacts = [house.contact("ma", f"person{number}@firm{number}.example") for number in range(5)]
    settle(house)
    house.visit("ma", contacts[0], "seminar")
    house.cycle(later=SOON)
    assert held.sizes[-1] == 1


def test_the_first_cycle_of_an_hour_decides_everyone(house: House, held: Held) -> None:
    contact = house.contact("ma", "a@one.example")
    settle(house)
    house.visit("ma", contact, "seminar")
    house.cycle(later=timedelta(hours=1))
    assert held.sizes[-1] is None


def test_whom_a_user_of_a_crm_stands_for_concerns_everyone_and_what_they_are_called_nobody(house: House, held: Held) -> None:
    house.contact("ma", "a@one.example")
    settle(house)
    house.sfa.edit("users", house.users["sfa"]["is1@home.example"], name="Married")
    house.cycle(later=SOON)
    assert held.sizes[-1] == 0
    house.sfa.insert("users", name="new", email="new@home.example", active=True)
    house.cycle(later=SOON)
    assert held.sizes[-1] is None


def test_a_company_concerns_those_who_work_there_or_did(house: House, held: Held) -> None:
    for email in ("a@one.example", "b@one.example", "c@two.example", "d@three.example"):
        house.contact("ma", email)
    settle(house)
    company = house.sfa.insert("companies", made_at=house.clock.now().isoformat(), name="One", domain="one.example")
    house.cycle(later=SOON)
    assert held.sizes[-1] == 2
    house.sfa.edit("companies", company, domain="two.example")
    house.cycle(later=SOON)
    assert held.sizes[-1] == 3
    house.sfa.edit("companies", company, owner=house.users["sfa"]["is1@home.example"])
    house.cycle(later=SOON)
    assert held.sizes[-1] == 3


def test_a_company_that_turns_out_to_be_two_concerns_the_people_of_both(house: House, held: Held) -> None:
    made = house.clock.now().isoformat()
    one, _ = (
        house.sfa.insert("companies", made_at=made, name="Acme", number="7010705000725", domain=domain)
        for domain in ("one.example", "two.example")
    )
    for email in ("a@one.example", "b@two.example", "c@three.example"):
        house.contact("ma", email)
    settle(house)
    house.sfa.edit("companies", one, name="Another")
    house.cycle(later=SOON)
    assert held.sizes[-1] == 2


def test_who_is_at_a_company_by_its_record_alone_is_concerned(house: House, held: Held) -> None:
    company = house.sfa.insert("companies", made_at=house.clock.now().isoformat(), name="One")
    house.contact("sfa", "a@mail.example", account=company)
    house.contact("sfa", "b@other.example")
    settle(house)
    house.sfa.edit("companies", company, number="7010705000725")
    house.cycle(later=SOON)
    assert held.sizes[-1] == 1


def test_the_queue_keeps_its_order_though_it_is_not_decided_again(busy: House, held: Held) -> None:
    settle(busy)
    waiting = busy.store.concern.waiting()
    assert waiting.height >= 2
    busy.mql("late@other.example")
    busy.cycle(later=SOON)
    busy.call("sfa", "is1@home.example", contact="c0001")
    for _ in range(4):
        busy.cycle(later=SOON)
    assert held.narrow >= 3
    assert {run.outcome for run in replay(busy.workspace)} == {"identical"}


def test_who_has_no_owner_is_given_one_as_soon_as_somebody_has_room(house: House, held: Held) -> None:
    """Nothing happened to them, and no instant of theirs has come: it is another person who leaves."""
    reps = tuple(replace(rep, cap=1) if rep.department == "field_sales" else rep for rep in house.workspace.team.reps)
    house.workspace = replace(house.workspace, team=Team(reps))
    contacts = [house.mql(f"person{number}@firm{number}.example") for number in range(2)]
    settle(house)
    for contact in contacts:
        house.sfa.edit("contacts", contact, status="working", need="yes", budget="yes", authority="yes")
    settle(house)
    persons = [house.person_of("sfa", contact) for contact in contacts]
    owners = {person: house.state(person)["owner"] for person in persons}
    (waiting,) = [person for person, owner in owners.items() if owner is None]
    (answered,) = [contact for contact, person in zip(contacts, persons, strict=True) if person != waiting]
    house.sfa.edit("contacts", answered, opted_out="true")
    house.cycle(later=SOON)
    assert held.sizes[-1] is not None
    assert house.state(waiting)["owner"] == "fs1@home.example"


def test_an_act_that_is_of_somebody_else_now_concerns_both(house: House, held: Held) -> None:
    one, two = house.contact("ma", "a@one.example"), house.contact("ma", "b@two.example")
    visit = house.visit("ma", one, "pricing_page")
    settle(house)
    house.ma.edit("visits", visit, contact=two)
    house.cycle(later=SOON)
    assert held.sizes[-1] is not None
    assert house.state(house.person_of("ma", one))["phase"] == "mql"  # the valve never takes back whom it let through
    assert house.state(house.person_of("ma", two))["phase"] == "mql"


def test_an_instant_that_has_come_is_met_between_hours(house: House, held: Held) -> None:
    contact = house.mql()
    settle(house)
    person = house.person_of("sfa", contact)
    (clock,) = house.clocks(person)
    house.cycle(later=clock["due_at"] - house.clock.now() - timedelta(minutes=1))
    while house.clock.now() < clock["due_at"] + SOON:
        house.cycle(later=timedelta(minutes=1))
    assert house.clocks(person, running=False)[0]["breached_at"] == clock["due_at"]
    assert held.narrow


def test_answers_and_other_runs_concern_everyone(house: House, held: Held) -> None:
    house.contact("sfa", "info@acme.example", family="田中", given="太郎")
    house.contact("sfa", "info@acme.example", family="佐藤", given="花子")
    settle(house)
    asked: Any = house.store.identity.reviews().to_dicts()
    different(house.workspace, asked[0]["record"], None, "somebody", house.clock.now())
    house.visit("ma", house.contact("ma", "b@two.example"), "seminar")
    house.cycle(later=SOON)
    assert held.sizes[-1] is None


# ------------------------------------------------------------------------------------------------------------ whatever happens

PEOPLE = [f"person{number}@firm{number % 3}.example" for number in range(5)]
WHO = st.sampled_from(range(len(PEOPLE)))
EVENTS = st.one_of(
    st.tuples(st.just("visit"), WHO, st.sampled_from(("pricing_page", "seminar", "quote_request"))),
    st.tuples(st.just("call"), WHO, st.sampled_from(("is1@home.example", "fs1@home.example"))),
    st.tuples(st.just("status"), WHO, st.sampled_from(("open", "working", "rejected"))),
    st.tuples(st.just("owner"), WHO, st.sampled_from(("is1@home.example", "is2@home.example", "fs1@home.example"))),
    st.tuples(st.just("deal"), WHO, st.sampled_from(("open", "won", "lost"))),
    st.tuples(st.just("address"), WHO, st.sampled_from(PEOPLE)),
    st.tuples(st.just("title"), WHO, st.sampled_from(("Manager", "Staff"))),
    st.tuples(st.just("gone"), WHO, st.just("")),
    st.tuples(st.just("ahead"), WHO, st.just("")),
)
STEPS = st.lists(st.tuples(EVENTS, st.sampled_from((0, 2, 5, 20, 70, 60 * 25))), min_size=6, max_size=14)


def happen(house: House, what: str, who: int, value: str) -> None:
    contact = f"c{who + 1:04}"
    sfa, ma = house.sfa.live("contacts"), house.ma.live("contacts")
    if contact not in sfa or contact not in ma:
        return
    at = house.clock.now().isoformat()
    if what == "visit":
        house.visit("ma", contact, value)
    elif what == "ahead":
        ahead = (house.clock.now() + timedelta(minutes=12)).isoformat()
        house.ma.insert("visits", contact=contact, at=ahead, what="pricing_page")
    elif what == "call":
        house.call("sfa", value, contact=contact)
    elif what == "deal":
        house.sfa.insert("deals", contact=contact, made_at=at, status=value, closed_at=at if value != "open" else None)
    elif what == "gone":
        house.sfa.delete("contacts", contact)
    else:
        value = house.users["sfa"][value] if what == "owner" else value
        more = {"need": "yes", "budget": "yes", "authority": "yes", "reason": "timing"} if what == "status" else {}
        house.sfa.edit("contacts", contact, **{{"address": "email"}.get(what, what): value}, **more)


@given(steps=STEPS, capacity=st.sampled_from((1, 1000)))
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_whatever_happens_a_narrow_cycle_says_what_one_about_everyone_would(steps: Any, capacity: int) -> None:
    with TemporaryDirectory() as directory, held_against_everyone() as held:
        house = House(Path(directory), capacity=capacity)
        try:
            for email in PEOPLE:
                house.contact("ma", email)
                house.contact("sfa", email)
            settle(house)
            for event, minutes in steps:
                happen(house, *event)
                house.cycle(later=timedelta(minutes=minutes))
            assert {run.outcome for run in replay(house.workspace)} == {"identical"}
            assert held.sizes
            assert held.around
        finally:
            house.workspace.close()


NUMBERS = ("7010705000725", "5010001067883")
FIRM = st.sampled_from(range(3))
FIRMS = st.one_of(
    st.tuples(st.just("domain"), FIRM, st.sampled_from(("firm0.example", "firm1.example", "firm2.example"))),
    st.tuples(st.just("number"), FIRM, st.sampled_from(NUMBERS)),
    st.tuples(st.just("name"), FIRM, st.sampled_from(("Acme", "Another"))),
    st.tuples(st.just("owner"), FIRM, st.sampled_from(("is1@home.example", "is2@home.example"))),
    st.tuples(st.just("closed"), FIRM, st.just("")),
    st.tuples(st.just("works at"), WHO, st.sampled_from(range(3))),
    st.tuples(st.just("says"), WHO, st.sampled_from(NUMBERS)),
    st.tuples(st.just("visits"), WHO, st.just("")),
)


def befall(house: House, firms: dict[int, str], what: str, which: int, value: Any) -> None:
    """Something happens to a firm, or to who works there."""
    sfa, contact = house.sfa, f"c{which + 1:04}"
    if what == "visits":
        house.visit("ma", contact, "seminar")
    elif what == "says":
        sfa.edit("contacts", contact, number=value)
    elif what == "works at":
        sfa.edit("contacts", contact, account=firms.get(value))
    elif what == "closed":
        if which in firms:
            sfa.delete("companies", firms.pop(which))
    elif which in firms:
        sfa.edit("companies", firms[which], **{what: house.users["sfa"].get(value, value)})
    else:
        said = {"name": f"Firm {which}", what: house.users["sfa"].get(value, value)}
        firms[which] = sfa.insert("companies", made_at=house.clock.now().isoformat(), **said)


@given(steps=st.lists(FIRMS, min_size=8, max_size=16))
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_whatever_befalls_firms_concerns_all_whom_it_concerns(steps: Any) -> None:
    with TemporaryDirectory() as directory, held_against_everyone() as held:
        house, firms = House(Path(directory)), dict[int, str]()
        try:
            for email in PEOPLE:
                house.contact("ma", email)
                house.contact("sfa", email)
            settle(house)
            for event in steps:
                befall(house, firms, *event)
                house.cycle(later=timedelta(minutes=3))
            assert held.narrow
        finally:
            house.workspace.close()
