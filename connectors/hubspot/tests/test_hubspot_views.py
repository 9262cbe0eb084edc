"""Page views: events where the portal has them, else what the contacts' analytics tell; never both, never twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmsync.model.records import RawRecord
from crmsync.sandbox.faults import FaultKind
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync_hubspot.views import ASK_AGAIN, Seen, Views, ViewWindow, dump_views, told_by_analytics, told_so_far, view_window
from crmsync_hubspot.windows import Lags

Make = Callable[..., Any]
FREE = PortalConfig(limits=Limits(enforced=False))
SITE = "https://example.com"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Store:
    """What a store would hold of the page views: each record once, and the cursor of the last page."""

    rig: Any
    cursor: Mapping[str, Any] | None = None
    records: dict[str, RawRecord] = field(default_factory=dict)

    def pull(self, pages: int = 99) -> list[RawRecord]:
        """Pull, and store up to so many pages; gives what was not stored before."""
        pulled = self.rig.pull("page_views", self.cursor, known=list(self.records))
        fresh = []
        for page in pulled.pages[:pages]:
            fresh += [record for record in page.records if record.id not in self.records]
            self.records |= {record.id: record for record in page.records}
            self.cursor = page.cursor
        return fresh

    def counts(self) -> Counter[str]:
        """Views by contact, as the stored records tell them."""
        found: Counter[str] = Counter()
        for record in self.records.values():
            found[record.fields["objectId"]] += record.fields["count"]
        return found


def people(rig: Any, count: int) -> list[str]:
    return [rig.portal.create("contacts", {"email": f"p{n}@example.com"}) for n in range(count)]


def set_enterprise(rig: Any, enterprise: bool) -> None:
    rig.portal.config = replace(rig.portal.config, enterprise=enterprise)


def event_calls(rig: Any) -> int:
    return len(rig.calls("GET", "/events/event-occurrences/2026-03"))


def test_page_views_are_read_for_those_who_came_since(rig: Any) -> None:
    regular, visitor = people(rig, 2)
    rig.portal.view_page(regular, SITE + "/pricing")
    rig.advance(hours=2)
    first = rig.pull("page_views", None)
    assert [(r.fields["hs_url"], r.fields["associations.contacts"], r.fields["source"]) for r in first.records] == [
        (SITE + "/pricing", [regular], "events")
    ]
    rig.advance(hours=3)
    rig.portal.view_page(visitor, SITE + "/case")
    rig.advance(minutes=1)
    rig.forget()
    second = rig.pull("page_views", first.cursor)
    assert [r.fields["objectId"] for r in second.records] == [visitor]
    assert event_calls(rig) == 1


def test_no_call_for_events_is_ever_refused_as_wrong(rig: Any) -> None:
    """Events are given per contact and for a stretch of time: nothing is asked before there is one."""
    rig.hub.describe(["page_views"])
    store = Store(rig)
    store.pull()
    assert event_calls(rig) == 0
    (contact,) = people(rig, 1)
    rig.portal.view_page(contact, SITE)
    rig.advance(seconds=3)
    store.pull()
    rig.advance(seconds=30)
    store.pull()
    asked = rig.calls("GET", "/events/event-occurrences/2026-03")
    assert asked
    assert all(one.url.params["occurredAfter"] < one.url.params["occurredBefore"] for one in asked)
    assert all(one.url.params["objectId"] == contact for one in asked)
    assert [record.fields["hs_url"] for record in store.records.values()] == [SITE]


def test_without_enterprise_the_contacts_analytics_tell_who_looked_at_what(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    visitor, _never = people(rig, 2)
    for page in ("/", "/case", "/pricing"):
        rig.portal.view_page(visitor, SITE + page)
        rig.advance(minutes=1)
    at = rig.portal.get("contacts", visitor)["hs_analytics_last_timestamp"]
    rig.advance(minutes=30)
    assert rig.hub.describe(["page_views"])["page_views"].readable
    store = Store(rig)
    (told,) = store.pull()
    assert told.id.startswith(f"analytics-{visitor}-")
    assert told.fields == {
        "eventType": "e_visited_page",
        "objectType": "CONTACT",
        "objectId": visitor,
        "occurredAt": at,
        "hs_url": SITE + "/pricing",
        "source": "analytics",
        "count": 3,
        "associations.contacts": [visitor],
    }
    rig.advance(hours=2)
    assert store.pull() == []
    for page in ("/case", "/"):
        rig.portal.view_page(visitor, SITE + page)
    rig.advance(minutes=1)
    (again,) = store.pull()
    assert (again.fields["hs_url"], again.fields["count"]) == (SITE + "/", 2)
    assert event_calls(rig) == 1, "what was refused is not asked again the same day"


def test_a_run_that_breaks_off_tells_the_same_views_again_and_no_others(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    for contact in people(rig, 120):
        rig.portal.view_page(contact, SITE)
    rig.advance(minutes=1)
    whole = set(rig.pull("page_views", None).ids)
    assert len(whole) == 120
    for pages in (1, 2):
        store = Store(rig)
        store.pull(pages)
        store.pull()
        assert set(store.records) == whole


def test_a_hub_that_gets_events_tells_nothing_twice(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    old, new = people(rig, 2)
    store = Store(rig)
    rig.portal.view_page(old, SITE + "/case")
    rig.advance(minutes=10)
    store.pull()
    set_enterprise(rig, True)
    rig.advance(minutes=2)
    rig.portal.view_page(old, SITE + "/pricing")
    rig.portal.view_page(new, SITE + "/pricing")
    rig.advance(minutes=1)
    store.pull()
    assert event_calls(rig) == 1, "events are asked for once a day"
    rig.portal.view_page(old, SITE + "/unseen")
    rig.advance(hours=25)
    rig.portal.view_page(old, SITE + "/after")
    rig.advance(minutes=1)
    fresh = store.pull()
    assert [(r.fields["source"], r.fields["hs_url"]) for r in fresh] == [("events", SITE + "/after"), ("events", SITE + "/unseen")]
    for _ in range(3):
        rig.advance(minutes=10)
        assert store.pull() == []
    assert store.counts() == {old: 4, new: 1}


def test_after_a_hub_got_events_the_overlap_of_the_next_runs_tells_nothing_twice(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    (contact,) = people(rig, 1)
    store = Store(rig)
    rig.portal.view_page(contact, SITE)
    rig.advance(minutes=1)
    store.pull()
    rig.advance(hours=23, minutes=58)
    rig.portal.view_page(contact, SITE + "/case")
    rig.advance(seconds=30)
    assert [r.fields["source"] for r in store.pull()] == ["analytics"]
    set_enterprise(rig, True)
    rig.portal.view_page(contact, SITE + "/pricing")
    rig.advance(minutes=2)
    assert [r.fields["source"] for r in store.pull()] == ["events"]
    for _ in range(5):
        rig.advance(minutes=15)
        rig.portal.view_page(contact, SITE + "/again")
        rig.advance(minutes=1)
        assert len(store.pull()) == 1
    assert store.counts() == {contact: 8}


def test_a_hub_that_loses_events_goes_on_with_the_analytics(rig: Any) -> None:
    (contact,) = people(rig, 1)
    store = Store(rig)
    for _ in range(3):
        rig.portal.view_page(contact, SITE + "/case")
        rig.advance(minutes=1)
    store.pull()
    set_enterprise(rig, False)
    rig.advance(minutes=5)
    assert store.pull() == [], "what the events told is not told again"
    rig.portal.view_page(contact, SITE + "/pricing")
    rig.advance(minutes=5)
    (one,) = store.pull()
    assert (one.fields["source"], one.fields["hs_url"], one.fields["count"]) == ("analytics", SITE + "/pricing", 1)
    rig.portal.view_page(contact, SITE + "/a")
    rig.portal.view_page(contact, SITE + "/b")
    rig.advance(minutes=5)
    assert [r.fields["count"] for r in store.pull()] == [2]


def test_events_that_are_refused_in_the_middle_leave_no_contact_to_both_sources(rig: Any) -> None:
    contacts = people(rig, 120)
    for contact in contacts:
        rig.portal.view_page(contact, SITE)
        rig.portal.view_page(contact, SITE + "/pricing")
    rig.advance(minutes=30)
    body = b'{"status":"error","category":"MISSING_SCOPES","message":"no"}'
    rig.fault(FaultKind.ANSWER, "/events/", calls=(70,), status=403, body=body)
    store = Store(rig)
    store.pull()
    assert store.counts() == dict.fromkeys(contacts, 2)
    sources = Counter(record.fields["source"] for record in store.records.values())
    assert sources == {"events": 100, "analytics": 70}, "the page in which it was refused is read by analytics whole"
    rig.advance(minutes=5)
    assert store.pull() == []


@pytest.mark.parametrize("seed", range(6))
def test_whenever_the_plan_changes_no_view_is_counted_twice(rig_of: Make, seed: int) -> None:
    dice = random.Random(seed)
    rig = rig_of(config=FREE)
    contacts, store, viewed, lost = people(rig, 4), Store(rig), Counter[str](), False
    for _ in range(60):
        act = dice.choice(["view", "view", "view", "pull", "pull", "wait", "day", "plan"])
        rig.advance(seconds=dice.choice([1, 7, 200, 900]))
        if act == "view":
            contact = dice.choice(contacts)
            rig.portal.view_page(contact, SITE + dice.choice(["/", "/pricing"]))
            viewed[contact] += 1
        elif act == "pull":
            store.pull(dice.choice([1, 99]))
        elif act == "wait":
            rig.advance(hours=dice.randint(1, 5))
        elif act == "day":
            rig.advance(days=1)
        else:
            lost = lost or rig.portal.config.enterprise
            set_enterprise(rig, not rig.portal.config.enterprise)
    rig.advance(hours=1)
    store.pull()
    told = store.counts()
    assert all(told[contact] <= viewed[contact] for contact in contacts)
    if not lost:
        assert told == viewed


def test_a_merge_tells_nothing_new(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    one, two = people(rig, 2)
    for contact in (one, two, two):
        rig.portal.view_page(contact, SITE)
        rig.advance(minutes=1)
    store = Store(rig)
    store.pull()
    merged = rig.portal.merge("contacts", one, two)
    rig.advance(minutes=1)
    assert store.pull() == []
    rig.portal.view_page(merged, SITE + "/pricing")
    rig.advance(minutes=1)
    (fresh,) = store.pull()
    assert (fresh.fields["objectId"], fresh.fields["count"]) == (merged, 1)


def test_a_contact_that_went_away_meanwhile_has_no_views_and_costs_nobody_theirs(rig: Any) -> None:
    gone, stays = people(rig, 2)
    for contact in (gone, stays):
        rig.portal.view_page(contact, SITE)
    rig.advance(minutes=1)
    rig.portal.archive("contacts", gone)
    assert [r.fields["objectId"] for r in rig.pull("page_views", None).records] == [stays]


def test_a_portal_without_the_counter_still_tells_each_visit(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    rig.portal.objects.definitions["contacts"]._live.pop("hs_analytics_num_page_views")
    (contact,) = people(rig, 1)
    store = Store(rig)
    for _ in range(2):
        rig.portal.view_page(contact, SITE)
        rig.advance(minutes=10)
        assert [r.fields["count"] for r in store.pull()] == [1]
        assert store.pull() == []


def test_a_portal_without_any_analytics_has_no_views_and_stops_nothing(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    for name in ("hs_analytics_last_timestamp", "hs_analytics_last_visit_timestamp"):
        rig.portal.objects.definitions["contacts"]._live.pop(name)
    pulled = rig.pull("page_views", {"until": "2026-11-01T00:00:00.000Z"})
    assert (pulled.records, pulled.cursor) == ([], {"until": "2026-11-01T00:00:00.000Z"})


def test_a_cursor_of_the_first_version_is_understood() -> None:
    window = view_window({"until": "2026-11-22T11:00:00.000Z"}, NOON, Lags(), NOON)
    assert (window.until, window.then.source) == (NOON - timedelta(seconds=5), "")


def test_a_window_survives_the_store() -> None:
    then = Views(NOON, NOON, "analytics", NOON - timedelta(days=1), NOON)
    window = ViewWindow(NOON - timedelta(hours=1), NOON, then, NOON - timedelta(days=2), 501)
    assert view_window(dump_views(window), NOON + ASK_AGAIN, Lags(), NOON) == window


def test_what_analytics_told_is_read_from_the_ids_of_the_records() -> None:
    ids = ["analytics-7-1000-3", "analytics-7-2000-5", "analytics-8-1000-1", "f1a9-uuid", "analytics-broken", "analytics-9-x-1"]
    at = datetime(1970, 1, 1, tzinfo=UTC)
    assert told_so_far(ids) == {"7": Seen(at + timedelta(seconds=2), 5), "8": Seen(at + timedelta(seconds=1), 1)}


@pytest.mark.parametrize("properties", [{}, {"hs_analytics_last_timestamp": None}, {"hs_analytics_last_timestamp": ""}])
def test_a_contact_that_was_never_seen_tells_nothing(properties: dict[str, Any]) -> None:
    assert told_by_analytics({"id": "1", "properties": properties}, {}, None) is None
