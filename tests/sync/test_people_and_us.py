"""People and crmsync write to the same records: who wins, and that nobody talks to himself."""

from __future__ import annotations

import pytest
from fake_house import FIELDS, OWNED, House

from crmsync.model.records import FieldInfo
from crmsync.sync.pipeline import learn, prepare
from crmsync.sync.workspace import Moment


def test_an_owner_set_by_hand_is_adopted_and_not_fought(house: House) -> None:
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    other = next(rep for rep in ("is1@home.example", "is2@home.example") if rep != house.state(person)["owner"])
    house.sfa.edit("contacts", contact, owner=house.users["sfa"][other])
    house.cycle()
    house.cycle()
    assert house.state(person)["owner"] == other
    assert house.rep_of("sfa", house.sfa.get("contacts", contact)["owner"]) == other
    assert house.rep_of("ma", house.ma.get("contacts", "c0001")["owner"]) == other
    assert [house.rep_of("sfa", task["owner"]) for task in house.tasks().values()] == [other]
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_an_owner_set_by_hand_on_a_record_that_had_none_is_heard(house: House) -> None:
    """Seen without an owner first; then somebody takes the lead in the very moment in which it qualifies."""
    contact = house.contact("sfa", "a@acme.example")
    ma = house.contact("ma", "a@acme.example")
    house.cycle()
    house.visit("ma", ma)
    house.sfa.edit("contacts", contact, owner=house.users["sfa"]["is2@home.example"])
    house.cycle()
    house.cycle()
    assert house.state(house.person_of("sfa", contact))["owner"] == "is2@home.example"
    assert house.rep_of("ma", house.ma.get("contacts", ma)["owner"]) == "is2@home.example"


def test_an_owner_set_by_hand_who_has_left_is_not_adopted_and_the_lead_is_given_back(house: House) -> None:
    """An inactive user is never an owner; both CRMs agree again."""
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    owner = house.state(person)["owner"]
    gone = house.sfa.insert("users", name="gone", email="gone@home.example", active=False)
    house.sfa.edit("contacts", contact, owner=gone)
    house.cycle()
    assert house.state(person)["owner"] == owner
    assert house.rep_of("sfa", house.sfa.get("contacts", contact)["owner"]) == owner


def test_a_status_set_by_hand_is_adopted_and_not_fought(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.sfa.edit("contacts", contact, status="working", need="yes", budget="yes", authority="yes")
    house.cycle()
    house.cycle()
    assert house.state(house.person_of("sfa", contact))["phase"] == "sql"
    assert house.sfa.get("contacts", contact)["status"] == "working"
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_what_crmsync_owns_is_put_right_again(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.sfa.edit("contacts", contact, phase="closed_won")
    house.cycle()
    assert house.sfa.get("contacts", contact)["phase"] == "mql"


def test_our_own_echo_is_silence_in_both_crms(house: House) -> None:
    house.mql()
    house.cycle()
    house.forget_writes()
    echo = house.cycle()
    assert {stream.object for stream in echo.pulled.streams if stream.records} >= {"contacts", "tasks"}
    assert sum(stream.changed for stream in echo.pulled.streams) == 0  # the CRM shows what we know we wrote
    assert house.writes == []
    assert house.cycle().prepared.persons == ()


def test_a_crm_that_spells_our_values_its_own_way_is_not_answered(house: House) -> None:
    contact = house.mql()
    house.cycle()
    for name, kind in (("score", "double"), ("sla_due", "datetime")):
        house.sfa.fields["contacts"][name] = FieldInfo(name, kind)
    house.cycle()
    shown = house.sfa.get("contacts", contact)
    house.sfa.edit(
        "contacts", contact, score="15", sla_due=shown["sla_due"].replace(".000Z", "+00:00"), because=f"{shown['because']} "
    )
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_a_stale_page_after_our_write_changes_nothing(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.sfa.trouble.stale = {("contacts", contact)}
    assert house.cycle().applied.outcomes == {}
    assert house.cycle().applied.outcomes == {}
    assert house.state(house.person_of("sfa", contact))["owner"] == house.rep_of("sfa", house.sfa.get("contacts", contact)["owner"])


@pytest.mark.parametrize("name", sorted(OWNED))
def test_a_crm_that_lost_a_field_degrades_alone(house: House, name: str) -> None:
    house.sfa.lose_field("contacts", name)
    contact = house.mql()
    cycle = house.cycle()
    assert set(cycle.applied.outcomes) == {"written"}
    assert name not in house.sfa.get("contacts", contact)
    assert house.ma.get("contacts", "c0001").get(name) is not None
    assert OWNED - {name} <= set(house.sfa.get("contacts", contact))


def test_a_field_that_comes_back_is_filled(house: House) -> None:
    phase = house.sfa.fields["contacts"]["phase"]
    house.sfa.lose_field("contacts", "phase")
    contact = house.mql()
    house.cycle()
    house.sfa.fields["contacts"]["phase"] = phase
    house.cycle()
    assert house.sfa.get("contacts", contact)["phase"] == "mql"


def test_a_field_lost_while_we_run_rests_from_the_next_cycle_on(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.sfa.lose_field("contacts", "because")
    house.visit("ma", "c0001", "document_request")
    assert set(house.cycle().applied.outcomes) == {"written"}
    assert house.sfa.get("contacts", contact)["score"] == 23


def test_a_crm_without_the_field_for_the_tasks_key_makes_no_task_and_the_gap_says_so(house: House) -> None:
    house.sfa.lose_field("tasks", "key")
    contact = house.mql()
    house.cycle()
    opened = house.gaps()
    assert list(opened) == [("clock_without_task", house.person_of("sfa", contact))]
    for _ in range(2):
        house.cycle()
    assert house.gaps() == opened


def test_only_declared_fields_are_ever_written(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.visit("ma", "c0001", "document_request")
    house.call("sfa", "is1@home.example", contact=contact)
    house.cycle()
    assert house.writes
    for change in house.writes:
        allowed = OWNED if change.object != "tasks" else set(FIELDS["tasks"]) - {"note"}
        assert set(change.values()) <= allowed
    assert house.sfa.get("contacts", contact)["note"] == "not ours"


def test_two_runs_agree_on_the_plan_whatever_the_time(house: House) -> None:
    house.mql()
    moment = Moment(house.clock.now())
    learn(house.workspace, moment)
    assert prepare(house.workspace, moment).plan.digest == prepare(house.workspace, moment).plan.digest
