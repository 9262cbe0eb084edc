"""Pulling what only figures are made of: marketing campaigns with what was spent on them, and visits by day and source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Page, PullRequest, unread
from crmsync.model.records import RawRecord
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.reports import Told, is_due, read, refused, visit_records
from crmsync_hubspot.schema import fixed_schema
from crmsync_hubspot.values import instant

# A report over more days than one answer may tell of, or than HubSpot wants to work out.
TOO_LONG = frozenset({413, 501})

Row = Mapping[str, Any]


def report_pages(portal: Portal, options: Options, request: PullRequest) -> Iterator[Page]:
    """The report where it is due, else a page that says nothing new. A refusal of any kind is told and rests: figures are worth
    no cycle. What was stored before it stays."""
    cursor = dict(request.cursor or {})
    now = request.now or portal.client.server_time_or_none() or portal.now()
    if not is_due(cursor, now, options.reports_every):
        yield _still(request.object, cursor)
        return
    try:
        yield from _campaigns(portal, request, now) if request.object == "campaigns" else _visits(portal, options, cursor, now)
    except CallRejected as error:
        yield _still(request.object, refused(cursor, now, f"{error.vendor_code}: {error.message}"))


def _still(object: str, cursor: dict[str, Any]) -> Page:
    notices = (unread(object, str(cursor.get("why") or "")),) if "refused_at" in cursor else ()
    return Page((), cursor, notices=notices)


def _campaigns(portal: Portal, request: PullRequest, now: datetime) -> Iterator[Page]:
    """All of them at once; one that is listed no more is gone, and what it cost with it."""
    rows = {str(row["id"]): row for row in portal.campaigns(tuple(fixed_schema("campaigns").fields))}
    gone = sorted(set(request.known("campaigns")) - set(rows))
    records = [campaign_record(id_, row) for id_, row in rows.items()]
    records += [RawRecord("campaigns", id_, {}, None, is_deleted=True) for id_ in gone]
    yield Page(tuple(records), read(now), len(rows))


def _visits(portal: Portal, options: Options, cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """The days since the last reading and the last days again, stretch by stretch; after a stop it goes on behind the last."""
    told, today = Told.of(cursor), portal.today(now)
    for first, last in told.stretches(today, options.visits_days):
        records, told = visit_records(_report(portal, first, last), first, last, told)
        done = read(now) if last == today else {"read_at": cursor["read_at"]} if "read_at" in cursor else {}
        yield Page(tuple(records), {**done, **told.dump()})


def _report(portal: Portal, first: date, last: date) -> Mapping[str, Any]:
    """The answer for these days, in halves where one call is too much."""
    try:
        return portal.visits(first, last)
    except CallRejected as error:
        if error.status not in TOO_LONG or first == last:
            raise
    middle = first + (last - first) // 2
    return {**_report(portal, first, middle), **_report(portal, middle + timedelta(days=1), last)}


def campaign_record(id_: str, row: Row) -> RawRecord:
    """A campaign with its properties; HubSpot leaves out those that are empty."""
    given = row.get("properties") or {}
    fields = {name: given.get(name) or None for name in fixed_schema("campaigns").fields}
    return RawRecord("campaigns", id_, fields, instant(row.get("updatedAt")))
