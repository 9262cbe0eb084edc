"""The papers of one firm as both heads hold them in their hands: word for word, in both languages, as Markdown and as a page.

The firm's rules (`agreed/rules`) use every key that a paper has words for. After a change that is meant, write the papers anew and
read what differs: `python tests/decisions/test_agreed_papers.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from crmsync.config.rules import load_definitions
from crmsync.decisions.agreed_rules import Stands
from crmsync.decisions.agreement import render, render_page
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import ValvePosition, Veto
from crmsync.decisions.signing import Rules
from crmsync.decisions.team import Absence, Rep, Team

AGREED = Path(__file__).parent / "agreed"
KINDS = frozenset({"pricing_page", "quote_request", "card_exchange", "email_open", "inbound_call"})
DIGEST = "0123456789abcdef01234567"
TODAY = date(2026, 6, 1)
STANDS = Stands(
    ValvePosition(0.4, "nippon@3.2", "2026-05-29", "busy", 1.2, None),
    Veto("nippon@3.2", 0.3, TODAY, "inside_sales", "Head of inside sales", "two of us are ill"),
)
TEAM = Team(
    (
        Rep("a@home.example", "A", "inside_sales", "tokyo", "Asia/Tokyo", 15),
        Rep("b@home.example", "B", "inside_sales", "osaka", "Asia/Tokyo", 20, absences=(Absence(TODAY, TODAY),)),
        Rep("c@home.example", "C", "field_sales", "tokyo", "Asia/Tokyo", 6),
    )
)


FULL = load_definitions([AGREED / "rules"], {"staff": 1, "manager": 4, "executive": 8}, KINDS)


def bare() -> Definitions:
    """As little as can be agreed: what a paper may leave out is not there."""
    return replace(
        FULL,
        qualification=replace(
            FULL.qualification, required=(), excluded=(), effective_from=None, review_by=None, signed_by=(), is_draft=True
        ),
        valve=replace(FULL.valve, override=None),
        temperature=replace(FULL.temperature, explicit_days=0),
        sla=replace(FULL.sla, clocks=(), holds=()),
        recycle=replace(FULL.recycle, policies={}, overrides=(), lists={}, stalled_days=None, upsell_list=None),
        nurture=replace(FULL.nurture, frequency=None),
        calendars=replace(FULL.calendars, by_name={"tokyo": FULL.calendars.by_name["osaka"]}),
    )


PAPERS: dict[str, Callable[[], str]] = {
    "ja.md": lambda: render(Rules(FULL, DIGEST), TEAM, "ja", TODAY, STANDS),
    "en.md": lambda: render(Rules(FULL, DIGEST), TEAM, "en", TODAY, STANDS),
    "ja.html": lambda: render_page(Rules(FULL, DIGEST), TEAM, "ja", TODAY, STANDS),
    "en.html": lambda: render_page(Rules(FULL, DIGEST), TEAM, "en", TODAY, STANDS),
    "bare.md": lambda: render(Rules(bare(), DIGEST), Team(()), "en", TODAY),
}
"""Each paper by the name of its file."""


@pytest.mark.parametrize("name", PAPERS)
def test_the_paper_reads_as_it_was_read_last(name: str) -> None:
    assert PAPERS[name]() == (AGREED / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, paper in PAPERS.items():
        (AGREED / name).write_text(paper(), encoding="utf-8")
