"""What a field takes: each value is brought into the form the org stores, or refused in the vendor's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.ids import normal_id
from crmsync.sandbox.salesforce.schema import Field
from crmsync.sandbox.salesforce.times import DATETIME, instant, is_day, stamp

_EMAIL = re.compile(r"[^\s@,;<>()]+@[^\s@,;<>()]+\.[^\s@,;<>().]+")
_LARGEST_INT = 2**31 - 1
_JSON_TYPES = {bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT", str: "VALUE_STRING"}


def accept(field: Field, value: Any) -> Any:
    """The stored form of a value; null for an empty text. Raises OrgError when the field does not take it."""
    if value is None or value == "":
        return None
    reader: Callable[[Field, Any], Any] = _READERS.get(field.type, _text)
    return reader(field, value)


def _unreadable(field: Field, value: Any) -> OrgError:
    token = _JSON_TYPES.get(type(value), "START_OBJECT")
    shown = f" value {value}" if isinstance(value, str | int | float) else ""
    message = (
        f"Cannot deserialize instance of {_WORDS.get(field.type, 'string')} from {token}{shown} "
        "or request may be missing a required field at [line:1, column:1]"
    )
    return OrgError("JSON_PARSER_ERROR", message, (field.name,))


_WORDS = {
    "boolean": "boolean",
    "int": "int",
    "double": "double",
    "currency": "double",
    "percent": "double",
    "date": "date",
    "datetime": "datetime",
}


def _text(field: Field, value: Any) -> str | None:
    if not isinstance(value, str):
        raise _unreadable(field, value)
    text = value if field.type == "textarea" else value.strip()
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text[:255]} (max length={field.length})"
        raise OrgError("STRING_TOO_LONG", message, (field.name,))
    return text or None


def _email(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise OrgError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", (field.name,))
    return text


def _picklist(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is None:
        return None
    listed = next((known for known in field.values if known.lower() == text.lower()), None)
    if listed is None and field.restricted:
        message = f"{field.label}: bad value for restricted picklist field: {text}"
        raise OrgError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (field.name,))
    return listed or text


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _unreadable(field, value)


def _number(field: Field, value: Any) -> float | int:
    if isinstance(value, bool):
        raise _unreadable(field, value)
    try:
        number = float(value)
    except (TypeError, ValueError) as refusal:
        raise _unreadable(field, value) from refusal
    if field.type == "int":
        if number != int(number):
            raise _unreadable(field, value)
        if abs(number) > _LARGEST_INT:
            raise _too_large(field)
        return int(number)
    if abs(number) >= 10 ** (field.precision - field.scale):
        raise _too_large(field)
    return round(number, field.scale)


def _too_large(field: Field) -> OrgError:
    return OrgError("NUMBER_OUTSIDE_VALID_RANGE", f"{field.label}: value outside of valid range", (field.name,))


def _date(field: Field, value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and (is_day(value) or DATETIME.fullmatch(value)) and is_day(value[:10]):
        return value[:10]
    raise _unreadable(field, value)


def _datetime(field: Field, value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return stamp(value)
    if isinstance(value, str) and DATETIME.fullmatch(value):
        try:
            return stamp(instant(value))
        except ValueError as refusal:
            raise _unreadable(field, value) from refusal
    raise _unreadable(field, value)


def _reference(field: Field, value: Any) -> str:
    whole = normal_id(value) if isinstance(value, str) else None
    if whole is None:
        raise OrgError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,))
    return whole


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "boolean": _boolean,
    "int": _number,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "date": _date,
    "datetime": _datetime,
    "reference": _reference,
    "id": _reference,
    "email": _email,
    "picklist": _picklist,
}
