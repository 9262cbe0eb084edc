"""Which stretch of time an increment reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync_hubspot.values import millis
from crmsync_hubspot.windows import (
    FLOOR,
    Backfill,
    Bin,
    Lags,
    Settled,
    Sweep,
    Window,
    after_backfill,
    dump,
    likely_since,
    load,
    next_window,
    search_body,
    settled_at,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
minutes = timedelta(minutes=1)
moments = st.integers(0, 10**11).map(lambda n: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n))


def settled(until: datetime, wide: datetime | None = None) -> Settled:
    return replace(settled_at(until), wide=wide or until)


def test_a_window_ends_before_now_and_begins_before_the_last_one_ended() -> None:
    window = next_window(settled(NOON), NOON + 15 * minutes, Lags())
    assert window.until == NOON + 15 * minutes - timedelta(seconds=5)
    assert window.since == NOON - 5 * minutes


def test_once_an_hour_the_window_reaches_back_over_what_the_index_may_have_shown_late() -> None:
    window = next_window(settled(NOON + 55 * minutes, wide=NOON), NOON + 65 * minutes, Lags())
    assert window.since == NOON - 65 * minutes
    assert window.then.wide == window.until


def test_between_two_wide_windows_the_last_wide_one_is_remembered() -> None:
    window = next_window(settled(NOON + 15 * minutes, wide=NOON), NOON + 30 * minutes, Lags())
    assert window.then.wide == NOON


def test_without_a_trailing_reach_no_window_is_wide() -> None:
    lags = Lags(trailing=timedelta(0))
    assert next_window(settled(NOON, wide=NOON - timedelta(days=9)), NOON + minutes, lags).since == NOON - 5 * minutes


def test_a_window_never_begins_before_there_was_a_hubspot() -> None:
    assert next_window(settled(FLOOR), NOON, Lags()).since == FLOOR


def test_a_clock_that_went_back_moves_no_cursor_back() -> None:
    assert next_window(settled(NOON), NOON - 9 * minutes, Lags()).until == NOON


def test_increments_begin_where_the_backfill_began() -> None:
    then = after_backfill(Backfill(NOON, "501"))
    assert (then.until, then.bin.read_at) == (NOON, NOON)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.integers(0, 59))
def test_every_moment_is_looked_at_again_after_the_index_had_an_hour(gaps: list[int], age: int) -> None:
    """Whatever the rhythm of the runs: a row that is indexed up to an hour late is inside some later window."""
    lags = Lags()
    state = settled(NOON)
    edited_at = NOON + age * minutes
    indexed_at = edited_at + 59 * minutes
    now, is_seen = NOON, False
    for gap in [*gaps, 61, 61]:
        now += gap * minutes
        window = next_window(state, now, lags)
        is_seen = is_seen or (window.since <= edited_at <= window.until and indexed_at <= now)
        state = window.then
    assert is_seen or now < indexed_at


@given(moments, moments, moments, st.integers(0, 2**53), st.none() | moments)
def test_a_cursor_survives_the_store(a: datetime, b: datetime, c: datetime, id_: int, started: datetime | None) -> None:
    sweep = Sweep(b, started, "78", id_) if started else Sweep(b)
    done = Settled(a, b, Bin(c, started, "77" if started else None), sweep)
    for state in (done, Window(a, b, done, id_), Backfill(a, "12"), Backfill(b)):
        assert load(dump(state)) == state


def test_a_cursor_from_before_there_were_sweeps_is_due_for_one_a_week_later() -> None:
    state = load({"until": "2026-11-22T12:00:00.000Z"})
    assert isinstance(state, Settled)
    assert not state.sweep.is_due(NOON + timedelta(days=6), timedelta(days=7))
    assert state.sweep.is_due(NOON + timedelta(days=7), timedelta(days=7))
    assert not state.sweep.is_due(NOON + timedelta(days=99), timedelta(0)), "zero turns sweeps off"


@given(moments, moments, moments, st.none() | st.integers(0, 10**8))
def test_what_is_asked_before_the_clock_is_known_is_the_window_or_asked_again_once(
    until: datetime, wide: datetime, now: datetime, age: int | None
) -> None:
    state = settled(until, min(until, wide))
    hint = None if age is None else now - timedelta(milliseconds=age)
    asked, window = likely_since(state, hint, Lags()), next_window(state, max(now, until), Lags())
    assert window.since <= asked
    assert asked in (window.since, max(until - Lags().overlap, FLOOR))


def test_no_cursor_is_no_state() -> None:
    assert load(None) is None
    assert load({}) is None


def test_a_cursor_of_someone_else_is_refused() -> None:
    with pytest.raises(ValueError, match="until"):
        load({"SystemModstamp": "2026"})


def test_a_search_asks_by_id_inside_a_frozen_window_with_all_five_keys() -> None:
    body = search_body("lastmodifieddate", NOON, NOON + minutes, 501, ("email",))
    assert set(body) == {"after", "filterGroups", "limit", "properties", "sorts"}
    assert body["sorts"] == ["hs_object_id"]
    assert body["limit"] == 200
    assert body["filterGroups"][0]["filters"] == [
        {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(millis(NOON))},
        {"propertyName": "lastmodifieddate", "operator": "LTE", "value": str(millis(NOON + minutes))},
        {"propertyName": "hs_object_id", "operator": "GT", "value": "501"},
    ]
