"""How many calls our cycles need, by arithmetic that anyone can follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.connect.contract import BudgetRule, Cost
from crmsync.connect.forecast import allowed_calls, forecast
from crmsync.connect.reserve import Allowance

COST = Cost(
    "contacts", each_cycle=2, per_changed=0.01, per_written=0.02, per_record=0.01, whole_every_days=10, each_day=4, for_each="forms"
)


def test_a_day_is_its_cycles_its_changes_its_whole_readings_and_the_rest() -> None:
    view = forecast([COST], {"contacts": 10_000, "forms": 3}, every_minutes=60, changed_a_day=0.1)
    assert view.a_quiet_cycle == 2 + 3
    assert view.besides_a_day == pytest.approx(1_000 * 0.03 + 10_000 * 0.01 / 10 + 4)
    assert view.a_day == 24 * 5 + 44
    assert view.first_load == 102


def test_before_the_first_pull_only_the_cycles_cost() -> None:
    assert forecast([Cost("a"), Cost("b", each_cycle=2)], {}, every_minutes=15).a_day == 96 * 3


def test_the_shortest_schedule_is_the_first_that_fits() -> None:
    view = forecast([COST], {"contacts": 10_000}, every_minutes=5)
    fewest = view.fewest_minutes(allowed=100)
    assert fewest is not None
    assert forecast([COST], {"contacts": 10_000}, fewest).a_day <= 100 < forecast([COST], {"contacts": 10_000}, fewest - 1).a_day


def test_where_changes_alone_are_too_many_no_schedule_helps() -> None:
    assert forecast([COST], {"contacts": 1_000_000}, 15).fewest_minutes(allowed=100) is None


@pytest.mark.parametrize(
    ("day", "rules", "allowed"),
    [
        (None, (), None),
        (Allowance(5, 1_000), (), 800),
        (None, (BudgetRule("burst", 80, 10), BudgetRule("burst", 100, 86_400)), 100),
        (Allowance(5, 1_000), (BudgetRule("burst", 300, 86_400), BudgetRule("search", 200, 86_400)), 500),
        (Allowance(5, 1_000), (BudgetRule("burst", 7_000, 7 * 86_400),), 800),
    ],
)
def test_we_may_make_what_the_account_lets_us_without_its_reserve_and_our_own_budget(
    day: Allowance | None, rules: tuple[BudgetRule, ...], allowed: int | None
) -> None:
    assert allowed_calls(day, 0.2, rules) == allowed


@given(st.integers(1, 1_440), st.integers(0, 10**7), st.integers(1, 10**6))
def test_a_schedule_that_is_named_always_fits(every: int, records: int, allowed: int) -> None:
    fewest = forecast([COST], {"contacts": records}, every).fewest_minutes(allowed)
    if fewest is not None:
        assert forecast([COST], {"contacts": records}, fewest).a_day <= allowed
