"""A condition as a test of a row, with hints that spare the reading of most rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import Field, SObject
from crmsync.sandbox.salesforce.soql import literals
from crmsync.sandbox.salesforce.soql.columns import Column, resolve
from crmsync.sandbox.salesforce.soql.literals import Period
from crmsync.sandbox.salesforce.soql.parse import unescape
from crmsync.sandbox.salesforce.soql.syntax import Comparison, Condition, Junction, Literal, Membership, Negation, Query

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

Test = Callable[[Row], bool]
Subquery = Callable[[Query], list[Any]]


@dataclass(frozen=True, slots=True)
class Hint:
    """Where the rows that pass must lie: among `ids`, stamped from `low` to `high`, from `first_id` on. None bounds nothing.

    `after` is a keyset's place, stamp and id: nothing before it passes. `exclusive` says that `low` itself does not pass.
    """

    ids: frozenset[str] | None = None
    low: str | None = None
    high: str | None = None
    first_id: str | None = None
    after: tuple[str, str] | None = None
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    test: Test
    hint: Hint


@dataclass(frozen=True, slots=True)
class Setting:
    """What a condition is read against. `subquery` answers a semi-join's inner query with its one column."""

    org: Org
    sobject: SObject
    text: str
    alias: str | None
    subquery: Subquery


def compile_condition(setting: Setting, condition: Condition | None) -> Compiled:
    """Make a test and a hint of a condition. Raises OrgError for unknown fields and values of the wrong type."""
    match condition:
        case None:
            return Compiled(lambda _: True, Hint())
        case Junction(operator, parts):
            compiled = [compile_condition(setting, part) for part in parts]
            return _all_of(compiled) if operator == "AND" else _any_of(compiled)
        case Negation(part):
            inner = compile_condition(setting, part).test
            return Compiled(lambda row: not inner(row), Hint())
        case Comparison():
            return _comparison(setting, condition)
        case Membership():
            return _membership(setting, condition)


def _all_of(parts: list[Compiled]) -> Compiled:
    tests = [part.test for part in parts]
    hints = [part.hint for part in parts]
    sets = [hint.ids for hint in hints if hint.ids is not None]
    return Compiled(
        lambda row: all(test(row) for test in tests),
        Hint(
            min(sets, key=len) if sets else None,
            max((hint.low for hint in hints if hint.low is not None), default=None),
            min((hint.high for hint in hints if hint.high is not None), default=None),
            max((hint.first_id for hint in hints if hint.first_id is not None), default=None),
            max((hint.after for hint in hints if hint.after is not None), default=None),
        ),
    )


def _any_of(parts: list[Compiled]) -> Compiled:
    tests = [part.test for part in parts]
    hints = [part.hint for part in parts]
    ids = [hint.ids for hint in hints]
    return Compiled(
        lambda row: any(test(row) for test in tests),
        Hint(
            frozenset().union(*(found for found in ids if found is not None)) if None not in ids else None,
            _widest(min, [hint.low for hint in hints]),
            _widest(max, [hint.high for hint in hints]),
            _widest(min, [hint.first_id for hint in hints]),
            _keyset(parts),
        ),
    )


def _keyset(parts: list[Compiled]) -> tuple[str, str] | None:
    """The place in `(T = s AND Id > x) OR T > s`, which lets a page begin where the last one ended, inside a tie too."""
    hints = [part.hint for part in parts]
    for tie in hints:
        if tie.first_id is None or tie.low is None or tie.low != tie.high:
            continue
        beyond = [other for other in hints if other is not tie]
        if beyond and all(other.exclusive and other.low == tie.low for other in beyond):
            return tie.low, tie.first_id
    return None


def _widest(pick: Callable[[Iterable[str]], str], bounds: list[str | None]) -> str | None:
    known = [bound for bound in bounds if bound is not None]
    return pick(known) if len(known) == len(bounds) else None


def _comparison(setting: Setting, condition: Comparison) -> Compiled:
    column = _filterable(setting, condition)
    operator = condition.operator
    if operator == "LIKE":
        return Compiled(_like(column, condition.value), Hint())
    value = literals.value_of(setting.org, column.field, condition.value)
    if isinstance(value, Period):
        return Compiled(_in_period(column, operator, value), Hint())
    return Compiled(_compare(column, operator, value), _hint(setting, column, operator, value))


def _filterable(setting: Setting, condition: Comparison | Membership) -> Column:
    column = resolve(setting.org, setting.sobject, condition.word, setting.text, setting.alias)
    if not column.field.filterable or column.field.type == "address":
        raise OrgError("INVALID_FIELD", f"field '{column.field.name}' can not be filtered in a query call")
    return column


