"""How somebody who was forgotten is known again without being kept, and taken out of texts.

A tombstone is a keyed digest of a record's ref or of an address: one way, and worth nothing without the key. Names and numbers are
none: many people have the same.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from crmsync.identity.keys import email_key

ERASED = "—"
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'|]+[@\uff20][^\s<>()\[\],;:\"'|]+")


def tombstone(key: str, kind: Literal["record", "email"], text: str) -> str:
    """The digest by which something forgotten is known again. `key` is in hexadecimal digits."""
    return hashlib.blake2b(f"{kind}:{text}".encode(), key=bytes.fromhex(key), digest_size=16).hexdigest()


def addresses_in(value: Any) -> Iterator[str]:
    """The keys of every e-mail address in a JSON value."""
    if isinstance(value, str):
        for found in _ADDRESS.findall(value) if "@" in value or "\uff20" in value else ():
            key = _key_of(found)
            if key is not None:
                yield key
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from addresses_in(inner)


def without_mentions(value: Any, is_theirs: Callable[[str], bool], texts: Iterable[str] = ()) -> Any:
    """A JSON value with every address (as a key) for which `is_theirs` says yes, and every one of the texts, blotted out."""
    if isinstance(value, str):
        clean = _ADDRESS.sub(lambda found: ERASED if is_theirs(_key_of(found.group()) or "") else found.group(), value)
        for text in texts:
            clean = clean.replace(text, ERASED)
        return clean
    if isinstance(value, Mapping):
        return {name: without_mentions(inner, is_theirs, texts) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_mentions(inner, is_theirs, texts) for inner in value]
    return value


def names_in_use(family: str | None, given: str | None) -> list[str]:
    """The ways in which a text names somebody so that nobody else is meant: the full name either way round, and the family name
    with what Japanese puts after it. The longest first."""
    family, given = (family or "").strip(), (given or "").strip()
    full = (
        [f"{a}{between}{b}" for a, b in ((family, given), (given, family)) for between in ("", " ", "\u3000")]
        if family and given
        else []
    )
    polite = [f"{family}{after}" for after in ("様", "さん", "氏", "殿")] if family else []
    return sorted({*full, *polite}, key=lambda text: (-len(text), text))


def _key_of(address: str) -> str | None:
    return email_key(unicodedata.normalize("NFKC", address).strip("."))
