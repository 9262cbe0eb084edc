"""The text of a condition as trees: one per conjunct, each with its own words and where they stand.

SQL boolean expressions, read by sqlglot with an empty function table: a condition knows no function but ours (`translate.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from sqlglot import Dialect, Token, TokenType, exp, parser
from sqlglot.errors import ParseError, TokenError

from crmsync.errors import Problem

Where = Callable[[int, str, Mapping[str, Any]], Problem]
"""(offset in the text, problem code, parameters) → the problem at its place in a file."""


class ConditionSql(Dialect):
    """Standard SQL without any built-in function: every call is a plain name with arguments."""

    class Parser(parser.Parser):
        FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[Any, Any]] = {}


@dataclass(frozen=True, slots=True)
class Mistake(Exception):
    """Something wrong at an offset of the text; becomes a Problem where the file is known."""

    offset: int
    code: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """One conjunct: its words as written, where they start, and its tree."""

    text: str
    start: int
    tree: exp.Expr

    def offset(self, node: exp.Expr) -> int:
        """Where the node's first word stands in the whole condition."""
        starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
        return self.start + (min(starts) if starts else 0)


def pieces(text: str) -> list[Piece]:
    """The conjuncts in written order; brackets around several conjuncts are opened. Raises Mistake where it is no expression."""
    tokens = _tokens(text)
    if not tokens:
        raise Mistake(0, "condition.empty", {})
    _tree(text, 0)
    return [Piece(part, start, _tree(part, start)) for start, part in _split(text, tokens)]


def _tokens(text: str) -> Sequence[Token]:
    try:
        return list(Dialect.get_or_raise(ConditionSql).tokenize(text))
    except TokenError as error:
        raise Mistake(max(text.rfind("'"), 0), "condition.unclosed", {}) from error


def _tree(text: str, start: int) -> exp.Expr:
    try:
        trees = Dialect.get_or_raise(ConditionSql).parse(text)
    except ParseError as error:
        raise _syntax(text, start, error) from error
    tree = trees[0]
    if len(trees) != 1 or tree is None:
        raise Mistake(start, "condition.not_allowed", {"what": ";"})
    if isinstance(tree, exp.Alias):
        raise Mistake(start, "condition.syntax", {"near": tree.alias})
    return tree


def _syntax(text: str, start: int, error: ParseError) -> Mistake:
    """sqlglot names the line and the column of the last character of the word it stumbled over."""
    found = error.errors[0] if error.errors else {}
    word = str(found.get("highlight") or "")
    before = sum(len(line) + 1 for line in text.split("\n")[: int(found.get("line") or 1) - 1])
    offset = before + int(found.get("col") or 1) - max(len(word), 1)
    return Mistake(start + max(offset, 0), "condition.syntax", {"near": word or text.strip()[:40]})


def _split(text: str, tokens: Sequence[Token]) -> list[tuple[int, str]]:
    """(start, words) of each conjunct. A comment belongs to no conjunct: the words end with their last token."""
    if _is_bracketed(tokens):
        return _split(text, tokens[1:-1])
    cuts = _top_level_ands(tokens)
    if not cuts:
        return [(tokens[0].start, text[tokens[0].start : tokens[-1].end + 1])]
    edges = [-1, *cuts, len(tokens)]
    return [part for left, right in pairwise(edges) for part in _split(text, tokens[left + 1 : right])]


def _top_level_ands(tokens: Sequence[Token]) -> list[int]:
    """Positions of the ANDs that join conjuncts: outside brackets, not of a BETWEEN; none where OR or XOR binds looser."""
    depth = betweens = 0
    found: list[int] = []
    for position, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        elif depth:
            continue
        elif token.token_type in (TokenType.OR, TokenType.XOR):
            return []
        elif token.token_type is TokenType.BETWEEN:
            betweens += 1
        elif token.token_type is TokenType.AND and betweens:
            betweens -= 1
        elif token.token_type is TokenType.AND:
            found.append(position)
    return found


def _is_bracketed(tokens: Sequence[Token]) -> bool:
    """Does one pair of brackets hold everything?"""
    if len(tokens) < 3 or tokens[0].token_type is not TokenType.L_PAREN or tokens[-1].token_type is not TokenType.R_PAREN:
        return False
    depth = 0
    for token in tokens[:-1]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0:
            return False
    return True
