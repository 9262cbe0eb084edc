"""Ahead: the next things travel, or are made, while the present one is stored; the last is read while the next one comes. Beside:
several travel at once."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Thing = TypeVar("Thing")
Made = TypeVar("Made")

# One thread at a time runs Python, 5 ms long if another waits for its turn. An answer is read in a dozen turns: at 5 ms each the
# CRM would stand idle while we store.
_TURN_SECONDS = 0.0002


def one_ahead(things: Iterator[Thing]) -> Iterator[Thing]:
    """As `some_ahead`, one at a time: memory holds two."""
    return some_ahead(things, 1)


def some_ahead(things: Iterator[Thing], most: int) -> Iterator[Thing]:
    """The same things in the same order. Up to `most` are asked for, one after the other by one other thread, while the one before
    them is in hand; never more. What asking raises is raised after the thing before was dealt with, so that nothing is lost that
    came; who stops early waits for the one that is on its way."""
    with _short_turns(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="crmsync-ahead") as asker:
        coming = deque([asker.submit(next, things, None)])
        try:
            while (thing := coming.popleft().result()) is not None:
                coming.extend(asker.submit(next, things, None) for _ in range(most - len(coming)))
                yield thing
        finally:
            for one in coming:
                one.cancel()


def one_behind(work: Callable[[Thing], Made], things: Iterable[Thing]) -> Iterator[Made]:
    """As `map`: another thread works on one thing while the next one is asked for in this one, which alone may ask for
    it; memory holds two."""
    with _short_turns(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="crmsync-behind") as worker:
        last: Future[Made] | None = None
        for thing in things:
            made = worker.submit(work, thing)
            if last is not None:
                yield last.result()
            last = made
        if last is not None:
            yield last.result()


def side_by_side(do: Callable[[Thing], Made], things: Iterable[Thing], most: int) -> Iterator[Made]:
    """What `do` makes of each thing, in the order of the things: up to `most` at once, in threads of their own, while what came of
    those before is in hand. What one of them raises is raised after all that was done beside it has been given: nothing that was
    done is lost, and nothing more is begun. What asking for a thing raises comes after all before it. Who stops early waits for
    those under way."""
    with _short_turns(), ThreadPoolExecutor(max_workers=most, thread_name_prefix="crmsync-beside") as doers:
        begun = deque[Future[Made]]()
        try:
            for one in _begun(doers, do, things):
                begun.append(one)
                if len(begun) > most:  # one more than there are threads: none of them waits for us
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        except Exception:
            yield from [one.result() for one in begun if not one.cancel() and one.exception() is None]
            raise
        finally:
            for one in begun:
                one.cancel()


def _begun(doers: ThreadPoolExecutor, do: Callable[[Thing], Made], things: Iterable[Thing]) -> Iterator[Future[Made]]:
    """What is under way, thing by thing; where asking raises, that is what comes of the last."""
    try:
        for thing in things:
            yield doers.submit(do, thing)
    except Exception as error:  # noqa: BLE001 - raised in its turn
        failed = Future[Made]()
        failed.set_exception(error)
        yield failed


def runs_of(things: Iterable[Thing], size: int) -> Iterator[tuple[Thing, ...]]:
    """The things in runs of `size`. What getting them raises comes after a last run of those that came before it."""
    run: list[Thing] = []
    try:
        for thing in things:
            run.append(thing)
            if len(run) == size:
                yield tuple(run)
                run = []
    except Exception:
        if run:
            yield tuple(run)
        raise
    if run:
        yield tuple(run)


class _Turns:
    """How many want short turns, and how long turns were before the first of them."""

    lock = threading.Lock()
    wanted = 0
    before_seconds = 0.0


@contextmanager
def _short_turns() -> Iterator[None]:
    """Threads take short turns until the last of those who want it has ended: the interpreter has one length for all."""
    with _Turns.lock:
        if not _Turns.wanted:
            _Turns.before_seconds = sys.getswitchinterval()
            sys.setswitchinterval(_TURN_SECONDS)
        _Turns.wanted += 1
    try:
        yield
    finally:
        with _Turns.lock:
            _Turns.wanted -= 1
            if not _Turns.wanted:
                sys.setswitchinterval(_Turns.before_seconds)
