"""Batches of records: all or nothing, unless every input carries a trace id of its own."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crmsync.sandbox.hubspot.api.exchange import Reply, Request, batch, inputs_of, rows_of, text_of, texts_of
from crmsync.sandbox.hubspot.api.objects import far_types, kind_of, links_of, properties_of
from crmsync.sandbox.hubspot.api.shapes import MAX_HISTORY_PAGE, shown, written
from crmsync.sandbox.hubspot.errors import PortalError, invalid, not_found
from crmsync.sandbox.hubspot.objects import Claims, Draft
from crmsync.sandbox.hubspot.records import Record
from crmsync.sandbox.hubspot.rollups import after_write
from crmsync.sandbox.hubspot.types import ObjectType

_MOST = 100
Row = Mapping[str, Any]


def _shuffled(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The vendor promises no order: ours is by a checksum of the id, always another than asked for."""
    return sorted(results, key=lambda row: zlib.crc32(str(row["id"]).encode()))


def read(request: Request) -> Reply:
    portal, kind, body = request.portal, kind_of(request), request.json()
    names, history = texts_of(body, "properties"), texts_of(body, "propertiesWithHistory")
    most = MAX_HISTORY_PAGE if history else _MOST
    if history and len(rows_of(body, "inputs")) > most:
        raise invalid(f"The maximum number of inputs supported in a batch request for property histories is {most}.")
    found: dict[int, Record] = {}
    missing: list[str] = []
    for row in inputs_of(body, most):
        key = text_of(row.get("id"), "id")
        record = _look_up(request, kind, key, str(body.get("idProperty") or ""))
        if record is None:
            missing.append(key)
        else:
            found[record.id] = record
    results = _shuffled([shown(portal, kind, record, names, history) for record in found.values()])
    message = f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. Check that ids are valid."
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}
    return batch(portal, 200, results, [error] if missing else ())


def _look_up(request: Request, kind: ObjectType, key: str, id_property: str) -> Record | None:
    if request.flag("archived"):
        return request.portal.objects.records[kind.name].find_archived(int(key)) if key.isdecimal() else None
    return request.portal.objects.find(kind, key, id_property, follow_merges=bool(id_property))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One input's draft, and whether it would make a new record (upserts say so)."""

    row: Row
    draft: Draft
    new: bool | None = None


Drafter = Callable[[Row, Claims], _Outcome]


def create(request: Request) -> Reply:
    kind, objects = kind_of(request), request.portal.objects
    far = far_types(request, kind)

    def draft(row: Row, claims: Claims) -> _Outcome:
        links = links_of(kind, row, far)
        return _Outcome(row, objects.draft_create(kind, properties_of(row), links, claims=claims, rules=request.binds_rules))

    return _write(request, kind, inputs_of(request.json(), _MOST), draft, 201)


def update(request: Request) -> Reply:
    kind, objects, inputs = kind_of(request), request.portal.objects, inputs_of(request.json(), _MOST)
    _refuse_doubles(inputs)

    def draft(row: Row, claims: Claims) -> _Outcome:
        key, name = text_of(row.get("id"), "id"), str(row.get("idProperty") or "")
        record = objects.find(kind, key, _batch_key(name), follow_merges=False)
        if record is None:
            raise not_found(f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. {key}")
        return _Outcome(row, objects.draft_update(kind, record, properties_of(row), claims=claims, rules=request.binds_rules))

    return _write(request, kind, inputs, draft, 200)


def _batch_key(name: str) -> str:
    if name == "email":
        raise invalid("Unable to perform update by idProperty email in a batch")
    return name


def upsert(request: Request) -> Reply:
    kind, inputs = kind_of(request), inputs_of(request.json(), _MOST)
    _refuse_doubles(inputs)
    names = {str(row.get("idProperty") or "") for row in inputs}
    allowed = request.portal.objects.unique_names(kind)
    if len(names) > 1 or not names <= set(allowed):
        raise invalid(f"Unable to perform upsert by non-unique property {', '.join(sorted(names))}")

    def draft(row: Row, claims: Claims) -> _Outcome:
        return _upserted(request, kind, row, claims)

    return _write(request, kind, inputs, draft, 200, traced=names != {"email"})


def _upserted(request: Request, kind: ObjectType, row: Row, claims: Claims) -> _Outcome:
    objects, name, key = request.portal.objects, str(row["idProperty"]), text_of(row.get("id"), "id")
    record = objects.find(kind, key, name)
    if record is not None:
        return _Outcome(
            row, objects.draft_update(kind, record, properties_of(row), claims=claims, rules=request.binds_rules), new=False
        )
    properties = {name: key, **properties_of(row)}
    return _Outcome(row, objects.draft_create(kind, properties, claims=claims, rules=request.binds_rules), new=True)


def _bound(request: Request) -> bool:
    """Admins' rules bind writes from 2026-09 on."""
    return request.version[0].isdecimal() and request.version >= "2026-09"


def _refuse_doubles(inputs: Sequence[Row]) -> None:
    counts = Counter(str(row.get("id")) for row in inputs)
    doubled = [key for key, count in counts.items() if count > 1]
    if doubled:
        listed = ", ".join(doubled)
        raise invalid(f"Duplicate IDs found in batch input: [{listed}]. IDs must be unique", context={"ids": doubled})


def _write(request: Request, kind: ObjectType, inputs: Sequence[Row], draft: Drafter, status: int, *, traced: bool = True) -> Reply:
    """Check every input, then write: all, or with trace ids those that passed."""
    traces = [row.get("objectWriteTraceId") for row in inputs]
    partial = traced and bool(traces) and None not in traces and len(set(map(str, traces))) == len(traces)
    claims: Claims = {}
    outcomes: list[_Outcome] = []
    errors: list[dict[str, Any]] = []
    for place, row in enumerate(inputs):
        try:
            if place == request.spoilt_row:
                raise PortalError(400, "VALIDATION_ERROR", "This row was refused by the sandbox's script.")
            outcomes.append(draft(row, claims))
        except PortalError as error:
            if not partial:
                raise _whole(error) from error
            errors.append(error.as_row({"objectWriteTraceId": [str(row["objectWriteTraceId"])]}))
    results = [_commit(request, kind, outcome) for outcome in outcomes]
    return batch(request.portal, status, _shuffled(results), errors)


def _whole(error: PortalError) -> PortalError:
    """A bad row refuses the whole batch with a 400; only a clash keeps its own status."""
    if error.status == 404:
        return PortalError(400, error.category, error.message, errors=error.errors, context=error.context)
    return error


def _commit(request: Request, kind: ObjectType, outcome: _Outcome) -> dict[str, Any]:
    portal = request.portal
    record = portal.objects.commit(outcome.draft, portal.program())
    if outcome.draft.record is None:
        portal.settle_new(kind, record.id, outcome.draft.links)
    else:
        after_write(portal.objects, kind, [record])
    body = written(portal, kind, record, properties_of(outcome.row))
    if "objectWriteTraceId" in outcome.row:
        body["objectWriteTraceId"] = str(outcome.row["objectWriteTraceId"])
    if outcome.new is not None:
        body["new"] = outcome.new
    return body


def archive(request: Request) -> Reply:
    kind = kind_of(request)
    for row in inputs_of(request.json(), _MOST):
        key = text_of(row.get("id"), "id")
        if request.portal.objects.find(kind, key, follow_merges=False) is not None:
            request.portal.archive(kind.name, key)
    return Reply(204)
