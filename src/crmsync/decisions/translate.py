"""From a conjunct's tree to a typed Polars expression. What the tables below do not name is refused.

Three-valued logic as in SQL: a comparison with an unknown is unknown, NOT unknown is unknown, and only a plain yes counts.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl
from sqlglot import exp

from crmsync.decisions.catalogue import (
    BANT_COLUMNS,
    BANT_LEVELS,
    BEHAVIOUR,
    OPPORTUNITY_STATES,
    Catalogue,
    ColumnType,
    fold,
    nearest,
)
from crmsync.decisions.frames import INSTANT
from crmsync.decisions.grammar import Mistake, Piece
from crmsync.decisions.windows import ANY, NOW, Window, days

Handler = Callable[["Translation", exp.Expr], "Typed"]
Binary = Callable[[pl.Expr, pl.Expr], pl.Expr]
APPROACH_KINDS = ("call", "email", "meeting")
MOST_DAYS = 3660
"""Ten years: a window beyond it is a slip of the finger, and no history reaches that far."""


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression with its type. `wrong` marks one whose problem is already noted: it fits everywhere, so that one slip
    is one problem. `literal` is the value where it is written out; `values` what a column can hold."""

    expr: pl.Expr
    type: ColumnType | Literal["wrong"]
    literal: Any = None
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class Translation:
    """What one conjunct needs and what is wrong with it, gathered while its tree is walked."""

    piece: Piece
    catalogue: Catalogue
    columns: set[str] = field(default_factory=set)
    windows: set[Window] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, node: exp.Expr, code: str, **params: Any) -> Typed:
        """Note a problem at the node and go on."""
        self.mistakes.append(Mistake(self.piece.offset(node), code, params))
        return Typed(pl.lit(None), "wrong")


def translate(translation: Translation) -> pl.Expr:
    """The conjunct as an expression that is true, false or null; problems are left in `translation.mistakes`."""
    return _boolean(translation, translation.piece.tree).expr


# ------------------------------------------------------------------------------------------------------------ any node


def _any(t: Translation, node: exp.Expr) -> Typed:
    handler = _HANDLERS.get(type(node))
    if handler is None:
        return t.wrong(node, "condition.not_allowed", what=node.sql()[:60])
    return handler(t, node)


def _boolean(t: Translation, node: exp.Expr) -> Typed:
    return _expect(t, node, "boolean")


def _expect(t: Translation, node: exp.Expr, wanted: ColumnType) -> Typed:
    found = _any(t, node)
    if found.type in (wanted, "wrong"):
        return found
    return t.wrong(node, "condition.type", what=node.sql()[:60], found=found.type, wanted=wanted)


# -------------------------------------------------------------------------------------------------------------- leaves


def _column(t: Translation, node: exp.Expr) -> Typed:
    name = node.name
    if node.args.get("table"):
        return t.wrong(node, "condition.not_allowed", what=node.sql())
    column = t.catalogue.columns.get(name) or t.catalogue.columns.get(name.lower())
    if column is not None:
        t.columns.add(column.name)
        return Typed(pl.col(column.name), column.type, values=column.values)
    if isinstance(node.this, exp.Identifier) and node.this.quoted:
        return t.wrong(node, "condition.double_quotes", text=name)
    return t.wrong(node, "condition.unknown_column", name=name, nearest=nearest(name, t.catalogue.columns))


def _literal(_: Translation, node: exp.Expr) -> Typed:
    text = str(node.this)
    if node.is_string:
        return Typed(pl.lit(text), "text", text)
    number: int | float = int(text) if text.isdigit() else float(text)
    return Typed(pl.lit(number), "number", number)


def _truth(_: Translation, node: exp.Expr) -> Typed:
    return Typed(pl.lit(bool(node.this)), "boolean", bool(node.this))


def _null(t: Translation, node: exp.Expr) -> Typed:
    return t.wrong(node, "condition.null")


# ------------------------------------------------------------------------------------------------------------ operators


def _bracket(t: Translation, node: exp.Expr) -> Typed:
    return _any(t, node.this)


