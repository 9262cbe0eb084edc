"""One page ahead: the next page travels while the present one is stored."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from crmsync.connect.contract import Page


def one_ahead(pages: Iterator[Page]) -> Iterator[Page]:
    """The same pages in the same order. A page is asked for when the one before it is handed out, by one other thread, and never
    more than one: memory holds two pages. What fetching raises is raised after the page before was dealt with, so that nothing
    fetched is lost; who stops early waits for the page that is on its way."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="crmsync-fetch") as fetcher:
        coming = fetcher.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = fetcher.submit(next, pages, None)
            yield page
