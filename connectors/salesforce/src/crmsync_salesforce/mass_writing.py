"""Writing a mass of changes by Bulk 2.0 jobs, with the care of ordinary writing: compared before, confirmed after.

A job costs some ten calls however many rows it has. It knows no duplicate-rule header and works in parallel: what such a rule
or a lock refuses goes again by Collections, the rows of one parent side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog

from crmsync.connect.calls import CallRejected, shown
from crmsync.connect.contract import PushBatch
from crmsync.errors import CrmsyncError, RetryLater, StopConnector
from crmsync.model.changes import Receipt
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import VendorError, row_class
from crmsync_salesforce.api import Api
from crmsync_salesforce.composite import Composite, query_part
from crmsync_salesforce.facts import COMPOSITE_QUERIES, IDS_PER_QUERY, PARENTS
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.ingest_jobs import NOT_PROCESSED, NOT_TOLD, IngestJobs, NotTaken, Upload, fits, uploads
from crmsync_salesforce.outgoing import Answered, Outgoing, compare, confirmed, fields_of, key_field_of, name_of, outgoing, refused
from crmsync_salesforce.reading import Reader
from crmsync_salesforce.shapes import Shapes
from crmsync_salesforce.walks import BulkRule
from crmsync_salesforce.writing import Halt, Records, Writer, code_of

_log = structlog.get_logger("crmsync.salesforce")


class MassWriter:
    """Writes to one org, by jobs where there is a mass and by `writer` otherwise."""

    def __init__(self, api: Api, shapes: Shapes, reader: Reader, composite: Composite, writer: Writer, *, rule: BulkRule) -> None:
        self._api = api
        self._shapes = shapes
        self._reader = reader
        self._composite = composite
        self._writer = writer
        self._from_rows = rule.write_from_rows
        self._jobs = IngestJobs(api, patience_seconds=rule.patience_seconds)

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """A receipt for every change, exactly once; after them, StopConnector where the connection cannot go on."""
        if not self._is_mass(batch):
            yield from self._writer.push(batch)
            return
        halt = Halt()
        try:
            present = self._present(batch)
            types = self._shapes.get(batch.object).types
        except (RetryLater, CallRejected) as error:
            yield from self._writer.unsent(batch, error)
            return
        except StopConnector as error:
            yield from self._writer.unsent(batch, error)
            raise
        to_send: list[Outgoing] = []
        for change in batch.changes:
            receipt = None if present is None else compare(change, present.get(to_18(change.record_id or "")), types)
            if receipt is not None:
                yield receipt
            else:
                to_send.append(outgoing(batch.object, change))
        yield from self._sent(batch.object, self._by_parent(batch.object, to_send, present or {}), types, halt)
        if halt.raised is not None:
            raise halt.raised

    def _is_mass(self, batch: PushBatch) -> bool:
        """Enough changes, of one kind, each of a record of its own, and of an object that is written as it is. Plain creates are
        none: a job may have to be sent again."""
        changes = batch.changes
        if not self._from_rows or len(changes) < self._from_rows or any(change.operation == "create" for change in changes):
            return False
        names = {name_of(change) for change in changes}
        kinds = {(change.operation, key_field_of(change)) for change in changes}
        is_plain = all(fits(outgoing(batch.object, change)) for change in changes)
        try:
            has_persons = batch.object == "Contact" and "IsPersonAccount" in self._shapes.get(batch.object).fields
        except CrmsyncError:
            return False  # the ordinary way meets the same error, and answers for it row by row
        return len(names) == len(changes) and "" not in names and len(kinds) == 1 and is_plain and not has_persons

    def _present(self, batch: PushBatch) -> Records | None:
        """What is there of every record; None for upserts, which are not compared."""
        changes = batch.changes
        if key_field_of(changes[0]) is not None:
            return None
        wanted = (*fields_of(changes), *filter(None, [PARENTS.get(batch.object)]))
        return self._many(batch.object, [to_18(change.record_id or "") for change in changes], wanted)

    def _many(self, object: str, ids: Sequence[str], wanted: Sequence[str]) -> Records:
        """Rows by id, five times two thousand in one call."""
        found: dict[str, RawRecord] = {}
        each = COMPOSITE_QUERIES * IDS_PER_QUERY
        for start in range(0, len(ids), each):
            part = ids[start : start + each]
            slices = [part[at : at + IDS_PER_QUERY] for at in range(0, len(part), IDS_PER_QUERY)]
            queries = [self._reader.soql(object, "Id", ids_, wanted) for ids_ in slices]
            answers = self._composite.send([query_part(soql) for soql in queries]) if all(queries) else None
            for number, ids_ in enumerate(slices):
                answer = answers[number] if answers else None
                records = self._reader.records(object, answer.body, wanted) if answer is not None and answer.is_ok else None
                found.update(records if records is not None else self._reader.by_ids(object, ids_, wanted))
        return found

    def _by_parent(self, object: str, to_send: Sequence[Outgoing], present: Records) -> list[Outgoing]:
        """Rows of one parent side by side."""
        field = PARENTS.get(object)
        if field is None:
            return list(to_send)

        def parent(sent: Outgoing) -> str:
            record = present.get(sent.id)
            return str(sent.values.get(field) or (record.fields.get(field) if record else None) or "")

        return sorted(to_send, key=parent)

    def _sent(self, object: str, rows: Sequence[Outgoing], types: Mapping[str, str], halt: Halt) -> Iterator[Receipt]:
        written: list[Answered] = []
        for upload in uploads(rows) if rows else ():
            if halt.error is not None:
                yield from map(refused, halt.stopped(upload.rows))
                continue
            for answered in self._answered(object, upload, halt):
                if answered.error is None:
                    written.append(answered)
                else:
                    yield refused(answered)
        yield from self._confirmed(object, written, types)

    def _answered(self, object: str, upload: Upload, halt: Halt) -> list[Answered]:
        """Every row of an upload once, after its last try."""
        try:
            answered = self._jobs.run(object, upload)
        except NotTaken as why:
            _log.info("bulk_not_possible", connection=self._api.client.name, object=object, why=shown(str(why)))
            return self._writer.sent(object, upload.rows, halt)
        except (RetryLater, CallRejected) as error:
            return [Answered(sent, error=VendorError(code_of(error), ""), outcome="retry") for sent in upload.rows]
        except StopConnector as stop:
            halt.by(stop)
            return halt.stopped(upload.rows)
        halt.note(answered)
        again = {one.change.key: one for one in answered if _goes_again(one)}
        rest = [one for one in answered if one.change.key not in again]
        # In the order of the upload: by parent.
        retried = [sent for sent in upload.rows if sent.change.key in again]
        return [*rest, *(self._writer.sent(object, retried, halt) if retried else ())]

    def _confirmed(self, object: str, written: Sequence[Answered], types: Mapping[str, str]) -> Iterator[Receipt]:
        try:
            ids = [one.id for one in written if one.id]
            there = self._many(object, ids, fields_of(one.change for one in written)) if ids else {}
        except CrmsyncError:
            there = {}  # it is written all the same; the next pull brings the stamp
        yield from (confirmed(one, there.get(one.id or ""), types) for one in written)


def _goes_again(answered: Answered) -> bool:
    """What Collections may still get through: a lock, a race, a rule that only alerts, what a failed job did not come to."""
    if answered.error is None or answered.outcome is not None:
        return False
    return answered.error.code in (NOT_PROCESSED, NOT_TOLD) or row_class(answered.error) in ("again", "once", "rule")
