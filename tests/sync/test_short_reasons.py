"""The reasons in the CRM fit a plain text field of either CRM, however long the titles of rules are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_house import House, definitions

from crmsync.decisions.scoring import Title
from crmsync.sync.reasons import LONGEST, with_reasons


@pytest.mark.parametrize("letter", ["長", "x", "𠮷"], ids=["full-width", "half-width", "two-units"])
def test_the_short_form_has_at_most_255_characters_as_the_crms_count_them(house: House, letter: str) -> None:
    house.mql()
    decided = house.cycle().prepared.decided
    scoring = definitions().scoring
    long = Title(letter * 200, letter * 200)
    named = replace(
        scoring,
        fit=tuple(replace(rule, title=long) for rule in scoring.fit),
        interest=tuple(replace(rule, title=long) for rule in scoring.interest),
    )
    told = with_reasons(decided.decisions, replace(definitions(), scoring=named))
    for text in told.select("reason_ja", "reason_en").row(0):
        assert len(text.encode("utf-16-le")) // 2 <= LONGEST
        assert text.endswith("…")
    plain = with_reasons(decided.decisions, definitions())
    assert not any(text.endswith("…") for text in plain.select("reason_ja", "reason_en").row(0))
    assert told.drop("reason_ja", "reason_en").equals(plain.drop("reason_ja", "reason_en"))
