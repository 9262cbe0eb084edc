"""What only crmsync can have left lying is told apart from what people have to mend."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from crmsync.decisions.frames import CLOCKS, INSTANT, PERSONS, REPS, STATE, conform, empty
from crmsync.decisions.gaps import CHECKS, OURS, find
from crmsync.decisions.routing import Routing

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REP = {"rep_id": "is@x.jp", "department": "inside_sales", "is_active": True, "is_queue": False}
NO_QUEUES = Routing({}, ())


def found(
    state: dict[str, Any] | None = None,
    reps: tuple[dict[str, Any], ...] = (REP,),
    clocks: int = 1,
    due: datetime | None = NOW,
    rules: Routing = NO_QUEUES,
) -> set[str]:
    """The gaps of one MQL who has an owner and a clock, but for what is said otherwise."""
    row = {"person_id": "p", "phase": "mql", "department": "inside_sales", "owner": "is@x.jp", **(state or {})}
    running = [{"clock_id": f"p:{n}", "person_id": "p", "kind": "first_approach", "due_at": due} for n in range(clocks)]
    frames = (
        conform(pl.DataFrame([row]), STATE),
        conform(pl.DataFrame(running, schema_overrides={"due_at": INSTANT}), CLOCKS) if running else empty(CLOCKS),
        conform(pl.DataFrame([{"person_id": "p", "is_deleted": False}]), PERSONS),
        conform(pl.DataFrame(list(reps)), REPS),
    )
    return set(find(*frames, rules)["gap"])


def test_who_has_role_owner_and_dated_action_is_nowhere_on_the_list() -> None:
    assert found() == set()


@pytest.mark.parametrize("state", [{"owner": None}, {"owner": "gone@x.jp"}])
def test_where_a_rep_without_limits_is_on_duty_somebody_without_an_active_owner_is_our_fault(state: dict[str, Any]) -> None:
    gone = {**REP, "rep_id": "gone@x.jp", "is_active": False}
    assert found(state, (REP, gone)) == {"owner_not_given"}


@pytest.mark.parametrize(
    "rep",
    [
        {"is_active": False},
        {"absent_until": NOW.date()},
        {"cap": 3},
        {"territories": ["東京都"]},
        {"department": "field_sales"},
        {"is_queue": True},
    ],
)
def test_where_only_people_can_make_room_it_is_theirs(rep: dict[str, Any]) -> None:
    assert found({"owner": None}, ({**REP, **rep},)) == {"no_owner"}
    gone = {**REP, "rep_id": "gone@x.jp", "is_active": False}
    assert found({"owner": "gone@x.jp"}, ({**REP, **rep}, gone)) == {"inactive_owner"}


def test_where_the_department_has_a_queue_nobody_is_without_an_owner() -> None:
    queue = Routing({"inside_sales": "queue:is"}, ())
    assert found({"owner": None}, ({**REP, "cap": 3},), rules=queue) == {"owner_not_given"}
    assert found({"owner": None}, ({**REP, "cap": 3},), rules=Routing({"field_sales": "queue:fs"}, ())) == {"no_owner"}


def test_no_action_one_without_a_date_and_several_are_our_fault() -> None:
    assert found(clocks=0) == {"no_next_action"}
    assert found(due=None) == {"next_action_without_date"}
    assert found(clocks=2) == {"several_next_actions"}


def test_a_phase_in_which_another_department_answers_is_our_fault() -> None:
    assert found({"department": "field_sales"}) == {"wrong_role"}
    assert found({"department": None}) == {"wrong_role"}


def test_each_of_ours_is_a_check() -> None:
    assert set(OURS) <= {check.gap for check in CHECKS}
