"""Whether a change can be written at all: held against the portal's live definitions before it is sent.

HubSpot would refuse the row, or the whole batch with it; and a stage that is none must be found before the old one is emptied.
Each refusal has a code, its properties, and what the portal would take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmsync.model.changes import Change
from crmsync.model.records import FieldInfo, ObjectSchema
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.faults import Fault
from crmsync_hubspot.objects import ASSOCIATION_TYPES, OBJECTS
from crmsync_hubspot.values import instant, wire_text

_TIMES = frozenset({"date", "datetime"})


class Checker:
    """The checks of one push. The definitions are read again once, before a value or a field is called wrong: an admin may have
    added it since."""

    def __init__(self, catalogue: Catalogue, object: str) -> None:
        self._catalogue = catalogue
        self._object = object
        self._is_writable = object in OBJECTS and OBJECTS[object].writable
        self._is_fresh = False

    def texts(self, change: Change) -> dict[str, str] | Fault:
        """The values that a change wants, as HubSpot takes them; or why it cannot be sent as it is."""
        fault = self._of_object(change)
        if fault is not None:
            return fault
        found = _texts(change, self._catalogue.schema(self._object))
        if found.__class__ is dict or self._is_fresh:
            return found
        self._is_fresh = True
        return _texts(change, self._catalogue.refresh(self._object))

    def _of_object(self, change: Change) -> Fault | None:
        if not self._is_writable:
            return Fault(0, "OBJECT_NOT_WRITABLE", self._object)
        if change.operation == "update" and not change.record_id:
            return Fault(0, "RECORD_ID_MISSING", self._object)
        strange = [one.object for one in change.associations if (self._object, one.object) not in ASSOCIATION_TYPES]
        return Fault(0, "ASSOCIATION_UNKNOWN", f"{self._object}/{strange[0]}") if strange else None


def _texts(change: Change, schema: ObjectSchema) -> dict[str, str] | Fault:
    if not schema.readable:
        return Fault(403, "OBJECT_NOT_READABLE", schema.why_not)
    fields, texts, fault = schema.fields, dict[str, str](), None
    for diff in change.fields:
        known = fields.get(diff.field)
        if known is None or not known.writable:
            return _of_fields(change, fields)
        text = checked(diff.desired, known)
        if isinstance(text, Fault):
            fault = fault or text
        else:
            texts[diff.field] = text
    return fault or texts


def _of_fields(change: Change, fields: Mapping[str, FieldInfo]) -> Fault:
    """Properties that are not there, else those that cannot be written."""
    names = {diff.field for diff in change.fields}
    unknown = tuple(sorted(names - fields.keys()))
    if unknown:
        return Fault(0, "PROPERTY_DOESNT_EXIST", ", ".join(unknown), properties=unknown)
    fixed = tuple(sorted(name for name in names if not fields[name].writable))
    return Fault(0, "READ_ONLY_VALUE", ", ".join(fixed), properties=fixed)


def checked(value: Any, field: FieldInfo) -> str | Fault:
    """A value as HubSpot takes it, or why the property would not. The fault's text names no value but options: others may be
    personal."""
    kind = field.type
    try:
        text = wire_text(value, kind)
    except ValueError:
        return Fault(0, "INVALID_NUMBER", field.name, properties=(field.name,))
    if not text:
        return text
    if kind == "number" and not _is_number(text):
        return Fault(0, "INVALID_NUMBER", field.name, properties=(field.name,))
    if kind in _TIMES and instant(text) is None:
        return Fault(0, "INVALID_DATE", field.name, properties=(field.name,))
    if field.max_length is not None and len(text) > field.max_length:
        return Fault(0, "VALUE_TOO_LONG", f"{field.name}: {len(text)} > {field.max_length}", properties=(field.name,))
    return text if field.options is None else _option_fault(text, field.name, field.options) or text


def _option_fault(text: str, name: str, options: Sequence[str]) -> Fault | None:
    """Options are compared as they are: capitals count. Several are joined by `;`, a leading one appends to those there are."""
    if text in options:
        return None
    strange = [part for part in text.split(";") if part and part not in options]
    if not strange:
        return None
    allowed = ", ".join(options)
    return Fault(0, "INVALID_OPTION", f"{name}: {strange[0]} is none of {allowed}", properties=(name,))


def _is_number(text: str) -> bool:
    try:
        return float(text) - float(text) == 0  # not for NaN and the infinities
    except ValueError:
        return False
