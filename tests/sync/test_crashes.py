"""Killed at any point and started again, the worker neither loses a change nor makes one twice: the end is that of a run that was
never disturbed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dying import Killed, kill
from fake_house import House

from crmsync.store.bases import Bases
from crmsync.store.concern import Concern
from crmsync.store.decided import Decided
from crmsync.store.entities import Entities
from crmsync.store.guards import Guards
from crmsync.store.identity import Identity
from crmsync.store.leases import Leases
from crmsync.store.outbox import Outbox
from crmsync.store.placed_tasks import PlacedTasks
from crmsync.store.runs import Runs
from crmsync.store.staging import Staging
from crmsync.testing.fake_connector import FakeConnector

PIPELINE = "crmsync.sync.pipeline"
OBJECTS = ("users", "contacts", "visits", "tasks")
BOUNDARIES = [
    (FakeConnector, "describe"),
    (FakeConnector, "pull"),
    (FakeConnector, "push"),
    (FakeConnector, "_answered"),
    (Staging, "stage"),
    (Staging, "remember_again"),
    (Staging, "move_watermark"),
    (Staging, "stage_own_writes"),
    (Entities, "save_columns"),
    (Entities, "quarantine"),
    (Identity, "put_links"),
    (Identity, "file"),
    (Identity, "settle_reviews"),
    (Decided, "save"),
    (Concern, "settle"),
    (Decided, "save_gaps"),
    (Decided, "mark_planned"),
    (Leases, "acquire"),
    (Guards, "note_halts"),
    (Guards, "note_written"),
    (Outbox, "plan"),
    (Outbox, "mark_sending"),
    (Outbox, "confirm"),
    (Bases, "save"),
    (PlacedTasks, "note_refused"),
    (PlacedTasks, "place"),
    (Runs, "begin"),
    (Runs, "set_meta_in"),
    (Runs, "end"),
    (PIPELINE, "normalise"),
    (PIPELINE, "resolve"),
    (PIPELINE, "decide"),
    (PIPELINE, "plan"),
    (PIPELINE, "keep"),
    (PIPELINE, "apply"),
]


def _begin(house: House) -> None:
    house.mql("a@acme.example")
    house.mql("b@other.example")
    house.contact("sfa", "c@third.example", employees="many")


@cache
def _undisturbed() -> Any:
    with TemporaryDirectory() as directory:
        house = House(Path(directory), objects=OBJECTS)
        _begin(house)
        house.cycle()
        house.cycle()
        shown = _what_people_see(house)
        house.workspace.close()
        return shown


def _what_people_see(house: House) -> Any:
    """Both CRMs and our own state, without what depends on which cycle it was."""
    shown = house.shown()
    late = ("sla_due", "due", "body")
    seen = {
        (crm, object_, tuple(sorted((k, str(v)) for k, v in row.items() if k not in late)))
        for crm, objects in shown.items()
        for object_, rows in objects.items()
        for row in rows.values()
    }
    states = house.store.decided.states().select("person_id", "phase", "owner", "cycle").rows()
    moves = house.store.decided.moves().select("person_id", "source", "target", "sequence").rows()
    return seen, states, moves, len(house.tasks())


COMMITTING = ("push", "_answered", "stage", "mark_sending", "normalise", "resolve", "keep", "apply", "end")
"""What leaves something behind once it is over: the process dies after these as well."""
DEATHS = [
    *(pytest.param(owner, name, False, id=f"before {name}") for owner, name in BOUNDARIES),
    *(pytest.param(owner, name, True, id=f"after {name}") for owner, name in BOUNDARIES if name in COMMITTING),
]


@pytest.mark.parametrize(("owner", "name", "after"), DEATHS)
def test_killed_anywhere_and_started_again_the_end_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool
) -> None:
    house = House(tmp_path, objects=OBJECTS)
    _begin(house)
    with monkeypatch.context() as patched:
        kill(patched, owner, name, after=after)
        with pytest.raises(Killed):
            house.cycle()
    house.reopen()
    house.cycle()
    house.forget_writes()
    assert house.cycle().prepared.plan.changes == ()
    assert house.writes == []
    assert _what_people_see(house) == _undisturbed()
    house.workspace.close()


def test_every_boundary_of_the_store_that_writes_is_in_the_list() -> None:
    """A method that takes the transaction is a boundary; a new one must be killed as well."""
    listed = {(owner.__name__, name) for owner, name in BOUNDARIES if not isinstance(owner, str)}
    known_apart = {
        ("Decided", "merge_person"),  # only where persons merge: test_stories
        ("Decided", "phase_of"),
        ("Decided", "replan"),
        ("Entities", "said_in"),  # reads
        ("Entities", "save"),  # which is save_columns, kind by kind
        ("Entities", "mark_deleted"),
        ("Entities", "forget_events"),
        ("Identity", "track"),  # where the tables are made: test_opening
        ("Identity", "save_aliases"),
        ("Identity", "save_reviews"),
        ("Identity", "save_links"),  # only where a person puts a link right: it puts links as every cycle does
        ("Outbox", "settle"),
        ("PlacedTasks", "expect_answers"),  # within mark_sending
        ("Outbox", "let_go"),  # only where a person asks for it, outside of cycles: test_dead_letters
        ("Staging", "stage_own"),  # only for memberships: test_memberships
        ("Staging", "stage_read_in"),  # only where a CRM gave hints: test_hints
        ("Guards", "release"),  # only where a person asks for it: test_guarded_writing
    }
    parts = (Staging, Entities, Identity, Decided, Guards, Outbox, Bases, PlacedTasks, Runs)
    taking = {
        (part.__name__, name)
        for part in parts
        for name, method in vars(part).items()
        if callable(method) and "db" in getattr(method, "__annotations__", {})
    }
    assert taking <= listed | known_apart
