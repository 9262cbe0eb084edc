"""Pulling what happened: form submissions, and page views where the portal has them.

Both come newest first or per parent, so progress is kept aside until the end: the cursor of a page names the last parent that
is stored whole, and `until` moves only with the last page.

    submissions   {"until": …, "forms": […]}     forms that were not there before are read from their beginning
    page views    {"until": …}
    on the way    {"since": …, "until": …, "after": last parent, …}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Page
from crmsync.model.records import RawRecord
from crmsync_hubspot.catalogue import PAGE_VIEW
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import Portal, chunks
from crmsync_hubspot.values import instant, iso, millis
from crmsync_hubspot.windows import FLOOR, SEARCH_LIMIT

LAST_SEEN = "hs_analytics_last_timestamp"
FORM_TYPE_NOT_ALLOWED = "FORM_TYPE_NOT_ALLOWED"
# Contacts read between two commits: each is one call.
CONTACTS_PER_PAGE = 50

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one run reads: (`since`, `until`], parents after `after`; `known` are the forms of earlier runs
    (None: there was none, everything is read from `since`)."""

    since: datetime
    until: datetime
    after: str = ""
    known: frozenset[str] | None = None

    def cursor(self, after: str) -> dict[str, Any]:
        """The cursor on the way, once the parents up to `after` are stored."""
        place = {"since": iso(self.since), "until": iso(self.until), "after": after}
        return place if self.known is None else place | {"forms": sorted(self.known)}


def stretch_of(cursor: Mapping[str, Any] | None, now: datetime, options: Options, first: datetime) -> Stretch:
    """Go on where the cursor says, or begin the next stretch; `first` is where a stream without a cursor begins."""
    held = cursor or {}
    known = frozenset(held["forms"]) if "forms" in held else None
    until = instant(held.get("until"))
    since = instant(held.get("since"))
    if until and since:
        return Stretch(since, until, str(held.get("after") or ""), known)
    end = max(now - options.lags.settle, until or FLOOR)
    return Stretch(max(until - options.lags.overlap, FLOOR) if until else first, end, "", known)


def submission_pages(portal: Portal, options: Options, cursor: Mapping[str, Any] | None, forms: Iterable[str]) -> Iterator[Page]:
    """Submissions of each known form, newest first, down to the first that is older than the stretch."""
    stretch = stretch_of(cursor, portal.now(), options, FLOOR)
    names = {str(row["id"]): row.get("name") for row in portal.forms()}
    ids = sorted(set(forms) | set(names))
    for form_id in (id_ for id_ in ids if id_ > stretch.after):
        since = stretch.since if stretch.known is None or form_id in stretch.known else FLOOR
        held_back: list[RawRecord] = []
        for answer in _answers(portal, form_id, since):
            if held_back:
                yield Page(tuple(held_back), stretch.cursor(_before(ids, form_id, stretch.after)))
            held_back = [submission_record(form_id, names.get(form_id), row) for row in answer]
        if held_back:
            yield Page(tuple(held_back), stretch.cursor(form_id))
    yield Page((), {"until": iso(stretch.until), "forms": ids})


def _before(ids: list[str], form_id: str, start: str) -> str:
    """The last form that is stored whole while `form_id` is being read."""
    at = ids.index(form_id)
    return max(ids[at - 1], start) if at else start


def _answers(portal: Portal, form_id: str, since: datetime) -> Iterator[list[Row]]:
    """A form's submissions from the newest down to `since`, page by page. Some kinds of forms have none to give."""
    try:
        for answer in portal.submissions(form_id):
            rows = answer.get("results") or ()
            fresh = [row for row in rows if (instant(row.get("submittedAt")) or since) >= since]
            yield fresh
            if len(fresh) < len(rows):
                return
    except CallRejected as error:
        if FORM_TYPE_NOT_ALLOWED not in f"{error.vendor_code} {error.message}" and error.status not in (403, 404):
            raise


def submission_record(form_id: str, name: Any, row: Row) -> RawRecord:
    """One submission. A value that was given several times (check boxes) keeps them all, joined as HubSpot joins them."""
    values: dict[str, Any] = {}
    for given in row.get("values") or ():
        key, value = str(given.get("name")), given.get("value")
        values[key] = f"{values[key]};{value}" if key in values and value is not None else value
    fields = {
        "form_guid": form_id,
        "form_name": name,
        "submittedAt": row.get("submittedAt"),
        "pageUrl": row.get("pageUrl") or None,
        "values": {key: (None if value == "" else value) for key, value in values.items()},
    }
    return RawRecord("form_submissions", str(row["conversionId"]), fields, instant(row.get("submittedAt")))


def page_view_pages(portal: Portal, options: Options, cursor: Mapping[str, Any] | None) -> Iterator[Page]:
    """Page views of the contacts that were seen since the last run: searching them is one call for 200, reading each is one."""
    now = portal.now()
    stretch = stretch_of(cursor, now, options, max(now - options.page_views_since, FLOOR))
    after_id = int(stretch.after or 0)
    while True:
        ids = _seen_contacts(portal, stretch.since, after_id)
        for part in chunks(ids, CONTACTS_PER_PAGE):
            records = tuple(one for id_ in part for one in _views(portal, id_, stretch))
            after_id = part[-1]
            yield Page(records, stretch.cursor(str(after_id)))
        if len(ids) < SEARCH_LIMIT:
            break
    yield Page((), {"until": iso(stretch.until)})


def _seen_contacts(portal: Portal, since: datetime, after_id: int) -> list[int]:
    """Contacts seen on the site since then, by id. There is no upper end: one who came back meanwhile has left the window of
    its earlier visit, which must be read all the same."""
    filters = [
        {"propertyName": LAST_SEEN, "operator": "GTE", "value": str(millis(since))},
        {"propertyName": "hs_object_id", "operator": "GT", "value": str(after_id)},
    ]
    body = {
        "filterGroups": [{"filters": filters}],
        "sorts": ["hs_object_id"],
        "properties": [LAST_SEEN],
        "limit": SEARCH_LIMIT,
        "after": "0",
    }
    found = portal.search("contacts", body).get("results") or ()
    return sorted(int(row["id"]) for row in found)


def _views(portal: Portal, contact_id: int, stretch: Stretch) -> Iterator[RawRecord]:
    between = {"occurredAfter": iso(stretch.since), "occurredBefore": iso(stretch.until)}
    for row in portal.events(PAGE_VIEW, {"objectId": str(contact_id)} | between):
        yield view_record(row)


def view_record(row: Row) -> RawRecord:
    """One page view; the event's own properties stand beside its facts, the contact under its association."""
    fields = {key: (None if value == "" else value) for key, value in (row.get("properties") or {}).items()}
    fields |= {key: row.get(key) for key in ("eventType", "objectType", "occurredAt")}
    contact_id = str(row.get("objectId"))
    fields |= {"objectId": contact_id, "associations.contacts": [contact_id]}
    return RawRecord("page_views", str(row["id"]), fields, instant(row.get("occurredAt")))
