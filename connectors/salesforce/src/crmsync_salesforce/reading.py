"""Reading: windows of changed rows walked page by page, and rows by id.

A window is one ordered query. While its locator lives, following it costs the fewest calls; when it dies, a field vanishes or
the query is too much for the org, a new query starts after the last row that was handed out, so nothing is lost or read from
the start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Page, PullRequest
from crmsync.connect.paging import LoopGuard
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import TOO_BIG, URI_TOO_LONG
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import COLLECTION_SIZE, FILTERS, QUERY_BYTES, SMALL_PAGE
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.shapes import Shapes
from crmsync_salesforce.soql import Query, by_ids, chunked
from crmsync_salesforce.times import parse_instant
from crmsync_salesforce.window import Margins, Position, Window, cursor_of, finished, frozen, window_of

Row = Mapping[str, Any]

# WHERE, ORDER BY and the rest of a window's query in a URL, encoded. Measured at some 450 bytes; the rest is margin.
_CLAUSES_BYTES = 1_000
_LEAST_BYTES = 1_000
_MOST_MENDINGS = 6
_COLUMN = re.compile(r"[Nn]o such column '([\w.]+)'|relationship '(\w+)'")


@dataclass(frozen=True, slots=True)
class Walk:
    """How one object is being read: its fields in chunks that fit a URL, and what was learnt on the way."""

    shape: Shape
    wanted: tuple[str, ...]
    without: frozenset[str] = frozenset()
    most_bytes: int = QUERY_BYTES - _CLAUSES_BYTES
    limit: int | None = None
    mendings: int = 0

    @property
    def queries(self) -> tuple[Query, ...]:
        """The first orders and pages the walk; the others fetch more columns of the same rows."""
        fields = self.shape.chosen(self.wanted, self.without)
        where = FILTERS.get(self.shape.object, "")
        parts = chunked(fields, self.shape.always, self.most_bytes)
        return tuple(Query(self.shape.object, part, self.shape.stamp, where, self.limit) for part in parts)


class Reader:
    """Reads one org."""

    def __init__(self, api: Api, shapes: Shapes, margins: Margins) -> None:
        self._api = api
        self._shapes = shapes
        self._margins = margins

    def pull(self, request: PullRequest) -> Iterator[Page]:
        """The pages of one window. An object that is hidden from us yields one empty page that leaves the cursor alone."""
        shape = self._shapes.get(request.object)
        if not shape.readable:
            yield Page((), dict(request.cursor or {}))
            return
        window = window_of(request.cursor, self._margins)
        walk = Walk(shape, request.fields)
        while True:
            try:
                for page in self._pages(walk, window):
                    if page.cursor["until"] is None:
                        yield page
                        return
                    window = window_of(page.cursor, self._margins)
                    walk = replace(walk, mendings=0)
                    yield page
            except CallRejected as refusal:
                walk = self._mended(walk, refusal)

    def by_ids(self, object: str, ids: Sequence[str], wanted: Sequence[str]) -> Mapping[str, RawRecord]:
        """Rows by id, deleted ones included; those that are gone for good are absent. Unknown fields are left out."""
        shape = self._shapes.get(object)
        if not shape.readable:
            return {}
        unique = list(dict.fromkeys(map(to_18, ids)))
        walk = Walk(shape, tuple(wanted))
        records: dict[str, RawRecord] = {}
        while unique:
            part = unique[:COLLECTION_SIZE]
            try:
                rows = self._rows_by_ids(walk, part)
            except CallRejected as refusal:
                walk = self._mended(walk, refusal)
                continue
            records.update((row["Id"], record_of(row, walk.shape)) for row in rows)
            unique = unique[COLLECTION_SIZE:]
        return records

    def _pages(self, walk: Walk, window: Window) -> Iterator[Page]:
        """The pages from the window's position on. The last one's cursor is that of the finished window."""
        first, *others = walk.queries
        while True:
            count = 0
            for rows, total, is_last in self._walk(first.within(window), first.object, spares_the_reserve=True):
                begin, count = window, count + len(rows)
                window = frozen(window, self._api.client.server_time(), self._margins)
                if rows:
                    last = position_of(rows[-1], first.stamp)
                    window = window.moved_to(last)
                    rows = self._widened(rows, others, begin, last)
                done = is_last and (first.limit is None or count < first.limit)
                records = tuple(record_of(row, walk.shape) for row in rows)
                yield Page(records, finished(window) if done else cursor_of(window), expected=total)
                if done:
                    return

    def _walk(self, soql: str, object: str, *, spares_the_reserve: bool = False) -> Iterator[tuple[list[Row], int, bool]]:
        """The answers to one query: rows, the count of the whole result, and whether this was the last answer. Only the
        server says that: short pages are ordinary."""
        guard = LoopGuard(self._api.client.name, object)
        path, params = "queryAll", {"q": soql}
        while True:
            if spares_the_reserve:
                self._api.check_reserve()
            answer = self._api.get(path, params) or {}
            rows: list[Row] = [flat(row) for row in answer.get("records") or ()]
            path, params = ("" if answer.get("done", True) else str(answer.get("nextRecordsUrl") or "")), {}
            yield rows, int(answer.get("totalSize") or 0), not path
            if not path:
                return
            guard.check(path)

    def _widened(self, rows: list[Row], others: Sequence[Query], begin: Window, last: Position) -> list[Row]:
        """The rows with the columns of the other chunks. A row that changed in between has left the window: it is dropped
        here, and comes whole in the next one."""
        for query in others:
            answers = self._walk(replace(query, limit=None).up_to(begin, last), query.object)
            more = {row["Id"]: row for answer, _, _ in answers for row in answer}
            rows = [{**row, **more[row["Id"]]} for row in rows if row["Id"] in more]
        return rows

    def _rows_by_ids(self, walk: Walk, ids: Sequence[str]) -> list[Row]:
        # Ids take 27 bytes each in a URL: the fields get what is left.
        fields = walk.shape.chosen(walk.wanted, walk.without)
        parts = chunked(fields, walk.shape.always, max(_LEAST_BYTES, walk.most_bytes - 27 * len(ids)))
        merged: dict[str, Row] = {}
        for part in parts:
            for rows, _, _ in self._walk(by_ids(walk.shape.object, part, ids), walk.shape.object):
                merged.update({row["Id"]: {**merged.get(row["Id"], {}), **row} for row in rows})
        return list(merged.values())

    def _mended(self, walk: Walk, refusal: CallRejected) -> Walk:
        """How to go on after a refusal. Raises it where we know no way, or have tried too often without a page in between."""
        if walk.mendings >= _MOST_MENDINGS:
            raise refusal
        walk = replace(walk, mendings=walk.mendings + 1)
        if refusal.vendor_code == "INVALID_QUERY_LOCATOR":
            return walk
        if refusal.vendor_code in ("INVALID_FIELD", "INVALID_TYPE"):
            return self._without_vanished(walk, refusal)
        if refusal.vendor_code in TOO_BIG and (walk.limit is None or walk.limit > SMALL_PAGE // 8):
            return replace(walk, limit=(walk.limit or 2 * SMALL_PAGE) // 2)
        if refusal.status in URI_TOO_LONG and walk.most_bytes > _LEAST_BYTES:
            return replace(walk, most_bytes=max(_LEAST_BYTES, walk.most_bytes // 2))
        raise refusal

    def _without_vanished(self, walk: Walk, refusal: CallRejected) -> Walk:
        """Describe again and leave out what is gone; what describe still shows is named by the refusal itself."""
        before = walk.shape.chosen(walk.wanted, walk.without)
        shape = self._shapes.again(walk.shape.object)
        if not shape.readable:
            raise refusal
        if shape.chosen(walk.wanted, walk.without) != before:
            return replace(walk, shape=shape)
        named = named_in(refusal.message, before)
        if not named - set(shape.always):
            raise refusal
        return replace(walk, shape=shape, without=walk.without | named)


def named_in(message: str, fields: Sequence[str]) -> frozenset[str]:
    """The selected fields that an INVALID_FIELD message speaks of: by column, or by relationship."""
    words = {word for found in _COLUMN.findall(message) for word in found if word}
    return frozenset(
        field for field in fields if field in words or field.rpartition(".")[2] in words or field.partition(".")[0] in words
    )


def flat(row: Row) -> dict[str, Any]:
    """A row with parents' fields under their paths (`Owner.Type`), ids in 18 characters, and without the server's addressing."""
    values: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and "attributes" in value:
            values.update({f"{name}.{inner}": held for inner, held in flat(value).items()})
        elif name != "attributes":
            values[name] = value
    if isinstance(values.get("Id"), str):
        values["Id"] = to_18(values["Id"])
    return values


def position_of(row: Row, stamp: str) -> Position:
    """A row's place in its window. Raises ValueError for a row without a stamp, which the server never sends."""
    at = parse_instant(row.get(stamp))
    if at is None:
        raise ValueError(f"a row without {stamp}")
    return Position(at, str(row["Id"]))


def record_of(row: Row, shape: Shape) -> RawRecord:
    """A row as a record."""
    master = row.get("MasterRecordId")
    return RawRecord(
        object=shape.object,
        id=str(row["Id"]),
        fields=dict(row),
        modified_at=parse_instant(row.get(shape.stamp)),
        is_deleted=bool(row.get("IsDeleted")),
        replaced_by=to_18(str(master)) if master else None,
    )
