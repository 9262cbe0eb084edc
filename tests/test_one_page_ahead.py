"""The next page travels while the present one is stored, and nothing else changes by that."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from crmsync.ahead import one_ahead, one_behind, runs_of, some_ahead
from crmsync.connect.contract import Page
from crmsync.errors import StopConnector

PATIENCE_SECONDS = 5.0


def page(number: int) -> Page:
    return Page((), {"after": number})


def numbers(pages: Iterator[Page]) -> list[int]:
    return [each.cursor["after"] for each in pages]


def test_pages_come_in_their_order() -> None:
    assert numbers(one_ahead(page(n) for n in range(50))) == list(range(50))


def test_no_pages_are_no_pages() -> None:
    assert numbers(one_ahead(iter(()))) == []


def test_the_next_page_is_fetched_while_the_present_one_is_in_hand() -> None:
    fetched = threading.Event()

    def pages() -> Iterator[Page]:
        yield page(0)
        fetched.set()
        yield page(1)

    walk = one_ahead(pages())
    next(walk)
    assert fetched.wait(PATIENCE_SECONDS)
    assert numbers(walk) == [1]


def test_never_more_than_one_page_is_fetched_ahead() -> None:
    begun: list[int] = []

    def pages() -> Iterator[Page]:
        for number in range(6):
            begun.append(number)
            yield page(number)

    for each in one_ahead(pages()):
        assert max(begun) <= each.cursor["after"] + 1


def test_as_many_as_may_wait_are_fetched_and_no_more() -> None:
    begun: list[int] = []
    fetched = threading.Event()

    def pages() -> Iterator[Page]:
        for number in range(9):
            begun.append(number)
            if number == 3:
                fetched.set()
            yield page(number)

    walk = some_ahead(pages(), 3)
    next(walk)
    assert fetched.wait(PATIENCE_SECONDS)
    assert max(begun) == 3
    for each in walk:
        assert max(begun) <= each.cursor["after"] + 3


def test_who_stops_early_asks_for_nothing_that_only_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    on_its_way, is_closing = threading.Event(), threading.Event()

    def pages() -> Iterator[Page]:
        for number in range(9):
            begun.append(number)
            if number == 1:
                on_its_way.set()
                is_closing.wait(PATIENCE_SECONDS)
            yield page(number)

    ended = ThreadPoolExecutor.shutdown
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", lambda *args, **kwargs: (is_closing.set(), ended(*args, **kwargs)))
    walk = some_ahead(pages(), 3)
    next(walk)
    assert on_its_way.wait(PATIENCE_SECONDS)
    walk.close()  # type: ignore[attr-defined]  # it is a generator
    assert is_closing.is_set()
    assert max(begun) == 1


def test_what_fetching_raises_comes_after_the_page_before_was_dealt_with() -> None:
    stored: list[int] = []

    def pages() -> Iterator[Page]:
        yield page(0)
        yield page(1)
        raise StopConnector("connect.stop")

    with pytest.raises(StopConnector):
        stored.extend(each.cursor["after"] for each in one_ahead(pages()))
    assert stored == [0, 1]


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    walk = one_ahead(page(n) for n in range(10))
    assert next(walk).cursor == {"after": 0}
    walk.close()  # type: ignore[attr-defined]  # it is a generator
    assert threading.active_count() == before


def test_threads_take_short_turns_until_the_last_of_several_walks_has_ended() -> None:
    usual = sys.getswitchinterval()
    one, other = one_ahead(iter([1, 2])), one_ahead(iter([1, 2]))
    next(one)
    short = sys.getswitchinterval()
    assert short < usual
    next(other)
    assert list(one) == [2]
    assert sys.getswitchinterval() == short
    assert list(other) == [2]
    assert sys.getswitchinterval() == usual


def test_runs_hold_everything_in_order_and_what_came_before_an_error_comes_first() -> None:
    def receipts() -> Iterator[int]:
        yield from range(5)
        raise StopConnector("connect.stop")

    runs: list[tuple[int, ...]] = []
    with pytest.raises(StopConnector):
        runs.extend(runs_of(receipts(), 2))
    assert runs == [(0, 1), (2, 3), (4,)]
    assert list(runs_of(range(4), 2)) == [(0, 1), (2, 3)]
    assert list(runs_of((), 2)) == []


def test_what_another_thread_makes_of_things_comes_in_their_order() -> None:
    assert list(one_behind(str, range(50))) == [str(n) for n in range(50)]
    assert list(one_behind(str, ())) == []


def test_one_is_worked_on_while_the_next_is_asked_for_by_the_thread_that_wants_them() -> None:
    asked = threading.Event()
    askers: set[int] = set()

    def things() -> Iterator[int]:
        for number in range(4):
            askers.add(threading.get_ident())
            if number == 1:
                asked.set()
            yield number

    def work(number: int) -> int:
        assert asked.wait(PATIENCE_SECONDS)
        assert threading.get_ident() not in askers
        return number

    assert list(one_behind(work, things())) == list(range(4))
    assert askers == {threading.get_ident()}


def test_no_more_than_the_next_is_asked_for_before_the_last_is_handed_on() -> None:
    begun: list[int] = []

    def things() -> Iterator[int]:
        for number in range(6):
            begun.append(number)
            yield number

    for made in one_behind(lambda number: number, things()):
        assert max(begun) <= made + 1


def test_what_work_raises_is_raised_where_its_result_is_wanted() -> None:
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        seen.extend(one_behind(lambda number: 6 // number, [2, 1, 0, 3]))
    assert seen == [3, 6]
