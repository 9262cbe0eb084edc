"""Conditions: SQL boolean expressions that admins write, checked when the configuration is read, evaluated by Polars.

    title_rank >= rank('manager') AND touches('pricing_page', 30) > 0

`parse` gives a Condition or every problem in it; `prepare` builds the frame on which all conditions of all definitions run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from crmsync.decisions.catalogue import Catalogue
from crmsync.decisions.grammar import Mistake, Where, pieces
from crmsync.decisions.translate import Translation, translate
from crmsync.decisions.windows import Window, prepare
from crmsync.errors import FixConfig, Problem

__all__ = ["Condition", "Conjunct", "Where", "Window", "parse", "prepare", "windows_of"]


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One part of a condition that must hold by itself, in the admin's words: what *why not* names."""

    text: str
    columns: frozenset[str]
    windows: frozenset[Window]
    known: pl.Expr = field(compare=False, repr=False)
    """True, false, or null where the facts do not say."""

    def expression(self) -> pl.Expr:
        """True where it holds; an unknown is never a yes."""
        return self.known.fill_null(False)


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition. Two are equal when they read the same."""

    text: str
    conjuncts: tuple[Conjunct, ...]

    @property
    def columns(self) -> frozenset[str]:
        """Columns that the frame must have, windows apart."""
        return frozenset().union(*(c.columns for c in self.conjuncts))

    @property
    def windows(self) -> frozenset[Window]:
        """Windows that `prepare` must compute."""
        return frozenset().union(*(c.windows for c in self.conjuncts))

    def expression(self) -> pl.Expr:
        """True where every conjunct holds; never null."""
        return pl.all_horizontal(c.expression() for c in self.conjuncts)

    def refused(self) -> pl.Expr:
        """The texts of the conjuncts that do not hold, in written order: empty where the condition holds."""
        return pl.concat_list(
            pl.when(~c.expression()).then(pl.lit(c.text)).otherwise(pl.lit(None, pl.String)) for c in self.conjuncts
        ).list.drop_nulls()


def parse(text: str, catalogue: Catalogue, *, where: Where | None = None) -> Condition:
    """The condition. Raises FixConfig with every problem, placed by `where` (without it: line 1, column = offset + 1)."""
    place = where or _unplaced
    try:
        found = [Translation(piece, catalogue) for piece in pieces(text)]
        conjuncts = tuple(_conjunct(t) for t in found)
    except Mistake as mistake:
        raise FixConfig([place(mistake.offset, mistake.code, mistake.params)]) from mistake
    except RecursionError as error:
        raise FixConfig([place(0, "condition.too_deep", {})]) from error
    mistakes = [m for t in found for m in t.mistakes]
    if mistakes:
        raise FixConfig([place(m.offset, m.code, m.params) for m in mistakes])
    return Condition(text, conjuncts)


def windows_of(conditions: Iterable[Condition]) -> frozenset[Window]:
    """Every window that any of these needs."""
    return frozenset().union(*(c.windows for c in conditions))


def _conjunct(t: Translation) -> Conjunct:
    known = translate(t)
    return Conjunct(t.piece.text, frozenset(t.columns), frozenset(t.windows), known)


def _unplaced(offset: int, code: str, params: Mapping[str, Any]) -> Problem:
    return Problem("", 1, offset + 1, code, params)
