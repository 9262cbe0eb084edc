"""Reading: windows of changed rows walked page by page, and rows by id.

A window is one ordered query. While its locator lives, following it costs the fewest calls; when it dies, a field vanishes or
the query is too much for the org, a new query starts after the last row that was handed out, so nothing is lost or read from
the start. A window of many rows is a bulk job's, with REST to fall back on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import structlog

from crmsync.connect.calls import CallRejected, shown
from crmsync.connect.contract import Page
from crmsync.connect.paging import LoopGuard, behind
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import TOO_BIG, URI_TOO_LONG
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import COLLECTION_SIZE, NAME_TYPES, SMALL_PAGE
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.query_jobs import Job, QueryJobs, Unfit, digest_of, job_of
from crmsync_salesforce.rows import Row, flat, named_in, position_of, records_of
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.shapes import Shapes
from crmsync_salesforce.soql import Query, chunked
from crmsync_salesforce.walks import BulkRule, Walk
from crmsync_salesforce.window import Margins, Position, Window, cursor_of, finished, frozen, window_of

_log = structlog.get_logger("crmsync.salesforce")

_LEAST_BYTES = 1_000
_MOST_MENDINGS = 6


class Reader:
    """Reads one org."""

    def __init__(self, api: Api, shapes: Shapes, margins: Margins, bulk: BulkRule | None = None) -> None:
        self._api = api
        self._shapes = shapes
        self._margins = margins
        self._bulk = bulk or BulkRule()
        self._jobs = QueryJobs(api, patience_seconds=self._bulk.patience_seconds)
        self._without_bulk: set[str] = set()

    def walk_of(self, shape: Shape, wanted: tuple[str, ...], now: datetime | None = None) -> Walk:
        """The way to begin; `now` is the run's instant by our clock."""
        return Walk(shape, wanted, is_bulk=self._bulk.from_rows > 0 and shape.object not in self._without_bulk, now=now)

    def window(self, walk: Walk, cursor: Mapping[str, Any] | None) -> Iterator[tuple[Page, Walk]]:
        """The pages of the window that a cursor stands in, or of the next one, with the walk as it was then."""
        window, job = window_of(cursor, self._margins), job_of(cursor)
        while True:
            try:
                for page in self._pages(walk, window, job):
                    if page.cursor["until"] is None:
                        yield page, walk
                        return
                    window, job = window_of(page.cursor, self._margins), job_of(page.cursor)
                    walk = replace(walk, mendings=0)
                    yield page, walk
            except CallRejected as refusal:
                walk = self._mended(walk, refusal)
            except Unfit as unfit:
                walk, job = replace(walk, is_bulk=False), None
                self._note_unfit(walk.shape.object, unfit)

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
            records.update((record.id, record) for record in records_of(rows, walk.shape))
            unique = unique[COLLECTION_SIZE:]
        return records

    def soql(self, object: str, field: str, values: Sequence[str], wanted: Sequence[str]) -> str:
        """The query for the rows with one of these values, deleted ones included; empty where the object cannot be read."""
        shape = self._shapes.get(object)
        return Walk(shape, tuple(wanted)).whole.among(field, values) if shape.readable else ""

    def records(self, object: str, answer: Any, wanted: Sequence[str]) -> dict[str, RawRecord] | None:
        """The records in the answer to such a query, the pages that follow it included; None for what is no answer to one."""
        guard, shape = LoopGuard(self._api.client.name, object), self._shapes.get(object)
        paths = tuple(name for name in wanted if "." in name)
        records: dict[str, RawRecord] = {}
        while isinstance(answer, dict) and "records" in answer:
            found = records_of([flat(row, paths) for row in answer["records"] or ()], shape)
            records.update((record.id, record) for record in found)
            if answer.get("done", True):
                return records
            path = str(answer.get("nextRecordsUrl"))
            guard.check(path)
            answer = self._api.get(path)
        return None

    def _pages(self, walk: Walk, window: Window, job: Job | None) -> Iterator[Page]:
        """The pages from the window's position on. The last one's cursor is that of the finished window."""
        if not walk.is_bulk_readable:
            yield from self._rest_pages(walk, window)
        elif job is not None or (window.since is None and window.after is None and self._is_large(walk.shape.object)):
            yield from self._bulk_pages(walk, window, job)
        else:
            pages = self._rest_pages(walk, window)
            first = next(pages)
            yield first
            # The first answer counts all that follow: asking for the count costs nothing.
            if (first.expected or 0) - len(first.records) >= self._bulk.from_rows and first.cursor["until"]:
                yield from self._bulk_pages(walk, window_of(first.cursor, self._margins), None)
            else:
                yield from pages

    def _is_large(self, object: str) -> bool:
        """Whether a first reading is a bulk job's, by the org's own counts: one cheap call for all objects of a run."""
        return self._api.record_counts().get(object, 0) >= self._bulk.from_rows

    def _bulk_pages(self, walk: Walk, window: Window, job: Job | None) -> Iterator[Page]:
        """The window by one job. Its rows have no order: until the last one is stored, the window's position stays."""
        query = walk.whole
        soql = query.unordered(window)
        count = self._jobs.finished(job) if job is not None and job.digest == digest_of(soql) else None
        if job is None or count is None:
            job = self._jobs.start(soql)
            window = frozen(window, self._read_by(walk), self._margins)
            yield Page((), cursor_of(window) | {"job": asdict(job)})  # after a crash the job is taken up again
            count = self._jobs.finished(job)
        if count is None:
            raise Unfit("the job is gone")
        for part in self._jobs.parts(job, self._types(walk.shape, query.fields)):
            records = records_of(map(flat, part.rows), walk.shape)
            resumed = cursor_of(window) | {"job": asdict(replace(job, locator=part.resume))}
            yield Page(records, finished(window) if part.is_last else resumed, expected=count)

    def _types(self, shape: Shape, fields: Sequence[str]) -> dict[str, str]:
        """Describe's type of each selected field, also of those over a relationship to one object."""
        types: dict[str, str] = {}
        for name in fields:
            relationship, _, rest = name.partition(".")
            targets = shape.relationships.get(relationship, ()) if rest else ()
            holder = self._shapes.get(targets[0]) if len(targets) == 1 else shape
            info = holder.fields.get(rest or name)
            types[name] = info.type if info else NAME_TYPES.get(rest, "string")
        return types

    def _note_unfit(self, object: str, unfit: Unfit) -> None:
        _log.info("bulk_not_possible", connection=self._api.client.name, object=object, why=shown(str(unfit)))
        if unfit.is_lasting:
            self._without_bulk.add(object)

    def _read_by(self, walk: Walk) -> datetime:
        """The org's clock as of its last answer, or ours where that is behind."""
        return behind(self._api.client.server_time(), walk.now)

    def _rest_pages(self, walk: Walk, window: Window) -> Iterator[Page]:
        """The pages from the window's position on. The last one's cursor is that of the finished window."""
        first, *others = walk.queries
        while True:
            count = 0
            for rows, total, is_last in self._walk(first.within(window), first, spares_the_reserve=True):
                begin, count = window, count + len(rows)
                window = frozen(window, self._read_by(walk), self._margins)
                if rows:
                    last = position_of(rows[-1], first.stamp)
                    window = window.moved_to(last)
                    rows = self._widened(rows, others, begin, last)
                done = is_last and (first.limit is None or count < first.limit)
                records = records_of(rows, walk.shape)
                yield Page(records, finished(window) if done else cursor_of(window), expected=total)
                if done:
                    return

    def _walk(self, soql: str, query: Query, *, spares_the_reserve: bool = False) -> Iterator[tuple[list[Row], int, bool]]:
        """The answers to one query: rows, the count of the whole result, and whether this was the last answer. Only the
        server says that: short pages are ordinary."""
        guard = LoopGuard(self._api.client.name, query.object)
        path, params, paths = "queryAll", {"q": soql}, query.paths
        while True:
            if spares_the_reserve:
                self._api.check_reserve()
            answer = self._api.get(path, params)
            if not isinstance(answer, dict) or "records" not in answer:
                raise self._api.unanswered(path, "NO_RECORDS")
            rows: list[Row] = [flat(row, paths) for row in answer["records"] or ()]
            is_last = bool(answer.get("done", True))
            yield rows, int(answer.get("totalSize") or 0), is_last
            if is_last:
                return
            path, params = str(answer.get("nextRecordsUrl") or ""), {}
            if not path:  # more to come, and nowhere to ask for it: what was handed out stays, the rest is for later
                raise self._api.unanswered("queryAll", "NO_NEXT_PAGE")
            guard.check(path)

    def _widened(self, rows: list[Row], others: Sequence[Query], begin: Window, last: Position) -> list[Row]:
        """The rows with the columns of the other chunks. A row that changed in between has left the window: it is dropped
        here, and comes whole in the next one."""
        for query in others:
            answers = self._walk(replace(query, limit=None).up_to(begin, last), query)
            more = {row["Id"]: row for answer, _, _ in answers for row in answer}
            rows = [{**row, **more[row["Id"]]} for row in rows if row["Id"] in more]
        return rows

    def _rows_by_ids(self, walk: Walk, ids: Sequence[str]) -> list[Row]:
        # Ids take 27 bytes each in a URL: the fields get what is left.
        fields = walk.fields
        parts = chunked(fields, walk.shape.always, max(_LEAST_BYTES, walk.most_bytes - 27 * len(ids)))
        merged: dict[str, Row] = {}
        for part in parts:
            query = Query(walk.shape.object, part, walk.shape.stamp)
            for rows, _, _ in self._walk(query.by_ids(ids), query):
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
        before = walk.fields
        shape = self._shapes.again(walk.shape.object)
        if not shape.readable:
            raise refusal
        if shape.chosen(walk.wanted, walk.without) != before:
            return replace(walk, shape=shape)
        named = named_in(refusal.message, before)
        if not named - set(shape.always):
            raise refusal
        return replace(walk, shape=shape, without=walk.without | named)
