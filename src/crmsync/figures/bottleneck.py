"""Which link of the chain costs most wins: each held against what was agreed, and against what it has been of late.

A link's loss is what more would have been won had it alone given what it should, all others being as they are: those before it ×
(rate that it should have − rate that it has) × the share of those after it who win. Of the first link it is the volume that counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from crmsync.figures.sheet import Column, Note, Sheet

LINKS = ("visitors", "leads", "mqls", "sqls", "opportunities", "wins")
BASELINE_PERIODS = 3
"""How many periods of the same length before make the baseline."""
_NOTHING = 1e-9
"""Targets are added up from days: less than this is no loss."""
BOTTLENECK = (
    Column("step", "word", "step"),
    Column("count"),
    Column("rate", "share"),
    Column("target_rate", "share"),
    Column("lost_wins", "number"),
    Column("usual_rate", "share"),
    Column("lost_wins_usual", "number"),
)
Counts = Mapping[str, float | None]


def losses(counts: Counts, should: Counts) -> dict[str, float | None]:
    """Link → wins lost there (below 0: gained), None where it is not known what it should give or there is nobody before it. A link
    of which one of the two is not known is folded into the next. `should` are counts: what was agreed, or has been usual."""
    lost: dict[str, float | None] = dict.fromkeys(LINKS)
    wins, before, before_should = counts["wins"] or 0.0, 1.0, 1.0
    for link in LINKS:
        count, agreed = counts.get(link), should.get(link)
        if count is None or not agreed or not before:
            continue
        winning = wins / count if count else (should.get("wins") or 0.0) / agreed
        short = before * (agreed / before_should - count / before) * winning
        lost[link] = short if abs(short) > _NOTHING else 0.0
        before, before_should = count, agreed
    return lost


def bottleneck_sheet(counts: Counts, targets: Counts, baseline: Counts) -> Sheet:
    """The links, the one that costs most first: against the targets, where none are against what was usual. `baseline` are the
    counts of BASELINE_PERIODS periods together."""
    usual = {link: None if count is None else count / BASELINE_PERIODS for link, count in baseline.items()}
    to_target, to_usual = losses(counts, targets), losses(counts, usual)
    rows = [
        (link, counts.get(link), _rate(counts, link), _rate(targets, link), to_target[link], _rate(usual, link), to_usual[link])
        for link in LINKS
    ]
    judged = to_target if any(lost is not None for lost in to_target.values()) else to_usual
    rows.sort(key=lambda row: -(judged[row[0]] or 0.0))
    schema = {"step": pl.String, **{column.name: pl.Float64 for column in BOTTLENECK[1:]}}
    worst = rows[0][0]
    notes = [Note("figures.bottleneck", {"step_word": f"step.{worst}"})] if (judged[worst] or 0.0) > _NOTHING else []
    missing = ("visits",) if counts.get("visitors") is None else ()
    return Sheet.of("bottleneck", BOTTLENECK, pl.DataFrame(rows, schema=schema, orient="row"), *notes, missing=missing)


def _rate(counts: Counts, link: str) -> float | None:
    """Out of the link before; None where either is not known, or nobody was before."""
    place = LINKS.index(link)
    part, whole = counts.get(link), counts.get(LINKS[place - 1]) if place else None
    return None if part is None or not whole else part / whole
