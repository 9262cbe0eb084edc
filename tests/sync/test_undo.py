"""Taking back what a run wrote, over two fake CRMs: former values back, people's edits kept, and not written again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_house import House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.errors import StopConnector
from crmsync.sync.undo import Undone, prepare_undo, release, send_undo
from crmsync.sync.workspace import Moment


def _undo(house: House, run_id: str) -> Undone:
    house.clock.advance(timedelta(minutes=1))
    moment = Moment(house.clock.now())
    return send_undo(house.workspace, prepare_undo(house.workspace, run_id, moment.now), moment)


def _why(undone: Undone) -> set[tuple[str, str]]:
    return {(refused.field, refused.why) for refused in undone.undoing.plan.refused}


def _people(house: House) -> dict[str, dict]:
    """What the CRMs show of people, blank where there was nothing."""
    shown = {f"{name}/{id_}": row for name, crm in house.crms.items() for id_, row in crm.live("contacts").items()}
    return {key: {name: value for name, value in row.items() if value is not None} for key, row in shown.items()}


def test_an_undone_run_leaves_people_as_they_were(house: House) -> None:
    house.mql()
    before = _people(house)
    cycle = house.cycle()
    assert _people(house) != before
    undone = _undo(house, cycle.run_id)
    assert _people(house) == before
    assert set(undone.applied.outcomes) == {"written"}


def test_the_task_of_an_undone_run_is_closed_and_not_deleted(house: House) -> None:
    house.mql()
    cycle = house.cycle()
    assert len(house.tasks()) == 1
    _undo(house, cycle.run_id)
    assert house.tasks() == {}
    assert len(house.tasks(open_only=False)) == 1


def test_showing_an_undo_writes_nothing(house: House) -> None:
    house.mql()
    cycle = house.cycle()
    house.forget_writes()
    prepare_undo(house.workspace, cycle.run_id, house.clock.now())
    assert house.writes == []


def test_what_was_undone_is_not_written_again_by_the_next_cycles(house: House) -> None:
    house.mql()
    before = _people(house)
    cycle = house.cycle()
    _undo(house, cycle.run_id)
    house.forget_writes()
    for _ in range(3):
        house.cycle()
    assert house.writes == []
    assert _people(house) == before


def test_it_is_not_written_again_after_a_restart_either(house: House) -> None:
    house.mql()
    cycle = house.cycle()
    _undo(house, cycle.run_id)
    house.reopen()
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_another_wish_ends_the_hold(house: House) -> None:
    contact = house.mql()
    cycle = house.cycle()
    _undo(house, cycle.run_id)
    house.visit("ma", "c0001", "document_request")  # 8 points more: beyond the tolerance of what was undone
    house.cycle()
    shown = house.sfa.get("contacts", contact)
    assert (shown["score"], shown.get("phase")) == (23, None)
    assert "score" not in set(house.store.holds.frame()["field"])


def test_what_is_released_is_written_by_the_next_cycle(house: House) -> None:
    contact = house.mql()
    cycle = house.cycle()
    _undo(house, cycle.run_id)
    assert release(house.workspace, cycle.run_id) > 0
    house.cycle()
    assert house.sfa.get("contacts", contact)["phase"] == "mql"
    assert house.store.holds.frame().is_empty()


def test_an_edit_made_since_stays_and_is_reported(house: House) -> None:
    contact = house.mql()
    cycle = house.cycle()
    house.sfa.edit("contacts", contact, phase="sql")
    undone = _undo(house, cycle.run_id)
    assert house.sfa.get("contacts", contact)["phase"] == "sql"
    assert ("phase", "changed_since") in _why(undone)
    assert house.sfa.get("contacts", contact).get("score") is None


def test_what_a_later_run_wrote_is_left_to_the_undo_of_that_run(house: House) -> None:
    contact = house.mql()
    first = house.cycle()
    house.visit("ma", "c0001", "document_request")
    house.cycle()
    undone = _undo(house, first.run_id)
    assert house.sfa.get("contacts", contact)["score"] == 23
    assert ("score", "written_since") in _why(undone)


def test_a_record_that_is_gone_is_reported(house: House) -> None:
    contact = house.mql()
    cycle = house.cycle()
    house.sfa.delete("contacts", contact)
    assert ("", "record_gone") in _why(_undo(house, cycle.run_id))


def test_an_edit_between_our_read_and_our_write_is_not_overwritten(house: House) -> None:
    contact = house.mql()
    cycle = house.cycle()
    house.clock.advance(timedelta(minutes=1))
    undoing = prepare_undo(house.workspace, cycle.run_id, house.clock.now())
    house.sfa.edit("contacts", contact, phase="sql")
    undone = send_undo(house.workspace, undoing, Moment(house.clock.now()))
    assert house.sfa.get("contacts", contact)["phase"] == "sql"
    assert undone.applied.outcomes["conflict"] == 1


def test_an_undo_can_be_undone(house: House) -> None:
    house.mql()
    cycle = house.cycle()
    after = _people(house)
    undone = _undo(house, cycle.run_id)
    _undo(house, undone.run_id)
    assert _people(house) == after
    assert len(house.tasks()) == 1
    assert house.store.holds.frame().is_empty()
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_an_undo_can_be_repeated_and_does_the_rest(house: House) -> None:
    house.mql()
    before = _people(house)
    cycle = house.cycle()
    house.sfa.trouble.stop_push_after = 0
    assert _undo(house, cycle.run_id).applied.failures
    house.sfa.trouble.stop_push_after = None
    _undo(house, cycle.run_id)
    assert _people(house) == before
    house.forget_writes()
    _undo(house, cycle.run_id)
    assert house.writes == []


def test_an_undo_that_was_killed_is_not_made_good_by_writing_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.mql()
    cycle = house.cycle()
    after = _people(house)
    with monkeypatch.context() as patched:
        patched.setattr("crmsync.sync.undo.apply", _break)
        with pytest.raises(KeyboardInterrupt):
            _undo(house, cycle.run_id)
    house.reopen()
    house.forget_writes()
    house.cycle()
    assert (house.writes, _people(house)) == ([], after)


def _break(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


def test_an_undone_owner_is_an_owner_that_somebody_chose(house: House) -> None:
    """Putting an owner back is a person's word: it stays, and the CRMs settle."""
    contact = house.mql()
    former = house.users["sfa"]["fs1@home.example"]
    house.sfa.edit("contacts", contact, owner=former)
    cycle = house.cycle()
    assert house.sfa.get("contacts", contact)["owner"] != former
    _undo(house, cycle.run_id)
    for _ in range(3):
        house.cycle()
    assert house.sfa.get("contacts", contact)["owner"] == former
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_a_crm_that_is_away_keeps_what_it_has_and_the_other_is_undone(house: House) -> None:
    contact = house.mql()
    cycle = house.cycle()
    house.sfa.trouble.is_down = True
    undone = _undo(house, cycle.run_id)
    assert [failure.connection for failure in undone.undoing.failures] == ["sfa"]
    house.sfa.trouble.is_down = False
    assert house.sfa.get("contacts", contact)["phase"] == "mql"
    assert house.ma.get("contacts", "c0001").get("phase") is None


