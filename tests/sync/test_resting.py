"""A cycle in which nothing has happened decides nobody; whatever happens ends the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_house import House

from crmsync.sync import pipeline
from crmsync.sync.pipeline import Cycle
from crmsync.sync.workspace import Moment

SOON = timedelta(minutes=1)


@pytest.fixture
def settled(house: House) -> House:
    """A house with one MQL, in which the last cycle had nothing left to do."""
    house.mql()
    for _ in range(3):
        house.cycle(later=SOON)
    return house


def _rests(cycle: Cycle) -> bool:
    return cycle.prepared.decided.decisions.state.is_empty()


def _decides(house: House, later: timedelta = SOON) -> bool:
    return not _rests(house.cycle(later=later))


def test_where_nothing_has_happened_nobody_is_decided_and_the_run_is_kept_all_the_same(settled: House) -> None:
    states = settled.store.decided.states()
    cycle = settled.cycle(later=SOON)
    assert _rests(cycle)
    assert cycle.is_complete
    assert cycle.prepared.plan.changes == ()
    assert settled.store.runs.frame().sort("run_id")["state"][-1] == "done"
    assert settled.store.decided.states().equals(states)


def test_a_cycle_that_rests_does_not_ask_what_the_objects_look_like(settled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(type(settled.workspace.connections[0].connector), "describe", lambda _self, objects: asked.extend(objects))
    assert not _decides(settled)
    assert asked == []


def test_the_next_process_rests_as_well(settled: House) -> None:
    settled.reopen()
    assert not _decides(settled)


def test_something_new_ends_the_rest_at_once(settled: House) -> None:
    assert not _decides(settled)
    settled.visit("ma", "c0001", "document_request")
    assert _decides(settled)


def test_what_fades_is_looked_at_once_an_hour(settled: House) -> None:
    assert not _decides(settled, timedelta(minutes=50))
    assert _decides(settled, timedelta(minutes=15))
    assert not _decides(settled)


def test_a_clock_is_looked_at_when_it_is_due(settled: House) -> None:
    due = settled.store.decided.clocks().filter(settled.store.decided.clocks()["met_at"].is_null())["due_at"].min()
    settled.clock.advance_to(due - timedelta(minutes=2))
    assert _decides(settled)  # more than an hour has passed
    while _decides(settled, timedelta(seconds=5)):
        pass
    settled.clock.advance_to(due + timedelta(seconds=1))
    assert _decides(settled, timedelta())


def test_other_rules_end_the_rest(settled: House) -> None:
    settled.workspace = replace(settled.workspace, definitions_digest="other")
    assert _decides(settled)


def test_a_rehearsal_does_not_rest_on_what_was_real(settled: House) -> None:
    settled.clock.advance(SOON)
    assert not _rests(pipeline.run_cycle(settled.workspace, Moment(settled.clock.now(), is_rehearsal=True)))


def test_a_run_of_another_kind_ends_the_rest(settled: House) -> None:
    with settled.store.transaction() as db:
        settled.store.runs.begin(db, "backfill", settled.clock.now(), is_rehearsal=False, definitions="")
    assert _decides(settled)


def test_a_connection_that_stops_ends_the_rest(settled: House) -> None:
    settled.sfa.trouble.is_down = True
    assert not settled.cycle(later=SOON).is_complete
    settled.sfa.trouble.is_down = False
    assert _decides(settled)
