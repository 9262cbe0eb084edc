"""The guide's items that figures answer for: `test_a17_…` is item 17. tests/decisions/test_guide_items.py keeps the list of all
65."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journeys import END, MAY, START, approaches, cases, clocks, day, frame, journey, moves, persons, told, touches
from rich.console import Console

from crmsync.cli.sheets import as_json, show
from crmsync.decisions.frames import PERSONS, STATE, empty
from crmsync.figures.acceptance import disagreement
from crmsync.figures.alarms import JunkLimits, PersonaLimits, SaturationLimits, TemperatureLimits, TriageLimits
from crmsync.figures.arrivals import arrivals, profiles
from crmsync.figures.batons import records
from crmsync.figures.chain import chain
from crmsync.figures.counterparts import PAIRS
from crmsync.figures.customers import contracts, renewals
from crmsync.figures.flow import cohort_sheet, flow_sheet, opened_sheet
from crmsync.figures.handovers import followed, hand_overs
from crmsync.figures.heads import wins_per_head
from crmsync.figures.inputs import GIVEN, HEADCOUNTS
from crmsync.figures.junk import Windows, junk_sources
from crmsync.figures.methods import Acquired, methods_sheet, saturation_sheet
from crmsync.figures.newcomers import sla_by_seniority
from crmsync.figures.period import Zone, spans
from crmsync.figures.persona import persona_by_source
from crmsync.figures.pool import runway
from crmsync.figures.sheet import Question
from crmsync.figures.stays import stays, time_in_phase
from crmsync.figures.triage import triage
from crmsync.figures.truth import truth_board, truth_sheet
from crmsync.figures.warmth import alarm, mixes, spells
from crmsync.messages import LANGUAGES

MONTH = Question(date(2026, 5, 1), date(2026, 5, 31), END, Zone())
PHASES = ["mql", "sql", "closed_won", "closed_lost", "recycled", "disqualified"]


def arrived(leads: int, mqls: int, sqls: int, opened: int, won: int, method: str = "seminar") -> pl.DataFrame:
    """So many came to each step of the chain in May."""
    people = persons(*(f"{method}{n}" for n in range(leads)), source_method=method)
    paths: list[tuple[tuple[str, float], ...]] = [(("inquiry", 1), ("mql", 2), ("sql", 3))] * sqls
    paths += [(("inquiry", 1), ("mql", 2))] * (mqls - sqls)
    went = moves(*(journey(f"{method}{n}", *path) for n, path in enumerate(paths)))
    deals = cases(
        *(
            {
                "person_id": f"{method}{n}",
                "created": 4,
                "opportunity_id": f"{method}{n}",
                **({"status": "won", "closed": 9} if n < won else {}),
            }
            for n in range(opened)
        )
    )
    return arrivals(people, went, deals, profiles(people, touches(), empty(STATE), ()), ("new_business",))


def visits(count: float) -> pl.DataFrame:
    return frame([{"first": date(2026, 5, 1), "last": date(2026, 5, 31), "value": count}], GIVEN)


def test_a2_the_rate_of_the_whole_stands_beside_that_of_each_department() -> None:
    """Marketing hands over twice as many: its own rate is splendid, and the whole is where it was."""
    honest = flow_sheet(arrived(300, 90, 36, 27, 6), visits(10_000), MONTH).rows.to_dicts()[0]
    flooded = flow_sheet(arrived(300, 180, 36, 27, 6), visits(10_000), MONTH).rows.to_dicts()[0]
    assert (honest["mql_rate"], flooded["mql_rate"]) == (0.3, 0.6)
    assert (honest["end_to_end"], flooded["end_to_end"]) == (0.02, 0.02)


def test_a4_of_the_hand_overs_those_with_an_act_since_are_counted_as_touched() -> None:
    handed = hand_overs(stays(moves(*(journey(p, ("inquiry", 0), ("mql", 2)) for p in "abcd")), END))
    rows = records(handed, touches(("a", 3), ("b", 1)), approaches(("c", 4, False)), cases(), MAY)
    assert told(rows, "measure", "part", "whole", "share")["touchpoints"] == (2, 4, 0.5)


@given(st.lists(st.lists(st.tuples(st.sampled_from(PHASES), st.integers(1, 9)), max_size=5), min_size=1, max_size=8))
def test_a5_whoever_came_in_has_left_or_is_still_inside(people: list[list[tuple[str, int]]]) -> None:
    """For the cohort of May and each of its phases: in = out + inside, and what leaves one enters the next."""
    went = []
    for number, path in enumerate(people):
        at, steps = 0, [("inquiry", 0.0)]
        for phase, days in path:
            at += days
            steps.append((phase, float(at)))
        went.append(journey(f"p{number}", *steps))
    stayed = stays(moves(*went), day(99))
    months = type(MAY)(START, day(99))
    table = time_in_phase(stayed, months, day(99)).filter(pl.col("cycle").is_null())
    assert all(row["began"] == row["left"] + row["inside"] for row in table.to_dicts())
    assert table["inside"].sum() == len(people)
    assert table["left"].sum() == sum(len(path) for path in people)


@pytest.mark.parametrize(
    ("counts", "link"),
    [
        ((150, 45, 18, 14, 3), "leads"),
        ((300, 45, 18, 14, 3), "mqls"),
        ((300, 90, 18, 14, 3), "sqls"),
        ((300, 90, 36, 14, 3), "opportunities"),
        ((300, 90, 36, 27, 3), "wins"),
        ((300, 90, 36, 27, 6), None),
    ],
)
def test_a6_the_link_that_was_degraded_is_named_and_no_other(counts: tuple[int, int, int, int, int], link: str | None) -> None:
    agreed = {"visitors": 10_000.0, "leads": 300.0, "mqls": 90.0, "sqls": 36.0, "opportunities": 27.0, "wins": 6.0}
    assert chain(arrived(*counts), moves(), MAY, agreed, 10_000.0).bottleneck == link


def test_a16_newcomers_are_held_to_the_same_promise_as_veterans_and_shown_beside_them() -> None:
    joined = pl.DataFrame({"rep_id": ["old", "new"], "joined": [date(2020, 4, 1), date(2026, 4, 20)]})
    ran = clocks(*((f"o{n}", "old", n, n + 1.0) for n in range(4)), *((f"n{n}", "new", n, n + 1.0) for n in range(4)))
    late = pl.when(pl.col("person_id") == "n3").then("due_at").alias("breached_at")
    table = sla_by_seniority(ran.with_columns(pl.col("started_at").alias("met_at"), late), joined, MAY, "Asia/Tokyo", 90)
    assert told(table, "seniority", "kept") == {"newcomer": 0.75, "veteran": 1.0}


@pytest.mark.parametrize(
    ("counts", "department"),
    [
        ({"leads": 300, "appointments": 90, "opportunities": 4, "wins": 1}, "inside_sales"),  # appointments, no opportunities
        ({"leads": 300, "appointments": 90, "opportunities": 60, "wins": 2}, "field_sales"),  # opportunities, no wins
        ({"leads": 300, "appointments": 90, "opportunities": 36, "wins": 9}, None),
    ],
)
def test_a17_where_the_illness_sits_is_told_by_the_link_that_breaks(counts: dict[str, int], department: str | None) -> None:
    verdict = triage(counts, TriageLimits()).verdict
    assert (verdict.department if verdict else None) == department


def test_a19_wins_per_head_and_the_share_that_came_back_are_told_by_the_quarter() -> None:
    back = stays(moves(journey("back", ("inquiry", -60), ("mql", -50), ("recycled", -40), ("mql", 2))), END)
    won = {"status": "won", "created": 0}
    deals = cases({"person_id": "new", **won, "closed": 9}, {"person_id": "back", **won, "closed": 12})
    heads = frame([{"department": "field_sales", "first": date(2026, 1, 1), "last": date(2026, 12, 31), "value": 4.0}], HEADCOUNTS)
    quarters = spans(date(2026, 4, 1), date(2026, 6, 30), "quarter", Zone())
    (row,) = wins_per_head(deals, back, heads, quarters, Zone()).to_dicts()
    assert (row["span"], row["wins_per_head"], row["recycle_share"]) == ("2026-Q2", 0.5, 0.5)


@pytest.mark.parametrize(
    ("rate", "counts", "expected"),
    [
        ("capture_rate", (300, 90, 36, 27, 6), 300 / 10_000),
        ("opportunity_rate", (300, 90, 36, 27, 6), 27 / 300),
        ("win_rate", (300, 90, 36, 27, 6), 6 / 27),
        ("opportunity_rate", (0, 0, 0, 0, 0), None),
        ("win_rate", (9, 0, 0, 0, 0), None),
    ],
)
def test_a20_a21_a22_each_department_multiplies_what_the_one_before_it_gives(
    rate: str, counts: tuple[int, int, int, int, int], expected: float | None
) -> None:
    assert flow_sheet(arrived(*counts), visits(10_000), MONTH).rows[rate].to_list() == [expected]


@pytest.mark.parametrize("given", [None, visits(0)])
def test_a20_the_capture_rate_of_no_visitors_is_undefined_and_not_nought(given: pl.DataFrame | None) -> None:
    assert flow_sheet(arrived(3, 0, 0, 0, 0), given, MONTH).rows["capture_rate"].to_list() == [None]


def test_a21_of_the_leads_of_a_month_those_that_became_opportunities_are_told_by_their_month() -> None:
    """As cohort: an opportunity of June counts for the lead of May."""
    people = persons("a", "b", "c", "d")
    deals = cases({"person_id": "a", "created": 40})
    known = arrivals(people, moves(), deals, profiles(people, touches(), empty(STATE), ()), ("new_business",))
    asked = replace(MONTH, now=day(60), as_cohort=True)
    assert cohort_sheet(known, empty(STATE), asked).rows["opportunity_rate"].to_list() == [0.25]


def test_a22_of_the_opportunities_of_a_month_those_that_were_won_are_told_by_their_month() -> None:
    people = persons("a", "b")
    deals = cases({"person_id": "a", "created": 5, "closed": 40, "status": "won"}, {"person_id": "b", "created": 6})
    known = arrivals(people, moves(), deals, profiles(people, touches(), empty(STATE), ()), ("new_business",))
    assert opened_sheet(known, deals, replace(MONTH, now=day(60))).rows["win_rate"].to_list() == [0.5]


def test_a23_contracts_that_are_not_due_yet_are_in_no_renewal_rate() -> None:
    won = {"status": "won", "created": -400, "closed": -390}
    sold = cases(
        {"person_id": "a", **won, "contract_end": date(2026, 5, 3)},
        {"person_id": "a", **won, "contract_end": date(2027, 5, 3)},
        {"person_id": "b", **won, "contract_end": date(2026, 5, 4)},
        {"person_id": "c", **won, "contract_end": date(2026, 5, 30)},
    )
    companies = pl.DataFrame(schema={"person_id": pl.String, "company_id": pl.String})
    early, later = (
        renewals(contracts(sold, companies, today, 0), date(2026, 5, 1), date(2026, 5, 31))
        for today in (date(2026, 5, 10), date(2026, 6, 10))
    )
    assert (early.rate, early.not_due) == (1 / 2, 1)
    assert (later.rate, later.not_due) == (1 / 3, 0)


def sources(junk: str | None, seed: int = 24) -> pl.DataFrame:
    """Three sources of two leads a day, of which a third is worth something; a junk campaign brings eight, and one in fifty is."""
    chance, limits = Random(seed), JunkLimits()
    now = START + timedelta(days=200)
    windows = Windows.ending(now, limits)
    leads, deals = [], []
    for method in ("seo", "seminar", "web_ad"):
        for days in range((windows.until - windows.since).days):
            came = windows.since + timedelta(days=days)
            is_junk = method == junk and came >= windows.recent
            for number in range(8 if is_junk else 2):
                person = f"{method}-{days}-{number}"
                leads.append({"person_id": person, "identified": True, "created_at": came, "source_method": method})
                if chance.random() < (0.02 if is_junk else 0.33):
                    deals.append({"person_id": person, "created": (came - START).days + 2})
    return junk_sources(frame(leads, PERSONS), cases(*deals), now, limits)


def test_a24_a_junk_campaign_is_named_and_noise_is_not() -> None:
    assert sources("web_ad").filter("alarm")["source"].to_list() == ["web_ad"]
    assert [seed for seed in range(20) if sources(None, seed)["alarm"].any()] == []


def test_a25_everybody_is_told_the_same_figures_whatever_the_channel_and_the_language() -> None:
    """What is printed in both languages, the JSON and the file are of one table."""
    sheet = truth_sheet(*quarrel())
    printed = {}
    for language in LANGUAGES:
        console = Console(file=StringIO(), width=200)
        show(console, sheet, MONTH, language)
        rows = [line for line in console.file.getvalue().splitlines() if "%" in line]  # type: ignore[attr-defined]  # a StringIO
        printed[language] = [re.findall(r"\d[\d.,]*%?", row) for row in rows]
    assert printed["ja"] == printed["en"]
    (told_,) = as_json([sheet]).values()
    assert pl.read_csv(StringIO(sheet.rows.write_csv())).to_dicts() == told_["rows"] == sheet.rows.to_dicts()
    assert f"{told_['rows'][0]['follow_up']:.1%}" in printed["en"][0]


@pytest.mark.parametrize(("hot", "found"), [(0.2, None), (0.5, "too_many_hot"), (0.02, "too_few_hot")])
def test_a31_far_more_or_fewer_hot_leads_than_ten_to_thirty_in_a_hundred_raise_an_alarm(hot: float, found: str | None) -> None:
    people = [f"p{n}" for n in range(100)]
    rows = [(p, "hot" if n < hot * 100 else "cold", day(-50)) for n, p in enumerate(people)]
    schema = {"person_id": pl.String, "temperature": pl.String, "since": pl.Datetime("us", "UTC")}
    spelled = spells(pl.DataFrame(rows, schema=schema, orient="row"))
    stayed = stays(moves(*(journey(p, ("inquiry", -55)) for p in people)), END)
    assert alarm(mixes(spelled, stayed, END, TemperatureLimits()), TemperatureLimits()) == found


def test_a43_a_source_is_graded_by_the_share_of_those_we_are_after() -> None:
    def source(method: str, target: int, other: int) -> pl.DataFrame:
        ids = (f"{method}{n}" for n in range(target + other))
        return persons(*ids, source_method=method).with_columns(pl.Series("is_target", [True] * target + [False] * other))

    table = persona_by_source(pl.concat([source("seminar", 14, 6), source("trade_show", 10, 90)]), MAY, PersonaLimits())
    assert told(table, "source", "leads", "persona", "grade") == {"trade_show": (100, 0.1, "D"), "seminar": (20, 0.7, "A")}


def test_a47_what_comes_to_us_and_what_we_go_out_for_are_compared_by_the_same_figures() -> None:
    def method(name: str, leads: int, opened: int, won: int) -> pl.DataFrame:
        return arrived(leads, 0, 0, opened, won, name)

    both = pl.concat([method("seo", 20, 8, 4), method("trade_show", 100, 10, 1)])
    people = pl.concat(
        [persons(*(f"{name}{n}" for n in range(count)), source_method=name) for name, count in (("seo", 20), ("trade_show", 100))]
    )
    spend = frame([{"first": date(2026, 5, 1), "last": date(2026, 5, 31), "method": "trade_show", "value": 800_000.0}], GIVEN)
    rows = told(
        methods_sheet(Acquired(both, people, spend), MONTH).rows,
        "method",
        "leads",
        "cpa",
        "opportunity_rate",
        "win_rate",
        "days_to_opportunity",
    )
    assert rows == {"seo": (20, None, 0.4, 0.5, 4.0), "trade_show": (100, 8_000.0, 0.1, 0.1, 4.0)}


def quarrel() -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was done about twelve hand-overs of two sources to two reps, and whose they are."""
    who = {f"{method}{rep}{n}": (method, rep) for method in ("web_ad", "seminar") for rep in ("busy", "idle") for n in range(3)}
    handed = hand_overs(stays(moves(*(journey(p, ("inquiry", 0), ("mql", 2)) for p in who)), END))
    ran = clocks(*((p, rep, 2.0, 3.0) for p, (_, rep) in who.items()))
    calls = approaches(*((p, 2.5, method == "seminar") for p, (method, rep) in who.items() if rep == "busy"))
    known = pl.concat([persons(p, source_method=method) for p, (method, _) in who.items()])
    return followed(handed, ran, calls, END), known


