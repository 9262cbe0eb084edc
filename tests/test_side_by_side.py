"""Several calls travel at once, and whoever asked sees them come one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.ahead import side_by_side
from crmsync.errors import StopConnector

PATIENCE_SECONDS = 5.0


@given(count=st.integers(0, 12), most=st.integers(1, 4))
@settings(deadline=None)
def test_what_is_made_comes_in_the_order_of_the_things(count: int, most: int) -> None:
    assert list(side_by_side(str, range(count), most)) == [str(number) for number in range(count)]


def test_as_many_as_may_are_under_way_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_SECONDS)
    assert list(side_by_side(lambda _number: both.wait() >= 0, range(4), 2)) == [True] * 4


def test_never_more_are_under_way_than_may() -> None:
    under_way, most_seen, lock = 0, 0, threading.Lock()

    def do(number: int) -> int:
        nonlocal under_way, most_seen
        with lock:
            under_way += 1
            most_seen = max(most_seen, under_way)
        threading.Event().wait(0.001)
        with lock:
            under_way -= 1
        return number

    assert list(side_by_side(do, range(20), 2)) == list(range(20))
    assert most_seen <= 2


@given(count=st.integers(1, 12), most=st.integers(1, 4), broken=st.integers(0, 11), is_asking=st.booleans())
@settings(deadline=None)
def test_nothing_that_was_done_is_lost_where_one_fails(count: int, most: int, broken: int, is_asking: bool) -> None:
    done: list[int] = []

    def do(number: int) -> int:
        if number == broken and not is_asking:
            raise StopConnector("connect.stop")
        done.append(number)
        return number

    def things() -> Iterator[int]:
        for number in range(count):
            if number == broken and is_asking:
                raise StopConnector("connect.stop")
            yield number

    told: list[int] = []
    if broken < count:
        with pytest.raises(StopConnector):
            told.extend(side_by_side(do, things(), most))
    else:
        told.extend(side_by_side(do, things(), most))
    assert sorted(told) == sorted(done)
    assert set(range(min(broken, count))) <= set(told)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    walk = side_by_side(str, range(10), 2)
    assert next(walk) == "0"
    walk.close()  # type: ignore[attr-defined]  # it is a generator
    assert threading.active_count() == before
