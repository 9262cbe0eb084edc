"""Longer stories, each told once: what a person goes through, and that the baton is never dropped or doubled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_house import House


def test_the_last_decision_of_a_person_carries_the_reasons_of_its_score(house: House) -> None:
    contact = house.mql()
    house.cycle()
    last = house.store.decided.last_decision(house.person_of("sfa", contact))
    assert last is not None
    assert {reason["rule"]: reason["points"] for reason in last["reasons"]} == {"pricing_page": 10, "manager_or_above": 5}
    assert last["score"]["score"] == last["desired"]["score"] == 15


def test_a_converted_lead_goes_on_as_its_contact_with_one_clock_and_one_task(house: House) -> None:
    ma = house.contact("ma", "a@acme.example")
    lead = house.contact("sfa", "a@acme.example", "leads")
    house.visit("ma", ma)
    house.cycle()
    person = house.person_of("sfa", lead, "leads")
    clock = house.clocks(person)
    # the CRM makes a contact of the lead, and the lead read-only
    contact = house.contact("sfa", "a@acme.example", owner=house.sfa.get("leads", lead)["owner"])
    house.sfa.edit("leads", lead, converted=True, contact=contact)
    house.forget_writes()
    house.cycle()
    house.cycle()
    assert house.person_of("sfa", contact) == person
    assert [c["clock_id"] for c in house.clocks(person)] == [c["clock_id"] for c in clock]
    assert len(house.tasks(open_only=False)) == 1
    assert house.sfa.get("contacts", contact)["phase"] == "mql"
    assert {change.object for change in house.sfa.writes} == {"contacts"}


def _two_persons(house: House) -> tuple[str, str, str, str]:
    """Two records of one human under two addresses, each handed over on its own."""
    house.mql("a@acme.example")
    house.clock.advance(timedelta(minutes=1))
    house.mql("b@other.example")
    house.cycle()
    first, second = house.person_of("sfa", "c0001"), house.person_of("sfa", "c0002")
    assert first != second
    assert len(house.tasks()) == 2
    return "c0001", "c0002", first, second


def test_two_persons_who_turn_out_to_be_one_keep_one_running_clock_and_one_task(house: House) -> None:
    winner, loser, first, second = _two_persons(house)
    house.sfa.delete("contacts", loser, into=winner)
    house.cycle()
    assert house.person_of("sfa", winner) == first
    assert house.person_of("ma", "c0002") == first
    assert len(house.clocks(first)) == 1
    assert house.clocks(second) == []
    assert [key for key in house.tasks() if key.startswith(first)] == list(house.tasks())
    assert len(house.tasks(open_only=False)) == 2
    house.cycle()
    house.forget_writes()
    house.cycle()
    assert house.writes == []
    assert house.gaps() == {}


def test_their_history_is_the_history_of_the_one(house: House) -> None:
    winner, loser, first, second = _two_persons(house)
    before = house.store.decided.moves().height
    house.sfa.delete("contacts", loser, into=winner)
    house.cycle()
    assert set(house.store.decided.moves()["person_id"]) == {first}
    assert house.store.decided.moves().height == before
    assert {change.person_id for change, _ in house.store.outbox.history(first)} == {first, second}


def test_of_two_who_become_one_the_phase_that_is_further_on_stands(house: House) -> None:
    older = house.contact("sfa", "a@acme.example")
    house.clock.advance(timedelta(days=1))
    house.mql("b@other.example")
    house.cycle()
    first, second = house.person_of("sfa", older), house.person_of("sfa", "c0002")
    assert (house.state(first)["phase"], house.state(second)["phase"]) == ("inquiry", "mql")
    clock, owner = house.clocks(second), house.state(second)["owner"]
    house.sfa.delete("contacts", "c0002", into=older)
    house.cycle()
    assert (house.state(first)["phase"], house.state(first)["owner"]) == ("mql", owner)
    assert [c["clock_id"] for c in house.clocks(first)] == [c["clock_id"] for c in clock]
    assert len(house.tasks(open_only=False)) == 1
    house.cycle()
    assert house.sfa.get("contacts", older)["phase"] == "mql"


def test_a_task_that_a_rep_deleted_is_not_made_again(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.cycle()
    [task] = house.sfa.live("tasks")
    house.sfa.delete("tasks", task)
    house.sfa.edit("contacts", contact, title="Director")
    for _ in range(3):
        house.cycle()
    assert house.tasks() == {}
    assert len(house.clocks(house.person_of("sfa", contact))) == 1


def test_a_task_deleted_before_it_was_ever_seen_is_not_made_again(house: House) -> None:
    house.mql()
    house.cycle()
    [task] = house.sfa.live("tasks")
    house.sfa.delete("tasks", task)
    for _ in range(3):
        house.cycle()
    assert house.tasks() == {}


def test_a_task_deleted_before_it_was_ever_seen_is_not_closed_either_when_its_clock_is_met(house: House) -> None:
    contact = house.mql()
    house.cycle()
    [task] = house.sfa.live("tasks")
    house.sfa.delete("tasks", task)
    house.call("sfa", "is1@home.example", contact=contact)
    house.cycle()
    assert house.store.outbox.rejected().is_empty()


def test_a_task_that_a_rep_closed_stays_closed_and_the_clock_runs_on(house: House) -> None:
    contact = house.mql()
    house.cycle()
    [task] = house.sfa.live("tasks")
    house.sfa.edit("tasks", task, done="true")
    for _ in range(3):
        house.cycle()
    assert house.tasks() == {}
    assert len(house.tasks(open_only=False)) == 1
    assert len(house.clocks(house.person_of("sfa", contact))) == 1


def test_a_task_is_closed_when_its_clock_is_met_and_the_next_one_stands(house: House) -> None:
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    house.clock.advance(timedelta(hours=1))
    house.call("sfa", house.state(person)["owner"], contact=contact)
    house.cycle()
    assert list(house.tasks()) == [f"{person}:verdict:0:1"]
    assert len(house.tasks(open_only=False)) == 2


def test_what_a_rep_reads_in_a_task_is_written_once(house: House) -> None:
    house.mql()
    house.cycle()
    [body] = [task["body"] for task in house.tasks().values()]
    house.visit("ma", "c0001", "document_request")
    house.cycle()
    assert [task["body"] for task in house.tasks().values()] == [body]


def test_when_all_records_of_a_person_are_gone_no_clock_runs_and_the_task_is_closed(house: House) -> None:
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    house.sfa.delete("contacts", contact)
    house.ma.delete("contacts", "c0001")
    house.cycle()
    assert house.clocks(person) == []
    assert house.tasks() == {}
    assert house.gaps() == {}
    assert house.state(person)["phase"] == "mql"  # what was decided stays on record
    house.forget_writes()
    assert house.cycle().prepared.persons == ()
    assert house.writes == []


def test_a_record_taken_out_of_the_bin_goes_on_where_it_was(house: House) -> None:
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    house.sfa.delete("contacts", contact)
    house.ma.delete("contacts", "c0001")
    house.cycle()
    house.sfa.restore("contacts", contact)
    house.cycle()
    assert house.person_of("sfa", contact) == person
    assert len(house.clocks(person)) == 1


def test_a_task_without_a_place_is_a_gap_that_stays_until_it_has_one(house: House) -> None:
    """Its person is no longer among those who moved: the gap must not close, nor begin anew."""
    house.ma.lose_field("tasks", "key")
    for user in house.users["sfa"].values():
        house.sfa.edit("users", user, email=None)
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    opened = house.gaps()
    assert list(opened) == [("clock_without_task", person)]
    for _ in range(2):
        house.cycle()
    assert house.gaps() == opened
    for rep, user in house.users["sfa"].items():
        house.sfa.edit("users", user, email=rep)
    house.cycle()
    assert house.gaps() == {}
    assert len(house.tasks()) == 1


def test_after_the_database_is_lost_no_task_is_made_twice(house: House) -> None:
    house.mql()
    house.cycle()
    house.workspace.close()
    for file in house.directory.glob("house.db*"):
        file.unlink()
    house.reopen()
    house.cycle()
    house.cycle()
    assert len(house.tasks(open_only=False)) == 1


def test_a_connection_taken_out_of_the_configuration_troubles_nobody(house: House) -> None:
    house.mql()
    house.cycle()
    house.roles = {"ma": "ma"}
    house.reopen()
    house.visit("ma", "c0001", "document_request")
    cycle = house.cycle()
    assert cycle.is_complete
    assert house.ma.get("contacts", "c0001")["score"] == 23
    assert house.cycle().prepared.persons == ()


@pytest.mark.parametrize("only", ["ma", "sfa"])
def test_a_cycle_that_pulls_one_connection_writes_to_all(house: House, only: str) -> None:
    house.mql()
    house.cycle()
    house.visit("ma", "c0001", "document_request")
    house.cycle(only="ma")
    assert house.sfa.get("contacts", "c0001")["score"] == 23
    house.forget_writes()
    house.cycle(only=only)
    assert house.writes == []