def test_a56_both_claims_of_the_quarrel_stand_in_one_view_from_the_same_events() -> None:
    rows = {(row["side"], row["name"]): row for row in truth_board(*quarrel()).to_dicts()}
    assert (rows["source", "web_ad"]["connect"], rows["source", "seminar"]["connect"]) == (0.0, 1.0)
    assert (rows["rep", "busy"]["follow_up"], rows["rep", "idle"]["follow_up"]) == (1.0, 0.0)
    assert rows["all", "all"]["handed"] == 12


def test_a57_where_hot_means_two_things_is_told_by_the_rule_that_fired() -> None:
    went = [journey(f"d{n}", ("inquiry", 0), ("mql", 2), ("recycled", 4, "rejected", "no_need")) for n in range(3)]
    went += [journey(f"q{n}", ("inquiry", 0), ("mql", 2), ("sql", 4)) for n in range(3)]
    handed = hand_overs(stays(moves(*went), END))
    fired = handed.select("person_id", "run_id").with_columns(
        pl.when(pl.col("person_id").str.starts_with("d"))
        .then(pl.lit("document_request"))
        .otherwise(pl.lit("quote_request"))
        .alias("rule")
    )
    hot = handed.select("person_id", "run_id", pl.lit("hot").alias("temperature"))
    table = disagreement(handed, fired, hot)
    assert table.select("rule", "rejected", "rejection", "reason").rows() == [("document_request", 3, 1.0, "no_need")]


