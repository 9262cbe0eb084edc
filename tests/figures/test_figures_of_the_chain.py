"""The chain of figures, reckoned by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decisions.frames import CLOCKS, MOVES, OPPORTUNITIES, PERSONS, conform, empty
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


def _chain(leads: int, mqls: int, opportunities: int, wins: int, targets: Mapping[str, float | None] | None = None) -> Chain:
    moves = _moves(*((f"p{n}", "inquiry", "mql", IN_MAY) for n in range(mqls)))
    return chain(_persons(leads), moves, _cases(opportunities, wins), MAY, targets or {})


def _step(made: Chain, name: str):
    return next(step for step in made.steps if step.name == name)


# ------------------------------------------------------------------------------------------------------------ the guide's own


def test_the_guides_worked_chain() -> None:
    """10,000 visitors make 300 leads, of which 90 MQL, 36 opportunities, 27 of them worked on and 6 won: as far as our steps go."""
    made = _chain(300, 90, 36, 6)
    assert [(step.name, step.count) for step in made.steps] == [("leads", 300), ("mqls", 90), ("opportunities", 36), ("wins", 6)]
    assert [step.rate for step in made.steps] == [None, 0.3, 0.4, pytest.approx(1 / 6)]
    assert rate(300, 10_000) == 0.03
    assert rate(27, 36) == 0.75
    assert rate(6, 27) == pytest.approx(0.2222, abs=1e-4)


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
    assert [step.count for step in made.steps] == [0, 0, 0, 0]
    assert [step.rate for step in made.steps] == [None, None, None, None]
    assert made.bottleneck == "leads"


# --------------------------------------------------------------------------------------------------------- who is counted


def test_only_what_happened_in_the_period_is_counted() -> None:
    persons = pl.concat([_persons(3), _persons(2, MAY.until), _persons(2, IN_APRIL)])
    made = chain(persons, _moves(("p1", "inquiry", "mql", IN_APRIL)), _cases(4, 2, MAY.until), MAY, {})
    assert [step.count for step in made.steps] == [3, 0, 0, 0]


def test_the_first_instant_of_a_period_belongs_to_it() -> None:
    assert _step(chain(_persons(1, MAY.since), _moves(), _cases(0, 0), MAY, {}), "leads").count == 1


def test_who_is_not_identified_is_no_lead() -> None:
    assert _step(chain(_persons(5, identified=False), _moves(), _cases(0, 0), MAY, {}), "leads").count == 0


def test_an_opportunity_is_one_however_many_people_are_on_it() -> None:
    two = pl.concat([_cases(1, 1), _cases(1, 1).with_columns(person_id=pl.lit("p9"))])
    made = chain(_persons(2), _moves(), two, MAY, {})
    assert (_step(made, "opportunities").count, _step(made, "wins").count) == (1, 1)


def test_a_case_opened_before_and_won_in_the_period_is_a_win_and_no_opportunity_of_it() -> None:
    cases = _cases(1, 1).with_columns(created_at=pl.lit(IN_APRIL).cast(pl.Datetime("us", "UTC")))
    made = chain(_persons(0), _moves(), cases, MAY, {})
    assert (_step(made, "opportunities").count, _step(made, "wins").count) == (0, 1)


def test_who_came_back_is_counted_apart() -> None:
    moves = _moves(
        ("p0", "mql", "recycled", IN_APRIL),
        ("p0", "recycled", "mql", IN_MAY),
        ("p1", "inquiry", "mql", IN_MAY),
        ("p2", "sql", "recycled", IN_MAY),
    )
    made = chain(_persons(3), moves, _cases(2, 2), MAY, {})
    assert (_step(made, "mqls").count, made.came_back, made.recycled) == (2, 1, 1)
    assert made.came_back_won == 1


def test_a_win_came_back_when_anyone_on_it_did() -> None:
    """The first person listed never left; the second one did."""
    two = pl.concat([_cases(1, 1), _cases(1, 1).with_columns(person_id=pl.lit("p9"))])
    made = chain(_persons(1), _moves(("p9", "mql", "recycled", IN_APRIL)), two, MAY, {})
    assert (made.came_back_won, _step(made, "wins").count) == (1, 1)


def test_who_left_only_after_the_win_did_not_come_back() -> None:
    moves = _moves(("p0", "closed_won", "recycled", IN_MAY + timedelta(days=1)))
    assert chain(_persons(1), moves, _cases(1, 1), MAY, {}).came_back_won == 0


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
