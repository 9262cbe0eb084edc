"""Guards, policies and the roll-out in whole cycles: what is stopped stays wanted, and is written once it may be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_house import House

from crmsync.errors import StopConnector
from crmsync.model.changes import WritingPolicy
from crmsync.planning.guard import Limit, Limits
from crmsync.planning.writing import Rollout, Writing
from crmsync.sync.guard import Approval, release
from crmsync.sync.pipeline import apply_plan, look
from crmsync.sync.workspace import Moment

TIGHT = Writing(limits=Limits(records=Limit(0.5, 4), source=Limit(0.5, 4)))
APPROVAL = Approval("Aoki", "the definition was changed on purpose")


def people(house: House, count: int) -> list[str]:
    """Somebody in the SFA, so many times, each of another company; written to once."""
    made = [house.contact("sfa", f"p{number}@c{number}.example", company=f"C{number}") for number in range(count)]
    house.cycle()
    house.cycle()
    house.forget_writes()
    return made


def promote(house: House, contacts: list[str]) -> None:
    """Something that changes what is shown of them all."""
    for id_ in contacts:
        house.sfa.edit("contacts", id_, employees="5000", title="President")
        house.visit("sfa", id_)


@pytest.fixture
def full_house(house: House) -> House:
    house.write_under("sfa", TIGHT)
    return house


def test_nothing_is_sent_for_a_connection_whose_guard_tripped_and_reading_goes_on(full_house: House) -> None:
    promote(full_house, people(full_house, 6))
    cycle = full_house.cycle()
    assert {alarm.guard for alarm in cycle.prepared.plan.alarms} == {"records"}
    assert full_house.sfa.writes == []
    assert not cycle.is_complete
    assert full_house.store.runs.frame().sort("run_id")["state"].to_list()[-1] == "incomplete"
    assert sum(stream.changed for stream in cycle.pulled.streams) >= 6
    late = full_house.contact("sfa", "late@late.example")
    full_house.cycle()
    assert full_house.person_of("sfa", late)


def test_the_other_connections_write_on(full_house: House) -> None:
    made = people(full_house, 6)
    promote(full_house, made)
    full_house.visit("ma", full_house.contact("ma", "other@other.example"))
    full_house.cycle()
    assert full_house.sfa.writes == []
    assert full_house.ma.writes


def test_what_was_halted_stays_wanted_cycle_after_cycle(full_house: House) -> None:
    promote(full_house, people(full_house, 6))
    first, second = full_house.cycle(), full_house.cycle()
    assert len(second.prepared.plan.changes) >= len(first.prepared.plan.changes) >= 6
    assert second.prepared.plan.alarms
    assert full_house.sfa.writes == []


def test_a_person_releases_one_plan_and_it_is_written_and_who_did_is_kept(full_house: House) -> None:
    promote(full_house, people(full_house, 6))
    halted = full_house.cycle()
    release(full_house.workspace, halted.prepared.plan.digest, APPROVAL, full_house.clock.now())
    after = full_house.cycle()
    assert after.prepared.plan.alarms == ()
    assert len(full_house.sfa.writes) >= 6
    (kept,) = full_house.store.guards.releases().to_dicts()
    assert (kept["by"], kept["because"], kept["connection"]) == (APPROVAL.by, APPROVAL.because, "sfa")
    full_house.forget_writes()
    full_house.cycle()
    assert full_house.writes == []


def test_a_release_lets_nothing_go_that_came_after_it(full_house: House) -> None:
    contacts = people(full_house, 16)
    promote(full_house, contacts[:9])
    halted = full_house.cycle()
    assert halted.prepared.plan.alarms
    release(full_house.workspace, halted.prepared.plan.digest, APPROVAL, full_house.clock.now())
    promote(full_house, contacts[9:])
    full_house.write_under("sfa", Writing(limits=Limits(records=Limit(0.4, 4))))
    assert full_house.cycle().prepared.plan.alarms
    assert full_house.sfa.writes == []


def test_a_release_is_for_today(full_house: House) -> None:
    promote(full_house, people(full_house, 6))
    halted = full_house.cycle()
    release(full_house.workspace, halted.prepared.plan.digest, APPROVAL, full_house.clock.now())
    assert full_house.cycle(later=timedelta(hours=25)).prepared.plan.alarms
    assert full_house.sfa.writes == []


def test_a_plan_that_nothing_halted_cannot_be_released(house: House) -> None:
    with pytest.raises(StopConnector, match=r"guard\.nothing_halted"):
        release(house.workspace, "0123456789abcdef", APPROVAL, house.clock.now())


def test_a_plan_that_was_only_looked_at_is_released_as_it_is_applied(full_house: House) -> None:
    promote(full_house, people(full_house, 6))
    moment = Moment(full_house.clock.now())
    _, prepared = look(full_house.workspace, moment)
    apply_plan(full_house.workspace, moment, prepared.plan.digest)
    assert full_house.sfa.writes == []
    apply_plan(full_house.workspace, moment, prepared.plan.digest, approval=APPROVAL)
    assert len(full_house.sfa.writes) >= 6
    assert full_house.store.guards.releases()["digest"].to_list() == [prepared.plan.digest]


def test_a_source_that_was_emptied_halts_its_connection_until_that_is_meant(full_house: House) -> None:
    contacts = people(full_house, 6)
    for id_ in contacts[1:]:
        full_house.sfa.delete("contacts", id_)
    full_house.visit("sfa", contacts[0])
    halted = full_house.cycle()
    assert [(alarm.guard, alarm.counted, alarm.population) for alarm in halted.prepared.plan.alarms] == [("source", 5, 6)]
    assert full_house.sfa.writes == []
    assert full_house.cycle().prepared.plan.alarms, "it does not get used to it"
    release(full_house.workspace, halted.prepared.plan.digest, APPROVAL, full_house.clock.now())
    assert full_house.cycle().prepared.plan.alarms == ()
    assert full_house.sfa.writes


def test_what_was_thrown_away_before_we_came_has_not_gone(full_house: House) -> None:
    for number in range(6):
        full_house.sfa.delete("contacts", full_house.contact("sfa", f"old{number}@old.example"))
    full_house.contact("sfa", "new@new.example")
    assert full_house.cycle().prepared.plan.alarms == ()


@pytest.mark.parametrize("policy", ["observe", "create-only"])
def test_under_a_policy_the_rest_is_shown_every_time_and_written_once_it_may_be(house: House, policy: WritingPolicy) -> None:
    house.write_under("sfa", Writing(policy))
    house.write_under("ma", Writing("observe"))
    house.mql()
    first, second = house.cycle(), house.cycle()
    withheld = {one.why for one in second.prepared.plan.withheld}
    assert policy in withheld
    assert len(first.prepared.plan.withheld) == len(second.prepared.plan.withheld)
    made = {(change.object, change.operation) for change in house.sfa.writes}
    assert made == ({("tasks", "upsert")} if policy == "create-only" else set())
    assert house.ma.writes == []
    house.writing.clear()
    house.reopen()
    house.cycle()
    assert {change.object for change in house.sfa.writes} == {"contacts", "tasks"}
    assert house.ma.writes
    assert len(house.tasks()) == 1


def test_what_was_shown_once_and_overwritten_by_hand_stays_wanted_under_a_policy(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.cycle()
    house.write_under("sfa", Writing("observe"))
    house.sfa.edit("contacts", contact, phase="inquiry")
    first, second = house.cycle(), house.cycle()
    assert len(first.prepared.plan.withheld) == len(second.prepared.plan.withheld) == 1


def test_a_task_that_is_withheld_is_no_gap(house: House) -> None:
    house.write_under("sfa", Writing("observe"))
    house.write_under("ma", Writing("observe"))
    house.mql()
    house.cycle()
    assert "clock_without_task" not in {gap for gap, _ in house.gaps()}


def test_who_is_named_goes_first_in_every_record(house: House) -> None:
    rollout = Rollout(0, frozenset({"first@first.example"}))
    house.write_under("sfa", Writing(rollout=rollout))
    house.write_under("ma", Writing(rollout=rollout))
    first, later = house.mql("first@first.example"), house.mql("later@later.example")
    cycle = house.cycle()
    assert {change.person_id for change in house.writes} == {house.person_of("sfa", first)}
    assert {one.change.person_id for one in cycle.prepared.plan.withheld} == {house.person_of("sfa", later)}
    house.writing.clear()
    house.reopen()
    house.cycle()
    assert house.person_of("sfa", later) in {change.person_id for change in house.writes}
