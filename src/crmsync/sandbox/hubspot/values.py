"""Checks one property value against its definition and gives the text that the portal keeps."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from crmsync.sandbox.hubspot.definitions import Definition
from crmsync.sandbox.hubspot.errors import BadValue
from crmsync.sandbox.hubspot.times import day, instant, iso

_MAX_TEXT = 65_536
_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}")


class Refused(Exception):
    """The value is not one that the property takes."""

    def __init__(self, bad: BadValue) -> None:
        super().__init__(bad.code)
        self.bad = bad


def canonical(definition: Definition, raw: Any, former: str, *, system: bool = False) -> str:
    """The text kept for `raw`; "" clears. `former` is the present text (an enumeration can append to it).

    `system` writes also what callers may not. Raises Refused.
    """
    if not system and not definition.writable:
        raise _refusal(definition, "READ_ONLY_VALUE", f'"{definition.name}" is a read only property; its value cannot be set.')
    text = _text(definition, raw)
    return _BY_TYPE[definition.type](definition, text, former) if text else ""


def _refusal(definition: Definition, code: str, message: str) -> Refused:
    return Refused(BadValue(definition.name, code, message))


def _text(definition: Definition, raw: Any) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (str, int, float)):
        return str(raw)
    raise _refusal(definition, "INVALID_STRING", f"Property {definition.name} takes a string value.")


def _string(definition: Definition, text: str, former: str) -> str:
    del former
    if len(text) > _MAX_TEXT:
        raise _refusal(definition, "INVALID_STRING", f"{definition.name} is longer than {_MAX_TEXT} characters.")
    if definition.name != "email":
        return text
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise _refusal(definition, "INVALID_EMAIL", f"Email address {text} is invalid")
    return address


def _number(definition: Definition, text: str, former: str) -> str:
    del former
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise _refusal(definition, "INVALID_LONG", f"{text} was not a valid number.") from None
    if not number.is_finite():
        raise _refusal(definition, "INVALID_DECIMAL", f"{text} was not a valid number.")
    return text.strip()


def _bool(definition: Definition, text: str, former: str) -> str:
    del former
    if text.lower() not in ("true", "false"):
        raise _refusal(definition, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
    return text.lower()


def _date(definition: Definition, text: str, former: str) -> str:
    del former
    found = day(text)
    if found is None:
        raise _refusal(definition, "INVALID_DATE", f"{text} is not a date at midnight UTC.")
    return found.isoformat()


def _datetime(definition: Definition, text: str, former: str) -> str:
    del former
    found = instant(text)
    if found is None:
        raise _refusal(definition, "INVALID_DATE", f"{text} was not a valid date.")
    return iso(found)


def _enumeration(definition: Definition, text: str, former: str) -> str:
    if definition.external_options:
        return text
    many = definition.field_type == "checkbox"
    chosen = [part for part in text.split(";") if part] if many else [text]
    if many and text.startswith(";"):
        chosen = [part for part in former.split(";") if part] + chosen
    for value in chosen:
        if value not in definition.values:
            allowed = ", ".join(f'label: "{option.label}" value: "{option.value}"' for option in definition.options)
            raise _refusal(definition, "INVALID_OPTION", f"{value} was not one of the allowed options: [{allowed}]")
    return ";".join(dict.fromkeys(chosen))


_BY_TYPE = {
    "string": _string,
    "phone_number": _string,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _enumeration,
}
