"""Wanted fields in Salesforce's words: what the Tooling API is sent, what an admin is asked for, what is wrong with what is there.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmsync.connect.contract import FieldKind, Need, Notice, ProvisionStep
from crmsync_salesforce.facts import ACTIVITY, ACTIVITY_SEEN_ON, CUSTOM_FIELD_PARENT
from crmsync_salesforce.schema import Shape

# Need.type → the Metadata of a CustomField; a choice has its values beside.
_TYPES: Mapping[FieldKind, Mapping[str, Any]] = {
    "text": {"type": "Text", "length": 255},
    "long_text": {"type": "LongTextArea", "length": 32_000, "visibleLines": 4},
    "number": {"type": "Number", "precision": 18, "scale": 2},
    "datetime": {"type": "DateTime"},
    "date": {"type": "Date"},
}
# The same in the words of Setup → Object Manager → Fields → New.
_WORDS: Mapping[FieldKind, str] = {
    "text": "Text(255)",
    "long_text": "Long Text Area(32000)",
    "number": "Number(16, 2)",
    "choice": "Picklist",
    "datetime": "Date/Time",
    "date": "Date",
}
# Describe's types that hold what a need of this type holds: an admin may have made the field by hand.
_FITTING: Mapping[FieldKind, frozenset[str]] = {
    "text": frozenset({"string", "textarea", "email", "phone", "url", "combobox", "picklist"}),
    "long_text": frozenset({"textarea", "string"}),
    "number": frozenset({"double", "int", "long", "currency", "percent"}),
    "choice": frozenset({"picklist", "string", "textarea"}),
    "datetime": frozenset({"datetime"}),
    "date": frozenset({"date"}),
}


def seen_on(need: Need) -> str:
    """The object whose describe shows the field: Activity itself has none."""
    return ACTIVITY_SEEN_ON if need.object == ACTIVITY else need.object


def parent_of(need: Need) -> str:
    """The object on which the field is made: custom fields of tasks and events live on Activity."""
    return CUSTOM_FIELD_PARENT.get(need.object, need.object)


def full_name(need: Need) -> str:
    """`Lead.crmsync_phase__c`."""
    return f"{parent_of(need)}.{need.field}"


def developer_name(need: Need) -> str:
    """A custom field's name as the Tooling API lists it."""
    return need.field.removesuffix("__c")


def metadata_of(need: Need) -> dict[str, Any]:
    """The Tooling API's description of a wanted field."""
    label = {"label": need.label or need.field}
    if need.type == "choice":
        values = [_value(option) for option in need.options]
        return {
            **label,
            "type": "Picklist",
            "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}},
        }
    metadata = {**label, **_TYPES[need.type]}
    return {**metadata, "externalId": True, "unique": True, "caseSensitive": True} if need.is_unique else metadata


def _value(option: str) -> dict[str, Any]:
    return {"fullName": option, "valueName": option, "label": option, "default": False}


def widened(metadata: Mapping[str, Any], options: tuple[str, ...]) -> dict[str, Any] | None:
    """A picklist's metadata with further values; None where its values are a global set's, which others use as well."""
    values = metadata.get("valueSet") or {}
    definition = values.get("valueSetDefinition")
    if not isinstance(definition, Mapping):
        return None
    more = [*(definition.get("value") or ()), *map(_value, options)]
    return {**metadata, "valueSet": {**values, "valueSetDefinition": {**definition, "value": more}}}


def compare(need: Need, shape: Shape, *, is_listed: bool) -> ProvisionStep:
    """What the org lacks of one need, and what an admin would have to do; `is_listed`: the field exists, seen or not."""
    if not shape.readable:
        ask = Notice("connect.ask_object", {"object": shape.object, "message": shape.why_not})
        return ProvisionStep(need, "refused", shape.why_not, asks=(ask,))
    info = shape.fields.get(need.field)
    if info is None:
        return ProvisionStep(need, "missing", asks=(hidden(need) if is_listed else absent(need),))
    is_key = not need.is_unique or (info.unique and need.field not in shape.keyless)
    if info.type not in _FITTING[need.type] or not is_key:
        held = info.type if is_key else f"{info.type}, not unique, or no external ID"
        params = {"object": parent_of(need), "field": need.field, "held": held, "wanted": words_of(need)}
        return ProvisionStep(need, "refused", held, asks=(Notice("connect.ask_field_changed", params),))
    lacking = lacking_options(need, shape)
    if not lacking:
        return ProvisionStep(need, "present")
    params = {"object": parent_of(need), "field": need.field, "options": ", ".join(lacking)}
    return ProvisionStep(need, "missing", ", ".join(lacking), asks=(Notice("connect.ask_options", params),))


def lacking_options(need: Need, shape: Shape) -> tuple[str, ...]:
    """The wanted values that an existing restricted picklist does not take."""
    info = shape.fields.get(need.field)
    held = None if info is None else info.options
    return () if held is None else tuple(option for option in need.options if option not in held)


def absent(need: Need) -> Notice:
    """What to ask for where the field does not exist."""
    params = {"object": parent_of(need), "field": need.field, "label": need.label or need.field, "definition": words_of(need)}
    return Notice("connect.ask_field", params)


def hidden(need: Need) -> Notice:
    """What to ask for where the field exists and the user does not see it."""
    return Notice("connect.ask_access", {"object": seen_on(need), "field": need.field})


def words_of(need: Need) -> str:
    """A field's definition as Setup's pages word it."""
    values = f" ({', '.join(need.options)}; restricted)" if need.options else ""
    return _WORDS[need.type] + values + (", Unique (case-sensitive), External ID" if need.is_unique else "")
