"""Two persons turn out to be one: the phase of whoever is further on stands; and what is decided where there is nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from crmsync.decisions.frames import (
    CLOCKS,
    DESIRED,
    DRAWS,
    GAPS,
    MOVES,
    QUALIFICATION,
    REASONS,
    SCORES,
    STATE,
    TASKS,
    WAITING,
    WAKINGS,
    Decisions,
    Others,
    ValvePosition,
)
from crmsync.decisions.merging import outranks

WEAKEST_FIRST = ("unidentified", "inquiry", "recycled", "closed_lost", "mql", "sql", "disqualified", "closed_won")


@pytest.mark.parametrize(("weaker", "stronger"), list(pairwise(WEAKEST_FIRST)))
def test_whoever_is_further_on_stands(weaker: str, stronger: str) -> None:
    assert outranks(stronger, weaker)
    assert not outranks(weaker, stronger)
    assert not outranks(stronger, stronger)


def test_whom_nothing_was_decided_about_never_stands() -> None:
    assert outranks("unidentified", None)
    assert not outranks(None, "unidentified")
    assert not outranks(None, None)


def test_about_nobody_every_frame_is_empty_and_has_its_columns() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    nothing = Decisions.about_nobody(now)
    schemas = {
        "state": STATE,
        "clocks": CLOCKS,
        "moves": MOVES,
        "scores": SCORES,
        "qualification": QUALIFICATION,
        "gaps": GAPS,
        "desired": DESIRED,
        "tasks": TASKS,
        "draws": DRAWS,
        "reasons": REASONS,
    }
    found = nothing.frames()
    assert {name: dict(frame.schema) for name, frame in found.items()} == {name: dict(schema) for name, schema in schemas.items()}
    assert all(frame.is_empty() for frame in found.values())
    assert dict(nothing.reasons_of(["p1"]).schema) == dict(REASONS)
    assert (dict(nothing.waiting.schema), nothing.waiting.height) == (dict(WAITING), 0)
    assert (dict(nothing.wakings.schema), nothing.wakes_at) == (dict(WAKINGS), now)
    assert nothing.valve == ValvePosition(0.0, "", "", "unchanged", 0.0, None)


def test_beside_nobody_nobody_waits_and_nobody_is_busy() -> None:
    assert (dict(Others.nobody().waiting.schema), Others.nobody().waiting.height, Others.nobody().loads) == (dict(WAITING), 0, {})
