"""From text to a query. Words are case-insensitive; AND and OR may not be mixed without parentheses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.soql.syntax import (
    Comparison,
    Condition,
    Item,
    Junction,
    Literal,
    Membership,
    Negation,
    Order,
    Query,
    Word,
    malformed,
)

LONGEST_QUERY = 100_000
LONGEST_LITERAL = 4_000
LARGEST_OFFSET = 2_000

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:?\d{2})?)
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<period>[A-Za-z]+_[A-Za-z_]+:\d+)
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_PERIODS = frozenset(
    ("TODAY", "YESTERDAY", "TOMORROW", "THIS_WEEK", "LAST_WEEK", "THIS_MONTH", "LAST_MONTH", "THIS_YEAR", "LAST_YEAR")
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
_AGGREGATES = frozenset(("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"))
_KEYWORDS = frozenset(("WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET", "FOR", "USING", "ALL"))


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    place: int


def parse(text: str) -> Query:
    """Read a query. Raises OrgError `MALFORMED_QUERY`, with the place."""
    if len(text) > LONGEST_QUERY:
        raise OrgError("QUERY_TOO_COMPLICATED", f"SOQL statements cannot be longer than {LONGEST_QUERY} characters.")
    reader = _Reader(text)
    query = reader.query()
    if reader.token.kind != "end":
        raise reader.unexpected()
    return query


def unescape(quoted: str, *, pattern: bool = False) -> str:
    """The text between quotes without its escapes; for LIKE, an escaped wildcard keeps its backslash."""
    if len(quoted) - 2 > LONGEST_LITERAL:
        raise OrgError("MALFORMED_QUERY", f"string literal in WHERE longer than {LONGEST_LITERAL} characters")

    def plain(found: re.Match[str]) -> str:
        char = found.group(1)
        if pattern and char in "_%":
            return "\\" + char
        if char not in _ESCAPES:
            raise OrgError("MALFORMED_QUERY", f"Invalid string literal: illegal escape sequence \\{char}")
        return "\\\\" if pattern and char == "\\" else _ESCAPES[char]

    return re.sub(r"\\(.)", plain, quoted[1:-1], flags=re.DOTALL)


def _tokens(text: str) -> list[Token]:
    found, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise malformed(text, place, f"unexpected token: '{text[place : place + 1].strip() or text[place + 1 : place + 2]}'")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return [*found, Token("end", "<EOF>", len(text))]


class _Reader:
    """Walks the tokens once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    def unexpected(self) -> OrgError:
        return malformed(self._text, self.token.place, f"unexpected token: '{self.token.text}'")

    def query(self) -> Query:
        self._demand("SELECT")
        counts, items = self._items()
        self._demand("FROM")
        name = self._word()
        alias = self._alias()
        if self._take("USING"):
            self._demand("SCOPE")
            self._word()
        where = self._condition() if self._take("WHERE") else None
        groups = self._groups()
        orders = self._orders()
        limit = self._number("LIMIT")
        offset = self._number("OFFSET") or 0
        if offset > LARGEST_OFFSET:
            raise OrgError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {LARGEST_OFFSET}")
        self._ending()
        return Query(self._text, str(name), items, counts, alias, where, groups, orders, limit, offset)

    def _items(self) -> tuple[bool, tuple[Item, ...]]:
        items = [self._item()]
        while self._take(","):
            items.append(self._item())
        counts = items[0].function == "COUNT" and not items[0].word.path
        if counts and len(items) > 1:
            raise malformed(self._text, items[0].word.place, "Grouped query cannot have COUNT() with other fields")
        return counts, tuple(items)

    def _item(self) -> Item:
        word = self._word()
        if self.token.text != "(":
            return Item(word)
        function = str(word).upper()
        if function not in _AGGREGATES and function != "FIELDS":
            raise self.unexpected()
        self._demand("(")
        inner = Word((), word.place) if self.token.text == ")" else self._word()
        self._demand(")")
        alias = str(self._word()) if self.token.kind == "word" and self.token.text.upper() != "FROM" else None
        return Item(inner, function, alias)

    def _alias(self) -> str | None:
        if self.token.kind == "word" and self.token.text.upper() not in _KEYWORDS:
            return str(self._word())
        return None

    def _condition(self) -> Condition:
        first = self._negated()
        operator = self.token.text.upper()
        if operator not in ("AND", "OR"):
            return first
        parts = [first]
        while self._take(operator):
            parts.append(self._negated())
        if self.token.text.upper() in ("AND", "OR"):
            raise self.unexpected()
        return Junction(operator, tuple(parts))

    def _negated(self) -> Condition:
        if self._take("NOT"):
            return Negation(self._negated())
        if self._take("("):
            inner = self._condition()
            self._demand(")")
            return inner
        return self._test()

    def _test(self) -> Condition:
        word = self._word()
        operator = self.token.text.upper()
        if operator == "NOT":
            self._at += 1
            self._demand("IN")
            return Membership(word, "NOT IN", self._list())
        if operator in ("IN", "INCLUDES", "EXCLUDES"):
            self._at += 1
            return Membership(word, operator, self._list())
        if operator not in ("=", "!=", "<>", "<", ">", "<=", ">=", "LIKE"):
            raise self.unexpected()
        self._at += 1
        return Comparison(word, "!=" if operator == "<>" else operator, self._literal())

    def _list(self) -> tuple[Literal, ...] | Query:
        self._demand("(")
        if self.token.text.upper() == "SELECT":
            inner: tuple[Literal, ...] | Query = self.query()
        else:
            values = [self._literal()]
            while self._take(","):
                values.append(self._literal())
            inner = tuple(values)
        self._demand(")")
        return inner

    def _literal(self) -> Literal:
        token = self.token
        word = token.text.upper()
        if token.kind in ("text", "datetime", "date", "number", "period"):
            literal = Literal(token.kind, token.text)
        elif word in ("TRUE", "FALSE"):
            literal = Literal("boolean", word.lower())
        elif word == "NULL":
            literal = Literal("null", "null")
        elif word in _PERIODS:
            literal = Literal("period", word)
        else:
            raise self.unexpected()
        self._at += 1
        return literal

    def _groups(self) -> tuple[Word, ...]:
        if not self._take("GROUP"):
            return ()
        self._demand("BY")
        words = [self._word()]
        while self._take(","):
            words.append(self._word())
        return tuple(words)

    def _orders(self) -> tuple[Order, ...]:
        if not self._take("ORDER"):
            return ()
        self._demand("BY")
        orders = [self._order()]
        while self._take(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        word = self._word()
        descending = self._take("DESC") or not (self._take("ASC") or True)
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = self._take("LAST")
            if not nulls_last:
                self._demand("FIRST")
        return Order(word, descending, nulls_last)

    def _number(self, keyword: str) -> int | None:
        if not self._take(keyword):
            return None
        if self.token.kind != "number" or not self.token.text.isdigit():
            raise self.unexpected()
        self._at += 1
        return int(self._tokens[self._at - 1].text)

    def _ending(self) -> None:
        if self._take("FOR"):
            self._word()
        if self._take("ALL"):
            self._demand("ROWS")

    def _word(self) -> Word:
        if self.token.kind != "word":
            raise self.unexpected()
        self._at += 1
        token = self._tokens[self._at - 1]
        return Word(tuple(token.text.split(".")), token.place)

    def _take(self, text: str) -> bool:
        if self.token.text.upper() != text or self.token.kind not in ("word", "sign"):
            return False
        self._at += 1
        return True

    def _demand(self, text: str) -> None:
        if not self._take(text):
            raise self.unexpected()
