"""What became of a change: every outcome a CRM may give, and what the next cycle does about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_house import House

from crmsync.errors import StopConnector
from crmsync.model.records import FieldInfo
from crmsync.sync.pipeline import apply_plan, learn, prepare
from crmsync.sync.workspace import Moment


def _receipts(house: House, run_id: str) -> dict[str, int]:
    return house.store.outbox.outcomes(run_id)


def test_receipts_equal_changes(house: House) -> None:
    house.mql()
    cycle = house.cycle()
    assert _receipts(house, cycle.run_id) == {"written": len(cycle.prepared.plan.changes)}
    assert sorted(change.key for change in house.writes) == sorted(change.key for change in cycle.prepared.plan.changes)


def test_the_second_run_is_silent(house: House) -> None:
    house.mql()
    house.cycle()
    house.forget_writes()
    again = house.cycle()
    assert again.prepared.plan.changes == ()
    assert house.writes == []


def test_a_plan_writes_nothing_and_applying_it_writes_exactly_that(house: House) -> None:
    house.mql()
    house.clock.advance(timedelta(minutes=5))
    moment = Moment(house.clock.now())
    learn(house.workspace, moment)
    plan = prepare(house.workspace, moment).plan
    assert house.writes == []
    assert house.store.decided.states().is_empty()
    apply_plan(house.workspace, moment, plan.digest)
    assert [change.key for crm in ("ma", "sfa") for change in house.crms[crm].writes] == [change.key for change in plan.changes]


def test_another_plan_than_the_one_that_was_shown_is_refused(house: House) -> None:
    house.mql()
    moment = Moment(house.clock.now() + timedelta(minutes=5))
    learn(house.workspace, moment)
    digest = prepare(house.workspace, moment).plan.digest
    house.visit("ma", "c0001", "document_request")
    learn(house.workspace, moment)
    with pytest.raises(StopConnector) as stopped:
        apply_plan(house.workspace, moment, digest)
    assert stopped.value.code == "plan.other_digest"
    assert house.writes == []


# -------------------------------------------------------------------------------------------------------- a push that stops


def test_a_push_that_stops_in_the_middle_has_recorded_what_was_answered(house: House) -> None:
    for name in "abcd":
        house.mql(f"{name}@acme.example")
    house.sfa.trouble.stop_push_after = 2
    cycle = house.cycle()
    assert [failure.connection for failure in cycle.applied.failures] == ["sfa"]
    outcomes = _receipts(house, cycle.run_id)
    assert outcomes["written"] == 4 + 2  # all of the MA's, two of the SFA's
    assert outcomes["sending"] == 2  # on their way when it stopped
    assert outcomes["planned"] == 4  # the contacts: never tried, for tasks go first


def test_what_a_stopped_push_left_undone_is_done_in_the_next_cycle_and_nothing_twice(house: House) -> None:
    for name in "abcd":
        house.mql(f"{name}@acme.example")
    house.sfa.trouble.stop_push_after = 2
    house.cycle()
    house.sfa.trouble.stop_push_after = None
    house.cycle()
    assert {fields["phase"] for fields in house.sfa.live("contacts").values()} == {"mql"}
    assert len(house.tasks()) == 4
    keys = [change.key for change in house.writes]
    assert len(keys) == len(set(keys))
    house.forget_writes()
    house.cycle()
    assert house.writes == []


# ------------------------------------------------------------------------------------------------------------- conflict


def test_an_edit_between_our_read_and_our_write_is_a_conflict_and_is_decided_again(house: House) -> None:
    contact = house.mql()

    def a_rep_is_faster(change) -> None:
        if change.object == "contacts" and house.sfa.get("contacts", contact).get("status") is None:
            house.sfa.edit("contacts", contact, status="working")

    house.sfa.trouble.before_write = a_rep_is_faster
    first = house.cycle()
    assert _receipts(house, first.run_id)["conflict"] == 1
    assert "phase" not in house.sfa.get("contacts", contact)
    house.cycle()
    shown = house.sfa.get("contacts", contact)
    assert (shown["status"], shown["phase"]) == ("working", "mql")


@pytest.mark.parametrize("before", [None, "the other"])
def test_an_owner_whom_somebody_sets_before_our_very_first_write_stands(house: House, before: str | None) -> None:
    """There is nothing yet that we wrote, to tell by that it was a person: only what we had read."""
    contact, taken = house.mql(), []
    reps = [rep for rep in house.users["sfa"] if rep.startswith("is")]
    house.sfa.edit("contacts", contact, owner=before and house.users["sfa"]["fs1@home.example"])

    def a_rep_is_faster(change) -> None:
        drawn = change.values().get("owner")
        if change.object == "contacts" and drawn and not taken:
            taken.append(next(rep for rep in reps if house.users["sfa"][rep] != drawn))
            house.sfa.edit("contacts", contact, owner=house.users["sfa"][taken[0]])

    house.sfa.trouble.before_write = a_rep_is_faster
    for _ in range(3):
        house.cycle()
    assert house.rep_of("sfa", house.sfa.get("contacts", contact)["owner"]) == taken[0]
    assert house.state(house.person_of("sfa", contact))["owner"] == taken[0]
    assert [house.rep_of("sfa", task["owner"]) for task in house.tasks().values()] == [taken[0]]


def test_a_conflict_is_read_again_even_where_the_connection_is_not_pulled(house: House) -> None:
    """With `only`, or where a search index lags, a pull would show the old version and conflict for ever."""
    contact = house.mql()
    house.sfa.trouble.before_write = lambda change: (
        house.sfa.edit("contacts", contact, note="busy")
        if change.object == "contacts" and house.sfa.get("contacts", contact)["note"] != "busy"
        else None
    )
    house.cycle()
    house.cycle(only="ma")
    assert house.sfa.get("contacts", contact)["phase"] == "mql"


def test_a_settled_conflict_is_not_looked_at_for_ever(house: House) -> None:
    contact = house.mql()
    house.sfa.trouble.before_write = lambda change: (
        house.sfa.edit("contacts", contact, note="busy")
        if change.object == "contacts" and house.sfa.get("contacts", contact)["note"] != "busy"
        else None
    )
    house.cycle()
    house.cycle()
    house.cycle()
    assert house.cycle().prepared.persons == ()


# ------------------------------------------------------------------------------------------------------------- rejected


def _refusing(house: House, contact: str) -> None:
    house.sfa.trouble.refuse = lambda change: "Industry: must be filled in" if change.record_id == contact else ""


def test_a_refused_change_stays_out_of_the_way_of_the_others(house: House) -> None:
    first, second = house.mql("a@acme.example"), house.mql("b@acme.example")
    _refusing(house, first)
    house.cycle()
    assert house.sfa.get("contacts", second)["phase"] == "mql"
    letters = house.store.outbox.rejected().to_dicts()
    assert [(row["record_id"], row["message"]) for row in letters] == [(first, "Industry: must be filled in")]


def test_a_refused_change_is_not_sent_again_while_nothing_changes(house: House) -> None:
    contact = house.mql()
    _refusing(house, contact)
    tried: list[str] = []
    refuse = house.sfa.trouble.refuse
    house.sfa.trouble.refuse = lambda change: tried.append(change.key) or refuse(change)
    house.cycle()
    tried.clear()
    house.cycle()
    house.cycle()
    assert tried == []
    assert house.store.outbox.rejected().height == 1


def test_a_refused_change_is_not_sent_again_because_the_other_crm_has_news(house: House) -> None:
    contact = house.mql()
    _refusing(house, contact)
    house.cycle()
    tried: list[str] = []
    house.sfa.trouble.refuse = lambda change: tried.append(change.record_id) or "no"
    house.ma.edit("contacts", "c0001", note="moved desk")
    house.cycle()
    assert contact not in tried
    assert house.store.outbox.rejected().height == 1


def test_a_refused_change_is_sent_again_when_its_record_changes(house: House) -> None:
    contact = house.mql()
    _refusing(house, contact)
    house.cycle()
    house.sfa.trouble.refuse = lambda _change: ""
    house.sfa.edit("contacts", contact, note="filled in a field that we do not even read")
    house.cycle()
    assert house.sfa.get("contacts", contact)["phase"] == "mql"
    assert house.store.outbox.rejected().is_empty()


def test_a_refused_change_is_sent_again_when_the_wish_changes(house: House) -> None:
    contact = house.mql()
    _refusing(house, contact)
    house.cycle()
    house.sfa.trouble.refuse = lambda _change: ""
    house.visit("ma", "c0001", "document_request")
    house.cycle()
    assert house.sfa.get("contacts", contact)["score"] == 23
    assert house.store.outbox.rejected().is_empty()


def test_a_refused_change_is_sent_again_when_the_crm_has_other_options(house: House) -> None:
    contact = house.mql()
    _refusing(house, contact)
    house.cycle()
    house.sfa.trouble.refuse = lambda _change: ""
    house.sfa.fields["contacts"]["phase"] = FieldInfo("phase", "string", options=("inquiry", "mql", "sql"))
    house.cycle()
    assert house.sfa.get("contacts", contact)["phase"] == "mql"


def test_a_refused_wish_that_nobody_has_any_more_is_no_dead_letter(house: House) -> None:
    contact = house.mql()
    _refusing(house, contact)
    house.cycle()
    house.sfa.delete("contacts", contact)
    house.cycle()
    assert house.store.outbox.rejected().is_empty()


def test_a_refused_task_is_a_gap_until_it_stands(house: House) -> None:
    contact = house.mql()
    house.sfa.trouble.refuse = lambda change: "no tasks today" if change.object == "tasks" else ""
    house.cycle()
    house.cycle()
    person = house.person_of("sfa", contact)
    assert ("clock_without_task", person) in house.gaps()
    since = house.gaps()[("clock_without_task", person)]
    house.cycle()
    assert house.gaps()[("clock_without_task", person)] == since
    house.sfa.trouble.refuse = lambda _change: ""
    house.sfa.edit("contacts", contact, title="Director")
    house.cycle()
    assert len(house.tasks()) == 1
    house.cycle()
    assert house.gaps() == {}


# -------------------------------------------------------------------------------------------------------------- unknown


def test_a_write_whose_answer_was_lost_is_read_and_not_sent_again(house: House) -> None:
    house.mql()
    house.sfa.trouble.lose_answers = 1
    cycle = house.cycle()
    assert _receipts(house, cycle.run_id)["unknown"] == 1
    house.forget_writes()
    house.cycle()
    assert house.writes == []
    assert house.cycle().prepared.persons == ()


def test_it_is_read_even_where_the_connection_is_not_pulled(house: House) -> None:
    house.mql()
    house.sfa.trouble.lose_answers = 2  # the task's, which may be sent again, and the contact's
    house.cycle()
    house.forget_writes()
    house.cycle(only="ma")
    assert [change for change in house.writes if change.object == "contacts"] == []


def test_a_task_whose_answer_was_lost_is_not_made_twice(house: House) -> None:
    house.mql()
    house.sfa.trouble.lose_answers = 10
    house.cycle()
    assert len(house.tasks()) == 1
    house.cycle()
    house.cycle()
    assert len(house.tasks()) == 1
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_nothing_is_sent_where_reading_what_was_lost_fails(house: House) -> None:
    house.mql()
    house.sfa.trouble.lose_answers = 2  # the task's, which need not be read, and the contact's
    house.cycle()
    house.sfa.trouble.is_down = True
    house.forget_writes()
    cycle = house.cycle(only="ma")
    assert [failure.connection for failure in cycle.pulled.failures] == ["sfa"]
    assert house.sfa.writes == []


# ----------------------------------------------------------------------------------------------- a connection that is away


def test_persons_of_a_crm_that_was_away_are_planned_when_it_is_back(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.cycle()  # our own echo has come and gone
    house.visit("ma", "c0001", "document_request")
    house.sfa.trouble.is_down = True
    house.reopen()  # a fresh process cannot even ask what the objects look like
    down = house.cycle()
    assert down.prepared.unreachable == ("sfa",)
    house.cycle()
    house.sfa.trouble.is_down = False
    house.cycle()
    assert house.sfa.get("contacts", contact)["score"] == 23


def test_changes_that_were_open_when_a_crm_went_away_are_kept_for_it(house: House) -> None:
    contact = house.mql()
    house.sfa.trouble.stop_push_after = 0
    house.cycle()
    house.sfa.trouble.is_down = True
    house.reopen()
    house.cycle()
    house.cycle()
    house.sfa.trouble.is_down, house.sfa.trouble.stop_push_after = False, None
    house.cycle()
    assert house.sfa.get("contacts", contact)["phase"] == "mql"
    assert len(house.tasks()) == 1
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_a_task_is_not_placed_elsewhere_while_the_crm_of_its_owner_is_away(house: House) -> None:
    house.contact("ma", "a@acme.example")
    house.contact("sfa", "a@acme.example")
    house.cycle()
    house.visit("ma", "c0001")
    house.sfa.trouble.is_down = True
    house.reopen()
    house.cycle()
    assert list(house.gaps()) == [("clock_without_task", house.person_of("sfa", "c0001"))]
    house.sfa.trouble.is_down = False
    house.cycle()
    assert len(house.sfa.live("tasks")) == 1
    assert house.ma.live("tasks") == {}


def test_a_run_that_never_ended_is_marked_as_interrupted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.mql()
    with monkeypatch.context() as patched:
        patched.setattr("crmsync.sync.pipeline.apply", _break)
        with pytest.raises(KeyboardInterrupt):
            house.cycle()
    assert house.store.runs.frame()["state"].to_list() == ["running"]
    house.cycle()
    assert house.store.runs.frame()["state"].to_list() == ["interrupted", "done"]


def _break(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt
