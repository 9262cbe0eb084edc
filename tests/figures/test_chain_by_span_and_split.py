"""The chain span by span, as flow and as cohort, by any split: the parts add up, and what nobody gave is absent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.frames import MOVES, OPPORTUNITIES, PERSONS, STATE, TOUCHES, conform, empty
from crmsync.figures.arrivals import COUNTED, SPLITS, arrivals, profiles
from crmsync.figures.customers import contracts, due_at
from crmsync.figures.flow import STANDING, cohort_sheet, flow_sheet, opened_sheet, visitors_of
from crmsync.figures.inputs import GIVEN, all_visits, counted_visits
from crmsync.figures.period import GRAINS, Zone
from crmsync.figures.sheet import Question, Sheet

TOKYO = Zone("Asia/Tokyo", (4, 1))
NOW = datetime(2026, 7, 1, 3, tzinfo=UTC)
SPRING = Question(date(2026, 4, 1), date(2026, 6, 30), NOW, TOKYO)
BANDS = (("1-5", 1, 5), ("6-20", 6, 20), ("21+", 21, None))


def at(month: int, day: int = 10) -> datetime:
    """Noon in Tokyo."""
    return datetime(2026, month, day, 3, tzinfo=UTC)


def frame(schema: Any, *rows: dict[str, Any]) -> pl.DataFrame:
    return conform(pl.DataFrame(list(rows), infer_schema_length=None), schema) if rows else empty(schema)


def person(name: str, created: datetime, **more: Any) -> dict[str, Any]:
    return {"person_id": name, "created_at": created, "identified": True, **more}


def move(name: str, target: str, when: datetime, source: str = "inquiry") -> dict[str, Any]:
    return {"person_id": name, "source": source, "target": target, "at": when}


def opportunity(name: str, person_id: str, opened: datetime, status: str = "open", **more: Any) -> dict[str, Any]:
    closed = None if status == "open" else more.pop("closed", opened + timedelta(days=20))
    return {"opportunity_id": name, "person_id": person_id, "created_at": opened, "status": status, "closed_at": closed, **more}


class World:
    """What was known, as frames, and the arrivals made of them."""

    def __init__(
        self, persons: list[Any], moves: list[Any], opportunities: list[Any], states: dict[str, str] | None = None
    ) -> None:
        self.persons, self.moves = frame(PERSONS, *persons), frame(MOVES, *moves)
        self.opportunities = frame(OPPORTUNITIES, *opportunities)
        self.states = frame(STATE, *({"person_id": name, "phase": phase, "owner": "a@x"} for name, phase in (states or {}).items()))
        known = profiles(self.persons, empty(TOUCHES), self.states, BANDS)
        self.arrivals = arrivals(self.persons, self.moves, self.opportunities, known, ("new_business",))

    def flow(self, question: Question, visits: pl.DataFrame | None = None) -> list[dict[str, Any]]:
        return flow_sheet(self.arrivals, visits, question).rows.to_dicts()

    def cohort(self, question: Question) -> list[dict[str, Any]]:
        return cohort_sheet(self.arrivals, self.states, question).rows.to_dicts()


def visits(*rows: tuple[date, date, str | None, float]) -> pl.DataFrame:
    """(first, last, method, visitors) each."""
    told = [{"first": first, "last": last, "method": method, "value": value} for first, last, method, value in rows]
    return conform(pl.DataFrame(told), dict(GIVEN))


# --------------------------------------------------------------------------------------------------------------- flow


def test_each_month_has_what_happened_in_it() -> None:
    world = World(
        [person("a", at(4)), person("b", at(5))],
        [move("a", "mql", at(5)), move("a", "sql", at(5, 20), "mql")],
        [opportunity("o", "a", at(5, 25), "won", closed=at(6))],
    )
    rows = world.flow(replace(SPRING, by="month"))
    assert [[row[step] for step in ("span", "leads", "mqls", "sqls", "opportunities", "wins")] for row in rows] == [
        ["2026-04", 1, 0, 0, 0, 0],
        ["2026-05", 1, 1, 1, 1, 0],
        ["2026-06", 0, 0, 0, 0, 1],
    ]
    assert [row["win_rate"] for row in rows] == [None, 0.0, None]


def test_a_day_is_a_day_in_the_zone_of_the_targets() -> None:
    """23:30 UTC on the 30th is the first of the next month in Tokyo."""
    world = World([person("a", datetime(2026, 4, 30, 23, 30, tzinfo=UTC))], [], [])
    assert [row["leads"] for row in world.flow(replace(SPRING, by="month"))] == [0, 1, 0]


def test_quarters_are_fiscal_ones() -> None:
    rows = World([person("a", at(4))], [], []).flow(replace(SPRING, by="quarter"))
    assert [(row["span"], row["leads"]) for row in rows] == [("FY2026-Q1", 1)]


def test_an_opportunity_of_several_people_is_one_and_goes_with_who_was_known_first() -> None:
    world = World(
        [person("late", at(4, 20), source_method="seo"), person("early", at(4, 1), source_method="trade_show")],
        [],
        [opportunity("o", "late", at(5), "won"), opportunity("o", "early", at(5), "won")],
    )
    rows = {row["method"]: row["wins"] for row in world.flow(replace(SPRING, split=("method",)))}
    assert rows == {"seo": 0, "trade_show": 1}


def test_renewals_and_upsells_stand_apart_from_the_wins() -> None:
    kinds = ("new_business", "renewal", "renewal", "upsell", None)
    cases = [opportunity(f"o{n}", "a", at(5), "won", kind=kind) for n, kind in enumerate(kinds)]
    [row] = World([person("a", at(4))], [], cases).flow(SPRING)
    assert (row["opportunities"], row["wins"], row["renewal_wins"], row["upsells"]) == (2, 2, 2, 1)


def test_renewals_are_counted_where_their_contracts_were_due() -> None:
    cases = [opportunity(f"o{n}", f"p{n}", at(1), "won", contract_end=date(2026, 5, n + 1)) for n in range(3)]
    cases.append(opportunity("next", "p0", at(4), "won", kind="renewal", contract_end=date(2027, 5, 1)))
    cases.append(opportunity("may still be renewed", "p3", at(1), "won", contract_end=date(2026, 6, 20)))
    people = [person(f"p{n}", at(1), source_method="seo" if n else None, company_id=f"c{n}") for n in range(4)]
    world = World(people, [], cases)
    told = contracts(world.opportunities, world.persons.select("person_id", "company_id"), date(2026, 7, 1), 30)
    known = profiles(world.persons, empty(TOUCHES), world.states, BANDS)
    facts = (world.persons, world.moves, world.opportunities, known, ("new_business",))
    world.arrivals = arrivals(*facts, due_at(told, TOKYO))
    assert [(row["due"], row["renewals"], row["renewal_rate"]) for row in world.flow(replace(SPRING, by="month"))] == [
        (0, 0, None),
        (3, 1, pytest.approx(1 / 3)),
        (0, 0, None),
    ]
    rates = {row["method"]: row["renewal_rate"] for row in world.flow(replace(SPRING, split=("method",)))}
    assert rates == {"seo": 0.0, None: 1.0}


def test_who_comes_back_counts_again_and_apart() -> None:
    world = World(
        [person("a", at(4))],
        [move("a", "mql", at(4)), move("a", "recycled", at(4, 20), "mql"), move("a", "mql", at(6), "recycled")],
        [opportunity("o", "a", at(6, 12), "won", closed=at(6, 20))],
    )
    [row] = world.flow(SPRING)
    assert (row["mqls"], row["came_back"], row["wins"], row["came_back_won"]) == (2, 1, 1, 1)


def test_company_sizes_are_the_bands_of_the_rules() -> None:
    people = [person(f"p{n}", at(4), employees=employees) for n, employees in enumerate((3, 5, 6, 4000, None))]
    rows = World(people, [], []).flow(replace(SPRING, split=("size",)))
    assert {row["size"]: row["leads"] for row in rows} == {"1-5": 2, "6-20": 1, "21+": 1, None: 1}


def test_the_campaign_is_that_of_the_first_touch_where_the_record_names_none() -> None:
    touches = frame(
        TOUCHES,
        {"person_id": "a", "at": at(4, 2), "touch_id": "1", "campaign": None},
        {"person_id": "a", "at": at(4, 3), "touch_id": "2", "campaign": "Fair"},
        {"person_id": "a", "at": at(4, 4), "touch_id": "3", "campaign": "Mail"},
        {"person_id": "b", "at": at(4, 4), "touch_id": "4", "campaign": "Mail"},
    )
    people = frame(PERSONS, person("a", at(4)), person("b", at(4), campaign="Own"), person("c", at(4)))
    known = profiles(people, touches, empty(STATE), ())
    assert dict(known.sort("person_id").select("person_id", "campaign").iter_rows()) == {"a": "Fair", "b": "Own", "c": None}


# ----------------------------------------------------------------------------------------------------------- visitors


def test_visitors_make_the_capture_rate() -> None:
    world = World([person("a", at(4)), person("b", at(4), source_method="seo")], [], [])
    given_ = visits((date(2026, 4, 1), date(2026, 6, 30), "seo", 100))
    [row] = world.flow(SPRING, given_)
    assert (row["visitors"], row["capture_rate"]) == (100, 0.02)
    rows = {row["method"]: row["capture_rate"] for row in world.flow(replace(SPRING, split=("method",)), given_)}
    assert rows == {"seo": 0.01, None: None}


def test_nobody_knows_the_capture_rate_without_visitors_and_the_sheet_says_so() -> None:
    sheet = flow_sheet(World([person("a", at(4))], [], []).arrivals, None, SPRING)
    assert sheet.missing == ("visits",)
    assert (sheet.rows["visitors"][0], sheet.rows["capture_rate"][0]) == (None, None)


def test_a_day_without_visitors_given_makes_them_unknown_and_not_fewer() -> None:
    world = World([person("a", at(4)), person("b", at(5))], [], [])
    given_ = visits((date(2026, 4, 1), date(2026, 4, 30), None, 50), (date(2026, 5, 1), date(2026, 5, 30), None, 50))
    sheet = flow_sheet(world.arrivals, given_, replace(SPRING, by="month"))
    assert sheet.rows["visitors"].to_list() == [50, None, None]
    assert sheet.missing == ("visits",)


def test_one_day_that_is_lacking_in_the_middle_is_noticed() -> None:
    gap = visits((date(2026, 4, 1), date(2026, 5, 9), None, 5), (date(2026, 5, 11), date(2026, 6, 30), None, 5))
    assert visitors_of(gap, SPRING) is None
    whole = visits((date(2026, 5, 10), date(2026, 6, 30), None, 5), (date(2026, 4, 1), date(2026, 5, 9), None, 5))
    assert visitors_of(whole, SPRING) == 10


def test_today_need_not_be_given_yet() -> None:
    noon = replace(SPRING, first=date(2026, 6, 1), last=date(2026, 6, 15), now=at(6, 15))
    given_ = visits((date(2026, 6, 1), date(2026, 6, 14), None, 14))
    assert visitors_of(given_, noon) == 14
    assert visitors_of(given_, replace(noon, now=at(6, 16))) is None


def test_a_days_no_visitors_is_nought_and_no_rate() -> None:
    [row] = World([], [], []).flow(SPRING, visits((SPRING.first, SPRING.last, None, 0)))
    assert (row["visitors"], row["capture_rate"]) == (0, None)


def test_what_was_given_of_later_days_was_not_known_then() -> None:
    early = replace(SPRING, first=date(2026, 4, 1), last=date(2026, 4, 2), now=at(4, 2))
    given_ = visits((date(2026, 4, 1), date(2026, 4, 1), None, 5), (date(2026, 4, 3), date(2026, 4, 3), None, 9))
    assert visitors_of(given_, early) == 5


def test_a_month_is_spread_evenly_over_its_days() -> None:
    week = replace(SPRING, first=date(2026, 6, 1), last=date(2026, 6, 10))
    assert visitors_of(visits((date(2026, 6, 1), date(2026, 6, 30), None, 300)), week) == pytest.approx(100)


# ------------------------------------------------------------------------------------------------------------- cohort


def test_the_worked_chain_as_a_cohort() -> None:
    """300 leads of April, whenever the rest happened."""
    world = World(
        [person(f"p{n}", at(4)) for n in range(300)],
        [move(f"p{n}", "mql", at(5)) for n in range(90)] + [move(f"p{n}", "sql", at(5, 20), "mql") for n in range(36)],
        [opportunity(f"o{n}", f"p{n}", at(6), "won" if n < 6 else "open") for n in range(27)],
    )
    april, may, june = world.cohort(replace(SPRING, by="month"))
    rates = ("mql_rate", "sql_rate", "opened_rate", "opportunity_rate", "win_rate", "end_to_end")
    assert [april[name] for name in rates] == pytest.approx([0.3, 0.4, 0.75, 0.09, 6 / 27, 0.02])
    assert (may["leads"], june["leads"], may["mql_rate"]) == (0, 0, None)


def test_a_lead_is_inside_or_out_by_one_door() -> None:
    phases = ("inquiry", "mql", "sql", "closed_won", "closed_lost", "recycled", "disqualified", "unidentified")
    world = World([person(phase, at(4)) for phase in (*phases, "new")], [], [], {phase: phase for phase in phases})
    [row] = world.cohort(SPRING)
    assert [row[where] for where in STANDING] == [5, 1, 1, 1, 1]
    assert row["leads"] == 9


def test_opportunities_of_a_month_are_won_lost_or_open() -> None:
    cases = [opportunity(f"o{n}", "a", at(4), status) for n, status in enumerate(("won", "lost", "lost", "open"))]
    world = World([person("a", at(4))], [], [*cases, opportunity("r", "a", at(4), "won", kind="renewal")])
    [row] = opened_sheet(world.arrivals, world.opportunities, SPRING).rows.to_dicts()
    assert [row[name] for name in ("opportunities", "won", "lost", "open", "win_rate")] == [4, 1, 2, 1, 0.25]


# -------------------------------------------------------------------------------------------------- what must always hold

DAYS = st.dates(date(2026, 3, 1), date(2026, 7, 31)).map(lambda day: datetime(day.year, day.month, day.day, 3, tzinfo=UTC))
WORDS = st.sampled_from([None, "seo", "web_ad", "trade_show"])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = [f"p{n}" for n in range(draw(st.integers(0, 6)))]
    people = [
        person(n, draw(DAYS), source_method=draw(WORDS), industry=draw(WORDS), employees=draw(st.sampled_from([None, 3, 30])))
        for n in names
    ]
    if not names:
        return World([], [], [])
    who, phases = st.sampled_from(names), st.sampled_from(["mql", "sql", "recycled", "closed_won", "disqualified"])
    moves = [move(draw(who), draw(phases), draw(DAYS), draw(phases)) for _ in range(draw(st.integers(0, 8)))]
    kinds, states = st.sampled_from(["new_business", "renewal", "upsell", None]), st.sampled_from(["won", "lost", "open"])
    cases = []
    for n in range(draw(st.integers(0, 6))):
        shared = opportunity(f"o{n}", "", draw(DAYS), draw(states), kind=draw(kinds), rep_id=draw(st.sampled_from(["a@x", "b@x"])))
        cases += [{**shared, "person_id": one} for one in draw(st.sets(who, min_size=1, max_size=2))]
    return World(people, moves, cases, {name: draw(phases) for name in names if draw(st.booleans())})


def _total(sheet: Sheet, columns: tuple[str, ...]) -> dict[str, int]:
    return {name: int(sheet.rows[name].sum()) for name in columns}


@settings(deadline=None, max_examples=40)
@given(worlds(), st.lists(st.sampled_from(SPLITS), min_size=1, max_size=2, unique=True), st.sampled_from(GRAINS))
def test_the_parts_of_every_split_and_span_add_up_to_the_whole(world: World, split: list[str], grain: Any) -> None:
    parts = replace(SPRING, split=tuple(split), by=grain)
    assert _total(flow_sheet(world.arrivals, None, parts), COUNTED) == _total(flow_sheet(world.arrivals, None, SPRING), COUNTED)
    steps = ("leads", "mqls", "sqls", "opportunities", "wins", *STANDING)
    cut, whole = (cohort_sheet(world.arrivals, world.states, question) for question in (parts, SPRING))
    assert _total(cut, steps) == _total(whole, steps)
    names = ("opportunities", "won", "lost", "open")
    cut, whole = (opened_sheet(world.arrivals, world.opportunities, question) for question in (parts, SPRING))
    assert _total(cut, names) == _total(whole, names)


@settings(deadline=None, max_examples=40)
@given(worlds(), st.sampled_from(GRAINS))
def test_leads_in_are_those_who_left_and_those_still_inside(world: World, grain: Any) -> None:
    for row in world.cohort(replace(SPRING, by=grain)):
        assert row["leads"] == sum(row[where] for where in STANDING)
        assert all(row[step] <= row["leads"] for step in ("mqls", "sqls", "opportunities", "wins"))


@settings(deadline=None, max_examples=40)
@given(worlds(), st.sampled_from(GRAINS), st.sampled_from([(), ("method",), ("size", "owner")]))
def test_a_rate_is_absent_exactly_where_there_is_nothing_to_divide_by(world: World, grain: Any, split: tuple[str, ...]) -> None:
    pairs = {
        "capture_rate": "visitors",
        "mql_rate": "leads",
        "sql_rate": "mqls",
        "opened_rate": "sqls",
        "win_rate": "opportunities",
    }
    for row in world.flow(replace(SPRING, by=grain, split=split)):
        assert {rate: row[rate] is None for rate in pairs} == {rate: not row[whole] for rate, whole in pairs.items()}


@settings(deadline=None, max_examples=40)
@given(worlds())
def test_the_order_of_the_facts_changes_nothing(world: World) -> None:
    shuffled = World([], [], [])
    shuffled.persons, shuffled.moves = world.persons.reverse(), world.moves.reverse()
    known = profiles(shuffled.persons, empty(TOUCHES), world.states.reverse(), BANDS)
    again = arrivals(shuffled.persons, shuffled.moves, world.opportunities.reverse(), known, ("new_business",))
    assert again.equals(world.arrivals)


# ------------------------------------------------------------------------------------------- where visitors are found

MAY = (date(2026, 5, 1), date(2026, 5, 2))


def counted(*rows: tuple[date, str | None, float], **more: Any) -> pl.DataFrame:
    """What a CRM's analytics counted: (day, method, visitors) each, all of them inbound."""
    told = [
        {"day": day, "source": "inbound" if method else None, "method": method, "visitors": value, "is_deleted": False, **more}
        for day, method, value in rows
    ]
    return counted_visits(pl.DataFrame(told))


def said(*, day: date = MAY[0], last: date | None = None, value: float = 1.0, **of: str) -> pl.DataFrame:
    """One row of a file of visitors."""
    return conform(pl.DataFrame([{"first": day, "last": last or day, "value": value, **of}]), dict(GIVEN))


BOTH_DAYS = tuple((day, method, 10.0) for day in MAY for method in ("seo", "web_ad", None))


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ({"method": "seo"}, 50.0),
        ({"source": "inbound"}, 40.0),
        ({"source": "outbound"}, 60.0),
        ({"source": "inbound", "method": "seo"}, 50.0),
        ({"source": "outbound", "method": "seo"}, 60.0),
        ({}, 30.0),
        ({"campaign": "Fair"}, 30.0),
        ({"last": MAY[1]}, 0.0),
        ({"last": MAY[1], "method": "web_ad"}, 40.0),
        ({"day": date(2026, 4, 30)}, 60.0),
    ],
)
def test_what_people_say_of_a_day_and_a_source_stands_over_what_the_crm_counted(row: dict[str, Any], left: float) -> None:
    both = all_visits(said(**row), counted(*BOTH_DAYS))
    assert both is not None
    assert both["value"].sum() == left + 1.0


def test_without_a_word_of_people_the_crm_is_believed_and_without_either_nobody_knows() -> None:
    told = all_visits(None, counted(*BOTH_DAYS))
    assert told is not None
    assert told["value"].sum() == 60.0
    assert all_visits(None, counted(*BOTH_DAYS, is_deleted=True)) is None


def test_the_capture_rate_of_each_method_stands_on_the_visitors_that_the_crm_counted() -> None:
    world = World([person(f"p{n}", at(5, 1), source_method="seo") for n in range(2)], [], [])
    question = replace(SPRING, first=MAY[0], last=MAY[1], split=("method",))
    rows = {row["method"]: row for row in world.flow(question, all_visits(None, counted(*BOTH_DAYS)))}
    assert (rows["seo"]["visitors"], rows["seo"]["leads"], rows["seo"]["capture_rate"]) == (20.0, 2, 0.1)
    assert (rows["web_ad"]["visitors"], rows["web_ad"]["capture_rate"]) == (20.0, 0.0)
