"""Comparing the fields that mappings want with the org's, and creating what is missing through the Tooling API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simple_salesforce.exceptions import SalesforceError

from crmsync.connect.calls import shown
from crmsync.connect.contract import FieldKind, Need, ProvisionStep
from crmsync_salesforce.answers import errors_of
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import ACTIVITY, ACTIVITY_SEEN_ON, CUSTOM_FIELD_PARENT
from crmsync_salesforce.shapes import Shapes

# Need.type → the Metadata of a CustomField; a choice has its values beside.
_TYPES: Mapping[FieldKind, Mapping[str, Any]] = {
    "text": {"type": "Text", "length": 255},
    "long_text": {"type": "LongTextArea", "length": 32_000, "visibleLines": 4},
    "number": {"type": "Number", "precision": 18, "scale": 2},
    "datetime": {"type": "DateTime"},
    "date": {"type": "Date"},
}


class Provisioner:
    """Creates fields in one org. It never changes or deletes one."""

    def __init__(self, api: Api, shapes: Shapes) -> None:
        self._api = api
        self._shapes = shapes

    def provision(self, needs: Sequence[Need], *, apply: bool) -> Iterator[ProvisionStep]:
        shapes = self._shapes.describe(dict.fromkeys(seen_on(need) for need in needs))
        created: set[str] = set()
        for need in needs:
            shape = shapes[seen_on(need)]
            if not shape.readable:
                yield ProvisionStep(need, "refused", shape.why_not)
            elif need.field in shape.fields:
                yield ProvisionStep(need, "present")
            elif not apply:
                yield ProvisionStep(need, "missing")
            elif full_name(need) in created:  # one field on Activity serves tasks and events
                yield ProvisionStep(need, "created")
            else:
                step = self._create(need)
                if step.state == "created":
                    created.add(full_name(need))
                yield step

    def _create(self, need: Need) -> ProvisionStep:
        body = {"FullName": full_name(need), "Metadata": metadata_of(need)}
        try:
            self._api.simple.restful("tooling/sobjects/CustomField", method="POST", json=body)
        except SalesforceError as error:
            found = errors_of(error.content)
            message = shown(f"{found[0].code} {found[0].message}") if found else f"HTTP {error.status}"
            return ProvisionStep(need, "refused", message)
        return ProvisionStep(need, "created")


def seen_on(need: Need) -> str:
    """The object whose describe shows the field: Activity itself has none."""
    return ACTIVITY_SEEN_ON if need.object == ACTIVITY else need.object


def full_name(need: Need) -> str:
    """`Lead.crmsync_phase__c`; custom fields of tasks and events live on Activity."""
    return f"{CUSTOM_FIELD_PARENT.get(need.object, need.object)}.{need.field}"


def metadata_of(need: Need) -> dict[str, Any]:
    """The Tooling API's description of a wanted field."""
    label = {"label": need.label or need.field}
    if need.type == "choice":
        values = [{"fullName": option, "label": option, "default": False} for option in need.options]
        return {
            **label,
            "type": "Picklist",
            "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}},
        }
    metadata = {**label, **_TYPES[need.type]}
    return {**metadata, "externalId": True, "unique": True, "caseSensitive": True} if need.is_unique else metadata
