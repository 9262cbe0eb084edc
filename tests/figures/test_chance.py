"""What is chance and what is not, held against textbooks and against counting it out."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.figures.chance import binomial_tail, more_often, more_rarely, share, wilson


def test_wilsons_limits_are_those_of_the_textbook() -> None:
    assert wilson(1, 20) == pytest.approx((0.00888, 0.23613), abs=1e-4)
    assert wilson(0, 20)[0] == 0.0
    assert wilson(20, 20)[1] == 1.0


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_share_lies_between_its_limits(hits: int, more: int) -> None:
    found = share(hits, hits + more)
    assert found is not None
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_a_share_over_nothing_and_more_hits_than_cases_are_no_shares() -> None:
    assert (share(0, 0), share(3, 2)) == (None, None)


def test_the_tail_of_the_binomial_is_that_of_counting_it_out() -> None:
    ways = sum(math.comb(12, k) * 0.3**k * 0.7 ** (12 - k) for k in range(5, 13))
    assert binomial_tail(5, 12, 0.3) == pytest.approx(ways)
    assert binomial_tail(0, 12, 0.3) == 1.0


def test_fishers_test_is_that_of_drawing_every_way_there_is() -> None:
    """Of 4 recent and 6 earlier leads 5 became opportunities: how often would no more than 1 of the recent ones?"""
    draws = list(combinations(range(10), 5))
    rare = sum(sum(one < 4 for one in drawn) <= 1 for drawn in draws)
    assert more_rarely(1, 4, 4, 6) == pytest.approx(rare / len(draws))


def test_ladies_tasting_tea() -> None:
    assert more_rarely(0, 4, 4, 4) == pytest.approx(1 / 70)
    assert more_rarely(4, 4, 0, 4) == pytest.approx(1.0)


def test_thrice_as_many_in_the_same_time_is_no_chance_and_a_few_more_are() -> None:
    assert more_often(60, 28, 60, 84) < 1e-6
    assert more_often(22, 28, 60, 84) > 0.3


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_fewer_hits_are_never_less_of_a_surprise(hits: int, misses: int, other: int, others: int) -> None:
    before = more_rarely(hits, hits + misses, other, other + others)
    fewer = more_rarely(max(0, hits - 1), hits + misses, other, other + others)
    assert 0.0 <= before <= 1.0
    assert hits == 0 or fewer < before + 1e-9 or other == 0
