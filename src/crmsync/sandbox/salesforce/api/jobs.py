"""Bulk API 2.0 jobs: what both kinds share. A job moves one state with each look at it, as slow work seen from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.errors import OrgError, not_found
from crmsync.sandbox.salesforce.ids import new_id, normal_id
from crmsync.sandbox.salesforce.times import stamp

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

JOB_PREFIX = "750"
DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_MOST_QUERY_JOBS = 10_000
_KEPT = timedelta(days=7)
_FINAL = ("JobComplete", "Failed", "Aborted")
_NEXT = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}


@dataclass(slots=True)
class Job:
    """One job. `columns` and `rows` are a query's result; the three lists of rows are an ingest job's."""

    id: str
    kind: str
    operation: str
    object: str
    state: str
    version: str
    user_id: str
    created_at: datetime
    delimiter: str
    ending: str
    query: str = ""
    external_id: str | None = None
    content: bytes | None = None
    error: str | None = None
    columns: tuple[str, ...] = ()
    rows: list[list[str]] = field(default_factory=list)
    successful: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    unprocessed: list[list[str]] = field(default_factory=list)


class Jobs:
    """The jobs of an org, kept seven days."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._jobs: dict[str, Job] = {}
        self._count = 0

    def add(self, job: Job) -> None:
        self._jobs[job.id] = job

    def next_id(self) -> str:
        self._count += 1
        return new_id(JOB_PREFIX, self._count)

    def of_kind(self, kind: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.kind == kind]

    def get(self, kind: str, id: str) -> Job:
        job = self._jobs.get(normal_id(id) or "")
        if job is None or job.kind != kind or job.created_at + _KEPT <= self._org.clock.now():
            raise not_found()
        return job

    def drop(self, job: Job) -> None:
        del self._jobs[job.id]

    def count_of_today(self) -> int:
        """Query jobs of the last 24 hours."""
        start = self._org.clock.now() - timedelta(hours=24)
        return sum(job.kind == "query" and job.created_at > start for job in self._jobs.values())

    def check_quota(self) -> None:
        if self.count_of_today() >= _MOST_QUERY_JOBS:
            message = f"Max bulk v2 query jobs ({_MOST_QUERY_JOBS}) per 24 hrs has been reached"
            raise OrgError("EXCEEDEDQUOTA", message)


def new_job(call: Call, asked: dict[str, Any], kind: str, object: str, state: str) -> Job:
    """A job as asked for. Raises OrgError for a delimiter or line ending that does not exist."""
    delimiter, ending = asked.get("columnDelimiter", "COMMA"), asked.get("lineEnding", "LF")
    if delimiter not in DELIMITERS or ending not in ENDINGS:
        raise OrgError("INVALIDJOB", f"InvalidJob : unknown columnDelimiter or lineEnding: {delimiter}, {ending}")
    return Job(
        id=call.service.jobs.next_id(),
        kind=kind,
        operation=str(asked.get("operation")),
        object=object,
        state=state,
        version=call.version,
        user_id=call.user_id,
        created_at=call.org.clock.now(),
        delimiter=delimiter,
        ending=ending,
        query=str(asked.get("query", "")),
        external_id=asked.get("externalIdFieldName"),
    )


def found_job(call: Call, kind: str) -> Job:
    """The job that the path names; 409 when it was made under another API version."""
    job = call.service.jobs.get(kind, call.rest[2])
    if job.version != call.version:
        message = f"The API version {call.version} differs from the job's {job.version}"
        raise OrgError("INVALIDVERSION", message, status=409)
    return job


def advance(call: Call, job: Job) -> bool:
    """Move the job on, unless a scripted fault stops it. Gives whether it has just reached its work's end."""
    detail = call.request.fault.detail if call.request.fault is not None else ""
    if detail == "job_stuck" or job.state not in _NEXT:
        return False
    if detail == "job_failed":
        job.state, job.error = "Failed", "InternalServerError : the job failed"
        return False
    job.state = _NEXT[job.state]
    return job.state == "JobComplete"


def set_state(job: Job, state: object) -> None:
    """What a client may ask: to abort, and to close an upload."""
    allowed = {"Aborted": job.state not in _FINAL, "UploadComplete": job.state == "Open"}
    if not isinstance(state, str) or not allowed.get(state, False):
        raise OrgError("INVALIDJOBSTATE", f"Job state change from {job.state} to {state} is not allowed")
    job.state = state


def delete(call: Call, job: Job) -> Answer:
    """Only a job that has ended may be deleted."""
    if job.state not in _FINAL:
        raise OrgError("API_ERROR", "Error encountered when deleting the job because the job is not terminated")
    call.service.jobs.drop(job)
    return Answer(204)


def listing(call: Call, kind: str) -> Answer:
    found = [info(job) for job in call.service.jobs.of_kind(kind)]
    return Answer(200, {"done": True, "nextRecordsUrl": None, "records": found})


def info(job: Job) -> dict[str, Any]:
    """What every answer about a job says."""
    created = stamp(job.created_at)
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.user_id,
        "createdDate": created,
        "systemModstamp": created,
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": job.ending,
        "columnDelimiter": job.delimiter,
    } | ({"errorMessage": job.error} if job.error is not None else {})
