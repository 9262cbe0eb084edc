"""The four verbs. The tiny CRM numbers every change of an object, so that a cursor is a number and no clock is asked at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from crmsync.connect.calls import Call, CallRejected
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import Capabilities, Need, Page, ProvisionStep, PullRequest, PushBatch, Stream
from crmsync.connect.paging import LoopGuard
from crmsync.errors import RetryLater
from crmsync.model.changes import Change, Outcome, Receipt
from crmsync.model.records import FieldInfo, ObjectSchema, RawRecord

PAGE = 50
_NOT_WRITTEN: Mapping[int, Outcome] = {404: "conflict", 409: "conflict", 422: "rejected"}


class ToyConnector:
    """One tiny CRM."""

    capabilities = Capabilities(
        streams=(
            Stream("users"),
            Stream("people"),
            Stream("visits", is_event=True),
            Stream("acts", is_event=True),
            Stream("tasks"),
        ),
        writable=("people", "tasks"),
        user_objects=("users",),
        person_objects=("people",),
        task_object="tasks",
    )

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        return {name: self._schema(name) for name in objects}

    def pull(self, request: PullRequest) -> Iterator[Page]:
        after, is_more = int((request.cursor or {}).get("number", 0)), True
        guard = LoopGuard(self._client.name, request.object)
        while is_more:
            guard.check(after)
            params = {"after": after, "limit": PAGE}
            answer = self._client.send_json(Call("GET", f"/{request.object}/changes", params=params))
            after, is_more = answer["through"], answer["more"]
            yield Page(tuple(_record(request.object, row) for row in answer["rows"]), {"number": after})

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        for change in batch.changes:
            yield self._written(change)

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        answer = self._client.send_json(Call("POST", f"/{object}/read", json={"ids": list(ids)}, repeatable=True))
        return {row["id"]: _record(object, row) for row in answer["rows"]}

    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        return tuple(self._provisioned(need, apply=apply) for need in needs)

    def _schema(self, object_: str) -> ObjectSchema:
        try:
            rows = self._client.send_json(Call("GET", f"/{object_}/fields"))["fields"]
        except CallRejected as refused:
            return ObjectSchema(object_, readable=False, why_not=refused.message)
        infos = (FieldInfo(row["name"], row["type"], unique=row["name"] == "key") for row in rows)
        return ObjectSchema(object_, {info.name: info for info in infos})

    def _written(self, change: Change) -> Receipt:
        try:
            row = self._client.send_json(_call(change))
        except CallRejected as refused:
            outcome = _NOT_WRITTEN.get(refused.status)
            if outcome is None:
                raise
            return Receipt(change.key, outcome, change.record_id, code=str(refused.status), message=refused.message)
        except RetryLater as error:
            return Receipt(change.key, "retry", change.record_id, code=error.code)
        return Receipt(change.key, "written", row["id"], _stamp(row))

    def _provisioned(self, need: Need, *, apply: bool) -> ProvisionStep:
        if need.field in self._schema(need.object).fields:
            return ProvisionStep(need, "present")
        if not apply:
            return ProvisionStep(need, "missing")
        self._client.send_json(Call("PUT", f"/{need.object}/fields/{need.field}", json={"type": need.type}))
        return ProvisionStep(need, "created")


def _call(change: Change) -> Call:
    """Both kinds of write do no harm when they arrive twice, so the kit may repeat them."""
    if change.operation == "upsert":
        path = f"/{change.object}/by/{change.key_field}/{change.key_value}"
        return Call("PUT", path, json={"values": change.values()}, repeatable=True)
    expected = change.expected_modified_at
    body = {"values": change.values(), "if_changed_at": expected.isoformat() if expected else None}
    return Call("PATCH", f"/{change.object}/{change.record_id}", json=body, repeatable=True)


def _record(object_: str, row: Mapping[str, Any]) -> RawRecord:
    return RawRecord(object_, row["id"], row["values"], _stamp(row), is_deleted=row["deleted"])


def _stamp(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["changed_at"])
