"""Record ids: 15 case-sensitive characters, or 18 with the suffix that survives systems which lose the case."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""In ASCII order, so that ids of one object sort as they were given out."""

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_POD = "5g0"


def new_id(prefix: str, number: int) -> str:
    """The `number`-th id of the object with this three-character key prefix, in its long form."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return long_id(f"{prefix}{_POD}{digits.rjust(9, '0')}")


def long_id(short: str) -> str:
    """Append to 15 characters the three that say which of them are capitals: one bit each, five to a character."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")
        suffix += _SUFFIX[bits]
    return short + suffix


def normal_id(text: str) -> str | None:
    """The long form of a well-formed id; None when it has another shape or a suffix that does not fit."""
    if not _SHAPE.fullmatch(text):
        return None
    whole = long_id(text[:15])
    return whole if len(text) == 15 or text.upper() == whole.upper() else None
