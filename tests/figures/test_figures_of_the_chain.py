"""The chain of figures, reckoned by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decisions.frames import CLOCKS, MOVES, OPPORTUNITIES, PERSONS, STATE, TOUCHES, conform, empty
from crmsync.figures.arrivals import arrivals, profiles
from crmsync.figures.board import sla_board
from crmsync.figures.chain import Chain, chain, rate
from crmsync.figures.period import Period

MAY = Period(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
IN_MAY = datetime(2026, 5, 15, tzinfo=UTC)
IN_APRIL = datetime(2026, 4, 15, tzinfo=UTC)


def _persons(count: int, at: datetime = IN_MAY, *, identified: bool = True) -> pl.DataFrame:
    rows = [{"person_id": f"p{n}", "created_at": at, "identified": identified} for n in range(count)]
    return conform(pl.DataFrame(rows), PERSONS) if rows else empty(PERSONS)


def _moves(*rows: tuple[str, str, str, datetime]) -> pl.DataFrame:
    """(person, source, target, at) each."""
    told = [{"person_id": p, "source": source, "target": target, "at": at} for p, source, target, at in rows]
    return conform(pl.DataFrame(told), MOVES) if told else empty(MOVES)


def _cases(created: int, won: int, at: datetime = IN_MAY) -> pl.DataFrame:
    rows = [
        {
            "person_id": f"p{n}",
            "opportunity_id": f"o{n}",
            "status": "won" if n < won else "open",
            "created_at": at,
            "closed_at": at if n < won else None,
        }
        for n in range(created)
    ]
    return conform(pl.DataFrame(rows), OPPORTUNITIES) if rows else empty(OPPORTUNITIES)


def _of(
    persons: pl.DataFrame,
    moves: pl.DataFrame,
    opportunities: pl.DataFrame,
    targets: Mapping[str, float | None] | None = None,
    visitors: float | None = None,
    contracts: pl.DataFrame | None = None,
) -> Chain:
    known = profiles(persons, empty(TOUCHES), empty(STATE), ())
    arrived = arrivals(persons, moves, opportunities, known, ("new_business",), contracts)
    return chain(arrived, moves, MAY, targets or {}, visitors)


def _chain(leads: int, mqls: int, opportunities: int, wins: int, targets: Mapping[str, float | None] | None = None) -> Chain:
    moves = _moves(*((f"p{n}", "inquiry", "mql", IN_MAY) for n in range(mqls)))
    return _of(_persons(leads), moves, _cases(opportunities, wins), targets)


def _counts(made: Chain) -> list[float | None]:
    """Of the steps that the old-fashioned chain has: leads, MQLs, opportunities, wins."""
    return [_step(made, name).count for name in ("leads", "mqls", "opportunities", "wins")]


def _step(made: Chain, name: str):
    return next(step for step in made.steps if step.name == name)


# ------------------------------------------------------------------------------------------------------------ the guide's own


WORKED = {"visitors": 10_000.0, "leads": 300.0, "mqls": 90.0, "sqls": 36.0, "opportunities": 27.0, "wins": 6.0}
RATES = {"leads": 0.03, "mqls": 0.3, "sqls": 0.4, "opportunities": 0.75, "wins": 6 / 27}


def _worked(counts: Mapping[str, float]) -> Chain:
    reached = ((f"p{n}", "inquiry", "mql", IN_MAY) for n in range(int(counts["mqls"])))
    accepted = ((f"p{n}", "mql", "sql", IN_MAY) for n in range(int(counts["sqls"])))
    moves = _moves(*reached, *accepted)
    cases = _cases(int(counts["opportunities"]), int(counts["wins"]))
    return _of(_persons(int(counts["leads"])), moves, cases, WORKED, counts["visitors"])


def test_the_worked_chain() -> None:
    """10,000 visitors, 300 leads, 90 MQLs, 36 SQLs, 27 opportunities, 6 wins."""
    made = _worked(WORKED)
    assert {step.name: step.count for step in made.steps} == {**WORKED, "renewals": 0}
    assert {step.name: step.rate for step in made.steps if step.rate is not None} == pytest.approx(RATES)
    assert {step.name: step.target_rate for step in made.steps if step.target_rate is not None} == pytest.approx(RATES)
    assert made.bottleneck is None


@pytest.mark.parametrize("degraded", list(WORKED))
def test_the_link_that_is_degraded_is_named_and_no_other(degraded: str) -> None:
    """A third of what one rate gives is lost; every other rate is as agreed."""
    steps = list(WORKED)
    after = steps[steps.index(degraded) :]
    made = _worked({**WORKED, **{name: WORKED[name] * 2 / 3 for name in after}})
    assert made.bottleneck == degraded
    short = {step.name: step.log_share for step in made.steps if step.log_share and abs(step.log_share) > 1e-9}
    assert short == pytest.approx({degraded: math.log(2 / 3)})


def test_without_visitors_the_capture_rate_is_absent_and_the_rest_is_not() -> None:
    made = _of(_persons(300), _moves(), _cases(27, 6), WORKED)
    assert (_step(made, "visitors").count, _step(made, "leads").rate) == (None, None)
    assert _step(made, "wins").rate == pytest.approx(6 / 27)
    assert _step(made, "visitors").log_share is None


def _due(*renewed: bool) -> pl.DataFrame:
    """Contracts of the first opportunities that were due in May."""
    rows = [(f"o{n}", IN_MAY, is_renewed) for n, is_renewed in enumerate(renewed)]
    schema = {"opportunity_id": pl.String, "due_at": pl.Datetime("us", "UTC"), "is_renewed": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_a_renewal_is_no_win_and_no_opportunity() -> None:
    cases = _cases(5, 3).with_columns(kind=pl.Series(["renewal", "upsell", "new_business", "renewal", None]))
    assert _counts(_of(_persons(5), _moves(), cases)) == [5, 0, 2, 1]


def test_renewals_are_those_of_the_contracts_that_were_due() -> None:
    """Whoever is not due yet is in neither."""
    made = _of(_persons(5), _moves(), _cases(5, 5), WORKED, contracts=_due(True, False, True, True))
    assert (_step(made, "renewals").count, _step(made, "renewals").rate) == (3, 0.75)
    assert _step(made, "renewals").log_share is None


def test_where_no_contract_was_due_the_renewal_rate_is_absent() -> None:
    assert _step(_of(_persons(1), _moves(), _cases(1, 1)), "renewals").rate is None


def test_one_more_point_of_a_rate_brings_its_share_of_wins() -> None:
    made = _chain(300, 90, 36, 6)
    assert _step(made, "mqls").wins_per_point == pytest.approx(6 / 0.30 * 0.01)
    assert _step(made, "wins").wins_per_point == pytest.approx(36 * 0.01)  # each opportunity, one more in a hundred
    assert _step(made, "leads").wins_per_point is None


@pytest.mark.parametrize(("part", "whole"), [(None, 5), (5, None), (5, 0), (0, 0), (None, None)])
def test_a_rate_over_nothing_is_absent(part: float | None, whole: float | None) -> None:
    assert rate(part, whole) is None


def test_nothing_out_of_something_is_a_rate_of_nought() -> None:
    assert rate(0, 5) == 0.0


def test_an_empty_month_has_counts_and_no_rates() -> None:
    made = _chain(0, 0, 0, 0, {"leads": 100, "opportunities": 10, "wins": 2})
    assert _counts(made) == [0, 0, 0, 0]
    assert {step.rate for step in made.steps} == {None}
    assert made.bottleneck == "leads"


# --------------------------------------------------------------------------------------------------------- who is counted


def test_only_what_happened_in_the_period_is_counted() -> None:
    persons = pl.concat([_persons(3), _persons(2, MAY.until), _persons(2, IN_APRIL)])
    persons = persons.with_columns(person_id=pl.int_range(pl.len()).cast(pl.String))
    made = _of(persons, _moves(("p1", "inquiry", "mql", IN_APRIL)), _cases(4, 2, MAY.until))
    assert _counts(made) == [3, 0, 0, 0]


def test_the_first_instant_of_a_period_belongs_to_it() -> None:
    assert _step(_of(_persons(1, MAY.since), _moves(), _cases(0, 0)), "leads").count == 1


def test_who_is_not_identified_is_no_lead() -> None:
    assert _step(_of(_persons(5, identified=False), _moves(), _cases(0, 0)), "leads").count == 0


def test_an_opportunity_is_one_however_many_people_are_on_it() -> None:
    two = pl.concat([_cases(1, 1), _cases(1, 1).with_columns(person_id=pl.lit("p9"))])
    made = _of(_persons(2), _moves(), two)
    assert (_step(made, "opportunities").count, _step(made, "wins").count) == (1, 1)


def test_a_case_opened_before_and_won_in_the_period_is_a_win_and_no_opportunity_of_it() -> None:
    cases = _cases(1, 1).with_columns(created_at=pl.lit(IN_APRIL).cast(pl.Datetime("us", "UTC")))
    made = _of(_persons(0), _moves(), cases)
    assert (_step(made, "opportunities").count, _step(made, "wins").count) == (0, 1)


def test_who_came_back_is_counted_apart() -> None:
    moves = _moves(
        ("p0", "mql", "recycled", IN_APRIL),
        ("p0", "recycled", "mql", IN_MAY),
        ("p1", "inquiry", "mql", IN_MAY),
        ("p2", "sql", "recycled", IN_MAY),
    )
    made = _of(_persons(3), moves, _cases(2, 2))
    assert (_step(made, "mqls").count, made.came_back, made.recycled) == (2, 1, 1)
    assert made.came_back_won == 1


def test_a_win_came_back_when_anyone_on_it_did() -> None:
    """The first person listed never left; the second one did."""
    two = pl.concat([_cases(1, 1), _cases(1, 1).with_columns(person_id=pl.lit("p9"))])
    made = _of(_persons(1), _moves(("p9", "mql", "recycled", IN_APRIL)), two)
    assert (made.came_back_won, _step(made, "wins").count) == (1, 1)


def test_who_left_only_after_the_win_did_not_come_back() -> None:
    moves = _moves(("p0", "closed_won", "recycled", IN_MAY + timedelta(days=1)))
    assert _of(_persons(1), moves, _cases(1, 1)).came_back_won == 0


# -------------------------------------------------------------------------------------------------------------- bottleneck

AGREED = {"leads": 300.0, "opportunities": 36.0, "wins": 6.0}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((150, 45, 18, 3), "leads"),
        ((300, 90, 18, 3), "opportunities"),
        ((300, 90, 36, 3), "wins"),
        ((300, 90, 36, 6), None),
        ((600, 180, 36, 6), "opportunities"),  # twice the leads, and no more opportunities for it
        ((300, 90, 36, 0), "wins"),
    ],
)
def test_the_bottleneck_is_the_step_that_was_degraded(counts: tuple[int, int, int, int], expected: str | None) -> None:
    assert _chain(*counts, AGREED).bottleneck == expected


COUNTS = st.integers(1, 40)


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.sets(st.sampled_from(["leads", "mqls", "opportunities"])))
def test_shares_add_up_to_the_logarithm_of_the_shortfall(leads: int, mqls: int, cases: int, wins: int, without: set[str]) -> None:
    """Also where some steps have no target."""
    targets = {name: 20.0 for name in ("leads", "mqls", "opportunities", "wins") if name not in without}
    made = _chain(leads, mqls, max(cases, wins), wins, targets)
    shares = [step.log_share for step in made.steps if step.log_share is not None]
    assert math.fsum(shares) == pytest.approx(math.log(wins / 20.0), abs=1e-9)


# --------------------------------------------------------------------------------------------------------------- SLA board


def _clock(kind: str = "first_approach", start: datetime = IN_MAY, **hours: float) -> dict[str, object]:
    """A clock of ten hours; `met`, `breached`, `cancelled` are hours after its start."""
    at = {f"{name}_at": start + timedelta(hours=value) for name, value in hours.items()}
    return {"clock_id": f"{kind}{start}{hours}", "person_id": "p", "kind": kind, "started_at": start, **at}


def _board(*clocks: dict[str, object]) -> list[dict[str, object]]:
    return sla_board(conform(pl.DataFrame(list(clocks), infer_schema_length=None), CLOCKS), MAY).to_dicts()


def test_the_board_adds_up() -> None:
    [row] = _board(
        _clock(met=2.0),
        _clock(met=4.0),
        _clock(met=12.0, breached=10.0),
        _clock(breached=10.0),
        _clock(cancelled=3.0),
        _clock(breached=10.0, cancelled=15.0),
        _clock(),
    )
    assert (row["started"], row["met"], row["breached"], row["cancelled"], row["running"]) == (7, 2, 3, 1, 1)
    assert row["kept"] == pytest.approx(2 / 5)
    assert row["median_hours"] == 4.0


def test_a_board_without_an_outcome_keeps_nothing_and_breaks_nothing() -> None:
    [row] = _board(_clock(), _clock(cancelled=1.0))
    assert (row["kept"], row["median_hours"]) == (None, None)


def test_each_kind_of_clock_has_its_row_and_others_periods_are_left_out() -> None:
    rows = _board(_clock("verdict", met=1.0), _clock("first_approach", met=1.0), _clock("first_approach", IN_APRIL, met=1.0))
    assert [(row["kind"], row["started"]) for row in rows] == [("first_approach", 1), ("verdict", 1)]


def test_a_period_without_clocks_has_an_empty_board() -> None:
    assert sla_board(empty(CLOCKS), MAY).is_empty()
