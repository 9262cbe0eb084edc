"""Python's collector of reference cycles, kept out of the way of bulk work."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

# A page in hand is looked through with the rest: not at every page. What so many calls leave behind is less than a page.
_PAGES = 10


@contextmanager
def collector_at_rest() -> Iterator[Callable[[], None]]:
    """For a run of pages, or one large table. Records are made by the thousand, none of them refers to itself, and they go with
    their page: looking through them for cycles finds nothing and takes a fifth of the time, or more where they stay a while.
    Gives what is to be called after each page: now and then it looks through what is young, for the cycles that clients leave
    behind with every call."""
    was_on = gc.isenabled()
    gc.disable()
    pages = count(1)

    def sweep() -> None:
        if next(pages) % _PAGES == 0:
            gc.collect(0)

    try:
        yield sweep
    finally:
        if was_on:
            gc.enable()
