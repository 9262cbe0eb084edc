"""One ahead: the next thing travels while the present one is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")


def one_ahead(things: Iterator[Thing]) -> Iterator[Thing]:
    """The same things in the same order. One is asked for when the one before it is handed out, by one other thread, and never
    more than one: memory holds two. What asking raises is raised after the thing before was dealt with, so that nothing is lost
    that came; who stops early waits for the one that is on its way."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="crmsync-ahead") as asker:
        coming = asker.submit(next, things, None)
        while (thing := coming.result()) is not None:
            coming = asker.submit(next, things, None)
            yield thing


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
