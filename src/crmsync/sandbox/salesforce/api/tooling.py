"""The Tooling API, as far as setting up fields goes: `CustomField` made, changed and queried."""

from __future__ import annotations

from dataclasses import replace

from crmsync.sandbox.salesforce import access, custom_fields
from crmsync.sandbox.salesforce.api.call import Call
from crmsync.sandbox.salesforce.api.queries import query
from crmsync.sandbox.salesforce.api.records import method_not_allowed
from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.config import CUSTOMIZE, VIEW_SETUP
from crmsync.sandbox.salesforce.errors import OrgError, not_found

_ONE_ROW_ONLY = frozenset({"metadata", "fullname"})


def tooling(call: Call) -> Answer:
    """Everything under `/tooling`."""
    match (call.request.method, *call.rest[1:]):
        case ("GET", "query", *_):
            access.demand(call.org, VIEW_SETUP, call.acting)
            return _query(replace(call, rest=call.rest[1:]))
        case ("POST", "sobjects", "CustomField"):
            access.demand(call.org, CUSTOMIZE, call.acting)
            asked = call.request.document()
            made = custom_fields.create(call.org, str(asked.get("FullName", "")), asked.get("Metadata") or {})
            return Answer(201, {"id": made, "success": True, "errors": [], "warnings": [], "infos": []})
        case ("PATCH", "sobjects", "CustomField", id):
            access.demand(call.org, CUSTOMIZE, call.acting)
            custom_fields.widen(call.org, id, call.request.document().get("Metadata") or {})
            return Answer(204)
        case (method, "sobjects", "CustomField", *_):
            raise method_not_allowed(method)
        case _:
            raise not_found()


def _query(call: Call) -> Answer:
    """As any query; the two columns that are worked out one row at a time are given for one row only."""
    answer = query(call, is_tooling=True)
    records = answer.payload["records"] if isinstance(answer.payload, dict) else []
    if len(records) > 1 and any(name.lower() in _ONE_ROW_ONLY for name in records[0]):
        message = (
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one "
            f"row for retrieval. Result size: {len(records)}"
        )
        raise OrgError("MALFORMED_QUERY", message)
    return answer