def test_a_run_that_never_was_cannot_be_undone(house: House) -> None:
    with pytest.raises(StopConnector) as stopped:
        prepare_undo(house.workspace, "20260101T000000-000001", house.clock.now())
    assert stopped.value.code == "undo.no_run"


EDITS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["note", "title", "need"])), max_size=4)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.integers(1, 3), calls=st.booleans(), edits=EDITS)
def test_undoing_what_was_applied_gives_what_was_before(
    tmp_path_factory: pytest.TempPathFactory, people: int, calls: bool, edits: list[tuple[str, str]]
) -> None:
    """Always, where nobody has edited a field of ours in between; other fields keep what was set meanwhile."""
    house = House(tmp_path_factory.mktemp("house"))
    try:
        ids = {name: house.mql(f"{name}@acme.example") for name in "abc"[:people]}
        house.cycle()
        if calls:
            house.call("sfa", next(iter(house.users["sfa"])), contact=next(iter(ids.values())))
        house.visit("ma", "c0001", "document_request")
        before = _people(house)
        cycle = house.cycle()
        others = {}
        for name, field in edits:
            if name in ids:
                house.sfa.edit("contacts", ids[name], **{field: "edited"})
                others.setdefault(f"sfa/{ids[name]}", {})[field] = "edited"
        _undo(house, cycle.run_id)
        assert _people(house) == {key: {**row, **others.get(key, {})} for key, row in before.items()}
    finally:
        house.workspace.close()
