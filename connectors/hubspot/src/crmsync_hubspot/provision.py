"""The custom properties that the mappings want: compared with the portal's, created where asked. Nothing is ever deleted, and
a list of options only grows (HubSpot replaces the whole list, so the old ones are sent along).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import FieldKind, Need, ProvisionStep
from crmsync_hubspot.vendor import VendorClient

GROUP = "crmsync"

# The words mappings may use for a type → HubSpot's (type, fieldType).
TYPES: Mapping[FieldKind, tuple[str, str]] = {
    "text": ("string", "text"),
    "long_text": ("string", "textarea"),
    "number": ("number", "number"),
    "choice": ("enumeration", "select"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
}

Row = Mapping[str, Any]


def provision(vendor: VendorClient, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
    """One step per need, in their order. An object whose properties cannot be read has its needs refused."""
    names = dict.fromkeys(need.object for need in needs)
    steps = {step.need: step for name in names for step in _of(vendor, name, needs, apply)}
    return tuple(steps[need] for need in needs)


def _of(vendor: VendorClient, object: str, needs: Sequence[Need], apply: bool) -> Iterator[ProvisionStep]:
    mine = [need for need in needs if need.object == object]
    try:
        rows = {str(row["name"]): row for row in vendor.properties(object)}
    except CallRejected as error:
        yield from (_refused(need, error) for need in mine)
        return
    for need in mine:
        step = compare(need, rows.get(need.field))
        yield _make(vendor, need, rows.get(need.field)) if apply and step.state == "missing" else step


def compare(need: Need, row: Row | None) -> ProvisionStep:
    """What the portal lacks of one need. Uniqueness is given at creation only, so a property without it cannot be mended."""
    if row is None:
        return ProvisionStep(need, "missing")
    if row.get("type") != TYPES[need.type][0]:
        return ProvisionStep(need, "refused", f"type {row.get('type')}")
    if need.is_unique and row.get("hasUniqueValue") is not True:
        return ProvisionStep(need, "refused", "hasUniqueValue false")
    lacking = lacking_options(need, row)
    return ProvisionStep(need, "missing", ", ".join(lacking)) if lacking else ProvisionStep(need, "present")


def lacking_options(need: Need, row: Row) -> tuple[str, ...]:
    """The wanted options that an existing property does not have."""
    held = {option.get("value") for option in row.get("options") or ()}
    return tuple(option for option in need.options if option not in held) if row.get("type") == "enumeration" else ()


def definition(need: Need) -> dict[str, Any]:
    """The property to create."""
    kind, field_kind = TYPES[need.type]
    made: dict[str, Any] = {
        "name": need.field,
        "label": need.label or need.field,
        "groupName": GROUP,
        "type": kind,
        "fieldType": field_kind,
    }
    options = ("true", "false") if kind == "bool" else need.options
    if options:
        made["options"] = [option_row(value, order) for order, value in enumerate(options)]
    return made | ({"hasUniqueValue": True} if need.is_unique else {})


def option_row(value: str, order: int) -> dict[str, Any]:
    """One option; its label is its value until an admin words it."""
    return {"label": value, "value": value, "displayOrder": order, "hidden": False}


def all_options(need: Need, row: Row) -> list[dict[str, Any]]:
    """The options there are, then the lacking ones."""
    keys = ("label", "value", "displayOrder", "hidden", "description")
    held = [{key: option[key] for key in keys if option.get(key) is not None} for option in row.get("options") or ()]
    return [*held, *(option_row(value, len(held) + n) for n, value in enumerate(lacking_options(need, row)))]


def _make(vendor: VendorClient, need: Need, row: Row | None) -> ProvisionStep:
    try:
        if row is not None:
            vendor.update_property_options(need.object, need.field, all_options(need, row))
        else:
            _ensure_group(vendor, need.object)
            vendor.create_property(need.object, definition(need))
    except CallRejected as error:
        return _refused(need, error)
    return ProvisionStep(need, "created")


def _ensure_group(vendor: VendorClient, object: str) -> None:
    if all(row.get("name") != GROUP for row in vendor.property_groups(object)):
        vendor.create_property_group(object, GROUP, GROUP)


def _refused(need: Need, error: CallRejected) -> ProvisionStep:
    return ProvisionStep(need, "refused", f"{error.vendor_code}: {error.message}")
