"""Up to 200 records in one call: each succeeds or fails by itself, unless all or none was asked for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from crmsync.sandbox.salesforce import lifecycle, writing
from crmsync.sandbox.salesforce.api import records
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.wire import Answer, error_item
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.ids import normal_id

LARGEST_CALL = 200
LARGEST_RUNS = 10
_ROLLED_BACK = OrgError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

Item = dict[str, Any]
Work = Callable[[], Item]


def collections(call: Call) -> Answer:
    """Everything under `/composite/sobjects`."""
    rest, method = call.rest[2:], call.request.method
    match (method, *rest):
        case ("POST",):
            return _each(call, [_creation(call, record) for record in _records(call)])
        case ("PATCH",):
            return _each(call, [_change(call, record) for record in _records(call)])
        case ("DELETE",):
            return _each(call, [_deletion(call, row_id) for row_id in _ids(call.request.query.get("ids", ""))])
        case ("PATCH", name, key):
            return _upserts(call, name, key)
        case ("POST", name):
            asked = call.request.document()
            return _retrieve(call, name, list(asked.get("ids", ())), list(asked.get("fields", ())))
        case ("GET", name):
            query = call.request.query
            return _retrieve(call, name, query.get("ids", "").split(","), query.get("fields", "").split(","))
        case _:
            raise records.method_not_allowed(method)


def _records(call: Call) -> list[Row]:
    found = call.request.document().get("records")
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise OrgError("INVALID_INPUT", "Json Deserialization failed on token 'records'")
    _check_count(len(found))
    if len([key for key, _ in groupby(_type_of(record) for record in found)]) > LARGEST_RUNS:
        message = (
            f"Cannot have more than {LARGEST_RUNS} chunks in a single operation. Please rearrange the data to reduce chunking."
        )
        raise OrgError("LIMIT_EXCEEDED", message)
    return found


def _type_of(record: Row) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type")) if isinstance(attributes, dict) else ""


def _check_attributes(record: Row, key: str = "") -> None:
    """`attributes` comes before every field but the one that names the record: jsforce sends that first, and is taken."""
    first = next((name for name in record if name.lower() != key.lower()), None)
    if first != "attributes" or not _type_of(record):
        message = "Nested object for polymorphic foreign key must have an attributes field before any other fields."
        raise OrgError("JSON_PARSER_ERROR", message)


def _check_count(count: int) -> None:
    if count > LARGEST_CALL:
        message = f"record limit reached. cannot submit more than {LARGEST_CALL} records into this call"
        raise OrgError("EXCEEDED_ID_LIMIT", message)


def _ids(text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",") if part.strip()]
    _check_count(len(ids))
    return ids


def _each(call: Call, works: list[Work]) -> Answer:
    """Do every item's work; a failed one costs the others theirs only under all-or-none."""
    asked = call.request.query.get("allOrNone") if call.request.method == "DELETE" else call.request.document().get("allOrNone")
    all_or_none = str(asked).lower() == "true"
    with call.org.transaction() as transaction:
        items = [_outcome(call, number, work) for number, work in enumerate(works)]
        failed = any(not item["success"] for item in items)
        if failed and all_or_none:
            transaction.roll_back()
            items = [_failure(_ROLLED_BACK) if item["success"] else item for item in items]
    return Answer(200, items)


def _outcome(call: Call, number: int, work: Work) -> Item:
    """One item's result. A scripted fault `item:CODE` strikes the first item, `item:CODE:3` the fourth."""
    fault = call.request.fault
    kind, _, rest = ("", "", "") if fault is None else fault.detail.partition(":")
    code, _, place = rest.partition(":")
    if kind == "item" and number == int(place or 0):
        return _failure(OrgError(code, "unable to obtain exclusive access to this record or 1 records"))
    try:
        return work()
    except OrgError as refused:
        return _failure(refused)


def _failure(error: OrgError) -> Item:
    return {"success": False, "errors": [error_item(error, "statusCode")]}


def _success(row_id: str) -> Item:
    return {"id": row_id, "success": True, "errors": []}


def _fields(record: Row) -> Row:
    return {name: value for name, value in record.items() if name != "attributes" and name.lower() != "id"}


def _creation(call: Call, record: Row) -> Work:
    def work() -> Item:
        _check_attributes(record)
        sobject = call.org.sobject(_type_of(record))
        fields = {name: value for name, value in record.items() if name != "attributes"}
        return _success(writing.insert(call.org, sobject, fields, call.acting))

    return work


def _change(call: Call, record: Row) -> Work:
    def work() -> Item:
        _check_attributes(record, "id")
        sobject = call.org.sobject(_type_of(record))
        given = next((value for name, value in record.items() if name.lower() == "id"), None)
        if given is None:
            raise OrgError("MISSING_ARGUMENT", "Id not specified in an update call")
        whole = _checked_id(str(given))
        if call.org.object_of(whole) != sobject.name:
            raise OrgError("INVALID_ID_FIELD", f"id value of incorrect type: {given}", ("Id",))
        writing.update(call.org, sobject, whole, _fields(record), call.acting)
        return _success(whole)

    return work


def _checked_id(text: str) -> str:
    whole = normal_id(text)
    if whole is None:
        raise OrgError("MALFORMED_ID", f"malformed id {text}", ("Id",))
    return whole


def _deletion(call: Call, row_id: str) -> Work:
    def work() -> Item:
        whole = _checked_id(row_id)
        name = call.org.object_of(whole)
        if name is None:
            raise OrgError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        lifecycle.delete(call.org, call.org.objects[name], whole, call.acting)
        return _success(whole)

    return work


def _upserts(call: Call, name: str, key: str) -> Answer:
    sobject = call.org.readable(name)
    field = sobject.find(key)
    if field is None or not field.id_lookup:
        records.find_by_key(call, sobject, key, "")
    asked = _records(call)
    values = [str(_key_of(record, key) or "") for record in asked]
    works = [_upsert(call, name, key, record, values) for record in asked]
    answer = _each(call, works)
    for item in answer.payload:
        item.setdefault("created", False)
    return answer


def _key_of(record: Row, key: str) -> Any:
    return next((value for name, value in record.items() if name.lower() == key.lower()), None)


def _upsert(call: Call, name: str, key: str, record: Row, values: list[str]) -> Work:
    def work() -> Item:
        _check_attributes(record, key)
        sobject = call.org.readable(name)
        value = _key_of(record, key)
        if value is None:
            raise OrgError("MISSING_ARGUMENT", f"{key} not specified")
        if values.count(str(value)) > 1:
            raise OrgError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (key,))
        found = records.find_by_key(call, sobject, key, str(value))
        if len(found) > 1:
            message = f"More than one record found for external id field: {found}"
            raise OrgError("DUPLICATE_EXTERNAL_ID", message, (key,))
        rest = {given: there for given, there in _fields(record).items() if given.lower() != key.lower()}
        row_id, created = records.upsert(call, sobject, key, str(value), rest, found)
        return {**_success(row_id), "created": created}

    return work


def _retrieve(call: Call, name: str, ids: list[str], fields: list[str]) -> Answer:
    sobject = call.org.readable(name)
    call.org.settle()
    names = [field for field in fields if field]
    if not names:
        raise OrgError("MISSING_ARGUMENT", "fields not specified")
    table = call.org.tables[sobject.name]
    rows = [table.seen(normal_id(row_id) or "") for row_id in ids]
    live = [None if row is None or row.get("IsDeleted") else row for row in rows]
    return Answer(200, [None if row is None else records.shown(call, sobject, row, names) for row in live])
