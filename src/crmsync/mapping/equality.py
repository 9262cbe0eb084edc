"""When two vendor values are one value. Without this, every echo of our own write would look like a human edit.

HubSpot gives "5" for what we sent as 5.0 and "" for what we cleared; Salesforce gives `+0000` for `Z` and trims text areas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from crmsync.mapping import times
from crmsync.mapping.codecs import salesforce_id
from crmsync.mapping.conditions import is_blank, word


def same(field_type: str, left: Any, right: Any) -> bool:
    """Whether both are the same value of a field of this vendor type ("double", "datetime", "enumeration", …)."""
    return bool(canonical(field_type, left) == canonical(field_type, right))


def canonical(field_type: str, value: Any) -> Any:
    """The one form of a value that equality compares. A value that its type cannot read is compared as the text it is."""
    if is_blank(value):
        return None
    return _FORMS.get(field_type.lower(), _text)(value)


def _text(value: Any) -> Any:
    """Line ends and trailing blanks are the CRM's business; what stands in between is not."""
    text = word(value).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip() or None


def _number(value: Any) -> Any:
    try:
        number = float(str(value).strip().replace(",", "")) if not isinstance(value, bool) else math.nan
    except ValueError:
        return _text(value)
    # Six decimals: more than any CRM keeps, fewer than a float's noise.
    return round(number, 6) + 0.0 if math.isfinite(number) else _text(value)


def _boolean(value: Any) -> Any:
    return {"true": True, "false": False, "1": True, "0": False}.get(word(value).lower(), _text(value))


def _instant(value: Any) -> Any:
    """To the second: Salesforce keeps no fraction."""
    moment = times.instant(value)
    return moment.replace(microsecond=0).isoformat() if moment else _text(value)


def _date(value: Any) -> Any:
    day = times.day(value)
    return day.isoformat() if day else _text(value)


def _several(value: Any) -> Any:
    """A multi-select: a set of options, in whatever order the CRM lists them."""
    return tuple(sorted({part.strip() for part in word(value).split(";") if part.strip()})) or None


def _id(value: Any) -> Any:
    return salesforce_id(word(value))


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("double", "int", "integer", "long", "currency", "percent", "number", "decimal"), _number),
    **dict.fromkeys(("boolean", "bool"), _boolean),
    "datetime": _instant,
    "date": _date,
    **dict.fromkeys(("multipicklist", "enumeration"), _several),
    **dict.fromkeys(("reference", "id"), _id),
}
