"""Pulling form submissions.

They come newest first, per form, so progress is kept aside until the end: the cursor of a page names the last form that is
stored whole, and `until` moves only with the last page.

    done         {"until": …, "forms": […]}     forms that were not there before are read from their beginning
    on the way   {"since": …, "until": …, "after": last form, "forms": […]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Page, PullRequest
from crmsync.connect.paging import behind
from crmsync.model.records import RawRecord
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.values import instant, iso
from crmsync_hubspot.windows import FLOOR

FORM_TYPE_NOT_ALLOWED = "FORM_TYPE_NOT_ALLOWED"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one run reads: (`since`, `until`], forms after `after`; `known` are the forms of earlier runs
    (None: there was none, everything is read from `since`)."""

    since: datetime
    until: datetime
    after: str = ""
    known: frozenset[str] | None = None

    def cursor(self, after: str) -> dict[str, Any]:
        """The cursor on the way, once the forms up to `after` are stored."""
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


def submission_pages(portal: Portal, options: Options, request: PullRequest) -> Iterator[Page]:
    """Submissions of each known form, newest first, down to the first that is older than the stretch."""
    names = {str(row["id"]): row.get("name") for row in portal.forms()}
    stretch = stretch_of(request.cursor, behind(portal.client.server_time(), request.now), options, FLOOR)
    ids = sorted(set(request.known("forms")) | set(names))
    for form_id in (id_ for id_ in ids if id_ > stretch.after):
        since = stretch.since if stretch.known is None or form_id in stretch.known else FLOOR
        held_back: list[RawRecord] = []
        for answer in _answers(portal, form_id, since, is_listed=form_id in names):
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


def _answers(portal: Portal, form_id: str, since: datetime, *, is_listed: bool) -> Iterator[list[Row]]:
    """A form's submissions from the newest down to `since`, page by page. Some kinds of forms have none to give, and one that
    was deleted since may not either."""
    try:
        for answer in portal.submissions(form_id):
            rows = answer.get("results") or ()
            fresh = [row for row in rows if (instant(row.get("submittedAt")) or since) >= since]
            yield fresh
            if len(fresh) < len(rows):
                return
    except CallRejected as error:
        is_deleted = error.status == 404 and not is_listed
        if FORM_TYPE_NOT_ALLOWED not in f"{error.vendor_code} {error.message}" and not is_deleted:
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
