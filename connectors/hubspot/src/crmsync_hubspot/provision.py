"""The custom properties that the mappings want: compared with the portal's, created where asked. Nothing is ever deleted, and
a list of options only grows (HubSpot replaces the whole list, so the old ones are sent along).

What was made is looked at again: a property of that name in the recycle bin comes back as it was, of whatever type and options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import FieldKind, Need, Notice, ProvisionStep
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.rules import ELSEWHERE
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

# How the property editor words them.
_WORDS: Mapping[FieldKind, str] = {
    "text": "single-line text",
    "long_text": "multi-line text",
    "number": "number",
    "choice": "dropdown select",
    "date": "date picker",
    "datetime": "date and time picker",
}
# A need that was restored from the recycle bin may still lack options after it was made.
_ROUNDS = 2

Row = Mapping[str, Any]


def provision(vendor: VendorClient, portal: Portal, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
    """One step per need, in their order. An object whose properties cannot be read has its needs refused. Raises StopConnector
    where no account is found at all: that properties are missing there says nothing."""
    steps: dict[Need, ProvisionStep] = {}
    for name in dict.fromkeys(need.object for need in needs):
        mine = [need for need in needs if need.object == name]
        try:
            steps |= {step.need: step for step in _of(vendor, name, mine, apply)}
        except CallRejected as error:
            if error.status in ELSEWHERE:
                portal.check_address()
            steps |= {need: _refused(ProvisionStep(need, "refused", asks=(absent(need),)), error) for need in mine}
    return tuple(steps[need] for need in needs)


def _of(vendor: VendorClient, object: str, mine: Sequence[Need], apply: bool) -> list[ProvisionStep]:
    """The steps of one object. Raises CallRejected where its properties cannot be read."""
    steps = _compared(vendor, object, mine)
    refused: dict[Need, CallRejected] = {}
    rounds = _ROUNDS if apply else 0
    while rounds and any(_is_due(step, refused) for step in steps.values()):
        rounds -= 1
        refused |= _made(vendor, object, [step.need for step in steps.values() if _is_due(step, refused)])
        steps = {need: _ended(steps[need], after) for need, after in _compared(vendor, object, mine).items()}
    return [_refused(step, refused[need]) if need in refused and step.state == "missing" else step for need, step in steps.items()]


def _compared(vendor: VendorClient, object: str, needs: Sequence[Need]) -> dict[Need, ProvisionStep]:
    rows = {str(row["name"]): row for row in vendor.properties(object) if row.get("name") and not row.get("archived")}
    return {need: compare(need, rows.get(need.field)) for need in needs}


def _is_due(step: ProvisionStep, refused: Mapping[Need, CallRejected]) -> bool:
    return step.state == "missing" and step.need not in refused


def _ended(before: ProvisionStep, after: ProvisionStep) -> ProvisionStep:
    """What a look after the making says: what was not there before is created now."""
    return replace(after, state="created") if after.state == "present" and before.state != "present" else after


def compare(need: Need, row: Row | None) -> ProvisionStep:
    """What the portal lacks of one need, and what an admin would have to do. Uniqueness is given at creation only, so a property
    without it cannot be mended."""
    if row is None:
        return ProvisionStep(need, "missing", asks=(absent(need),))
    if row.get("type") != TYPES[need.type][0]:
        return _other(need, f"type {row.get('type')}")
    if need.is_unique and row.get("hasUniqueValue") is not True:
        return _other(need, "hasUniqueValue false")
    lacking = ", ".join(lacking_options(need, row))
    if not lacking:
        return ProvisionStep(need, "present")
    ask = Notice("connect.ask_options", {"object": need.object, "field": need.field, "options": lacking})
    return ProvisionStep(need, "missing", lacking, asks=(ask,))


def _other(need: Need, held: str) -> ProvisionStep:
    params = {"object": need.object, "field": need.field, "held": held, "wanted": words_of(need)}
    return ProvisionStep(need, "refused", held, asks=(Notice("connect.ask_field_changed", params),))


def absent(need: Need) -> Notice:
    """What to ask an admin for where the property does not exist."""
    params = {"object": need.object, "field": need.field, "label": need.label or need.field, "definition": words_of(need)}
    return Notice("connect.ask_property", params)


def words_of(need: Need) -> str:
    """A property's definition as the property editor words it."""
    options = f" ({', '.join(need.options)})" if need.options else ""
    return _WORDS[need.type] + options + (", require unique values" if need.is_unique else "")


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


def _made(vendor: VendorClient, object: str, needs: Sequence[Need]) -> dict[Need, CallRejected]:
    """Make what is lacking; gives what HubSpot would not, with its words."""
    rows = {str(row.get("name")): row for row in vendor.properties(object)}
    fresh = [need for need in needs if need.field not in rows]
    refused: dict[Need, CallRejected] = {}
    try:
        if fresh:
            _ensure_group(vendor, object)
    except CallRejected as error:
        refused = dict.fromkeys(fresh, error)
    for need in (one for one in needs if one not in refused):
        try:
            _make(vendor, need, rows.get(need.field))
        except CallRejected as error:
            if error.status != 409:  # somebody was faster: the next look tells whether it is what we want
                refused[need] = error
    return refused


def _make(vendor: VendorClient, need: Need, row: Row | None) -> None:
    if row is not None:
        vendor.update_property_options(need.object, need.field, all_options(need, row))
    else:
        vendor.create_property(need.object, definition(need))


def _ensure_group(vendor: VendorClient, object: str) -> None:
    if all(row.get("name") != GROUP for row in vendor.property_groups(object)):
        try:
            vendor.create_property_group(object, GROUP, GROUP)
        except CallRejected as error:
            if error.status != 409:
                raise


def _refused(step: ProvisionStep, error: CallRejected) -> ProvisionStep:
    """Refused in HubSpot's words; for want of a scope, the scope is the first thing to ask for."""
    scope = Notice("connect.ask_scopes", {"object": step.need.object, "message": f"{error.vendor_code}: {error.message}"})
    asks = (scope, *step.asks) if error.status == 403 else step.asks
    return replace(step, state="refused", message=f"{error.vendor_code}: {error.message}", asks=asks)
