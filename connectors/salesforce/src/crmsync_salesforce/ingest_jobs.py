"""Bulk 2.0 ingest: many rows by one job. Its three files of results are all read, whatever the job's state says.

A null is `#N/A`, an empty cell leaves its field alone; the heading is the union of all rows' fields; line ends are LF, also
within cells; the order of rows is lost on the way, so that each is known again by its id or its key.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from crmsync.connect.calls import CallRejected, shown
from crmsync.model.changes import Outcome
from crmsync_salesforce.answers import VendorError
from crmsync_salesforce.api import Api
from crmsync_salesforce.cells import rows_of
from crmsync_salesforce.facts import INGEST_BYTES, INGEST_ROWS
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.outgoing import Answered, Outgoing, key_field_of
from crmsync_salesforce.query_jobs import ENCODING, FIRST_SECONDS, LONGEST_SECONDS

_log = structlog.get_logger("crmsync.salesforce")

NULL = "#N/A"
# Of a row that the job did not come to, and of one that no file names: no codes of Salesforce's.
NOT_PROCESSED, NOT_TOLD = "NOT_PROCESSED", "NOT_TOLD"
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})


class NotTaken(Exception):
    """The org takes no such job: nothing of it was done. Never leaves the writer."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The rows of one job and their CSV."""

    rows: tuple[Outgoing, ...]
    heading: tuple[str, ...]
    content: bytes


def fits(sent: Outgoing) -> bool:
    """Whether a row can be said in CSV: a text that reads as null cannot."""
    return not any(value == NULL for value in sent.values.values())


def uploads(rows: Sequence[Outgoing]) -> Iterator[Upload]:
    """Rows of one operation in jobs of bounded size."""
    heading = _heading(rows)
    part: list[Outgoing] = []
    text = _Text(heading)
    for sent in rows:
        line = text.line(_cells(sent, heading))
        if part and (len(part) == INGEST_ROWS or text.size + len(line) > INGEST_BYTES):
            yield Upload(tuple(part), heading, text.whole())
            part, text = [], _Text(heading)
        part.append(sent)
        text.add(line)
    if part:
        yield Upload(tuple(part), heading, text.whole())


class _Text:
    """CSV as it grows."""

    def __init__(self, heading: Sequence[str]) -> None:
        self._lines = [self.line(heading)]
        self.size = len(self._lines[0])

    def line(self, cells: Sequence[str]) -> bytes:
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
        return out.getvalue().encode()

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        self.size += len(line)

    def whole(self) -> bytes:
        return b"".join(self._lines)


def _heading(rows: Sequence[Outgoing]) -> tuple[str, ...]:
    first = key_field_of(rows[0].change) or "Id"
    fields = (field for sent in rows for field in sent.values)
    return tuple(dict.fromkeys((first, *(field for field in fields if field not in ("Id", "id")))))


def _cells(sent: Outgoing, heading: Sequence[str]) -> list[str]:
    name = sent.change.key_value if key_field_of(sent.change) else sent.id
    return [str(name), *(_cell(sent.values[field]) if field in sent.values else "" for field in heading[1:])]


def _cell(value: Any) -> str:
    if value is None or value == "":
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\r\n", "\n").replace("\r", "\n")


