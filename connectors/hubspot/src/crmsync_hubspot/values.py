"""Values on the wire: everything HubSpot takes or gives in `properties` is text.

Outward: None is `""` (null is refused), booleans are words, dates are a day at midnight UTC. Inward: `""` is None, other text
stays as it came. Times are parsed only to be compared, with or without a fraction, or as milliseconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from crmsync.model.changes import Change
from crmsync.model.records import FieldInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wire_text(value: Any, field_type: str = "string") -> str:
    """One value as HubSpot wants it. `field_type` is the property's own type ("date", "datetime", "bool", …); a list becomes
    the `;` list of a multi-select. Raises ValueError for a number that is none (NaN, infinity)."""
    if value is None:
        return ""
    if value.__class__ is str and field_type != "date":
        return str(value)  # nearly all there is, and asked first
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number_text(value)
    if isinstance(value, (datetime, date)):
        return _time_text(value, field_type)
    if isinstance(value, (list, tuple)):
        return ";".join(wire_text(item) for item in value)
    text = str(value)
    if field_type == "date" and "T" in text:
        return text.split("T", 1)[0]
    return text


def texts_of(change: Change, fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """The values that a change wants, as HubSpot takes them."""
    return {diff.field: wire_text(diff.desired, type_of(fields, diff.field)) for diff in change.fields}


def type_of(fields: Mapping[str, FieldInfo], name: str) -> str:
    """The type of a property. One that has vanished since it was checked is text: HubSpot says that it is gone."""
    return fields[name].type if name in fields else "string"


def _number_text(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError("a number that is not finite cannot be written")
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _time_text(value: date, field_type: str) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.date().isoformat() if field_type == "date" else iso(value)


def iso(instant: datetime) -> str:
    """An instant as HubSpot writes it: UTC with milliseconds and Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(instant: datetime) -> int:
    """Milliseconds since 1970, what search filters take."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def instant(value: Any) -> datetime | None:
    """The instant that a text or a number of milliseconds names, in UTC; None where it names none."""
    if value.__class__ is str and "T" in value:
        return _named(value)  # nearly all there is, and asked first
    if isinstance(value, bool) or value in (None, ""):
        return None
    if isinstance(value, (int, float)) or str(value).lstrip("-").isdigit():
        try:
            return EPOCH + timedelta(milliseconds=int(value))
        except OverflowError:
            return None
    return _named(str(value))


@lru_cache(maxsize=16_384)
def _named(text: str) -> datetime | None:
    """What a batch has written shares its stamps."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def same(left: Any, right: Any, field_type: str = "string") -> bool:
    """Whether two values of a property are one to HubSpot: the same text, number or instant (by `field_type`), or both empty."""
    one, other = wire_text(left, field_type), wire_text(right, field_type)
    if one == other:
        return True
    if not one or not other:
        return False
    if field_type == "number":
        return _same_number(one, other)
    if field_type == "enumeration":
        return _choices(one) == _choices(other)
    if field_type in ("date", "datetime"):
        return instant(one) is not None and instant(one) == instant(other)
    return field_type == "bool" and one.lower() == other.lower()


def _choices(text: str) -> frozenset[str]:
    """What is ticked of a multi-select; HubSpot keeps no order of it."""
    return frozenset(part.strip() for part in text.split(";") if part.strip())


def _same_number(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def cleaned(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as a RawRecord holds them: a cleared one comes back as null or as `""`, both are None; all else is text, also
    where an answer has a bare number or truth value."""
    return {
        name: value or None if value is None or isinstance(value, str) else wire_text(value) for name, value in properties.items()
    }
