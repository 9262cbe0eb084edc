"""Searching by keyset: what must hold for any population and any number of equal timestamps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.config import PortalConfig, Search
from crmsync.sandbox.hubspot.errors import PortalError
from crmsync.sandbox.hubspot.index import SearchIndex
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.hubspot.query import read_query
from crmsync.sandbox.hubspot.search import Found, run
from crmsync.sandbox.hubspot.types import TYPES

START = datetime(2026, 4, 1, tzinfo=UTC)
CAP = 20


def search(portal: Portal, body: dict[str, Any], type: str = "contacts") -> Found:
    kind = TYPES[type]
    query = read_query(body, portal.config.search.cap)
    index = portal.objects.catch_up(kind)
    return run(query, kind, portal.objects.definitions[type], index, lambda _word, _ids: set())


def window(last: int = 0, *, limit: int = 10, low: str = "2020-01-01") -> dict[str, Any]:
    filters = [
        {"propertyName": "lastmodifieddate", "operator": "GTE", "value": low},
        {"propertyName": "lastmodifieddate", "operator": "LTE", "value": "2030-01-01"},
        {"propertyName": "hs_object_id", "operator": "GT", "value": str(last)},
    ]
    return {"filterGroups": [{"filters": filters}], "sorts": ["hs_object_id"], "limit": limit}


def walk(portal: Portal, limit: int, low: str = "2020-01-01") -> list[int]:
    """Every id, page by page, by keyset."""
    seen: list[int] = []
    while True:
        page = search(portal, window(seen[-1] if seen else 0, limit=limit, low=low)).ids
        seen += page
        if len(page) < limit:
            return seen


def portal_of(lag: float = 0) -> tuple[Portal, VirtualClock]:
    clock = VirtualClock(START)
    return Portal(clock, PortalConfig(search=Search(lag_seconds=lag, lag_jitter_seconds=lag / 3, cap=CAP))), clock


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["create", "update", "archive", "merge", "tick"]), min_size=30, max_size=120),
    st.integers(1, 12),
    st.randoms(),
)
def test_a_keyset_walk_returns_each_record_once_also_beyond_the_cap(steps: list[str], limit: int, chance: Any) -> None:
    portal, clock = portal_of()
    ids = [portal.create("contacts", {"email": f"p{n}@example.com"}) for n in range(2 * CAP)]
    for number, step in enumerate(steps):
        live = [row["hs_object_id"] for row in portal.rows("contacts")]
        match step:
            case "create":
                ids.append(portal.create("contacts", {"email": f"q{number}@example.com"}))
            case "update":
                portal.update("contacts", chance.choice(live), {"city": str(number)})
            case "archive" if len(live) > 1:
                portal.archive("contacts", chance.choice(live))
            case "merge" if len(live) > 1:
                portal.merge("contacts", *chance.sample(live, 2))
            case _:
                clock.advance(timedelta(milliseconds=chance.randint(0, 2)))
    assert walk(portal, limit) == [int(row["hs_object_id"]) for row in portal.rows("contacts")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 4))
def test_a_window_holds_exactly_the_records_modified_in_it(gaps: list[int], cut: int) -> None:
    portal, clock = portal_of()
    for number, gap in enumerate(gaps):
        clock.advance(timedelta(seconds=gap))
        portal.create("contacts", {"email": f"p{number}@example.com"})
    low = (START + timedelta(seconds=cut)).isoformat()
    wanted = [
        int(r["hs_object_id"])
        for r in portal.rows("contacts")
        if datetime.fromisoformat(r["lastmodifieddate"]) >= START + timedelta(seconds=cut)
    ]
    assert walk(portal, 7, low) == wanted


def test_offset_paging_stops_at_the_cap() -> None:
    portal, _ = portal_of()
    for number in range(CAP + 5):
        portal.create("contacts", {"email": f"p{number}@example.com"})
    assert len(search(portal, {"limit": 10, "after": "10"}).ids) == 10
    with pytest.raises(PortalError, match="400"):
        search(portal, {"limit": 10, "after": "11"})


def test_a_search_lags_behind_creations_changes_and_archiving() -> None:
    portal, clock = portal_of(lag=3)
    number = portal.create("contacts", {"email": "a@example.com", "city": "Kobe"})
    in_kobe = {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ", "value": "kobe"}]}]}
    seen = [search(portal, in_kobe).total]
    clock.advance(timedelta(seconds=5))
    seen.append(search(portal, in_kobe).total)
    portal.update("contacts", number, {"city": "Nara"})
    seen.append(search(portal, in_kobe).total)
    clock.advance(timedelta(seconds=5))
    seen.append(search(portal, in_kobe).total)
    portal.archive("contacts", number)
    seen.append(search(portal, {}).total)
    clock.advance(timedelta(seconds=5))
    seen.append(search(portal, {}).total)
    assert seen == [0, 1, 1, 0, 1, 0]


def test_an_older_state_that_becomes_visible_later_changes_nothing() -> None:
    index = SearchIndex("modified", ("email",))
    index.offer(0, 5, 7, version=1, values={"modified": "1", "email": "old@b.co"})
    index.offer(0, 3, 7, version=2, values={"modified": "2", "email": "new@b.co"})
    index.catch_up(10)
    assert (index.rows[7]["email"], index.holding("email", ["old@b.co"]), index.holding("email", ["new@b.co"])) == (
        "new@b.co",
        [],
        [7],
    )


@pytest.mark.parametrize(
    ("filter", "hits"),
    [
        ({"propertyName": "email", "operator": "EQ", "value": "ANN@example.com"}, {"Ann"}),
        ({"propertyName": "email", "operator": "IN", "values": ["ann@example.com"]}, {"Ann"}),
        ({"propertyName": "firstname", "operator": "IN", "values": ["Ann"]}, set()),
        ({"propertyName": "firstname", "operator": "IN", "values": ["ann"]}, {"Ann"}),
        ({"propertyName": "firstname", "operator": "NOT_IN", "values": ["ann"]}, {"Bob", "Cho"}),
        ({"propertyName": "crmsync_score", "operator": "GT", "value": "9"}, {"Ann"}),
        ({"propertyName": "crmsync_score", "operator": "BETWEEN", "value": "5", "highValue": "10"}, {"Ann", "Bob"}),
        ({"propertyName": "crmsync_score", "operator": "HAS_PROPERTY"}, {"Ann", "Bob"}),
        ({"propertyName": "crmsync_score", "operator": "NOT_HAS_PROPERTY"}, {"Cho"}),
        ({"propertyName": "lifecyclestage", "operator": "EQ", "value": "LEAD"}, set()),
        ({"propertyName": "lifecyclestage", "operator": "EQ", "value": "lead"}, {"Bob"}),
        ({"propertyName": "company", "operator": "CONTAINS_TOKEN", "value": "blue*"}, {"Cho"}),
        ({"propertyName": "company", "operator": "NOT_CONTAINS_TOKEN", "value": "blue*"}, {"Ann", "Bob"}),
        ({"propertyName": "lifecyclestage", "operator": "NEQ", "value": "lead"}, {"Ann", "Cho"}),
    ],
)
def test_operators_find_what_they_should(filter: dict[str, Any], hits: set[str]) -> None:
    portal, _ = portal_of()
    people = {
        "Ann": {"email": "ann@example.com", "crmsync_score": "10", "lifecyclestage": "customer"},
        "Bob": {"email": "bob@example.com", "crmsync_score": "9", "lifecyclestage": "lead"},
        "Cho": {"email": "cho@example.com", "company": "The Bluebird Works"},
    }
    ids = {int(portal.create("contacts", {"firstname": name, **values})): name for name, values in people.items()}
    assert {ids[number] for number in search(portal, {"filterGroups": [{"filters": [filter]}]}).ids} == hits


@pytest.mark.parametrize(
    "body",
    [
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 5}] * 4},
        {"limit": 201},
        {"sorts": ["a", "b"]},
        {"query": "x" * 3001},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "IN", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "no_such_thing", "operator": "EQ", "value": "x"}]}]},
    ],
)
def test_a_search_beyond_the_ceilings_is_refused(body: dict[str, Any]) -> None:
    portal, _ = portal_of()
    with pytest.raises(PortalError, match="400"):
        search(portal, body)


def test_a_modified_filter_at_the_epoch_breaks_the_vendor() -> None:
    portal, _ = portal_of()
    with pytest.raises(PortalError, match="500"):
        search(portal, window(low="0"))


def test_contacts_have_no_value_in_the_other_types_modified_property() -> None:
    portal, _ = portal_of()
    portal.create("contacts", {"email": "a@example.com"})
    by_other = {"filterGroups": [{"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "2020-01-01"}]}]}
    assert search(portal, by_other).total == 0
