"""Tombstones as the store reads them: the key, and every digest of something that is not to be stored again."""

from __future__ import annotations

from sqlalchemy import Connection, select

from crmsync.store import tables
from crmsync.store.sql import table_of

KEY = "tombstone_key"
_META = table_of(tables.Meta)
_TOMBSTONES = table_of(tables.Tombstone)


def key_in(db: Connection) -> str:
    """The key of the tombstones; empty before there is one."""
    return str(db.execute(select(_META.c.value).where(_META.c.name == KEY)).scalar_one_or_none() or "")


def tombstones_in(db: Connection) -> tuple[str, frozenset[str]]:
    """The key and every tombstone; ("", nothing) where nobody was forgotten."""
    digests = frozenset(db.execute(select(_TOMBSTONES.c.digest)).scalars())
    return (key_in(db), digests) if digests else ("", digests)
