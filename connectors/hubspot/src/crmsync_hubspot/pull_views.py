"""Pulling page views: event occurrences where the portal has them, else what the contacts' analytics tell (views.py).

Either way the contacts that were seen since the last run are searched, by id: one call for 200. Events are one call for each of
them; the first that is refused (403) turns the run to the analytics, which the search brought along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Notice, Page, PullRequest, unread
from crmsync.connect.paging import behind
from crmsync.model.records import RawRecord
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import Portal, chunks
from crmsync_hubspot.records import MERGED_IDS, ends_search
from crmsync_hubspot.rules import NOT_HERE
from crmsync_hubspot.values import iso, millis
from crmsync_hubspot.views import (
    LAST_SEEN,
    LAST_URL,
    LAST_VISIT,
    PAGE_VIEW,
    STREAM,
    VIEWS,
    Row,
    Seen,
    ViewWindow,
    asked_since,
    dump_views,
    event_record,
    read_as_events,
    refused_events,
    seen_before,
    told_by_analytics,
    told_so_far,
    view_window,
)
from crmsync_hubspot.windows import FLOOR, SEARCH_LIMIT

# Contacts read between two commits: with events, each is one call.
CONTACTS_PER_PAGE = 50


def page_view_pages(portal: Portal, catalogue: Catalogue, options: Options, request: PullRequest) -> Iterator[Page]:
    """The page views since the request's cursor. A portal without any analytics properties has none to give."""
    properties = catalogue.fields("contacts", (LAST_SEEN, LAST_VISIT, LAST_URL, VIEWS, MERGED_IDS))
    moved = next((name for name in (LAST_SEEN, LAST_VISIT) if name in properties), None)
    if moved is None:
        yield Page((), dict(request.cursor or {}), notices=(unread(STREAM, "hs_analytics_last_timestamp"),))
        return
    yield from ViewPull(portal, properties, moved, options, lambda: request.known(STREAM), request.now).pages(request.cursor)


class ViewPull:
    """One run. `moved` is the property by which contacts are searched, `known` the ids of the stored page views, `now` the run's
    instant by our clock."""

    def __init__(
        self,
        portal: Portal,
        properties: Sequence[str],
        moved: str,
        options: Options,
        known: Callable[[], Iterable[str]],
        now: datetime | None,
    ) -> None:
        self._portal = portal
        self._properties = properties
        self._moved = moved
        self._options = options
        self._known = known
        self._ours = now

    def pages(self, cursor: Mapping[str, Any] | None) -> Iterator[Page]:
        """Pages until all contacts of the window are read."""
        window, answer = self._opened(cursor)
        while True:
            rows = sorted(answer.get("results") or (), key=lambda row: int(row["id"]))
            for part in chunks(rows, CONTACTS_PER_PAGE):
                records, window = self._read(part, window)
                window = replace(window, after=int(part[-1]["id"]))
                yield Page(records, dump_views(window))
            if ends_search(answer):
                break
            answer = self._visitors(window.since, window.after)
        yield Page((), dump_views(window.then), notices=self._notices(window))

    @staticmethod
    def _notices(window: ViewWindow) -> tuple[Notice, ...]:
        """That single views cannot be read here, as long as it is so."""
        return (Notice("connect.views_by_analytics", {}, stands=True),) if window.then.refused_at else ()

    def _opened(self, cursor: Mapping[str, Any] | None) -> tuple[ViewWindow, Row]:
        """The window, and the answer with the first visitors in it, which tells HubSpot's clock."""
        lags = self._options.lags
        theirs = self._portal.client.server_time_or_none()
        hint = theirs and behind(theirs, self._ours)
        since, after = asked_since(cursor, hint, lags) or (self._first_since(), 0)
        answer = self._visitors(since, after)
        window = view_window(cursor, self._now, lags, since)
        return window, (answer if window.since == since else self._visitors(window.since, window.after))

    def _first_since(self) -> datetime:
        """Where a stream without a cursor begins."""
        return max(behind(self._portal.now(), self._ours) - self._options.page_views_since, FLOOR)

    @property
    def _now(self) -> datetime:
        """HubSpot's clock as of its last answer, or ours where that is behind."""
        return behind(self._portal.client.server_time(), self._ours)

    @cached_property
    def _told(self) -> Mapping[str, Seen]:
        """Read from the store once, and only where it is needed."""
        return told_so_far(self._known())

    def _visitors(self, since: datetime, after: int) -> Row:
        """Contacts seen on the site since then, by id. There is no upper end: one who came back meanwhile has left the window of
        its earlier visit, which must be read all the same."""
        filters = [
            {"propertyName": self._moved, "operator": "GTE", "value": str(millis(since))},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(after)},
        ]
        body: dict[str, Any] = {
            "filterGroups": [{"filters": filters}],
            "sorts": ["hs_object_id"],
            "properties": list(self._properties),
            "limit": SEARCH_LIMIT,
            "after": "0",
        }
        return self._portal.search("contacts", body)

    def _read(self, rows: Sequence[Row], window: ViewWindow) -> tuple[tuple[RawRecord, ...], ViewWindow]:
        """The views of these contacts, all by one source, and the window that is true with them."""
        if window.then.may_have_events(self._now):
            try:
                records = tuple(one for row in rows for one in self._events(row, window))
            except CallRejected as error:
                if error.status not in NOT_HERE:
                    raise
                window = refused_events(window, self._now)
            else:
                return records, read_as_events(window, self._now)
        found = (told_by_analytics(row, self._told, window.seam) for row in rows)
        return tuple(record for record in found if record is not None), window

    def _events(self, row: Row, window: ViewWindow) -> Iterator[RawRecord]:
        """One contact's views, without those that analytics told before."""
        if window.until <= window.since:
            return
        before = seen_before(row, self._told) if window.analytics_told else None
        between = {"occurredAfter": iso(window.since), "occurredBefore": iso(window.until)}
        try:
            for event in self._portal.events(PAGE_VIEW, {"objectId": str(row["id"])} | between):
                record = event_record(event)
                if before is None or record.modified_at is None or record.modified_at > before.at:
                    yield record
        except CallRejected as error:
            # A contact that went away meanwhile has no events; where it is still there, it is the endpoint that is not.
            if error.status != 404 or self._portal.get("contacts", str(row["id"]), ()) is not None:
                raise
