"""What visits, forms and e-mails do to a contact's read-only analytics properties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from crmsync.sandbox.hubspot.activity import Activity, Form, Submission, derived_id
from crmsync.sandbox.hubspot.errors import invalid
from crmsync.sandbox.hubspot.objects import Objects
from crmsync.sandbox.hubspot.records import Record, Source
from crmsync.sandbox.hubspot.times import from_iso, milliseconds
from crmsync.sandbox.hubspot.types import TYPES

_ANALYTICS = Source("ANALYTICS", "ContactAnalyticsDetailsUpdateWorker")
_SESSION = timedelta(minutes=30)
"""A pause of this length begins a new visit."""
_MAIL = {
    "open": (("hs_email_last_open_date", "hs_sales_email_last_opened"), "hs_email_open"),
    "click": (("hs_email_last_click_date", "hs_sales_email_last_clicked"), "hs_email_click"),
    "reply": (("hs_sales_email_last_replied",), ""),
}


def submit(objects: Objects, activity: Activity, form: Form, values: Mapping[str, str], page_url: str) -> str:
    """Take a submission; gives the contact's id. Raises PortalError for values that a contact does not take."""
    kind, now = TYPES["contacts"], objects.now()
    source = Source("FORM", form.guid, form.name)
    known = {name: value for name, value in values.items() if (d := objects.definitions["contacts"].get(name)) and d.writable}
    contact = objects.find(kind, values.get("email", ""), "email") if values.get("email") else None
    if contact is None:
        contact = objects.commit(objects.draft_create(kind, {"lifecyclestage": "lead", **known}), source)
    else:
        stage = {} if contact.values.get("lifecyclestage") else {"lifecyclestage": "lead"}
        objects.commit(objects.draft_update(kind, contact, {**stage, **known}), source)
    at_ms = milliseconds(from_iso(now))
    number = derived_id("submission", form.guid, at_ms, len(form.submissions))
    form.submissions.append(Submission(number, at_ms, page_url, tuple(values.items())))
    form.senders.add(contact.values.get("email", ""))
    objects.refresh(kind, contact, _conversion(activity, form, contact, page_url, now), touches=True, source=_ANALYTICS)
    return str(contact.id)


def _conversion(activity: Activity, form: Form, contact: Record, page_url: str, now: str) -> dict[str, str]:
    present = contact.values
    event = f"{page_url}: {form.name}" if page_url else form.name
    earlier = present.get("num_conversion_events", "0") or "0"
    unique = sum(present.get("email", "") in other.senders for other in activity.forms.values())
    found = {
        "recent_conversion_event_name": event,
        "recent_conversion_date": now,
        "num_conversion_events": str(int(earlier) + 1),
        "num_unique_conversion_events": str(max(1, unique)),
        "hs_latest_source": "DIRECT_TRAFFIC",
        "hs_latest_source_timestamp": now,
    }
    if not present.get("first_conversion_date"):
        found |= {"first_conversion_event_name": event, "first_conversion_date": now}
    if not present.get("hs_analytics_source"):
        found["hs_analytics_source"] = "DIRECT_TRAFFIC"
    return found


def view(objects: Objects, activity: Activity, contact: Record, url: str, *, touches: bool) -> None:
    """A page view: one event, and the counters; a pause of half an hour makes it a new visit."""
    kind, now, present = TYPES["contacts"], objects.now(), contact.values
    activity.events.add(contact.id, "e_visited_page", now, {"hs_url": url, "hs_title": url.rpartition("/")[2]})
    last = present.get("hs_analytics_last_timestamp", "")
    new_visit = not last or from_iso(now) - from_iso(last) >= _SESSION
    values = {
        "hs_analytics_num_page_views": _plus_one(present, "hs_analytics_num_page_views"),
        "hs_analytics_last_timestamp": now,
        "hs_analytics_last_url": url,
    }
    if new_visit:
        values["hs_analytics_num_visits"] = _plus_one(present, "hs_analytics_num_visits")
        values["hs_analytics_last_visit_timestamp"] = now
    if not present.get("hs_analytics_first_timestamp"):
        values |= {"hs_analytics_first_timestamp": now, "hs_analytics_first_url": url}
    objects.refresh(kind, contact, values, touches=touches, source=_ANALYTICS)


def email(objects: Objects, contact: Record, kind: str, name: str, *, touches: bool) -> None:
    """An e-mail was opened, clicked in or answered. Raises PortalError 400 for another word."""
    if kind not in _MAIL:
        raise invalid(f"{kind} is nothing that happens to an e-mail")
    dates, counter = _MAIL[kind]
    values = dict.fromkeys(dates, objects.now())
    if counter:
        values[counter] = _plus_one(contact.values, counter)
    if name:
        values["hs_email_last_email_name"] = name
    objects.refresh(TYPES["contacts"], contact, values, touches=touches, source=Source("EMAIL"))


def _plus_one(values: Mapping[str, str], name: str) -> str:
    return str(int(values.get(name) or "0") + 1)
