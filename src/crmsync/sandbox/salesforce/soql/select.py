"""Running a query: which rows pass, in which order, and how each is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import SObject
from crmsync.sandbox.salesforce.soql import literals
from crmsync.sandbox.salesforce.soql.aggregates import aggregate
from crmsync.sandbox.salesforce.soql.columns import Column, is_archived, resolve
from crmsync.sandbox.salesforce.soql.conditions import Compiled, Hint, Setting, compile_condition
from crmsync.sandbox.salesforce.soql.parse import parse
from crmsync.sandbox.salesforce.soql.syntax import Item, Order, Query, Word
from crmsync.sandbox.salesforce.tables import Table
from crmsync.sandbox.salesforce.times import stamp

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_LARGEST_FIELDS_ALL = 200
Sorting = tuple[Order, Column]


@dataclass(frozen=True, slots=True)
class Result:
    """What a query found: ids in order (or ready rows, for aggregates), and the columns to show."""

    sobject: SObject
    columns: tuple[Column, ...]
    ids: list[str]
    count: int
    ready: tuple[Row, ...] | None = None


def select(org: Org, text: str, *, everything: bool = False) -> Result:
    """Run a query; `everything` is queryAll: deleted and archived rows too. Raises OrgError."""
    return _run(org, parse(text), everything=everything)


def _run(org: Org, query: Query, *, everything: bool) -> Result:
    sobject = org.readable(query.object)
    org.settle()

    def subquery(inner: Query) -> list[Any]:
        found = _run(org, inner, everything=everything)
        table = org.tables[found.sobject.name]
        return [found.columns[0].read(table.rows[row_id]) for row_id in found.ids]

    setting = Setting(org, sobject, query.text, query.alias, subquery)
    compiled = compile_condition(setting, query.where)
    orders = [(order, _sortable(setting, order)) for order in query.orders]
    rows = _ordered(org, org.tables[sobject.name], compiled, orders, everything=everything)
    if _is_aggregate(query):
        ready = aggregate(query, [(item, _column(setting, item.word)) for item in query.items], _groups(setting, query), rows)
        return Result(sobject, (), [], len(ready), tuple(ready))
    columns = () if query.counts else _columns(setting, query)
    end = None if query.limit is None else query.offset + query.limit
    ids = [row["Id"] for row in islice(rows, query.offset, end)]
    return Result(sobject, columns, [] if query.counts else ids, len(ids))


def _is_aggregate(query: Query) -> bool:
    return bool(query.groups) or any(item.function not in (None, "FIELDS") for item in query.items if not query.counts)


def _column(setting: Setting, word: Word) -> Column:
    return resolve(setting.org, setting.sobject, word, setting.text, setting.alias)


def _groups(setting: Setting, query: Query) -> list[Column]:
    return [_column(setting, word) for word in query.groups]


def _columns(setting: Setting, query: Query) -> tuple[Column, ...]:
    columns = list(chain.from_iterable(_selected(setting, query, item) for item in query.items))
    seen: set[tuple[str, ...]] = set()
    for column in columns:
        key = (*(step.relationship for step in column.steps), column.field.name)
        if key in seen:
            raise OrgError("INVALID_FIELD", f"duplicate field selected: {'.'.join(key)}")
        seen.add(key)
    return tuple(columns)


def _selected(setting: Setting, query: Query, item: Item) -> Iterable[Column]:
    if item.function is None:
        return [_column(setting, item.word)]
    group = str(item.word).upper()
    if group != "STANDARD" and (query.limit is None or query.limit > _LARGEST_FIELDS_ALL):
        message = f"The SOQL FIELDS function must have a LIMIT of at most {_LARGEST_FIELDS_ALL}"
        raise OrgError("MALFORMED_QUERY", message)
    wanted = {"STANDARD": (False,), "CUSTOM": (True,), "ALL": (False, True)}.get(group, ())
    fields = setting.sobject.fields.values()
    return [_column(setting, Word((field.name,), item.word.place)) for field in fields if field.custom in wanted]


def _sortable(setting: Setting, order: Order) -> Column:
    column = _column(setting, order.word)
    if not column.field.sortable:
        raise OrgError("INVALID_FIELD", f"field '{column.field.name}' can not be sorted in a query call")
    return column


def _ordered(org: Org, table: Table, compiled: Compiled, orders: list[Sorting], *, everything: bool) -> Iterator[Row]:
    """Rows that pass, sorted; lazily where an index is already in the order asked for."""
    hint, test = compiled.hint, compiled.test
    by_time = hint.ids is None and _asks_by(orders, table.by_time.column)
    narrow = hint.ids is None and (hint.low is not None or hint.high is not None)
    narrow = narrow and table.by_time.width(hint.low, hint.high) < len(table.ids) // 2
    use_time = by_time or narrow
    ids = _candidates(table, hint, use_time=use_time)
    visible = _visible(org, table, ids, everything=everything)
    rows = (row for row in visible if test(row))
    if not orders or (_asks_by(orders, "Id") and not use_time and not table.unseen):
        return rows
    if by_time and use_time and not table.unseen:
        if len(orders) == 1 or (len(orders) == 2 and _asks_by(orders[1:], "Id")):
            return rows
        column = table.by_time.column
        ties = groupby(rows, key=lambda row: row[column])
        return chain.from_iterable(_sort(list(tied), orders[1:]) for _, tied in ties)
    return iter(_sort(list(rows), orders))


def _asks_by(orders: list[Sorting], name: str) -> bool:
    return bool(orders) and not orders[0][1].steps and orders[0][1].field.name == name and not orders[0][0].descending


def _candidates(table: Table, hint: Hint, *, use_time: bool) -> Iterable[str]:
    if hint.ids is not None:
        found: Iterable[str] = sorted(row_id for row_id in hint.ids if row_id in table.rows)
    elif use_time:
        first_id = hint.after[1] if hint.after is not None and hint.after[0] == hint.low else None
        found = table.by_time.between(table.rows, hint.low, hint.high, first_id)
    else:
        found = table.ids_from(hint.first_id, above=False)
    if table.unseen:
        # an uncommitted row may have passed in its former version under another stamp or key
        return dict.fromkeys(chain(found, table.unseen))
    return found


def _visible(org: Org, table: Table, ids: Iterable[str], *, everything: bool) -> Iterator[Row]:
    oldest = stamp(org.clock.now() - org.config.archive_after) if table.sobject.name in ("Task", "Event") else None
    rows, unseen = table.rows, bool(table.unseen)
    for row_id in ids:
        row = table.seen(row_id) if unseen else rows.get(row_id)
        if row is None:
            continue
        if everything or not (row.get("IsDeleted") or (oldest is not None and is_archived(row, oldest))):
            yield row


def _sort(rows: list[Row], orders: list[Sorting]) -> list[Row]:
    """Sort by several columns; nulls come first whichever way, unless told otherwise; what ties keeps its order by id."""
    if len(rows) < 2:
        return rows
    rows.sort(key=lambda row: str(row["Id"]))
    for order, column in reversed(orders):
        key = _key(column)
        empty = [row for row in rows if key(row) is None]
        full = [row for row in rows if key(row) is not None]
        full.sort(key=key, reverse=order.descending)
        rows = full + empty if order.nulls_last else empty + full
    return rows


def _key(column: Column) -> Callable[[Row], Any]:
    if not literals.is_text(column.field):
        return column.read
    return lambda row: value.lower() if isinstance(value := column.read(row), str) else value


def shown(org: Org, sobject: SObject, columns: tuple[Column, ...], base: str) -> Callable[[Row], Row]:
    """How rows appear in an answer; `base` is `/services/data/v66.0/sobjects`."""
    tree = _tree(columns)

    def show(row: Row) -> Row:
        return _show(org, tree, row, sobject.name, base)

    return show


Tree = dict[str, "Column | tuple[Column, int, Tree]"]


def _tree(columns: tuple[Column, ...], depth: int = 0) -> Tree:
    tree: Tree = {}
    for column in columns:
        if len(column.steps) == depth:
            tree[column.field.name] = column
        else:
            name = column.steps[depth].relationship
            same = tuple(other for other in columns if len(other.steps) > depth and other.steps[depth].relationship == name)
            if name not in tree:
                tree[name] = (column, depth, _tree(same, depth + 1))
    return tree


def _show(org: Org, tree: Tree, row: Row, type: str, base: str) -> Row:
    real = type if type != "Name" else org.object_of(row["Id"])
    out: Row = {"attributes": {"type": type, "url": f"{base}/{real}/{row['Id']}"}}
    for name, branch in tree.items():
        if isinstance(branch, Column):
            out[name] = branch.last(row)
        else:
            column, depth, below = branch
            step = column.steps[depth]
            parent = org.row_of(row.get(step.field.name))
            target = "Name" if step.bare else step.field.refers_to[0]
            out[name] = None if parent is None else _show(org, below, parent, target, base)
    return out
