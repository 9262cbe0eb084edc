"""Record ids: 15 characters tell upper from lower case, 18 carry that in a checksum. We keep 18."""

from __future__ import annotations

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def to_18(id: str) -> str:
    """The 18-character form. Anything but a 15-character id is given back unchanged."""
    if len(id) != 15 or not (id.isascii() and id.isalnum()):
        return id
    return id + "".join(_checksum(id[start : start + 5]) for start in (0, 5, 10))


def _checksum(part: str) -> str:
    return _ALPHABET[sum(1 << place for place, letter in enumerate(part) if letter.isupper())]
