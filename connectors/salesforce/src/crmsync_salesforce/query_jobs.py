"""Bulk 2.0 query: one job for a whole window, its results streamed through a file in no order that may be relied on."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.client import Download
from crmsync.connect.paging import LoopGuard
from crmsync_salesforce.api import Api
from crmsync_salesforce.cells import rows_of
from crmsync_salesforce.facts import BULK_PART, BULK_RESULTS, LONGEST_QUERY

# With or without a byte order mark: what stands between us and the org may put one there.
ENCODING = "utf-8-sig"
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
# The query itself is wrong, by Bulk or by REST: field-level security may have taken a field away.
_QUERY_CODES = frozenset({"INVALID_FIELD", "INVALID_TYPE"})
_GONE = frozenset({404, 409})


class Unfit(Exception):
    """Bulk cannot answer this, or does not in time; REST can. Never leaves the reader. `is_lasting`: not worth another try."""

    def __init__(self, why: str, *, is_lasting: bool = False) -> None:
        super().__init__(why)
        self.is_lasting = is_lasting


@dataclass(frozen=True, slots=True)
class Job:
    """A job on its way: where its results go on, and a digest of the query that it answers. Kept in the cursor."""

    id: str
    digest: str
    locator: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of the results. `resume` is where to go on once they are stored; None after the last part."""

    rows: tuple[dict[str, Any], ...]
    resume: str | None
    is_last: bool


def job_of(cursor: Mapping[str, Any] | None) -> Job | None:
    """The bulk job that a cursor speaks of."""
    kept = (cursor or {}).get("job")
    return Job(str(kept["id"]), str(kept["digest"]), kept.get("locator")) if kept else None


def digest_of(soql: str) -> str:
    return hashlib.blake2b(soql.encode(), digest_size=8).hexdigest()


class QueryJobs:
    """The query jobs of one org."""

    def __init__(self, api: Api, *, patience_seconds: float) -> None:
        """A job that has not ended after `patience_seconds` is aborted."""
        self._api = api
        self._patience_seconds = patience_seconds

    def start(self, soql: str) -> Job:
        """Create a job. Asking twice would only leave one behind unread, so a lost answer is asked for again."""
        if len(soql) > LONGEST_QUERY:
            raise Unfit("the query is too long")
        self._api.check_reserve()
        body = {"operation": "queryAll", "query": soql, "columnDelimiter": "COMMA", "lineEnding": "LF"}
        try:
            answer = self._api.write("POST", "jobs/query", body, {})
        except CallRejected as refusal:
            if refusal.vendor_code in _QUERY_CODES:
                raise
            raise _unfit(refusal, is_lasting=True) from refusal
        if not isinstance(answer, dict) or not answer.get("id"):
            raise Unfit("a job without an id")
        return Job(str(answer["id"]), digest_of(soql))

    def finished(self, job: Job) -> int | None:
        """Wait for the job and give the count of its rows; None where the org no longer knows it. Raises Unfit for one that
        failed, was aborted, or does not end."""
        waited, pause = 0.0, FIRST_SECONDS
        while waited < self._patience_seconds:
            self._api.client.wait(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_SECONDS)
            try:
                state = self._api.get(f"jobs/query/{job.id}") or {}
            except CallRejected as refusal:
                if refusal.status in _GONE:
                    return None
                raise _unfit(refusal) from refusal
            if state.get("state") == "JobComplete":
                return int(state.get("numberRecordsProcessed") or 0)
            if state.get("state") in ("Failed", "Aborted"):
                raise Unfit(f"the job ended as {state['state']}: {state.get('errorMessage') or 'without a word'}")
        self._abort(job)
        raise Unfit("the job did not end in time")

    def parts(self, job: Job, types: Mapping[str, str]) -> Iterator[Part]:
        """The results from the job's locator on. Only the server says where they end: by a locator that reads "null". Raises Unfit
        where they are not to be had: an admin may delete a job, and after seven days the org does."""
        guard = LoopGuard(self._api.client.name, "jobs/query")
        locator = job.locator
        while True:
            self._api.check_reserve()
            params = {"maxRecords": str(BULK_RESULTS), **({"locator": locator} if locator else {})}
            try:
                with self._api.download(f"jobs/query/{job.id}/results", params) as results:
                    following = _following(results)
                    yield from _parts(results, types, locator, following)
            except CallRejected as refusal:
                raise _unfit(refusal) from refusal
            if following is None:
                return
            guard.check(following)
            locator = following

    def _abort(self, job: Job) -> None:
        try:
            self._api.write("PATCH", f"jobs/query/{job.id}", {"state": "Aborted"}, {})
        except CallRejected:
            return  # it has ended by itself


def _unfit(refusal: CallRejected, *, is_lasting: bool = False) -> Unfit:
    return Unfit(f"{refusal.vendor_code} {refusal.message}", is_lasting=is_lasting)


def _following(results: Download) -> str | None:
    locator = results.headers.get("Sforce-Locator", "")
    return None if locator in ("", "null") else locator


def _parts(results: Download, types: Mapping[str, str], locator: str | None, following: str | None) -> Iterator[Part]:
    """One answer in parts of bounded size. Its rows have no order, so a part that is not its last resumes where it began."""
    text = io.TextIOWrapper(results.file, encoding=ENCODING, newline="")
    count = 0
    try:
        rows = rows_of(text, types)
        part = tuple(islice(rows, BULK_PART))
        while True:
            count += len(part)
            more = tuple(islice(rows, BULK_PART))
            if not more:
                break
            yield Part(part, locator, is_last=False)
            part = more
    except ValueError as error:
        raise Unfit(str(error)) from error
    finally:
        text.detach()
    told = results.headers.get("Sforce-NumberOfRecords", "")
    if told.isdigit() and int(told) != count:
        raise Unfit(f"{count} rows where {told} were told")
    yield Part(part, following, is_last=following is None)
