"""A connection that cannot go on until something outside changes, such as a secret that is not there."""

# ruff: noqa: ARG002 - the contract's arguments, none of which matters here

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crmsync.connect.contract import Capabilities, Need, Page, ProvisionStep, PullRequest, PushBatch
from crmsync.errors import StopConnector
from crmsync.model.changes import Receipt
from crmsync.model.records import ObjectSchema, RawRecord


class StoppedConnector:
    """Stands where the connector would, so that the other connections go on: each verb raises the reason."""

    def __init__(self, capabilities: Capabilities, reason: StopConnector) -> None:
        self.capabilities = capabilities
        self._reason = reason

    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        raise self._reason

    def pull(self, request: PullRequest) -> Iterator[Page]:
        raise self._reason

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        raise self._reason

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        raise self._reason

    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        raise self._reason
