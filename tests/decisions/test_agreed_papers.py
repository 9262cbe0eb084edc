"""The papers of one firm as both heads hold them in their hands: word for word, in both languages, as Markdown and as a page.

The firm's rules (`agreed/rules`) use every key that a paper has words for. After a change that is meant, write the papers anew and
read what differs: `python tests/decisions/test_agreed_papers.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from crmsync.config.rules import load_definitions
from crmsync.decisions.agreement import render, render_page
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import ValvePosition
from crmsync.decisions.signing import Rules
from crmsync.decisions.team import Absence, Rep, Team
from crmsync.messages import LANGUAGES

AGREED = Path(__file__).parent / "agreed"
KINDS = frozenset({"pricing_page", "quote_request", "card_exchange", "email_open", "inbound_call"})
DIGEST = "0123456789abcdef01234567"
TODAY = date(2026, 6, 1)
VALVE = ValvePosition(0.4, "nippon@3.2", "2026-05-29", "busy", 1.2, None)
TEAM = Team(
    (
        Rep("a@home.example", "A", "inside_sales", "tokyo", "Asia/Tokyo", 15),
        Rep("b@home.example", "B", "inside_sales", "osaka", "Asia/Tokyo", 20, absences=(Absence(TODAY, TODAY),)),
        Rep("c@home.example", "C", "field_sales", "tokyo", "Asia/Tokyo", 6),
    )
)


def agreed() -> Definitions:
    return load_definitions([AGREED / "rules"], {"staff": 1, "manager": 4, "executive": 8}, KINDS)


def bare() -> Definitions:
    """As little as can be agreed: what a paper may leave out is not there."""
    full = agreed()
    return replace(
        full,
        qualification=replace(
            full.qualification, required=(), excluded=(), effective_from=None, review_by=None, signed_by=(), is_draft=True
        ),
        valve=replace(full.valve, override=None),
        temperature=replace(full.temperature, explicit_days=0),
        sla=replace(full.sla, clocks=(), holds=()),
        recycle=replace(full.recycle, policies={}, overrides=(), lists={}, stalled_days=None, upsell_list=None),
        nurture=replace(full.nurture, frequency=None),
        calendars=replace(full.calendars, by_name={"tokyo": full.calendars.by_name["osaka"]}),
    )


@cache
def papers() -> dict[str, str]:
    """Each paper by the name of its file."""
    found = {}
    for language in LANGUAGES:
        rules = Rules(agreed(), DIGEST)
        found[f"{language}.md"] = render(rules, TEAM, language, TODAY, VALVE)
        found[f"{language}.html"] = render_page(rules, TEAM, language, TODAY, VALVE)
    found["bare.md"] = render(Rules(bare(), DIGEST), Team(()), "en", TODAY)
    return found


@pytest.mark.parametrize("name", [*(f"{language}.{kind}" for language in LANGUAGES for kind in ("md", "html")), "bare.md"])
def test_the_paper_reads_as_it_was_read_last(name: str) -> None:
    assert papers()[name] == (AGREED / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, text in papers().items():
        (AGREED / name).write_text(text, encoding="utf-8")
