"""SOQL, as far as anyone needs it to read whole objects: one SELECT over lists of dicts, nothing optimised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)(?!T)|(?P<number>-?\d+(?:\.\d+)?)(?![-:T\w])|(?P<name>[A-Za-z_][\w.]*)|(?P<op><=|>=|!=|<>|[=<>(),]))""",
    re.VERBOSE,
)
WORDS = {
    "select",
    "from",
    "where",
    "order",
    "limit",
    "offset",
    "and",
    "or",
    "not",
    "in",
    "like",
    "null",
    "true",
    "false",
    "asc",
    "desc",
}
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class SoqlError(Exception):
    """A query that Salesforce refuses, with its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def instant(text: str) -> datetime:
    """An ISO time with a zone. Raises ValueError for one without."""
    moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.replace("Z", "+00:00")))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


class Query:
    """One parsed SELECT: `object`, `paths`, `keep(value_of)`, `order`, `limit`, `offset`, `counts`."""

    def __init__(self, text: str, kind_of: Callable[[str, str], str]) -> None:
        """`kind_of(object, path)` gives the type of a column, or raises SoqlError for one that is not there."""
        self.tokens = self._split(text)
        self.at = 0
        self.kind_of = kind_of
        self._word("select")
        self.paths: list[str] = []
        self.counts = False
        names = [self._name()]
        if names[0].lower() == "count" and self._peek() == ("op", "("):
            self._op("("), self._op(")")
            self.counts, names = True, []
        while names and self._accept("op", ","):
            names.append(self._name())
        self._word("from")
        self.object = self._name()
        self.paths = names
        for path in names:
            kind_of(self.object, path)
        self.keep: Callable[[Callable[[str], Any]], bool] = lambda _: True
        if self._accept("word", "where"):
            self.keep = self._either()
        self.order: list[tuple[str, bool]] = []
        if self._accept("word", "order"):
            if self._name().lower() != "by":
                raise SoqlError("MALFORMED_QUERY", "unexpected token: order")
            self._ordering()
            while self._accept("op", ","):
                self._ordering()
        self.limit = int(self._take("number")) if self._accept("word", "limit") else None
        self.offset = int(self._take("number")) if self._accept("word", "offset") else 0
        if self.offset > 2000:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        if self.at != len(self.tokens):
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self.tokens[self.at][1]}'")

    def _ordering(self) -> None:
        path = self._name()
        self.kind_of(self.object, path)
        down = bool(self._accept("word", "desc")) or bool(self._accept("word", "asc") and False)
        if self._peek()[1].lower() == "nulls":
            self._name(), self._name()
        self.order.append((path, down))

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match or match.end() == at:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[at : at + 20]}'")
            kind, value = str(match.lastgroup), match.group(str(match.lastgroup))
            tokens.append(("word", value.lower()) if kind == "name" and value.lower() in WORDS else (kind, value))
            at = match.end()
        return tokens

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "<EOF>")

    def _accept(self, kind: str, value: str) -> bool:
        if self._peek() == (kind, value):
            self.at += 1
            return True
        return False

    def _take(self, kind: str) -> str:
        found, value = self._peek()
        if found != kind:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{value}'")
        self.at += 1
        return value

    def _name(self) -> str:
        return self._take("name")

    def _word(self, word: str) -> None:
        if not self._accept("word", word):
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self._peek()[1]}'")

    def _op(self, op: str) -> None:
        if not self._accept("op", op):
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self._peek()[1]}'")

    def _either(self) -> Callable[[Callable[[str], Any]], bool]:
        """Salesforce refuses AND and OR side by side without parentheses."""
        first = self._unary()
        tests, joint = [first], None
        while self._peek() in (("word", "and"), ("word", "or")):
            word = self._take("word")
            if joint not in (None, word):
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{word}'")
            joint = word
            tests.append(self._unary())
        return (lambda value: any(t(value) for t in tests)) if joint == "or" else (lambda value: all(t(value) for t in tests))

    def _unary(self) -> Callable[[Callable[[str], Any]], bool]:
        if self._accept("word", "not"):
            inner = self._unary()
            return lambda value: not inner(value)
        if self._accept("op", "("):
            inner = self._either()
            self._op(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Callable[[Callable[[str], Any]], bool]:
        path = self._name()
        kind = self.kind_of(self.object, path)
        if self._accept("word", "like"):
            pattern = re.escape(str(self._literal(path, kind))).replace("%", ".*").replace("_", ".")
            return lambda value: (
                value(path) is not None and bool(re.fullmatch(pattern, str(value(path)), re.IGNORECASE | re.DOTALL))
            )
        negative = self._accept("word", "not")
        if self._accept("word", "in"):
            self._op("(")
            wanted = [self._literal(path, kind)]
            while self._accept("op", ","):
                wanted.append(self._literal(path, kind))
            self._op(")")
            return lambda value: any(_same(value(path), one) for one in wanted) != negative
        op = self._take("op")
        literal = self._literal(path, kind)
        return lambda value: _holds(value(path), op, literal)

    def _literal(self, path: str, kind: str) -> Any:
        found, text = self._peek()
        self.at += 1
        if (found, text) == ("word", "null"):
            return None
        if kind == "datetime":
            if found != "datetime":
                raise SoqlError("INVALID_FIELD", f"value of filter criterion for field '{path}' must be of type dateTime")
            return instant(text)
        if kind == "date":
            if found != "date":
                raise SoqlError("INVALID_FIELD", f"value of filter criterion for field '{path}' must be of type date")
            return text
        if kind == "boolean":
            if text not in ("true", "false"):
                raise SoqlError("INVALID_FIELD", f"value of filter criterion for field '{path}' must be of type boolean")
            return text == "true"
        if kind in ("double", "int", "currency"):
            return float(text)
        if found != "string":
            raise SoqlError("INVALID_FIELD", f"value of filter criterion for field '{path}' must be of type string")
        if len(text) > 4000:
            raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", "string literal too long")
        plain = re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text[1:-1])
        return long_id(plain) if kind in ("id", "reference") and len(plain) == 15 else plain


def long_id(short: str) -> str:
    """The 18-character form of an id: three letters that say which characters are capitals."""
    if len(short) != 15:
        return short
    tail = ""
    for part in (short[0:5], short[5:10], short[10:15]):
        tail += "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum(1 << i for i, c in enumerate(part) if c.isupper())]
    return short + tail


def _same(value: Any, literal: Any) -> bool:
    if isinstance(value, str) and isinstance(literal, str):
        return value == literal if len(value) in (15, 18) and value[:1] == "0" else value.lower() == literal.lower()
    return bool(value == literal)


def _holds(value: Any, op: str, literal: Any) -> bool:
    if op == "=":
        return _same(value, literal)
    if op in ("!=", "<>"):
        return not _same(value, literal)
    if value is None or literal is None:
        return False
    return bool({"<": value < literal, "<=": value <= literal, ">": value > literal, ">=": value >= literal}[op])


def ordered(
    rows: list[Mapping[str, Any]], query: Query, value_of: Callable[[Mapping[str, Any], str], Any]
) -> list[Mapping[str, Any]]:
    """Sorted as asked, nulls first; without ORDER BY in no order that one could lean on."""
    result = sorted(rows, key=lambda row: row["Id"][::-1])
    for path, down in reversed(query.order):
        keyed = [(value_of(row, path), row) for row in result]
        keyed.sort(key=lambda pair: (pair[0] is not None, pair[0] if pair[0] is not None else 0), reverse=down)
        result = [row for _, row in keyed]
    return result
