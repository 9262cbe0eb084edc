"""Nurture lists joined and left in the MA, over whole cycles: hands off what people did, nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dying import Killed, kill
from fake_house import House

from crmsync.model.memberships import MEMBERSHIPS
from crmsync.planning.guard import Limit, Limits
from crmsync.planning.writing import Rollout, Writing
from crmsync.store.memberships import Memberships
from crmsync.store.outbox import Outbox
from crmsync.store.staging import Staging
from crmsync.sync.forget import forget
from crmsync.sync.guard import Approval, release
from crmsync.sync.provision import provision
from crmsync.sync.undo import prepare_undo, send_undo
from crmsync.sync.workspace import Moment
from crmsync.testing.fake_connector import FakeConnector

PIPELINE = "crmsync.sync.pipeline"
NAMES = {"warm": "Nurture warm", "recycle_timing": "Nurture later", "upsell": "Nurture customers"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path, lists=NAMES)
    provision(built.workspace, apply=True)
    yield built
    built.workspace.close()


def list_id(house: House, programme: str, crm: str = "ma") -> str:
    return next(id_ for id_, row in house.crms[crm].live("lists").items() if row["name"] == NAMES[programme])


def on(house: House, programme: str, crm: str = "ma") -> list[str]:
    return sorted(id_ for _, id_ in house.crms[crm].lists.get(list_id(house, programme, crm), ()))


def warm(house: House, email: str = "suzuki@acme.example") -> str:
    """Somebody warm who does not qualify."""
    contact = house.contact("ma", email, title="")
    house.visit("ma", contact)
    return contact


def joins(house: House) -> list[Any]:
    return [change for change in house.writes if change.object == MEMBERSHIPS]


def test_who_is_warm_joins_and_leaves_as_soon_as_sales_takes_over(house: House) -> None:
    contact = warm(house)
    house.cycle()
    assert on(house, "warm") == [contact]
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    assert house.state(house.person_of("ma", contact))["phase"] == "mql"
    assert on(house, "warm") == []


def test_a_second_run_says_nothing_and_reads_no_list(house: House) -> None:
    warm(house)
    house.cycle()
    house.forget_writes()
    house.ma.read_lists.clear()
    house.cycle()
    assert (house.writes, house.ma.read_lists) == ([], [])


def test_who_is_given_back_moves_to_the_list_of_the_reason(house: House) -> None:
    contact = warm(house)
    house.cycle()
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    house.ma.edit("contacts", contact, status="rejected", reason="timing")
    house.cycle()
    assert (on(house, "warm"), on(house, "recycle_timing")) == ([], [contact])


def test_opt_out_ends_it_at_once(house: House) -> None:
    contact = warm(house)
    house.cycle()
    house.ma.edit("contacts", contact, opted_out="true")
    house.cycle()
    assert on(house, "warm") == []


def test_only_the_ma_keeps_lists(house: House) -> None:
    warm(house)
    house.contact("sfa", "suzuki@acme.example", title="")
    house.cycle()
    assert house.sfa.read_lists == []
    assert house.sfa.lists == {}


def test_who_was_merged_in_the_crm_leaves_under_the_new_record(house: House) -> None:
    old, new = warm(house, "old@acme.example"), house.contact("ma", "new@acme.example", title="")
    house.cycle()
    assert on(house, "warm") == [old]
    house.ma.delete("contacts", old, into=new)
    house.ma.lists[list_id(house, "warm")] = {("contacts", new)}  # what a CRM does when it merges
    house.ma.edit("contacts", new, opted_out="true")
    house.cycle()
    house.cycle()
    assert on(house, "warm") == []


def test_whom_people_put_on_a_list_is_theirs(house: House) -> None:
    contact = warm(house)
    house.ma.lists[list_id(house, "warm")] = {("contacts", contact)}
    house.cycle()
    assert joins(house) == []
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    assert house.state(house.person_of("ma", contact))["phase"] == "mql"
    assert on(house, "warm") == [contact]


def test_whom_people_put_there_just_before_us_is_theirs_though_we_did_not_know(house: House) -> None:
    house.cycle()  # the list has been read
    contact = warm(house)
    house.ma.lists[list_id(house, "warm")] = {("contacts", contact)}
    house.cycle()
    assert len(joins(house)) == 1  # we asked, and were told that they were there already
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    assert on(house, "warm") == [contact]


def test_whom_people_took_off_is_not_put_back(house: House) -> None:
    contact = warm(house)
    house.cycle()
    house.ma.lists[list_id(house, "warm")].clear()
    house.forget_writes()
    house.cycle(later=timedelta(hours=25))  # the list is read anew
    assert (on(house, "warm"), joins(house)) == ([], [])
    house.ma.edit("contacts", contact, opted_out="true")
    house.cycle()
    house.ma.edit("contacts", contact, opted_out="")
    house.cycle()
    house.cycle(later=timedelta(hours=25))
    assert (on(house, "warm"), joins(house)) == ([], [])


def test_a_list_that_does_not_show_our_own_change_yet_is_no_hand_at_work(house: House) -> None:
    house.cycle()
    contact = warm(house)
    house.cycle(later=timedelta(hours=23, minutes=55))
    there = house.ma.lists[list_id(house, "warm")]
    there.clear()
    house.cycle(later=timedelta(minutes=10))  # read anew, ten minutes after our own change
    there.add(("contacts", contact))
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    assert on(house, "warm") == []


@pytest.mark.parametrize("loses", [1, 2])
def test_a_lost_answer_is_found_out_by_reading_and_the_membership_is_ours(house: House, loses: int) -> None:
    contact = warm(house)
    house.ma.trouble.refuse = lambda change: "" if change.object == MEMBERSHIPS else "not now"
    house.ma.trouble.lose_answers = loses
    house.cycle()
    assert on(house, "warm") == [contact]
    house.ma.trouble.refuse = lambda _change: ""
    house.forget_writes()
    house.cycle()
    house.cycle()
    assert on(house, "warm") == [contact]
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    house.cycle()
    assert on(house, "warm") == []


def test_killed_before_anything_was_sent_it_is_sent_by_the_next_run(house: House) -> None:
    contact = warm(house)
    house.ma.trouble.stop_push_after = 0
    house.cycle()
    assert on(house, "warm") == []
    house.ma.trouble.stop_push_after = None
    house.reopen()
    house.cycle()
    assert on(house, "warm") == [contact]


DEATHS = [
    (FakeConnector, "members", False),
    (FakeConnector, "_enrolled", False),
    (FakeConnector, "_enrolled", True),
    (Memberships, "note", False),
    (Memberships, "note", True),
    (Staging, "stage_own", False),
    (Staging, "stage_own", True),
    (Outbox, "mark_sending", True),
    (PIPELINE, "read_back", True),
    (PIPELINE, "keep", True),
    (PIPELINE, "apply", False),
]


@pytest.mark.parametrize(("owner", "name", "later"), DEATHS)
def test_killed_anywhere_and_started_again_they_are_on_the_list_once_and_ours(
    house: House, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, later: bool
) -> None:
    contact = warm(house)
    with monkeypatch.context() as patched:
        kill(patched, owner, name, after=later)
        with pytest.raises(Killed):
            house.cycle()
    house.reopen()
    house.cycle()
    assert on(house, "warm") == [contact]
    house.forget_writes()
    assert house.cycle().prepared.plan.changes == ()
    assert house.writes == []
    house.ma.edit("contacts", contact, title="Manager")
    house.cycle()
    assert on(house, "warm") == []


def test_a_refused_membership_is_a_dead_letter_and_costs_the_others_nothing(house: House) -> None:
    bad, good = warm(house, "bad@acme.example"), warm(house, "good@acme.example")
    house.ma.trouble.refuse = lambda c: "no such contact" if c.object == MEMBERSHIPS and str(c.record_id).endswith(bad) else ""
    house.cycle()
    assert on(house, "warm") == [good]
    assert [letter["object"] for letter in house.store.outbox.rejected().to_dicts()] == [MEMBERSHIPS]
    house.ma.trouble.refuse = lambda _change: ""
    house.ma.edit("contacts", bad, employees="50")
    house.cycle()
    assert on(house, "warm") == sorted([bad, good])


def test_undo_takes_them_off_again_and_the_next_cycle_does_not_put_them_back(house: House) -> None:
    warm(house)
    cycle = house.cycle()
    house.clock.advance(timedelta(minutes=1))
    moment = Moment(house.clock.now())
    undone = send_undo(house.workspace, prepare_undo(house.workspace, cycle.run_id, moment.now), moment)
    assert (on(house, "warm"), set(undone.applied.outcomes)) == ([], {"written"})
    house.forget_writes()
    house.cycle()
    house.cycle(later=timedelta(hours=25))
    assert (on(house, "warm"), joins(house)) == ([], [])


def test_undo_leaves_alone_whom_a_person_has_taken_off_since(house: House) -> None:
    warm(house)
    cycle = house.cycle()
    house.ma.lists[list_id(house, "warm")].clear()
    house.forget_writes()
    moment = Moment(house.clock.now())
    send_undo(house.workspace, prepare_undo(house.workspace, cycle.run_id, moment.now), moment)
    assert joins(house) == []


@pytest.mark.parametrize("writing", [Writing("observe"), Writing("full", Rollout(0))])
def test_policies_and_the_roll_out_hold_memberships_back_too(house: House, writing: Writing) -> None:
    contact = warm(house)
    house.write_under("ma", writing)
    house.cycle()
    house.cycle()
    assert on(house, "warm") == []
    house.write_under("ma", Writing())
    house.cycle()
    assert on(house, "warm") == [contact]


def test_when_most_of_a_list_would_leave_at_once_a_person_is_asked_first(house: House) -> None:
    contacts = [warm(house, f"s{n}@acme.example") for n in range(6)]
    house.cycle()
    house.write_under("ma", Writing(limits=Limits(memberships=Limit(0.5, 5))))
    for contact in contacts[:4]:
        house.ma.edit("contacts", contact, opted_out="true")
    cycle = house.cycle()
    (alarm,) = cycle.prepared.plan.alarms
    assert (alarm.guard, alarm.counted, alarm.population) == ("memberships", 4, 6)
    assert len(on(house, "warm")) == 6
    release(house.workspace, cycle.prepared.plan.digest, Approval("somebody", "a mailing went wrong"), house.clock.now())
    house.cycle()
    assert on(house, "warm") == sorted(contacts[4:])


def test_a_list_made_later_is_filled_then(tmp_path: Path) -> None:
    house = House(tmp_path, lists=NAMES)
    contact = warm(house)
    house.cycle()
    house.cycle()
    assert house.ma.read_lists == []
    provision(house.workspace, apply=True)
    house.cycle()
    assert on(house, "warm") == [contact]
    house.workspace.close()


def test_provision_shows_the_lists_that_are_missing_and_makes_each_once(tmp_path: Path) -> None:
    house = House(tmp_path, lists=NAMES)

    def states(*, apply: bool) -> list[tuple[str, str, str]]:
        found = provision(house.workspace, apply=apply).steps
        return [(connection, step.need.field, step.state) for connection, step in found if step.need.type == "list"]

    assert states(apply=False) == [("ma", name, "missing") for name in sorted(NAMES.values())]
    assert {state for _, _, state in states(apply=True)} == {"created"}
    assert {state for _, _, state in states(apply=True)} == {"present"}
    assert sorted(row["name"] for row in house.ma.live("lists").values()) == sorted(NAMES.values())
    assert house.sfa.live("lists") == {}
    house.workspace.close()


def test_nothing_of_somebody_forgotten_is_kept_or_read_again(house: House) -> None:
    contact = warm(house)
    house.cycle()
    forget(house.workspace, house.person_of("ma", contact), house.clock.now())
    house.cycle(later=timedelta(hours=25))
    kept = house.store.memberships.on_lists("ma", [list_id(house, "warm")])
    assert kept == {list_id(house, "warm"): set()}
    assert house.store.memberships.of("ma", [f"contacts/{contact}"]) == {}
