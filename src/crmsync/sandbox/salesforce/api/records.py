"""Objects and single records: describe, read, create, change, upsert, delete, and what changed or went in a span of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from crmsync.sandbox.faults import http_date
from crmsync.sandbox.salesforce import lifecycle, writing
from crmsync.sandbox.salesforce.access import TOOLING_ONLY
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.describe import describe, summary
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError, is_deleted, not_found, not_supported
from crmsync.sandbox.salesforce.ids import normal_id
from crmsync.sandbox.salesforce.schema import SObject
from crmsync.sandbox.salesforce.soql.columns import own_reader
from crmsync.sandbox.salesforce.tables import fold
from crmsync.sandbox.salesforce.times import DATETIME, instant, stamp

UPDATED_REACH = timedelta(days=30)
_SHORTEST_SPAN = timedelta(minutes=1)
_NO_KEY = "Provided external ID field does not exist or is not accessible: "


def sobjects(call: Call) -> Answer:
    """Everything under `/sobjects`."""
    rest, method = call.rest[1:], call.request.method
    if not rest:
        return _global(call)
    sobject = _object(call, rest[0])
    match (method, *rest[1:]):
        case ("GET",):
            return Answer(200, {"objectDescribe": summary(sobject, call.base), "recentItems": []})
        case ("POST",):
            return create(call, sobject, call.request.document())
        case ("GET", "describe"):
            return _describe(call, sobject)
        case ("GET", "updated" | "deleted" as kind):
            return _updated(call, sobject) if kind == "updated" else _deleted(call, sobject)
        case ("GET" | "PATCH" | "DELETE", id):
            return _one(call, sobject, id)
        case ("GET" | "PATCH" | "DELETE" | "POST", key, value):
            return _by_key(call, sobject, key, value)
        case _:
            raise method_not_allowed(method)


def method_not_allowed(method: str) -> OrgError:
    return OrgError("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed. Allowed are HEAD,GET,PATCH,DELETE", status=405)


def _object(call: Call, name: str) -> SObject:
    try:
        sobject = call.org.readable(name)
        if sobject.name in TOOLING_ONLY:
            raise not_supported(name)
        return sobject
    except OrgError as unknown:
        raise not_found() from unknown


def _global(call: Call) -> Answer:
    found = [summary(sobject, call.base) for sobject in call.org.objects.values() if sobject.name not in TOOLING_ONLY]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})


def _describe(call: Call, sobject: SObject) -> Answer:
    changed = call.org.schema_changed_at
    since = _http_time(call.request.headers.get("if-modified-since"))
    headers = {"Last-Modified": http_date(changed)}
    if since is not None and changed.replace(microsecond=0) <= since:
        return Answer(304, None, headers)
    return Answer(200, describe(sobject, call.base), headers)


def _http_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def create(call: Call, sobject: SObject, fields: Row) -> Answer:
    """POST of one record."""
    row_id = writing.insert(call.org, sobject, fields, call.acting)
    headers = {"Location": f"{call.base}/sobjects/{sobject.name}/{row_id}"}
    return Answer(201, {"id": row_id, "success": True, "errors": []}, headers)


def _one(call: Call, sobject: SObject, id: str) -> Answer:
    match call.request.method:
        case "GET":
            return _read(call, sobject, visible(call, sobject, id))
        case "PATCH":
            _check_unmodified(call, visible(call, sobject, id))
            writing.update(call.org, sobject, id, call.request.document(), call.acting)
        case _:
            lifecycle.delete(call.org, sobject, id, call.acting)
    return Answer(204)


def visible(call: Call, sobject: SObject, id: str) -> Row:
    """The row as integrations see it now: `NOT_FOUND`, or `ENTITY_IS_DELETED` while it is in the bin."""
    call.org.settle()
    whole = normal_id(id)
    row = None if whole is None else call.org.tables[sobject.name].seen(whole)
    if row is None:
        raise not_found("Provided external ID field does not exist or is not accessible: " + id if whole is None else _GONE)
    if row.get("IsDeleted"):
        raise is_deleted()
    return row


_GONE = "The requested resource does not exist"


def _read(call: Call, sobject: SObject, row: Row) -> Answer:
    moved = instant(row.get("LastModifiedDate") or row["CreatedDate"])
    since = _http_time(call.request.headers.get("if-modified-since"))
    headers = {"Last-Modified": http_date(moved)}
    if sobject.name == "Account":
        headers["ETag"] = f'"{row["Id"][:15]}-{int(moved.timestamp()):x}--gzip"'
    if since is not None and moved <= since:
        return Answer(304, None, headers)
    _check_unmodified(call, row)
    names = call.request.query.get("fields")
    wanted = list(sobject.fields) if names is None else [name for name in names.split(",") if name]
    return Answer(200, shown(call, sobject, row, wanted), headers)


def shown(call: Call, sobject: SObject, row: Row, names: list[str]) -> dict[str, Any]:
    """A record with its attributes and these fields."""
    url = f"{call.base}/sobjects/{sobject.name}/{row['Id']}"
    out: dict[str, Any] = {"attributes": {"type": sobject.name, "url": url}}
    for name in names:
        field = sobject.find(name)
        if field is None:
            raise OrgError("INVALID_FIELD", f"No such column '{name}' on entity '{sobject.name}'.")
        out[field.name] = own_reader(call.org, sobject, field)(row)
    out.setdefault("Id", row["Id"])
    return out


def _check_unmodified(call: Call, row: Row) -> None:
    since = _http_time(call.request.headers.get("if-unmodified-since"))
    if since is not None and instant(row.get("LastModifiedDate") or row["CreatedDate"]) > since:
        raise OrgError("PRECONDITION_FAILED", "The record was modified after the given date", status=412)


def find_by_key(call: Call, sobject: SObject, key: str, value: str) -> list[str]:
    """Ids of the live records with this external id (or e-mail, or other look-up field)."""
    field = sobject.find(key)
    if field is None or not field.id_lookup:
        raise not_found(_NO_KEY + key)
    table = call.org.tables[sobject.name]
    if field.name == "Id":
        whole = normal_id(value)
        found = [whole] if whole is not None and whole in table.rows else []
    else:
        found = list(table.lookup(field.name, fold(field, value)) or ())
    return [row_id for row_id in found if not table.rows[row_id].get("IsDeleted")]


def _by_key(call: Call, sobject: SObject, key: str, value: str) -> Answer:
    found = find_by_key(call, sobject, key, value)
    if len(found) > 1:
        return Answer(300, [f"{call.base}/sobjects/{sobject.name}/{row_id}" for row_id in found])
    if call.request.method == "PATCH":
        row_id, created = upsert(call, sobject, key, value, call.request.document(), found)
        return Answer(201 if created else 200, {"id": row_id, "success": True, "errors": [], "created": created})
    if not found:
        raise not_found()
    return _one(call, sobject, found[0])


def upsert(call: Call, sobject: SObject, key: str, value: str, fields: Row, found: list[str]) -> tuple[str, bool]:
    """Change the one record found, or create it with its key. Gives the id and whether it is new."""
    name = sobject.fields[key].name if key in sobject.fields else key
    if any(given.lower() in (key.lower(), "id") for given in fields):
        raise OrgError("INVALID_FIELD", f"The {name} field should not be specified in the sobject data.", (name,))
    if found:
        writing.update(call.org, sobject, found[0], fields, call.acting)
        return found[0], False
    if call.request.query.get("updateOnly", "").lower() == "true" or name == "Id":
        raise not_found()
    return writing.insert(call.org, sobject, {**fields, name: value}, call.acting), True


def _updated(call: Call, sobject: SObject) -> Answer:
    start, end = _span(call, UPDATED_REACH)
    table = call.org.tables[sobject.name]
    stamped = table.by_time.between(table.rows, stamp(start), stamp(end - timedelta(seconds=1)))
    ids = [row_id for row_id in stamped if (row := table.seen(row_id)) is not None and not row.get("IsDeleted")]
    return Answer(200, {"ids": ids, "latestDateCovered": _covered(call, end)})


def _deleted(call: Call, sobject: SObject) -> Answer:
    start, end = _span(call, call.org.config.recycle_bin)
    table = call.org.tables[sobject.name]
    stamped = table.by_time.between(table.rows, stamp(start), stamp(end - timedelta(seconds=1)))
    gone = [row for row_id in stamped if (row := table.rows[row_id]).get("IsDeleted")]
    records = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in gone]
    earliest = stamp(call.org.clock.now() - call.org.config.recycle_bin)
    found = {"deletedRecords": records, "earliestDateAvailable": earliest, "latestDateCovered": _covered(call, end)}
    return Answer(200, found)


def _covered(call: Call, end: datetime) -> str:
    """Up to where nothing can turn up late any more."""
    return stamp(min(end, call.org.clock.now() - call.org.config.commit_skew))


def _span(call: Call, reach: timedelta) -> tuple[datetime, datetime]:
    call.org.settle()
    start, end = (_moment(call, name) for name in ("start", "end"))
    now = call.org.clock.now()
    if end - start < _SHORTEST_SPAN:
        raise OrgError("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if start < now - reach - _SHORTEST_SPAN:
        raise OrgError("INVALID_REPLICATION_DATE", f"startDate cannot be more than {reach.days} days ago")
    return start, end


def _moment(call: Call, name: str) -> datetime:
    text = call.request.query.get(name, "").replace(" ", "+")
    if not DATETIME.fullmatch(text):
        raise OrgError("INVALID_REPLICATION_DATE" if text else "MISSING_ARGUMENT", f"invalid or missing parameter: {name}")
    return instant(text).replace(second=0, microsecond=0)
