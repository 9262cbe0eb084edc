"""How many get warmer and how fast; and when the mix says that a definition is wrong."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journeys import END, MAY, day, journey, moves, told

from crmsync.figures.alarms import TemperatureLimits
from crmsync.figures.stays import stays
from crmsync.figures.warmth import Mix, alarm, mixes, spells, warming

LIMITS = TemperatureLimits()


def history(*rows: tuple[str, str, float]) -> pl.DataFrame:
    schema = {"person_id": pl.String, "temperature": pl.String, "since": pl.Datetime("us", "UTC")}
    return pl.DataFrame([(p, temperature, day(at)) for p, temperature, at in rows], schema=schema, orient="row")


def test_warm_leads_get_hot_cold_or_stay_as_they_are() -> None:
    told_ = history(
        ("a", "warm", 0), ("a", "hot", 4), ("b", "warm", 0), ("b", "hot", 10), ("c", "warm", 1), ("c", "cold", 9), ("d", "warm", 2)
    )
    table = warming(spells(told_), MAY).filter(pl.col("was") == "warm")
    assert told(table, "became", "changes", "share", "median_days") == {"hot": (2, 2 / 3, 7.0), "cold": (1, 1 / 3, 8.0)}


def test_a_change_counts_in_the_days_in_which_it_happened() -> None:
    told_ = history(("a", "warm", -40), ("a", "hot", 4), ("b", "warm", 0), ("b", "hot", 40))
    assert warming(spells(told_), MAY)["changes"].to_list() == [1]


def test_the_same_change_told_by_several_runs_is_one() -> None:
    twice = pl.concat([history(("a", "warm", 0), ("a", "hot", 4)), history(("a", "hot", 4))])
    assert spells(twice).height == 2


WAITING = [journey(f"p{n}", ("inquiry", -55)) for n in range(40)]


def mixed(*rows: tuple[str, str, float]) -> tuple[Mix, ...]:
    return mixes(spells(history(*rows)), stays(moves(*WAITING), END), END, LIMITS)


@pytest.mark.parametrize(
    ("hot", "found"), [(0, "too_few_hot"), (3, "too_few_hot"), (6, None), (12, None), (13, "too_many_hot"), (40, "too_many_hot")]
)
def test_a_mix_that_no_honest_definition_makes_raises_an_alarm(hot: int, found: str | None) -> None:
    """Of 40 leads, all along: 12 are 30 %, 4 are 10 %."""
    told_ = mixed(*((f"p{n}", "hot" if n < hot else "cold", -50.0) for n in range(40)))
    assert (told_[0].hot, alarm(told_, LIMITS)) == (hot, found)


def test_too_few_hot_ones_are_an_alarm_only_where_it_lasts() -> None:
    """Three weeks ago every fifth was still hot."""
    rows = [(f"p{n}", "hot" if n < 8 else "cold", -50.0) for n in range(40)]
    cooled = [(f"p{n}", "cold", 31 - 18.0) for n in range(8)]
    told_ = mixed(*rows, *cooled)
    assert ([mix.hot for mix in told_], alarm(told_, LIMITS)) == ([0, 0, 0, 8], None)


def test_old_leads_who_went_cold_long_ago_say_nothing_of_a_definition() -> None:
    """Two hundred of them lie in the pool; of the forty of this season eight are hot."""
    people = [*WAITING, *(journey(f"old{n}", ("inquiry", -200)) for n in range(200))]
    rows = [(f"p{n}", "hot" if n < 8 else "cold", -50.0) for n in range(40)] + [(f"old{n}", "cold", -199.0) for n in range(200)]
    found = mixes(spells(history(*rows)), stays(moves(*people), END), END, LIMITS)
    assert (found[0].leads, found[0].hot_share, alarm(found, LIMITS)) == (40, 0.2, None)


def test_leads_of_a_few_days_say_nothing_of_weeks() -> None:
    """Forty cold ones came ten days ago: that nobody is hot yet has not lasted."""
    came = stays(moves(*(journey(f"p{n}", ("inquiry", 21)) for n in range(40))), END)
    young = mixes(spells(history(*((f"p{n}", "cold", 21.0) for n in range(40)))), came, END, LIMITS)
    assert ([mix.leads for mix in young], alarm(young, LIMITS)) == ([40, 40, 0, 0], None)


def test_a_handful_of_leads_says_nothing_of_a_definition() -> None:
    few = mixes(spells(history(*((f"p{n}", "hot", -50.0) for n in range(9)))), stays(moves(*WAITING), END), END, LIMITS)
    assert (few[0].hot_share, alarm(few, LIMITS)) == (1.0, None)


def test_customers_and_the_excluded_are_no_part_of_the_mix() -> None:
    gone = [journey("p0", ("inquiry", -55), ("closed_won", -5)), journey("p1", ("inquiry", -55), ("disqualified", -5))]
    stayed = stays(moves(*gone, *WAITING[2:]), END)
    told_ = mixes(spells(history(*((f"p{n}", "hot", -50.0) for n in range(4)))), stayed, END, LIMITS, 1)
    assert told_[0].hot == 2


@given(st.lists(st.tuples(st.sampled_from(["hot", "warm", "cold"]), st.integers(-80, 30)), min_size=1, max_size=12))
def test_everybody_has_one_temperature_at_every_instant(changes: list[tuple[str, int]]) -> None:
    spelled = spells(history(*(("p0", temperature, float(at)) for temperature, at in changes)))
    for week in range(12):
        at = END - timedelta(weeks=week)
        held = spelled.filter((pl.col("since") <= at) & (pl.col("until") > at).fill_null(True))
        assert held.height == (1 if any(day(d) <= at for _, d in changes) else 0)
