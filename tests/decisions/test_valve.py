"""The valve: which way it turns, how far, how often, and who is let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.frames import (
    APPROACHES,
    CLOCKS,
    OPPORTUNITIES,
    REPS,
    STATE,
    WAITING,
    Schema,
    ValvePosition,
    conform,
    empty,
)
from crmsync.decisions.qualification import Definition, End
from crmsync.decisions.scoring import Title
from crmsync.decisions.valve import (
    NOBODY_ON_DUTY,
    TABLE,
    Band,
    Load,
    MonthTarget,
    Override,
    Targets,
    Valve,
    attainment,
    load,
    move,
    release,
)

MONDAY = date(2026, 6, 1)
TUESDAY = date(2026, 6, 2)
DEFINITION = Definition("standard", 3, Title("標準", "Standard"), (), (), End(10, ("hot", "warm")), End(30, ("hot",)))
VALVE = Valve(
    loosest=0.0,
    strictest=1.0,
    start=0.5,
    largest_step=0.2,
    busy=Band(1.0, 0.8),
    idle=Band(0.4, 0.6),
    behind=Band(0.9, 1.0),
    ahead_above=1.1,
)
MONDAYS = ValvePosition(0.5, "standard@3.7", MONDAY.isoformat(), "unchanged", 0.65, 1.01)
BUSY, NORMAL, IDLE = 1.3, 0.7, 0.2
AHEAD, ON_TARGET, BEHIND = 1.3, 1.05, 0.5


def turned(
    load: float, progress: float | None, before: ValvePosition | None = MONDAYS, day: date = TUESDAY, valve: Valve = VALVE
) -> ValvePosition:
    return move(before, valve, load, progress, day, DEFINITION)


@pytest.mark.parametrize(
    ("load", "progress", "position", "cause"),
    [
        (BUSY, BEHIND, 0.6, "busy"),  # both at once: sales capacity wins, in half steps
        (BUSY, AHEAD, 0.7, "busy"),
        (IDLE, BEHIND, 0.3, "idle"),
        (IDLE, AHEAD, 0.4, "idle"),
        (BUSY, ON_TARGET, 0.7, "busy"),
        (BUSY, None, 0.7, "busy"),
        (IDLE, ON_TARGET, 0.3, "idle"),
        (IDLE, None, 0.3, "idle"),
        (NORMAL, BEHIND, 0.4, "behind_target"),
        (NORMAL, ON_TARGET, 0.5, "unchanged"),
        (NORMAL, AHEAD, 0.5, "unchanged"),
        (NORMAL, None, 0.5, "unchanged"),
    ],
)
def test_busy_is_stricter_idle_or_behind_is_looser(load: float, progress: float | None, position: float, cause: str) -> None:
    found = turned(load, progress)
    assert (found.position, found.cause) == (position, cause)
    assert found.load == load
    assert found.attainment == progress


def test_the_four_quadrants_have_four_outcomes() -> None:
    corners = [TABLE[pressure, progress] for pressure in ("busy", "idle") for progress in ("ahead", "behind")]
    assert len({(turn.direction, turn.share) for turn in corners}) == 4
    assert len(TABLE) == 9


def test_every_move_is_a_version_of_its_own_and_no_move_is_none() -> None:
    assert turned(BUSY, ON_TARGET).version == "standard@3.8"
    assert turned(BUSY, ON_TARGET).moved_on == "2026-06-02"
    assert turned(NORMAL, ON_TARGET).version == "standard@3.7"
    assert turned(NORMAL, ON_TARGET).moved_on == "2026-06-01"


def test_a_name_may_have_dots_and_the_last_number_is_the_step() -> None:
    definition = replace(DEFINITION, name="jp.standard")
    before = replace(MONDAYS, version=f"jp.standard@{definition.version}.9")
    assert move(before, VALVE, BUSY, ON_TARGET, TUESDAY, definition).version == f"jp.standard@{definition.version}.10"


def test_it_begins_at_its_start() -> None:
    assert turned(BUSY, BEHIND, before=None) == ValvePosition(0.5, "standard@3.0", "2026-06-02", "initial", BUSY, BEHIND)


def test_it_moves_once_per_business_day() -> None:
    first = turned(BUSY, ON_TARGET)
    assert turned(IDLE, BEHIND, before=first) == first
    assert turned(IDLE, BEHIND, before=first, day=date(2026, 6, 3)).position < first.position


def test_a_day_without_a_move_may_still_use_it_later() -> None:
    morning = turned(NORMAL, ON_TARGET)
    assert turned(BUSY, ON_TARGET, before=morning).position == 0.7


def test_a_new_definition_starts_its_versions_anew_and_keeps_the_position() -> None:
    old = replace(MONDAYS, version="standard@2.9", position=0.8)
    found = turned(BUSY, ON_TARGET, before=old)
    assert (found.version, found.position, found.cause) == ("standard@3.0", 0.8, "initial")


@pytest.mark.parametrize(
    ("load", "cause", "busy"), [(1.0, "unchanged", False), (0.81, "unchanged", False), (0.81, "busy", True), (0.8, "busy", False)]
)
def test_busy_ends_later_than_it_begins(load: float, cause: str, busy: bool) -> None:
    assert (turned(load, ON_TARGET, before=replace(MONDAYS, cause=cause)).cause == "busy") is busy


@pytest.mark.parametrize(("load", "cause", "idle"), [(0.4, "unchanged", False), (0.59, "idle", True), (0.6, "idle", False)])
def test_idle_ends_later_than_it_begins(load: float, cause: str, idle: bool) -> None:
    assert (turned(load, ON_TARGET, before=replace(MONDAYS, cause=cause)).cause == "idle") is idle


def test_behind_ends_later_than_it_begins() -> None:
    assert turned(NORMAL, 0.95).cause == "unchanged"
    assert turned(NORMAL, 0.95, before=replace(MONDAYS, cause="behind_target")).cause == "behind_target"
    assert turned(NORMAL, 0.95, before=replace(MONDAYS, attainment=0.5)).cause == "behind_target"
    assert turned(NORMAL, 1.0, before=replace(MONDAYS, cause="behind_target")).cause == "unchanged"


def test_a_persons_setting_holds_at_once_until_its_day_is_over() -> None:
    valve = replace(VALVE, override=Override(1.0, TUESDAY, "head of inside sales", "exhibition"))
    held = turned(IDLE, BEHIND, valve=valve)
    assert (held.position, held.cause, held.version) == (1.0, "override", "standard@3.8")
    assert turned(IDLE, BEHIND, before=held, valve=valve).version == "standard@3.8"
    after = turned(IDLE, BEHIND, before=held, day=date(2026, 6, 3), valve=valve)
    assert (after.position, after.cause) == (0.8, "idle")


def test_a_persons_setting_stays_within_the_bounds() -> None:
    valve = replace(VALVE, strictest=0.75, override=Override(1.0, TUESDAY, "head", "x"))
    assert turned(IDLE, BEHIND, valve=valve).position == 0.75


def test_new_bounds_are_reached_step_by_step() -> None:
    found = turned(NORMAL, ON_TARGET, before=replace(MONDAYS, position=1.0), valve=replace(VALVE, strictest=0.5))
    assert (found.position, found.cause) == (0.8, "bounds")


days = st.lists(st.tuples(st.floats(0, 3), st.none() | st.floats(0, 3)), min_size=1, max_size=30)


@settings(deadline=None)
@given(days, st.floats(0, 0.5), st.floats(0.5, 1), st.floats(0.01, 1))
def test_it_stays_in_bounds_and_never_steps_further_than_allowed(
    numbers: list[tuple[float, float | None]], low: float, high: float, step: float
) -> None:
    valve = replace(VALVE, loosest=low, strictest=high, largest_step=step)
    position = None
    for day, (busy, progress) in enumerate(numbers):
        found = move(position, valve, busy, progress, MONDAY + timedelta(days=day), DEFINITION)
        assert round(low, 4) <= found.position <= round(high, 4)
        if position is not None:
            assert abs(found.position - position.position) <= step + 0.0001
            assert (found.version == position.version) is (found.position == position.position)
        position = found


@settings(deadline=None)
@given(st.lists(st.floats(0.4, 1.0), min_size=2, max_size=20), st.floats(0.9, 1.1))
def test_load_that_wavers_between_the_bands_never_moves_it(loads: list[float], progress: float) -> None:
    position = MONDAYS
    for day, ratio in enumerate(loads):
        position = move(position, VALVE, ratio, progress, TUESDAY + timedelta(days=day), DEFINITION)
        assert position.version == MONDAYS.version


@settings(deadline=None)
@given(st.lists(st.floats(0.8, 1.6, exclude_min=True), min_size=2, max_size=20))
def test_load_that_wavers_around_busy_never_turns_it_back(loads: list[float]) -> None:
    position = MONDAYS
    for day, ratio in enumerate(loads):
        found = move(position, VALVE, ratio, ON_TARGET, TUESDAY + timedelta(days=day), DEFINITION)
        assert found.position >= position.position
        position = found


# ---------------------------------------------------------------------------------------------------------- load, attainment

START = datetime(2026, 6, 1, 15, tzinfo=UTC)  # Tuesday, midnight in Tokyo


def rows(schema: Schema, *found: dict[str, Any]) -> pl.DataFrame:
    return conform(pl.DataFrame(list(found), infer_schema_length=None), schema) if found else pl.DataFrame(schema=schema)


def rep(name: str, capacity: int = 10, **more: Any) -> dict[str, Any]:
    row = {"rep_id": name, "department": "inside_sales", "is_active": True, "is_queue": False, "capacity_per_day": capacity}
    return {**row, **more}


def mql(person: str, hours: float = -5) -> dict[str, Any]:
    return {"person_id": person, "phase": "mql", "handed_over_at": START + timedelta(hours=hours)}


def approach(person: str, hours: float, by: str = "a") -> dict[str, Any]:
    return {
        "person_id": person,
        "at": START + timedelta(hours=hours),
        "approach_id": f"{person}{hours}",
        "rep_id": by,
        "kind": "call",
    }


def clock(person: str, hours: float, owner: str = "a", **more: Any) -> dict[str, Any]:
    return {"clock_id": f"{person}{hours}", "person_id": person, "owner": owner, "due_at": START + timedelta(hours=hours), **more}


def todays(
    state: Sequence[dict[str, Any]] = (),
    clocks: Sequence[dict[str, Any]] = (),
    approaches: Sequence[dict[str, Any]] = (),
    reps: list[dict[str, Any]] | None = None,
) -> Load:
    return load(
        rows(STATE, *state),
        rows(CLOCKS, *clocks),
        rows(APPROACHES, *approaches),
        rows(REPS, *([rep("a")] if reps is None else reps)),
        business_day=TUESDAY,
        day_start=START,
        due_before=START + timedelta(days=1),
    )


def test_an_mql_waits_until_it_is_approached_after_its_hand_over() -> None:
    assert todays([mql("p"), mql("q"), {"person_id": "r", "phase": "sql"}]).unapproached == 2
    assert todays([mql("p")], approaches=[approach("p", -4)]).unapproached == 0
    assert todays([mql("p")], approaches=[approach("p", -6)]).unapproached == 1


def test_due_work_is_what_runs_out_today_for_inside_sales_and_a_person_counts_once() -> None:
    clocks = [
        clock("p", 3),
        clock("p", 4),
        clock("q", 25),
        clock("r", 3, owner="field"),
        clock("s", 3, met_at=START),
        clock("t", 3, cancelled_at=START),
        clock("u", 3),
    ]
    assert todays([mql("u")], clocks) == Load(unapproached=1, due=1, done=0, capacity=10)


def test_capacity_is_that_of_active_reps_of_inside_sales_on_duty() -> None:
    reps = [
        rep("a", 10),
        rep("b", 20, absent_until=TUESDAY),
        rep("c", 30, absent_until=MONDAY),
        rep("d", 40, is_active=False),
        rep("e", 50, department="field_sales"),
        rep("queue", 60, is_queue=True),
    ]
    assert todays(reps=reps).capacity == 40


def test_what_was_done_today_is_no_longer_free() -> None:
    found = todays(
        [mql("p"), mql("q")], approaches=[approach("p", 1), approach("x", 2), approach("y", -1), approach("z", 1, by="field")]
    )
    assert found == Load(unapproached=1, due=0, done=2, capacity=10)
    assert found.ratio == 0.1
    assert found.free == 7


def test_work_with_nobody_on_duty_is_busy_and_nothing_to_do_is_idle() -> None:
    assert todays([mql("p")], reps=[]).ratio == NOBODY_ON_DUTY
    assert todays(reps=[]).ratio == 0.0
    assert todays([mql("p")], reps=[]).free == 0


TARGETS = Targets(MonthTarget(opportunities=40), {"2026-07": MonthTarget(opportunities=10), "2026-08": MonthTarget()}, "Asia/Tokyo")
JUNE = [date(2026, 6, d) for d in range(1, 31) if date(2026, 6, d).weekday() < 5]  # 22 days


def opportunity(number: int, at: datetime, kind: str | None = "new_business") -> dict[str, Any]:
    return {"opportunity_id": f"o{number}", "person_id": f"p{number}", "created_at": at, "kind": kind}


def test_attainment_is_what_came_this_month_against_the_target_of_the_days_that_are_over() -> None:
    now = datetime(2026, 6, 15, 3, tzinfo=UTC)  # ten business days are over: 40 × 10 ÷ 22
    inside = [opportunity(n, datetime(2026, 6, 3, tzinfo=UTC)) for n in range(9)]
    outside = [
        opportunity(90, datetime(2026, 5, 31, 14, 59, tzinfo=UTC)),  # May in Tokyo
        opportunity(91, datetime(2026, 6, 16, tzinfo=UTC)),  # later than now
        opportunity(92, datetime(2026, 6, 3, tzinfo=UTC), "renewal"),
        {**opportunity(0, datetime(2026, 6, 3, tzinfo=UTC)), "person_id": "second person on it"},
    ]
    edge = [opportunity(80, datetime(2026, 5, 31, 15, tzinfo=UTC))]  # June in Tokyo
    assert attainment(rows(OPPORTUNITIES, *inside, *outside, *edge), TARGETS, now, JUNE) == round(10 / (40 * 10 / 22), 4)


def test_without_a_target_or_a_day_that_is_over_there_is_no_attainment() -> None:
    none = rows(OPPORTUNITIES)
    assert attainment(none, TARGETS, datetime(2026, 6, 1, 3, tzinfo=UTC), JUNE) is None
    assert attainment(none, TARGETS, datetime(2026, 6, 15, 3, tzinfo=UTC), []) is None
    assert attainment(none, TARGETS, datetime(2026, 8, 15, 3, tzinfo=UTC), [date(2026, 8, 3)]) is None
    assert attainment(none, TARGETS, datetime(2026, 7, 15, 3, tzinfo=UTC), [date(2026, 7, 3)]) == 0.0


# -------------------------------------------------------------------------------------------------------------------- release

candidates = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 3)), max_size=12)


def waiting(found: list[tuple[int, int | None]]) -> pl.DataFrame:
    people = [
        {"person_id": f"p{i:02}", "score": float(score), "last_touch_at": None if days is None else START - timedelta(days=days)}
        for i, (score, days) in enumerate(found)
    ]
    return pl.DataFrame(people, schema={"person_id": pl.String, "score": pl.Float64, "last_touch_at": pl.Datetime("us", "UTC")})


def test_the_best_are_handed_over_and_the_others_wait_in_order() -> None:
    found = release(waiting([(3, 1), (5, None), (3, 0), (3, 0)]), 2, empty(WAITING))
    assert found.rows() == [
        ("p00", 4, False, "capacity"),
        ("p01", 1, True, None),
        ("p02", 2, True, None),
        ("p03", 3, False, "capacity"),
    ]


@settings(deadline=None)
@given(candidates, st.integers(0, 15), st.randoms(use_true_random=False))
def test_release_never_exceeds_capacity_drops_nobody_and_skips_no_better_one(
    found: list[tuple[int, int | None]], free: int, chance: Any
) -> None:
    frame = waiting(found)
    decided = release(frame, free, empty(WAITING))
    assert decided["released"].sum() == min(free, frame.height)
    assert sorted(decided["rank"].to_list()) == list(range(1, frame.height + 1))
    scores = decided.join(frame, on="person_id")
    let_in, left_out = scores.filter("released")["score"], scores.filter(~pl.col("released"))["score"]
    if len(let_in) and len(left_out):
        assert min(let_in.to_list()) >= max(left_out.to_list())
    assert release(frame[chance.sample(range(frame.height), frame.height)], free, empty(WAITING)).equals(decided)


@settings(deadline=None)
@given(candidates, st.integers(0, 15), st.randoms(use_true_random=False))
def test_whoever_is_decided_among_many_has_the_place_that_they_have_among_all(
    found: list[tuple[int, int | None]], free: int, chance: Any
) -> None:
    everyone = waiting(found)
    is_mine = pl.Series([chance.random() < 0.4 for _ in found], dtype=pl.Boolean)
    mine, others = everyone.filter(is_mine), everyone.filter(~is_mine)
    assert release(mine, free, others).equals(release(everyone, free, empty(WAITING)).filter(is_mine))