def _logic(combine: Callable[[list[pl.Expr]], pl.Expr]) -> Handler:
    def handler(t: Translation, node: exp.Expr) -> Typed:
        # a chain is one node of many operands: a hundred ORs must not become a tree a hundred deep
        return Typed(combine([_boolean(t, operand).expr for operand in node.flatten(unnest=False)]), "boolean")

    return handler


def _not(t: Translation, node: exp.Expr) -> Typed:
    return Typed(~_boolean(t, node.this).expr, "boolean")


def _comparison(combine: Binary, *, ordered: bool) -> Handler:
    def handler(t: Translation, node: exp.Expr) -> Typed:
        left, right = _alike(t, node, [node.this, node.expression])
        if ordered and left.type in ("text", "boolean"):
            return t.wrong(node, "condition.no_order", what=node.this.sql()[:60], found=left.type)
        return Typed(combine(left.expr, right.expr), "boolean")

    return handler


def _alike(t: Translation, node: exp.Expr, nodes: list[exp.Expr]) -> list[Typed]:
    """The operands as one type: texts beside an instant are read as times, texts beside a listed column must be on its list."""
    found = [_any(t, n) for n in nodes]
    instants = any(f.type == "instant" for f in found)
    values = next((f.values for f in found if f.values), ())
    found = [_fitted(t, n, f, instants, values) for n, f in zip(nodes, found, strict=True)]
    types = {f.type for f in found} - {"wrong"}
    if len(types) > 1:
        first, other = found[0], next(f for f in found if f.type not in (found[0].type, "wrong"))
        wrong = t.wrong(node, "condition.mixed", what=node.sql()[:60], left=first.type, right=other.type)
        return [wrong] * len(found)
    return found


def _fitted(t: Translation, node: exp.Expr, found: Typed, instants: bool, values: tuple[str, ...]) -> Typed:
    if found.type != "text" or found.literal is None:
        return found
    if instants:
        return _instant(t, node, found.literal)
    if values and found.literal not in values:
        return _not_listed(t, node, found.literal, values)
    return found


def _not_listed(t: Translation, node: exp.Expr, value: str, known: Iterable[str]) -> Typed:
    return t.wrong(node, "condition.unknown_value", value=value, nearest=nearest(value, known), known=", ".join(known))


