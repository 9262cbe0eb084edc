"""Which link costs most wins, against what was agreed and against what has been usual."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.figures.bottleneck import LINKS, bottleneck_sheet, losses

WORKED = {"visitors": 10_000.0, "leads": 300.0, "mqls": 90.0, "sqls": 36.0, "opportunities": 27.0, "wins": 6.0}
NOTHING = dict.fromkeys(LINKS)


def degraded(link: str, share: float = 0.5) -> dict[str, float]:
    after = LINKS[LINKS.index(link) :]
    return {name: count * (share if name in after else 1) for name, count in WORKED.items()}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_gives_half_costs_half_of_the_wins_and_no_other_costs_any(link: str) -> None:
    assert losses(degraded(link), WORKED) == pytest.approx({**dict.fromkeys(LINKS, 0.0), link: 3.0}, abs=1e-9)


@pytest.mark.parametrize("link", LINKS)
def test_the_sheet_names_the_link_and_has_it_first(link: str) -> None:
    sheet = bottleneck_sheet(degraded(link), WORKED, NOTHING)
    assert (sheet.rows["step"][0], sheet.rows["lost_wins"][0]) == (link, pytest.approx(3.0))
    assert [dict(note.params) for note in sheet.notes] == [{"step_word": f"step.{link}"}]


@pytest.mark.parametrize("link", LINKS)
def test_without_targets_what_was_usual_is_what_it_is_held_against(link: str) -> None:
    three_months = {name: count * 3 for name, count in WORKED.items()}
    sheet = bottleneck_sheet(degraded(link), NOTHING, three_months)
    row = sheet.rows.row(0, named=True)
    assert (row["step"], row["lost_wins"], row["lost_wins_usual"]) == (link, None, pytest.approx(3.0))


def test_as_agreed_nothing_is_the_bottleneck() -> None:
    assert bottleneck_sheet(WORKED, WORKED, NOTHING).notes == ()
    assert bottleneck_sheet(WORKED, NOTHING, NOTHING).notes == ()


def test_a_link_that_gives_nothing_costs_what_it_should_have_brought() -> None:
    stopped = {**WORKED, "opportunities": 0.0, "wins": 0.0}
    assert losses(stopped, WORKED)["opportunities"] == pytest.approx(6.0)
    assert losses(stopped, WORKED)["wins"] is None


def test_a_link_that_nobody_knows_is_folded_into_the_next() -> None:
    unseen = {**degraded("leads"), "visitors": None}
    assert losses(unseen, WORKED) == pytest.approx({**dict.fromkeys(LINKS, 0.0), "visitors": None, "leads": 3.0}, abs=1e-9)
    agreed = {"leads": 300.0, "opportunities": 27.0, "wins": 6.0}
    found = losses(degraded("sqls"), agreed)
    assert (found["mqls"], found["sqls"], found["opportunities"]) == (None, None, pytest.approx(3.0))
    assert bottleneck_sheet(unseen, WORKED, NOTHING).missing == ("visits",)


def test_a_better_link_gains_wins() -> None:
    assert losses(degraded("wins", 2.0), WORKED)["wins"] == pytest.approx(-6.0)


COUNTS = st.integers(1, 500).map(float)


@given(st.fixed_dictionaries(dict.fromkeys(LINKS, COUNTS)), st.fixed_dictionaries(dict.fromkeys(LINKS, COUNTS)))
def test_a_link_loses_exactly_where_its_rate_is_below_what_it_should_be(counts: dict[str, float], should: dict[str, float]) -> None:
    lost = losses(counts, should)
    before, agreed = 1.0, 1.0
    for link in LINKS:
        less = counts[link] / before < should[link] / agreed
        assert (lost[link] > 1e-12) == less or abs(lost[link]) < 1e-9
        before, agreed = counts[link], should[link]
