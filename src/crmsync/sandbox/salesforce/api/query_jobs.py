"""Bulk 2.0 query: a whole result as CSV, in pages behind a locator, in no order that may be relied on."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from typing import Any

from crmsync.sandbox.salesforce.api import jobs
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.jobs import Job
from crmsync.sandbox.salesforce.api.records import method_not_allowed
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.soql.columns import Column
from crmsync.sandbox.salesforce.soql.parse import parse
from crmsync.sandbox.salesforce.soql.select import select
from crmsync.sandbox.salesforce.times import bulk_stamp

_UNSUPPORTED = ("LeadStatus", "TaskStatus", "OpportunityStage")
_KIND = "query"


def query_jobs(call: Call) -> Answer:
    """Everything under `/jobs/query`."""
    match (call.request.method, *call.rest[2:]):
        case ("POST",):
            return _create(call)
        case ("GET",):
            return jobs.listing(call, _KIND)
        case ("GET", _):
            return _look(call)
        case ("PATCH", _):
            job = jobs.found_job(call, _KIND)
            jobs.set_state(job, call.request.document().get("state"))
            return Answer(200, jobs.info(job))
        case ("DELETE", _):
            return jobs.delete(call, jobs.found_job(call, _KIND))
        case ("GET", _, "results"):
            return _results(call, jobs.found_job(call, _KIND))
        case _:
            raise method_not_allowed(call.request.method)


def _create(call: Call) -> Answer:
    asked = call.request.document()
    if asked.get("operation") not in ("query", "queryAll"):
        raise OrgError("INVALIDJOB", f"InvalidJob : unsupported operation {asked.get('operation')}")
    query = parse(str(asked.get("query", "")))
    if query.object in _UNSUPPORTED:
        raise OrgError("INVALIDENTITY", f"Entity '{query.object}' is not supported by the Bulk API.")
    if query.counts or query.groups or query.offset or any(item.function for item in query.items):
        raise OrgError("API_ERROR", "Aggregate queries, GROUP BY and OFFSET are not supported in Bulk Query")
    call.service.jobs.check_quota()
    sobject = call.org.readable(query.object)
    addresses = [item.word for item in query.items if (found := sobject.find(str(item.word))) and found.type == "address"]
    if addresses:
        raise OrgError("API_ERROR", "Selecting compound data not supported in Bulk Query")
    select(call.org, query.text)
    job = jobs.new_job(call, asked, _KIND, sobject.name, "UploadComplete")
    call.service.jobs.add(job)
    return Answer(200, jobs.info(job))


def _look(call: Call) -> Answer:
    job = jobs.found_job(call, _KIND)
    if jobs.advance(call, job):
        _run(call, job)
    figures: dict[str, Any] = {"jobType": "V2Query", "retries": 0, "totalProcessingTime": 0, "isPkChunkingSupported": True}
    if job.state in ("JobComplete", "Failed"):
        figures["totalProcessingTime"] = 1_000
        figures["numberRecordsProcessed"] = len(job.rows)
    return Answer(200, jobs.info(job) | figures)


def _run(call: Call, job: Job) -> None:
    result = select(call.org, job.query, everything=job.operation == "queryAll")
    rows = call.org.tables[result.sobject.name].rows
    ids = result.ids if "order by" in job.query.lower() else result.ids[::-1]
    job.columns = tuple(_heading(column) for column in result.columns)
    job.rows = [[cell(column.read(rows[row_id]), column.field.type) for column in result.columns] for row_id in ids]


def _heading(column: Column) -> str:
    return ".".join([*(step.relationship for step in column.steps), column.field.name])


def cell(value: Any, type: str) -> str:
    """A value as Bulk 2.0 writes it: null is empty, instants end in Z."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return bulk_stamp(value) if type == "datetime" else str(value)


def _results(call: Call, job: Job) -> Answer:
    if job.state != "JobComplete":
        raise OrgError("INVALIDJOBSTATE", f"Invalid job state: {job.state}. Results are available when the job is complete")
    start = _offset(call.request.query.get("locator", ""))
    asked = call.request.query.get("maxRecords", "")
    size = min(int(asked), call.org.config.bulk_page) if asked.isdigit() and int(asked) else call.org.config.bulk_page
    page = job.rows[start : start + size]
    more = start + size < len(job.rows)
    locator = base64.urlsafe_b64encode(str(start + size).encode()).decode().rstrip("=") if more else "null"
    headers = {"Sforce-NumberOfRecords": str(len(page)), "Sforce-Locator": locator}
    return Answer(200, as_csv(job, job.columns, page), headers, "text/csv")


def _offset(locator: str) -> int:
    if locator in ("", "null"):
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (ValueError, binascii.Error) as refusal:
        raise OrgError("INVALID_QUERY_LOCATOR", "invalid query locator") from refusal


def as_csv(job: Job, columns: tuple[str, ...], rows: list[list[str]]) -> bytes:
    """Every cell quoted, the heading on every page."""
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=jobs.DELIMITERS[job.delimiter], lineterminator=jobs.ENDINGS[job.ending], quoting=csv.QUOTE_ALL
    )
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode()
