"""Every figure stands beside the one that falls when it is raised by a trick."""

from __future__ import annotations

from collections import Counter

import pytest

from crmsync.figures.counterparts import PAIRS, counterparts
from crmsync.messages import LANGUAGES, catalogue

NAMES = [pair.name for pair in PAIRS]
VALUES: dict[str, float | None] = {name: float(number) for number, name in enumerate(NAMES)}


def test_every_figure_names_its_counter_figure_and_that_is_a_figure_too() -> None:
    assert Counter(NAMES).most_common(1)[0][1] == 1
    assert {pair.counter for pair in PAIRS} <= set(NAMES)
    assert [pair.name for pair in PAIRS if pair.counter == pair.name] == []


def test_volume_is_never_held_against_volume() -> None:
    """Two counts rise together; a count is held against a share, and speed against what comes of it."""
    units = {pair.name: pair.unit for pair in PAIRS}
    assert [pair.name for pair in PAIRS if pair.unit == units[pair.counter] == "count"] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_and_its_trick_can_be_read_in_both_languages(name: str) -> None:
    for group in ("kpi", "trick"):
        assert all(catalogue()[f"{group}.{name}"][language] for language in LANGUAGES)


def test_no_name_of_a_figure_is_left_without_a_pair() -> None:
    """Whoever adds a figure to the catalogue says what is held against it."""
    assert {code.removeprefix("kpi.") for code in catalogue() if code.startswith("kpi.")} == set(NAMES)


def test_a_figure_and_its_counter_stand_in_one_row() -> None:
    rows = {row["kpi"]: row for row in counterparts(VALUES).to_dicts()}
    assert (rows["leads"]["amount"], rows["leads"]["share"]) == (VALUES["leads"], None)
    assert (rows["leads"]["counter"], rows["leads"]["counter_share"]) == ("persona", VALUES["persona"])
    assert list(rows) == NAMES


def test_an_absent_figure_is_absent_and_a_forgotten_one_a_bug() -> None:
    assert counterparts({**VALUES, "leads": None})["amount"][0] is None
    with pytest.raises(KeyError):
        counterparts({name: value for name, value in VALUES.items() if name != "wins"})
