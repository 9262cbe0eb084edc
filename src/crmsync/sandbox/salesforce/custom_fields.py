"""Custom fields as the Tooling API describes them: read from what an administrator sends, and said of what there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import Field
from crmsync.sandbox.salesforce.storing import change, store

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

ACTIVITY = "Activity"
_SEEN_ON = {ACTIVITY: ("Task", "Event")}
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,38}[A-Za-z0-9]__c|[A-Za-z]__c")
_LONGEST_LABEL = 40
# Metadata's type: describe's type, what it must say, the length where it says none.
_TYPES: Mapping[str, tuple[str, tuple[str, ...], int]] = {
    "Text": ("string", ("length",), 0),
    "TextArea": ("textarea", (), 255),
    "LongTextArea": ("textarea", ("length", "visibleLines"), 0),
    "Number": ("double", ("precision", "scale"), 0),
    "Checkbox": ("boolean", ("defaultValue",), 0),
    "Date": ("date", (), 0),
    "DateTime": ("datetime", (), 0),
    "Email": ("email", (), 80),
    "Phone": ("phone", (), 40),
    "Url": ("url", (), 255),
    "Picklist": ("picklist", ("valueSet",), 255),
    "MultiselectPicklist": ("multipicklist", ("valueSet", "visibleLines"), 4099),
}
_LONGEST_TEXT = 255


def read_metadata(name: str, metadata: Mapping[str, Any]) -> Field:
    """The field that this metadata asks for. Raises OrgError for one that cannot be."""
    kind = str(metadata.get("type", ""))
    if kind not in _TYPES:
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", f"Must specify a valid 'type' for a CustomField: {kind}", ("Metadata",))
    type_, needed, length = _TYPES[kind]
    label = str(metadata.get("label", ""))
    for key in ("label", *needed):
        if metadata.get(key) in (None, ""):
            raise OrgError("FIELD_INTEGRITY_EXCEPTION", f"Must specify '{key}' for a CustomField of type {kind}", ("Metadata",))
    length = int(metadata.get("length", length))
    if len(label) > _LONGEST_LABEL or (kind == "Text" and length > _LONGEST_TEXT):
        raise OrgError("STRING_TOO_LONG", "Field Label or length: data value too large", ("Metadata",))
    if metadata.get("unique") and kind not in ("Text", "Number", "Email"):
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", f"Can not specify 'unique' for a CustomField of type {kind}", ("Metadata",))
    is_key = bool(metadata.get("externalId"))
    return Field(
        name=name,
        type=type_,
        length=length,
        precision=int(metadata.get("precision", 0)),
        scale=int(metadata.get("scale", 0)),
        createable=True,
        updateable=True,
        nillable=type_ != "boolean",
        external_id=is_key,
        id_lookup=is_key,
        unique=bool(metadata.get("unique")),
        case_sensitive=bool(metadata.get("caseSensitive")),
        restricted=bool((metadata.get("valueSet") or {}).get("restricted")),
        values=_values(metadata),
        default=None,
    )


def _values(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    listed = ((metadata.get("valueSet") or {}).get("valueSetDefinition") or {}).get("value") or ()
    return tuple(str(value.get("fullName") or value.get("valueName")) for value in listed)


def metadata_of(field: Field) -> Row:
    """What the Tooling API says of a field."""
    kinds = [kind for kind, (type_, _, _) in _TYPES.items() if type_ == field.type]
    kind = "LongTextArea" if field.type == "textarea" and field.length > _LONGEST_TEXT else (kinds or ["Text"])[0]
    said: Row = {"label": field.label, "type": kind, "externalId": field.external_id, "unique": field.unique or None}
    if field.values:
        values = [{"valueName": value, "label": value, "default": value == field.default} for value in field.values]
        said["valueSet"] = {"restricted": field.restricted, "valueSetDefinition": {"sorted": False, "value": values}}
    sizes = {"length": field.length, "precision": field.precision, "scale": field.scale}
    return said | {key: size for key, size in sizes.items() if size}


def found(org: Org) -> None:
    """List the custom fields that the org has from the start."""
    for name, sobject in org.objects.items():
        if name != "Event":  # Task's are listed as Activity's
            for field in sobject.fields.values():
                if field.custom:
                    _list(org, ACTIVITY if name == "Task" else name, field)


def create(org: Org, full_name: str, metadata: Mapping[str, Any]) -> str:
    """Make a field, which nobody sees until a permission set grants it; gives its id. Raises OrgError."""
    object_, _, name = full_name.partition(".")
    if object_ in _SEEN_ON[ACTIVITY] or (object_ != ACTIVITY and object_ not in org.objects):
        message = f"Entity Enumeration Or ID: bad value for restricted picklist field: {object_}"
        raise OrgError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ("TableEnumOrId",))
    if not _NAME.fullmatch(name):
        message = "Field Name: The Field Name field can only contain underscores and alphanumeric characters."
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", message, ("DeveloperName",))
    field, places = read_metadata(name, metadata), _SEEN_ON.get(object_, (object_,))
    if any(org.objects[place].find(name) is not None for place in places):
        message = f"There is already a field named {name.removesuffix('__c')} on {object_}."
        raise OrgError("DUPLICATE_DEVELOPER_NAME", message, ("DeveloperName",))
    for place in places:
        org.add_field(place, field)
        org.created_fields.add((place, name))
    return _list(org, object_, field)


def widen(org: Org, id: str, metadata: Mapping[str, Any]) -> None:
    """Change a picklist's values by its whole new metadata. Raises OrgError for a field that is not there."""
    row = org.live(org.objects["CustomField"], id)
    name = f"{row['DeveloperName']}__c"
    field = read_metadata(name, metadata)
    for place in _SEEN_ON.get(row["TableEnumOrId"], (row["TableEnumOrId"],)):
        before = org.objects[place].fields[name]
        org.add_field(place, replace(before, values=field.values, restricted=field.restricted))
    change(org, org.objects["CustomField"], {**row, "Metadata": dict(metadata)}, org.person(None))


def _list(org: Org, object_: str, field: Field) -> str:
    sobject = org.objects["CustomField"]
    names = {"DeveloperName": field.name.removesuffix("__c"), "TableEnumOrId": object_, "FullName": f"{object_}.{field.name}"}
    row: Row = {"Id": org.next_id(sobject), **names, "Metadata": metadata_of(field)}
    store(org, sobject, row, org.person(None))
    return str(row["Id"])
