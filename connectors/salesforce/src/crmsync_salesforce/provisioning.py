"""Comparing the fields that mappings want with the org's, making what is missing through the Tooling API, and making it visible.

compare   describe shows what our user sees; the Tooling API lists what exists besides, hidden from it
create    custom fields one by one, and values that a picklist lacks; never changes or deletes anything else
grant     by a permission set of ours, for nobody sees a new field by itself
look      only what describe shows at the end counts as created
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from simple_salesforce.exceptions import SalesforceError

from crmsync.connect.calls import CallRejected, shown
from crmsync.connect.contract import Need, ProvisionStep
from crmsync_salesforce.answers import errors_of
from crmsync_salesforce.api import Api
from crmsync_salesforce.definitions import (
    compare,
    developer_name,
    full_name,
    lacking_options,
    metadata_of,
    parent_of,
    seen_on,
    widened,
)
from crmsync_salesforce.granting import FieldName, Granter, said
from crmsync_salesforce.memberships import Enroller
from crmsync_salesforce.queues import Queues
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.shapes import Shapes
from crmsync_salesforce.soql import Query, having

_EXISTS = frozenset({"DUPLICATE_DEVELOPER_NAME"})
_NAMES_PER_QUERY = 100
_TOOLING_QUERY = "tooling/query"


class Provisioner:
    """Creates fields, queues and campaigns in one org. It never deletes one."""

    def __init__(self, api: Api, shapes: Shapes, enroller: Enroller) -> None:
        self._api = api
        self._shapes = shapes
        self._granter = Granter(api)
        self._queues = Queues(api)
        self._enroller = enroller

    def provision(self, needs: Sequence[Need], *, apply: bool) -> Iterator[ProvisionStep]:
        """A step for each need: fields in their order, then queues, then campaigns."""
        yield from self._fields([need for need in needs if need.type not in ("queue", "list")], apply=apply)
        yield from self._queues.provision([need for need in needs if need.type == "queue"], apply=apply)
        yield from self._enroller.provision([need for need in needs if need.type == "list"], apply=apply)

    def _fields(self, needs: Sequence[Need], *, apply: bool) -> Iterator[ProvisionStep]:
        shapes = self._described(needs)
        ids = self._listed([need for need in needs if need.field not in shapes[seen_on(need)].fields])
        steps = [compare(need, shapes[seen_on(need)], is_listed=full_name(need) in ids) for need in needs]
        if not apply or all(step.state != "missing" for step in steps):
            return iter(steps)
        return self._applied(steps, shapes, ids)

    def _described(self, needs: Iterable[Need]) -> Mapping[str, Shape]:
        return self._shapes.describe(dict.fromkeys(seen_on(need) for need in needs))

    def _listed(self, needs: Sequence[Need]) -> Mapping[str, str]:
        """The ids of fields that exist, by full name, seen or not; empty where the user may not ask."""
        names = list(dict.fromkeys(map(developer_name, needs)))
        listed = Query("CustomField", ("Id", "DeveloperName", "TableEnumOrId", "NamespacePrefix"), "")
        ids: dict[str, str] = {}
        for start in range(0, len(names), _NAMES_PER_QUERY):
            try:
                rows = self._api.rows(listed.among("DeveloperName", names[start : start + _NAMES_PER_QUERY]), _TOOLING_QUERY)
            except CallRejected:
                return {}
            own = (row for row in rows if not row.get("NamespacePrefix"))  # the others are packages'
            ids |= {f"{row['TableEnumOrId']}.{row['DeveloperName']}__c": str(row["Id"]) for row in own}
        return ids

    def _applied(
        self, steps: Sequence[ProvisionStep], shapes: Mapping[str, Shape], ids: Mapping[str, str]
    ) -> Iterator[ProvisionStep]:
        """Create, grant, and look again."""
        lacking = [step.need for step in steps if step.state == "missing"]
        # One field on Activity serves tasks and events: made once, granted on each.
        once = {full_name(need): need for need in lacking}
        made = {name: self._made(need, shapes[seen_on(need)], ids) for name, need in once.items()}
        unseen = [need for need in lacking if need.field not in shapes[seen_on(need)].fields and not made[full_name(need)]]
        refused = self._granter.grant(map(_field, unseen))
        after = self._described(lacking)
        for step in steps:
            if step.state == "missing":
                not_made = made[full_name(step.need)]
                now = compare(step.need, after[seen_on(step.need)], is_listed=not not_made)
                yield _ended(now, not_made or refused.get(_field(step.need), ""))
            else:
                yield step

    def _made(self, need: Need, shape: Shape, ids: Mapping[str, str]) -> str:
        """Make what a need lacks; gives the org's words where it would not."""
        if need.field in shape.fields:
            return self._widen(need, lacking_options(need, shape))
        return "" if full_name(need) in ids else self._create(need)

    def _create(self, need: Need) -> str:
        body = {"FullName": full_name(need), "Metadata": metadata_of(need)}
        try:
            self._api.simple.restful("tooling/sobjects/CustomField", method="POST", json=body)
        except SalesforceError as error:
            found = errors_of(error.content)
            if found and found[0].code in _EXISTS:
                return ""  # there, and hidden
            return shown(f"{found[0].code} {found[0].message}") if found else f"HTTP {error.status}"
        return ""

    def _widen(self, need: Need, options: tuple[str, ...]) -> str:
        """Add values to a picklist. Its metadata is sent back whole, so it is read just before."""
        soql = having("CustomField", ("Id", "Metadata"), TableEnumOrId=parent_of(need), DeveloperName=developer_name(need))
        try:
            (row,) = self._api.rows(soql, _TOOLING_QUERY) or [{}]
            metadata = widened(row.get("Metadata") or {}, options)
            if metadata is None:
                return "GlobalValueSet"
            self._api.write("PATCH", f"tooling/sobjects/CustomField/{row['Id']}", {"Metadata": metadata}, {})
        except CallRejected as refusal:
            return said(refusal)
        return ""


def _field(need: Need) -> FieldName:
    return seen_on(need), need.field


def _ended(now: ProvisionStep, why: str) -> ProvisionStep:
    """What became of a need that something was made for; `now` is how it compares afterwards."""
    if now.state == "present":
        return replace(now, state="created")
    return replace(now, state="refused", message=why or now.message)