def test_a59_a_method_of_which_one_more_lead_has_become_too_dear_raises_an_alarm() -> None:
    """In May a tenth more was spent than in April, and hardly anybody more came."""
    may = arrived(100, 0, 0, 0, 0)
    april = arrived(98, 0, 0, 0, 0).with_columns(
        pl.col("at") - timedelta(days=20), ("before-" + pl.col("person_id")).alias("person_id")
    )
    people = pl.concat([persons(*may["person_id"]), persons(*april["person_id"])])
    months = {(4, 30): 300_000.0, (5, 31): 330_000.0}
    rows = [
        {"first": date(2026, m, 1), "last": date(2026, m, last), "method": "seminar", "value": v} for (m, last), v in months.items()
    ]
    asked = Question(date(2026, 4, 1), date(2026, 5, 31), day(40), Zone(), by="month")
    both = Acquired(pl.concat([april, may]), people, frame(rows, GIVEN))
    told_ = saturation_sheet(both, SaturationLimits(marginal_cpa=10_000.0), asked).rows
    assert told_.select("span", "marginal_cpa", "alarm").rows() == [("2026-04", None, None), ("2026-05", 15_000.0, "marginal_cpa")]


def test_a60_an_empty_pool_is_seen_months_before_it_is_empty() -> None:
    """Ten target leads are left, and twelve were handed over in three months."""
    people = persons(*(f"u{n}" for n in range(10))).with_columns(pl.lit(True).alias("is_target"))
    states = frame([{"person_id": f"u{n}", "phase": "inquiry" if n < 6 else "recycled"} for n in range(10)], STATE)
    handed = moves(*(journey(f"h{n}", ("inquiry", -9), ("mql", 1)) for n in range(12)))
    found = runway(people, states, handed, END, 3, 3.0)
    assert (found.monthly, found.months, found.is_short) == (4.0, 2.5, True)


def test_a65_every_figure_names_the_one_that_is_held_against_it() -> None:
    units = {pair.name: pair.unit for pair in PAIRS}
    assert len(units) == len(PAIRS) > 20
    assert all(pair.counter in units and pair.counter != pair.name for pair in PAIRS)
    assert not [pair.name for pair in PAIRS if pair.unit == units[pair.counter] == "count"]