def _instant(t: Translation, node: exp.Expr, text: str) -> Typed:
    """A time written out must say its zone: which midnight a bare date means is not ours to guess."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return t.wrong(node, "condition.no_time", text=text)
    if at.tzinfo is None:
        return t.wrong(node, "condition.no_zone", text=text)
    return Typed(pl.lit(at.astimezone(UTC), dtype=INSTANT), "instant", at)


def _between(t: Translation, node: exp.Expr) -> Typed:
    value, low, high = _alike(t, node, [node.this, node.args["low"], node.args["high"]])
    if value.type in ("text", "boolean"):
        return t.wrong(node, "condition.no_order", what=node.this.sql()[:60], found=value.type)
    return Typed((value.expr >= low.expr) & (value.expr <= high.expr), "boolean")


def _in(t: Translation, node: exp.Expr) -> Typed:
    if not node.expressions:
        return t.wrong(node, "condition.not_allowed", what=node.sql()[:60])
    value, *options = _alike(t, node, [node.this, *node.expressions])
    return Typed(pl.any_horizontal(value.expr == option.expr for option in options), "boolean")


def _is(t: Translation, node: exp.Expr) -> Typed:
    if isinstance(node.expression, exp.Null):
        return Typed(_any(t, node.this).expr.is_null(), "boolean")
    if isinstance(node.expression, exp.Boolean):
        value = _boolean(t, node.this).expr
        return Typed((value if node.expression.this else ~value).fill_null(False), "boolean")
    return t.wrong(node, "condition.not_allowed", what=node.sql()[:60])


def _like(flags: str) -> Handler:
    def handler(t: Translation, node: exp.Expr) -> Typed:
        value = _expect(t, node.this, "text")
        pattern = _expect(t, node.expression, "text")
        if pattern.type != "wrong" and pattern.literal is None:
            return t.wrong(node.expression, "condition.written_out", what=node.expression.sql()[:60])
        return Typed(value.expr.str.contains(_pattern(str(pattern.literal), flags)), "boolean")

    return handler


def _pattern(like: str, flags: str) -> str:
    """LIKE as a regular expression: % is any text, _ one character."""
    parts = {"%": ".*", "_": "."}
    return f"(?{flags})^{''.join(parts.get(c) or re.escape(c) for c in like)}$"


def _arithmetic(combine: Binary, *, divides: bool = False) -> Handler:
    def handler(t: Translation, node: exp.Expr) -> Typed:
        left, right = _expect(t, node.this, "number"), _expect(t, node.expression, "number")
        # a division by nothing has no answer: unknown, not infinite
        divisor = pl.when(right.expr != 0).then(right.expr) if divides else right.expr
        result = combine(left.expr, divisor)
        # a quotient's last bit depends on how many rows there are; nobody asks for the tenth digit
        return Typed(result.round(9) if divides else result, "number")

    return handler


def _negative(t: Translation, node: exp.Expr) -> Typed:
    return Typed(-_expect(t, node.this, "number").expr, "number")


# ------------------------------------------------------------------------------------------------------------ functions


def _call(t: Translation, node: exp.Expr) -> Typed:
    name = str(node.this).lower()
    handler = _FUNCTIONS.get(name)
    if handler is not None and name in t.catalogue.functions:
        return handler(t, node)
    if name in BEHAVIOUR:
        return t.wrong(node, "condition.no_behaviour", name=name)
    return t.wrong(node, "condition.unknown_function", name=name, nearest=nearest(name, t.catalogue.functions))


def _arguments(t: Translation, node: exp.Expr, least: int, most: int) -> list[exp.Expr] | None:
    found = list(node.expressions)
    if least <= len(found) <= most:
        return found
    t.wrong(node, "condition.arguments", name=str(node.this), found=len(found), wanted=f"{least}–{most}" if least < most else least)
    return None


def _word(t: Translation, node: exp.Expr, known: Iterable[str] | None = None) -> str | None:
    """A text argument that must be written out, from a list where there is one."""
    found = _expect(t, node, "text")
    if found.type == "wrong":
        return None
    if found.literal is None:
        t.wrong(node, "condition.written_out", what=node.sql()[:60])
        return None
    if known is not None and found.literal not in (options := sorted(known)):
        _not_listed(t, node, found.literal, options)
        return None
    return str(found.literal)


def _days(t: Translation, node: exp.Expr) -> int | None:
    found = _expect(t, node, "number")
    if isinstance(found.literal, int) and 1 <= found.literal <= MOST_DAYS:
        return found.literal
    if found.type != "wrong":
        t.wrong(node, "condition.days", what=node.sql()[:60], most=MOST_DAYS)
    return None


def _acts(acts: Literal["touches", "approaches", "opportunities"], measure: Literal["count", "days_since"]) -> Handler:
    def handler(t: Translation, node: exp.Expr) -> Typed:
        arguments = _arguments(t, node, 1, 2 if measure == "count" else 1)
        if arguments is None:
            return Typed(pl.lit(None), "wrong")
        known = {"approaches": APPROACH_KINDS, "opportunities": OPPORTUNITY_STATES}.get(acts, t.catalogue.touch_kinds)
        kind = _word(t, arguments[0], None if known is None else (*known, ANY))
        within = _days(t, arguments[1]) if len(arguments) == 2 else None
        if kind is None:
            return Typed(pl.lit(None), "wrong")
        window = Window(acts, measure, kind, within)
        t.windows.add(window)
        return Typed(pl.col(window.column), "number")

    return handler


def _days_since(t: Translation, node: exp.Expr) -> Typed:
    arguments = _arguments(t, node, 1, 1)
    if arguments is None:
        return Typed(pl.lit(None), "wrong")
    since = _expect(t, arguments[0], "instant")
    t.columns.add(NOW)
    return Typed(days(pl.col(NOW) - since.expr), "number")


def _rank(t: Translation, node: exp.Expr) -> Typed:
    arguments = _arguments(t, node, 1, 1)
    name = _word(t, arguments[0]) if arguments else None
    if arguments is None or name is None:
        return Typed(pl.lit(None), "wrong")
    rank = t.catalogue.ladder.get(fold(name))
    if rank is None:
        return t.wrong(arguments[0], "condition.unknown_rung", name=name, nearest=nearest(fold(name), t.catalogue.ladder))
    return Typed(pl.lit(rank, dtype=pl.Int64), "number", rank)


def _bant_at_least(t: Translation, node: exp.Expr) -> Typed:
    arguments = _arguments(t, node, 2, 2)
    if arguments is None:
        return Typed(pl.lit(None), "wrong")
    item, level = _word(t, arguments[0], BANT_COLUMNS), _word(t, arguments[1], BANT_LEVELS)
    if item is None or level is None:
        return Typed(pl.lit(None), "wrong")
    t.columns.add(item)
    return Typed(_reaches(item, level), "boolean")


def _bant_count(t: Translation, node: exp.Expr) -> Typed:
    arguments = _arguments(t, node, 1, 1)
    level = _word(t, arguments[0], BANT_LEVELS) if arguments else None
    if level is None:
        return Typed(pl.lit(None), "wrong")
    t.columns.update(BANT_COLUMNS)
    return Typed(pl.sum_horizontal(_reaches(item, level).fill_null(False).cast(pl.Int64) for item in BANT_COLUMNS), "number")


def _reaches(item: str, level: str) -> pl.Expr:
    """Null where nothing is known of the item: a column that says "unknown" says nothing."""
    enough = BANT_LEVELS[BANT_LEVELS.index(level) :]
    return pl.when(pl.col(item).is_in(BANT_LEVELS)).then(pl.col(item).is_in(enough))


def _text(change: Callable[[pl.Expr], pl.Expr]) -> Handler:
    def handler(t: Translation, node: exp.Expr) -> Typed:
        arguments = _arguments(t, node, 1, 1)
        if arguments is None:
            return Typed(pl.lit(None), "wrong")
        return Typed(change(_expect(t, arguments[0], "text").expr), "text")

    return handler


def _coalesce(t: Translation, node: exp.Expr) -> Typed:
    arguments = _arguments(t, node, 2, 9)
    if arguments is None:
        return Typed(pl.lit(None), "wrong")
    found = _alike(t, node, arguments)
    return Typed(pl.coalesce(f.expr for f in found), found[0].type, values=found[0].values)


_FUNCTIONS: dict[str, Handler] = {
    "touches": _acts("touches", "count"),
    "days_since_touch": _acts("touches", "days_since"),
    "approaches": _acts("approaches", "count"),
    "days_since_approach": _acts("approaches", "days_since"),
    "opportunities": _acts("opportunities", "count"),
    "days_since_opportunity": _acts("opportunities", "days_since"),
    "days_since": _days_since,
    "rank": _rank,
    "bant_at_least": _bant_at_least,
    "bant_count": _bant_count,
    "lower": _text(lambda e: e.str.to_lowercase()),
    "upper": _text(lambda e: e.str.to_uppercase()),
    "coalesce": _coalesce,
}

_HANDLERS: dict[type[exp.Expr], Handler] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: _truth,
    exp.Null: _null,
    exp.Paren: _bracket,
    exp.And: _logic(pl.all_horizontal),
    exp.Or: _logic(pl.any_horizontal),
    exp.Not: _not,
    exp.EQ: _comparison(operator.eq, ordered=False),
    exp.NEQ: _comparison(operator.ne, ordered=False),
    exp.LT: _comparison(operator.lt, ordered=True),
    exp.LTE: _comparison(operator.le, ordered=True),
    exp.GT: _comparison(operator.gt, ordered=True),
    exp.GTE: _comparison(operator.ge, ordered=True),
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    exp.Like: _like("s"),
    exp.ILike: _like("si"),
    exp.Add: _arithmetic(operator.add),
    exp.Sub: _arithmetic(operator.sub),
    exp.Mul: _arithmetic(operator.mul),
    exp.Div: _arithmetic(operator.truediv, divides=True),
    exp.Mod: _arithmetic(operator.mod, divides=True),
    exp.Neg: _negative,
    exp.Anonymous: _call,
}
