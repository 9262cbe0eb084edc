"""Triage: where the illness sits. Appointments and no opportunities: inside sales; opportunities and no wins: field sales.

Each link of the chain has a least rate that was agreed. A link is weak where its rate is below that for certain (the upper limit
of Wilson's interval is), sound where it is not, and unknown over too little to tell. The first row of the table that fits is the
verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from crmsync.figures.alarms import TriageLimits
from crmsync.figures.chance import Interval, share
from crmsync.figures.sheet import Column, Note, Sheet

Health = Literal["weak", "sound", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the table: the link that is weak, the department that is to look, and the word for what is seen."""

    link: str
    department: str
    seen: str


TABLE: tuple[Verdict, ...] = (
    Verdict("wins_per_opportunity", "field_sales", "opportunities_but_no_wins"),
    Verdict("opportunities_per_appointment", "inside_sales", "appointments_but_no_opportunities"),
    Verdict("appointments_per_lead", "inside_sales", "leads_but_no_appointments"),
    Verdict("leads_per_visitor", "marketing", "visitors_but_no_leads"),
    Verdict("renewals_per_due", "customer_success", "customers_but_no_renewals"),
)
"""From the link nearest to the win backwards: what is lost there was paid for by every department before it."""

PARTS: Mapping[str, tuple[str, str]] = {
    "leads_per_visitor": ("leads", "visitors"),
    "appointments_per_lead": ("appointments", "leads"),
    "opportunities_per_appointment": ("opportunities", "appointments"),
    "wins_per_opportunity": ("wins", "opportunities"),
    "renewals_per_due": ("renewals", "due"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its rate with its limits (None over nothing), the least that was agreed, how it is, who is to look."""

    name: str
    rate: Interval | None
    least: float
    health: Health
    department: str
    seen: str


@dataclass(frozen=True, slots=True)
class Triage:
    """Every link in the order of the table, and the verdict: the first weak one; None where none is."""

    links: tuple[Link, ...]
    verdict: Link | None


def triage(counts: Mapping[str, int | None], limits: TriageLimits) -> Triage:
    """`counts` by name as in PARTS; what is absent or None makes its links unknown."""
    links = tuple(_link(row, counts, getattr(limits, row.link)) for row in TABLE)
    return Triage(links, next((link for link in links if link.health == "weak"), None))


def _link(row: Verdict, counts: Mapping[str, int | None], least: float) -> Link:
    part, whole = (counts.get(name) for name in PARTS[row.link])
    rate = None if part is None or whole is None else share(part, whole)
    return Link(row.link, rate, least, _health(rate, part, whole, least), row.department, row.seen)


def _health(rate: Interval | None, part: int | None, whole: int | None, least: float) -> Health:
    """More out than in (work of an earlier time that comes out now) is no rate, and no weakness."""
    if rate is None:
        return "sound" if part and whole and part > whole else "unknown"
    if rate.high < least:
        return "weak"
    return "sound" if rate.value >= least else "unknown"


TRIAGE = (
    Column("link", "word", "link"),
    Column("part", "number"),
    Column("whole", "number"),
    Column("rate", "share"),
    Column("low", "share"),
    Column("high", "share"),
    Column("least", "share"),
    Column("health", "word", "health"),
    Column("department", "word", "department"),
)


def triage_sheet(counts: Mapping[str, int | None], limits: TriageLimits) -> Sheet:
    """Every link and the verdict as a sheet. The links that cannot be judged because nobody gives their counts are named."""
    found = triage(counts, limits)
    rows = [_row(link, counts) for link in found.links]
    schema = {column.name: pl.String if column.kind == "word" else pl.Float64 for column in TRIAGE}
    sick = found.verdict
    words = {"seen_word": f"seen.{sick.seen}", "department_word": f"department.{sick.department}"} if sick else {}
    note = Note("figures.verdict", words) if sick else Note("figures.no_verdict")
    missing = ("visits",) if counts.get("visitors") is None else ()
    return Sheet.of("triage", TRIAGE, pl.DataFrame(rows, schema=schema, orient="row"), note, missing=missing)


def _row(link: Link, counts: Mapping[str, int | None]) -> tuple[object, ...]:
    rate = (link.rate.value, link.rate.low, link.rate.high) if link.rate else (None, None, None)
    return (link.name, *(counts.get(name) for name in PARTS[link.name]), *rate, link.least, link.health, link.department)
