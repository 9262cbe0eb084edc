"""Queues that the rules name: a group of that type, and a row for each object of which it may own records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Need, Notice, ProvisionStep
from crmsync_salesforce.api import Api
from crmsync_salesforce.granting import said
from crmsync_salesforce.soql import having


class Queues:
    """The queues of one org. Never changes or deletes one, but for further objects that it takes."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def provision(self, needs: Sequence[Need], *, apply: bool) -> Iterator[ProvisionStep]:
        """A step for each queue. Names are the same in any case."""
        try:
            held = self._held() if needs else {}
        except CallRejected as refusal:
            yield from (ProvisionStep(need, "refused", said(refusal), asks=(_ask(need, need.options),)) for need in needs)
            return
        for need in needs:
            id_, takes = held.get(need.field.lower(), ("", frozenset()))
            lacking = tuple(object_ for object_ in need.options if object_ not in takes)
            if not lacking:
                yield ProvisionStep(need, "present")
            elif not apply:
                yield ProvisionStep(need, "missing", ", ".join(lacking) if id_ else "", asks=(_ask(need, lacking),))
            else:
                yield self._make(need, id_, lacking)

    def _held(self) -> Mapping[str, tuple[str, frozenset[str]]]:
        """Name in lower case → id, and the objects of which it takes records."""
        queues = self._api.rows(having("Group", ("Id", "Name"), Type="Queue"))
        links = self._api.rows("SELECT QueueId, SobjectType FROM QueueSobject")
        return {
            str(queue["Name"]).lower(): (
                str(queue["Id"]),
                frozenset(str(link["SobjectType"]) for link in links if link["QueueId"] == queue["Id"]),
            )
            for queue in queues
        }

    def _make(self, need: Need, id_: str, lacking: Sequence[str]) -> ProvisionStep:
        try:
            id_ = id_ or self._create("Group", Name=need.field, Type="Queue")
            for object_ in lacking:
                self._create("QueueSobject", QueueId=id_, SobjectType=object_)
        except CallRejected as refusal:
            return ProvisionStep(need, "refused", said(refusal), asks=(_ask(need, lacking),))
        return ProvisionStep(need, "created")

    def _create(self, object: str, **values: str) -> str:
        return str(self._api.write("POST", f"sobjects/{object}", values, {}, repeatable=False)["id"])


def _ask(need: Need, objects: Sequence[str]) -> Notice:
    return Notice("connect.ask_queue", {"queue": need.field, "objects": ", ".join(objects)})