class IngestJobs:
    """The ingest jobs of one org."""

    def __init__(self, api: Api, *, patience_seconds: float) -> None:
        self._api = api
        self._patience_seconds = patience_seconds

    def run(self, object: str, upload: Upload) -> list[Answered]:
        """Send an upload and answer for each of its rows. Raises NotTaken, and what calls raise: until the upload is closed
        nothing of it is done, and after that a row that is not answered for may be sent again, for it has a name."""
        job = self._opened(object, upload)
        self._close(job)
        has_failed = self._ended(job)
        return self._answered(job, upload, has_failed=has_failed)

    def _opened(self, object: str, upload: Upload) -> str:
        """A job with its content. A job that is left behind open does nothing."""
        key_field = key_field_of(upload.rows[0].change)
        operation = {"operation": "upsert", "externalIdFieldName": key_field} if key_field else {"operation": "update"}
        asked = {"object": object, **operation, "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
        try:
            job = str(self._api.write("POST", "jobs/ingest", asked, {})["id"])
            self._api.upload(f"jobs/ingest/{job}/batches", upload.content)
        except CallRejected as refusal:
            raise NotTaken(f"{refusal.vendor_code} {refusal.message}") from refusal
        except (KeyError, TypeError) as odd:
            raise NotTaken("a job without an id") from odd
        return job

    def _close(self, job: str) -> None:
        try:
            self._api.write("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"}, {})
        except CallRejected as refusal:
            # A closing whose answer was lost is refused the second time.
            if self._seen(job).get("state") == "Open":
                raise NotTaken(f"{refusal.vendor_code} {refusal.message}") from refusal

    def _ended(self, job: str) -> bool:
        """Wait for the job, and say whether it failed; one that does not end is aborted, and what it has not done by then is left
        for later."""
        waited, pause = 0.0, FIRST_SECONDS
        while waited < self._patience_seconds:
            self._api.client.wait(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_SECONDS)
            seen = self._seen(job)
            if seen.get("state") == "Failed":
                why = shown(str(seen.get("errorMessage") or ""))
                _log.warning("bulk_job_failed", connection=self._api.client.name, job=job, why=why)
            if seen.get("state") in _ENDED:
                return seen.get("state") == "Failed"
        with suppress(CallRejected):  # it has ended by itself
            self._api.write("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"}, {})
        return False

    def _seen(self, job: str) -> Mapping[str, Any]:
        """The job as the org shows it; nothing of it where the answer is none."""
        answer = self._api.get(f"jobs/ingest/{job}")
        return answer if isinstance(answer, dict) else {}

    def _answered(self, job: str, upload: Upload, *, has_failed: bool) -> list[Answered]:
        """What the three files say. What a failed job did not come to is for Collections, where each row fails by itself: the next
        job might fail in the same way. What was aborted, by us or an admin, is for later."""
        waiting = {_name(sent, upload.heading): sent for sent in upload.rows}
        left: Outcome | None = None if has_failed else "retry"
        answered: list[Answered] = []
        key = upload.heading[0]
        for row in self._rows(job, "successfulResults", ("sf__Id", "sf__Created", key)):
            sent = waiting.pop(_same(row[key]), None)
            if sent is not None:
                answered.append(
                    Answered(sent, to_18(str(sent.change.record_id or row["sf__Id"])), is_created=row["sf__Created"] == "true")
                )
        for row in self._rows(job, "failedResults", ("sf__Error", key)):
            sent = waiting.pop(_same(row[key]), None)
            if sent is not None:
                answered.append(Answered(sent, error=error_of(str(row["sf__Error"] or ""))))
        for row in self._rows(job, "unprocessedrecords", (key,)):
            sent = waiting.pop(_same(row[key]), None)
            if sent is not None:
                answered.append(Answered(sent, error=VendorError(NOT_PROCESSED, ""), outcome=left))
        # What no file names is sent again: it does no harm.
        return [*answered, *(Answered(sent, error=VendorError(NOT_TOLD, ""), outcome=left) for sent in waiting.values())]

    def _rows(self, job: str, file: str, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        with self._api.download(f"jobs/ingest/{job}/{file}", {}) as results:
            text = io.TextIOWrapper(results.file, encoding=ENCODING, newline="")
            try:
                yield from rows_of(text, dict.fromkeys(columns, "string"))
            except ValueError:
                return  # an empty file, or one without the columns: it names no row
            finally:
                text.detach()


def error_of(text: str) -> VendorError:
    """`CODE:message:FIELD,FIELD --` as an error."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.removesuffix("--").rstrip().rpartition(":")
    if not message:
        message, fields = fields, ""
    return VendorError(code or "UNKNOWN", message, tuple(name.strip() for name in fields.split(",") if name.strip()))


def _name(sent: Outgoing, heading: Sequence[str]) -> str:
    return _same(str(sent.change.key_value) if heading[0] != "Id" else sent.id)


def _same(name: Any) -> str:
    return to_18(str(name or ""))
