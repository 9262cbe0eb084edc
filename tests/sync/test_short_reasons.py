"""The reasons in the CRM fit a plain text field of either CRM, however long the titles of rules are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_house import MONDAY, House, definitions

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


def test_the_short_form_tells_rule_evidence_day_and_version(house: House) -> None:
    house.mql()
    decided = house.cycle().prepared.decided
    told = decided.desired.select("reason_ja", "reason_en").row(0)
    day, version = f"{MONDAY:%Y-%m-%d}", decided.decisions.valve.version
    for text in told:
        assert f"{day}, {version}" in text
        assert f" ({MONDAY:%m-%d})" in text
    assert told[1].startswith(f"MQL ({day}, {version}): ")
    assert told[0].startswith(f"MQL({day}, {version}): ")


def test_who_was_never_handed_over_is_told_without_a_version(house: House) -> None:
    house.contact("sfa", "sato@beta.example")
    (text,) = house.cycle().prepared.decided.desired["reason_en"]
    assert f"({MONDAY:%Y-%m-%d}): " in text
    assert "@" not in text


def test_however_long_the_titles_the_day_and_the_version_are_not_cut(house: House) -> None:
    house.mql()
    decided = house.cycle().prepared.decided
    scoring = definitions().scoring
    long = tuple(replace(rule, title=Title("長" * 300, "x" * 300)) for rule in scoring.fit)
    told = with_reasons(decided.decisions, replace(definitions(), scoring=replace(scoring, fit=long)))
    for text in told.select("reason_ja", "reason_en").row(0):
        assert f"{MONDAY:%Y-%m-%d}, {decided.decisions.valve.version}" in text


def test_a_day_that_passes_changes_no_word_of_it_and_writes_nothing(house: House) -> None:
    house.mql()
    house.cycle()
    before = house.cycle().prepared.decided.desired.select("reason_ja", "reason_en")
    house.forget_writes()
    later = house.cycle(later=timedelta(minutes=50)).prepared.decided.desired
    assert later.is_empty() or later.select("reason_ja", "reason_en").equals(before)
    assert house.writes == []