def _hint(setting: Setting, column: Column, operator: str, value: Any) -> Hint:
    if column.steps or value is None:
        return Hint()
    table, name = setting.org.tables[setting.sobject.name], column.field.name
    if name == "Id":
        return _id_hint(operator, value)
    if name == table.by_time.column:
        low = value if operator in ("=", ">", ">=") else None
        return Hint(low=low, high=value if operator in ("=", "<", "<=") else None, exclusive=operator == ">")
    found = table.lookup(name, value) if operator == "=" and isinstance(value, str) else None
    return Hint() if found is None else Hint(ids=frozenset(found))


def _id_hint(operator: str, value: str) -> Hint:
    if operator == "=":
        return Hint(ids=frozenset((value,)))
    return Hint(first_id=value) if operator in (">", ">=") else Hint()


def _folded(column: Column) -> Callable[[Row], Any]:
    """Text compares without case, save ids and case-sensitive keys."""
    read = column.read
    if not literals.is_text(column.field) or column.field.case_sensitive:
        return read

    def folded(row: Row) -> Any:
        value = read(row)
        return value.lower() if isinstance(value, str) else value

    return folded


def _compare(column: Column, operator: str, value: Any) -> Test:
    read = _folded(column)
    match operator:
        case "=":
            return lambda row: bool(read(row) == value)
        case "!=":
            return lambda row: bool(read(row) != value)
    if value is None:
        return lambda _: False
    match operator:
        case "<":
            return lambda row: (found := read(row)) is not None and bool(found < value)
        case "<=":
            return lambda row: (found := read(row)) is not None and bool(found <= value)
        case ">":
            return lambda row: (found := read(row)) is not None and bool(found > value)
        case _:
            return lambda row: (found := read(row)) is not None and bool(found >= value)


def _in_period(column: Column, operator: str, period: Period) -> Test:
    read, start, end = column.read, period.start, period.end
    match operator:
        case "=":
            return lambda row: (found := read(row)) is not None and start <= found < end
        case "!=":
            return lambda row: (found := read(row)) is None or not start <= found < end
        case "<":
            return lambda row: (found := read(row)) is not None and found < start
        case "<=":
            return lambda row: (found := read(row)) is not None and found < end
        case ">":
            return lambda row: (found := read(row)) is not None and found >= end
        case _:
            return lambda row: (found := read(row)) is not None and found >= start


def _like(column: Column, value: Literal) -> Test:
    if value.kind != "text" or not literals.is_text(column.field):
        raise OrgError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.field.type} field '{column.field.name}'")
    pattern = re.compile(_pattern(unescape(value.text, pattern=True)), re.IGNORECASE | re.DOTALL)
    read = column.read
    return lambda row: pattern.fullmatch(read(row) or "") is not None


def _pattern(like: str) -> str:
    wildcards = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|.", like, flags=re.DOTALL)
    return "".join(
        re.escape(part[1:]) if part[0] == "\\" and len(part) > 1 else wildcards.get(part, re.escape(part)) for part in parts
    )


def _membership(setting: Setting, condition: Membership) -> Compiled:
    column = _filterable(setting, condition)
    values = _members(setting, column.field, condition)
    match condition.operator:
        case "IN":
            read = _folded(column)
            return Compiled(lambda row: read(row) in values, _members_hint(setting, column, values))
        case "NOT IN":
            read = _folded(column)
            return Compiled(lambda row: read(row) not in values, Hint())
        case _:
            return Compiled(_includes(column, condition), Hint())


def _members(setting: Setting, field: Field, condition: Membership) -> frozenset[Any]:
    if isinstance(condition.values, Query):
        return frozenset(value for value in setting.subquery(condition.values) if value is not None)
    found = [literals.value_of(setting.org, field, value) for value in condition.values]
    if any(isinstance(value, Period) for value in found):
        raise OrgError("MALFORMED_QUERY", "date literals cannot be members of a list")
    return frozenset(found)


def _members_hint(setting: Setting, column: Column, values: frozenset[Any]) -> Hint:
    if column.steps or None in values:
        return Hint()
    if column.field.name == "Id":
        return Hint(ids=values)
    hints = [_hint(setting, column, "=", value) for value in values]
    if not hints or any(hint.ids is None for hint in hints):
        return Hint()
    return Hint(ids=frozenset().union(*(hint.ids for hint in hints if hint.ids is not None)))


def _includes(column: Column, condition: Membership) -> Test:
    """INCLUDES('a;b', 'c'): both a and b, or c."""
    if column.field.type != "multipicklist" or isinstance(condition.values, Query):
        raise OrgError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.field.type} field '{column.field.name}'")
    wanted = [frozenset(unescape(value.text).split(";")) for value in condition.values if value.kind == "text"]
    read, excluding = column.read, condition.operator == "EXCLUDES"
    return lambda row: any(every <= frozenset((read(row) or "").split(";")) for every in wanted) is not excluding
