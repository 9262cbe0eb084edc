"""The BANT gate (DOMAIN.md §5.4): whether what IS heard is complete enough for a hand-over to FS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

ITEMS = ("budget", "authority", "need", "timeframe")
LEVELS = ("unknown", "no", "partial", "yes")
"""In rising order: "no" was asked and denied, "unknown" was never asked."""


@dataclass(frozen=True, slots=True)
class BantGate:
    """`required` names items with the least level each; of the remaining items, `others` must be at least `others_at_least`."""

    required: Mapping[str, str] = field(default_factory=lambda: {"need": "yes"})
    others: int = 2
    others_at_least: str = "partial"


def complete(gate: BantGate) -> pl.Expr:
    """True where the gate holds, over the four BANT columns; an absent or unknown item never counts."""
    required = [_at_least(item, level) for item, level in sorted(gate.required.items())]
    rest = [item for item in ITEMS if item not in gate.required]
    enough = (
        pl.sum_horizontal(_at_least(item, gate.others_at_least).cast(pl.Int64) for item in rest) >= gate.others
        if rest
        else pl.lit(True)
    )
    return pl.all_horizontal(*required, enough)


def _at_least(item: str, level: str) -> pl.Expr:
    return pl.col(item).is_in(LEVELS[max(LEVELS.index(level), 1) :]).fill_null(False)
