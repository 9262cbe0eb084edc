"""`rules/alarms.yaml`: what ships works, what is left out has a default, and every slip is shown where it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from crmsync.config.document import parse_document, read_document
from crmsync.config.rules.alarms import load_alarms
from crmsync.errors import FixConfig
from crmsync.figures.alarms import Alarms
from crmsync.messages import LANGUAGES, say

SHIPPED = Path(__file__).parents[3] / "mappings" / "rules" / "alarms.yaml"
LADDER = {"課長": 4, "manager": 4}


def test_what_ships_are_the_defaults_and_a_persona() -> None:
    watch = load_alarms(read_document(SHIPPED), LADDER)
    assert replace(watch.alarms, saturation=Alarms().saturation) == Alarms()
    people = pl.DataFrame({"title_rank": [4, 4, 2, 4], "employees": [20, 19, 500, None]})
    known = people.select(pl.all_horizontal(part.known for part in watch.persona.conjuncts)).to_series()
    assert known.to_list() == [True, False, False, None]


def test_only_the_persona_must_be_said() -> None:
    assert load_alarms(parse_document("target_persona: employees >= 100", "alarms.yaml"), LADDER).alarms == Alarms()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("junk: {chance: 0.01}", (1, 1, "config.missing_key")),
        ("target_persona: employes >= 100", (1, 17, "condition.unknown_column")),
        ("target_persona: employees >= 1\njunk: {chance: 2}", (2, 8, "config.wrong_value")),
        ("target_persona: employees >= 1\njunk: {chanse: 0.1}", (2, 8, "config.unknown_key")),
        ("target_persona: employees >= 1\ntemperature: {too_few_hot: 0.5}", (2, 28, "rules.not_above")),
        ("target_persona: score >= 1", (1, 17, "condition.unknown_column")),
    ],
)
def test_every_slip_is_shown_where_it_stands(text: str, found: tuple[int, int, str]) -> None:
    with pytest.raises(FixConfig) as caught:
        load_alarms(parse_document(text, "alarms.yaml"), LADDER)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.code) == found
    assert all(say(problem.code, language, **problem.params) for language in LANGUAGES)
