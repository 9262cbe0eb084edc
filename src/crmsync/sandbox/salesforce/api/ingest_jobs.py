"""Bulk 2.0 ingest: one upload of CSV, worked through row by row; what failed is told in a file of its own."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

from crmsync.sandbox.salesforce import lifecycle, writing
from crmsync.sandbox.salesforce.api import jobs, records
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.jobs import Job
from crmsync.sandbox.salesforce.api.query_jobs import as_csv
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import SObject

NULL = "#N/A"
"""A cell that clears its field; an empty cell leaves it alone."""

_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_KIND = "ingest"
_LARGEST_UPLOAD = 100 * 1024 * 1024


def ingest_jobs(call: Call) -> Answer:
    """Everything under `/jobs/ingest`."""
    match (call.request.method, *call.rest[2:]):
        case ("POST",):
            return _create(call)
        case ("GET",):
            return jobs.listing(call, _KIND)
        case ("GET", _):
            return _look(call)
        case ("PUT", _, "batches"):
            return _upload(call, jobs.found_job(call, _KIND))
        case ("PATCH", _):
            job = jobs.found_job(call, _KIND)
            jobs.set_state(job, call.request.document().get("state"))
            return Answer(200, _info(job))
        case ("DELETE", _):
            return jobs.delete(call, jobs.found_job(call, _KIND))
        case ("GET", _, kind):
            return _file(jobs.found_job(call, _KIND), kind)
        case _:
            raise records.method_not_allowed(call.request.method)


def _create(call: Call) -> Answer:
    asked = call.request.document()
    if asked.get("operation") not in _OPERATIONS:
        raise OrgError("INVALIDJOB", f"InvalidJob : unsupported operation {asked.get('operation')}")
    sobject = call.org.readable(str(asked.get("object")))
    if asked["operation"] == "upsert" and not asked.get("externalIdFieldName"):
        raise OrgError("INVALIDJOB", "InvalidJob : externalIdFieldName is required for upsert")
    job = jobs.new_job(call, asked, _KIND, sobject.name, "Open")
    call.service.jobs.add(job)
    return Answer(200, _info(job))


def _info(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = jobs.info(job) | {"contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"}
    if job.external_id is not None:
        found["externalIdFieldName"] = job.external_id
    return found


def _upload(call: Call, job: Job) -> Answer:
    if job.state != "Open" or job.content is not None:
        raise OrgError("INVALIDBATCH", "Found multiple contents for job: only one upload per job is allowed")
    if len(call.request.body) > _LARGEST_UPLOAD:
        raise OrgError("INVALIDBATCH", "InvalidBatch : the upload is larger than 100 MB")
    job.content = call.request.body
    return Answer(201)


def _look(call: Call) -> Answer:
    job = jobs.found_job(call, _KIND)
    if jobs.advance(call, job):
        _run(call, job)
    figures = {
        "jobType": "V2Ingest",
        "retries": 0,
        "totalProcessingTime": 0,
        "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0,
        "numberRecordsProcessed": len(job.successful) + len(job.failed),
        "numberRecordsFailed": len(job.failed),
    }
    return Answer(200, _info(job) | figures)


def _run(call: Call, job: Job) -> None:
    """Work through the upload. What cannot be read at all fails the job and leaves its rows unprocessed."""
    text = (job.content or b"").decode("utf-8-sig")
    if ("\r\n" in text) is not (job.ending == "CRLF") and "\n" in text:
        _fail(job, f"LineEnding is invalid on user data. Current LineEnding setting is {job.ending}")
        return
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=jobs.DELIMITERS[job.delimiter]))
    if not lines:
        return
    job.columns, rows = tuple(lines[0]), [line for line in lines[1:] if line]
    sobject = call.org.readable(job.object)
    unknown = [name for name in job.columns if not _is_known(sobject, name)]
    if unknown:
        job.unprocessed = rows
        _fail(job, f"InvalidBatch : Field name not found : {unknown[0]}")
        return
    # Jobs know no such headers: assignment rules run only where the job names one, and no duplicate rule is passed over.
    headers = {**call.request.headers, "sforce-auto-assign": "FALSE", "sforce-duplicate-rule-header": ""}
    inner = replace(call, request=replace(call.request, query={}, headers=headers, fault=None))
    for cells in rows:
        _run_row(inner, job, sobject, cells)


def _fail(job: Job, message: str) -> None:
    job.state, job.error = "Failed", message


def _is_known(sobject: SObject, name: str) -> bool:
    parent = name.partition(".")[0]
    return sobject.find(name) is not None or ("." in name and sobject.by_relationship(parent) is not None)


def _run_row(call: Call, job: Job, sobject: SObject, cells: list[str]) -> None:
    try:
        row_id, created = _work(call, job, sobject, _fields(job.columns, cells))
    except OrgError as refused:
        error = f"{refused.code}:{refused.message}:{','.join(refused.fields)} --"
        job.failed.append([cells[_place(job)] if _place(job) is not None else "", error, *cells])
    else:
        job.successful.append([row_id, "true" if created else "false", *cells])


def _place(job: Job) -> Any:
    return next((place for place, name in enumerate(job.columns) if name.lower() == "id"), None)


def _fields(columns: tuple[str, ...], cells: list[str]) -> Row:
    fields: Row = {}
    for name, text in zip(columns, cells, strict=False):
        if text == "":
            continue
        value = None if text == NULL else text
        parent, _, key = name.partition(".")
        if key:
            fields[parent] = {key: value}
        else:
            fields[name] = value
    return fields


def _work(call: Call, job: Job, sobject: SObject, fields: Row) -> tuple[str, bool]:
    """One row. Gives the record's id and whether it is new."""
    given = next((name for name in fields if name.lower() == "id"), None)
    row_id = str(fields.pop(given)) if given is not None and job.operation != "insert" else ""
    match job.operation:
        case "insert":
            return writing.insert(call.org, sobject, fields, call.acting), True
        case "update":
            writing.update(call.org, sobject, row_id, fields, call.acting)
        case "delete":
            lifecycle.delete(call.org, sobject, row_id, call.acting)
        case "hardDelete":
            lifecycle.delete(call.org, sobject, row_id, call.acting)
            call.org.tables[sobject.name].forget(call.org.tables[sobject.name].rows[row_id]["Id"])
        case _:
            return _upsert(call, job, sobject, fields, row_id)
    return row_id, False


def _upsert(call: Call, job: Job, sobject: SObject, fields: Row, row_id: str) -> tuple[str, bool]:
    key = str(job.external_id)
    given = next((name for name in fields if name.lower() == key.lower()), None)
    value = row_id if key.lower() == "id" else str(fields.pop(given)) if given is not None else ""
    if not value:
        raise OrgError("MISSING_ARGUMENT", f"{key} not specified")
    found = records.find_by_key(call, sobject, key, value)
    if len(found) > 1:
        raise OrgError("DUPLICATE_EXTERNAL_ID", f"{key}: more than one record found for external id field: {found}", (key,))
    return records.upsert(call, sobject, key, value, fields, found)


def _file(job: Job, kind: str) -> Answer:
    match kind.lower():
        case "successfulresults":
            return Answer(200, as_csv(job, ("sf__Id", "sf__Created", *job.columns), job.successful), {}, "text/csv")
        case "failedresults":
            return Answer(200, as_csv(job, ("sf__Id", "sf__Error", *job.columns), job.failed), {}, "text/csv")
        case "unprocessedrecords":
            return Answer(200, as_csv(job, job.columns, job.unprocessed), {}, "text/csv")
        case _:
            raise OrgError("NOT_FOUND", "The requested resource does not exist", status=404)
