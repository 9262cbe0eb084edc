"""The way to an owner can be told: who came first, who could not and why, whose turn it was. Told and done are the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.choice import Candidate, choice
from crmsync.decisions.frames import DRAWS, REPS, conform, empty
from crmsync.decisions.owners import Staff, way
from crmsync.decisions.routing import Request, Routing, SizeBand, draw

ROUTING = Routing({"inside_sales": "q@x.jp"}, (SizeBand("small", 1, 100),))


def team(*people: dict[str, Any]) -> pl.DataFrame:
    base = {"department": "inside_sales", "is_active": True, "is_queue": False, "weight": 1}
    lists: dict[str, Any] = {"territories": [], "industries": [], "sizes": [], "languages": []}
    return conform(pl.DataFrame([{**base, **lists, **one} for one in people], infer_schema_length=None), REPS)


def ask(*preferred: tuple[str, str]) -> Request:
    return Request("p", "inside_sales", preferred, territory="tokyo", industry="finance", size="small", language="ja")


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"is_active": False}, ("inactive",)),
        ({"absent_until": date(2026, 6, 3)}, ("absent",)),
        ({"cap": 2}, ("full",)),
        ({"territories": ["osaka"]}, ("territories",)),
        ({"industries": ["retail"], "languages": ["en"]}, ("industries", "languages")),
        ({"sizes": ["large"]}, ("sizes",)),
        ({"cap": 3, "territories": ["tokyo"]}, ()),
    ],
)
def test_why_somebody_cannot_take_it_is_said(limits: dict[str, Any], why: tuple[str, ...]) -> None:
    (only,) = choice(ask(), team({"rep_id": "a", **limits}), {"a": 2}, empty(DRAWS), ROUTING).candidates
    assert only == Candidate("a", why, 0, 1, 2)


def test_the_one_who_knows_the_company_comes_first_and_others_in_the_order_of_their_turn() -> None:
    draws = pl.DataFrame([("inside_sales", "a", 4), ("inside_sales", "b", 1), ("inside_sales", "c", 2)], schema=DRAWS, orient="row")
    people = team(
        {"rep_id": "a"}, {"rep_id": "b", "is_active": False}, {"rep_id": "c"}, {"rep_id": "d", "department": "field_sales"}
    )
    found = choice(ask(("b", "account_owner"), ("gone", "opportunity_owner")), people, {}, draws, ROUTING)
    told = [(one.rep_id, one.preferred, one.why_not) for one in found.candidates]
    assert told == [
        ("b", "account_owner", ("inactive",)),
        ("gone", "opportunity_owner", ("unknown",)),
        ("c", None, ()),
        ("a", None, ()),
        ("b", None, ("inactive",)),
    ]
    assert found.queue == "q@x.jp"


def test_who_knows_the_company_and_sits_elsewhere_cannot_take_it() -> None:
    people = team({"rep_id": "a", "department": "field_sales"}, {"rep_id": "q", "is_queue": True}, {"rep_id": "b"})
    found = choice(ask(("a", "account_owner"), ("q", "account_owner")), people, {}, empty(DRAWS), ROUTING)
    assert [(one.rep_id, one.why_not) for one in found.candidates] == [("a", ("department",)), ("q", ("department",)), ("b", ())]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_first_who_can_is_who_is_drawn(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    people = [
        {
            "rep_id": name,
            "is_active": data.draw(st.booleans()),
            "absent_until": data.draw(st.sampled_from([None, date(2026, 6, 3)])),
            "cap": data.draw(st.sampled_from([None, 1, 5])),
            "territories": data.draw(st.sampled_from([[], ["tokyo"], ["osaka"]])),
            "weight": data.draw(st.integers(1, 3)),
        }
        for name in names
    ]
    loads = {name: data.draw(st.integers(0, 4)) for name in names}
    preferred = data.draw(st.sampled_from([(), (("a", "account_owner"),)]))
    frame, request = team(*people), ask(*preferred)
    level = {name: data.draw(st.integers(0, 1)) for name in names}
    draws = pl.DataFrame([("inside_sales", name, level[name]) for name in sorted(names)], schema=DRAWS, orient="row")
    (made,), _ = draw([request], frame, loads, draws, ROUTING)
    able = [one for one in choice(request, frame, loads, draws, ROUTING).candidates if not one.why_not]
    if made.because == "queue":
        assert able == []
    elif made.because == "account_owner":
        assert able[0].preferred == "account_owner"
    else:
        assert made.owner in {one.rep_id for one in able if one.preferred is None}
        assert able[0].preferred is None
        weights = {one.rep_id: one.weight for one in able}
        if set(weights.values()) == {1}:  # where weights differ, who is a turn behind is lifted to the level first
            assert able[0].rep_id == made.owner


def test_who_asks_for_no_owner_has_no_way(case: Any) -> None:
    case.person("p")
    case.decide()
    staff = Staff(
        case.facts(),
        case.definitions.routing,
        pl.DataFrame(schema={"person_id": pl.String, "rank": pl.Int64}),
        "Asia/Tokyo",
        case.now,
    )
    assert way(case.last.state, {}, empty(DRAWS), staff) is None


def test_of_somebody_handed_over_the_owner_is_among_those_who_could(case: Any) -> None:
    case.person("p", account_owner="is2@x.jp").touched("pricing_page")
    case.decide()
    staff = Staff(
        case.facts(),
        case.definitions.routing,
        pl.DataFrame(schema={"person_id": pl.String, "rank": pl.Int64}),
        "Asia/Tokyo",
        case.now,
    )
    found = way(case.last.state, {"is2@x.jp": 1}, case.last.draws, staff)
    assert found is not None
    assert [(one.rep_id, one.preferred) for one in found.candidates] == [
        ("is2@x.jp", "account_owner"),
        ("is1@x.jp", None),
        ("is2@x.jp", None),
    ]
    assert case.state("p")["owner"] == "is2@x.jp"
