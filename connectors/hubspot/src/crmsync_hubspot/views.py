"""Which contacts' page views a run reads, by which source, and what their analytics tell. Pure: server time is an argument.

    source      what one record is                                               told by
    events      one view, with HubSpot's own id                                  Enterprise hubs
    analytics   the last page a contact looked at; `count` views since then      every portal, in place of events

A contact is read by one source in one run. Where the sources change, what the other one told is not told again: `seam` says up
to when.

    done         {"until": …, "wide": …, "source": …, "seam": …, "refused_at": …}
    on the way   {"since": …, "until": …, "after": last contact, "seam": …, "then": {done}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from crmsync.model.records import RawRecord
from crmsync_hubspot.records import MERGED_IDS
from crmsync_hubspot.values import instant, iso, millis
from crmsync_hubspot.windows import Lags, likely_since, next_window, settled_at

STREAM = "page_views"
PAGE_VIEW = "e_visited_page"
EVENTS, ANALYTICS = "events", "analytics"

LAST_SEEN = "hs_analytics_last_timestamp"
# Some portals know the beginning of the last visit only.
LAST_VISIT = "hs_analytics_last_visit_timestamp"
LAST_URL = "hs_analytics_last_url"
VIEWS = "hs_analytics_num_page_views"

# How often a portal that refused event occurrences is asked again: its plan may have grown.
ASK_AGAIN = timedelta(days=1)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Views:
    """All views up to `until` are stored, the last ones told by `source` ("" before the first). `wide` is the end of the last
    window that reached back for late rows; `seam` is up to when the other source told; `refused_at` when the portal last said
    that it has no events."""

    until: datetime
    wide: datetime
    source: str = ""
    seam: datetime | None = None
    refused_at: datetime | None = None

    def may_have_events(self, now: datetime) -> bool:
        """Whether events are worth asking for."""
        return self.refused_at is None or now - self.refused_at >= ASK_AGAIN


@dataclass(frozen=True, slots=True)
class ViewWindow:
    """Contacts seen since `since`, by id from `after`; `then` holds once they are stored. `seam` is up to when events told of
    contacts whose analytics are read in this window."""

    since: datetime
    until: datetime
    then: Views
    seam: datetime | None = None
    after: int = 0

    @property
    def analytics_told(self) -> bool:
        """Whether analytics may have told of views that events would tell again."""
        then = self.then
        return then.source == ANALYTICS or (then.source == EVENTS and then.seam is not None and self.since <= then.seam)


@dataclass(frozen=True, slots=True)
class Seen:
    """What analytics told of a contact: when it was last seen, and its views until then."""

    at: datetime
    views: int


def asked_since(cursor: Mapping[str, Any] | None, hint: datetime | None, lags: Lags) -> tuple[datetime, int] | None:
    """From when, and after which contact, visitors are searched before HubSpot's clock is known (`hint`: its last answer's time);
    None without a cursor. A window that is then due to begin earlier is asked again."""
    held = cursor or {}
    since, until = instant(held.get("since")), instant(held.get("until"))
    if until is None:
        return None
    if since:
        return since, int(held.get("after") or 0)
    return likely_since(replace(settled_at(until), wide=_views(held, until).wide), hint, lags), 0


def view_window(cursor: Mapping[str, Any] | None, now: datetime, lags: Lags, first: datetime) -> ViewWindow:
    """Go on where the cursor says, or begin the next window; `first` is where a stream without a cursor begins."""
    held = cursor or {}
    since, until = instant(held.get("since")), instant(held.get("until"))
    if since and until:
        return ViewWindow(
            since, until, _views(held.get("then") or {}, until), instant(held.get("seam")), int(held.get("after") or 0)
        )
    if until is None:
        end = max(now - lags.settle, first)
        return ViewWindow(first, end, Views(end, end))
    done = _views(held, until)
    next_ = next_window(replace(settled_at(until), wide=done.wide), now, lags)
    # A later window may reach back further than this one, for late rows.
    furthest = min(next_.since, next_.then.wide - lags.trailing - lags.overlap)
    is_past = done.source == EVENTS and done.seam is not None and furthest > done.seam
    then = replace(done, until=next_.until, wide=next_.then.wide, seam=None if is_past else done.seam)
    return ViewWindow(next_.since, next_.until, then, until if done.source == EVENTS else done.seam)


def read_as_events(window: ViewWindow, now: datetime) -> ViewWindow:
    """The window after events were given. Where analytics told so far, they did up to now at most."""
    then = window.then
    seam = now if then.source == ANALYTICS else then.seam
    return replace(window, then=replace(then, source=EVENTS, seam=seam, refused_at=None))


def refused_events(window: ViewWindow, now: datetime) -> ViewWindow:
    """The window after events were refused. Where they told so far, they did up to the end of this window at most."""
    then = window.then
    seam = window.until if then.source == EVENTS else then.seam
    return replace(window, then=replace(then, source=ANALYTICS, seam=seam, refused_at=now))


def dump_views(state: ViewWindow | Views) -> dict[str, Any]:
    """The state as a cursor of JSON values."""
    if isinstance(state, Views):
        told = {"until": state.until, "wide": state.wide, "seam": state.seam, "refused_at": state.refused_at}
        return {"source": state.source} | {name: iso(at) for name, at in told.items() if at is not None}
    place: dict[str, Any] = {"since": iso(state.since), "until": iso(state.until), "after": str(state.after)}
    return place | ({"seam": iso(state.seam)} if state.seam else {}) | {"then": dump_views(state.then)}


def _views(held: Mapping[str, Any], until: datetime) -> Views:
    end = instant(held.get("until")) or until
    source = str(held.get("source") or "")
    return Views(end, instant(held.get("wide")) or end, source, instant(held.get("seam")), instant(held.get("refused_at")))


def event_record(row: Row) -> RawRecord:
    """One event; its own properties stand beside its facts, the contact under its association."""
    fields = {key: (None if value == "" else value) for key, value in (row.get("properties") or {}).items()}
    fields |= {key: row.get(key) for key in ("eventType", "objectType", "occurredAt")}
    contact_id = str(row.get("objectId"))
    fields |= {"objectId": contact_id, "associations.contacts": [contact_id], "source": EVENTS, "count": 1}
    return RawRecord(STREAM, str(row["id"]), fields, instant(row.get("occurredAt")))


def told_by_analytics(row: Row, told: Mapping[str, Seen], seam: datetime | None) -> RawRecord | None:
    """The view that a contact's analytics tell of, None where they tell nothing new. `told` is what they told before, `seam` up
    to when events did. The id is made of contact, time and views: read again it is the same record."""
    properties = row.get("properties") or {}
    at = last_seen(properties)
    if at is None or (seam is not None and at <= seam):
        return None
    before = seen_before(row, told)
    views = _count(properties.get(VIEWS))
    if before is not None and at <= before.at and (at < before.at or views <= before.views):
        return None
    contact_id = str(row["id"])
    fields = {
        "eventType": PAGE_VIEW,
        "objectType": "CONTACT",
        "objectId": contact_id,
        "occurredAt": iso(at),
        "hs_url": properties.get(LAST_URL) or None,
        "source": ANALYTICS,
        "count": _since(views, before, seam),
        "associations.contacts": [contact_id],
    }
    return RawRecord(STREAM, f"{ANALYTICS}-{contact_id}-{millis(at)}-{views}", fields, at)


def _since(views: int, before: Seen | None, seam: datetime | None) -> int:
    """How many views are new: at least the one that moved the stamp. What events told meanwhile is in the total, uncounted."""
    if seam is not None and (before is None or before.at <= seam):
        return 1
    return max(1, views - (before.views if before else 0))


def last_seen(properties: Mapping[str, Any]) -> datetime | None:
    """When a contact was last seen on the site, as far as its properties say."""
    return instant(properties.get(LAST_SEEN)) or instant(properties.get(LAST_VISIT))


def seen_before(row: Row, told: Mapping[str, Seen]) -> Seen | None:
    """What analytics told of a contact before; of those it was merged from where it is new itself (a merged contact has the
    views of both)."""
    own = told.get(str(row["id"]))
    if own is not None:
        return own
    ids = str((row.get("properties") or {}).get(MERGED_IDS) or "").split(";")
    merged = [told[id_] for id_ in dict.fromkeys(part.strip() for part in ids) if id_ in told]
    return Seen(max(one.at for one in merged), sum(one.views for one in merged)) if merged else None


def told_so_far(ids: Iterable[str]) -> dict[str, Seen]:
    """Contact → what analytics last told of it, from the ids of the stored records."""
    found: dict[str, Seen] = {}
    for id_ in ids:
        source, _, rest = id_.partition("-")
        parts = rest.split("-")
        at = instant(parts[1]) if source == ANALYTICS and len(parts) == 3 else None
        if at is not None and parts[2].isdecimal():
            seen = Seen(at, int(parts[2]))
            old = found.get(parts[0])
            found[parts[0]] = seen if old is None or (old.at, old.views) < (seen.at, seen.views) else old
    return found


def _count(value: Any) -> int:
    try:
        return max(0, int(float(str(value or 0))))
    except (ValueError, OverflowError):
        return 0
